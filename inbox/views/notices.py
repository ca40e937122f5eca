"""What somebody was told, on the page and behind the link in a mail, and "I have it"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlalchemy import select, update
from sqlmodel import Session

from inbox.alerting import taking
from inbox.alerting.taking import Group
from inbox.alerting.words import page_of
from inbox.clock import utcnow
from inbox.db import after_commit
from inbox.errors import NotFound
from inbox.queue import notices_name
from inbox.store import people
from inbox.store.people import Person
from inbox.telling import Alert
from inbox.templating import N_, translator
from inbox.views.actions import act, answered
from inbox.views.customer import private
from inbox.views.flash import flash
from inbox.views.forms import TooOld, check_page_token, page_token
from inbox.views.inbox import speaker_for
from inbox.views.present_alerts import ICON, alert_kind, alert_text, by_what
from inbox.views.render import Toast, page
from inbox.views.security import form_fields
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from inbox.views.words import speaker
from models import Conversation, Notice
from models.base import columns, core

notices = columns(Notice)
conversations = columns(Conversation)

FRESH = timedelta(seconds=20)  # a toast is for what has just happened
MOST = 100
TAKEN = N_("Noted: you have it. Colleagues see that.")
HAD = N_("This was taken note of already.")
NOT_YOURS = N_("There is no such notice of yours.")


@dataclass(frozen=True, slots=True)
class NoticeItem:
    """A notice as shown."""

    id: int
    icon: str
    level: str
    text: str
    at_text: str
    at_iso: str
    href: str
    name: str  # what its button is for
    unread: bool
    by_text: str
    taken_text: str  # "": it can be taken


def _notices(session: Session, who: Person) -> Sequence[Any]:
    return session.execute(
        select(Notice, conversations.subject)
        .outerjoin(core(Conversation), conversations.id == notices.conversation_id)
        .where(notices.agent_id == who.id)
        .order_by(notices.id.desc())
        .limit(MOST)
    ).all()


def _newest_notice(session: Session, who: Person) -> Any:
    """Return the newest notice that this person has not seen, if it is fresh."""
    return session.execute(
        select(
            *(notices[name] for name in ("kind", "step", "data", "conversation_id")),
            conversations.subject,
        )
        .outerjoin(core(Conversation), conversations.id == notices.conversation_id)
        .where(
            notices.agent_id == who.id,
            notices.read_at.is_(None),
            notices.created_at > utcnow() - FRESH,
        )
        .order_by(notices.id.desc())
        .limit(1)
    ).one_or_none()


def _read_notices(session: Session, who: Person) -> None:
    done = session.execute(
        update(Notice)
        .where(notices.agent_id == who.id, notices.read_at.is_(None))
        .values(read_at=utcnow())
    )
    if done.rowcount:  # type: ignore[attr-defined]
        after_commit(session, notices_name(who.id))


@get("/notices", opt={"access": "agent"})
async def show_notices(request: HttpRequest) -> Response[Any]:
    """Show what this person was told; looking at the page marks it as read."""
    who = person(request)
    if request.query_params.get("part") == "count":
        newest = await read(request, _newest_notice, who)
        who_is = await read(request, people.list_colleagues) if newest else {}
        toast = _toast(newest, await speaker_for(request), who_is)
        return await page(request, "notices/_count.html", toast=toast)
    found = await read(request, _notices, who)
    who_is = await read(request, people.list_colleagues)
    speak = await speaker_for(request)
    items = [_item(notice, subject, speak, who_is) for notice, subject in found]
    response = await page(request, "notices/list.html", active="notices", items=items)
    if any(item.unread for item in items):
        await write(request, _read_notices, who)
    return response


def _item(notice: Notice, subject: str, speak: Any, who_is: Mapping[int, Any]) -> NoticeItem:
    kind = alert_kind(notice.kind, notice.step)
    text = alert_text(notice.kind, notice.step, notice.data, speak, who_is)
    taken = notice.taken_at
    return NoticeItem(
        id=notice.id,
        icon=ICON.get(Alert(kind), "hourglass"),
        level="late" if kind == Alert.LATE else "soon",
        text=_about(notice.conversation_id, subject, text),
        at_text=speak.clock(notice.created_at),
        at_iso=notice.created_at.isoformat(),
        href=page_of(notice.conversation_id, notice.data),
        name=str(notice.conversation_id or text),
        unread=notice.read_at is None,
        by_text=by_what(notice, speak),
        taken_text="" if taken is None else speak.clock(taken),
    )


def _about(number: int | None, subject: str | None, text: str) -> str:
    return text if number is None else f"#{number} {subject}: {text}"


def _toast(newest: Any, speak: Any, who_is: Mapping[int, Any]) -> Toast | None:
    if newest is None:
        return None
    text = alert_text(newest.kind, newest.step, newest.data, speak, who_is)
    return Toast(
        _about(newest.conversation_id, newest.subject, text),
        "late",
        href=page_of(newest.conversation_id, newest.data),
        link_text=speak.say("Open"),
    )


@post("/notices/{notice_id:int}/taking", opt={"access": "agent", "fields": ()})
async def take_notice(request: HttpRequest, notice_id: FromPath[int]) -> Response[Any]:
    """Take note of one notice."""
    who = person(request)
    if await read(request, _owner_of, notice_id) != who.id:
        raise NotFound(NOT_YOURS)
    count = await write(request, taking.take, who.id, [notice_id], utcnow())
    back = Redirect("/notices", status_code=303)
    return flash(request, back, TAKEN if count else HAD)


def _owner_of(session: Session, notice_id: int) -> int | None:
    return session.execute(
        select(notices.agent_id).where(notices.id == notice_id)
    ).scalar_one_or_none()


def _take_all(session: Session, conversation: Conversation, *, by: Person, now: Any) -> None:
    taking.take_of_conversation(session, by.id, conversation.id, now)


@post("/inbox/{number:int}/taking", opt={"access": "agent", "fields": ("next",)})
async def take_conversation(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Take note of all that one was told about a conversation."""
    await act(request, number, _take_all)
    return await answered(request, number, TAKEN)


