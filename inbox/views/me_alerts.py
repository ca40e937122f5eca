"""Where one's own alerts go, which, and when; the chat and the browsers that get them."""

from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from sqlmodel import Session

from inbox.alerting import choices as service
from inbox.alerting.bot import Bot, find_bot
from inbox.alerting.browsers import Entered, list_own
from inbox.alerting.choices import KINDS, Choices
from inbox.alerting.listening import CODE_WORKS_FOR, PURPOSE
from inbox.auth import hash_token, random_token
from inbox.channels.webpush import Signer
from inbox.clock import utcnow
from inbox.errors import Conflict
from inbox.store import links
from inbox.telling import Alert
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.render import page, words
from inbox.views.settings_form import done, texts_of
from inbox.views.site import HttpRequest, person, read, site, write
from inbox.views.words import Speaker

KIND_NAMES = {
    Alert.WARNING: N_("A deadline comes near"),
    Alert.LATE: N_("A deadline has passed"),
    Alert.HANDED_OVER: N_("Something is yours now"),
    Alert.ASKED: N_("Questions between teams"),
    Alert.FORECAST: N_("Something may become late"),
    Alert.STAGE: N_("Something stands still for too long"),
    Alert.SHIFT: N_("Shifts and taking over"),
    Alert.REMINDER: N_("Reminders of my own"),
    Alert.MILESTONE: N_("Milestones that come near or have passed"),
    Alert.MENTION: N_("A colleague mentions me in a note"),
}
FIELDS = (
    *("mail", "telegram", "push", "any_time", "day_mail"),
    *(f"kind_{kind}" for kind in sorted(KINDS)),
)
ADDRESS = "/me/alerts"
STATES = {
    "sent": N_("last alert sent %(time)s"),
    "failed": N_("the last alert could not be sent"),
    "unconfirmed": N_("the last alert may have arrived"),
}
WAITS = N_("an alert waits to be sent")


@dataclass(frozen=True, slots=True)
class Line:
    """A browser that shows one's alerts."""

    id: int
    mark: str
    name: str
    since: str
    state: str


def _load(session: Session, agent_id: int) -> tuple[Choices, Bot | None, list[Entered]]:
    return (
        service.load_choices(session, agent_id),
        find_bot(session),
        list_own(session, agent_id),
    )


def _line(one: Entered, speak: Speaker) -> Line:
    at = speak.clock(one.sent_at or one.created_at)
    state = speak.say(STATES.get(one.state, WAITS)) % {"time": at} if one.state else ""
    name = one.name or one.service
    return Line(one.id, one.mark, name, speak.clock(one.created_at), state)


async def _page(request: HttpRequest, code: str = "", status: int = 200) -> Response[Any]:
    chosen, bot, entered = await read(request, _load, person(request).id)
    say, speak = words(request), await speaker_for(request)
    where = site(request)
    return await page(
        request,
        "alerts.html",
        code=status,
        active="me",
        chosen=chosen,
        kinds=[
            (kind.value, say(name), kind.value not in chosen.off)
            for kind, name in KIND_NAMES.items()
        ],
        bot=bot.username if bot is not None else "",
        link_code=code,
        link=f"https://t.me/{bot.username}?start={code}" if bot is not None else "",
        minutes=CODE_WORKS_FOR.seconds // 60,
        browsers=[_line(one, speak) for one in entered],
        push_key=Signer(where.secret, "").public,
    )


@get("/me/alerts", opt={"access": "agent"})
async def show_alerts(request: HttpRequest) -> Response[Any]:
    """Show what this person chose about alerts."""
    return await _page(request)


@post("/me/alerts", opt={"access": "agent", "fields": FIELDS})
async def choose_alerts(request: HttpRequest) -> Response[Any]:
    """Keep what this person chose; a box that is not ticked is not sent."""
    fields = await texts_of(request, FIELDS)
    off = frozenset(kind for kind in KINDS if fields[f"kind_{kind}"] != "1")
    own_id = person(request).id
    chosen = Choices(
        mail=fields["mail"] == "1",
        telegram=fields["telegram"] == "1",
        push=fields["push"] == "1",
        off=off,
        any_time=fields["any_time"] == "1",
        day_mail=fields["day_mail"] == "1",
    )
    await write(request, service.save_choices, own_id, chosen, by=own_id, now=utcnow())
    return done(request, ADDRESS, N_("Saved."))


@post("/me/alerts/telegram", opt={"access": "agent", "fields": ()})
async def link_telegram(request: HttpRequest) -> Response[Any]:
    """Show a code that links the chat from which it is sent to the bot; it works once."""
    if await read(request, find_bot) is None:
        raise Conflict("There is no Telegram bot yet. Ask an administrator to enter one.")
    code = random_token()
    await write(
        request,
        links.add_one_time_token,
        hash_token(code),
        PURPOSE,
        utcnow() + CODE_WORKS_FOR,
        person(request).id,
    )
    return await _page(request, code)


@post("/me/alerts/telegram/removal", opt={"access": "agent", "fields": ()})
async def unlink_telegram(request: HttpRequest) -> Response[Any]:
    """Send this person's alerts to Telegram no more."""
    own_id = person(request).id
    await write(request, service.link_chat, own_id, "", "", by=own_id, now=utcnow())
    return done(request, ADDRESS, N_("The chat is unlinked."))
