"""The facts behind a number, one line each, with the stamps that show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.reporting import words
from inbox.reporting.report import Names
from inbox.templating import N_
from inbox.views.models import Sla
from inbox.views.words import Speaker
from models import Conversation, ReportFact, SLAClock
from models.base import columns
from models.report import OF_A_CLOCK

talks = columns(Conversation)
clocks = columns(SLAClock)

AT_ONCE = 500
HEAD = (
    *(
        N_("Number"),
        N_("Subject"),
        N_("Person"),
        N_("Team name"),
        N_("Topic"),
        N_("Counted at"),
    ),
    *(N_("Due"), N_("Outcome"), N_("Late by"), N_("Main cause"), N_("What shows it")),
)


@dataclass(frozen=True, slots=True)
class FactLine:
    """A line of a list; texts are in the reader's language."""

    number: int
    subject: str
    owner: str
    team: str
    topic: str
    at: str
    due: str
    late: Sla | None
    cause: str
    stamps: str
    outcome: str


@dataclass(frozen=True, slots=True)
class About:
    """What a fact's row does not keep: the subject, and how its clock stands by now."""

    subjects: Mapping[int, str]
    ended: Mapping[int, datetime | None]
    names: Names


def load_about(session: Session, found: list[ReportFact], names: Names) -> About:
    """Read what belongs to facts, in a few questions."""
    numbers = sorted({one.conversation_id for one in found})
    sources = sorted({one.source_id for one in found if one.what.value in OF_A_CLOCK})
    subjects: dict[int, str] = {}
    ended: dict[int, datetime | None] = {}
    for begin in range(0, len(numbers), AT_ONCE):
        some = numbers[begin : begin + AT_ONCE]
        query = select(talks.id, talks.subject).where(talks.id.in_(some))
        subjects |= {row.id: row.subject for row in session.execute(query)}
    for begin in range(0, len(sources), AT_ONCE):
        some = sources[begin : begin + AT_ONCE]
        rows = session.execute(
            select(clocks.id, clocks.met_at, clocks.cancelled_at).where(clocks.id.in_(some))
        )
        ended |= {row.id: row.met_at or row.cancelled_at for row in rows}
    return About(subjects, ended, names)


def present_fact(fact: ReportFact, about: About, speak: Speaker) -> FactLine:
    """Return a fact's line."""
    late = _late(fact, about, speak)
    return FactLine(
        number=fact.conversation_id,
        subject=about.subjects.get(fact.conversation_id, ""),
        owner=about.names.of("agent", fact.agent_id)[1],
        team=about.names.of("team", fact.team_id)[1],
        topic=about.names.of("type", fact.request_type)[1],
        at=stamp(fact.at, speak),
        due=stamp(fact.due_at, speak) if fact.due_at else "",
        late=late,
        cause=speak.say(words.CAUSES[fact.cause]) if fact.cause else "",
        stamps=_stamps(fact, speak),
        outcome=speak.say(words.OUTCOMES[fact.outcome.value]) if fact.outcome else "",
    )


def stamp(at: datetime, speak: Speaker) -> str:
    """Write an instant in full, in the company's zone."""
    there = speak.local(at)
    return f"{there.day:02}/{there.month:02}/{there.year} {there.hour:02}:{there.minute:02}"


def _late(fact: ReportFact, about: About, speak: Speaker) -> Sla | None:
    if fact.outcome.value != "missed" or fact.due_at is None:
        return None
    ended = about.ended.get(fact.source_id) if fact.what.value in OF_A_CLOCK else fact.at
    over = ((ended or speak.now) - fact.due_at).total_seconds()
    text = words.duration(max(int(over // 60), 0), speak.say)
    if over < 60:
        text = speak.say(N_("less than a minute"))
    if ended is None:
        text = speak.say(N_("%(time)s, still open")) % {"time": text}
    return Sla("late", text)


def _stamps(fact: ReportFact, speak: Speaker) -> str:
    """Say the moments that show the cause: when it came, what happened, when it was due."""
    if not fact.cause or fact.started_at is None or fact.due_at is None:
        return ""
    values: dict[str, Any] = {
        "start": stamp(fact.started_at, speak),
        "shown": stamp(fact.cause_at or fact.due_at, speak),
        "due": stamp(fact.due_at, speak),
    }
    if fact.cause_at in (None, fact.due_at):
        return speak.say(N_("came %(start)s, due %(due)s")) % values
    return speak.say(N_("came %(start)s, this %(shown)s, due %(due)s")) % values


def csv_cells(line: FactLine) -> list[str]:
    """Return a line as ``HEAD`` names its cells."""
    late = line.late.text if line.late else ""
    where = [str(line.number), line.subject, line.owner, line.team, line.topic]
    return [*where, line.at, line.due, line.outcome, late, line.cause, line.stamps]
