"""Train the starter model: ``python -m inbox.triage.starter [DIRECTORY]``."""

import sys
import tempfile
from pathlib import Path

from inbox.triage.model import UrgencyPolicy
from inbox.triage.starter import PER_PATTERN, SEED, corpus_hash, is_current, location
from inbox.triage.starter.generate import generate
from inbox.triage.training import Trained, train

# The made-up sentences say little about how urgent real messages are: rules come first.
STARTER_URGENCY = UrgencyPolicy(rules_are_floor=True, trust=0.5)
STARTER_LOOSENESS = 0.2


def train_starter() -> Trained:
    """Train on the generated messages; the figures are of patterns held out whole."""
    return train(
        generate(SEED, PER_PATTERN),
        urgency=STARTER_URGENCY,
        measured=False,
        looseness=STARTER_LOOSENESS,
        info={"kind": "starter", "starter_sha256": corpus_hash()},
    )


def build(directory: Path) -> str:
    """Train the starter into the directory, all or nothing; return the files' sha256."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".starter-") as scratch:
        trained = train_starter()
        fresh = Path(scratch) / "fresh"
        sha256 = trained.model.save(fresh)
        _swap(fresh, directory, Path(scratch) / "old")
    return sha256


def _swap(fresh: Path, directory: Path, old: Path) -> None:
    """Put the fresh model in place; another process may be doing the same."""
    try:
        if directory.exists():
            directory.rename(old)
        fresh.rename(directory)
    except OSError:
        if not is_current(directory):  # the other one brought the same model: as good
            raise


def main() -> None:
    """Train where the argument says, or in this environment; do nothing if it is there."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else location()
    if is_current(directory):
        sys.stdout.write(f"starter model: {directory} is up to date\n")
        return
    try:
        sha256 = build(directory)
    except OSError as error:
        sys.exit(f"{error.strerror or error}")
    sys.stdout.write(f"starter model: trained into {directory} ({sha256[:12]})\n")


if __name__ == "__main__":
    main()
