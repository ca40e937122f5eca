"""An e-mail inbox's mailboxes: tested, entered, paused, given a new password, removed."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from litestar import post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.channels.imapwire import ImapServer
from inbox.channels.oauth import NoConsent, Token
from inbox.clock import utcnow
from inbox.company import boxes, doors
from inbox.company.boxes import Advice, Habits, OAuth, TestFailed
from inbox.errors import Conflict, Invalid, NotFound, Rejected, TooMany, Unavailable
from inbox.fetching.sent import MARKED
from inbox.fetching.tokens import client_place, server_for
from inbox.store import people
from inbox.templating import N_
from inbox.vault import Sealed, Vault
from inbox.views.mailbox_form import (
    FIELDS,
    MOST_SECRET_CHARS,
    SECRETS,
    Entered,
    read_entered,
)
from inbox.views.render import page, wants_partial, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.settings_inboxes import inbox_page
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from models import ChannelKind, Mailbox, MailboxAuth, MailboxTls

HABITS = ("every", "alarm", "sent", "sent_name")
TESTS_A_MINUTE = 20
MOST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Probe:
    """How a connection test ended, in the reader's language."""

    is_ok: bool
    text: str
    mend: str = ""
    said: str = ""


def _vault(request: HttpRequest) -> Vault:
    return Vault(site(request).secret)


async def _take_turn(request: HttpRequest) -> None:
    """Count a test; a person may do so twenty times a minute.

    Raises
    ------
    TooMany
        If there were more.
    """
    now = utcnow()
    key = f"imap-test:{person(request).id}:{int(now.timestamp() // 60)}"
    end = now + timedelta(minutes=1)
    if not await write(request, people.take_turn, key, TESTS_A_MINUTE, expires_at=end, now=now):
        raise TooMany("Too many tests in a minute. Wait a little.")


async def _probe(request: HttpRequest, server: ImapServer, folder: str) -> Probe:
    """Sign in as entered."""
    say = words(request)
    try:
        found = await boxes.look(server, folder)
    except TestFailed as error:
        return _failed(say, error.advice)
    text = say("The connection works. There are %(n)s mails in the folder.")
    return Probe(True, text % {"n": found.exists})


def _failed(say: Any, advice: Advice) -> Probe:
    return Probe(False, say(advice.wrong), say(advice.mend), advice.said)


async def _tried(
    request: HttpRequest, entered: Entered, folder: str
) -> tuple[Probe, Token | None]:
    """Get a token where one is needed, and sign in.

    Raises
    ------
    Invalid
        If it cannot be said.
    """
    token = None
    # What is entered of the server is looked at before anybody is asked.
    entered.server(Token("-", 0) if entered.auth is MailboxAuth.OAUTH2 else None)
    await _take_turn(request)
    if entered.auth is MailboxAuth.OAUTH2:
        try:
            own = site(request).settings.own_token_services
            token = await boxes.get_token(entered.grant(), own)
        except TestFailed as error:
            return _failed(words(request), error.advice), None
    return await _probe(request, entered.server(token), folder), token


