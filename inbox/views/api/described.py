"""One method of one address, as the OpenAPI document describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

BASE = "/api/v1"


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    name: str
    summary: str
    answers: Mapping[int, type[Struct]]
    takes: type[Struct] | None = None
    refuses: tuple[int, ...] = ()
    query: dict[str, dict[str, Any]] = field(default_factory=dict)
    once: bool = False  # takes an Idempotency-Key
