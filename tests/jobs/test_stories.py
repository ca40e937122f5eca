"""The two stories that the product was made for (F137), told with a stopped clock.

A message on the web on Monday that somebody reads on Wednesday; last week's mail that the
customer has to ask after. Here the real worker stands between.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox import conversations as service
from inbox.channels.chat import Line
from inbox.channels.webform import Posted, pack
from inbox.chat import NewLine, dedupe_key, pack_line
from inbox.company import absences
from inbox.company.absences import Plan
from inbox.db import Database
from inbox.reporting.report import load_report
from inbox.settings import Settings
from inbox.staging import Arrival, stage
from inbox.store.people import Person
from inbox.store.reports import Sums, Wanted
from models import Agent, ChannelKind, Conversation, ReportFact, SLAState
from models.base import columns
from tests.conftest import Clock
from tests.factories import (
    CUSTOMER,
    ZONE,
    Firm,
    conversation,
    events_of,
    everything,
    make_mail,
    notices_of,
    stage_mail,
)
from tests.simulated import Wire, Worker, stopped

HERE = ZoneInfo(ZONE)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of March 2026 by the company's clock; the 2nd is a Monday."""
    return datetime(2026, 3, day, hour, minute, tzinfo=HERE).astimezone(UTC)


@dataclass
class Shop:
    """The company, its worker, and what leaves it."""

    database: Database
    firm: Firm
    clock: Clock
    worker: Worker
    wire: Wire

    async def post(self, email: str, text: str, topic: str) -> int:
        """Let a customer post the web form; return the conversation's number."""
        form = Posted(
            name="Lan", email=email, subject="Hỏi hàng", body=text, request_type=topic
        )
        arrival = Arrival(
            self.firm.form, ChannelKind.FORM, f"form:{email}", pack(form), {"peer": "192.0.2.7"}
        )
        await self.database.write(stage, arrival, self.clock.now)
        return await self._newest()

    async def mail(self, email: str, text: str, *, turn: bool = True) -> int:
        """Let a customer write a mail; return the conversation's number, if it is taken in."""
        written = make_mail(text, **{"from": email})
        about = {"from": email}
        await self.database.write(stage_mail, self.firm, written, self.clock.now, **about)
        return await self._newest() if turn else 0

    async def chat(self, email: str, text: str) -> int:
        """Let a visitor of the site say something in the chat."""
        line = Line(text=text, name="Lan", email=email, language="vi")
        new = NewLine(self.firm.chat, f"visitor of {email}", "1", line, "192.0.2.7")
        body, meta = pack_line(new)
        arrival = Arrival(self.firm.chat, ChannelKind.CHAT, dedupe_key(new), body, meta)
        await self.database.write(stage, arrival, self.clock.now)
        return await self._newest()

    async def _newest(self) -> int:
        await self.worker.turn()
        rows: list[Conversation] = await self.database.read(
            lambda session: everything(session, Conversation)
        )
        return rows[-1].id

    async def answer(self, number: int, by: Person, text: str) -> None:
        """Let somebody answer now."""

        def reply(session: Session) -> None:
            row = conversation(session, number)
            service.reply(session, row, text, self.firm.house, by=by, now=self.clock.now)

        await self.database.write(reply)
        await self.worker.turn()

    def mails(self, address: str) -> list[datetime]:
        """Return when somebody got a mail."""
        return [moment for moment, _ in self.wire.to(address)]

    async def report(self, by: str) -> dict[str, Sums]:
        """Return the month's report as supervisors read it."""
        wanted = Wanted(date(2026, 3, 1), date(2026, 3, 31))
        now = self.clock.now
        lines = await self.database.read(load_report, wanted, by, str, "en", now)
        return {line.name if line.key else "all": line.sums for line in lines}

    async def look(self, number: int) -> Conversation:
        """Return a conversation as it stands."""
        found: Conversation = await self.database.read(conversation, number)
        return found


@pytest.fixture
async def shop(
    database: Database, firm: Firm, settings: Settings, secret: bytes
) -> AsyncIterator[Shop]:
    """Open the company on Monday at eight."""
    clock = Clock(at(2, 8))
    wire = Wire(clock)
    with stopped(clock):
        worker = Worker(database, settings, secret, wire)
        yield Shop(database, firm, clock, worker, wire)
        await worker.close()


