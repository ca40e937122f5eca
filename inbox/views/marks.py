"""What people add to a conversation: tags, own fields, and whether they follow it."""

from typing import Any

from litestar import Response, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.errors import Invalid
from inbox.marking import following, ownfields, tags
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views import actions, settings_marks
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest, number_of
from models import Conversation

TAGS = "/inbox/{number:int}/tags"
FOLLOWING = "/inbox/{number:int}/following"


def _tag(
    session: Session, conversation: Conversation, *, by: Person, now: Any, name: str
) -> None:
    tag_id = tags.named(session, name, by=by, now=now)
    tags.put_on(session, conversation, tag_id, by=by, now=now)


def _untag(
    session: Session, conversation: Conversation, *, by: Person, now: Any, tag_id: int
) -> None:
    tags.take_off(session, conversation, tag_id, by=by, now=now)


@post(TAGS, opt={"access": "agent", "fields": ("name", "next")})
async def add_tag(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Put a tag on it, by its name; a supervisor's new one joins the company's list."""
    name = (await form_fields(request)).get("name", "")
    await actions.act(request, number, _tag, name=name)
    return await actions.answered(request, number, N_("Tagged."))


@post(TAGS + "/removal", opt={"access": "agent", "fields": ("tag", "next")})
async def remove_tag(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Take a tag off."""
    tag_id = number_of((await form_fields(request)).get("tag", "")) or 0
    await actions.act(request, number, _untag, tag_id=tag_id)
    return await actions.answered(request, number, N_("The tag is off."))


@post(FOLLOWING, opt={"access": "agent", "fields": ("next",)})
async def follow(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Be told of the customer's next message, and when it is done."""
    await actions.act(request, number, following.follow)
    sentence = N_("You are told when the customer writes and when it is done.")
    return await actions.answered(request, number, sentence)


@post(FOLLOWING + "/undo", opt={"access": "agent", "fields": ("next",)})
async def unfollow(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Be told no more."""
    await actions.act(request, number, following.unfollow)
    return await actions.answered(request, number, N_("You follow it no more."))


@post(
    "/inbox/{number:int}/fields", opt={"access": "agent", "fields": ("field", "value", "next")}
)
async def fill_field(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Give it a value in an own field; an empty one takes it away."""
    fields = await form_fields(request)
    field_id = number_of(fields.get("field", ""))
    if field_id is None:
        raise Invalid(ownfields.NO_SUCH)
    await actions.act(
        request, number, ownfields.fill, field_id=field_id, text=fields.get("value", "")
    )
    return await actions.answered(request, number, N_("Saved."))


HANDLERS = (add_tag, remove_tag, follow, unfollow, fill_field, *settings_marks.HANDLERS)
