"""A colleague takes over for some hours, or works a shift that was offered to them."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.alerting.gathering import send_alerts
from inbox.company import absences, covering, installation, swaps
from inbox.company.absences import Plan
from inbox.company.swaps import Offer
from inbox.db import Database
from inbox.delivery import compose
from inbox.duty import list_team_on_duty, list_uncovered, load_duty
from inbox.errors import Conflict, Forbidden, Invalid, NotFound
from inbox.rulebook import load_rulebook
from inbox.sla.calendar import WorkingCalendar
from inbox.store.duty import list_absences
from inbox.telling import Alert, Telling, tell_all
from models import (
    Absence,
    Agent,
    AuditEntry,
    AuditThing,
    AwayKind,
    Calendar,
    EventKind,
    Notice,
    Outbox,
    Swap,
    SwapState,
    TeamMember,
)
from models.base import columns
from tests.factories import (
    HOURS,
    NOW,
    ZONE,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
)

agents = columns(Agent)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TONIGHT = NOW + 9 * HOUR  # 18:30: the company closed at 17:00
TOMORROW = NOW + DAY


def taken_over(backup: int | None, starts: datetime, ends: datetime, **more: Any) -> Plan:
    return Plan(starts, ends, backup, kind=AwayKind.TAKEN_OVER, **more)


async def sweep(database: Database, firm: Firm, now: datetime) -> None:
    while await database.read(covering.is_due, now):
        await database.write(covering.go_on, firm.house, now)


async def told(database: Database, who: int) -> list[str]:
    """Return what somebody was told that is about no conversation."""
    rows: list[Notice] = await database.read(lambda session: everything(session, Notice))
    return [row.data["reason"] for row in rows if row.agent_id == who and not row.clock_id]


def sellers(session: Session, firm: Firm, at: datetime) -> list[int]:
    """Return who of An and Bình is at work."""
    there = list_team_on_duty(session, firm.sales, at)
    return [one for one in there if one != firm.dung.id]


async def hours_of(database: Database, who: int, hours: dict[str, Any]) -> None:
    """Give somebody hours of their own."""

    def work(session: Session) -> None:
        spec = {"timezone": ZONE, "hours": hours, "holidays": []}
        calendar = Calendar(name=f"of {who}", spec=spec)
        session.add(calendar)
        session.flush()
        values = {"calendar_id": calendar.id}
        session.execute(update(Agent).where(agents.id == who).values(**values))

    await database.write(work)


class TestTakingOver:
    """Chi has An's work and alerts from 9:30 to 12:30, without an absence."""

    async def test_what_falls_due_goes_over_and_comes_back(
        self, database: Database, firm: Firm
    ) -> None:
        """F49–F51: by the same cover as an absence."""
        number = await database.write(arrive, firm)
        row = await database.read(conversation, number)
        assert row.owner_id == firm.an.id
        plan = taken_over(firm.binh.id, NOW, NOW + 3 * HOUR, note="Đang họp")

        await database.write(absences.enter, firm.an.id, plan, by=firm.an, now=NOW)
        await sweep(database, firm, NOW)

        row = await database.read(conversation, number)
        assert (row.owner_id, row.covered_for_id) == (firm.binh.id, firm.an.id)
        later = NOW + 3 * HOUR
        await sweep(database, firm, later)
        row = await database.read(conversation, number)
        assert (row.owner_id, row.covered_for_id) == (firm.an.id, None)
        kinds = [one.kind for one in await database.read(events_of, number)]
        assert kinds.count(EventKind.COVERED) == 2

    async def test_both_are_told_once_and_hear_of_changes_and_its_end(
        self, database: Database, firm: Firm
    ) -> None:
        plan = taken_over(firm.binh.id, NOW, NOW + 3 * HOUR)
        one = await database.write(absences.enter, firm.an.id, plan, by=firm.dung, now=NOW)
        assert await told(database, firm.binh.id) == [
            "Anh/chị làm thay An: 9:30 hôm nay – 12:30 hôm nay"
        ]
        assert await told(database, firm.an.id) == [
            "Bình làm thay anh/chị: 9:30 hôm nay – 12:30 hôm nay"
        ]

        other = taken_over(firm.chi.id, NOW, NOW + 3 * HOUR)
        await database.write(absences.change, one, other, by=firm.dung, now=NOW)
        await database.write(absences.change, one, other, by=firm.dung, now=NOW)
        await database.write(absences.end, one, by=firm.an, now=NOW + HOUR)

        assert [text.split(":")[0] for text in await told(database, firm.binh.id)] == [
            "Anh/chị làm thay An",
            "Anh/chị không cần làm thay An nữa",
        ]
        assert [text.split(":")[0] for text in await told(database, firm.chi.id)] == [
            "Anh/chị làm thay An",
            "Anh/chị không cần làm thay An nữa",
        ]
        trail = await database.read(lambda session: everything(session, AuditEntry))
        assert trail[0].thing is AuditThing.ABSENCE
        assert trail[0].after["kind"] == "taken_over"

    async def test_a_mail_says_it_and_waits_only_for_what_is_far(
        self, database: Database, firm: Firm
    ) -> None:
        soon = taken_over(firm.binh.id, TONIGHT, TONIGHT + HOUR)
        far = taken_over(firm.chi.id, TONIGHT + 3 * DAY, TONIGHT + 3 * DAY + HOUR)
        await database.write(absences.enter, firm.an.id, soon, by=firm.an, now=TONIGHT)
        await database.write(absences.enter, firm.an.id, far, by=firm.an, now=TONIGHT)

        await database.write(send_alerts, firm.house, TONIGHT)

        mails = await database.read(lambda session: everything(session, Outbox))
        assert [one.to_address for one in mails] == [firm.binh.email]
        written = compose(mails[0].mail)
        assert written.subject.startswith("Anh/chị làm thay An: 18:30 hôm nay")
        assert "/me/shifts" in written.text
        assert "/notices/open/" in written.text
        assert "None" not in written.subject + written.text

    async def test_who_takes_over_hears_what_the_other_is_told(
        self, database: Database, firm: Firm
    ) -> None:
        """Also outside their own hours; what was handed over is told to whom it went."""
        number = await database.write(arrive, firm)
        plan = taken_over(firm.chi.id, TONIGHT, TONIGHT + HOUR)
        await database.write(absences.enter, firm.an.id, plan, by=firm.an, now=NOW)
        await database.write(send_alerts, firm.house, TONIGHT)

        def tell(session: Session) -> list[list[int]]:
            clock = clocks_of(session, number)[0]
            kinds = (Alert.LATE, Alert.HANDED_OVER)
            tellings = [
                Telling({firm.an.id: "owner"}, number, clock, f"step-{kind}", kind)
                for kind in kinds
            ]
            return tell_all(session, tellings, TONIGHT + HOUR / 2)

        assert await database.write(tell) == [[firm.chi.id, firm.an.id], [firm.an.id]]
        assert await database.write(tell) == [[], []]
        assert await database.write(send_alerts, firm.house, TONIGHT + HOUR / 2) == 1
        mails = await database.read(lambda session: everything(session, Outbox))
        assert mails[-1].to_address == firm.chi.email

    async def test_who_takes_over_is_at_work_whatever_their_hours(
        self, database: Database, firm: Firm
    ) -> None:
        """F49: also for routing and the ladder, as everything asks the same."""
        await hours_of(database, firm.binh.id, {"sun": [["08:00", "09:00"]]})
        on_duty = await database.read(sellers, firm, NOW)
        assert on_duty == [firm.an.id]
        plan = taken_over(firm.binh.id, NOW, NOW + HOUR)

        await database.write(absences.enter, firm.an.id, plan, by=firm.an, now=NOW)

        assert await database.read(sellers, firm, NOW) == [firm.binh.id]
        duty = await database.read(load_duty, NOW)
        assert duty.people[firm.binh.id].at_work
        assert duty.backup_of(firm.an.id) == firm.binh.id
        number = await database.write(arrive, firm)
        assert (await database.read(conversation, number)).owner_id == firm.binh.id
        later = await database.read(load_duty, NOW + HOUR)
        assert not later.people[firm.binh.id].at_work

    async def test_what_cannot_be(self, database: Database, firm: Firm) -> None:
        """Nobody named, oneself, for longer than a day, somebody who is away then."""
        away = Plan(NOW, NOW + DAY, firm.binh.id)
        await database.write(absences.enter, firm.chi.id, away, by=firm.chi, now=NOW)
        tries = ((None, 3), (firm.an.id, 3), (firm.binh.id, 25), (firm.chi.id, 3))
        for backup, hours in tries:
            plan = taken_over(backup, NOW, NOW + hours * HOUR)
            with pytest.raises(Invalid):
                await database.write(absences.enter, firm.an.id, plan, by=firm.an, now=NOW)

    async def test_only_oneself_or_a_supervisor(self, database: Database, firm: Firm) -> None:
        plan = taken_over(firm.binh.id, NOW, NOW + HOUR)
        with pytest.raises(Forbidden):
            await database.write(absences.enter, firm.an.id, plan, by=firm.binh, now=NOW)


