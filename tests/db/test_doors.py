"""Ways in as services: opened, changed, closed without losing anything, and their mailboxes."""

import imaplib
import socket
import ssl
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox.channels.imapwire import ImapServer
from inbox.company import boxes, doors
from inbox.company.doors import Entered
from inbox.company.sites import read_origin, read_sites
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound, Rejected, Unavailable
from inbox.intake import Incoming
from inbox.loops import _store
from inbox.mailboxes import place_of
from inbox.store import doors as rows
from inbox.store import raw as raws
from inbox.store.company import find_door
from inbox.vault import Vault
from models import (
    AuditAction,
    AuditEntry,
    AuditThing,
    ChannelKind,
    Mailbox,
    MailboxTls,
    RawMessage,
    RawState,
)
from models.base import columns
from tests.factories import (
    NOW,
    SECRET,
    Firm,
    arrive,
    context,
    everything,
    make_mail,
    make_message,
    prediction,
    stage_mail,
)

PASSWORD = "canary-7f3a"
audit = columns(AuditEntry)


def entered(**values: Any) -> Entered:
    return Entered(**{"name": "Bảo hành", "handle": "baohanh@congty.example", **values})


def trail(session: Session, thing: AuditThing) -> list[AuditEntry]:
    query = select(AuditEntry).where(audit.thing == thing).order_by(audit.id)
    return list(session.execute(query).scalars())


