"""One conversation of the sample company's past: when it came, and what was done with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from inbox import clocks, closing, conversations, corrections
from inbox.demo import letters
from inbox.demo.company import SIGN_IN, ZONE, address
from inbox.demo.history import TAKEN_IN_AFTER, History, World, take_in
from inbox.demo.letters import Letter, Predict
from inbox.demo.texts import Story
from inbox.rulebook import Rulebook
from inbox.sla.calendar import WorkingCalendar
from inbox.store.chat import mark_received, visitors_of
from inbox.store.people import Person
from models import ChannelKind, ClockKind, Conversation, Outbox, OutboxKind
from models.base import columns

outbox = columns(Outbox)

LONG_AGO = timedelta(days=60)
PATIENCE = timedelta(minutes=35)  # of a customer who answers us
TAKEN_AFTER = timedelta(minutes=4)
LEAST_WORKED_S = 120  # of a message that only just came


def plan(
    history: History, stories: list[tuple[str, Story]], rulebook: Rulebook, predict: Predict
) -> None:
    """Read and sort what the customers wrote, and plan when each of them wrote it.

    The stories come with the keys their messages are known again by. Slow: mail is parsed
    and classified here, so that no transaction has to.
    """
    office = rulebook.calendars[rulebook.default_calendar_id]
    # Days count back from the last one on which somebody worked, so that the newest of the
    # past have been answered after a holiday too.
    today = _worked_back(office, history.now, LEAST_WORKED_S).astimezone(ZoneInfo(ZONE))
    for place, (key, story) in enumerate(stories):
        first = letters.write(story, predict)
        later = {
            name: letters.write_again(story, text, predict)
            for name, text in (("then", story.then), ("again", story.again))
            if text
        }
        told = Thread(history, story, first, later, key, place)
        if story.at:
            arrived = _on_day(story, today)
        else:
            arrived = _by_clock(story, first, rulebook, history.now, place)
        history.at(arrived + TAKEN_IN_AFTER, told.arrive)


def _on_day(story: Story, today: datetime) -> datetime:
    """Return when a story of the past begins."""
    hour, minute = map(int, story.at.split(":"))
    day = today - timedelta(days=story.days)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def _by_clock(
    story: Story, first: Letter, rulebook: Rulebook, now: datetime, place: int
) -> datetime:
    """Return when an open story begins, so that it is due when its file says."""
    said = first.prediction
    promise = rulebook.promise(said.clock_candidates or (said.request_type,), said.urgency)
    target_s = clocks.target_of(promise, ClockKind.FIRST_RESPONSE) or 0
    if story.step:
        worked_s = target_s * story.step / 100 - story.after
    else:
        worked_s = target_s - (story.due or 0) * 60
    least_s = LEAST_WORKED_S + place % 10 * 75  # no two at once
    return _worked_back(promise.calendar, now, max(worked_s, least_s))


def _worked_back(calendar: WorkingCalendar, now: datetime, worked_s: float) -> datetime:
    """Return a moment since which so much working time has passed, to the second."""
    if calendar.is_always_open:
        return now - timedelta(seconds=worked_s)
    early, late = now - LONG_AGO, now
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        if calendar.working_seconds(middle, now) >= worked_s:
            early = middle
        else:
            late = middle
    return early


@dataclass
class Thread:
    """One story while it is told."""

    history: History
    story: Story
    first: Letter
    letters: dict[str, Letter]  # that come later, by their field of the story
    key: str
    place: int  # among the stories: varies what would look too regular
    number: int = 0

    def arrive(self, world: World, now: datetime) -> None:
        """Take the first message in, and plan what follows."""
        arrived = now - TAKEN_IN_AFTER
        self.number = take_in(world, self.first.dated(arrived), self.key, arrived, now)
        story, history = self.story, self.history
        history.numbers.add(self.number)
        if story.step:
            history.at(now + TAKEN_AFTER, self.take)
        if story.note:
            history.at(self._after(world, arrived, 0.25), self.keep_note)
        if story.again:
            history.at(now + (history.now - now) * 0.6, self.ask_again)
        if story.reply:
            if self._is_wrong() or self.place % 3:
                history.at(self._after(world, arrived, min(story.share, 0.8) / 2), self.sort)
            history.at(self._after(world, arrived, story.share), self.reply)
        elif story.confirmed:
            history.at(now + (history.now - now) * 0.5, self.sort)

    def _is_wrong(self) -> bool:
        return self.first.prediction.request_type != self.story.type

    def _after(self, world: World, start: datetime, share: float) -> datetime | None:
        """Return when a share of the time that the running clock gives is used up."""
        found = clocks.list_live(world.session, self.number, clocks.REPLY_KINDS)
        if not found:
            return None
        calendar = world.rulebook.calendars[found[0].calendar_id]
        return calendar.due_at(start, share * found[0].target_s)

    def _open(self, world: World) -> tuple[Conversation, Person]:
        """Return the conversation as it stands, and who acts on it."""
        world.session.flush()
        found = world.session.get_one(Conversation, self.number, populate_existing=True)
        by = world.people.get(found.owner_id or 0) or next(iter(world.people.values()))
        return found, by

    def take(self, world: World, now: datetime) -> None:
        """Let the person whom everybody signs in as take it: the warnings come to them."""
        found, _ = self._open(world)
        who = next(one for one in world.people.values() if one.email == address(SIGN_IN))
        conversations.claim(world.session, found, by=who, now=now)

    def keep_note(self, world: World, now: datetime) -> None:
        """Write a note for colleagues."""
        found, by = self._open(world)
        conversations.note(world.session, found, self.story.note, by=by, now=now)

    def sort(self, world: World, now: datetime) -> None:
        """Say what type it is: agree with the guess, or correct it."""
        found, by = self._open(world)
        if found.request_type == self.story.type:
            corrections.agree(world.session, found, by=by, now=now)
            return
        corrections.correct(
            world.session,
            found,
            world.rulebook,
            world.house,
            request_type=self.story.type,
            by=by,
            now=now,
        )

    def reply(self, world: World, now: datetime) -> None:
        """Answer, and plan what follows."""
        self._say(world, self.story.reply, now)
        if self.story.then:
            wait = PATIENCE + timedelta(minutes=self.place * 17 % 180)
            self.history.at(now + wait, self.write_back)
        elif self.story.solved:
            self._solve_after(world, now)

    def _say(self, world: World, text: str, now: datetime) -> None:
        found, by = self._open(world)
        conversations.mark_read(world.session, found, now)
        world.session.flush()
        said = conversations.reply(world.session, found, text, world.house, by=by, now=now)
        if found.channel is ChannelKind.CHAT:
            for value, _ in visitors_of(world.session, found.inbox_id, found.contact_id):
                mark_received(world.session, value, said.id, now)

    def write_back(self, world: World, now: datetime) -> None:
        """Let the customer answer our answer."""
        self._take_in_answer(world, "then", OutboxKind.REPLY, now)
        if self.story.answer:
            moment = self._after(world, now, 0.3 + self.place % 5 / 10)
            self.history.at(moment, self.answer)
        elif self.story.solved:
            self._solve_after(world, now)

    def ask_again(self, world: World, now: datetime) -> None:
        """Let the customer write once more while our answer is owed."""
        self._take_in_answer(world, "again", OutboxKind.ACKNOWLEDGEMENT, now)

    def answer(self, world: World, now: datetime) -> None:
        """Answer once more."""
        self._say(world, self.story.answer, now)
        if self.story.solved:
            self._solve_after(world, now)

    def solve(self, world: World, now: datetime) -> None:
        """Mark it done."""
        found, by = self._open(world)
        owed = clocks.list_live(world.session, self.number, clocks.REPLY_KINDS)
        reason = "no_answer_needed" if owed else ""
        closing.resolve(world.session, found, by=by, now=now, reason=reason)

    def _solve_after(self, world: World, now: datetime) -> None:
        calendar = world.rulebook.calendars[world.rulebook.default_calendar_id]
        self.history.at(calendar.due_at(now, 600 + self.place * 613 % 9000), self.solve)

    def _take_in_answer(self, world: World, name: str, to: OutboxKind, now: datetime) -> None:
        key = f"{self.key}:{name}"
        if self.first.kind is ChannelKind.CHAT:
            take_in(world, self.letters[name], key, now, now + TAKEN_IN_AFTER)
            return
        ours = world.session.execute(
            select(outbox.email_message_id)
            .where(outbox.conversation_id == self.number, outbox.kind == to)
            .order_by(outbox.id.desc())
            .limit(1)
        ).scalar_one()
        written = self.letters[name].answering(ours).dated(now)
        take_in(world, written, key, now, now + TAKEN_IN_AFTER)
