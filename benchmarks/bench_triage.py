"""How well does triage sort, how sure is it rightly, and what does it cost?

Without data sets: loading the starter, one message, a batch, training 10,000 and 100,000
messages in a process of their own, a gate that is shown spoiled labels, and the nearest of
1,000,000. With the folder of public data sets as the argument or in ``KIP_CORPORA`` (see
``bench_starter``): accuracy, calibration, what stands alone and how often that is right, and
whether text without diacritics gets the same answer. ``--only`` picks parts by name.
"""

import argparse
import csv
import itertools
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.measure import figure
from inbox.triage import starter
from inbox.triage.evaluate import evaluate_model
from inbox.triage.model import TriageModel
from inbox.triage.prediction import LEVELS, Example
from inbox.triage.similar import Index
from inbox.triage.starter.generate import generate
from inbox.triage.text import fold

N_MESSAGES = 2000
_LOST = 0.05  # of the known questions, when foreign ones are to be caught
GOALS = {
    "banking77": ("92.0", "0.05"),
    "clinc150": ("93", "0.05"),
    "viocd": ("93", "0.05"),
    "bitext_cs": ("99.5", "0.05"),
    "vi_shop_chat": ("-", "0.05"),
    "uit_vsfc": ("-", "0.05"),
}


def main() -> None:
    """Run the parts asked for; each prints its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", nargs="?", default=os.environ.get("KIP_CORPORA", ""))
    parser.add_argument("--only", default="", help="Parts, with commas between.")
    parser.add_argument("--train", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.train:
        _train(asked.train)
        return
    parts: dict[str, Callable[[], None]] = {
        "speed": _speed,
        "training": _training,
        "gate": lambda: _gate(Path(asked.corpora)),
        "similar": _similar,
        "own_urgency": _own_urgency,
        "sets": lambda: _sets(Path(asked.corpora)),
        "foreign": lambda: _foreign(Path(asked.corpora)),
        "six": lambda: _six(Path(asked.corpora)),
        "urgency": lambda: _urgency(Path(asked.corpora)),
    }
    needs_data = {"sets", "foreign", "six", "urgency"}
    for name, part in parts.items():
        if asked.only and name not in asked.only.split(","):
            continue
        if name in needs_data and not asked.corpora:
            sys.stdout.write(f"{name}: no data sets given, nothing measured\n")
        else:
            part()


def _speed() -> None:
    """Measure loading, one message with its reasons, and memory, without scikit-learn."""
    directory = starter.ensure()
    start = time.perf_counter()
    model = TriageModel.load(directory)
    figure("triage_load", (time.perf_counter() - start) * 1000, "wall_ms")
    examples = generate(99, 2)[:N_MESSAGES]
    took = []
    for example in examples:
        start = time.perf_counter()
        model.predict(example.subject, example.text)
        took.append(time.perf_counter() - start)
    p50, p95 = (statistics.quantiles(took, n=100)[p - 1] * 1000 for p in (50, 95))
    figure("triage_message_p50", p50, "wall_ms")
    figure("triage_message_p95", p95, "wall_ms", "2")
    start = time.process_time()
    for example in examples:
        model.predict(example.subject, example.text)
    batch = (time.process_time() - start) / len(examples) * 1000
    figure("triage_message_in_a_batch", batch, "cpu_ms", "0.5")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figure("triage_memory_peak", peak_mb, "MiB", "120")


def _training() -> None:
    for n, seconds in ((10_000, "60"), (100_000, "240")):
        command = [sys.executable, "-m", "benchmarks.bench_triage", "--train", str(n)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        took, peak = (float(value) for value in done.stdout.split())
        figure(f"triage_training_{n}", took, "cpu_s", seconds)
        figure(f"triage_training_{n}_peak", peak, "MiB", "1500")


def _train(n: int) -> None:
    from inbox.triage.training import train  # noqa: PLC0415

    base = generate(7, 3)
    random = np.random.default_rng(0)
    examples = []
    for number in range(n):  # two halves of sentences, so that 100,000 are not copies
        one, two = (base[int(at)] for at in random.integers(len(base), size=2))
        text = f"{one.text} {two.text[: len(two.text) // 2]} ma {number % 5000}"
        examples.append(Example(text=text, request_type=one.request_type, urgency=one.urgency))
    start = time.process_time()
    train(examples)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.process_time() - start, peak)


def _gate(corpora: Path) -> None:
    """Show the gate challengers trained on 30 % wrong labels; count those it lets pass."""
    from inbox.triage.candidates import judge_all  # noqa: PLC0415
    from inbox.triage.gate import judge  # noqa: PLC0415
    from inbox.triage.training import train  # noqa: PLC0415

    sets = {"starter": generate(7, 2)}
    if (corpora / "vi_shop_chat").is_dir():
        sets |= {name: _read(corpora / name / "train.tsv") for name in ("viocd", "uit_vsfc")}
    for name, everything in sets.items():
        passed = asked = 0
        for seed in range(3):
            random = np.random.default_rng(seed)
            order = random.permutation(len(everything))
            given = [everything[at] for at in order[500:3000]]
            champion = train(given).model
            spoiled = train(_spoil(given, random)).model
            for n in (50, 200, 500):
                holdout = [(int(at), everything[at]) for at in order[:n]]
                verdict = judge(judge_all(champion, holdout), judge_all(spoiled, holdout))
                passed += verdict.accepted
                asked += 1
        figure(f"gate_{name}_spoiled_accepted", passed, f"of {asked}", "0")


def _spoil(examples: Sequence[Example], random: np.random.Generator) -> list[Example]:
    keys = sorted({example.request_type for example in examples})
    spoiled = []
    for example in examples:
        key = example.request_type
        if random.random() < 0.3:
            key = str(random.choice([other for other in keys if other != key]))
        spoiled.append(Example(text=example.text, request_type=key))
    return spoiled


def _similar() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 2**63, size=(1_000_000, 4), dtype=np.uint64)
    index = Index(np.arange(1_000_000), codes)
    took = []
    for at in range(50):
        start = time.perf_counter()
        index.nearest(codes[at * 7], 200)
        took.append((time.perf_counter() - start) * 1000)
    figure("similar_of_a_million_p95", statistics.quantiles(took, n=20)[-1], "wall_ms", "300")


def _sets(corpora: Path) -> None:
    from inbox.triage.training import train  # noqa: PLC0415

    for name, (goal, error) in GOALS.items():
        if not (corpora / name).is_dir():
            continue
        model = train(_read(corpora / name / "train.tsv")).model
        test = _read(corpora / name / "test.tsv")
        figures = evaluate_model(model, test)
        figure(f"{name}_right", 100 * figures["accuracy"], "%", goal)
        figure(f"{name}_calibration_error", figures["calibration_error"], "", error)
        _alone(name, figures)
        same = sum(_bare(model, one.text) for one in test)
        figure(f"{name}_same_without_diacritics", 100 * same / len(test), "%", "100")


def _alone(name: str, figures: dict[str, float | None]) -> None:
    figure(f"{name}_alone", 100 * (figures["coverage"] or 0), "% of messages")
    right = figures["precision_when_covered"]
    figure(f"{name}_alone_right", 100 * (1 if right is None else right), "%", "94")


def _bare(model: TriageModel, text: str) -> bool:
    return model.predict("", text).candidates == model.predict("", fold(text)).candidates


def _foreign(corpora: Path) -> None:
    """How many foreign questions fall below the confidence that 95 % of known ones reach?"""
    from inbox.triage.training import train  # noqa: PLC0415

    home = corpora / "clinc150"
    model = train(_read(home / "train.tsv")).model
    known = [model.predict("", one.text) for one in _read(home / "test.tsv")]
    foreign = [model.predict("", one.text) for one in _read(home / "oos_test.tsv")]
    least = np.quantile([one.request_type_confidence for one in known], _LOST)
    caught = np.mean([one.request_type_confidence < least for one in foreign])
    figure("clinc150_foreign_caught", 100 * float(caught), "%", "80")


def _six(corpora: Path) -> None:
    """Sort banking77 into six of the starter's types, trained on its own training part."""
    from benchmarks.bench_starter import _BANKING77  # noqa: PLC0415
    from inbox.triage.training import train  # noqa: PLC0415

    type_of = {label: key for key, labels in _BANKING77.items() for label in labels.split()}
    parts = [
        [
            Example(text=one.text, request_type=type_of.get(one.request_type, "general"))
            for one in _read(corpora / "banking77" / f"{part}.tsv")
        ]
        for part in ("train", "test")
    ]
    figures = evaluate_model(train(parts[0]).model, parts[1])
    figure("banking77_six_right", 100 * figures["accuracy"], "%")
    _alone("banking77_six", figures)


