"""What the settings pages share: reading their forms, and saying how an action ended."""

from collections.abc import Mapping
from typing import Any

from litestar import Response
from litestar.response import Redirect

from inbox.errors import InboxError, Invalid
from inbox.views.flash import flash
from inbox.views.render import words
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest


async def texts_of(request: HttpRequest, names: tuple[str, ...]) -> dict[str, str]:
    """Return a form's fields, each one at least as ""; the guard refuses others."""
    texts = await form_fields(request)
    return {name: texts.get(name, "") for name in names}


def done(request: HttpRequest, address: str, sentence: str, **values: str | int) -> Redirect:
    """Lead to a page that says how it ended, once."""
    return flash(request, Redirect(address, status_code=303), sentence, **values)


def spoken_errors(request: HttpRequest, error: InboxError) -> dict[str, str]:
    """Return what is wrong, by field, in the page's language; "" is the whole form."""
    say = words(request)
    fields: Mapping[str, str] = error.fields if isinstance(error, Invalid) else {}
    return {name: say(text) for name, text in (fields or {"": error.message}).items()}


AnyResponse = Response[Any]