async def test_the_message_of_monday_morning(shop: Shop) -> None:
    """F137, the first: an owner who never acts, and a backup who is away from ten.

    An is warned twice, and the supervisor that it will be late. At ten the supervisor hears
    that it is, and the customer is told so, with a new time. A quarter of an hour later it is
    Bình's, for Chi stands in for nobody today. The report says that it was late, and why.
    """
    firm, look = shop.firm, shop.database.read
    plan = Plan(at(2, 10), at(4, 17), note="Họp ở Hà Nội")
    await shop.database.write(
        absences.enter, firm.chi.id, plan, by=firm.chi, now=shop.clock.now
    )
    await shop.worker.at(at(2, 9))
    number = await shop.post(CUSTOMER, "Máy lọc này còn hàng không ạ?", "product_advice")
    assert (await shop.look(number)).owner_id == firm.an.id

    for minute in (29, 30, 47, 48, 59, 60, 74):
        await shop.worker.at(at(2, 9) + timedelta(minutes=minute))
    assert (await shop.look(number)).owner_id == firm.an.id
    await shop.worker.at(at(2, 10, 15))
    moved = await shop.look(number)

    told = [(one.created_at, one.step, one.agent_id) for one in await look(notices_of, number)]
    foreseen = [one for one in told if one[1] == "forecast"]
    assert {who for _, _, who in foreseen} >= {firm.dung.id}
    assert min(foreseen)[0] < at(2, 10)
    assert [one for one in told if one not in foreseen] == [
        (at(2, 9, 30), "half_used", firm.an.id),
        (at(2, 9, 48), "nearly_due", firm.an.id),
        (at(2, 10), "due", firm.an.id),
        (at(2, 10), "due", firm.dung.id),
        (at(2, 10, 15), "overdue", firm.an.id),
        (at(2, 10, 15), "overdue", firm.dung.id),
        (at(2, 10, 15), "given", moved.owner_id),
    ]
    assert {at(2, 10), at(2, 10, 15)} & set(shop.mails(firm.dung.email))
    assert (moved.owner_id, moved.covered_for_id) == (firm.binh.id, firm.an.id)
    assert [
        (event.at, event.data["reason"])
        for event in await look(events_of, number)
        if event.kind in ("assigned", "covered")
    ] == [(at(2, 9), "least_open"), (at(2, 10, 15), "silent"), (at(2, 10, 15), "least_open")]

    assert shop.mails(CUSTOMER) == [at(2, 9), at(2, 10)]
    promised, sorry = (mail.text for _, mail in shop.wire.to(CUSTOMER))
    assert "10:00" in promised
    assert "11:00" in sorry

    await shop.answer(number, firm.binh, "Dạ còn ạ, em gửi anh/chị báo giá.")
    await shop.worker.at(at(3, 1))  # the day is closed
    lines = await shop.report("agent")
    assert lines["Bình"].counts["first_response_missed"] == 1
    assert lines["all"].counts["promise_missed"] == 1
    assert lines["all"].counts["covered"] == 1
    (late,) = [one for one in await look(everything, ReportFact) if one.cause]
    assert (late.what, late.cause) == ("first_response", "not_answered")


MOST_UNREAD = 50  # a day


async def test_the_mail_of_last_week(shop: Shop) -> None:
    """F137, the second: one mail among fifty unread a day, and the customer asks in the chat.

    Nobody answers anything. Each mail has its date and is somebody's all the time, each due
    step was told, and when the customer asks again it is counted on the mail itself, which
    the chat names; the supervisor finds it at the top of what is late.
    """
    firm, look = shop.firm, shop.database.read
    await shop.database.write(_alone, firm)
    await shop.worker.at(at(5, 10))  # Thursday
    number = await shop.mail(CUSTOMER, "Shop ơi, báo giá giúp em trước thứ Hai nhé.")
    for day in (5, 6):
        await shop.worker.at(at(day, 11))
        for one in range(MOST_UNREAD):
            await shop.mail(f"khach{day}-{one}@khach.example", "Cho em hỏi giá.", turn=False)
        await shop.worker.at(at(day, 11, 1))
        for hour in (12, 14, 16, 20):
            await shop.worker.at(at(day, hour))
            assert await look(_forgotten) == []

    await shop.worker.at(at(9, 9))  # Monday
    chat_number = await shop.chat(CUSTOMER, "Mail tuần trước của em chưa ai trả lời ạ?")

    row = await shop.look(number)
    assert (row.asked_again, row.sla_state) == (1, SLAState.BREACHED)
    assert row.next_due_at is not None
    (hinted,) = [e for e in await look(events_of, chat_number) if e.kind == "hinted"]
    assert hinted.data["number"] == number
    told = [(one.step, one.agent_id) for one in await look(notices_of, number)]
    assert {("half_used", firm.an.id), ("due", firm.an.id), ("due", firm.dung.id)} <= set(told)
    assert ("overdue", firm.chi.id) in told  # it is hers: An was silent
    assert row.owner_id == firm.chi.id
    assert len(told) == len(set(told))
    lines = await shop.report("team")
    # Friday's have until Monday at eleven.
    assert lines["all"].counts["first_response_missed"] == 1 + MOST_UNREAD
    assert lines["all"].counts["asked_again"] == 1

    late: list[Conversation] = await look(_late_first)
    assert late[0].id == number
    assert len(late) == 1 + MOST_UNREAD


def _alone(session: Session, firm: Firm) -> None:
    """Leave An alone with the work; the caps are raised, for fifty a day are his."""
    session.get_one(Agent, firm.binh.id).on_duty = False
    for one in (firm.an, firm.chi):
        session.get_one(Agent, one.id).open_cap = 1000


def _forgotten(session: Session) -> list[int]:
    """Return what is open without an owner or a date."""
    rows = everything(session, Conversation)
    return [row.id for row in rows if row.owner_id is None or row.next_due_at is None]


def _late_first(session: Session) -> list[Conversation]:
    """Return what is late in the order of the list."""
    own = columns(Conversation)
    query = select(Conversation).where(own.sla_state == SLAState.BREACHED)
    return list(session.execute(query.order_by(own.order_at, own.id)).scalars())
