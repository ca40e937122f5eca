"""A model as two files: arrays in npz without pickle, the rest in JSON, hashed together."""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inbox.errors import Invalid

FORMAT = 2  # 2: signs and emoji are features, zones of single types
ARRAYS = "model.npz"
META = "model.json"
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, IndexError, EOFError)


def write(path: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> str:
    """Write both files and return their common sha256."""
    path.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    # mypy cannot tell the arrays from savez's own keyword.
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    packed = buffer.getvalue()
    head = {"format": FORMAT, "arrays_sha256": hashlib.sha256(packed).hexdigest()}
    described = json.dumps(head | meta, ensure_ascii=False, indent=1, sort_keys=True)
    (path / ARRAYS).write_bytes(packed)
    (path / META).write_bytes(described.encode())
    return _digest(packed, described.encode())


def read(path: Path, sha256: str | None) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read both files once, check them, and only then look inside.

    Raises
    ------
    Invalid
        If a file is missing, or differs from what was saved.
    """
    try:
        packed, described = (path / ARRAYS).read_bytes(), (path / META).read_bytes()
    except OSError as error:
        raise Invalid(f"There is no triage model in {path}: {error.strerror}.") from error
    if sha256 is not None and _digest(packed, described) != sha256:
        raise Invalid(f"The triage model in {path} was changed after training; not loaded.")
    with refusing_bad_content(path):
        meta = json.loads(described)
        if meta["format"] != FORMAT:
            raise ValueError(f"format {meta['format']}, expected {FORMAT}")
        if meta["arrays_sha256"] != hashlib.sha256(packed).hexdigest():
            raise ValueError(f"{ARRAYS} does not belong to {META}")
        with np.load(io.BytesIO(packed), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}, meta


@contextmanager
def refusing_bad_content(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file causes into one sentence."""
    try:
        yield
    except (*_DAMAGE, zipfile.BadZipFile, zlib.error) as error:
        raise Invalid(f"The triage model in {path} is damaged: {error}; not loaded.") from error


def sha256_of(path: Path) -> str:
    """Return the sha256 of a model directory's files, as ``write`` returned it."""
    return _digest((path / ARRAYS).read_bytes(), (path / META).read_bytes())


def sha256_of_bytes(arrays: bytes, described: bytes) -> str:
    """Return the sha256 of a model's two files, as ``write`` returned it."""
    return _digest(arrays, described)


def pack_vocabulary(vocabulary: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the vocabulary as bytes: feature names hold no line break."""
    packed = "\n".join(vocabulary).encode()
    return {"vocabulary": np.frombuffer(packed, dtype=np.uint8)}


def unpack_vocabulary(arrays: dict[str, NDArray[Any]]) -> list[str]:
    """Return the feature names; an empty vocabulary is an empty list."""
    packed = arrays["vocabulary"].tobytes().decode()
    return packed.split("\n") if packed else []


def _digest(packed: bytes, described: bytes) -> str:
    whole = hashlib.sha256()
    for name, content in ((ARRAYS, packed), (META, described)):
        whole.update(f"{name} {len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()
