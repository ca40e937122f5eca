"""The first day: a checklist from the setup page to the first real message."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from litestar import get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import first_day
from inbox.company.first_day import Arrived, TestMail
from inbox.errors import Conflict, TooMany
from inbox.house import load_house
from inbox.rulebook import load_rulebook
from inbox.settings import Settings
from inbox.store import people
from inbox.store.company import list_doors
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.models import Sla
from inbox.views.present_doors import snippets_of
from inbox.views.present_start import addresses, describe_sending, load_day, present_steps
from inbox.views.render import page, words
from inbox.views.settings_form import AnyResponse, done, texts_of
from inbox.views.site import HttpRequest, person, read, site, write
from models import ChannelKind, DeliveryState, Role

START = "/settings/start"
TESTS_A_MINUTE = 10
MAIL_STATES = {
    DeliveryState.QUEUED: N_("It waits to be sent."),
    DeliveryState.CLAIMED: N_("It is being sent."),
    DeliveryState.SENDING: N_("It is being sent."),
    DeliveryState.SENT: N_("The mail server took it. Look into your mail."),
    DeliveryState.FAILED: N_("The mail server refused it."),
    DeliveryState.UNCONFIRMED: N_("Nobody knows whether it left: the connection broke."),
    DeliveryState.CANCELLED: N_("It was called back."),
}


@dataclass(frozen=True, slots=True)
class MailShown:
    """How the test mail fares."""

    to: str
    text: str
    error: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class ArrivedShown:
    """How the first message fares."""

    number: int | None
    subject: str
    channel: str
    at_text: str
    due: Sla
    owner: str
    held: str


def _load(session: Session, settings: Settings) -> dict[str, Any]:
    base = settings.base_url.rstrip("/")
    inboxes = list_doors(session)
    return {
        "day": load_day(session, settings),
        "mail": first_day.find_test_mail(session),
        "arrived": first_day.find_arrived(session),
        "addresses": addresses(session, base),
        "has_holidays": _has_holidays(session),
        "email_ids": [row.id for row in inboxes if row.kind is ChannelKind.EMAIL],
        "snippets": [one for row in inboxes for one in snippets_of(row.kind, row.handle, base)],
    }


def _has_holidays(session: Session) -> bool:
    book = load_rulebook(session)
    return bool(book.calendars[book.default_calendar_id].holidays)


@get(START, opt={"access": "supervisor"})
async def show_start(request: HttpRequest) -> AnyResponse:
    """Show the checklist; ``part=message`` and ``part=sending`` are what pages ask for."""
    loaded = await read(request, _load, site(request).settings)
    speak = await speaker_for(request)
    arrived = _arrived(loaded["arrived"], speak)
    mail = _mail(loaded["mail"], speak.say)
    part = request.query_params.get("part", "")
    template = {
        "message": "settings/_arrived.html",
        "sending": "settings/_test_mail.html",
    }.get(part, "settings/start.html")
    return await page(
        request,
        template,
        active="settings",
        steps=present_steps(loaded["day"], speak.say),
        left=loaded["day"].left,
        sending=describe_sending(site(request).settings),
        mail=mail,
        arrived=arrived,
        addresses=loaded["addresses"],
        email_ids=loaded["email_ids"],
        has_holidays=loaded["has_holidays"],
        snippets=[(speak.say(label), text) for label, text in loaded["snippets"]],
        administers=person(request).role is Role.ADMIN,
    )


def _arrived(found: Arrived | None, speak: Any) -> ArrivedShown | None:
    if found is None:
        return None
    return ArrivedShown(
        found.number,
        found.subject,
        found.channel,
        speak.clock(found.arrived_at or found.sent_at),
        speak.until(found.due_at),
        found.owner,
        found.held,
    )


def _mail(found: TestMail | None, say: Any) -> MailShown | None:
    if found is None:
        return None
    over = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCONFIRMED)
    return MailShown(found.to, say(MAIL_STATES[found.state]), found.error, found.state in over)


@post(START + "/steps/{step:str}", opt={"access": "admin", "fields": ("said",)})
async def say_step(request: HttpRequest, step: FromPath[str]) -> AnyResponse:
    """Skip a step, say that it is right as it is, or take that back."""
    fields = await texts_of(request, ("said",))
    by = person(request).id
    await write(request, first_day.say_step, step, fields["said"], by=by, now=utcnow())
    sentences = {"skipped": N_("Skipped. You can come back to it any time.")}
    return done(request, START, sentences.get(fields["said"], N_("Noted.")))


@post(START + "/dismissal", opt={"access": "admin", "fields": ()})
async def dismiss(request: HttpRequest) -> AnyResponse:
    """Take the checklist off the empty inbox."""
    await write(request, first_day.dismiss, by=person(request).id, now=utcnow())
    return done(request, "/inbox", N_("The first day’s list stays under Settings."))


async def _take_turn(request: HttpRequest) -> None:
    now = utcnow()
    key = f"first-day:{person(request).id}:{int(now.timestamp() // 60)}"
    end = now + timedelta(minutes=1)
    if not await write(request, people.take_turn, key, TESTS_A_MINUTE, expires_at=end, now=now):
        raise TooMany("Too many tests in a minute. Wait a little.")


@post(START + "/mail", opt={"access": "admin", "fields": ()})
async def send_mail(request: HttpRequest) -> AnyResponse:
    """Send a mail to the person who asks."""
    await _take_turn(request)
    where = site(request)
    await write(request, _send_mail, where.settings, where.secret, person(request))
    return done(request, f"{START}#sending", N_("A test mail to you is on its way."))


def _send_mail(session: Session, settings: Settings, secret: bytes, who: Person) -> None:
    house = load_house(session, settings, secret)
    if house is None:
        raise Conflict("There is no address that mail can come from. Open one first.")
    first_day.send_test_mail(session, house, who, utcnow())


@post(START + "/message", opt={"access": "admin", "fields": ()})
async def send_message(request: HttpRequest) -> AnyResponse:
    """Let a test message come in by the form."""
    await _take_turn(request)
    say = words(request)
    subject = say("Test message from the first day")
    text = say("This message was sent to try Kịp out. Answer it, then mark it as done.")
    who = person(request)
    await write(request, first_day.send_test_message, who, subject, text, utcnow())
    return done(request, f"{START}#message", N_("The test message is on its way."))
