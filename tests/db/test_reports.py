"""The report on promises: what counts, for which day, and that it stays so (F92-F96, F139)."""

import random
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox import closing, conversations, corrections
from inbox.db import Database
from inbox.reporting.closing import Close, close_next, open_facts
from inbox.reporting.days import Stamps, decide
from inbox.rulebook import load_rulebook
from inbox.store import reports
from inbox.store.reports import Listed, Sums, Wanted
from models import (
    Calendar,
    ChannelKind,
    ClockKind,
    Contact,
    Conversation,
    EventKind,
    Outcome,
    SLAClock,
    Status,
)
from models.base import columns
from models.report import STAGES
from tests.conftest import Clock
from tests.factories import (
    NOW,
    ZONE,
    Firm,
    arrive,
    clocks_of,
    conversation,
    make_message,
    prediction,
)

HERE = ZoneInfo(ZONE)
ALWAYS = Wanted(date(2026, 1, 1), date(2026, 12, 31))
KINDS = ("first_response", "next_response", "resolution", "word")
TYPES = ("product_advice", "technical_support", "complaint")


def _day(at: datetime) -> date:
    return at.astimezone(HERE).date()


async def _sums(
    database: Database, by: str, now: datetime, wanted: Wanted = ALWAYS, **named: Any
) -> dict[Any, Sums]:
    def load(session: Session) -> dict[Any, Sums]:
        cells = reports.fold(open_facts(session, now))
        return reports.sum_by(session, wanted, by, cells, **named)

    return await database.read(load)


async def _all(database: Database, now: datetime, wanted: Wanted = ALWAYS) -> Sums:
    total = Sums()
    for sums in (await _sums(database, "day", now, wanted, with_times=True)).values():
        total.add(sums)
    return total


async def _close_until(database: Database, now: datetime) -> int:
    closed = 0
    while await close_next(database, now):
        closed += 1
    return closed


def _random_clocks(session: Session, firm: Firm, count: int) -> None:
    """Write conversations of twelve days whose clocks stand in every way there is."""
    rng = random.Random(92)
    calendar = session.execute(select(Calendar)).scalars().first()
    assert calendar is not None
    for n in range(count):
        contact = Contact(tier=rng.choice(["standard", "vip"]), created_at=NOW)
        session.add(contact)
        session.flush()
        created = NOW + timedelta(seconds=rng.randrange(12 * 86400))
        talk = Conversation(
            public_token=f"random-{n}",
            inbox_id=firm.mail,
            contact_id=contact.id,
            channel=rng.choice([ChannelKind.EMAIL, ChannelKind.FORM]),
            request_type=rng.choice(TYPES),
            team_id=rng.choice([firm.sales, firm.tech, None]),
            owner_id=rng.choice([firm.an.id, firm.chi.id, None]),
            status=rng.choice([Status.OPEN, Status.RESOLVED]),
            order_at=created,
            created_at=created,
        )
        session.add(talk)
        session.flush()
        for kind in ClockKind:
            session.add(_random_clock(rng, talk, kind, calendar.id))


def _random_clock(
    rng: random.Random, talk: Conversation, kind: ClockKind, calendar_id: int
) -> SLAClock:
    def later(hours: int) -> datetime:
        return talk.created_at + timedelta(seconds=rng.randrange(hours * 3600))

    due = later(60)
    how = rng.choice(["met", "met", "met", "exact", "live", "cancelled", "paused", "breached"])
    return SLAClock(
        conversation_id=talk.id,
        kind=kind,
        policy="test",
        calendar_id=calendar_id,
        target_s=3600,
        started_at=talk.created_at,
        due_at=due,
        met_at={"met": later(80), "exact": due}.get(how),
        cancelled_at=later(80) if how == "cancelled" else None,
        excuse="duplicate" if how == "cancelled" else "",
        paused_at=later(60) if how == "paused" else None,
        breached_at=due - timedelta(hours=1) if how == "breached" else None,
    )


def _oracle(session: Session, now: datetime) -> dict[str, Counter[tuple[Any, str]]]:
    """Count every clock by hand; keys are (value, kind and outcome) by dimension."""
    found: dict[str, Counter[tuple[Any, str]]] = {
        name: Counter() for name in ("day", "type", "agent", "team", "channel", "tier", "hour")
    }
    query = select(SLAClock, Conversation, Contact).where(
        columns(Conversation).id == columns(SLAClock).conversation_id,
        columns(Contact).id == columns(Conversation).contact_id,
    )
    for clock, talk, contact in session.execute(query):
        ends = [at for at in (clock.met_at, clock.cancelled_at) if at is not None and at < now]
        stopped = ends[0] if ends else min(clock.paused_at or now, now)
        due = clock.breached_at or clock.due_at
        if (clock.breached_at is not None and clock.breached_at < now) or stopped > due:
            outcome, at = "missed", due
        elif not ends:
            continue
        else:
            outcome, at = ("excused" if clock.cancelled_at else "met"), ends[0]
        local = due.astimezone(HERE)
        place = {
            "day": _day(at),
            "type": talk.request_type,
            "agent": str(talk.owner_id or ""),
            "team": talk.team_id,
            "channel": talk.channel.value,
            "tier": contact.tier,
            "hour": str(local.weekday() * 24 + local.hour),
        }
        for name, value in place.items():
            found[name][(value, f"{clock.kind.value}_{outcome}")] += 1
    return found


