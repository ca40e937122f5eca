"""What people are told when one covers for another, in their language."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.store.people import list_colleagues
from inbox.telling import Alert, Telling, tell_all
from inbox.templating import N_, translator
from models import SLAClock
from models.base import columns

clocks = columns(SLAClock)

WORDS = {
    "covered": N_("You cover for %(before)s: %(count)s requests, this one first"),
    "away": N_("While you are away, %(owner)s covers for you: %(count)s requests"),
    "alone": N_("Nobody is left to cover for %(before)s: %(count)s requests have no owner"),
    "back": N_("Yours again: %(count)s requests, this one first"),
    "returned": N_("%(before)s is back and has %(count)s requests again"),
    "relieved": N_("%(owner)s covers for you: %(count)s requests"),
    "handed_back": N_("%(before)s has %(count)s requests again"),
    "kept": N_("%(count)s of your requests are with colleagues. Take them back on your page"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One thing to be told to one person: ``what`` is of ``WORDS``, ``facts`` fill it in."""

    what: str
    absence_id: int
    to: int
    number: int  # the most pressing conversation
    facts: Mapping[str, Any]  # count, before, owner

    def plus(self, other: "Said") -> "Said":
        """Return both in one."""
        count = self.facts["count"] + other.facts["count"]
        return replace(self, facts={**self.facts, "count": count})


def say_all(session: Session, said: Sequence[Said], now: datetime) -> None:
    """Tell people, each a notice and what else they chose; the same is told once."""
    if not said:
        return
    found = session.execute(
        select(SLAClock)
        .where(clocks.conversation_id.in_({one.number for one in said}))
        .order_by(clocks.met_at.is_(None), clocks.cancelled_at.is_(None), clocks.due_at.desc())
    )
    # The last one wins: a live clock before one that has ended, the nearest due time first.
    clock_of = {clock.conversation_id: clock for clock in found.scalars()}
    colleagues = list_colleagues(session)
    names = {number: one.name for number, one in colleagues.items()}
    tellings = [
        Telling(
            told={one.to: "owner" if one.what in ("covered", "back") else "team"},
            conversation_id=one.number,
            clock=clock_of[one.number],
            step=f"{one.what}-{one.absence_id}",
            kind=Alert.HANDED_OVER,
            reason=sentence(
                one.what, one.facts, translator(colleagues[one.to].language).gettext, names
            ),
            data=dict(one.facts),
        )
        for one in said
        if one.number in clock_of and colleagues[one.to].is_active
    ]
    tell_all(session, tellings, now)


def what_of(step: str) -> str | None:
    """Return what of ``WORDS`` a notice's step is, or None."""
    what, dash, number = step.partition("-")
    return what if dash and number.isdigit() and what in WORDS else None


def sentence(
    what: str,
    facts: Mapping[str, Any],
    say: Callable[[str], str],
    names: Mapping[int, str],
) -> str:
    """Return it in words, without a full stop."""
    return say(WORDS[what]) % {
        "count": facts.get("count", 1),
        "before": names.get(facts.get("before") or 0, ""),
        "owner": names.get(facts.get("owner") or 0, ""),
    }
