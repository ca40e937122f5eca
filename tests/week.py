"""A working week of a small company, simulated: who writes, who answers, what goes wrong.

Customers write at random moments, most of them in office hours. People answer what their own
list shows first, then what nobody has, at a pace that is drawn for each message. The worker
is the real one (``tests.simulated``); only the time is not. Everything follows from a seed.
"""

import math
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session

from inbox import chat, closing
from inbox import conversations as service
from inbox.auth import random_token
from inbox.channels.chat import Line
from inbox.channels.webform import Posted, pack
from inbox.company import absences
from inbox.company.absences import Plan
from inbox.db import Database
from inbox.reporting.report import load_report
from inbox.settings import Settings
from inbox.staging import Arrival, stage
from inbox.store.candidates import teams_with_room
from inbox.store.conversations import get_to_change
from inbox.store.people import Person, as_person
from inbox.store.reports import Wanted
from models import (
    Agent,
    ChannelKind,
    ClockKind,
    Conversation,
    DeliveryState,
    EscalationStep,
    Event,
    EventKind,
    Message,
    Outbox,
    RawMessage,
    RawState,
    SLAClock,
    Status,
)
from models.base import columns
from tests.conftest import Clock
from tests.factories import (
    SECRET,
    ZONE,
    Firm,
    make_agent,
    make_mail,
    stage_mail,
)
from tests.simulated import DiedError, Killer, Wire, Worker, deadly, stopped

conversations, clocks = columns(Conversation), columns(SLAClock)
steps, events = columns(EscalationStep), columns(Event)
raws, messages, outbox = columns(RawMessage), columns(Message), columns(Outbox)

HERE = ZoneInfo(ZONE)
MINUTE = timedelta(minutes=1)
RESTARTS_IN = timedelta(seconds=6)  # as the supervisor of processes does, at the latest
SHIFTS = ((8, 12), (13, 17))  # as the company's calendar
AWAKE = (7, 20)  # when customers write; at night the worker looks less often
# How many write in which hour of a day, from 7:00 on.
PACE = (3, 8, 12, 12, 9, 5, 9, 11, 10, 8, 5, 4, 4)
CHANNELS = {
    ChannelKind.EMAIL: 45,
    ChannelKind.FORM: 25,
    ChannelKind.CHAT: 15,
    ChannelKind.API: 15,
}
TOPICS = {  # share of all, subject, text
    "product_advice": (
        18,
        "Tư vấn sản phẩm",
        "Nhà bốn người thì nên mua máy lọc nước loại nào?",
    ),
    "order_delivery": (
        22,
        "Đơn hàng chưa giao",
        "Mình đặt hàng từ tuần trước mà chưa nhận được.",
    ),
    "billing_payment": (10, "Hoá đơn", "Tháng trước mình bị tính tiền hai lần, kiểm tra giúp."),
    "general": (10, "Chào shop", "Cho mình hỏi cửa hàng mở cửa đến mấy giờ ạ?"),
    "technical_support": (16, "Máy báo lỗi", "Máy chạy một lúc thì báo lỗi E04 rồi tắt ạ."),
    "complaint": (8, "Khiếu nại", "Thái độ nhân viên quá tệ, tôi rất thất vọng."),
    "return_refund": (10, "Trả hàng", "Hàng bị vỡ khi nhận, mình muốn trả lại và hoàn tiền."),
    "account_access": (6, "Không đăng nhập được", "Mình quên mật khẩu, không đăng nhập được."),
}
SALES = ("product_advice", "order_delivery", "billing_payment", "general")
WORK_MEDIAN_S, WORK_SPREAD = 180.0, 0.6  # of answering one; log-normal, so the mean is 216 s


@dataclass(frozen=True, slots=True)
class Letter:
    """What one customer writes. ``work_s``: how long answering takes, whoever does it."""

    number: int
    at: datetime
    channel: ChannelKind
    topic: str
    work_s: float

    @property
    def email(self) -> str:
        """Who writes: everybody once."""
        return f"khach{self.number}@tuan.example"


