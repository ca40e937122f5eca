"""How an inbox's mail leaves: its own server, tested; the key that signs; the signature."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from litestar import get, post
from litestar.params import FromPath
from msgspec import Struct
from sqlmodel import Session

from inbox.channels import dkim
from inbox.channels.letter import FIELDS
from inbox.clock import utcnow
from inbox.company import doors, senders, signing
from inbox.company.boxes import TestFailed
from inbox.company.senders import PORTS, Entered
from inbox.errors import InboxError, NotFound, TooMany, Unavailable
from inbox.sending import servers
from inbox.sending.servers import Own
from inbox.store import people
from inbox.templating import N_
from inbox.vault import Vault
from inbox.views.formdata import fields_of, read_as
from inbox.views.inbox import speaker_for
from inbox.views.render import page, wants_partial, words
from inbox.views.settings_form import AnyResponse, done
from inbox.views.settings_mailboxes import Probe
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from inbox.views.words import Speaker
from models import ChannelKind, DkimKey, Inbox, MailboxTls, MailSender, SenderAuth

PAGE = "/settings/inboxes/{inbox_id:int}/sending"
TESTS_A_MINUTE = 20
WORKS = N_("The connection works, and the server takes mail from this address.")
PROBLEMS = {
    "none": N_("There is no such record yet. It can take an hour until it is seen everywhere."),
    "other": N_(
        "There is a record, but it says something else: copy it again as it stands here."
    ),
}


class Form(Struct):
    """A server as entered; ``do`` is ``test`` or ``save``."""

    do: str = ""
    host: str = ""
    port: str = ""
    tls: str = "starttls"
    auth: str = "password"
    username: str = ""
    password: str = ""


class Signature(Struct):
    """What stands under answers."""

    signature: str = ""


@dataclass(frozen=True, slots=True)
class KeyShown:
    """A signing key as shown."""

    id: int
    selector: str
    name: str
    record: str
    signs: bool
    text: str
    is_found: bool


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the page is about."""

    inbox: Inbox
    sender: MailSender | None
    has_mailbox: bool
    keys: list[DkimKey]


def _load(session: Session, inbox_id: int) -> Loaded:
    row = doors.get_inbox(session, inbox_id)
    if row.kind is not ChannelKind.EMAIL:
        raise NotFound("There is nothing here.")
    return Loaded(
        row,
        senders.find_sender(session, inbox_id),
        inbox_id in servers.find_mailboxes(session, [inbox_id]),
        signing.list_keys(session, row.handle.rpartition("@")[2]),
    )