@pytest.mark.parametrize("days_closed", [0, 6, 20])
async def test_every_way_of_adding_up_agrees_with_counting_by_hand(
    database: Database, firm: Firm, days_closed: int
) -> None:
    """F92 and DESIGN 36: in time + late = decided, over days, teams and hours."""
    await database.write(_random_clocks, firm, 90)
    now = NOW + timedelta(days=16, hours=5)
    for number in range(days_closed):  # each at its own time, as the worker does
        await close_next(database, NOW + timedelta(days=number + 1))

    expected = await database.read(_oracle, now)

    for by, counted in expected.items():
        sums = await _sums(database, by, now)
        found = Counter(
            {
                (value, name): n
                for value, one in sums.items()
                for name, n in one.counts.items()
                if name.startswith(KINDS)
            }
        )
        if by == "day" and days_closed:
            # What was only known later stands in the next open day.
            assert found.total() == counted.total()
        else:
            assert found == counted, by
    total = await _all(database, now)
    for kind in KINDS:
        by_hour = await _sums(database, "hour", now)
        assert total.decided(kind) == sum(one.decided(kind) for one in by_hour.values())
        assert total.decided(kind) > 50


async def test_days_closed_late_are_the_days_closed_in_time(
    database: Database, firm: Firm
) -> None:
    """A worker that was away for two weeks makes the same figures, day by day."""
    await database.write(_random_clocks, firm, 50)
    now = NOW + timedelta(days=16, hours=5)
    before = await _sums(database, "day", now, with_times=True)

    assert await _close_until(database, now) >= 14

    after = await _sums(database, "day", now, with_times=True)
    assert {day: one.counts for day, one in after.items()} == {
        day: one.counts for day, one in before.items()
    }
    assert await _close_until(database, now) == 0


async def test_the_list_behind_a_number_has_as_many_lines(
    database: Database, firm: Firm
) -> None:
    """F93: the same predicate, whether its day is closed or not."""
    await database.write(_random_clocks, firm, 50)
    now = NOW + timedelta(days=8)
    await _close_until(database, now)
    filters = {"type": "request_type", "agent": "agent_id", "team": "team_id"}
    filters |= {"channel": "channel", "tier": "tier", "hour": "slot", "cause": "cause"}
    some = 0
    for by, column in filters.items():
        for key, sums in (await _sums(database, by, now)).items():
            value = int(key or 0) if column in ("agent_id", "team_id", "slot") else key
            listed = Listed(
                ALWAYS.first,
                ALWAYS.last,
                "first_response",
                outcome="missed",
                **{column: value},  # type: ignore[arg-type]
            )
            booked = await database.read(reports.list_facts, listed, limit=1000)
            today = [one for one in await database.read(open_facts, now) if listed.takes(one)]
            number = sums.counts["first_response_missed"]
            assert len(booked) + len(today) == number, (by, key)
            assert await database.read(reports.count_facts, listed) == len(booked)
            some += number
    assert some > 50


async def test_yesterday_s_figures_are_the_same_next_month(
    database: Database, firm: Firm
) -> None:
    """F94: whatever is reopened, corrected, reassigned, solved or merged after the day."""

    def work(session: Session) -> tuple[int, int]:
        one = arrive(session, firm)
        two = arrive(session, firm, make_message(from_address="hai@khach.example"))
        later = NOW + timedelta(minutes=30)
        talk = conversation(session, one)
        conversations.reply(session, talk, "Vâng ạ.", firm.house, by=firm.an, now=later)
        closing.resolve(
            session,
            conversation(session, one),
            by=firm.an,
            now=later,
            reason="no_answer_needed",
        )
        return one, two

    one, two = await database.write(work)
    next_day = NOW + timedelta(days=1)
    assert await _close_until(database, next_day) == 1
    monday = Wanted(_day(NOW), _day(NOW))
    before = {by: await _sums(database, by, next_day, monday) for by in reports.BY}
    assert before["day"][_day(NOW)].counts["first_response_met"] == 1
    assert before["day"][_day(NOW)].counts["first_response_missed"] == 1

    def change(session: Session) -> None:
        rules = load_rulebook(session)
        at = next_day + timedelta(hours=1)
        closing.reopen(session, conversation(session, one), rules, by=firm.dung, now=at)
        talk = conversation(session, two)
        corrections.correct(
            session,
            talk,
            rules,
            firm.house,
            request_type="technical_support",
            urgency="low",
            by=firm.dung,
            now=at,
        )
        conversations.assign(
            session, conversation(session, two), firm.chi.id, by=firm.dung, now=at
        )
        two_ = conversation(session, two)
        closing.resolve(session, two_, by=firm.chi, now=at, reason="duplicate")
        for clock in clocks_of(session, one):
            clock.cancelled_at = at  # as a merge does
            session.add(clock)
        conversation(session, one).status = Status.MERGED

    await database.write(change)
    next_month = NOW + timedelta(days=31)
    assert await _close_until(database, next_month) == 30
    after = {by: await _sums(database, by, next_month, monday) for by in reports.BY}
    assert after == before


