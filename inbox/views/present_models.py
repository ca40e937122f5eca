"""Trained models as their pages show them: verdicts in a sentence, charts, tables."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inbox.learning.watching import Week
from inbox.reporting.words import number
from inbox.store.learning import Version
from inbox.templating import N_
from inbox.triage.gate import MIN_MESSAGES
from inbox.views.words import Speaker

Say = Callable[[str], str]

KIND = {
    "together": N_("starter sentences and the company's messages"),
    "own": N_("the company's messages only"),
    "warm": N_("the company's messages, going on from the model in use"),
}
STEPS = {
    "reading": N_("Reading what people said"),
    "together": N_("Learning from starter sentences and your messages"),
    "own": N_("Learning from your messages"),
    "warm": N_("Learning, going on from the model in use"),
    "judging": N_("Comparing with the model in use"),
}
VERDICT = {
    "not_worse": N_(
        "Passed: of %(n)s messages kept aside it gets %(after)s right, the model before "
        "it %(before)s."
    ),
    "too_few": N_(
        "Not used: only %(n)s messages are kept aside for checking, %(least)s are needed. "
        "Confirm about %(more)s more."
    ),
    "worse": N_(
        "Not used: it may sort worse. Of %(n)s messages kept aside it gets %(after)s right, "
        "the model in use %(before)s."
    ),
    "urgent_missed": N_(
        "Not used: it finds %(found)s of %(urgent)s urgent messages, the model in use %(had)s."
    ),
    "class_lost": N_(
        "Not used: it would lose “%(type)s”, right of these fall from %(was)s to %(will)s."
    ),
}
GUESSED = N_("Where a message names none, the group is guessed from learned words.")
NOT_GUESSED = N_("Learned words do not guess groups well enough: they are not used.")
MEASURED_ON = {
    "holdout": N_("Measured on %(n)s messages kept aside."),
    "unseen": N_("Measured on %(n)s confirmed messages, by models that had not seen them."),
}
PLOT = 240  # the side of the square that charts are drawn in
LEFT, TOP = 44, 12


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a chart, with its words."""

    x: float
    y: float
    text: str
    messages: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """The confusion table: rows are what is true, columns what was said."""

    columns: list[tuple[str, str]]  # key, name
    rows: list[tuple[str, str, list[int]]]  # key, name, counts


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a model from the holdout."""

    messages: int
    accuracy: str
    by_type: list[tuple[str, str, str, int]]  # name, precision, recall, support
    points: list[Point]
    bins: list[tuple[str, str, str, int]]  # confidence from to, stated, right, messages
    calibration_error: str
    urgency: list[tuple[str, str]]
    confusion: Confusion


@dataclass(frozen=True, slots=True)
class ProductFigures:
    """How well a model guesses the product groups of messages that name none."""

    text: str
    by_group: list[tuple[str, str, str, int]]  # name, precision, recall, support


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A line of the table of models."""

    id: int
    name: str
    made: str
    author: str
    accuracy: str
    verdict: str
    is_live: bool
    is_shadow: bool
    passed: bool
    problem: str
    data: str
    trained: str = ""
    answered: str = ""
    kinds: list[str] = field(default_factory=list)
    is_semantic: bool = False


def percent(share: float | None, speak: Speaker) -> str:
    """Return a share in words."""
    return "–" if share is None else f"{number(100 * share, speak.language)}%"


def verdict_text(gate: Mapping[str, Any], names: Mapping[str, str], speak: Speaker) -> str:
    """Say in one sentence why a model was, or was not, put in use."""
    if not gate:
        return ""
    figures = gate["figures"]
    n = figures["messages"]
    worst = figures.get("worst_type") or ""
    return speak.say(VERDICT[gate["reason"]]) % {
        "n": n,
        "after": percent(figures["challenger"], speak),
        "before": percent(figures["champion"], speak),
        "least": MIN_MESSAGES,
        "more": max(1, 10 * (MIN_MESSAGES - n)),
        "found": figures["urgent_challenger"],
        "had": figures["urgent_champion"],
        "urgent": figures["urgent"],
        "type": names.get(worst, worst),
        "was": percent(figures.get("worst_before"), speak),
        "will": percent(figures.get("worst_after"), speak),
    }


def present_version(
    one: Version,
    speak: Speaker,
    people: Mapping[int, str],
    names: Mapping[str, str],
    *,
    passed: bool,
) -> VersionRow:
    """Return a model as a line."""
    metrics = one.metrics
    return VersionRow(
        id=one.id,
        name=version_name(one, speak.say),
        made=speak.clock(one.created_at),
        author=people.get(one.made_by_id or 0, speak.say("by itself")),
        accuracy=percent(metrics.get("holdout", {}).get("accuracy"), speak),
        verdict=verdict_text(metrics.get("gate", {}), names, speak),
        is_live=one.is_live,
        is_shadow=one.is_shadow,
        passed=passed,
        problem=speak.say(one.problem) if one.problem else "",
        data=one.data_sha256[:12],
        trained=speak.say(KIND[metrics["kind"]]) if metrics.get("kind") in KIND else "",
        answered=speak.clock(one.promoted_at) if one.promoted_at else "",
        is_semantic=bool(metrics.get("semantic")),
    )