def _own_urgency() -> None:
    """Measure the starter's urgency on its own patterns, each by folds without it."""
    from inbox.triage.starter.__main__ import train_starter  # noqa: PLC0415

    figures = train_starter().evaluation["urgency"]
    figure("starter_urgency_cost", figures["mean_cost"], "a message")
    figure("starter_urgency_top_found", 100 * figures["top_recall"], "%", "92")
    figure("starter_urgency_top_flagged", 100 * figures["top_flagged"], "% of messages")


def _urgency(corpora: Path) -> None:
    """Rank vinuni's tickets by the starter's urgency: high ones against the others."""
    model = TriageModel.load(starter.ensure())
    ranked: dict[bool, list[float]] = {True: [], False: []}
    for part in ("train", "test"):
        for row in _rows(corpora / "vinuni_tickets_vi" / f"{part}.tsv"):
            said = model.predict("", row["text"])
            expected = sum(level * share for level, share in enumerate(said.levels))
            height = LEVELS.index(said.urgency) + expected
            ranked[row["urgency"] == "cao"].append(height)
    pairs = itertools.product(ranked[True], ranked[False])
    won = [1.0 if high > low else 0.5 if high == low else 0.0 for high, low in pairs]
    figure("vinuni_urgency_auc", statistics.fmean(won), "")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def _read(path: Path) -> list[Example]:
    return [Example(text=row["text"], request_type=row["label"]) for row in _rows(path)]


if __name__ == "__main__":
    main()
