"""A ladder's form as typed: rows that are added, taken out and moved without a script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from inbox.sla.history import Kind
from inbox.sla.ladder import DUE, Moment, Step
from inbox.sla.rungs import MOST_ACTIONS, MOST_MINUTES, MOST_STEPS
from inbox.views.site import number_of

KINDS = (
    ("first", Kind.FIRST_RESPONSE),
    ("next", Kind.NEXT_RESPONSE),
    ("solved", Kind.RESOLUTION),
)
WHENS = ("share", "before", "after")
FIELDS = (
    *("do", "name", "every", "times", "apply"),
    *(
        f"s{row}_{part}"
        for row in range(MOST_STEPS + 1)
        for part in (
            *("when", "number", "time", "loud"),
            *(name for name, _ in KINDS),
            *(f"do_{place}" for place in range(MOST_ACTIONS)),
        )
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A step as typed; ``time`` is working or plain, ``does`` is "" where nothing is chosen."""

    when: str = "share"
    number: str = ""
    time: str = "working"
    kinds: frozenset[str] = frozenset(name for name, _ in KINDS)
    does: tuple[str, ...] = ()
    is_loud: bool = False

    def did(self, place: int) -> str:
        """Return what is chosen in a place."""
        return self.does[place] if place < len(self.does) else ""


@dataclass(frozen=True, slots=True)
class LadderForm:
    """A ladder as typed."""

    name: str
    rows: Sequence[Row] = field(default_factory=list)
    every: str = ""
    times: str = ""


def form_of(name: str, steps: Sequence[Step]) -> LadderForm:
    """Return the form of a ladder as it is saved."""
    last = steps[-1] if steps else None
    repeats = last is not None and last.times
    return LadderForm(
        name,
        [_row(step) for step in steps],
        str(last.every) if last is not None and repeats else "",
        str(last.times) if last is not None and repeats else "",
    )


def _row(step: Step) -> Row:
    moment = step.moment
    when = "share" if not moment.minutes else "before" if moment.minutes < 0 else "after"
    return Row(
        when,
        str(abs(moment.minutes) or moment.percent),
        "plain" if moment.plain else "working",
        frozenset(name for name, kind in KINDS if kind in step.kinds),
        tuple(str(action) for action in step.actions),
        step.loud,
    )


def read_form(fields: Mapping[str, str]) -> LadderForm:
    """Return what was typed."""
    rows = [
        Row(
            fields[f"s{row}_when"],
            fields[f"s{row}_number"].strip(),
            fields[f"s{row}_time"],
            frozenset(name for name, _ in KINDS if fields[f"s{row}_{name}"] == "1"),
            tuple(fields[f"s{row}_do_{place}"] for place in range(MOST_ACTIONS)),
            fields[f"s{row}_loud"] == "1",
        )
        for row in range(MOST_STEPS + 1)
        if fields[f"s{row}_when"]
    ]
    return LadderForm(fields["name"], rows, fields["every"].strip(), fields["times"].strip())


def change(form: LadderForm, do: str) -> LadderForm:
    """Return the form with a step added, taken out or moved; any other word changes nothing."""
    verb, _, place = do.partition("-")
    rows, at = list(form.rows), number_of(place)
    if verb == "add" and len(rows) < MOST_STEPS:
        rows.append(Row())
    elif at is not None and 0 <= at < len(rows):
        if verb == "remove":
            del rows[at]
        to = at - 1 if verb == "up" else at + 1 if verb == "down" else at
        if verb != "remove" and 0 <= to < len(rows):
            rows[at], rows[to] = rows[to], rows[at]
    return replace(form, rows=rows)


def steps_of(form: LadderForm) -> tuple[Step, ...]:
    """Return the steps that a form means; what cannot be read is a step that is refused."""
    steps = [_step(row) for row in form.rows]
    if steps and (form.every or form.times):
        every, times = _number(form.every, -1), _number(form.times, -1)
        steps[-1] = replace(steps[-1], every=every, times=times)
    return tuple(steps)


def _step(row: Row) -> Step:
    if row.when == "share":
        moment = Moment(_number(row.number, 0))
    else:
        minutes = _number(row.number, 0) or MOST_MINUTES + 1
        sign = -1 if row.when == "before" else 1
        moment = Moment(DUE, sign * minutes, row.time == "plain")
    return Step(
        moment,
        tuple(action for action in row.does if action),
        frozenset(kind for name, kind in KINDS if name in row.kinds),
        row.is_loud,
    )


def _number(text: str, wrong: int) -> int:
    """Read a whole number; ``wrong`` if it is none."""
    found = number_of(text)
    return wrong if found is None else found
