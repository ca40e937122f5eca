"""A worker trains: what people said is written out, another process learns, rows keep it.

What it wrote out holds people's words, so it is deleted whatever happens, and left-overs of a
worker that was killed are deleted before the next training here.
"""

import asyncio
import contextlib
import json
import logging
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, TextIO

from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database
from inbox.failpoints import failpoint
from inbox.learning import samples, trainings, types
from inbox.learning.habits import habits_of
from inbox.learning.serving import bytes_of, folder_of, put_files
from inbox.learning.trainings import FAILED, NOTHING, Job, Trained
from inbox.learning.versions import Made
from inbox.processes import die_with_parent
from inbox.store.company import find_company
from inbox.store.learning import Label, list_heirs, list_labels, list_later_labels
from inbox.store.products import list_terms
from inbox.triage import files
from inbox.triage.semantic import is_installed

log = logging.getLogger(__name__)

FOLDER = "learning"
BATCH = 500
KEPT = (
    *("kind", "gate", "holdout", "own", "messages", "candidates", "cpu_s", "products"),
    "semantic",
)
RENEW_S = 5.0
LOOK_EVERY_S = 30.0  # whether it is time to train by itself
REHOME_EVERY_S = 1.0
LOOK_AGAIN_S = 600.0
MOST_LINE = 1 << 20


class Lost(Exception):
    """Another worker has the training now."""


class Learn:
    """Trains when it is asked to, at night, and after enough corrections."""

    def __init__(self, database: Database, data_dir: Path, *, starter: bool = True) -> None:
        self._database = database
        self._folder = data_dir / FOLDER
        self._data_dir = data_dir
        self._starter = starter
        self._looked = -LOOK_EVERY_S

    async def once(self) -> bool:
        """Train once if that is asked for; True if it did."""
        if time.monotonic() - self._looked >= LOOK_EVERY_S:
            self._looked = time.monotonic()
            if await self._database.read(trainings.is_time, utcnow()):
                await self._database.write(trainings.begin_by_itself, utcnow())
        if not await self._database.read(trainings.waits, utcnow()):
            return False
        job = await self._database.write(trainings.claim, utcnow())
        if job is None:
            return True
        failpoint("learning.claimed")
        try:
            await self._work(job)
        except Lost:
            log.warning("training %d is in other hands now", job.id)
        except asyncio.CancelledError:
            await self._database.write(trainings.give_back, job, utcnow())
            raise
        except Exception:
            log.exception("training %d failed", job.id)
            await self._database.write(trainings.fail, job, FAILED, utcnow())
        return True

    async def _work(self, job: Job) -> None:
        await asyncio.to_thread(_sweep, self._folder)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="training-") as name:
            folder = Path(name)
            if not await self._write_out(job, folder):
                await self._database.write(trainings.fail, job, NOTHING, utcnow())
                return
            error = await self._train(job, folder)
            if error:
                await self._database.write(trainings.fail, job, error, utcnow())
                return
            failpoint("learning.trained")
            trained = await asyncio.to_thread(_read_result, job, folder, self._data_dir)
        kept = await self._database.write(trainings.finish, job, trained, utcnow())
        if kept is None:
            raise Lost

    async def _write_out(self, job: Job, folder: Path) -> bool:
        """Write what people said to files for the other process; False if that is nothing."""
        while await self._database.write(samples.settle, utcnow()) == samples.BATCH:
            await self._keep(job, "reading", 0)
        after, count = 0, 0
        with (
            (folder / "own.jsonl").open("w") as own,
            (folder / "holdout.jsonl").open("w") as held,
        ):
            while True:
                labels, after = await self._database.read(
                    list_labels, job.heirs, after=after, limit=BATCH
                )
                for one in labels:
                    (held if one.is_holdout else own).write(_line(one))
                    count += not one.is_holdout
                if not after:
                    break
                await self._keep(job, "reading", 0)
            count += await self._write_later(job, own)
        live = await self._put_live(job, folder)
        about = {
            "types": job.types,
            "heirs": job.heirs,
            "starter": self._starter,
            "costs": job.costs.plain(),
            "live": str(live) if live is not None else None,
            "live_sha256": job.live.sha256 if job.live is not None else None,
            "products": await self._database.read(list_terms),
            "semantic": is_installed() and await self._database.read(_is_semantic),
        }
        (folder / "job.json").write_text(json.dumps(about))
        return count > 0

    async def _write_later(self, job: Job, own: TextIO) -> int:
        """Write out later messages that people gave a type of their own; return how many."""
        after, count = 0, 0
        while True:
            labels, after = await self._database.read(
                list_later_labels, job.heirs, after=after, limit=BATCH
            )
            for one in labels:
                own.write(_line(one))
            count += len(labels)
            if not after:
                return count

    async def _put_live(self, job: Job, folder: Path) -> Path | None:
        """Put the live model's files where the other process finds them."""
        if job.live is None:
            return None
        found = await self._database.read(bytes_of, job.live.id)
        if found is None:
            return Path(job.live.path) if job.live.is_starter else None
        await asyncio.to_thread(put_files, folder / "live", *found)
        return folder / "live"

    async def _train(self, job: Job, folder: Path) -> str:
        """Run the other process to its end; return what it says is wrong, or ""."""
        with (folder / "errors.txt").open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "inbox.learning.process", str(folder)),
                stdin=PIPE,  # its end is ours: the child leaves with us
                stdout=PIPE,
                stderr=errors,
                limit=MOST_LINE,
                preexec_fn=die_with_parent(),
            )
        try:
            await self._follow(job, process)
            if await process.wait() == 0:
                return ""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        said = (folder / "errors.txt").read_text(errors="replace").strip().splitlines()
        log.error("training %d: %s", job.id, "\n".join(said[-20:]))
        return FAILED

    async def _follow(self, job: Job, process: Process) -> None:
        """Keep the lease and write down how far it is, until the process says no more."""
        assert process.stdout is not None  # noqa: S101
        step, done = "training", 0
        reading = asyncio.ensure_future(process.stdout.readline())
        try:
            while True:
                ready, _ = await asyncio.wait([reading], timeout=RENEW_S)
                if ready:
                    line = reading.result()
                    if not line:
                        return
                    with contextlib.suppress(ValueError, KeyError, TypeError):
                        said = json.loads(line)
                        step, done = str(said["step"]), int(said["done"])
                    reading = asyncio.ensure_future(process.stdout.readline())
                await self._keep(job, step, done)
        finally:
            reading.cancel()

    async def _keep(self, job: Job, step: str, done: int) -> None:
        if not await self._database.write(trainings.renew, job, step, done, utcnow()):
            raise Lost


