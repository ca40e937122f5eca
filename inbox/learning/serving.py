"""The models that a worker sorts with: loaded once, exchanged as soon as another is chosen.

Files are this machine's copy of the rows' bytes. A copy that differs from what was trained is
put aside for whoever wants to look, its model answers nothing until somebody puts it in use
again, and the former one, the starter or written rules sort meanwhile.
"""

import asyncio
import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import Invalid
from inbox.learning.costs import costs_of
from inbox.learning.habits import habits_of
from inbox.learning.heirs import inherit
from inbox.learning.versions import CHANGED, GONE, refuse
from inbox.store.learning import list_heirs
from inbox.store.setup import LiveModel, find_live_model, find_shadow
from inbox.triage import files
from inbox.triage.meaning import Encoder, load_encoder
from inbox.triage.model import TriageModel
from inbox.triage.prediction import (
    DEFAULT_COSTS,
    Guess,
    Prediction,
    Thresholds,
    UrgencyCosts,
)
from inbox.triage.rules import predict_by_rules
from models import Company, TriageModelFiles

log = logging.getLogger(__name__)

FOLDER = "models"
MOST_FORMER = 20  # models that are tried before written rules have to do


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which models are to sort, what becomes of types that are no more, what errors cost."""

    live: LiveModel | None
    shadow: LiveModel | None
    heirs: Mapping[str, str]
    costs: UrgencyCosts = DEFAULT_COSTS
    semantic: bool = False  # whether second halves are asked


@dataclass(frozen=True, slots=True)
class Sorter:
    """Sorts messages with a model, or by written words; ready to be asked in any thread."""

    model: TriageModel | None = None
    version_id: int | None = None  # of ``model``
    shadow: TriageModel | None = None
    shadow_id: int | None = None
    heirs: Mapping[str, str] = field(default_factory=dict)
    costs: UrgencyCosts = DEFAULT_COSTS

    def predict(self, subject: str, text: str, types: frozenset[str]) -> Prediction:
        """Propose type and urgency by the words; only types in use are ever named."""
        known = types | self.heirs.keys()
        if self.model is None:
            said = predict_by_rules(subject, text, allowed_types=known)
            return inherit(said, self.heirs, Thresholds())
        said = self.model.predict(subject, text, allowed_types=known, costs=self.costs)
        return inherit(said, self.heirs, self.model.zones)

    def guess_product(self, subject: str, text: str) -> Guess | None:
        """Return which product group it may be about, though it names none."""
        return None if self.model is None else self.model.guess_product(subject, text)

    def watch(self, subject: str, text: str, types: frozenset[str]) -> Prediction | None:
        """Return what the model in the shadow says, if there is one."""
        if self.shadow is None:
            return None
        known = types | self.heirs.keys()
        said = self.shadow.predict(subject, text, allowed_types=known, costs=self.costs)
        return inherit(said, self.heirs, self.shadow.zones)


def choose(session: Session, company: Company | None = None) -> Chosen:
    """Read which models are to sort now, and what the company has set."""
    return Chosen(
        find_live_model(session),
        find_shadow(session),
        list_heirs(session),
        costs_of(company),
        habits_of(company).semantic,
    )


def folder_of(data_dir: Path, sha256: str) -> Path:
    """Return where this machine keeps its copy of a model's files."""
    return data_dir / FOLDER / sha256[:32]