SHIFT = (TOMORROW, TOMORROW + 2 * HOUR)
BACK = (TOMORROW + DAY, TOMORROW + DAY + 2 * HOUR)


async def offered(database: Database, firm: Firm, **more: Any) -> int:
    wanted = Offer(firm.binh.id, SHIFT, **more)
    made: int = await database.write(swaps.offer, wanted, by=firm.an, now=NOW)
    return made


async def states(database: Database) -> list[SwapState]:
    rows: list[Swap] = await database.read(lambda session: everything(session, Swap))
    return [row.state for row in rows]


async def shifts(database: Database) -> list[tuple[int, int | None, datetime, AwayKind]]:
    rows: list[Absence] = await database.read(lambda session: everything(session, Absence))
    return [(row.agent_id, row.backup_id, row.starts_at, row.kind) for row in rows]


class TestSwaps:
    """An offers tomorrow morning to Bình."""

    async def test_nothing_changes_before_it_is_accepted(
        self, database: Database, firm: Firm
    ) -> None:
        await offered(database, firm)

        assert await shifts(database) == []
        assert await told(database, firm.binh.id) == [
            "An nhờ anh/chị nhận ca: 9:30 ngày mai – 11:30 ngày mai"
        ]
        assert await told(database, firm.an.id) == []

    async def test_accepted_it_changes_who_works_for_both(
        self, database: Database, firm: Firm
    ) -> None:
        await hours_of(database, firm.binh.id, {"mon": [["08:00", "12:00"]]})
        one = await offered(database, firm)

        await database.write(swaps.accept, one, by=firm.binh, now=NOW)

        binh, an = firm.binh.id, firm.an.id
        assert await shifts(database) == [(an, binh, SHIFT[0], AwayKind.SWAP)]
        for moment, there in ((NOW, [an, binh]), (SHIFT[0], [binh]), (SHIFT[1], [an])):
            assert await database.read(sellers, firm, moment) == there
        assert [text.split(":")[0] for text in await told(database, an)] == [
            "Bình nhận ca của anh/chị"
        ]
        assert [text.split(":")[0] for text in await told(database, binh)] == [
            "An nhờ anh/chị nhận ca",
            "Anh/chị làm ca của An",
        ]
        trail = await database.read(lambda session: everything(session, AuditEntry))
        things = [(entry.thing, entry.actor_id) for entry in trail]
        assert things == [
            (AuditThing.SWAP, an),
            (AuditThing.SWAP, binh),
            (AuditThing.ABSENCE, binh),
        ]
        assert trail[1].after == {"state": "accepted"}

    async def test_one_shift_for_another(self, database: Database, firm: Firm) -> None:
        one = await offered(database, firm, back=BACK)

        await database.write(swaps.accept, one, by=firm.binh, now=NOW)

        assert await shifts(database) == [
            (firm.an.id, firm.binh.id, SHIFT[0], AwayKind.SWAP),
            (firm.binh.id, firm.an.id, BACK[0], AwayKind.SWAP),
        ]
        (said,) = await told(database, firm.an.id)
        assert said.startswith("Bình nhận ca của anh/chị: 9:30 ngày mai")
        assert "và anh/chị làm ca của đồng nghiệp" in said

    async def test_declined_or_taken_back_it_changes_nothing(
        self, database: Database, firm: Firm
    ) -> None:
        one, other = await offered(database, firm), await offered(database, firm, back=BACK)

        await database.write(swaps.decline, one, by=firm.binh, now=NOW)
        await database.write(swaps.withdraw, other, by=firm.an, now=NOW)

        assert await shifts(database) == []
        assert await states(database) == [SwapState.DECLINED, SwapState.WITHDRAWN]
        assert [text.split(":")[0] for text in await told(database, firm.an.id)] == [
            "Bình không nhận ca của anh/chị"
        ]
        assert "An đã rút lời nhờ nhận ca" in (await told(database, firm.binh.id))[-1]
        for answer in (swaps.accept, swaps.decline):
            with pytest.raises(Conflict):
                await database.write(answer, one, by=firm.binh, now=NOW)

    async def test_only_whom_it_was_offered_to_answers(
        self, database: Database, firm: Firm
    ) -> None:
        """Consent: not the one who offered, no colleague, no supervisor."""
        one = await offered(database, firm)
        for who in (firm.an, firm.chi, firm.dung, firm.admin):
            for answer in (swaps.accept, swaps.decline):
                with pytest.raises(NotFound):
                    await database.write(answer, one, by=who, now=NOW)
        with pytest.raises(NotFound):
            await database.write(swaps.withdraw, one, by=firm.binh, now=NOW)
        assert await states(database) == [SwapState.OFFERED]

    async def test_accepted_and_taken_back_at_once_has_one_winner(
        self, database: Database, firm: Firm
    ) -> None:
        """S28."""
        one = await offered(database, firm)
        works = [
            database.write(swaps.accept, one, by=firm.binh, now=NOW),
            database.write(swaps.withdraw, one, by=firm.an, now=NOW),
            database.write(swaps.accept, one, by=firm.binh, now=NOW),
        ]

        done = await asyncio.gather(*works, return_exceptions=True)

        assert sum(isinstance(one, Conflict) for one in done) == 2
        (state,) = await states(database)
        assert len(await shifts(database)) == (state is SwapState.ACCEPTED)

    async def test_a_shift_that_has_begun_is_offered_no_more(
        self, database: Database, firm: Firm
    ) -> None:
        one = await offered(database, firm)
        with pytest.raises(Conflict):
            await database.write(swaps.accept, one, by=firm.binh, now=SHIFT[0])
        assert await database.read(swaps.list_offers, SHIFT[0]) == []

    async def test_who_is_away_then_cannot_accept(self, database: Database, firm: Firm) -> None:
        one = await offered(database, firm)
        away = Plan(SHIFT[0], SHIFT[1], firm.an.id)
        await database.write(absences.enter, firm.binh.id, away, by=firm.binh, now=NOW)

        with pytest.raises(Invalid):
            await database.write(swaps.accept, one, by=firm.binh, now=NOW)

        assert await states(database) == [SwapState.OFFERED], "nothing of it is left"

    async def test_days_on_which_nobody_is_there_are_refused(
        self, database: Database, firm: Firm
    ) -> None:
        """An alone works for a second team: a whole day given away would leave it to nobody."""
        tech = TeamMember(team_id=firm.tech, agent_id=firm.an.id)
        await database.write(lambda session: session.add(tech))
        away = Plan(NOW, NOW + 3 * DAY, firm.binh.id)
        await database.write(absences.enter, firm.chi.id, away, by=firm.chi, now=NOW)
        shift = (TOMORROW - 2 * HOUR, TOMORROW + 10 * HOUR)
        wanted = Offer(firm.binh.id, shift)
        one = await database.write(swaps.offer, wanted, by=firm.an, now=NOW)

        with pytest.raises(Invalid, match="nobody"):
            await database.write(swaps.accept, one, by=firm.binh, now=NOW)

        assert await shifts(database) == [(firm.chi.id, firm.binh.id, NOW, AwayKind.ABSENCE)]

    async def test_who_works_for_another_covers_the_day(
        self, database: Database, firm: Firm
    ) -> None:
        """Design 23: their own hours do not say so, the agreed shift does."""
        await hours_of(database, firm.binh.id, {"sun": [["08:00", "09:00"]]})
        day = (TOMORROW - 2 * HOUR, TOMORROW + 10 * HOUR)
        wanted = Offer(firm.binh.id, day)
        one = await database.write(swaps.offer, wanted, by=firm.an, now=NOW)

        await database.write(swaps.accept, one, by=firm.binh, now=NOW)

        def gaps(session: Session) -> list[Any]:
            book = load_rulebook(session)
            hours = book.calendars[book.default_calendar_id]
            return list_uncovered(session, hours, list_absences(session, NOW), day[0].date(), 1)

        assert await database.read(gaps) == []

    async def test_what_cannot_be_offered(self, database: Database, firm: Firm) -> None:
        tonight = (TONIGHT, TONIGHT + HOUR)  # nobody works then
        tries: list[dict[str, Any]] = [
            {"to_id": firm.chi.id},  # of another team
            {"to_id": firm.an.id},
            {"to_id": firm.dung.id},  # leads, takes no work
            {"shift": (NOW - HOUR, NOW + HOUR)},
            {"shift": (SHIFT[1], SHIFT[0])},
            {"shift": (TOMORROW, TOMORROW + 2 * DAY)},
            {"shift": (NOW + 100 * DAY, NOW + 100 * DAY + HOUR)},
            {"shift": tonight},
            {"back": tonight},
            {"note": "x" * 501},
        ]
        for wanted in tries:
            values = {"to_id": firm.binh.id, "shift": SHIFT, **wanted}
            with pytest.raises(Invalid):
                await database.write(swaps.offer, Offer(**values), by=firm.an, now=NOW)
        assert await states(database) == []

    async def test_twenty_offers_are_enough(self, database: Database, firm: Firm) -> None:
        for minute in range(swaps.MOST_OPEN):
            await offered(database, firm, back=(BACK[0] + minute * HOUR / 60, BACK[1]))
        with pytest.raises(Conflict):
            await offered(database, firm)

    async def test_the_same_is_offered_once(self, database: Database, firm: Firm) -> None:
        """Whatever the note says; what was declined may be offered again."""
        one = await offered(database, firm, back=BACK)
        with pytest.raises(Invalid, match="this shift already"):
            await offered(database, firm, back=BACK, note="Con ốm")
        await offered(database, firm)  # for nothing: that is another offer
        await database.write(swaps.decline, one, by=firm.binh, now=NOW)
        await offered(database, firm, back=BACK)
        assert (await states(database)).count(SwapState.OFFERED) == 2

    async def test_who_leaves_takes_their_offers_along(
        self, database: Database, firm: Firm
    ) -> None:
        await offered(database, firm)
        await database.write(absences.forget, firm.binh.id, NOW)
        assert await states(database) == [SwapState.WITHDRAWN]

    async def test_a_supervisor_ends_it_and_both_are_told(
        self, database: Database, firm: Firm
    ) -> None:
        one = await offered(database, firm)
        await database.write(swaps.accept, one, by=firm.binh, now=NOW)
        (absence,) = await database.read(lambda session: everything(session, Absence))
        other = Plan(SHIFT[0], SHIFT[1], firm.chi.id)
        with pytest.raises(Invalid):
            await database.write(absences.change, absence.id, other, by=firm.an, now=NOW)

        await database.write(absences.end, absence.id, by=firm.dung, now=NOW)

        assert "không cần làm thay An nữa" in (await told(database, firm.binh.id))[-1]
        assert "Bình không làm thay" in (await told(database, firm.an.id))[-1]
        there = await database.read(sellers, firm, SHIFT[0])
        assert there == [firm.an.id, firm.binh.id]


def test_the_companys_hours_are_those_of_these_tests() -> None:
    """Tonight lies outside them, tomorrow's shift inside."""
    hours = WorkingCalendar.from_spec(installation.office_hours(ZONE, HOURS, 5, []))
    assert not hours.is_open(TONIGHT)
    assert hours.is_open(SHIFT[0])
