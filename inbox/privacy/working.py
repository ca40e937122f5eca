"""The worker's part: it erases, exports, and keeps to the rules of retention."""

import asyncio
import contextlib
import hashlib
import logging
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import Conflict, InboxError
from inbox.learning.serving import FOLDER
from inbox.privacy import (
    checking,
    erasing,
    erasures,
    exporting,
    exports,
    retention,
    scrubbing,
    tasks,
)
from inbox.privacy.erasing import forget_training
from inbox.privacy.subjects import find_subject
from inbox.settings import Settings
from models import Erasure, PersonExport

log = logging.getLogger(__name__)

LET_GO_S = 3.0  # another process may be loading a model's files just now
LOOK_AGAIN_S = 2.0
PLAN_EVERY_S = 900.0
LOOKS = 6  # at files that a training is about to delete


class Erase:
    """Erases people, one at a time: rows, then models, then what the files still hold."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._data_dir = settings.data_dir
        self.let_go_s = LET_GO_S
        self.look_again_s = LOOK_AGAIN_S

    async def once(self) -> bool:
        """Erase one; True if there may be more."""
        if not await self._database.read(tasks.waits, Erasure, utcnow()):
            return False
        job = await self._database.write(tasks.claim, Erasure, utcnow())
        if job is None:
            return True
        try:
            await self._work(job)
        except Conflict as error:
            await self._database.write(tasks.fail, job, error.message, utcnow())
        except InboxError as error:
            log.warning("erasure %d: %s", job.id, error.message)
            await self._database.write(tasks.again, job, error.message, utcnow())
        return True

    async def _work(self, job: Erasure) -> None:
        began = time.monotonic()
        wanted: frozenset[str] = frozenset()
        if job.wiped_at is None:
            wanted = await self._database.read(_needles, job.contact_id)
            await self._database.write(_wipe, job)
        scrubbed = await self.scrub(job.asked_by_id)
        await self._database.compact(sorted(erasing.TABLES))
        checked = await self._check(wanted)
        checked |= {"models_changed": scrubbed, "looked_for": len(wanted)}
        checked["seconds"] = round(time.monotonic() - began, 1)
        await self._database.write(erasures.finish, job, checked, utcnow())

    async def scrub(self, by: int | None) -> int:
        """Take words that nobody's message says any more out of every model; how many."""
        own = await self._database.read(scrubbing.list_own)
        if not own:
            return 0
        known = await self._known()
        count = 0
        for number in own:
            model = await self._database.read(scrubbing.load, number)
            if model is None:
                continue
            fresh = await asyncio.to_thread(scrubbing.scrubbed, model, known)
            if fresh is not None:
                count += await self._database.write(_put, model, fresh, self._data_dir, by)
        if count:
            await asyncio.sleep(self.let_go_s)
        folders = await self._database.read(scrubbing.list_folders)
        await asyncio.to_thread(scrubbing.sweep, self._data_dir / FOLDER, folders)
        return count

    async def _known(self) -> set[str]:
        """Return every word of messages that people labelled, and of the starter."""
        known: set[str] = set()
        for later in (False, True):
            after = 0
            while True:
                said, after = await self._database.read(
                    scrubbing.words_said, after, later=later
                )
                known |= said
                if not after:
                    break
        for number in await self._database.read(scrubbing.list_starters):
            model = await self._database.read(scrubbing.load, number)
            if model is not None:
                names = await asyncio.to_thread(scrubbing.vocabulary_of, model)
                known |= scrubbing.words_of(names)
        return known

    async def _check(self, wanted: frozenset[str]) -> dict[str, Any]:
        """Search everything for the person; say how often they were found where."""
        path = self._database.path if self._database.is_sqlite else None
        found: dict[str, Any] = {"rows": await self._database.read(_rows, wanted)}
        if path is not None:
            files = checking.database_files(path)
            found["database"] = await asyncio.to_thread(checking.count_in_files, files, wanted)
        found["files"] = await self._count_in_others(path, wanted)
        found["models"] = await self._count_in_models(wanted)
        return found

    async def _count_in_others(self, path: Path | None, wanted: frozenset[str]) -> int:
        """Search the rest of the data directory; a training that was ended cleans up first."""
        count = 0
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(self.look_again_s)
            others = await asyncio.to_thread(checking.other_files, self._data_dir, path)
            count = await asyncio.to_thread(checking.count_in_files, others, wanted)
            if not count:
                break
        return count

    async def _count_in_models(self, wanted: frozenset[str]) -> int:
        count = 0
        for number in await self._database.read(scrubbing.list_own):
            model = await self._database.read(scrubbing.load, number)
            if model is not None:
                names = await asyncio.to_thread(scrubbing.vocabulary_of, model)
                count += checking.count_in_words(names, wanted)
        return count


