"""Webhooks to other systems: signed, the same id on every try, nothing lost, no words told."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox import conversations, jobs
from inbox.closing import reopen, resolve
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.escalation import fire_due_steps
from inbox.hooks import managing, queue, sending
from inbox.hooks.managing import Entered
from inbox.hooks.payload import PLAIN, TIMES
from inbox.hooks.sending import HookSend
from inbox.rulebook import load_rulebook
from inbox.satisfaction.answering import rate
from inbox.settings import Settings
from inbox.store.hooks import KINDS
from inbox.vault import Vault
from inbox.views.api.shapes import ConversationItem
from models import (
    AuditEntry,
    HookOff,
    HookState,
    Outbox,
    Score,
    Webhook,
    WebhookDelivery,
)
from tests.conftest import Clock
from tests.factories import (
    NOW,
    SECRET,
    Firm,
    arrive,
    conversation,
    everything,
    make_message,
)
from tests.hookserver import Receiver, start_receiver

VAULT = Vault(SECRET)
PATH = "/hear"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with start_receiver() as server:
        yield server


@pytest.fixture
def settings(receiver: Receiver, settings: Settings) -> Settings:
    return settings.model_copy(update={"hook_receivers": receiver.origin})


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the clock of what sends."""
    stopped = Clock()
    monkeypatch.setattr(sending, "utcnow", stopped)
    return stopped


@pytest.fixture
def send(database: Database, settings: Settings, now: Clock) -> HookSend:
    return HookSend(database, settings, SECRET)


async def add(
    database: Database, firm: Firm, receiver: Receiver, kinds: tuple[str, ...] = KINDS
) -> tuple[int, str]:
    """Add a webhook; return its id and secret."""
    own = frozenset({receiver.origin})
    entered = Entered("CRM", receiver.origin + PATH, kinds)
    how: dict[str, Any] = {"by": firm.admin.id, "now": NOW}
    return await database.write(managing.add_hook, entered, VAULT, own, **how)


async def work(send: HookSend) -> None:
    """Send what is due, and wait for it."""
    await send.once()
    await send.settled()


async def rows(database: Database) -> list[WebhookDelivery]:
    found: list[WebhookDelivery] = await database.read(everything, WebhookDelivery)
    return sorted(found, key=lambda one: one.id)


async def one_hook(database: Database) -> Webhook:
    (found,) = await database.read(everything, Webhook)
    return found  # type: ignore[no-any-return]


def opened(session: Session, firm: Firm, text: str = "Máy không lên.") -> int:
    """Let a customer open a conversation."""
    return arrive(session, firm, make_message(text))


