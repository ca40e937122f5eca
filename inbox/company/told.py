"""One notice and one mail to each person who got somebody's work."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.db import after_commit, insert_into
from inbox.queue import OUTBOX, notices_name
from inbox.staffmail import to_staff
from inbox.store.people import list_colleagues
from models import Notice, SLAClock
from models.base import columns

clocks = columns(SLAClock)

STEP = "handed_over"


def tell_owners(
    session: Session,
    before: int,
    counts: Mapping[int | None, int],
    first: Mapping[int, int],
    house: House,
    now: datetime,
) -> None:
    """Tell new owners how many conversations of ``before`` are theirs now.

    ``first`` is each one's most pressing conversation: the notice leads there.
    """
    colleagues = list_colleagues(session)
    for owner_id, count in counts.items():
        if owner_id is None:
            continue
        _ring(session, owner_id, first[owner_id], {"count": count, "before": before}, now)
        person, name = colleagues[owner_id], colleagues[before].name
        link = f"{house.base_url}/inbox?for=mine"
        mail = to_staff(
            person.email,
            house,
            now,
            template=STEP,
            language=person.language,
            facts={"count": count, "before": name, "link": link},
        )
        if mail is not None:
            session.add(mail)
    after_commit(session, OUTBOX)


def _ring(
    session: Session, owner_id: int, number: int, data: Mapping[str, int], now: datetime
) -> None:
    """Put it into the person's notices; it hangs on the conversation's clock as all do."""
    clock = session.execute(
        select(clocks.id, clocks.generation, clocks.due_at)
        .where(clocks.conversation_id == number)
        .order_by(clocks.met_at.is_not(None), clocks.cancelled_at.is_not(None), clocks.due_at)
        .limit(1)
    ).one_or_none()
    if clock is None:
        return
    session.execute(
        insert_into(session, Notice)
        .values(
            agent_id=owner_id,
            conversation_id=number,
            clock_id=clock.id,
            generation=clock.generation,
            step=STEP,
            audience="owner",
            due_at=clock.due_at,
            created_at=now,
            data=dict(data),
        )
        .on_conflict_do_nothing(index_elements=["clock_id", "generation", "step", "agent_id"])
    )
    after_commit(session, notices_name(owner_id))
