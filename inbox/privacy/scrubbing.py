"""Words out of trained models: what nobody's message says any more is in no vocabulary.

A model's features are words; their weights are numbers and stay. A feature whose word is in
no message that people labelled, nor in the starter, gets a name that no message can hold, so
that the model answers everybody else exactly as before.
"""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from sqlalchemy import select
from sqlmodel import Session

from inbox.learning.serving import folder_of
from inbox.store.audit import add_entry
from inbox.store.learning import list_heirs, list_labels, list_later_labels
from inbox.triage import files
from inbox.triage.features import PIECE_MARK
from inbox.triage.text import is_word, prepare
from models import (
    AuditAction,
    AuditThing,
    TriageModelFiles,
    TriageModelVersion,
)
from models.base import columns, core

versions = columns(TriageModelVersion)

BATCH = 500
GONE = "\x01"  # begins the name of a feature that was taken out; no form of a message does
_BETWEEN = "&"  # of two words of one message


@dataclass(frozen=True, slots=True)
class Kept:
    """A model as it is kept: its number, hash and both files."""

    id: int
    sha256: str
    arrays: bytes
    described: bytes


def list_own(session: Session) -> list[int]:
    """Return the models that were trained here and whose files are kept."""
    found = (
        select(versions.id).join(core(TriageModelFiles)).where(versions.is_starter.is_(False))
    )
    return list(session.execute(found.order_by(versions.id)).scalars())


def load(session: Session, version_id: int) -> Kept | None:
    """Return a model's files."""
    version = session.get(TriageModelVersion, version_id)
    found = session.get(TriageModelFiles, version_id)
    if version is None or found is None:
        return None
    return Kept(version_id, version.sha256, found.arrays, found.described)


def list_starters(session: Session) -> list[int]:
    """Return the starters, whose words nobody outside has written."""
    found = (
        select(versions.id).join(core(TriageModelFiles)).where(versions.is_starter.is_(True))
    )
    return list(session.execute(found).scalars())


def words_said(session: Session, after: int, *, later: bool) -> tuple[set[str], int]:
    """Return the words of the next labelled messages, and where to go on (0 at the end)."""
    heirs = list_heirs(session)
    listed = list_later_labels if later else list_labels
    labels, going_on = listed(session, heirs, after=after, limit=BATCH)
    found: set[str] = set()
    for one in labels:
        found.update(form for form in prepare(one.subject, one.text).forms if is_word(form))
    return found, going_on


def words_of(names: Iterable[str]) -> set[str]:
    """Return the words that a vocabulary's features are made of; pieces are none."""
    return {word for name in names for word in _parts(name)}


def _parts(name: str) -> list[str]:
    if name.startswith((PIECE_MARK, GONE)):
        return []
    return [word for word in name.split(" ") if word and word != _BETWEEN and is_word(word)]


def scrub(vocabulary: Sequence[str], known: set[str]) -> tuple[list[str], int]:
    """Return the vocabulary with every feature renamed that has an unknown word; how many."""
    found, count = [], 0
    for number, name in enumerate(vocabulary):
        if all(word in known for word in _parts(name)):
            found.append(name)
        else:
            found.append(f"{GONE}{number}")
            count += 1
    return found, count


def vocabulary_of(model: Kept) -> list[str]:
    """Return a model's features."""
    with tempfile.TemporaryDirectory(prefix="kip-model-") as name:
        arrays, _ = _read(model, Path(name))
        return files.unpack_vocabulary(arrays)


def _read(model: Kept, folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    (folder / files.ARRAYS).write_bytes(model.arrays)
    (folder / files.META).write_bytes(model.described)
    return files.read(folder, model.sha256)


def scrubbed(model: Kept, known: set[str]) -> Kept | None:
    """Return the model without words that nobody's message says; None if it has none."""
    with tempfile.TemporaryDirectory(prefix="kip-model-") as name:
        folder = Path(name)
        arrays, meta = _read(model, folder)
        vocabulary, count = scrub(files.unpack_vocabulary(arrays), known)
        if not count:
            return None
        arrays |= files.pack_vocabulary(vocabulary)
        about = {key: meta[key] for key in meta if key not in ("format", "arrays_sha256")}
        sha256 = files.write(folder, arrays, about)
        packed, described = (folder / files.ARRAYS, folder / files.META)
        return Kept(model.id, sha256, packed.read_bytes(), described.read_bytes())


def put(
    session: Session, old: Kept, new: Kept, data_dir: Path, now: datetime, *, by: int | None
) -> bool:
    """Put a model without the words in the place of the one with them."""
    version = session.get(TriageModelVersion, old.id)
    found = session.get(TriageModelFiles, old.id)
    if version is None or found is None or version.sha256 != old.sha256:
        return False
    version.sha256, version.path = new.sha256, str(folder_of(data_dir, new.sha256))
    found.arrays, found.described = new.arrays, new.described
    add_entry(
        session,
        AuditThing.MODEL,
        old.id,
        AuditAction.CHANGED,
        now,
        by=by,
        before={"sha256": old.sha256},
        after={"sha256": new.sha256},
    )
    session.flush()
    return True


def list_folders(session: Session) -> set[str]:
    """Return the names of the folders that models of the company may have here."""
    return {sha256[:32] for sha256 in session.execute(select(versions.sha256)).scalars()}


def sweep(folder: Path, known: set[str]) -> int:
    """Delete this machine's copies of models that are no more, also those put aside."""
    count = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.name.startswith(".") and path.name not in known:
            shutil.rmtree(path, ignore_errors=True)
            count += 1
    return count