def write_letters(count: int, days: list[datetime], seed: int) -> list[Letter]:
    """Draw what customers write on some days (their midnights here), in order of time."""
    chance = random.Random(seed)
    moments = []
    for number in range(count):
        (hour,) = chance.choices(range(len(PACE)), PACE)
        day = days[number * len(days) // count]
        moments.append(day + timedelta(hours=AWAKE[0] + hour, seconds=chance.uniform(0, 3600)))
    shares = [share for share, _, _ in TOPICS.values()]
    return [
        Letter(
            number,
            moment,
            chance.choices(list(CHANNELS), list(CHANNELS.values()))[0],
            chance.choices(list(TOPICS), shares)[0],
            WORK_MEDIAN_S * math.exp(chance.gauss(0, WORK_SPREAD)),
        )
        for number, moment in enumerate(sorted(moments))
    ]


@dataclass
class Colleague:
    """Somebody who answers; busy until ``free_at`` with ``number``."""

    person: Person
    team_id: int
    away: tuple[datetime, datetime] | None = None
    free_at: datetime | None = None
    number: int = 0

    def is_here(self, now: datetime) -> bool:
        """Tell whether they are at their desk."""
        local = now.astimezone(HERE)
        open_now = any(begin <= local.hour < end for begin, end in SHIFTS)
        absent = self.away is not None and self.away[0] <= now < self.away[1]
        return open_now and local.weekday() < 5 and not absent


def hire(session: Session, firm: Firm) -> list[Colleague]:
    """Make the company's people five who answer, each with a backup."""
    em = make_agent(session, "Em", firm.sales)
    phuc = make_agent(session, "Phuc", firm.tech)
    sales, tech = [firm.an, firm.binh], [firm.chi]
    sales.append(as_person(em, {firm.sales}))
    tech.append(as_person(phuc, {firm.tech}))
    for group in (sales, tech):
        for one, backup in [*pairwise(group), (group[-1], group[0])]:
            session.get_one(Agent, one.id).backup_id = backup.id
    session.flush()
    return [
        *(Colleague(one, firm.sales) for one in sales),
        *(Colleague(one, firm.tech) for one in tech),
    ]


@dataclass
class Trouble:
    """What goes wrong when: a kill at a failpoint, or anything else."""

    at: datetime
    failpoint: str = ""
    happen: Callable[[], Awaitable[None]] | None = None


@dataclass
class Seen:
    """The worst that was seen at any look, and what came of the week."""

    waiting: int = 0  # messages a minute old that no conversation has
    unowned: int = 0  # open a minute and owned by nobody, though somebody had room
    all_full: int = 0  # the same where everybody at work in the team had as many as they may
    undated: int = 0  # open a minute, unanswered, without a due time
    deaths: list[str] = field(default_factory=list)
    answered: int = 0
    decided: int = 0  # first answers in time or late
    lost: int = 0
    doubled: int = 0
    steps: int = 0
    steps_twice: int = 0
    steps_missed: int = 0
    unconfirmed: int = 0
    moved: int = 0  # to a backup
    share: float = 0.0  # of first answers in time, as the product's own report says it
    plain_share: float = 0.0  # of the same week answered in order of arrival


class Week:
    """The days of one company."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        firm: Firm,
        letters: list[Letter],
        staff: list[Colleague],
        troubles: Iterable[Trouble] = (),
    ) -> None:
        self._database, self._settings, self._firm = database, settings, firm
        self._letters = list(letters)
        self._coming = list(letters)
        self._staff = staff
        self._troubles = sorted(troubles, key=lambda one: one.at)
        self._killer = Killer()
        self.clock = Clock(letters[0].at.replace(second=0, microsecond=0))
        self.wire = Wire(self.clock)
        self._by_email = {one.email: one for one in letters}
        self.seen = Seen()

    async def run(self, until: datetime, every: timedelta = MINUTE) -> Seen:
        """Live through it."""
        with stopped(self.clock), deadly(self._killer):
            await self._say_absences()
            self._worker = self._hire_worker()
            try:
                while self.clock.now < until:
                    self.clock.now += self._pause(every)
                    await self._minute()
            finally:
                await self._worker.close()
            await self._count_up()
        return self.seen

    def _hire_worker(self) -> Worker:
        return Worker(self._database, self._settings, SECRET, self.wire)

    def _pause(self, every: timedelta) -> timedelta:
        hour = (self.clock.now + every).astimezone(HERE).hour
        return every if AWAKE[0] <= hour < AWAKE[1] else 10 * MINUTE

    async def _say_absences(self) -> None:
        for one in self._staff:
            if one.away is not None:
                plan = Plan(*one.away)
                who = one.person
                await self._database.write(
                    absences.enter, who.id, plan, by=who, now=self.clock.now
                )

    async def _minute(self) -> None:
        now = self.clock.now
        came = [one for one in self._coming if one.at <= now]
        if came:
            self._coming = self._coming[len(came) :]
            await self._database.write(self._stage, came)
        await self._go_wrong()
        await self._turn()
        await self._database.read(self._look)
        for one in self._staff:
            await self._work(one)

    async def _go_wrong(self) -> None:
        while self._troubles and self._troubles[0].at <= self.clock.now:
            trouble = self._troubles.pop(0)
            if trouble.failpoint:
                self._killer.waiting.append(trouble.failpoint)
            if trouble.happen is not None:
                await trouble.happen()

    async def _turn(self) -> None:
        try:
            await self._worker.turn()
        except DiedError:
            await self._worker.close()
            self._worker = self._hire_worker()
            self.clock.now += RESTARTS_IN  # and the dead one's leases are over
            await self._worker.turn()

    def _stage(self, session: Session, came: list[Letter]) -> None:
        for one in came:
            self._stage_one(session, one)

    def _stage_one(self, session: Session, one: Letter) -> None:
        _, subject, text = TOPICS[one.topic]
        key = f"{one.channel}-{one.number}"
        posted = Posted(email=one.email, subject=subject, body=text, request_type=one.topic)
        if one.channel is ChannelKind.EMAIL:
            mail = make_mail(text, subject=subject, **{"from": one.email})
            stage_mail(session, self._firm, mail, one.at, **{"from": one.email})
        elif one.channel is ChannelKind.CHAT:
            line = Line(text=text, name="Lan", email=one.email, language="vi")
            new = chat.NewLine(self._firm.chat, key, key, line, f"192.0.2.{one.number % 250}")
            body, meta = chat.pack_line(new)
            arrival = Arrival(self._firm.chat, one.channel, chat.dedupe_key(new), body, meta)
            stage(session, arrival, one.at)
        else:
            door = self._firm.form if one.channel is ChannelKind.FORM else self._firm.api
            meta = {"peer": f"192.0.2.{one.number % 250}"}
            token = random_token()
            arrival = Arrival(door, one.channel, key, pack(posted), meta, token)
            stage(session, arrival, one.at)

    def _look(self, session: Session) -> None:
        """See whether anything stands without owner or date, a minute after it came."""
        ago = self.clock.now - MINUTE
        lines = (
            ("waiting", raws.id, (raws.state == RawState.PENDING, raws.received_at <= ago)),
            ("undated", conversations.id, (*_open(ago), conversations.next_due_at.is_(None))),
        )
        for name, column, where in lines:
            count = session.execute(select(func.count(column)).where(*where)).scalar_one()
            self._remember(name, count)
        waiting = session.execute(
            select(conversations.team_id, func.count())
            .where(*_open(ago), conversations.owner_id.is_(None))
            .group_by(conversations.team_id)
        ).all()
        free = teams_with_room(session, self.clock.now, []) if waiting else set()
        self._remember("unowned", sum(count for team, count in waiting if team in free))
        self._remember("all_full", sum(count for team, count in waiting if team not in free))

    def _remember(self, name: str, count: int) -> None:
        setattr(self.seen, name, max(getattr(self.seen, name), count))

    async def _work(self, one: Colleague) -> None:
        """Finish what is done, and take what comes first."""
        now = self.clock.now
        if one.free_at is not None:
            if one.free_at > now:
                return
            one.free_at = None
            await self._database.write(self._answer, one)
        if one.is_here(now):
            one.number = await self._database.read(self._next, one)
            if one.number:
                await self._database.write(self._take, one)
                letter = await self._database.read(self._letter_of, one.number)
                one.free_at = now + timedelta(seconds=letter.work_s)

    def _next(self, session: Session, one: Colleague) -> int:
        """Return the first of the own list, else of what nobody of the team has; 0: nothing."""
        busy = [other.number for other in self._staff if other.free_at is not None]
        owed = (
            conversations.status == Status.OPEN,
            conversations.next_due_at.is_not(None),
            conversations.id.not_in(busy),
        )
        order = (conversations.order_at, conversations.urgency_rank, conversations.id)
        theirs = (
            (conversations.owner_id == one.person.id,),
            (conversations.owner_id.is_(None), conversations.team_id == one.team_id),
        )
        for whose in theirs:
            query = select(conversations.id).where(*owed, *whose).order_by(*order).limit(1)
            found = session.execute(query).scalar_one_or_none()
            if found is not None:
                return int(found)
        return 0

    def _take(self, session: Session, one: Colleague) -> None:
        row = session.get_one(Conversation, one.number)
        service.claim(session, row, by=one.person, now=self.clock.now)

    def _answer(self, session: Session, one: Colleague) -> None:
        now, row = self.clock.now, get_to_change(session, one.number)
        if row is None or row.first_responded_at is not None:
            return
        service.reply(
            session, row, "Dạ, em xin trả lời.", self._firm.house, by=one.person, now=now
        )
        session.flush()
        session.refresh(row)
        closing.resolve(session, row, by=one.person, now=now)
        self.seen.answered += 1

    def _letter_of(self, session: Session, number: int) -> Letter:
        sender = messages.sender_address
        email = session.execute(
            select(sender).where(messages.conversation_id == number).order_by(messages.id)
        ).scalars()
        return self._by_email[email.first() or ""]

    def _whose(self, session: Session) -> list[tuple[int, Letter]]:
        """Return which conversation is whose letter."""
        found = session.execute(select(messages.conversation_id, messages.sender_address))
        known = self._by_email
        return [(row[0], known[row[1]]) for row in found if row[1] in known]

    # ---- what came of it ----

    async def _count_up(self) -> None:
        self.seen.deaths = self._killer.done
        await self._database.read(self._count_rows)
        first, last = (
            one.at.astimezone(HERE).date() for one in (self._letters[0], self._letters[-1])
        )
        lines = await self._database.read(
            load_report, Wanted(first, last), "team", str, "en", self.clock.now
        )
        self.seen.share = lines[-1].sums.share("first_response") or 0.0

    def _count_rows(self, session: Session) -> None:
        seen, now = self.seen, self.clock.now
        pairs = self._whose(session)
        numbers: dict[int, set[int]] = {}
        for conversation, letter in pairs:
            numbers.setdefault(letter.number, set()).add(conversation)
        seen.lost = len(self._letters) - len(numbers)
        seen.doubled = sum(len(one) - 1 for one in numbers.values())
        told = session.execute(
            select(events.data).where(events.kind.in_([EventKind.WARNED, EventKind.ESCALATED]))
        ).scalars()
        fired = [(one["clock"], one["step"], one["at"]) for one in told if "step" in one]
        seen.steps, seen.steps_twice = len(fired), len(fired) - len(set(fired))
        done = select(func.count(steps.id)).where(steps.fired_at.is_not(None))
        seen.steps_missed = session.execute(done).scalar_one() - len(set(fired))
        late = select(func.count(steps.id)).where(
            steps.fired_at.is_(None), steps.cancelled_at.is_(None), steps.at <= now - MINUTE
        )
        seen.steps_missed += session.execute(late).scalar_one()
        lost = select(func.count(outbox.id)).where(outbox.state == DeliveryState.UNCONFIRMED)
        seen.unconfirmed = session.execute(lost).scalar_one()
        covered = select(func.count(events.id)).where(events.kind == EventKind.COVERED)
        seen.moved = session.execute(covered).scalar_one()
        first = select(clocks.conversation_id, clocks.due_at, clocks.met_at)
        due, decided = {}, set()
        for number, at, met_at in session.execute(
            first.where(clocks.kind == ClockKind.FIRST_RESPONSE)
        ):
            due[number] = at
            if met_at is not None or at <= now:
                decided.add(number)
        seen.decided = len(decided)
        seen.plain_share = plain_order(
            [(letter, due[number], number in decided) for number, letter in pairs],
            [(one.team_id, one) for one in self._staff],
            {topic: self._team_of(topic) for topic in TOPICS},
        )

    def _team_of(self, topic: str) -> int:
        return self._firm.sales if topic in SALES else self._firm.tech


def _open(ago: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        conversations.status == Status.OPEN,
        conversations.created_at <= ago,
        conversations.first_responded_at.is_(None),
    )


def plain_order(
    letters: list[tuple[Letter, datetime, bool]],
    staff: list[tuple[int, Colleague]],
    team_of: dict[str, int],
) -> float:
    """Return the share answered in time if each team took its oldest message first.

    The best that a queue without deadlines can do: one for the team, nobody idle while
    something waits, nothing lost in an absent colleague's list. Of each letter: when it is
    due, and whether it counts.
    """
    waiting = sorted(letters, key=lambda one: one[0].at)
    now = waiting[0][0].at.replace(second=0, microsecond=0)
    free_at = {one.person.id: now for _, one in staff}
    queues: dict[int, list[tuple[Letter, datetime, bool]]] = {team: [] for team, _ in staff}
    met = answered = 0
    while answered < len(letters):
        while waiting and waiting[0][0].at <= now:
            one = waiting.pop(0)
            queues[team_of[one[0].topic]].append(one)
        for team, colleague in staff:
            who = colleague.person.id
            if queues[team] and free_at[who] <= now and colleague.is_here(now):
                letter, due, counts = queues[team].pop(0)
                free_at[who] = now + timedelta(minutes=math.ceil(letter.work_s / 60))
                met += counts and free_at[who] <= due
                answered += 1
        now += MINUTE
    return met / sum(counts for _, _, counts in letters)
