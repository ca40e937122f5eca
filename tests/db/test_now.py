"""The live page's numbers and the lists behind them (F134)."""

import random
from collections import Counter
from datetime import datetime, timedelta

from sqlmodel import Session

from inbox import closing
from inbox.addressing import make_message_id
from inbox.db import Database
from inbox.rulebook import load_rulebook
from inbox.store import now as live
from inbox.store.conversations import Cursor
from models import (
    ChannelKind,
    Contact,
    Conversation,
    Event,
    EventKind,
    Status,
    Triage,
)
from tests.factories import NOW, Firm, arrive, conversation, everything, make_message

HOUR = timedelta(hours=1)
FAR = datetime(9000, 1, 1, tzinfo=NOW.tzinfo)


def _moments(*foreseen: int) -> live.Moments:
    return live.Moments(NOW, NOW + HOUR, NOW - 4 * HOUR, NOW - 2 * HOUR, foreseen)


def _random(session: Session, firm: Firm, count: int) -> list[Conversation]:
    """Write conversations that stand in every way there is."""
    rng = random.Random(134)
    contact = Contact(name="Lan", created_at=NOW)
    session.add(contact)
    session.flush()
    made = []
    for n in range(count):
        due = NOW + timedelta(minutes=rng.randrange(-300, 300)) if rng.random() < 0.8 else None
        came = NOW - timedelta(minutes=rng.randrange(600))
        talk = Conversation(
            public_token=f"random-{n}",
            inbox_id=firm.mail,
            contact_id=contact.id,
            channel=ChannelKind.EMAIL,
            request_type="general",
            request_type_confidence=rng.choice([0.3, 0.9]),
            triage=rng.choice(list(Triage)),
            status=rng.choice([*[Status.OPEN] * 6, Status.RESOLVED, Status.WAITING]),
            team_id=rng.choice([firm.sales, firm.tech, None]),
            owner_id=rng.choice([firm.an.id, firm.chi.id, None]),
            next_due_at=due,
            order_at=due or FAR,
            asked_again=rng.choice([0, 0, 1]),
            reopened=rng.choice([0, 0, 0, 2]),
            passed_on=rng.choice([0, 1, 2]),
            last_inbound_at=came,
            created_at=came,
        )
        session.add(talk)
        session.flush()
        made.append(talk)
        if rng.random() < 0.3:
            actor = rng.choice([firm.an.id, None])
            at = NOW - timedelta(minutes=rng.randrange(500))
            session.add(
                Event(conversation_id=talk.id, kind=EventKind.NOTED, at=at, actor_id=actor)
            )
    session.flush()
    return made


def _all_of(session: Session, kind: str, at: live.Moments, team: int | None) -> list[int]:
    """Page through a list as the page does."""
    found: list[int] = []
    after = None
    while True:
        rows = live.list_kind(session, kind, at, team_id=team, after=after, limit=7)
        found += [row.id for row in rows]
        if len(rows) < 7:
            return found
        after = Cursor(rows[-1].order_at, rows[-1].urgency_rank, rows[-1].id)


async def test_every_number_has_a_list_of_that_many(database: Database, firm: Firm) -> None:
    """F93, F134: each kind, by team and in all, page after page, none twice."""

    def work(session: Session) -> None:
        made = _random(session, firm, 200)
        at = _moments(*(one.id for one in made[::3]))
        standing = live.load_standing(session, at)
        total: Counter[str] = Counter()
        for team in (firm.sales, firm.tech, None):
            counted = standing.by_team[team]
            total.update(counted)
            for kind in live.KINDS:
                found = _all_of(session, kind, at, team or 0)
                assert len(found) == len(set(found)) == counted[kind], (kind, team)
        for kind in live.KINDS:
            assert total[kind] > 0, f"nothing to compare: {kind}"
            assert len(_all_of(session, kind, at, None)) == total[kind]
        for owner, counted in standing.by_owner.items():
            for kind in ("open", "late", "hour"):
                rows = live.list_kind(session, kind, at, owner_id=owner, limit=300)
                assert len(rows) == counted[kind]

    await database.write(work)


async def test_what_each_number_means(database: Database, firm: Firm) -> None:
    """F134: by hand, over the same conversations."""

    def work(session: Session) -> None:
        made = _random(session, firm, 150)
        at = _moments(*(one.id for one in made[::2]))
        acted = {
            event.conversation_id
            for event in everything(session, Event)
            if event.actor_id is not None and event.at > at.silent_since
        }

        def by_hand(kind: str, one: Conversation) -> bool:
            due = one.next_due_at
            return {
                "open": True,
                "unowned": one.owner_id is None,
                "late": due is not None and due <= NOW,
                "hour": due is not None and NOW < due <= NOW + HOUR,
                "foreseen": due is not None and due > NOW and one.id in at.foreseen,
                "again": one.asked_again > 0,
                "reopened": one.reopened > 0,
                "passed_on": one.passed_on >= 2,
                "unsure": one.triage is Triage.NEEDS_REVIEW
                and one.request_type_confidence < 0.6
                and one.created_at <= at.unsure_since,
                "silent": due is not None
                and one.last_inbound_at is not None
                and one.last_inbound_at <= at.silent_since
                and one.id not in acted,
            }[kind]

        for kind in live.KINDS:
            wanted = {
                one.id for one in made if one.status is Status.OPEN and by_hand(kind, one)
            }
            assert set(_all_of(session, kind, at, None)) == wanted, kind

    await database.write(work)


async def test_reopening_counts_whoever_does_it(database: Database, firm: Firm) -> None:
    """F134: by a colleague, and by the customer who writes again."""
    number = await database.write(arrive, firm)

    def finish(session: Session) -> None:
        row = conversation(session, number)
        closing.resolve(session, row, by=firm.an, now=NOW, reason="duplicate")

    def reopen(session: Session) -> None:
        row, book = conversation(session, number), load_rulebook(session)
        closing.reopen(session, row, book, by=firm.an, now=NOW + HOUR)

    def write_again(session: Session) -> None:
        token = make_message_id(firm.house.secret, number, "congty.example")
        message = make_message("Alo?", in_reply_to=token.strip("<>"))
        arrive(session, firm, message, at=NOW + 2 * HOUR)

    await database.write(finish)
    await database.write(reopen)
    assert (await database.read(conversation, number)).reopened == 1
    await database.write(finish)
    await database.write(write_again)
    row = await database.read(conversation, number)
    assert (row.status, row.reopened) == (Status.OPEN, 2)
