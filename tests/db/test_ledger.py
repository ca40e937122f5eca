"""The mail ledger: every mail that was seen is in exactly one state."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.addressing import make_message_id
from inbox.channels.mime import dedupe_key, parse
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.intake import Incoming, take_in
from inbox.later import ignoring
from inbox.later.rule import Ignored
from inbox.staging import Arrival, stage
from inbox.store import ledger
from inbox.store import raw as raws
from inbox.store.ledger import Place, Sighting, Wanted
from models import (
    ChannelKind,
    Conversation,
    LedgerEntry,
    LedgerState,
    LedgerVia,
    MailRule,
    RawMessage,
    RawState,
    RuleField,
)
from models.base import columns
from tests.factories import NOW, Firm, context, everything, make_mail, prediction

SENDER = {"from": "Lan <lan@khach.example>", "subject": "Máy lọc nước"}


def arrival(firm: Firm, mail: bytes, **values: Any) -> Arrival:
    key = dedupe_key(firm.mail, mail)
    return Arrival(firm.mail, ChannelKind.EMAIL, key, mail, {}, **values)


def entries(session: Session) -> list[LedgerEntry]:
    return everything(session, LedgerEntry)


def _read(session: Session, firm: Firm, raw_id: int, rules: tuple[Ignored, ...] = ()) -> int:
    """Take a stored mail in as the worker does; 0 if a rule keeps it away."""
    row = session.get_one(RawMessage, raw_id, populate_existing=True)
    names = raws.Claimed.__dataclass_fields__
    claimed = raws.Claimed(**{name: getattr(row, name) for name in names})
    incoming = Incoming(claimed, parse(row.body), prediction())
    around = context(session, firm, ignoring=rules)
    if ignoring.ignore(session, incoming, around):
        return 0
    return take_in(session, incoming, around, NOW)


async def test_a_mail_is_waiting_then_accepted_and_its_copy_is_a_duplicate(
    database: Database, firm: Firm
) -> None:
    """F6: one row a sighting, each in one state."""
    mail = make_mail(**SENDER)
    staged = await database.write(stage, arrival(firm, mail), NOW)
    assert [one.state for one in await database.read(entries)] == [LedgerState.WAITING]

    await database.write(_read, firm, staged.id)
    again = await database.write(stage, arrival(firm, mail, via=LedgerVia.PIPE), NOW)

    first, copy = await database.read(entries)
    assert (first.state, first.via, first.raw_id) == ("accepted", "smtp", staged.id)
    assert (first.sender, first.subject) == ("lan@khach.example", "Máy lọc nước")
    assert (copy.state, copy.via, copy.raw_id) == ("duplicate", "pipe", again.id)
    assert copy.subject == "Máy lọc nước"


async def test_the_same_place_in_a_mailbox_is_one_sighting(
    database: Database, firm: Firm
) -> None:
    """F2: fetched again after a crash it is the same mail; elsewhere it is a copy."""
    mail = make_mail(**SENDER)
    for uid in (7, 7, 8):
        seen = arrival(firm, mail, via=LedgerVia.IMAP, place=Place(3, 77, uid))
        await database.write(stage, seen, NOW)

    found = [(one.uid, one.state) for one in await database.read(entries)]
    assert found == [(7, LedgerState.WAITING), (8, LedgerState.DUPLICATE)]


async def test_what_was_left_in_the_mailbox_becomes_what_it_is_once_it_comes(
    database: Database, firm: Firm
) -> None:
    place = Place(3, 77, 7)
    state, via = LedgerState.QUARANTINED, LedgerVia.IMAP
    left = Sighting(firm.mail, state, via, place, reason="It has 40 MiB.")
    await database.write(ledger.sight, left, NOW)

    await database.write(stage, arrival(firm, make_mail(), via=via, place=place), NOW)

    (entry,) = await database.read(entries)
    assert (entry.state, entry.reason) == (LedgerState.WAITING, "")
    assert entry.raw_id is not None


async def test_machines_mail_is_automatic(database: Database, firm: Firm) -> None:
    mail = make_mail(**SENDER, auto_submitted="auto-replied")
    staged = await database.write(stage, arrival(firm, mail), NOW)

    await database.write(_read, firm, staged.id)

    assert [one.state for one in await database.read(entries)] == [LedgerState.AUTOMATIC]


async def test_quarantine_and_replay_are_in_the_ledger(database: Database, firm: Firm) -> None:
    """F7: kept raw, shown with the reason, and tried again by a person."""
    staged = await database.write(stage, arrival(firm, make_mail(**SENDER)), NOW)
    for _ in range(raws.MAX_FAILURES):
        await database.write(raws.fail, staged.id, "It is broken.", NOW)
    (held,) = await database.read(entries)
    assert (held.state, held.reason) == (LedgerState.QUARANTINED, "It is broken.")

    assert await database.write(raws.try_again, staged.id, NOW, by=firm.dung.id)

    assert [one.state for one in await database.read(entries)] == [LedgerState.WAITING]


@pytest.mark.parametrize(
    ("field", "pattern"),
    [
        (RuleField.SENDER, "lan@khach.example"),
        (RuleField.SENDER, "@khach.example"),
        (RuleField.SENDER, "@example"),
        (RuleField.SUBJECT, "lọc nước"),
    ],
)
async def test_a_rule_keeps_mail_away_and_a_click_takes_it_in(
    database: Database, firm: Firm, field: RuleField, pattern: str
) -> None:
    rules = (Ignored(None, field, pattern, "Bản tin"),)
    staged = await database.write(stage, arrival(firm, make_mail(**SENDER)), NOW)

    assert await database.write(_read, firm, staged.id, rules) == 0

    (entry,) = await database.read(entries)
    assert (entry.state, entry.reason) == (LedgerState.IGNORED, "Bản tin")
    assert await database.read(everything, Conversation) == []
    assert await database.write(ignoring.take, staged.id, by=firm.dung.id, now=NOW)
    assert not await database.write(ignoring.take, staged.id, by=firm.dung.id, now=NOW)
    assert await database.write(_read, firm, staged.id, rules) > 0
    (entry,) = await database.read(entries)
    assert (entry.state, entry.reason) == (LedgerState.ACCEPTED, "")


async def test_rules_are_for_their_inbox_and_for_what_they_say(
    database: Database, firm: Firm
) -> None:
    others = (
        Ignored(firm.form, RuleField.SENDER, "lan@khach.example", "another inbox"),
        Ignored(None, RuleField.SENDER, "an@khach.example", "another person"),
        Ignored(None, RuleField.SENDER, "@hach.example", "another domain"),
        Ignored(None, RuleField.SUBJECT, "lan@khach.example", "another field"),
    )
    staged = await database.write(stage, arrival(firm, make_mail(**SENDER)), NOW)

    assert await database.write(_read, firm, staged.id, others) > 0


async def test_an_answer_to_us_is_never_ignored(database: Database, firm: Firm) -> None:
    staged = await database.write(stage, arrival(firm, make_mail(**SENDER)), NOW)
    number = await database.write(_read, firm, staged.id)
    ours = make_message_id(firm.house.secret, number, "congty.example")
    answer = arrival(firm, make_mail("Còn nữa.", **SENDER, in_reply_to=ours))
    staged = await database.write(stage, answer, NOW)

    rules = (Ignored(None, RuleField.SENDER, "@khach.example", "Bản tin"),)
    assert await database.write(_read, firm, staged.id, rules) == number


async def test_rules_are_checked_and_end(database: Database, firm: Firm) -> None:
    async def add(field: str, pattern: str, reason: str = "Bản tin") -> int:
        who = {"by": firm.admin.id, "now": NOW}
        return await database.write(ignoring.add_rule, field, pattern, reason, firm.mail, **who)

    number = await add("sender", "  Tin@Shop.example ")
    with pytest.raises(Conflict):
        await add("sender", "tin@shop.example")
    for wrong in (("sender", "shop"), ("sender", "@a"), ("subject", "ab"), ("body", "abc")):
        with pytest.raises(Invalid):
            await add(*wrong)
    with pytest.raises(Invalid):
        await add("subject", "giảm giá", "")
    assert await database.read(ignoring.load_rules) == (
        Ignored(firm.mail, RuleField.SENDER, "tin@shop.example", "Bản tin"),
    )

    await database.write(ignoring.remove_rule, number, by=firm.admin.id, now=NOW)
    assert await database.read(everything, MailRule) == []


async def test_the_page_is_filtered_and_searched(database: Database, firm: Firm) -> None:
    def fill(session: Session) -> None:
        for number in range(ledger.PAGE + 5):
            state = LedgerState.IGNORED if number % 10 == 0 else LedgerState.ACCEPTED
            sender, subject = f"k{number}@khach.example", "Giảm 50%" if number == 3 else "Máy"
            seen = Sighting(firm.mail, state, sender=sender, subject=subject)
            ledger.sight(session, seen, NOW)

    await database.write(fill)

    async def page(**values: Any) -> list[str]:
        found = await database.read(ledger.list_entries, Wanted(**values))
        return [one.sender.partition("@")[0] for one in found]

    assert len(await page()) == ledger.PAGE + 1
    assert await page(state=LedgerState.IGNORED) == ["k50", "k40", "k30", "k20", "k10", "k0"]
    assert await page(words="50%") == ["k3"]
    assert await page(words="K12@") == ["k12"]
    assert await page(inbox_id=firm.form) == []
    last = (await database.read(ledger.list_entries, Wanted()))[ledger.PAGE - 1]
    assert await page(before=last.id) == ["k4", "k3", "k2", "k1", "k0"]


async def test_days_are_counted_by_state(database: Database, firm: Firm) -> None:
    day = timedelta(days=1)

    def fill(session: Session) -> None:
        for back, state in ((0, "accepted"), (0, "accepted"), (1, "duplicate"), (9, "ignored")):
            seen = Sighting(firm.mail, LedgerState(state))
            ledger.sight(session, seen, NOW - back * day)

    await database.write(fill)

    bounds = [NOW - 2 * day, NOW - day, NOW, NOW + day]
    counts = await database.read(ledger.count_days, bounds)

    accepted, copies = LedgerState.ACCEPTED, LedgerState.DUPLICATE
    assert counts == {0: {}, 1: {copies: 1}, 2: {accepted: 2}}


async def test_opening_an_inbox_again_lets_its_held_mail_wait(
    database: Database, firm: Firm
) -> None:
    staged = await database.write(stage, arrival(firm, make_mail(**SENDER)), NOW)
    for _ in range(raws.MAX_FAILURES):
        await database.write(raws.fail, staged.id, "closed", NOW)

    def reopen(session: Session) -> None:
        pending = {"state": RawState.PENDING}
        session.execute(
            update(RawMessage).where(columns(RawMessage).id == staged.id).values(**pending)
        )
        ledger.wait_again(session, firm.mail)

    await database.write(reopen)

    assert [one.state for one in await database.read(entries)] == [LedgerState.WAITING]
