"""How many corrections until the sorting fits a business that the starter has never seen?

From the starter on, messages of a public data set are corrected as people would: so many at
random, or those that the product would ask about (``inbox.triage.worth``), thirty at a time.
After each round the model is trained anew as ``inbox.learning.process`` does and measured on
messages that nobody corrected. The data sets are those of ``bench_starter``; without their
folder (the argument, or ``KIP_CORPORA``) it says so and ends.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.bench_starter import _SETS, _Set
from benchmarks.bench_triage import _rows
from benchmarks.measure import figure
from inbox.triage import starter
from inbox.triage.candidates import Kind, make_candidates
from inbox.triage.meaning import Encoder, Remembering, load_encoder
from inbox.triage.model import TriageModel
from inbox.triage.prediction import Example
from inbox.triage.starter import PER_PATTERN, SEED
from inbox.triage.starter.generate import generate
from inbox.triage.worth import Waiting, most_worth, worth_of

GOAL = 85.0
RANDOM, CHOSEN = (50, 100, 150), (30, 60, 90)
POOL = 1500  # messages that came in and could be corrected
MOST_TESTED = 1500


def main() -> None:
    """Print, for each set, how right it is after so many corrections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", nargs="?", default=os.environ.get("KIP_CORPORA", ""))
    parser.add_argument("--only", default="banking77,vinuni_tickets_vi")
    parser.add_argument("--semantic", action="store_true", help="with the half of meaning")
    parser.add_argument("--random", default=",".join(map(str, RANDOM)), help="corrections")
    parser.add_argument("--chosen", default=",".join(map(str, CHOSEN)), help="corrections")
    parser.add_argument("--test", type=int, default=MOST_TESTED, help="messages measured on")
    parser.add_argument("--draw", type=int, default=0, help="which messages come in")
    asked = parser.parse_args()
    encoder = Remembering(load_encoder()) if asked.semantic else None
    rounds = Rounds(
        _numbers(asked.random), _numbers(asked.chosen), asked.test, encoder, asked.draw
    )
    if not asked.corpora:
        sys.stdout.write("corrections: no data sets given, nothing measured\n")
        return
    for one in _SETS:
        if one.folder in asked.only.split(",") and (Path(asked.corpora) / one.folder).is_dir():
            _business(Path(asked.corpora), one, rounds)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split(",") if one)


@dataclass(frozen=True, slots=True)
class Rounds:
    """After how many corrections it is measured, on how many and which messages, how."""

    random: tuple[int, ...]
    chosen: tuple[int, ...]
    test: int
    encoder: Encoder | None
    draw: int


def _business(corpora: Path, one: _Set, rounds: Rounds) -> None:
    type_of = {label: key for key, labels in one.types.items() for label in labels.split()}
    parts = []
    for part in ("train", "test"):
        rows = _rows(corpora / one.folder / f"{part}.tsv")
        known = [row for row in rows if row["label"] in type_of]
        parts.append([Example(row["text"], type_of[row["label"]]) for row in known])
    random = np.random.default_rng(rounds.draw)
    pool = [parts[0][at] for at in random.permutation(len(parts[0]))[:POOL]]
    test = [parts[1][at] for at in random.permutation(len(parts[1]))[: rounds.test]]
    types = frozenset(one.types)
    base = [example for example in generate(SEED, PER_PATTERN) if example.request_type in types]
    first = TriageModel.load(starter.ensure())
    name = f"{'semantic_' if rounds.encoder else ''}corrections_{one.folder}"
    figure(f"{name}_0", _right(first, test, types), "% right")
    for n in rounds.random:
        model = _learned(pool[:n], base, rounds.encoder)
        figure(f"{name}_random_{n}", _right(model, test, types), "% right")
    given: list[Example] = []
    said, rest = first, pool
    for n in rounds.chosen:
        chosen = _choose(said, rest, n - len(given), types)
        given += [rest[at] for at in sorted(chosen)]
        rest = [example for at, example in enumerate(rest) if at not in chosen]
        said = _learned(given, base, rounds.encoder)
        goal = f"{GOAL:g}" if n == rounds.chosen[-1] else "-"
        figure(f"{name}_chosen_{n}", _right(said, test, types), "%", goal)


def _learned(
    given: Sequence[Example], base: Sequence[Example], encoder: Encoder | None
) -> TriageModel:
    """Return what learned from the starter and the corrections together.

    What learned from so few corrections alone is far worse, and says so only on messages that
    were confirmed at random: the gate has those, this has not.
    """
    found = make_candidates([replace(one) for one in given], starter=base, encoder=encoder)
    return next(one.model for one in found if one.kind is Kind.TOGETHER)


def _choose(
    model: TriageModel, pool: Sequence[Example], n: int, types: frozenset[str]
) -> set[int]:
    """Return which messages the product would ask about first."""
    waiting = [
        Waiting(at, worth_of(model.predict("", one.text, allowed_types=types)), one.text)
        for at, one in enumerate(pool)
    ]
    return {one.message for one in most_worth(waiting, n)}


def _right(model: TriageModel, test: Sequence[Example], types: frozenset[str]) -> float:
    right = [
        model.predict("", one.text, allowed_types=types).request_type == one.request_type
        for one in test
    ]
    return 100 * float(np.mean(right))


if __name__ == "__main__":
    main()