class Retain:
    """Keeps to the rules of retention: shows what is old, and takes it away days later."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._erase = Erase(database, settings)
        self._planned = -PLAN_EVERY_S

    async def once(self) -> bool:
        """Plan if it is time, and take away the next ones; True if there may be more."""
        if time.monotonic() - self._planned >= PLAN_EVERY_S:
            self._planned = time.monotonic()
            await self._database.write(retention.plan, utcnow())
        if not await self._database.read(retention.is_due, utcnow()):
            return False
        if await self._database.write(retention.act, utcnow()):
            await self._erase.scrub(None)
            await self._database.compact(sorted(erasing.TABLES))
        return True


class Export:
    """Writes exports of persons, one at a time, and deletes them after a day."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._data_dir = settings.data_dir

    async def once(self) -> bool:
        """Write one; True if there may be more."""
        if await self._database.read(exports.are_stale, utcnow()):
            await self._database.write(exports.expire, utcnow())
        if not await self._database.read(tasks.waits, PersonExport, utcnow()):
            return False
        job = await self._database.write(tasks.claim, PersonExport, utcnow())
        if job is None:
            return True
        try:
            await self._work(job)
        except (InboxError, OSError) as error:
            log.warning("export %d: %s", job.id, error)
            await self._database.write(tasks.again, job, type(error).__name__, utcnow())
        return True

    async def _work(self, job: PersonExport) -> None:
        await asyncio.to_thread(_sweep, self._data_dir)
        with tempfile.TemporaryDirectory(dir=self._data_dir, prefix="export-") as name:
            path = Path(name) / "export.zip"
            counts = await exporting.write_zip(self._database, job.contact_id, path)
            digest, size = hashlib.sha256(), 0
            for position, content in enumerate(exports.cut(path)):
                if not await self._database.write(exports.add_part, job, position, content):
                    return  # another worker has it
                digest.update(content)
                size += len(content)
        sha256 = digest.hexdigest()
        await self._database.write(exports.finish, job, size, sha256, counts, utcnow())


def _sweep(data_dir: Path) -> None:
    """Delete what workers that were killed have left here: it holds people's words."""
    old = (utcnow() - 2 * tasks.LEASE).timestamp()
    for left in data_dir.glob("export-*"):
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < old:
                shutil.rmtree(left, ignore_errors=True)


def _needles(session: Session, contact_id: int) -> frozenset[str]:
    return checking.needles(session, find_subject(session, contact_id))


def _rows(session: Session, wanted: frozenset[str]) -> dict[str, int]:
    return checking.count_in_rows(session, wanted)


def _wipe(session: Session, job: Erasure) -> None:
    """Change the rows, unless another worker has the erasure by now."""
    now = utcnow()
    if not erasures.note_wiped(session, job, {}, now):
        raise InboxError("another worker has it")
    counts = erasing.wipe(
        session, erasing.look(session, job.contact_id), now, by=job.asked_by_id
    )
    erasures.note_wiped(session, job, counts, now)


def _put(
    session: Session,
    old: scrubbing.Kept,
    new: scrubbing.Kept,
    data_dir: Path,
    by: int | None,
) -> bool:
    forget_training(session, utcnow())  # it was told of the files as they were
    return scrubbing.put(session, old, new, data_dir, utcnow(), by=by)