class Rehome:
    """Moves unfinished work of types that are no more to their heirs, a batch at a turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked = -LOOK_EVERY_S
        self._heirs: dict[str, str] = {}
        self._again_at = 0.0

    async def once(self) -> bool:
        """Move a batch; True if there may be more."""
        if time.monotonic() - self._looked < REHOME_EVERY_S:
            return False
        self._looked = time.monotonic()
        heirs = await self._database.read(list_heirs)
        if heirs == self._heirs and time.monotonic() < self._again_at:
            return False  # nothing new became an heir; a look through all open work is dear
        if await self._database.read(types.strays, heirs):
            await self._database.write(types.rehome, utcnow())
            self._looked = -LOOK_EVERY_S
            return True
        self._heirs, self._again_at = heirs, time.monotonic() + LOOK_AGAIN_S
        return False


def _is_semantic(session: Session) -> bool:
    return habits_of(find_company(session)).semantic


def _line(one: Label) -> str:
    said = (one.subject, one.text, one.request_type, one.urgency, one.language, one.product)
    return json.dumps([one.conversation_id, *said]) + "\n"


def _sweep(folder: Path) -> None:
    """Delete what workers that were killed have left here."""
    folder.mkdir(parents=True, exist_ok=True)
    old = (utcnow() - 2 * trainings.LEASE).timestamp()
    for left in folder.glob("training-*"):
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < old:
                shutil.rmtree(left, ignore_errors=True)


def _read_result(job: Job, folder: Path, data_dir: Path) -> Trained:
    """Return what the process left, as it is kept."""
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    sha256 = result.pop("sha256")
    outcomes = result.pop("outcomes")
    champion = result["champion"], result.pop("champion_outcomes")
    metrics = {key: result[key] for key in KEPT}
    made = Made(
        sha256=sha256,
        path=str(folder_of(data_dir, sha256)),
        arrays=(folder / "model" / files.ARRAYS).read_bytes(),
        described=(folder / "model" / files.META).read_bytes(),
        data_sha256=result["data_sha256"],
        made_by_id=job.asked_by_id,
        metrics=metrics,
        outcomes=outcomes,
    )
    return Trained(made, bool(result["accepted"]), result, champion)