async def test_what_becomes_known_after_its_day_was_closed_counts_for_the_next(
    database: Database, firm: Firm
) -> None:
    """Nothing is lost and no closed figure moves: mail fetched after days without a worker."""
    await database.write(arrive, firm)
    tuesday = NOW + timedelta(days=1)
    assert await _close_until(database, tuesday) == 1
    await database.write(arrive, firm, at=NOW - timedelta(days=3), now=tuesday)

    days = await _sums(database, "day", tuesday)

    assert {day: one.counts["received"] for day, one in days.items()} == {
        _day(NOW): 1,
        _day(tuesday): 1,
    }
    late = await _close_until(database, tuesday + timedelta(days=1))
    assert late == 1
    again = await _sums(database, "day", tuesday + timedelta(days=1))
    assert again[_day(tuesday)].counts["received"] == 1


async def test_a_reopened_request_is_counted_once(database: Database, firm: Firm) -> None:
    """F40: solved twice is solved once, and once reopened."""

    def work(session: Session) -> None:
        number = arrive(session, firm)
        rules = load_rulebook(session)
        for hour in (1, 3):
            at = NOW + timedelta(hours=hour)
            talk = conversation(session, number)
            closing.resolve(
                session,
                talk,
                by=firm.an,
                now=at,
                reason="answered_by_phone",
            )
            if hour == 1:
                at += timedelta(hours=1)
                talk = conversation(session, number)
                closing.reopen(session, talk, rules, by=firm.an, now=at)

    await database.write(work)
    now = NOW + timedelta(hours=5)
    total = await _all(database, now)
    assert (total.counts["solved"], total.counts["reopened"]) == (1, 1)
    assert (total.counts["received"], total.counts["answered"]) == (1, 0)


async def test_how_long_it_took_is_working_time_and_so_are_its_stages(
    database: Database, firm: Firm
) -> None:
    """F92, F95: half an hour to the reply; solved on Tuesday after a night off."""

    def work(session: Session) -> None:
        number = arrive(session, firm)
        talk = conversation(session, number)
        at = NOW + timedelta(minutes=30)
        conversations.reply(session, talk, "Vâng ạ.", firm.house, by=firm.an, now=at)
        at = NOW + timedelta(hours=2)
        talk = conversation(session, number)
        conversations.assign(session, talk, None, by=firm.dung, now=at)
        talk = conversation(session, number)
        closing.resolve(
            session, talk, by=firm.an, now=NOW + timedelta(days=1), reason="no_answer_needed"
        )

    await database.write(work)
    now = NOW + timedelta(days=1, hours=1)

    total = await _all(database, now)

    assert reports.percentile(total.answered_in, 0.5) == 30
    # 09:30 to 12:00, 13:00 to 17:00, 08:00 to 09:30: a working day
    assert reports.percentile(total.solved_in, 0.9) == 8 * 60
    assert total.counts["owner_s"] == 2 * 3600
    assert total.counts["nobody_s"] == 6 * 3600
    assert sum(int(total.counts[stage]) for stage in STAGES) == 8 * 3600


async def test_a_promise_kept_is_not_the_same_as_in_time(
    database: Database, firm: Firm
) -> None:
    """F92 beside DECISIONS 28: late by the deadline, kept by what the customer was told."""

    def work(session: Session) -> None:
        number = arrive(session, firm)
        talk = conversation(session, number)
        assert talk.first_response_due_at is not None
        talk.promised_at = talk.first_response_due_at + timedelta(minutes=5)
        session.add(talk)
        at = talk.first_response_due_at + timedelta(minutes=3)
        conversations.reply(session, talk, "Vâng ạ.", firm.house, by=firm.an, now=at)

    await database.write(work)
    total = await _all(database, NOW + timedelta(hours=4))
    assert total.counts["first_response_missed"] == total.counts["promise_met"] == 1
    causes = await _sums(database, "cause", NOW + timedelta(hours=4))
    assert {key for key, one in causes.items() if one.counts["first_response_missed"]} == {
        "just_late"
    }


