"""A backup as one file: a manifest, the database, and files of the data directory.

The file is a gzipped tar, so that it can be looked into with ordinary tools. Its first
member is ``manifest.json``, which names every other one with size and SHA-256; nothing else
in it is ever read, and no name in it is ever used as a path before it was looked at.
"""

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from inbox.errors import Conflict, Invalid
from inbox.failpoints import failpoint

FORMAT = 1
MANIFEST = "manifest.json"
_MOST_MANIFEST_BYTES = 16 * 1024 * 1024
_CHUNK = 1024 * 1024
_GZIP_LEVEL = 3  # mail is base64 or short text: more costs time and gains little

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Member:
    """What the manifest says of one file."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, and of what; ``tables`` are row counts."""

    version: str
    made_at: str
    database: str  # sqlite or postgresql
    revision: str
    key_fingerprint: str  # of the secret key, which may not be in the file
    data_dir: str
    tables: dict[str, int]
    files: dict[str, Member] = field(default_factory=dict)
    format: int = FORMAT


def write(
    target: Path,
    manifest: Manifest,
    sources: Mapping[str, Path],
    *,
    force: bool,
    progress: Progress,
) -> Manifest:
    """Write the file, whole or not at all, readable for our user only.

    ``progress`` is called with numbers of bytes read, each twice: hashed, then packed.

    Raises
    ------
    Conflict
        If there is such a file and ``force`` does not allow to replace it.
    """
    files = {name: _measure(path, progress) for name, path in sources.items()}
    whole = Manifest(**{**_plain(manifest), "files": files})
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            _pack(out, whole, sources, progress)
            out.flush()
            os.fsync(out.fileno())
        failpoint("backup.written")
        _put(part, target, force)
        failpoint("backup.renamed")
    finally:
        part.unlink(missing_ok=True)
    return whole


def _plain(manifest: Manifest) -> dict[str, Any]:
    return {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__}


def _put(part: Path, target: Path, force: bool) -> None:
    if force:
        part.replace(target)
    else:
        try:
            os.link(part, target)
        except FileExistsError as error:
            raise Conflict(
                f"There is a file {target} already: name another, or replace it with --force."
            ) from error
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make sure that names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _measure(path: Path, progress: Progress) -> Member:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            progress(len(chunk))
    return Member(digest.hexdigest(), size)


def _pack(
    out: IO[bytes], manifest: Manifest, sources: Mapping[str, Path], progress: Progress
) -> None:
    described = json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.addfile(_info(MANIFEST, len(described)), io.BytesIO(described))
        for name, path in sources.items():
            with path.open("rb") as file:
                tar.addfile(_info(name, manifest.files[name].size), _Counted(file, progress))


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


class _Counted(io.RawIOBase):
    """A file that says how much of it was read."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        super().__init__()
        self._file = file
        self._progress = progress

    def read(self, size: int = -1, /) -> bytes:
        """Read, and say so."""
        found = self._file.read(size)
        self._progress(len(found))
        return found


def read_manifest(path: Path) -> Manifest:
    """Return what a backup says of itself.

    Raises
    ------
    Invalid
        If it is none, damaged at its beginning, or of a newer Kịp.
    """
    with _opened(path) as tar:
        return _first(tar, path)


def unpack(path: Path, folder: Path, progress: Progress) -> dict[str, Path]:
    """Write every file into ``folder``, verified; return where each lies, by its name.

    Raises
    ------
    Invalid
        If anything is missing, too much, or differs from the manifest.
    """
    found: dict[str, Path] = {}
    with _opened(path) as tar:
        manifest = _first(tar, path)
        for number, info in enumerate(tar):
            if number == 0:  # the manifest once more
                continue
            expected = manifest.files.get(info.name)
            if expected is None or not info.isreg() or info.name in found:
                raise _damaged(path, f"{info.name!r} does not belong in it")
            source = tar.extractfile(info)
            if source is None or not _is_plain(info.name):
                raise _damaged(path, f"{info.name!r} is no plain name")
            found[info.name] = folder / str(number)
            _copy(source, found[info.name], expected, progress)
    missing = manifest.files.keys() - found.keys()
    if missing:
        raise _damaged(path, f"{min(missing)} is missing")
    return found


def _copy(source: IO[bytes], target: Path, expected: Member, progress: Progress) -> None:
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
            progress(len(chunk))
        out.flush()
        os.fsync(out.fileno())
    if (digest.hexdigest(), size) != (expected.sha256, expected.size):
        raise Invalid(f"The backup is damaged: {source.name} is not what was put in.")


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and name == str(path)


def _damaged(path: Path, why: str) -> Invalid:
    return Invalid(f"{path} is damaged or no backup of Kịp: {why}.")


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a backup to be read from front to back; damage is one sentence."""
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|gz") as tar:
            yield tar
    except FileNotFoundError as error:
        raise Invalid(f"There is no file {path}.") from error
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, str(error) or type(error).__name__) from error


def _first(tar: tarfile.TarFile, path: Path) -> Manifest:
    info = tar.next()
    if info is None or info.name != MANIFEST or info.size > _MOST_MANIFEST_BYTES:
        raise _damaged(path, "it has no manifest")
    source = tar.extractfile(info)
    try:
        said = json.loads(source.read() if source else b"")
        if said["format"] > FORMAT:
            raise Invalid(f"{path} was made by a newer Kịp ({said['version']}): update first.")
        files = {name: Member(**one) for name, one in said["files"].items()}
        return Manifest(**{**said, "files": files})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, f"its manifest cannot be read ({error})") from error
