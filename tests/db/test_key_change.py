"""R59: the key is replaced while mail goes out, and nothing has to be entered again."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlmodel import Session

from inbox.addressing import conversation_of, make_message_id, make_reply_address
from inbox.alerting.bot import PLACE, find_bot
from inbox.alerting.browsers import place_of as browser_place
from inbox.calendars.own import place_of as calendar_place
from inbox.chatting.identity import identity_place
from inbox.cli import kip
from inbox.company import bot, senders, signing
from inbox.company.doors import secret_place
from inbox.company.senders import Entered
from inbox.db import Database
from inbox.errors import Invalid
from inbox.fetching.tokens import access_place, client_place
from inbox.hooks import managing as hooks
from inbox.keys import all_of, with_before
from inbox.loops import Send
from inbox.mailboxes import place_of
from inbox.messaging import links
from inbox.operations import resealing
from inbox.operations.resealing import SETTINGS, SPOTS, Resealed
from inbox.sending.servers import key_place, sender_place
from inbox.settings import Settings, ensure_secret, forget_secrets, get_settings, renew_secret
from inbox.vault import Sealed, Vault
from models import (
    DkimKey,
    Inbox,
    Mailbox,
    MailSender,
    Messenger,
    OwnCalendar,
    PushBrowser,
    Webhook,
)
from tests.conftest import Clock
from tests.db.test_mailboxes import add
from tests.factories import NOW, SECRET, SUPPORT, Firm, everything
from tests.jobs.test_lanes import PASSWORD, Far, acknowledge, listening, states

pytestmark = pytest.mark.one_database
NEW = b"another key of these tests, long enough as well"
BOTH = with_before(NEW, [SECRET])


def fill(session: Session, firm: Firm, port: int) -> None:
    """Have a secret at each place."""
    old = Vault(SECRET)
    entered = Entered("127.0.0.1", port, "none", "password", "kip", PASSWORD)
    senders.enter(session, firm.mail, entered, old, by=firm.admin.id, now=NOW)
    signing.add_key(session, "congty.example", ("private", "public"), old, NOW, by=None)
    bot.enter_bot(session, "kip_bot", "token", old, by=firm.admin.id, now=NOW)
    number = add(session, firm, is_active=False)
    box = session.get_one(Mailbox, number)
    box.password = old.seal("a", place_of(number))
    box.client_secret = old.seal("b", client_place(number))
    box.access_token = old.seal("c", access_place(number))
    door = session.get_one(Inbox, firm.mail)
    secrets = {"secret": old.seal("d", secret_place(door.id))}
    secrets |= {"identity": old.seal("g", identity_place(door.id))}
    door.settings = {**door.settings, **secrets}
    sealed = old.seal("e", browser_place("m"))
    facts: dict[str, Any] = {"service": "push.example", "name": "Firefox", "created_at": NOW}
    session.add(PushBrowser(agent_id=firm.an.id, mark="m", sealed=sealed, **facts))
    sealed = old.seal("f", calendar_place(firm.an.id))
    facts = {"host": "calendar.example", "next_at": NOW, "entered_at": NOW}
    session.add(OwnCalendar(agent_id=firm.an.id, sealed=sealed, **facts))
    account = Messenger(inbox_id=door.id, created_at=NOW)
    account.secrets = old.seal("h", links.secrets_place(door.id))
    account.access_token = old.seal("i", links.access_place(door.id))
    hook = Webhook(name="x", url="https://a.example", secret="", created_at=NOW)
    session.add_all([account, hook])
    session.flush()
    hook.secret = old.seal("j", hooks.place_of(hook.id))
    hook.old_secret = old.seal("k", hooks.old_place_of(hook.id))


def opened(session: Session, key: bytes) -> list[str]:
    """Open the secret at each place."""
    vault = Vault(key)
    (sender,) = everything(session, MailSender)
    (signer,) = everything(session, DkimKey)
    (box,) = everything(session, Mailbox)
    (browser,) = everything(session, PushBrowser)
    (account,) = everything(session, Messenger)
    (hook,) = everything(session, Webhook)
    door = session.get_one(Inbox, sender.inbox_id)
    found = find_bot(session)
    assert found is not None
    return [
        vault.open(sender.password, sender_place(sender.inbox_id)),
        vault.open(signer.private_key, key_place(signer.domain, signer.selector)),
        vault.open(box.password, place_of(box.id)),
        vault.open(box.client_secret, client_place(box.id)),
        vault.open(box.access_token, access_place(box.id)),
        vault.open(door.settings["secret"], secret_place(door.id)),
        vault.open(door.settings["identity"], identity_place(door.id)),
        vault.open(browser.sealed, browser_place("m")),
        vault.open(found.sealed, PLACE),
        vault.open(
            session.get_one(OwnCalendar, browser.agent_id).sealed,
            calendar_place(browser.agent_id),
        ),
        vault.open(account.secrets, links.secrets_place(account.inbox_id)),
        vault.open(account.access_token, links.access_place(account.inbox_id)),
        vault.open(hook.secret, hooks.place_of(hook.id)),
        vault.open(hook.old_secret, hooks.old_place_of(hook.id)),
    ]


async def test_mail_leaves_before_between_and_after(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """R59: with the old key, with both, and with the new one alone, by a server of its own."""
    settings = Settings.model_construct(smtp_url="smtp://127.0.0.1:1")
    far = Far()
    async with listening(far) as port:
        await database.write(fill, firm, port)
        for number, key in enumerate((SECRET, BOTH, NEW)):
            if key is NEW:
                found = await database.write(resealing.reseal, Vault(BOTH))
                assert found == Resealed(len(SPOTS) + len(SETTINGS), 0)
                assert await database.write(resealing.reseal, Vault(BOTH)) == Resealed()
            await acknowledge(database, firm, f"n{number}@khach.example")
            await Send(database, settings, key).once()
            assert (await states(database)) == {"sent": number + 1}

    expected = [PASSWORD, "private", "a", "b", "c", "d", "g", "e", "token", "f"]
    expected += ["h", "i", "j", "k"]
    assert await database.read(opened, NEW) == expected
    with pytest.raises(Sealed):
        await database.read(opened, SECRET)


async def test_what_no_key_opens_is_counted_and_left(database: Database, firm: Firm) -> None:
    await database.write(fill, firm, 1)
    found = await database.write(resealing.reseal, Vault(NEW))
    assert found == Resealed(0, len(SPOTS) + len(SETTINGS))
    assert len(await database.read(opened, SECRET)) == len(SPOTS) + len(SETTINGS)


def test_answers_to_what_an_old_key_signed_still_join() -> None:
    address = make_reply_address(SECRET, 1042, SUPPORT)
    message_id = make_message_id(SECRET, 1042, "congty.example")
    for key, joins in ((SECRET, 1042), (BOTH, 1042), (NEW, None)):
        assert conversation_of(key, [message_id], []) == joins
        assert conversation_of(key, [], [address]) == joins
    fresh = make_reply_address(BOTH, 1042, SUPPORT)
    assert conversation_of(NEW, [], [fresh]) == 1042
    assert conversation_of(SECRET, [], [fresh]) is None


def test_the_file_keeps_the_keys_from_before(tmp_path: Path) -> None:
    def keys() -> tuple[bytes, ...]:
        return all_of(Settings(data_dir=tmp_path).secret)

    with pytest.raises(Invalid):
        renew_secret(tmp_path)
    ensure_secret(tmp_path)
    (first,) = keys()
    renew_secret(tmp_path)
    renew_secret(tmp_path)
    assert len(set(keys())) == 3
    assert keys()[-1] == first
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    newest = keys()[0]
    assert forget_secrets(tmp_path) == 2
    assert keys() == (newest,)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_keys_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says what to do where the key is in no file of ours."""
    monkeypatch.setenv("KIP_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KIP_SECRET_KEY", "new-key")
    monkeypatch.setenv("KIP_SECRET_KEYS_BEFORE", "old-1 old-2 new-key")
    get_settings.cache_clear()
    try:
        assert all_of(get_settings().secret) == (b"new-key", b"old-1", b"old-2")
        said = CliRunner().invoke(kip, ["key", "new"])
        assert isinstance(said.exception, Invalid)
        assert "KIP_SECRET_KEYS_BEFORE" in said.exception.message
    finally:
        get_settings.cache_clear()