@dataclass(frozen=True, slots=True)
class Shown:
    """An alert behind the link of a mail."""

    id: int
    number: int | None
    subject: str | None
    text: str
    due_text: str
    href: str
    is_taken: bool


async def _group(request: HttpRequest, token: str) -> Group:
    return taking.read_token(site(request).secret, token, utcnow())


@get("/notices/open/{token:str}", opt={"access": "link"})
async def show_told(request: HttpRequest, token: FromPath[str]) -> Response[Any]:
    """Show what a mail told, with its button; looking changes nothing."""
    return await _told_page(request, token, "", 200)


async def _told_page(request: HttpRequest, token: str, error: str, code: int) -> Response[Any]:
    group = await _group(request, token)
    language, told = await read(request, taking.list_group, group)
    company = await site(request).company()
    if company is None:
        raise NotFound("There is nothing here.")
    asked = request.query_params.get("lang", "")
    spoken = asked if asked in ("vi", "en") else language
    speak = speaker(spoken, company.time_zone, utcnow())
    items = [
        Shown(
            one.id,
            one.number,
            one.subject,
            alert_text(one.kind, one.step, one.data, speak, {}),
            speak.clock(one.due_at),
            page_of(one.number, one.data),
            one.is_taken,
        )
        for one in told
    ]
    response = await page(
        request,
        "notices/open.html",
        code=code,
        spoken=spoken,
        error=translator(spoken).gettext(error) if error else "",
        company=company.name,
        items=items,
        token=token,
        form_token=page_token(request, f"alert:{token}"),
        has_taken=request.query_params.get("taken") == "1",
    )
    return private(response)


@post("/notices/open/{token:str}", opt={"access": "link"})
async def take_told(request: HttpRequest, token: FromPath[str]) -> Response[Any]:
    """Take note of one of the alerts of a mail, or of all."""
    fields = await form_fields(request)
    try:
        check_page_token(request, f"alert:{token}", fields.get("token", ""))
    except TooOld as error:
        return await _told_page(request, token, error.message, error.status)
    group = await _group(request, token)
    _, told = await read(request, taking.list_group, group)
    chosen = number_of(fields.get("notice", ""))
    ids = [one.id for one in told if chosen in (None, one.id)]
    if not ids:
        raise NotFound(NOT_YOURS)
    await write(request, taking.take, group.agent_id, ids, utcnow())
    return private(Redirect(f"/notices/open/{token}?taken=1", status_code=303))