async def test_each_kind_is_opened_and_takes_in(database: Database, firm: Firm) -> None:
    """An address in small letters, a form under its slug, a chat under a key of its own."""
    by = firm.admin.id

    async def opened(kind: ChannelKind, **values: Any) -> Any:
        return await database.write(doors.open_inbox, kind, entered(**values), by=by, now=NOW)

    mail = await opened(ChannelKind.EMAIL, handle="BaoHanh@CongTy.example", team_id=firm.tech)
    form = await opened(ChannelKind.FORM, handle="Bao-Hanh", title="Bảo hành", language="vi")
    chat = await opened(ChannelKind.CHAT, handle="", sites="https://Shop.example\n")
    assert (mail.handle, form.handle) == ("baohanh@congty.example", "bao-hanh")
    assert len(chat.handle) >= 12
    assert chat.settings == {"sites": ["https://shop.example"], "ask": "", "ask_closed": ""}
    assert form.settings == {"title": "Bảo hành", "language": "vi"}
    for made in (mail, form, chat):
        assert await database.read(find_door, made.kind, made.handle) is not None
    said = await database.read(trail, AuditThing.INBOX)
    assert [entry.action for entry in said] == [AuditAction.CREATED] * 3
    assert chat.handle not in str(said[-1].after), "a key is not written into the trail"


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        (ChannelKind.EMAIL, {"handle": "nobody"}, "handle"),
        (ChannelKind.EMAIL, {"handle": "a,b@congty.example"}, "handle"),
        (ChannelKind.FORM, {"handle": "bảo hành"}, "handle"),
        (ChannelKind.FORM, {"handle": "x" * 41}, "handle"),
        (ChannelKind.FORM, {"handle": "../s"}, "handle"),
        (ChannelKind.FORM, {"handle": "ok", "language": "fr"}, "language"),
        (ChannelKind.FORM, {"handle": "ok", "team_id": 999}, "team"),
        (ChannelKind.FORM, {"handle": "ok", "name": " "}, "name"),
        (ChannelKind.CHAT, {"sites": "shop.example"}, "sites"),
    ],
)
async def test_what_cannot_be_is_said_by_field(
    database: Database, firm: Firm, kind: ChannelKind, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await database.write(
            doors.open_inbox, kind, entered(**values), by=firm.admin.id, now=NOW
        )
    assert list(caught.value.fields) == [field]


async def test_the_same_handle_twice_is_refused(database: Database, firm: Firm) -> None:
    again = entered(handle="hotro@congty.example")
    with pytest.raises(Conflict):
        await database.write(
            doors.open_inbox, ChannelKind.EMAIL, again, by=firm.admin.id, now=NOW
        )
    with pytest.raises(NotFound):
        await database.write(
            doors.open_inbox, ChannelKind.API, again, by=firm.admin.id, now=NOW
        )


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example:443/", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(text: str, origin: str) -> None:
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        *("shop.example", "http://shop.example", "https://", "https://*.shop.example"),
        *("https://shop.example/page", "https://shop.example?x", "https://shop.example#x"),
        *("https://a@shop.example", "https://shop.example:99999", "javascript:alert(1)"),
        *("https://shop.example https://b.example", "https://shop_.example;x", "null"),
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_origin(text)


def test_sites_come_one_a_line_each_once() -> None:
    text = " https://a.example \r\n\r\nhttps://b.example\nhttps://A.example/"
    assert read_sites(text) == ["https://a.example", "https://b.example"]
    with pytest.raises(Invalid):
        read_sites("\n".join(f"https://s{n}.example" for n in range(51)))


async def test_a_closed_inbox_loses_nothing(database: Database, firm: Firm) -> None:
    """What was on its way is held, with the reason, and taken in once it is open again."""
    by = firm.admin.id
    other = await database.write(doors.open_inbox, ChannelKind.EMAIL, entered(), by=by, now=NOW)
    await database.write(arrive, firm)
    staged = await database.write(stage_mail, firm, make_mail("Đang trên đường."))
    await database.write(doors.close_inbox, firm.mail, by=by, now=NOW)
    assert await database.read(rows.count_open, firm.mail) == 1, "what is there stays"

    def try_to_take_in(session: Session) -> None:
        row = session.get_one(RawMessage, staged.id)
        while row.state is RawState.PENDING:
            (claimed,) = raws.claim(session, row.leased_until, 10)
            said = Incoming(claimed, make_message(), prediction())
            _store(session, [said], [], context(session, firm))
            session.refresh(row)

    await database.write(try_to_take_in)
    (held,) = await database.read(raws.list_quarantined)
    assert "closed" in held.error

    assert await database.write(doors.open_again, firm.mail, by=by, now=NOW) == 1
    await database.write(try_to_take_in)
    (row,) = [one for one in await database.read(everything, RawMessage) if one.id == staged.id]
    assert row.state is RawState.DONE
    assert row.conversation_id is not None
    actions = [entry.action for entry in await database.read(trail, AuditThing.INBOX)]
    assert actions[-2:] == [AuditAction.DEACTIVATED, AuditAction.ACTIVATED]
    assert other.id


async def test_the_only_address_stays_open(database: Database, firm: Firm) -> None:
    """Our answers come from it; a form may close."""
    with pytest.raises(Conflict, match="Answers"):
        await database.write(doors.close_inbox, firm.mail, by=firm.admin.id, now=NOW)
    await database.write(doors.close_inbox, firm.form, by=firm.admin.id, now=NOW)
    listed = await database.read(rows.list_inboxes)
    assert [row.id for row in listed if not row.is_active] == [firm.form]


async def test_a_chat_gets_another_key(database: Database, firm: Firm) -> None:
    by = firm.admin.id
    chat = await database.write(
        doors.open_inbox, ChannelKind.CHAT, entered(handle=""), by=by, now=NOW
    )
    old = chat.handle
    await database.write(doors.renew_key, chat.id, by=by, now=NOW)
    new = (await database.read(doors.get_inbox, chat.id)).handle
    assert new != old
    assert await database.read(find_door, ChannelKind.CHAT, old) is None
    with pytest.raises(NotFound):
        await database.write(doors.renew_key, firm.form, by=by, now=NOW)


async def test_a_mailbox_is_entered_changed_and_removed(database: Database, firm: Firm) -> None:
    """F2: the password is sealed for its row and stands in no line of the trail."""
    by, vault = firm.admin.id, Vault(SECRET)
    row = Mailbox(
        inbox_id=firm.mail,
        host="imap.congty.example",
        port=993,
        tls=MailboxTls.TLS,
        username="hotro",
        password="",
        since=NOW,
        created_at=NOW,
        next_at=NOW,
        leased_until=NOW,
    )
    await database.write(boxes.attach, row, PASSWORD, vault, by=by, now=NOW)
    (stored,) = await database.read(everything, Mailbox)
    assert vault.open(stored.password, place_of(stored.id)) == PASSWORD
    await database.write(
        boxes.change, stored.id, vault, is_active=False, password="another", by=by, now=NOW
    )
    (listed,) = [one for one in await database.read(rows.list_inboxes) if one.mailboxes]
    assert (listed.id, listed.mailboxes[0].is_active) == (firm.mail, False)
    assert await database.write(boxes.remove, stored.id, by=by, now=NOW) == firm.mail
    assert await database.read(everything, Mailbox) == []
    said = await database.read(trail, AuditThing.MAILBOX)
    assert [entry.action.value for entry in said] == [
        *("created", "password_set", "changed", "removed"),
    ]
    assert all(PASSWORD not in f"{one.before}{one.after}" for one in said)
    assert all("another" not in f"{one.before}{one.after}" for one in said)


def _caused(cause: Exception, by: type[Exception] = Unavailable) -> Unavailable:
    try:
        try:
            raise cause
        except type(cause) as error:
            raise by("imap.congty.vn said no") from error
    except Exception as error:
        made = error if isinstance(error, Unavailable) else Unavailable("it said no")
        if made is not error:
            made.__cause__ = error
        return made


@pytest.mark.parametrize(
    ("cause", "tls", "stage", "advice"),
    [
        (socket.gaierror(), "tls", "connect", boxes.NO_HOST),
        (ConnectionRefusedError(), "tls", "connect", boxes.REFUSED),
        (TimeoutError(), "tls", "connect", boxes.SILENT),
        (TimeoutError(), "starttls", "connect", boxes.SILENT_PLAIN),
        (ssl.SSLCertVerificationError(), "tls", "connect", boxes.CERTIFICATE),
        (ssl.SSLError(), "tls", "connect", boxes.NO_TLS),
        (imaplib.IMAP4.error("no"), "tls", "connect", boxes.NO_SIGN_IN),
        (imaplib.IMAP4.error("no"), "tls", "folder", boxes.NO_FOLDER),
        (imaplib.IMAP4.abort("bye"), "tls", "connect", boxes.OTHER),
    ],
)
def test_each_failure_has_its_sentence(
    cause: Exception, tls: Any, stage: str, advice: boxes.Advice
) -> None:
    server = ImapServer("imap.congty.vn", 993, tls, "a", "b")
    by = Rejected if isinstance(cause, imaplib.IMAP4.error) else Unavailable
    said = boxes.advise(_caused(cause, by), server, stage)
    assert (said.wrong, said.mend) == (advice.wrong, advice.mend)
