"""The numbers in Prometheus' text form, and those of this process."""

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from inbox import __version__
from inbox.store.health import Numbers

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PROC = Path("/proc/self")

Samples = Iterable[tuple[Mapping[str, str], float]]


def render(numbers: Numbers, process: Mapping[str, float], *, database: str) -> str:
    """Return everything ``/metrics`` says; ``process`` comes from :func:`measure_process`."""
    plain: Mapping[str, str] = {}
    lines = _gauge(
        "kip_build_info",
        "This version and its kind of database.",
        [({"version": __version__, "database": database}, 1)],
    )
    for name, meaning, value in (
        ("kip_intake_pending", "Messages not yet taken in (at most 10000).", numbers.waiting),
        ("kip_intake_lag_seconds", "How long the first of them waits.", numbers.waiting_s),
        ("kip_intake_quarantined", "Messages that cannot be read.", numbers.quarantined),
        ("kip_mailboxes_failing", "Mailboxes unread for now.", numbers.mailboxes_failing),
        ("kip_senders_failing", "Inboxes' own servers failing now.", numbers.senders_failing),
        ("kip_outbox_lag_seconds", "How long the first mail waits.", numbers.sending_s),
        ("kip_clock_lag_seconds", "How late the first unfired step is.", numbers.steps_s),
        ("kip_conversations_open", "Open conversations.", numbers.open),
        ("kip_conversations_late", "Open conversations past their due time.", numbers.late),
    ):
        lines += _gauge(name, meaning, [(plain, value)])
    lines += _gauge(
        "kip_outbox_pending",
        "Mails that still have to leave (at most 10000), by state.",
        [({"state": state}, count) for state, count in numbers.sending.items()],
    )
    lines += _gauge(
        "kip_outbox_recent",
        "The newest 1000 mails, by state.",
        [({"state": state}, count) for state, count in numbers.sent.items()],
    )
    if numbers.model is not None:
        kind = "starter" if numbers.model_is_starter else "own"
        labels = {"sha256": numbers.model, "kind": kind}
        lines += _gauge("kip_triage_model_info", "The live classifier.", [(labels, 1)])
    if numbers.last_backup_at is not None:
        lines += _gauge(
            "kip_last_backup_timestamp_seconds",
            "When kip backup last made a backup.",
            [(plain, numbers.last_backup_at.timestamp())],
        )
    for name, value in process.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += _gauge(name, "Of this web process.", [(plain, value)], kind)
    return "\n".join(lines) + "\n"


def _gauge(name: str, meaning: str, samples: Samples, kind: str = "gauge") -> list[str]:
    found = [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", *found]


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(text)}"' for name, text in labels.items()) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.6f}"


def measure_process() -> dict[str, float]:
    """Return what Prometheus knows processes by; only the processor's time off Linux."""
    found = {"process_cpu_seconds_total": time.process_time()}
    try:
        # The name in the second field may hold spaces; what is counted stands behind it.
        fields = (_PROC / "stat").read_text("utf-8").rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        boot_s = next(
            int(line.split()[1])
            for line in Path("/proc/stat").read_text("utf-8").splitlines()
            if line.startswith("btime ")
        )
        found["process_start_time_seconds"] = boot_s + int(fields[19]) / ticks
        found["process_resident_memory_bytes"] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        found["process_open_fds"] = sum(1 for _ in (_PROC / "fd").iterdir())
    except OSError:
        return found
    return found
