"""A posted form as one of our structs: nothing else gets in, and nothing comes twice."""

from typing import Annotated, Any, TypeVar, get_origin

import msgspec
from msgspec import Struct

from inbox.errors import Invalid
from inbox.views.security import read_form
from inbox.views.site import MOST_INT, HttpRequest

S = TypeVar("S", bound=Struct)
Number = Annotated[int, msgspec.Meta(ge=0, le=MOST_INT)]
"""Of a row: no more than a database holds."""


def fields_of(kind: type[Struct]) -> tuple[str, ...]:
    """Return a form's fields, for ``opt["fields"]`` of the route that reads it."""
    return kind.__struct_fields__


async def read_as(request: HttpRequest, kind: type[S]) -> S:
    """Read a posted form as ``kind``; a field that is a tuple may come several times.

    Raises
    ------
    Invalid
        If it has a field that ``kind`` has not, one twice, or one of another type.
    """
    many = {one.name for one in msgspec.structs.fields(kind) if get_origin(one.type) is tuple}
    found: dict[str, Any] = {}
    for name, value in await read_form(request):
        if name == "_csrf_token":
            continue
        if not isinstance(value, str) or (name in found and name not in many):
            raise Invalid("This form has fields that we do not know. Load the page again.")
        if name in many:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    unknown = found.keys() - set(kind.__struct_fields__)
    if unknown:
        raise Invalid("This form has fields that we do not know. Load the page again.")
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(
            "This form has fields that we do not know. Load the page again."
        ) from error
