"""The line of raw messages: leases, strikes, quarantine and the way out of it."""

from datetime import datetime, timedelta

from sqlmodel import Session

from inbox.db import Database
from inbox.intake import Incoming, take_in
from inbox.store import raw as raws
from inbox.store.raw import LEASE, MAX_ATTEMPTS, Claimed
from models import Conversation, Message, Outbox, RawMessage, RawState
from tests.factories import (
    NOW,
    Firm,
    context,
    everything,
    make_mail,
    make_message,
    prediction,
    stage_mail,
)

SECOND = timedelta(seconds=1)


def _finish(session: Session, firm: Firm, claimed: Claimed, now: datetime) -> int:
    incoming = Incoming(claimed, make_message(), prediction())
    return take_in(session, incoming, context(session, firm), now)


async def test_a_lease_keeps_others_away_until_it_ends(database: Database, firm: Firm) -> None:
    await database.write(stage_mail, firm, make_mail())

    mine = await database.write(raws.claim, NOW, 20)
    early = await database.write(raws.claim, NOW + LEASE - SECOND, 20)
    renewed = [one.id for one in mine]
    await database.write(raws.renew, renewed, NOW + LEASE - SECOND)
    after_renewal = await database.write(raws.claim, NOW + LEASE, 20)
    late = await database.write(raws.claim, NOW + 2 * LEASE, 20)

    assert [len(mine), len(early), len(after_renewal), len(late)] == [1, 0, 0, 1]
    assert late[0].attempts == 2


async def test_killed_twenty_times_it_is_neither_lost_nor_taken_in_twice(
    database: Database, firm: Firm
) -> None:
    """R12: each worker claims, some even take in, and dies before its commit."""
    await database.write(stage_mail, firm, make_mail())

    class KilledError(Exception):
        """The process ends here."""

    def die_in_the_middle(session: Session, now: datetime) -> None:
        (claimed,) = raws.claim(session, now, 20)
        _finish(session, firm, claimed, now)
        raise KilledError

    now = NOW
    for death in range(20):
        now += LEASE
        if death % 2:
            await database.write(raws.claim, now, 20)
            continue
        try:
            await database.write(die_in_the_middle, now)
        except KilledError:
            continue

    now += LEASE
    (claimed,) = await database.write(raws.claim, now, 20)
    numbers = [
        await database.write(_finish, firm, claimed, now),
        await database.write(_finish, firm, claimed, now),  # a worker that was thought dead
    ]
    left = await database.write(raws.claim, now + 10 * LEASE, 20)

    assert left == []
    assert numbers[0] == numbers[1]
    for table in (Conversation, Message, Outbox):
        assert len(await database.read(lambda session, t=table: everything(session, t))) == 1


async def test_what_kills_every_worker_ends_in_quarantine(
    database: Database, firm: Firm
) -> None:
    """R13: it does not go round for ever."""
    staged = await database.write(stage_mail, firm, make_mail())
    now = NOW
    for _ in range(MAX_ATTEMPTS):
        assert len(await database.write(raws.claim, now, 20)) == 1
        now += LEASE

    assert await database.write(raws.claim, now, 20) == []
    found = await database.read(raws.find_quarantined, staged.id)

    assert found is not None
    assert "died" in found.error


async def test_three_strikes_put_it_aside_readable_and_to_be_tried_again(
    database: Database, firm: Firm
) -> None:
    """F7, R13."""
    mail = make_mail()
    staged = await database.write(stage_mail, firm, mail)
    now = NOW
    over = []
    for _ in range(3):
        assert len(await database.write(raws.claim, now, 20)) == 1
        over.append(await database.write(raws.fail, staged.id, "It is broken.", now))
        now += 2 * LEASE

    listed = await database.read(raws.list_quarantined)
    kept = await database.read(raws.find_quarantined, staged.id)
    idle = await database.write(raws.claim, now, 20)
    again = await database.write(raws.try_again, staged.id, now)
    twice = await database.write(raws.try_again, staged.id, now)
    (claimed,) = await database.write(raws.claim, now, 20)

    assert over == [False, False, True]
    assert kept is not None
    assert (kept.body, kept.error) == (mail, "It is broken.")
    assert [row.id for row in listed] == [staged.id]
    assert idle == []
    assert (again, twice) == (True, False)
    assert (claimed.body, claimed.attempts) == (mail, 1)


async def test_a_strike_sends_it_behind_those_that_wait(database: Database, firm: Firm) -> None:
    """R14: a poisonous message is never at the head of the line again."""
    poison = await database.write(stage_mail, firm, make_mail("Hỏng"))
    await database.write(raws.claim, NOW, 1)
    await database.write(raws.fail, poison.id, "It is broken.", NOW)
    good = await database.write(stage_mail, firm, make_mail("Tốt"), NOW + SECOND / 2)

    line = await database.write(raws.claim, NOW + SECOND, 1)

    assert [one.id for one in line] == [good.id]


async def test_a_strike_after_it_was_done_changes_nothing(
    database: Database, firm: Firm
) -> None:
    await database.write(stage_mail, firm, make_mail())
    (claimed,) = await database.write(raws.claim, NOW, 20)
    await database.write(_finish, firm, claimed, NOW)

    over = await database.write(raws.fail, claimed.id, "too late", NOW)

    (row,) = await database.read(lambda session: everything(session, RawMessage))
    assert not over
    assert (row.state, row.failures, row.error) == (RawState.DONE, 0, "")


async def test_waiting_is_seen_without_a_claim(database: Database, firm: Firm) -> None:
    before = await database.read(raws.waits, NOW)
    await database.write(stage_mail, firm, make_mail())

    assert not before
    assert await database.read(raws.waits, NOW)
    await database.write(raws.claim, NOW, 20)
    assert not await database.read(raws.waits, NOW)
