"""Predict with a trained model, and say why: numpy alone, no scikit-learn, no pickle."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inbox.triage import files
from inbox.triage.features import Features, Row
from inbox.triage.meaning import Encoder, Meaning, read_meaning, readable
from inbox.triage.prediction import (
    DEFAULT_COSTS,
    GENERAL,
    LEVELS,
    NO_FACTS,
    NO_GROUP,
    NORMAL,
    UNSURE_BELOW,
    Facts,
    Guess,
    Prediction,
    Term,
    Thresholds,
    UrgencyCosts,
    Zone,
    cheapest_level,
)
from inbox.triage.rules import DEFAULT_CONFIDENCE, RULE_CONFIDENCE
from inbox.triage.shares import doubt, shares_of, softmax
from inbox.triage.text import Document, prepare
from inbox.triage.urgency import Finding, floor
from inbox.triage.why import opposing_terms, strongest_terms

STRANGE_BELOW = 0.34  # of the words known; fewer, and the message is about something else
_STRANGE_GENERAL = 0.3  # how much of the probability such a message gives to general


@dataclass(frozen=True, slots=True)
class Head:
    """One linear classifier: scores are ``values @ coef[indices] + intercept``.

    ``coef`` has shape (n_features, n_labels). A score times ``sharpness`` goes into a
    softmax; sharpness is the inverse of the calibration temperature. ``ease`` is a number
    where a message may be about none of the labels (``shares.shares_of``).
    """

    labels: tuple[str, ...]
    coef: NDArray[np.float32]
    intercept: NDArray[np.float32]
    sharpness: float
    ease: float | None = None

    def shares(self, scores: NDArray[np.float64], calm: Any = 1.0) -> NDArray[np.float64]:
        """Return the probability of each label that was scored, along the last axis."""
        return shares_of(scores, calm, self.sharpness, self.ease)

    def probabilities(
        self, row: Row, columns: Sequence[int], calm: float = 1.0
    ) -> NDArray[np.float64]:
        """Return the probability of each of the labels in ``columns``; they sum to 1.

        ``calm`` below 1 makes them more alike.
        """
        scores = row.values @ self.coef.take(row.indices, axis=0) + self.intercept
        return self.shares(scores[list(columns)].astype(np.float64), calm)

    def pull(self, row: Row, column: int) -> NDArray[np.float64]:
        """Return how much each feature speaks for one label against the average label."""
        coef = self.coef.take(row.indices, axis=0)
        against = coef.sum(axis=1) / coef.shape[1]
        return np.asarray(row.values * (coef[:, column] - against), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class UrgencyPolicy:
    """How the model's opinion of urgency meets the written rules.

    Written rules set a floor. ``rules_are_floor`` says that moreover only a rule can lower
    the level below normal: as long as the company rated too few messages itself.
    ``trust`` in [0, 1] is the share of the model's opinion against "normal"; below 1 for a
    model that has not seen this company's messages. ``without`` names the rules that the
    company's own ratings contradict; they raise nothing.
    """

    rules_are_floor: bool = True
    trust: float = 1.0
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class TriageModel:
    """A trained classifier of request types and, if it was taught them, urgency levels."""

    features: Features
    types: Head
    levels: Head | None = None
    products: Head | None = None  # labels are names of groups; NO_GROUP is none of them
    urgency: UrgencyPolicy = field(default_factory=UrgencyPolicy)
    thresholds: Thresholds = field(default_factory=Thresholds)
    info: dict[str, Any] = field(default_factory=dict)
    meaning: Meaning | None = None  # the second half, asked only with an ``encoder``
    encoder: Encoder | None = field(default=None, compare=False, repr=False)

    @classmethod
    def load(cls, path: Path, sha256: str | None = None) -> Self:
        """Read a model directory.

        ``sha256`` is what ``save`` returned; pass the value kept in the database.

        Raises
        ------
        Invalid
            If a file is missing, changed since it was saved, or not of this version.
        """
        arrays, meta = files.read(path, sha256)
        with files.refusing_bad_content(path):
            return cls._assemble(arrays, meta)

    def save(self, path: Path) -> str:
        """Write the model to a new or existing directory; return the sha256 of its files."""
        arrays = files.pack_vocabulary(self.features.vocabulary)
        arrays["idf"] = self.features.idf
        meta: dict[str, Any] = {
            "urgency": {
                "rules_are_floor": self.urgency.rules_are_floor,
                "trust": self.urgency.trust,
                "without": list(self.urgency.without),
            },
            "thresholds": self.thresholds.plain(),
            "info": self.info,
        }
        heads = {"types": self.types, "levels": self.levels, "products": self.products}
        for name, head in heads.items():
            if head is not None:
                arrays[f"{name}_coef"] = head.coef
                arrays[f"{name}_intercept"] = head.intercept
                meta[name] = {"labels": list(head.labels), "sharpness": head.sharpness}
                if head.ease is not None:
                    meta[name]["ease"] = head.ease
        if self.meaning is not None:
            arrays["meaning_coef"] = self.meaning.coef
            arrays["meaning_intercept"] = self.meaning.intercept
            meta["meaning"] = self.meaning.plain()
        return files.write(path, arrays, meta)

    @classmethod
    def _assemble(cls, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> Self:
        vocabulary = files.unpack_vocabulary(arrays)
        if arrays["idf"].shape != (len(vocabulary),):
            raise ValueError("the vocabulary has the wrong length")
        heads = {}
        for name in ("types", "levels", "products"):
            if name in meta:
                labels = tuple(meta[name]["labels"])
                coef, intercept = arrays[f"{name}_coef"], arrays[f"{name}_intercept"]
                if (
                    coef.shape != (len(vocabulary), len(labels))
                    or intercept.shape != coef[0].shape
                ):
                    raise ValueError(f"the {name} have the wrong shape")
                if name == "levels" and not set(labels) <= set(LEVELS):
                    raise ValueError("unknown urgency levels")
                ease = meta[name].get("ease")  # earlier models have none
                heads[name] = Head(
                    labels,
                    coef,
                    intercept,
                    float(meta[name]["sharpness"]),
                    None if ease is None else float(ease),
                )
        urgency = dict(meta["urgency"])
        urgency["without"] = tuple(urgency["without"])
        return cls(
            features=Features(vocabulary, arrays["idf"]),
            types=heads["types"],
            levels=heads.get("levels"),
            products=heads.get("products"),
            urgency=UrgencyPolicy(**urgency),
            thresholds=Thresholds.of_plain(meta["thresholds"]),
            info=meta["info"],
            meaning=read_meaning(arrays, meta, len(heads["types"].labels)),
        )

    def predict(
        self,
        subject: str,
        text: str,
        *,
        allowed_types: Collection[str] | None = None,
        costs: UrgencyCosts = DEFAULT_COSTS,
        facts: Facts = NO_FACTS,
    ) -> Prediction:
        """Propose a request type and an urgency for one message.

        Any text gets an answer. ``allowed_types`` are the types in use; if the model knows
        none of them, the first in alphabetical order answers with confidence 0. ``facts``
        of the customer can raise the urgency.
        """
        document = prepare(subject, text)
        row = self.features.row(document.forms)
        candidates = self._candidates(row, allowed_types, self._meant(document))
        first, confidence = candidates[0]
        levels = self._levels(row)
        level, certainty, reason = self._urgency(levels, document, costs, facts)
        zone = self.zones.zone(first, confidence, row.known_share)
        terms = self._why(document, row, first)
        return Prediction(
            request_type=first,
            request_type_confidence=confidence,
            urgency=LEVELS[level],
            urgency_confidence=certainty,
            urgency_reason=reason,
            needs_review=zone is not Zone.AUTO,
            candidates=tuple(candidates),
            why=terms[0],
            clock_candidates=self.zones.clocks(candidates),
            zone=zone,
            against=terms[1],
            levels=levels,
            known_share=row.known_share,
        )

    def guess_product(self, subject: str, text: str) -> Guess | None:
        """Return which product group a message is about, if the model is sure enough.

        None where it never learned any, or says that the message is about none of them.
        """
        if self.products is None:
            return None
        document = prepare(subject, text)
        row = self.features.row(document.forms)
        labels = self.products.labels
        shares = self.products.probabilities(row, range(len(labels)), doubt(row.known_share))
        best = int(shares.argmax())
        if labels[best] == NO_GROUP or shares[best] < UNSURE_BELOW or not row.indices.size:
            return None
        terms = strongest_terms(document, row.shares(self.products.pull(row, best)))
        return Guess(labels[best], float(shares[best]), terms)

    def with_encoder(self, encoder: Encoder | None) -> "TriageModel":
        """Return the same model asking its second half too, if it has one for this encoder."""
        known = self.meaning.encoder if self.meaning is not None else None
        fits = encoder is not None and encoder.name == known
        return replace(self, encoder=encoder if fits else None)

    @property
    def zones(self) -> Thresholds:
        """What may pass without a person, by the halves that are asked."""
        if self.meaning is None or self.encoder is None:
            return self.thresholds
        return self.meaning.thresholds

    def with_thresholds(self, thresholds: Thresholds) -> "TriageModel":
        """Return the same model with other zones."""
        return replace(self, thresholds=thresholds)

    def _meant(self, document: Document) -> NDArray[np.float64] | None:
        """Return the second half's score of each type; None where it is not asked."""
        if self.meaning is None or self.encoder is None:
            return None
        said = readable(document)
        return self.meaning.scores(self.encoder.vectors([said])[0]) if said else None

    def _candidates(
        self,
        row: Row,
        allowed_types: Collection[str] | None,
        meant: NDArray[np.float64] | None,
    ) -> list[tuple[str, float]]:
        labels = self.types.labels
        columns = [
            column
            for column, key in enumerate(labels)
            if allowed_types is None or key in allowed_types
        ]
        if not columns:
            return [(key, 0.0) for key in sorted(allowed_types or labels)]
        shares = self.types.probabilities(row, columns, doubt(row.known_share))
        keys = [labels[column] for column in columns]
        if row.known_share < STRANGE_BELOW and GENERAL in keys:
            shares = np.full(len(keys), (1 - _STRANGE_GENERAL) / len(keys))
            shares[keys.index(GENERAL)] += _STRANGE_GENERAL
        if meant is not None:
            shares = (shares + softmax(meant[columns])) / 2
        order = np.argsort(-shares, kind="stable")
        return [(keys[place], float(shares[place])) for place in order]

    def _urgency(
        self,
        levels: tuple[float, ...],
        document: Document,
        costs: UrgencyCosts,
        facts: Facts,
    ) -> tuple[int, float, str | None]:
        """Return the level, how sure it is, and the rule that set it if one did.

        The level with the least expected cost, but never below what a rule asks for.
        """
        rule = floor(document, facts, self.urgency.without)
        level, certainty = NORMAL, DEFAULT_CONFIDENCE
        if self.levels is not None:
            level = cheapest_level(levels, costs)
            certainty = levels[level]
        if self.urgency.rules_are_floor:
            level = max(level, NORMAL)
        if rule is not None and (rule.level > level or self._lowers(rule, level)):
            return rule.level, RULE_CONFIDENCE, rule.reason
        return level, certainty, None

    def _levels(self, row: Row) -> tuple[float, ...]:
        """Return the probability of each of LEVELS."""
        shares = np.zeros(len(LEVELS))
        trust = self.urgency.trust if self.levels is not None else 0.0
        if self.levels is not None:
            labels = self.levels.labels
            known = self.levels.probabilities(row, range(len(labels)))
            for label, share in zip(labels, known, strict=True):
                shares[LEVELS.index(label)] = share * trust
        shares[NORMAL] += 1 - trust
        return tuple(shares.tolist())

    def _why(
        self, document: Document, row: Row, chosen: str
    ) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
        """Return the words for and those against the chosen type."""
        if chosen not in self.types.labels or not row.indices.size:
            return (), ()
        pull = self.types.pull(row, self.types.labels.index(chosen))
        weights = row.shares(pull)
        return strongest_terms(document, weights), opposing_terms(document, weights)

    def _lowers(self, rule: Finding, level: int) -> bool:
        return self.urgency.rules_are_floor and rule.level < NORMAL and level == NORMAL