@get(PAGE, opt={"access": "admin"})
async def show_sending(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Show how an inbox's mail leaves."""
    return await _page(request, inbox_id, None, 200)


async def _page(
    request: HttpRequest,
    inbox_id: int,
    form: Form | None,
    code: int,
    *,
    probe: Probe | None = None,
    key_probe: Probe | None = None,
    error: str = "",
) -> AnyResponse:
    loaded = await read(request, _load, inbox_id)
    speak = await speaker_for(request)
    return await page(
        request,
        "settings/sending.html",
        code=code,
        active="settings",
        inbox=loaded.inbox,
        domain=loaded.inbox.handle.rpartition("@")[2],
        sender=loaded.sender,
        state_text=_state(loaded.sender, speak),
        has_mailbox=loaded.has_mailbox,
        values=form or _values(loaded),
        signature=str(loaded.inbox.settings.get("signature", "")),
        signature_error=error,
        names=[f"{{{name}}}" for name in FIELDS],
        keys=[_key(one, speak) for one in loaded.keys],
        probe=probe,
        key_probe=key_probe,
    )


def _values(loaded: Loaded) -> Form:
    row = loaded.sender
    if row is None:
        auth = "mailbox" if loaded.has_mailbox else "password"
        return Form(auth=auth, username=loaded.inbox.handle)
    return Form(
        host=row.host,
        port=str(row.port),
        tls=row.tls.value,
        auth=row.auth.value,
        username=row.username,
    )


def _state(row: MailSender | None, speak: Speaker) -> str:
    if row is None:
        return speak.say("Its mail goes out by the installation’s mail server.")
    if row.failing_since is not None:
        values = {"time": speak.clock(row.failing_since), "reason": row.last_error}
        return speak.say("Fails since %(time)s: %(reason)s") % values
    values = {"time": speak.clock(row.last_ok_at or row.created_at)}
    return speak.say("Worked last at %(time)s.") % values


def _key(row: DkimKey, speak: Speaker) -> KeyShown:
    name, record = signing.record_of(row)
    if row.checked_at is None:
        text = speak.say("Not looked up yet.")
    elif row.problem:
        text = speak.say(PROBLEMS[row.problem])
    else:
        found = {"time": speak.clock(row.found_at or row.checked_at)}
        text = speak.say("Found in the DNS at %(time)s.") % found
    is_found = row.found_at is not None and not row.problem
    return KeyShown(row.id, row.selector, name, record, row.signs, text, is_found)


async def _take_turn(request: HttpRequest) -> None:
    now = utcnow()
    key = f"smtp-test:{person(request).id}:{int(now.timestamp() // 60)}"
    end = now + timedelta(minutes=1)
    if not await write(request, people.take_turn, key, TESTS_A_MINUTE, expires_at=end, now=now):
        raise TooMany("Too many tests in a minute. Wait a little.")


@post(PAGE, opt={"access": "admin", "fields": fields_of(Form)})
async def enter_sender(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Test a server, and store it if the test went well."""
    form = await read_as(request, Form)
    usual = PORTS.get(form.tls, 0)
    entered = Entered(
        host=form.host.strip().lower(),
        port=(number_of(form.port) or 0) if form.port else usual,
        tls=form.tls,
        auth=form.auth,
        username=form.username.strip(),
        password=form.password,
    )
    probe = await _probe(request, inbox_id, entered)
    form.password = ""
    if not probe.is_ok or form.do == "test":
        code = 200 if probe.is_ok else 422
        if wants_partial(request):
            return await page(request, "settings/_probe.html", code=code, probe=probe)
        return await _page(request, inbox_id, form, code, probe=probe)
    vault = Vault(site(request).secret)
    by, now = person(request).id, utcnow()
    await write(request, senders.enter, inbox_id, entered, vault, by=by, now=now)
    sentence = N_("Its mail goes out by this server from now on.")
    return done(request, PAGE.replace("{inbox_id:int}", str(inbox_id)), sentence)


async def _probe(request: HttpRequest, inbox_id: int, entered: Entered) -> Probe:
    """Sign in as entered; a person may do so twenty times a minute."""
    say = words(request)
    await _take_turn(request)
    try:
        senders.check(entered)
        address, own = await read(request, _entered_own, inbox_id, entered)
        vault = Vault(site(request).secret)
        database = site(request).database
        services = site(request).settings.own_token_services
        server = await servers.server_of(
            own, database, vault, services, password=entered.password
        )
        await senders.look(server, address)
    except TestFailed as error:
        advice = error.advice
        return Probe(False, say(advice.wrong), say(advice.mend), advice.said)
    except InboxError as error:
        return Probe(False, say(error.message))
    return Probe(True, say(WORKS))


def _entered_own(session: Session, inbox_id: int, entered: Entered) -> tuple[str, Own]:
    """Return the server as entered, with what is stored where nothing else was typed."""
    loaded = _load(session, inbox_id)
    stored = loaded.sender.password if loaded.sender is not None else ""
    same_host = loaded.sender is not None and loaded.sender.host == entered.host
    sender = MailSender(
        inbox_id=inbox_id,
        host=entered.host,
        port=entered.port,
        tls=MailboxTls(entered.tls),
        auth=SenderAuth(entered.auth),
        username=entered.username,
        password=stored if same_host else "",
        created_at=utcnow(),
    )
    box = servers.find_mailboxes(session, [inbox_id]).get(inbox_id)
    return loaded.inbox.handle, Own(sender, box)


@post(PAGE + "/removal", opt={"access": "admin", "fields": ()})
async def remove_sender(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Send by the installation's server again."""
    await write(request, senders.remove, inbox_id, by=person(request).id, now=utcnow())
    sentence = N_("Its mail goes out by the installation’s server again.")
    return done(request, PAGE.replace("{inbox_id:int}", str(inbox_id)), sentence)


@post(PAGE + "/signature", opt={"access": "admin", "fields": fields_of(Signature)})
async def set_signature(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Say what stands under the inbox's answers."""
    form = await read_as(request, Signature)
    by, now = person(request).id, utcnow()
    try:
        await write(request, senders.set_signature, inbox_id, form.signature, by=by, now=now)
    except InboxError as error:
        if error.status != 422:
            raise
        text = words(request)(error.message)
        return await _page(request, inbox_id, None, 422, error=text)
    return done(request, PAGE.replace("{inbox_id:int}", str(inbox_id)), N_("Saved."))


@post(PAGE + "/keys", opt={"access": "admin", "fields": ()})
async def add_key(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Make a key for the address's domain; it signs once its record is found."""
    loaded = await read(request, _load, inbox_id)
    domain = loaded.inbox.handle.rpartition("@")[2]
    made = dkim.make_key()
    vault, by = Vault(site(request).secret), person(request).id
    await write(request, signing.add_key, domain, made, vault, utcnow(), by=by)
    sentence = N_("The key is made. Put its record into the DNS, then look it up.")
    return done(request, PAGE.replace("{inbox_id:int}", str(inbox_id)) + "#dkim", sentence)


@post(PAGE + "/keys/{key_id:int}/look", opt={"access": "admin", "fields": ()})
async def look_up_key(
    request: HttpRequest, inbox_id: FromPath[int], key_id: FromPath[int]
) -> AnyResponse:
    """Look the key's record up in the DNS; a right one has it sign."""
    row = await read(request, signing.get_key, key_id)
    await _take_turn(request)
    say = words(request)
    try:
        problem = await signing.look_up(row)
    except Unavailable as error:
        probe = Probe(False, say(error.message), say(N_("Look it up from another machine.")))
        return await _page(request, inbox_id, None, 200, key_probe=probe)
    by = person(request).id
    await write(request, signing.note_record, key_id, problem, utcnow(), by=by)
    if problem:
        probe = Probe(False, say(PROBLEMS[problem]))
        return await _page(request, inbox_id, None, 200, key_probe=probe)
    sentence = N_("The record is right: mail of this domain is signed.")
    return done(request, PAGE.replace("{inbox_id:int}", str(inbox_id)) + "#dkim", sentence)


class Switch(Struct):
    """Whether a key signs: ``1`` or not."""

    signs: str = ""


@post(PAGE + "/keys/{key_id:int}", opt={"access": "admin", "fields": fields_of(Switch)})
async def switch_key(
    request: HttpRequest, inbox_id: FromPath[int], key_id: FromPath[int]
) -> AnyResponse:
    """Let a key sign, or no more."""
    signs = (await read_as(request, Switch)).signs == "1"
    by = person(request).id
    await write(request, signing.switch, key_id, signs, by=by, now=utcnow())
    sentence = (
        N_("Mail of this domain is signed.") if signs else N_("It is not signed any more.")
    )
    return done(request, PAGE.replace("{inbox_id:int}", str(inbox_id)) + "#dkim", sentence)


@post(PAGE + "/keys/{key_id:int}/removal", opt={"access": "admin", "fields": ()})
async def remove_key(
    request: HttpRequest, inbox_id: FromPath[int], key_id: FromPath[int]
) -> AnyResponse:
    """Forget a key that does not sign."""
    await write(request, signing.remove_key, key_id, by=person(request).id, now=utcnow())
    sentence = N_("The key is forgotten.")
    return done(request, PAGE.replace("{inbox_id:int}", str(inbox_id)) + "#dkim", sentence)


HANDLERS: list[Any] = [
    show_sending,
    enter_sender,
    remove_sender,
    set_signature,
    add_key,
    look_up_key,
    switch_key,
    remove_key,
]