class Serving:
    """Keeps the chosen models loaded."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self._database = database
        self._data_dir = data_dir
        self._loaded: dict[str, TriageModel] = {}  # by hash: the live one and the shadow
        self._encoder: Encoder | None = None
        self._was_refused = False  # the package is missing or broken: said once

    async def sorter(self, chosen: Chosen) -> Sorter:
        """Return what sorts now; a model that may not answer is passed over and noted."""
        live, model = await self._first_usable(chosen.live)
        shadow = await self._usable(chosen.shadow) if chosen.shadow is not None else None
        kept = {one.sha256 for one in (live, chosen.shadow) if one is not None}
        self._loaded = {key: value for key, value in self._loaded.items() if key in kept}
        encoder = await self._encoder_for(model, shadow) if chosen.semantic else None
        return Sorter(
            model.with_encoder(encoder) if model is not None else None,
            live.id if live is not None and model is not None else None,
            shadow.with_encoder(encoder) if shadow is not None else None,
            chosen.shadow.id if chosen.shadow is not None and shadow is not None else None,
            chosen.heirs,
            chosen.costs,
        )

    async def _encoder_for(self, *models: TriageModel | None) -> Encoder | None:
        """Return what second halves are asked with; loaded once, when a model has one.

        Without the package the words alone sort, as they were measured alone too.
        """
        wanted = any(one is not None and one.meaning is not None for one in models)
        if self._encoder is None and wanted and not self._was_refused:
            try:
                self._encoder = await asyncio.to_thread(load_encoder)
            except Invalid as error:
                self._was_refused = True
                log.warning("%s", error.message)
        return self._encoder

    async def _first_usable(
        self, live: LiveModel | None
    ) -> tuple[LiveModel | None, TriageModel | None]:
        for _ in range(MOST_FORMER):
            if live is None:
                return None, None
            model = await self._usable(live)
            if model is not None:
                return live, model
            after = await self._database.read(find_live_model)
            if after is not None and after.id == live.id:  # the disk's trouble, not the model's
                return None, None
            live = after
        return None, None

    async def _usable(self, one: LiveModel) -> TriageModel | None:
        """Return the model, from memory or from its files; None if it may not answer."""
        if one.sha256 in self._loaded:
            return self._loaded[one.sha256]
        try:
            model = await self._load(one)
        except Invalid as error:
            log.error("model %d does not answer: %s", one.id, error.message)
            await self._database.write(refuse, one.id, error.message, utcnow())
            return None
        except OSError:
            log.exception("model %d cannot be read just now; written rules sort", one.id)
            return None
        self._loaded[one.sha256] = model
        return model

    async def _load(self, one: LiveModel) -> TriageModel:
        """Load a model from where it lies here; the first time, its bytes are put there.

        Raises
        ------
        Invalid
            If the files are not those that were trained, or there are none.
        """
        if one.is_starter:
            try:
                return await asyncio.to_thread(TriageModel.load, Path(one.path), one.sha256)
            except Invalid as error:
                log.warning("%s The copy in the database is tried.", error.message)
        folder = folder_of(self._data_dir, one.sha256)
        if not folder.exists():
            found = await self._database.read(bytes_of, one.id)
            if found is None:
                raise Invalid(CHANGED if one.is_starter else GONE)
            await asyncio.to_thread(put_files, folder, *found)
        try:
            return await asyncio.to_thread(TriageModel.load, folder, one.sha256)
        except Invalid as error:
            log.error("%s", error.message)
            await asyncio.to_thread(_put_aside, folder)
            raise Invalid(CHANGED) from error


def bytes_of(session: Session, version_id: int) -> tuple[bytes, bytes] | None:
    """Return a model's arrays and description as they are kept; None if they are not."""
    found = session.get(TriageModelFiles, version_id)
    return None if found is None else (found.arrays, found.described)


def put_files(folder: Path, arrays: bytes, described: bytes) -> None:
    """Put a model's files there, all or nothing; another process may be doing the same."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.{secrets.token_hex(4)}")
    part.mkdir()
    (part / files.ARRAYS).write_bytes(arrays)
    (part / files.META).write_bytes(described)
    try:
        part.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        for name in (files.ARRAYS, files.META):
            (part / name).unlink()
        part.rmdir()


def _put_aside(folder: Path) -> None:
    """Keep changed files for whoever wants to look; put in use again, they are made anew."""
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.changed-{secrets.token_hex(4)}"))