def version_name(one: Version, say: Say) -> str:
    """Return what a model is called."""
    said = N_("Starter model") if one.is_starter else N_("Model %(n)s")
    return say(said) % {"n": one.id} if not one.is_starter else say(said)


def present_figures(
    metrics: Mapping[str, Any],
    outcomes: Sequence[Sequence[Any]],
    names: Mapping[str, str],
    speak: Speaker,
) -> Figures | None:
    """Return what the holdout says of a model; None if it was never measured."""
    found = metrics.get("holdout")
    if not found or not found["messages"]:
        return None
    bins = found["calibration"]
    return Figures(
        messages=found["messages"],
        accuracy=percent(found["accuracy"], speak),
        by_type=[
            (
                names.get(key, key),
                percent(one["precision"], speak),
                percent(one["recall"], speak),
                one["support"],
            )
            for key, one in found["by_type"].items()
        ],
        points=[_point(one, speak) for one in bins],
        bins=[
            (
                f"{round(100 * one['from'])}–{round(100 * one['to'])}%",
                percent(one["confidence"], speak),
                percent(one["accuracy"], speak),
                one["messages"],
            )
            for one in bins
        ],
        calibration_error=percent(found["calibration_error"], speak),
        urgency=_urgency(found.get("urgency"), speak),
        confusion=confusion(outcomes, names),
    )


def present_products(metrics: Mapping[str, Any], speak: Speaker) -> ProductFigures | None:
    """Return how well product groups are guessed; None if none could be learned."""
    found = metrics.get("products") or {}
    if not found.get("groups"):
        return None
    groups = found.get("by_group", {})
    n = sum(one["support"] for one in groups.values())
    on = MEASURED_ON[found.get("measured_on", "unseen")]
    used = speak.say(GUESSED if found["accepted"] else NOT_GUESSED)
    return ProductFigures(
        text=f"{used} {speak.say(on) % {'n': n}}" if groups else used,
        by_group=[
            (
                name or speak.say("none of these"),
                percent(one["precision"], speak),
                percent(one["recall"], speak),
                one["support"],
            )
            for name, one in sorted(groups.items(), key=lambda it: (not it[0], it[0]))
        ],
    )


def _point(one: Mapping[str, Any], speak: Speaker) -> Point:
    text = speak.say("%(stated)s stated, %(right)s right, %(n)s messages") % {
        "stated": percent(one["confidence"], speak),
        "right": percent(one["accuracy"], speak),
        "n": one["messages"],
    }
    x = round(LEFT + PLOT * one["confidence"], 1)
    return Point(x, round(TOP + PLOT * (1 - one["accuracy"]), 1), text, one["messages"])


def _urgency(found: Mapping[str, Any] | None, speak: Speaker) -> list[tuple[str, str]]:
    if not found:
        return []
    cost = found["mean_cost"]
    return [
        (speak.say("Urgent ones found"), percent(found["top_recall"], speak)),
        (
            speak.say("Cost of a message, mean"),
            "–" if cost is None else number(cost, speak.language, 3),
        ),
        (speak.say("Same urgency as people"), percent(found["accuracy"], speak)),
    ]


def confusion(outcomes: Sequence[Sequence[Any]], names: Mapping[str, str]) -> Confusion:
    """Return how often what is true was said to be what."""
    counts = Counter((true, said) for _, true, said, _ in outcomes)
    keys = sorted({key for pair in counts for key in pair}, key=lambda key: names.get(key, key))
    columns = [(key, names.get(key, key)) for key in keys]
    return Confusion(
        columns, [(true, name, [counts[true, said] for said in keys]) for true, name in columns]
    )


def agreement_points(weeks: Sequence[Week], speak: Speaker) -> list[Point]:
    """Return the line of agreement with people over the weeks."""
    step = PLOT / max(len(weeks) - 1, 1)
    found = []
    for place, week in enumerate(weeks):
        share = week.kept / week.decided if week.decided else 0.0
        text = speak.say("Week of %(day)s: %(right)s of %(n)s kept") % {
            "day": week.monday,
            "right": percent(share, speak),
            "n": week.decided,
        }
        found.append(
            Point(
                round(LEFT + step * place, 1),
                round(TOP + PLOT * (1 - share), 1),
                text,
                week.decided,
            )
        )
    return found


def by_pair(
    outcomes: Sequence[Sequence[Any]],
) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """Return the messages of each field of the confusion table, with their confidence."""
    found: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for conversation, true, said, confidence in outcomes:
        found[true, said].append((conversation, confidence))
    return found
