"""Settings: the company's tags, and its own fields on conversations."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Conflict, Invalid
from inbox.marking import ownfields, tags
from inbox.marking.ownfields import Draft
from inbox.store import ownfields as field_rows
from inbox.store import tags as tag_rows
from inbox.templating import N_
from inbox.views.render import page, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, person, read, write
from models import FieldKind

MARKS = "/settings/marks"
TAGS, FIELDS = MARKS + "/tags", MARKS + "/fields"
ACCESS = "supervisor"
TYPED = ("name", "kind", "choices")
KINDS = {
    FieldKind.TEXT: N_("Text"),
    FieldKind.NUMBER: N_("Number"),
    FieldKind.DATE: N_("Date"),
    FieldKind.CHOICE: N_("Choice"),
}


def _load(session: Session) -> dict[str, Any]:
    found = tag_rows.list_tags(session)
    return {
        "tags": [(key, name, tag_rows.count_uses(session, key)) for key, name in found],
        "fields": field_rows.list_fields(session),
    }


@get(MARKS, opt={"access": ACCESS})
async def show_marks(request: HttpRequest) -> AnyResponse:
    """List tags and own fields, each to be changed in place."""
    return await _page(request, "", {}, 200)


async def _page(
    request: HttpRequest, which: str, errors: dict[str, str], code: int, **typed: str
) -> AnyResponse:
    """Show the page; ``which`` form has the errors, and what was ``typed`` in it."""
    say = words(request)
    return await page(
        request,
        "settings/marks.html",
        code=code,
        active="settings",
        kinds=[(kind.value, say(text)) for kind, text in KINDS.items()],
        which=which,
        typed={**dict.fromkeys(TYPED, ""), **typed},
        errors=errors,
        **await read(request, _load),
    )


async def _try(
    request: HttpRequest, which: str, work: Any, *args: Any, **typed: str
) -> AnyResponse:
    try:
        await write(request, work, *args, by=person(request), now=utcnow())
    except (Invalid, Conflict) as error:
        wrong = spoken_errors(request, error)
        return await _page(request, which, wrong, error.status, **typed)
    return done(request, MARKS, N_("Saved."))


@post(TAGS, opt={"access": ACCESS, "fields": ("name",)})
async def add_tag(request: HttpRequest) -> AnyResponse:
    """Add a tag to the list."""
    typed = await texts_of(request, ("name",))
    return await _try(request, "tag", tags.create, typed["name"], **typed)


@post(TAGS + "/{tag_id:int}", opt={"access": ACCESS, "fields": ("name",)})
async def rename_tag(request: HttpRequest, tag_id: FromPath[int]) -> AnyResponse:
    """Give a tag another name."""
    name = (await texts_of(request, ("name",)))["name"]
    return await _try(request, f"tag-{tag_id}", tags.rename, tag_id, name)


@post(TAGS + "/{tag_id:int}/removal", opt={"access": ACCESS, "fields": ()})
async def remove_tag(request: HttpRequest, tag_id: FromPath[int]) -> AnyResponse:
    """Take a tag off everything."""
    await write(request, tags.remove, tag_id, by=person(request), now=utcnow())
    return done(request, MARKS, N_("The tag is gone."))


@post(FIELDS, opt={"access": ACCESS, "fields": TYPED})
async def add_field(request: HttpRequest) -> AnyResponse:
    """Add an own field."""
    typed = await texts_of(request, TYPED)
    return await _try(request, "field", ownfields.add, Draft(**typed), **typed)


@post(FIELDS + "/{field_id:int}", opt={"access": ACCESS, "fields": TYPED})
async def change_field(request: HttpRequest, field_id: FromPath[int]) -> AnyResponse:
    """Change a field's name and choices."""
    draft = Draft(**await texts_of(request, TYPED))
    return await _try(request, f"field-{field_id}", ownfields.change, field_id, draft)


@post(FIELDS + "/{field_id:int}/removal", opt={"access": ACCESS, "fields": ()})
async def remove_field(request: HttpRequest, field_id: FromPath[int]) -> AnyResponse:
    """Take a field out; what conversations have in it is kept."""
    await write(request, ownfields.remove, field_id, by=person(request), now=utcnow())
    return done(request, MARKS, N_("The field is taken out."))


HANDLERS = (
    *(show_marks, add_tag, rename_tag, remove_tag),
    *(add_field, change_field, remove_field),
)