async def test_who_came_back_and_what_was_reopened_stand_beside_the_promise(
    database: Database, firm: Firm
) -> None:
    """F139: kept and missed, for ninety days."""

    def first(session: Session) -> None:
        kept = arrive(session, firm, make_message(from_address="giu@khach.example"))
        at = NOW + timedelta(minutes=10)
        talk = conversation(session, kept)
        conversations.reply(session, talk, "Vâng ạ.", firm.house, by=firm.an, now=at)
        closing.resolve(
            session, conversation(session, kept), by=firm.an, now=at, reason="no_answer_needed"
        )
        arrive(session, firm, make_message(from_address="lo@khach.example"))

    def later(session: Session, days: int, who: str) -> None:
        at = NOW + timedelta(days=days)
        arrive(session, firm, make_message(from_address=who), at=at, now=at)

    await database.write(first)
    await _close_until(database, NOW + timedelta(days=1))
    await database.write(later, 40, "lo@khach.example")
    await database.write(later, 100, "giu@khach.example")
    now = NOW + timedelta(days=102)
    await _close_until(database, now)

    day = Wanted(_day(NOW), _day(NOW))
    found = await database.read(reports.list_after, day, [])
    assert [(one.outcome, one.count, one.came_back, one.reopened) for one in found] == [
        (Outcome.MET, 1, 0, 0),
        (Outcome.MISSED, 1, 1, 0),
    ]


async def test_the_loop_closes_every_day_that_is_over_and_then_rests(
    database: Database, firm: Firm, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inbox.reporting.closing.utcnow", clock)
    await database.write(arrive, firm)
    loops = [Close(database), Close(database)]
    assert not await loops[0].once()  # today is not over
    clock.forward(days=3)
    turns = 0
    while any([await loop.once() for loop in loops]):
        turns += 1
    assert turns == 2  # two loops, three days
    closed = await database.read(reports.last_closings)
    assert closed[0].day == _day(clock.now) - timedelta(days=1)


async def test_team_and_channel_narrow_what_is_counted(database: Database, firm: Firm) -> None:
    def work(session: Session) -> None:
        arrive(session, firm)
        arrive(session, firm, said=prediction("technical_support"))
        arrive(session, firm, channel=ChannelKind.FORM)

    await database.write(work)
    for now in (NOW + timedelta(hours=8), NOW + timedelta(days=2)):
        await _close_until(database, now)
        tech = Wanted(ALWAYS.first, ALWAYS.last, team_id=firm.tech)
        form = Wanted(ALWAYS.first, ALWAYS.last, channel="form")
        assert (await _all(database, now, tech)).counts["received"] == 1
        assert (await _all(database, now, form)).counts["received"] == 1
        by_team = await _sums(database, "team", now)
        assert {key: one.counts["received"] for key, one in by_team.items()} == {
            firm.sales: 2,
            firm.tech: 1,
        }
    assert await database.read(reports.open_now, ALWAYS, "team") == {
        firm.sales: 2,
        firm.tech: 1,
    }
    late = await database.read(reports.late_now, ALWAYS, NOW + timedelta(days=2))
    assert late == 3


@pytest.mark.parametrize(
    ("met", "until", "outcome"),
    [(0, 10, Outcome.MET), (1, 10, Outcome.MISSED), (5, 0, None), (5, 1, Outcome.MISSED)],
)
def test_due_at_ten_and_met_at_ten_is_in_time(
    met: int, until: int, outcome: Outcome | None
) -> None:
    """And nobody knows at ten what will be met later."""
    second = timedelta(seconds=1)
    decided = decide(Stamps(NOW, NOW + met * second, None), NOW + until * second)
    assert (decided[0] if decided else None) == outcome


async def test_the_events_that_count(database: Database, firm: Firm) -> None:
    """Asked again is only who wrote while an answer was owed; giving back is no cover."""
    from inbox.store.changes import add_event  # noqa: PLC0415

    def work(session: Session) -> None:
        number = arrive(session, firm)
        at = NOW + timedelta(minutes=5)
        add_event(session, number, EventKind.ASKED, at)
        add_event(session, number, EventKind.PASSED_ON, at, by=firm.an.id)
        add_event(session, number, EventKind.COVERED, at, {"to": {"covered_for": firm.an.id}})
        add_event(session, number, EventKind.COVERED, at, {"to": {"covered_for": None}})
        later = NOW + timedelta(minutes=10)
        talk = conversation(session, number)
        conversations.reply(session, talk, "Vâng ạ.", firm.house, by=firm.an, now=later)
        add_event(session, number, EventKind.ASKED, later + timedelta(minutes=5))

    await database.write(work)
    total = await _all(database, NOW + timedelta(hours=1))
    assert [total.counts[name] for name in ("asked_again", "passed_on", "covered")] == [1, 1, 1]
