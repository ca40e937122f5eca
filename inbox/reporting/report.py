"""A report as it is read: sums by one key, with names, and what stands open now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from inbox.reporting import words
from inbox.reporting.closing import open_facts
from inbox.reporting.words import Say
from inbox.store import people, reports, setup
from inbox.store.reports import Sums, Wanted
from inbox.templating import N_


@dataclass(frozen=True, slots=True)
class Line:
    """One key of a report. ``key`` is "0" for nobody and no team."""

    key: str
    name: str
    sums: Sums
    open_now: int


@dataclass(frozen=True, slots=True)
class Names:
    """What keys are called."""

    types: Mapping[str, setup.Type]
    agents: dict[int, str]
    teams: Mapping[int, str]
    say: Say
    language: str

    def of(self, by: str, key: Any) -> tuple[str, str]:
        """Return a stored key as an address has it, and its name."""
        if by in ("agent", "team"):
            number = int(key or 0)
            names = self.agents if by == "agent" else self.teams
            nobody = words.NOBODY if by == "agent" else words.NO_TEAM
            return str(number), names.get(number, "") or self.say(nobody)
        if by == "type":
            found = self.types.get(key)
            return key, found.name(self.language) if found else key
        if by == "channel":
            return key, self.say(words.CHANNELS[key])
        return str(key), str(key)


def load_names(session: Session, say: Say, language: str) -> Names:
    """Return what types, people and teams are called."""
    return Names(
        setup.named_types(session),
        {one.id: one.name for one in people.list_colleagues(session).values()},
        people.team_names(session),
        say,
        language,
    )


def load_lines(
    session: Session,
    wanted: Wanted,
    by: str,
    cells: dict[reports.Cell, Sums],
    names: Names,
    *,
    with_times: bool = True,
) -> list[Line]:
    """Return a period's sums by a key, by name; without times they cost much less."""
    stored = reports.sum_by(session, wanted, by, cells, with_times=with_times)
    sums = {names.of(by, key): one for key, one in stored.items()}
    standing = {
        names.of(by, key): n for key, n in reports.open_now(session, wanted, by).items()
    }
    found = [
        Line(*key, sums.get(key, Sums()), standing.get(key, 0))
        for key in dict.fromkeys((*sums, *standing))
    ]
    return sorted(found, key=lambda line: (line.key == "0", line.name.casefold()))


def total_of(lines: list[Line], name: str) -> Line:
    """Return the sum of all lines."""
    sums, standing = Sums(), 0
    for line in lines:
        sums.add(line.sums)
        standing += line.open_now
    return Line("", name, sums, standing)


def load_report(
    session: Session, wanted: Wanted, by: str, say: Say, language: str, now: datetime
) -> list[Line]:
    """Return a report's lines, the total last."""
    cells = reports.fold(open_facts(session, now))
    lines = load_lines(session, wanted, by, cells, load_names(session, say, language))
    return [*lines, total_of(lines, say(words.TOTAL))]


def as_dict(line: Line) -> dict[str, Any]:
    """Return a line as JSON has it: shares 0 to 1 with what they are of, times in minutes."""
    counts = line.sums.counts
    found: dict[str, Any] = {"key": line.key, "name": line.name}
    for what in words.PROMISES:
        found[what] = {
            "met": counts[f"{what}_met"],
            "missed": counts[f"{what}_missed"],
            "excused": counts[f"{what}_excused"],
            "decided": line.sums.decided(what),
            "share": line.sums.share(what),
            "few": line.sums.decided(what) < reports.FEW,
        }
    for name in words.HAPPENED:
        found[name] = counts[name]
    found["open_now"] = line.open_now
    for name, short in (("answered_in", "first_reply"), ("solved_in", "solution")):
        took = getattr(line.sums, name)
        found[f"{short}_median_minutes"] = reports.percentile(took, 0.5)
        found[f"{short}_p90_minutes"] = reports.percentile(took, 0.9)
    for stage in words.STAGES:
        found[f"{stage.removesuffix('_s')}_seconds"] = counts[stage]
    return found


def heading(by: str, say: Say) -> list[str]:
    """Return what the columns of ``cells`` are called."""
    found = [say(words.BY[by])]
    for text in words.PROMISES.values():
        found += [say(text), say(words.OF)]
    found.append(say(words.EXCUSED))
    for half, most in words.TIMES.values():
        found += [say(half), say(most)]
    return [*found, *(say(text) for text in words.HAPPENED.values()), say(words.OPEN_NOW)]


def cells(line: Line, say: Say, language: str) -> list[str]:
    """Return a line as text, one cell for each of ``heading``."""
    found = [line.name]
    for what in words.PROMISES:
        found += [
            words.percent(line.sums.share(what), language),
            str(line.sums.decided(what)),
        ]
    excused = sum(line.sums.counts[f"{what}_excused"] for what in words.PROMISES)
    found.append(str(excused))
    for name in words.TIMES:
        found += [words.typical(line.sums, name, share, say) for share in (0.5, 0.9)]
    counts = line.sums.counts
    return [*found, *(str(counts[name]) for name in words.HAPPENED), str(line.open_now)]


def csv_heading(say: Say) -> list[str]:
    """Return what the columns of ``csv_cells`` are called: figures are numbers there."""
    found = [say(N_("Table")), say(N_("Name"))]
    for text in words.PROMISES.values():
        found += [f"{say(text)}: {say(outcome)}" for outcome in words.OUTCOMES.values()]
    found += [say(text) for pair in words.TIMES.values() for text in pair]
    found += [say(text) for text in (*words.HAPPENED.values(), words.OPEN_NOW)]
    return [*found, *(say(text) for text in words.STAGE_HOURS.values())]


def csv_cells(table: str, line: Line, say: Say, language: str) -> list[str]:
    """Return a line of one of the report's tables or charts."""
    counts = line.sums.counts
    found = [table, line.name]
    found += [str(counts[f"{what}_{one}"]) for what in words.PROMISES for one in words.OUTCOMES]
    for name in words.TIMES:
        found += [words.typical(line.sums, name, share, say) for share in (0.5, 0.9)]
    found += [*(str(counts[name]) for name in words.HAPPENED), str(line.open_now)]
    return found + [words.number(counts[name] / 3600, language) for name in words.STAGE_HOURS]
