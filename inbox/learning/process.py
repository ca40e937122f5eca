"""The training process, ``python -m inbox.learning.process DIRECTORY``: alone in scikit-learn.

It reads ``job.json``, ``own.jsonl`` and ``holdout.jsonl`` there, says on standard output how
far it is (a JSON object a line), and leaves ``model/`` and ``result.json``. It ends when its
standard input does: nobody waits for it any more.
"""

import contextlib
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from inbox.errors import InboxError
from inbox.learning.heirs import inherit
from inbox.learning.productheads import About, learn_products
from inbox.triage.candidates import Candidate, make_candidates
from inbox.triage.evaluate import Outcome, evaluate
from inbox.triage.gate import Judged, Reason, Verdict, judge
from inbox.triage.meaning import Remembering, load_encoder
from inbox.triage.model import TriageModel
from inbox.triage.prediction import UNSURE_BELOW, Example, Thresholds, UrgencyCosts
from inbox.triage.rules import predict_by_rules
from inbox.triage.starter import PER_PATTERN, SEED
from inbox.triage.starter.generate import generate
from inbox.triage.training import corpus_hash

JUDGING_FROM = 85  # hundredths of the way
PRODUCTS_FROM = 92

Holdout = list[tuple[int, Example]]


class Judge:
    """Lets models predict the holdout as the product would: only types in use are named."""

    def __init__(
        self,
        holdout: Holdout,
        types: frozenset[str],
        heirs: Mapping[str, str],
        costs: UrgencyCosts,
    ) -> None:
        self._holdout = holdout
        self._costs = costs
        self._types = types
        self._heirs = heirs

    def __call__(self, model: TriageModel | None) -> tuple[list[Outcome], list[Judged]]:
        """Return what it says of each message; None is written rules."""
        outcomes, judged = [], []
        known = self._types | self._heirs.keys()
        for number, true in self._holdout:
            if model is None:
                said = predict_by_rules(true.subject, true.text, allowed_types=known)
            else:
                said = model.predict(
                    true.subject, true.text, allowed_types=known, costs=self._costs
                )
            zones = Thresholds() if model is None else model.zones
            said = inherit(said, self._heirs, zones)
            level = None if true.urgency is None else said.urgency
            pair = (true.request_type, said.request_type)
            sure = said.request_type_confidence
            outcomes.append(Outcome(*pair, sure, true.urgency, level, said.zone))
            judged.append(Judged(number, *pair, true.urgency, level))
        return outcomes, judged


def tell(step: str, share: float) -> None:
    """Say how far it is."""
    sys.stdout.write(json.dumps({"step": step, "done": round(100 * share)}) + "\n")
    sys.stdout.flush()


def work(folder: Path) -> dict[str, Any]:
    """Train, compare and choose; return what is kept beside the model."""
    began = time.process_time()
    job = json.loads((folder / "job.json").read_text())
    types, heirs = frozenset(job["types"]), job["heirs"]
    costs = UrgencyCosts.of_plain(job["costs"])
    own = [example for _, example in _read(folder / "own.jsonl", types)]
    holdout = list(_read(folder / "holdout.jsonl", types))
    live = TriageModel.load(Path(job["live"]), job["live_sha256"]) if job["live"] else None
    encoder = Remembering(load_encoder()) if job["semantic"] else None
    if live is not None:
        live = live.with_encoder(encoder)
    found = make_candidates(
        own,
        starter=_starter(types, heirs) if job["starter"] else (),
        live=live,
        costs=costs,
        progress=lambda step, share: tell(step, share * JUDGING_FROM / 100),
        encoder=encoder,
    )
    tell("judging", JUDGING_FROM / 100)
    ask = Judge(holdout, types, heirs, costs)
    before, champion = ask(live)
    tried = [(one, *ask(one.model)) for one in found]
    verdicts = [judge(champion, judged) for _, _, judged in tried]
    best = max(range(len(tried)), key=lambda place: _rank(tried[place][0], verdicts[place]))
    candidate, outcomes, _ = tried[best]
    tell("products", PRODUCTS_FROM / 100)
    learned = learn_products(
        candidate.model,
        live,
        _abouts(folder / "own.jsonl"),
        _abouts(folder / "holdout.jsonl"),
        job["products"],
    )
    sha256 = learned.model.save(folder / "model")
    return {
        "sha256": sha256,
        "data_sha256": corpus_hash(own),
        "kind": candidate.kind.value,
        "accepted": verdicts[best].accepted,
        "gate": _plain(verdicts[best]),
        "holdout": _figures(outcomes, candidate.model, costs),
        "champion": _figures(before, live, costs),
        "own": candidate.evaluation,
        "products": learned.figures,
        "semantic": encoder is not None,
        "messages": len(own),
        "candidates": [
            {"kind": one.kind.value, "cpu_s": one.cpu_s, "gate": _plain(verdict)}
            for (one, _, _), verdict in zip(tried, verdicts, strict=True)
        ],
        "outcomes": _rows(holdout, outcomes),
        "champion_outcomes": _rows(holdout, before),
        "cpu_s": round(time.process_time() - began, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _rank(candidate: Candidate, verdict: Verdict) -> tuple[Any, ...]:
    """Return what makes one candidate better than another: passing, then the holdout."""
    figures = verdict.figures
    too_few = verdict.reason is Reason.TOO_FEW
    on_holdout = 0.0 if too_few or figures["bound"] is None else figures["bound"]
    return verdict.accepted, on_holdout, candidate.evaluation["accuracy"] or 0.0


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "accepted": verdict.accepted,
        "reason": verdict.reason.value,
        "figures": verdict.figures,
    }


def _figures(
    outcomes: list[Outcome], model: TriageModel | None, costs: UrgencyCosts
) -> dict[str, Any]:
    start = model.zones.auto_from if model is not None else None
    return evaluate(outcomes, UNSURE_BELOW if start is None else start, costs)


def _rows(holdout: Holdout, outcomes: list[Outcome]) -> list[list[Any]]:
    return [
        [number, one.true_type, one.said_type, round(one.confidence, 4)]
        for (number, _), one in zip(holdout, outcomes, strict=True)
    ]


def _starter(types: frozenset[str], heirs: Mapping[str, str]) -> list[Example]:
    """Return the shipped sentences of types in use; those of a merged one are its heir's."""
    found = []
    for example in generate(SEED, PER_PATTERN):
        kind = heirs.get(example.request_type, example.request_type)
        if kind in types:
            found.append(replace(example, request_type=kind))
    return found


def _read(path: Path, types: frozenset[str]) -> Iterator[tuple[int, Example]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            number, subject, text, kind, urgency, language, _ = json.loads(line)
            if kind in types:
                yield number, Example(text, kind, subject, urgency, language)


def _abouts(path: Path) -> list[About]:
    """Return what is known of product groups."""
    with path.open(encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return [About(one[0], one[1], one[2], one[6]) for one in found if one[6] is not None]


def _end_with_parent() -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock would outlive us
        pass
    os._exit(1)


def main() -> None:
    """Train in the directory that is named."""
    folder = Path(sys.argv[1])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(OSError):
        os.nice(10)  # messages that come in go first
    try:
        result = work(folder)
    except InboxError as error:
        sys.exit(error.message)
    part = folder / "result.part"
    part.write_text(json.dumps(result))
    part.rename(folder / "result.json")


if __name__ == "__main__":
    main()
