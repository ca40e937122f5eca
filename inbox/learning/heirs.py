"""Types that are no more leave no ghosts: what a model says of one counts for its heir."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from inbox.triage.prediction import Prediction, Thresholds, Zone


def inherit(said: Prediction, heirs: Mapping[str, str], thresholds: Thresholds) -> Prediction:
    """Return the prediction with each type of ``heirs`` counted for the type it names."""
    if not any(key in heirs for key, _ in said.candidates):
        return said
    shares: dict[str, float] = defaultdict(float)
    for key, share in said.candidates:
        shares[heirs.get(key, key)] += share
    candidates = tuple(sorted(shares.items(), key=lambda one: -one[1]))
    first, confidence = candidates[0]
    zone = thresholds.zone(first, confidence, said.known_share)
    return replace(
        said,
        request_type=first,
        request_type_confidence=min(confidence, 1.0),
        candidates=candidates,
        zone=zone,
        needs_review=zone is not Zone.AUTO,
        clock_candidates=thresholds.clocks(candidates),
    )
