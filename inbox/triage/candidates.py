"""Train the models that may take the live one's place.

One learns from the starter and the company's messages together, one from the company's alone;
where there are very many messages, one goes on from the live model's weights. Runs in the
training process only: it reaches scikit-learn.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from inbox.triage.gate import Judged
from inbox.triage.halves import add_meaning
from inbox.triage.meaning import Encoder
from inbox.triage.model import TriageModel
from inbox.triage.prediction import DEFAULT_COSTS, Example, UrgencyCosts
from inbox.triage.training import train

OWN_WEIGHT = 20.0  # of a confirmed message beside a starter sentence
WARM_FROM = 50_000  # messages

Progress = Callable[[str, float], None]


class Kind(StrEnum):
    """What a candidate was trained from."""

    TOGETHER = "together"  # starter sentences and the company's messages, these 20 times
    OWN = "own"  # the company's messages only
    WARM = "warm"  # the live model's vocabulary and weights, gone on from


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trained model; ``evaluation`` as ``evaluate.evaluate`` returns it, on own messages."""

    kind: Kind
    model: TriageModel
    evaluation: dict[str, Any]
    cpu_s: float


def make_candidates(
    confirmed: Sequence[Example],
    *,
    starter: Sequence[Example] = (),
    live: TriageModel | None = None,
    costs: UrgencyCosts = DEFAULT_COSTS,
    info: dict[str, Any] | None = None,
    progress: Progress | None = None,
    encoder: Encoder | None = None,
) -> list[Candidate]:
    """Train every kind of candidate that these messages allow.

    ``confirmed`` are the company's messages with people's labels, without the holdout;
    ``starter`` the shipped sentences, already limited to types in use. Above 50,000
    messages only one is trained, in bounded time: ``WARM`` if a live model is given that
    knows all of the types. ``progress`` hears a kind's name and the share done in [0, 1].
    With an ``encoder`` each has a second half, of meaning.

    Raises
    ------
    Invalid
        If there is nothing to train on.
    """
    told = progress or (lambda _step, _share: None)
    kinds = _kinds(confirmed, starter, live)
    found = []
    for place, kind in enumerate(kinds):
        told(kind.value, place / len(kinds))
        began = time.process_time()
        given = _examples(kind, confirmed, starter)
        about = {**(info or {}), "kind": kind}
        trained = train(
            given, costs=costs, info=about, start=live if kind is Kind.WARM else None
        )
        if encoder is not None:
            trained = add_meaning(trained, given, encoder, costs=costs)
        cpu_s = round(time.process_time() - began, 1)
        found.append(Candidate(kind, trained.model, trained.evaluation, cpu_s))
    told("done", 1.0)
    return found


def judge_all(
    model: TriageModel,
    holdout: Sequence[tuple[int, Example]],
    *,
    costs: UrgencyCosts = DEFAULT_COSTS,
) -> list[Judged]:
    """Let a model predict the holdout, given as (message id, what people say): for the gate."""
    judged = []
    for message, example in holdout:
        said = model.predict(example.subject, example.text, costs=costs)
        judged.append(
            Judged(
                message,
                example.request_type,
                said.request_type,
                example.urgency,
                None if example.urgency is None else said.urgency,
            )
        )
    return judged


def _kinds(
    confirmed: Sequence[Example], starter: Sequence[Example], live: TriageModel | None
) -> list[Kind]:
    types = {example.request_type for example in confirmed}
    if live is not None and len(confirmed) > WARM_FROM and types <= set(live.types.labels):
        return [Kind.WARM]
    if len(confirmed) > WARM_FROM:
        return [Kind.OWN]
    return [Kind.TOGETHER, Kind.OWN] if starter else [Kind.OWN]


def _examples(
    kind: Kind, confirmed: Sequence[Example], starter: Sequence[Example]
) -> list[Example]:
    """Return what a kind of candidate is trained on."""
    own = [replace(one, is_own=True, weight=1.0) for one in confirmed]
    if kind is not Kind.TOGETHER:
        return own
    given = [replace(one, is_own=False) for one in starter]
    return [*given, *(replace(one, weight=OWN_WEIGHT) for one in own)]