@post("/settings/inboxes/{inbox_id:int}/mailboxes", opt={"access": "admin", "fields": FIELDS})
async def add_mailbox(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Test a mailbox, and store it if the test went well."""
    fields = await texts_of(request, FIELDS)
    inbox = await read(request, doors.get_inbox, inbox_id)
    if inbox.kind is not ChannelKind.EMAIL:
        raise NotFound("There is nothing here.")
    folder = fields["folder"].strip() or "INBOX"
    try:
        entered = read_entered(fields)
        probe, token = await _tried(request, entered, folder)
    except Invalid as error:
        probe = Probe(False, words(request)(error.message))
        return await _shown(request, inbox_id, fields, probe, 422)
    if not probe.is_ok or fields["do"] == "test":
        return await _shown(request, inbox_id, fields, probe, 200 if probe.is_ok else 422)
    days = min(number_of(fields["days"]) or 0, MOST_DAYS)
    row = _row(entered, inbox_id, folder, days, utcnow())
    try:
        await write(
            request,
            boxes.attach,
            row,
            entered.password,
            _vault(request),
            by=person(request).id,
            now=utcnow(),
            oauth=None if token is None else OAuth(entered.client_secret, token),
        )
    except Conflict as error:
        probe = Probe(False, words(request)(error.message))
        return await _shown(request, inbox_id, fields, probe, 409)
    return done(
        request,
        f"/settings/inboxes/{inbox_id}",
        N_("The mailbox is entered and is looked into every %(n)s seconds."),
        n=row.every_s,
    )


def _row(server: Entered, inbox_id: int, folder: str, days: int, now: datetime) -> Mailbox:
    return Mailbox(
        inbox_id=inbox_id,
        host=server.host,
        port=server.port,
        tls=MailboxTls(server.tls),
        username=server.username,
        password="",
        auth=server.auth,
        token_url=server.token_url,
        client_id=server.client_id,
        scope=server.scope,
        folder=folder,
        since=now - timedelta(days=days),
        created_at=now,
        next_at=now,
        leased_until=now,
    )


async def _shown(
    request: HttpRequest, inbox_id: int, fields: dict[str, str], probe: Probe, code: int
) -> AnyResponse:
    """Show the form again with how the test ended; the password has to be typed again."""
    if wants_partial(request):
        return await page(request, "settings/_probe.html", code=code, probe=probe)
    kept = {name: text for name, text in fields.items() if name not in SECRETS}
    return await inbox_page(request, inbox_id, {}, {}, code, box_values=kept, probe=probe)


def _stored(session: Session, mailbox_id: int) -> Mailbox:
    return boxes.get_mailbox(session, mailbox_id)


@post("/settings/mailboxes/{mailbox_id:int}/test", opt={"access": "admin", "fields": ()})
async def test_mailbox(request: HttpRequest, mailbox_id: FromPath[int]) -> AnyResponse:
    """Sign in to a mailbox as it is stored."""
    box = await read(request, _stored, mailbox_id)
    await _take_turn(request)
    try:
        where = site(request)
        own = where.settings.own_token_services
        server = await server_for(where.database, box, _vault(request), own)
        probe = await _probe(request, server, box.folder)
    except (NoConsent, Unavailable, Rejected) as error:
        advice = boxes.NO_TOKEN
        probe = _failed(words(request), Advice(advice.wrong, advice.mend, error.message))
    except Sealed as error:
        probe = Probe(False, words(request)(error.message))
    if wants_partial(request):
        return await page(request, "settings/_probe.html", probe=probe)
    return await inbox_page(request, box.inbox_id, {}, {}, 200, probe=probe, probed=box.id)


@post(
    "/settings/mailboxes/{mailbox_id:int}/password",
    opt={"access": "admin", "fields": ("password",)},
)
async def change_password(request: HttpRequest, mailbox_id: FromPath[int]) -> AnyResponse:
    """Store a new password, if the server takes it."""
    fields = await texts_of(request, ("password",))
    box = await read(request, _stored, mailbox_id)
    try:
        secret = ""
        if box.client_secret:
            secret = _vault(request).open(box.client_secret, client_place(box.id))
        entered = Entered(
            box.host,
            box.port,
            box.tls.value,
            box.username,
            fields["password"][:MOST_SECRET_CHARS],
            box.auth,
            box.token_url,
            box.client_id,
            secret,
            box.scope,
        )
        probe, token = await _tried(request, entered, box.folder)
    except (Invalid, Sealed) as error:
        probe, token = Probe(False, words(request)(error.message)), None
    if not probe.is_ok:
        more = {"probe": probe, "probed": box.id}
        return await inbox_page(request, box.inbox_id, {}, {}, 422, **more)
    vault, who = _vault(request), {"by": person(request).id, "now": utcnow()}
    if token is None:
        change = {"password": fields["password"][:MOST_SECRET_CHARS]}
        await write(request, boxes.change, mailbox_id, vault, **change, **who)
    else:
        kept = replace(token, refresh_token=token.refresh_token or entered.password)
        await write(request, boxes.renew, mailbox_id, kept, vault, **who)
    return _back(request, box, N_("The new password works and is stored."))


@post(
    "/settings/mailboxes/{mailbox_id:int}/pause", opt={"access": "admin", "fields": ("paused",)}
)
async def pause_mailbox(request: HttpRequest, mailbox_id: FromPath[int]) -> AnyResponse:
    """Look into it no more for now (``paused=1``), or again."""
    fields = await texts_of(request, ("paused",))
    box = await read(request, _stored, mailbox_id)
    is_active = fields["paused"] != "1"
    await write(
        request,
        boxes.change,
        mailbox_id,
        _vault(request),
        is_active=is_active,
        by=person(request).id,
        now=utcnow(),
    )
    if is_active:
        return _back(request, box, N_("It is looked into again."))
    return _back(request, box, N_("Paused: its mail waits there."))


@post("/settings/mailboxes/{mailbox_id:int}/removal", opt={"access": "admin", "fields": ()})
async def remove_mailbox(request: HttpRequest, mailbox_id: FromPath[int]) -> AnyResponse:
    """Look into it no more, and forget its password."""
    box = await read(request, _stored, mailbox_id)
    await write(request, boxes.remove, mailbox_id, by=person(request).id, now=utcnow())
    return _back(request, box, N_("The mailbox is removed. Its mail stays where it is."))


@post("/settings/mailboxes/{mailbox_id:int}/habits", opt={"access": "admin", "fields": HABITS})
async def set_habits(request: HttpRequest, mailbox_id: FromPath[int]) -> AnyResponse:
    """Say how often it is looked into, when an alarm is raised, and where sent mail is."""
    fields = await texts_of(request, HABITS)
    box = await read(request, _stored, mailbox_id)
    folder = {"": "", MARKED: MARKED}.get(fields["sent"], fields["sent_name"])
    try:
        await write(
            request,
            boxes.set_habits,
            mailbox_id,
            Habits(number_of(fields["every"]) or 0, number_of(fields["alarm"]) or 0, folder),
            by=person(request).id,
            now=utcnow(),
        )
    except Invalid as error:
        shown = spoken_errors(request, error)
        more = {"habit_errors": shown, "habits_of": mailbox_id, "habits": fields}
        return await inbox_page(request, box.inbox_id, {}, {}, 422, **more)
    return _back(request, box, N_("Saved."))


def _back(request: HttpRequest, box: Mailbox, sentence: str) -> AnyResponse:
    return done(request, f"/settings/inboxes/{box.inbox_id}", sentence)


HANDLERS = (
    add_mailbox,
    test_mailbox,
    change_password,
    pause_mailbox,
    set_habits,
    remove_mailbox,
)
