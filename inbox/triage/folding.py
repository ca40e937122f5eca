"""Deal messages out to folds, so that each is judged by machines that saw no copy of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from inbox.triage.features import Forms, stems_of
from inbox.triage.prediction import Example
from inbox.triage.text import LONGEST_FORM

N_FOLDS = 5
CALIBRATED_ON = 10_000  # messages at most are held out to calibrate and to measure
MIN_OWN = 50  # own messages; fewer, and the starter's sentences calibrate too, as so many
ALIKE_FROM = 0.5  # share of words in common; collected messages are more alike than new ones
COPIES = range(200, 20_001)  # texts; of fewer each is needed, of more only equal ones are one
_AT_ONCE = 250  # messages compared with all of their type: bounds the memory

Ints = NDArray[np.intp]


def folds_of(examples: Sequence[Example], forms: Sequence[Forms]) -> Ints:
    """Return the fold of each message, -1 for what is never held out; always the same ones.

    ``forms`` are the messages as they are read. Those of one group, of one text, or of one
    type and nearly alike stand in one fold; those of each type are shared out evenly. The
    starter's sentences are never held out once there are enough own messages.
    """
    groups = [
        example.group or " ".join(said) for example, said in zip(examples, forms, strict=True)
    ]
    own = sum(example.is_own for example in examples)
    held = {
        group: (example.request_type, said)
        for group, example, said in zip(
            reversed(groups), reversed(examples), reversed(forms), strict=True
        )
        if example.is_own or own < MIN_OWN
    }
    random = np.random.default_rng(0)
    fold_of: dict[str, int] = {}
    n_folds = max(N_FOLDS, -(-len(held) // CALIBRATED_ON))
    for label in sorted({of for of, _ in held.values()}):
        members = [group for group, (of, _) in held.items() if of == label]
        firsts = np.arange(len(members))
        if len(held) in COPIES:
            firsts = near_copies([held[one][1] for one in members], -(-len(members) // n_folds))
        fold_of.update(zip(members, _deal(firsts, n_folds, random).tolist(), strict=True))
    return np.array([fold_of.get(group, -1) for group in groups], dtype=np.intp)


def near_copies(messages: Sequence[Forms], most: int) -> Ints:
    """Return for each message the number of the first that it is nearly a copy of, or its own.

    Two are nearly alike that share half of their words (Jaccard); a first one is a copy of
    none before it, and has ``most`` copies at most, itself among them.
    """
    numbers: dict[str, int] = {}
    columns: list[int] = []
    starts = [0]
    for forms in messages:
        columns.extend(
            numbers.setdefault(stem, len(numbers)) for stem in stems_of(forms, LONGEST_FORM)
        )
        starts.append(len(columns))
    ones = np.ones(len(columns), dtype=np.float32)
    stems = sparse.csr_matrix((ones, columns, starts), shape=(len(messages), len(numbers)))
    sizes = np.diff(starts)
    firsts = np.full(len(messages), -1, dtype=np.intp)
    for begin in range(0, len(messages), _AT_ONCE):
        shared = (stems[begin : begin + _AT_ONCE] @ stems.T).tocsr()
        for place in range(shared.shape[0]):
            message = begin + place
            if firsts[message] >= 0:
                continue
            part = slice(shared.indptr[place], shared.indptr[place + 1])
            others, common = shared.indices[part], shared.data[part]
            alike = common >= ALIKE_FROM * (sizes[message] + sizes[others] - common)
            copies = np.sort(others[alike & (firsts[others] < 0)])[:most]
            firsts[copies] = firsts[message] = message
    return firsts


def _deal(firsts: Ints, n_folds: int, random: np.random.Generator) -> Ints:
    """Return the fold of each message; the largest groups of copies are dealt out first."""
    _, groups, sizes = np.unique(firsts, return_inverse=True, return_counts=True)
    turns = (int(random.integers(n_folds)) + np.arange(n_folds)) % n_folds
    order = random.permutation(len(sizes))
    full = np.zeros(n_folds, dtype=np.intp)  # messages in the fold whose turn it is
    fold_of = np.empty(len(sizes), dtype=np.intp)
    for group in order[np.argsort(-sizes[order], kind="stable")].tolist():
        turn = int(full.argmin())
        full[turn] += sizes[group]
        fold_of[group] = turns[turn]
    return fold_of[groups]
