"""What happened before the sample company was opened, done by the services that do it live.

Everything is an action at a moment of the past: a message comes in, somebody answers, a step
of the ladder falls. They are done in the order of their moments, each with ``now`` set to
its own, so that owners, clocks, notices and promises come out as they would have.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import Session

from inbox import escalation, intake
from inbox.acknowledgement import House
from inbox.auth import random_token
from inbox.demo.letters import Letter
from inbox.errors import NotFound
from inbox.escalating.due import next_moment
from inbox.house import load_house
from inbox.intake import Context, Incoming
from inbox.rulebook import Rulebook, load_rulebook
from inbox.settings import Settings
from inbox.staging import Arrival, stage
from inbox.store.company import list_doors
from inbox.store.people import Person
from inbox.store.raw import Claimed
from models import (
    Agent,
    ChannelKind,
    Conversation,
    DeliveryState,
    EscalationStep,
    Notice,
    Outbox,
    TeamMember,
)
from models.base import columns

agents = columns(Agent)
members = columns(TeamMember)
outbox = columns(Outbox)
notices = columns(Notice)
talks = columns(Conversation)
steps = columns(EscalationStep)

ACTIONS_A_TURN = 40  # of one write transaction, which then stays well under a second
TAKEN_IN_AFTER = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class World:
    """What one turn works with, loaded in its own transaction."""

    session: Session
    context: Context
    people: dict[int, Person]

    @property
    def house(self) -> House:
        """Return what our mail needs to know."""
        return self.context.house

    @property
    def rulebook(self) -> Rulebook:
        """Return the company's rules."""
        return self.context.rulebook


Action = Callable[[World, datetime], None]


def load_world(session: Session, settings: Settings, model_version_id: int | None) -> World:
    """Load rules, doors and people."""
    house = load_house(session, settings, settings.secret)
    if house is None:
        raise NotFound("There is no company yet.")
    context = Context(
        rulebook=load_rulebook(session),
        doors={door.id: door for door in list_doors(session)},
        house=house,
        language="vi",
        model_version_id=model_version_id,
    )
    return World(session, context, _load_people(session))


def _load_people(session: Session) -> dict[int, Person]:
    teams: dict[int, set[int]] = {}
    for row in session.execute(select(members.agent_id, members.team_id)):
        teams.setdefault(row.agent_id, set()).add(row.team_id)
    return {
        one.id: Person(
            one.id,
            one.name,
            one.email,
            one.role,
            one.language,
            one.theme,
            one.on_duty,
            frozenset(teams.get(one.id, ())),
        )
        for one in session.execute(select(Agent).order_by(agents.id)).scalars()
    }


class History:
    """Actions waiting for their turn; those after ``now`` never happen.

    ``fires`` tells people of deadlines as they were; only for a company that nobody has worked
    in, whose steps are all of this history. Otherwise its own past steps fall silent.
    """

    def __init__(
        self, settings: Settings, model_version_id: int | None, now: datetime, *, fires: bool
    ) -> None:
        self.numbers: set[int] = set()  # of the conversations told
        self._fires = fires
        self._settings = settings
        self._model_version_id = model_version_id
        self.now = now
        self._todo: list[tuple[datetime, int, Action]] = []
        self._count = 0

    @property
    def goes_on(self) -> bool:
        """Whether there is more to do."""
        return bool(self._todo)

    def at(self, moment: datetime | None, action: Action) -> None:
        """Plan an action, unless its moment has not come yet."""
        if moment is not None and moment <= self.now:
            self._count += 1
            heapq.heappush(self._todo, (moment, self._count, action))

    def turn(self, session: Session) -> None:
        """Do the next actions, in one transaction; nothing of them is left to be sent."""
        world = load_world(session, self._settings, self._model_version_id)
        for _ in range(min(ACTIONS_A_TURN, len(self._todo))):
            moment, _, action = heapq.heappop(self._todo)
            self._pass_steps(world, moment)
            action(world, moment)
            session.flush()
        if not self._todo:
            self._pass_steps(world, self.now)
            self._put_away_notices(session)
        self._mark_sent(session)

    def _pass_steps(self, world: World, moment: datetime) -> None:
        """Let the ladder's steps up to a moment fall, as they did, or silently."""
        session = world.session
        session.flush()
        if not self._fires:
            session.execute(
                update(EscalationStep)
                .where(
                    steps.conversation_id.in_(self.numbers),
                    steps.at <= moment,
                    steps.fired_at.is_(None),
                    steps.cancelled_at.is_(None),
                )
                .values(cancelled_at=moment)
            )
            return
        step = next_moment(session)
        while step is not None and step <= moment:
            if not escalation.fire_due_steps(session, world.house, step):
                raise RuntimeError(f"the step at {step} cannot be fired")
            session.flush()
            step = next_moment(session)

    def _mark_sent(self, session: Session) -> None:
        """Let no mail of the past leave now."""
        session.flush()
        session.execute(
            update(Outbox)
            .where(
                outbox.conversation_id.in_(self.numbers),
                outbox.state == DeliveryState.QUEUED,
            )
            .values(state=DeliveryState.SENT, sent_at=outbox.created_at, attempts=1)
        )
        session.execute(
            update(Notice)
            .where(notices.conversation_id.in_(self.numbers), notices.mailed_at.is_(None))
            .values(mailed_at=notices.created_at, told_by="mail")
        )

    def _put_away_notices(self, session: Session) -> None:
        """Leave unread only notices of what still owes an answer."""
        owing = select(talks.id).where(talks.next_due_at.is_not(None))
        session.execute(
            update(Notice)
            .where(
                notices.conversation_id.in_(self.numbers),
                notices.conversation_id.not_in(owing),
                notices.read_at.is_(None),
            )
            .values(read_at=notices.created_at)
        )


def take_in(world: World, letter: Letter, key: str, arrived: datetime, now: datetime) -> int:
    """Bring a message in at a moment of the past; return its conversation's number."""
    door = next(one for one in world.context.doors.values() if one.kind is letter.kind)
    is_mail = letter.kind is ChannelKind.EMAIL
    sender = letter.message.from_address
    meta = {"from": sender, "rcpt": [door.handle]} if is_mail else {"peer": "127.0.0.1"}
    if letter.kind is ChannelKind.CHAT:
        meta |= {"visitor": sender.partition("@")[0], "key": key}
    token = None if is_mail else random_token()
    arrival = Arrival(door.id, letter.kind, key, letter.body, meta, token)
    staged = stage(world.session, arrival, arrived)
    claimed = Claimed(
        staged.id, door.id, letter.kind, letter.body, meta, staged.public_token, arrived, 1
    )
    incoming = Incoming(claimed, letter.message, letter.prediction)
    return intake.take_in(world.session, incoming, world.context, now)
