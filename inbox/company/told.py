"""Each person who got somebody's work hears of it, once for all of it."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.alerting.words import LEFT_STEP
from inbox.db import after_commit
from inbox.queue import OUTBOX
from inbox.staffmail import to_staff
from inbox.store.people import list_colleagues
from inbox.store.running import clocks_for
from inbox.telling import Alert, Telling, tell_all


def tell_owners(
    session: Session,
    before: int,
    counts: Mapping[int | None, int],
    first: Mapping[int, int],
    house: House,
    now: datetime,
) -> None:
    """Tell new owners how many conversations of ``before`` are theirs now.

    ``first`` is each one's most pressing conversation: the notice leads there and hangs on
    its clock. Where that never had one, they get the mail without a notice.
    """
    owners = {one: count for one, count in counts.items() if one is not None}
    clock_of = clocks_for(session, [first[one] for one in owners])
    tellings = [
        Telling(
            {one: "owner"},
            first[one],
            clock_of[first[one]],
            f"{LEFT_STEP}:{before}:{int(now.timestamp())}",  # whoever leaves again tells again
            Alert.HANDED_OVER,
            data={"count": count, "before": before},
        )
        for one, count in owners.items()
        if first[one] in clock_of
    ]
    tell_all(session, tellings, now)
    for one, count in owners.items():
        if first[one] not in clock_of:
            _mail(session, one, before, count, house, now)


def _mail(
    session: Session, owner_id: int, before: int, count: int, house: House, now: datetime
) -> None:
    colleagues = list_colleagues(session)
    person = colleagues[owner_id]
    facts = {
        "count": count,
        "before": colleagues[before].name,
        "link": f"{house.base_url}/inbox?for=mine",
    }
    mail = to_staff(
        person.email, house, now, template=LEFT_STEP, language=person.language, facts=facts
    )
    if mail is not None:
        session.add(mail)
        after_commit(session, OUTBOX)