async def test_what_happens_is_told_signed_and_without_words(
    database: Database, firm: Firm, receiver: Receiver, send: HookSend
) -> None:
    """R25, F101: id, time and HMAC; codes and numbers of it, and no customer's word."""
    _, secret = await add(database, firm, receiver)

    def live(session: Session) -> int:
        number = opened(session, firm, "Bí mật của chị Lan")
        row = conversation(session, number)
        conversations.claim(session, row, by=firm.an, now=NOW)
        conversations.reply(session, row, text="Vâng ạ.", house=firm.house, by=firm.an, now=NOW)
        resolve(session, conversation(session, number), by=firm.an, now=NOW)
        book = load_rulebook(session)
        reopen(session, conversation(session, number), book, by=firm.an, now=NOW)
        return number

    number = await database.write(live)
    await work(send)

    told = sorted(set(receiver.types()))
    assert told == sorted(
        {"message.received", "conversation.opened", "conversation.assigned", "reply.sent"}
        | {"conversation.resolved", "conversation.reopened"}
    )
    assert all(one.is_signed_by(secret) for one in receiver.heard)
    assert {one.path for one in receiver.heard} == {PATH}
    first = next(one for one in receiver.heard if one.event["type"] == "conversation.opened")
    assert first.headers["content-type"] == "application/json"
    assert first.event["version"] == 1
    assert first.event["timestamp"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    said = first.event["data"]["conversation"]
    assert (said["number"], said["team"]) == (number, "Bán hàng")
    reply = next(one for one in receiver.heard if one.event["type"] == "reply.sent")
    assert reply.event["data"]["actor"] == firm.an.email
    everything_said = b"".join(one.body for one in receiver.heard).decode()
    assert "Lan" not in everything_said
    assert "Bí mật" not in everything_said
    assert "khach.example" not in everything_said
    states = {row.state for row in await rows(database)}
    assert states == {HookState.SENT}


async def test_deadlines_and_stars_are_told(
    database: Database, firm: Firm, receiver: Receiver, send: HookSend, now: Clock
) -> None:
    """A warning says of which clock; a rating its score, and no comment."""
    await add(
        database, firm, receiver, ("clock.warned", "clock.breached", "satisfaction.given")
    )

    def live(session: Session) -> None:
        number = opened(session, firm)
        session.flush()
        fire_due_steps(session, firm.house, NOW + timedelta(minutes=30))
        fire_due_steps(session, firm.house, NOW + timedelta(minutes=61))
        resolve(session, conversation(session, number), by=firm.an, now=NOW, reason="duplicate")
        session.expire_all()
        rate(session, conversation(session, number), Score.BAD, "Tệ quá", NOW)

    await database.write(live)
    now.forward(hours=2)
    await work(send)

    told = {one.event["type"]: one.event["data"] for one in receiver.heard}
    assert set(told) == {"clock.warned", "clock.breached", "satisfaction.given"}
    assert told["clock.warned"]["clock"] == "first_response"
    assert told["clock.breached"]["step"] == "due"
    assert told["satisfaction.given"]["score"] == "bad"
    assert "Tệ" not in b"".join(one.body for one in receiver.heard).decode()


def test_nothing_is_told_that_the_api_does_not_show() -> None:
    shown = set(ConversationItem.__struct_fields__)
    assert {*PLAIN, *TIMES, "number", "team", "owner", "sla_state"} == shown - {
        *("subject", "contact", "request_type_confidence", "urgency_confidence"),
    }


async def test_what_is_taken_back_is_not_told(
    database: Database, firm: Firm, receiver: Receiver, send: HookSend
) -> None:
    """The row goes with the event: neither without the other."""
    await add(database, firm, receiver)

    def fail(session: Session) -> None:
        try:
            with session.begin_nested():
                opened(session, firm)
                raise ValueError("a bug")
        except ValueError:
            opened(session, firm)

    await database.write(fail)
    await work(send)

    assert receiver.types().count("conversation.opened") == 1


async def test_only_what_is_listened_for(
    database: Database, firm: Firm, receiver: Receiver, send: HookSend
) -> None:
    await add(database, firm, receiver, ("conversation.opened",))
    await database.write(opened, firm)
    await work(send)

    assert receiver.types() == ["conversation.opened"]


async def test_the_id_and_body_are_the_same_on_every_try(
    database: Database, firm: Firm, receiver: Receiver, send: HookSend, now: Clock
) -> None:
    """R25: through errors, a date to wait for, and a redirect that is not followed."""
    await add(database, firm, receiver, ("conversation.opened",))
    elsewhere = {"location": f"{receiver.origin}/elsewhere"}
    receiver.answers = [
        (500, {}, b"Oops"),
        (503, {"retry-after": "600"}, b""),
        (429, {"retry-after": "Mon, 02 Mar 2099 00:00:00 GMT"}, b""),
        (302, elsewhere, b""),
    ]
    await database.write(opened, firm)

    gaps = []
    for _ in range(5):
        await work(send)
        (row,) = await rows(database)
        gaps.append((row.next_at - now()).total_seconds())
        now.now = max(row.next_at, now())

    assert len({one.id for one in receiver.heard}) == 1
    assert len({one.body for one in receiver.heard}) == 1
    assert len({one.headers["webhook-timestamp"] for one in receiver.heard}) == 5
    assert {one.path for one in receiver.heard} == {PATH}
    assert 4 <= gaps[0] <= 6
    assert gaps[1] == pytest.approx(600)
    assert gaps[2] == pytest.approx(queue.LONGEST_WAIT_S)
    assert row.state is HookState.SENT
    assert (row.attempts, row.code) == (5, 204)


async def test_after_a_day_it_is_given_up_and_can_be_sent_again(
    database: Database, firm: Firm, receiver: Receiver, send: HookSend, now: Clock
) -> None:
    """F101: by hand, with the same id."""
    hook_id, _ = await add(database, firm, receiver, ("conversation.opened",))
    receiver.answers = [(500, {}, b"down")] * 9
    await database.write(opened, firm)
    for _ in range(9):
        await work(send)
        (row,) = await rows(database)
        if row.state is HookState.WAITING:
            now.now = row.next_at
    assert row.state is HookState.FAILED
    assert timedelta(hours=20) < now() - NOW < timedelta(hours=28)
    assert (row.code, row.answer) == (500, "down")

    await database.write(managing.send_again, hook_id, row.id, now=now())
    await work(send)

    (row,) = await rows(database)
    assert row.state is HookState.SENT
    assert len({one.id for one in receiver.heard}) == 1
    assert len(receiver.heard) == 10
    assert (await one_hook(database)).failing_since is None


async def test_gone_switches_it_off_and_administrators_hear_it_once(
    database: Database, firm: Firm, receiver: Receiver, send: HookSend
) -> None:
    await add(database, firm, receiver)
    receiver.answers = [(410, {}, b"")] * 20
    await database.write(opened, firm)
    await work(send)
    heard = len(receiver.heard)
    await database.write(opened, firm)
    await work(send)

    assert (await one_hook(database)).off is HookOff.GONE
    assert len(receiver.heard) == heard
    assert HookState.WAITING not in {row.state for row in await rows(database)}
    mails = [one for one in await database.read(everything, Outbox) if "facts" in one.mail]
    assert [one.to_address for one in mails if one.mail["template"] == "webhook_off"] == [
        firm.admin.email
    ]
    entries = await database.read(everything, AuditEntry)
    assert entries[-1].after == {"name": "CRM", "reason": "gone"}


async def test_failing_for_two_days_pauses_it_and_nothing_is_lost(
    database: Database, firm: Firm, receiver: Receiver, send: HookSend, now: Clock
) -> None:
    """One alarm; what happens meanwhile leaves when it is switched on again."""
    hook_id, _ = await add(database, firm, receiver, ("conversation.opened",))
    receiver.answers = [(500, {}, b"")] * 12
    for hours in (0, 0, 0, 0, 48.5):
        now.forward(hours=hours)
        await database.write(opened, firm)
        await work(send)
    assert (await one_hook(database)).off is HookOff.FAILING
    tries = len(receiver.heard)
    await database.write(opened, firm)
    now.forward(hours=3)
    await work(send)
    assert len(receiver.heard) == tries
    mails = [one for one in await database.read(everything, Outbox) if "facts" in one.mail]
    assert [one.mail["template"] for one in mails].count("webhook_off") == 1

    receiver.answers.clear()
    how: dict[str, Any] = {"on": True, "by": firm.admin.id, "now": now()}
    await database.write(managing.switch, hook_id, **how)
    await work(send)

    assert {row.state for row in await rows(database)} == {HookState.SENT}
    assert len(await rows(database)) == 6


async def test_both_secrets_sign_for_a_day(
    database: Database, firm: Firm, receiver: Receiver, send: HookSend, now: Clock
) -> None:
    hook_id, old = await add(database, firm, receiver)
    how: dict[str, Any] = {"by": firm.admin.id, "now": NOW}
    new = await database.write(managing.renew_secret, hook_id, VAULT, **how)

    for hours in (23, 2):
        await database.write(managing.send_test, hook_id, by=firm.admin.id, now=now())
        now.forward(hours=hours)
        await work(send)

    first, second = receiver.heard
    assert first.event["type"] == "test"
    assert (first.is_signed_by(old), first.is_signed_by(new)) == (True, True)
    assert (second.is_signed_by(old), second.is_signed_by(new)) == (False, True)
    kept = await one_hook(database)
    assert old not in kept.secret + kept.old_secret
    assert "whsec_" not in str(
        [row.after for row in await database.read(everything, AuditEntry)]
    )
    await database.write(queue.forget_old, now())
    assert (await one_hook(database)).old_secret == ""


PRIVATE = (
    *("http://127.0.0.1:9/", "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.8/x"),
    *("https://169.254.169.254/latest", "https://[::ffff:127.0.0.1]/", "http://example.com/"),
    *("https://user@example.com/", "https://example.com:8443/", "ftp://example.com/", "x"),
)


@pytest.mark.one_database
async def test_no_private_address_is_taken(database: Database, firm: Firm) -> None:
    """F101, S15."""
    how: dict[str, Any] = {"by": firm.admin.id, "now": NOW}
    for url in PRIVATE:
        entered = Entered("CRM", url, KINDS)
        with pytest.raises(Invalid) as refused:
            await database.write(managing.add_hook, entered, VAULT, frozenset(), **how)
        assert set(refused.value.fields) == {"url"}, url


async def test_a_name_that_leads_inside_is_not_called(
    database: Database, firm: Firm, receiver: Receiver, settings: Settings, now: Clock
) -> None:
    """S15: the name is looked up when it is called, and no packet goes to what it says then."""
    await add(database, firm, receiver)
    strict = settings.model_copy(update={"hook_receivers": ""})
    await database.write(opened, firm)

    def point(session: Session) -> None:
        (hook,) = everything(session, Webhook)
        hook.url = "https://localhost/hear"

    await database.write(point)
    await work(HookSend(database, strict, SECRET))

    assert receiver.heard == []
    assert {row.error for row in await rows(database)} == {
        "This address leads into a private network."
    }


async def test_workers_share_without_telling_twice(
    database: Database, firm: Firm, receiver: Receiver, settings: Settings, now: Clock
) -> None:
    """R25: three workers at once, each event once, more than one claim takes."""
    await add(database, firm, receiver, ("conversation.opened",))

    def many(session: Session) -> None:
        for _ in range(12):
            opened(session, firm)

    await database.write(many)
    workers = [HookSend(database, settings, SECRET) for _ in range(3)]

    await asyncio.gather(*(work(one) for one in workers))

    assert len(receiver.heard) == 12
    assert len({one.id for one in receiver.heard}) == 12


CHILD = """
import asyncio, sys
from inbox.db import Database
from inbox.hooks.sending import HookSend
from inbox.settings import Settings

async def main() -> None:
    database = Database(sys.argv[1])
    settings = Settings.model_construct(hook_receivers=sys.argv[2])
    send = HookSend(database, settings, sys.argv[3].encode())
    await send.once()
    await send.settled()

asyncio.run(main())
"""


@pytest.mark.one_database
async def test_a_worker_killed_after_sending_sends_the_same_id_again(
    database: Database,
    database_url: str,
    firm: Firm,
    receiver: Receiver,
    send: HookSend,
    now: Clock,
) -> None:
    """R25, R12: the receiver has it, we do not know; it comes again and can be told as such."""
    await add(database, firm, receiver, ("conversation.opened",))
    await database.write(opened, firm)
    arguments = [database_url, receiver.origin, SECRET.decode()]
    child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments])
    receiver.before_answer = lambda: os.kill(child.pid, signal.SIGKILL)

    assert await asyncio.to_thread(child.wait, 60) == -signal.SIGKILL
    (row,) = await rows(database)
    assert (row.state, row.attempts) == (HookState.WAITING, 1)
    receiver.before_answer = lambda: None
    now.now = row.next_at - timedelta(seconds=1)
    await work(send)
    assert len(receiver.heard) == 1  # its lease still runs
    now.forward(seconds=1)
    await work(send)

    first, second = receiver.heard
    assert (first.id, first.body) == (second.id, second.body)
    assert [one.state for one in await rows(database)] == [HookState.SENT]


async def test_off_hears_nothing_and_sends_nothing(
    database: Database, firm: Firm, receiver: Receiver, send: HookSend
) -> None:
    hook_id, _ = await add(database, firm, receiver, ("conversation.opened",))
    await database.write(opened, firm)
    how: dict[str, Any] = {"by": firm.admin.id, "now": NOW}
    await database.write(managing.switch, hook_id, on=False, **how)
    await database.write(opened, firm)
    await work(send)

    (row,) = await rows(database)
    assert (row.state, receiver.heard) == (HookState.DROPPED, [])
    with pytest.raises(Conflict):
        await database.write(managing.send_again, hook_id, row.id, now=NOW)


async def test_what_ended_a_week_ago_is_forgotten(
    database: Database,
    firm: Firm,
    receiver: Receiver,
    send: HookSend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await add(database, firm, receiver, ("conversation.opened",))
    await database.write(opened, firm)
    await work(send)
    await database.write(opened, firm)

    monkeypatch.setattr(jobs, "utcnow", lambda: NOW + timedelta(days=8))
    await jobs.tidy({"database": database})

    assert [row.state for row in await rows(database)] == [HookState.WAITING]
