"""The text that Prometheus reads."""

import re
from dataclasses import replace
from datetime import UTC, datetime

from inbox.store.health import Numbers
from inbox.views.metrics import measure_process, render

QUIET = Numbers(
    waiting=0,
    waiting_s=0.0,
    quarantined=0,
    mailboxes_failing=0,
    sending={},
    sending_s=0.0,
    sent={"sent": 12, "failed": 1},
    steps_s=0.0,
    open=3,
    late=1,
    model="abc",
    model_is_starter=True,
    last_backup_at=datetime(2026, 3, 2, tzinfo=UTC),
)
_LINE = re.compile(r'[a-z_]+(\{[a-z0-9_]+="[^"\n]*"(,[a-z0-9_]+="[^"\n]*")*\})? -?\d+(\.\d+)?')


def test_every_line_is_one_that_prometheus_reads() -> None:
    """F112."""
    said = render(QUIET, measure_process(), database="sqlite")

    assert said.endswith("\n")
    for line in said.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or _LINE.fullmatch(line), line
    assert 'kip_outbox_recent{state="failed"} 1' in said
    assert 'kip_triage_model_info{sha256="abc",kind="starter"} 1' in said
    assert "kip_last_backup_timestamp_seconds 1772409600" in said
    names = re.findall(r"^# TYPE (\S+)", said, re.MULTILINE)
    assert len(names) == len(set(names))


def test_what_is_not_known_is_not_said() -> None:
    said = render(replace(QUIET, model=None, last_backup_at=None), {}, database="postgresql")

    assert "kip_triage_model_info" not in said
    assert "kip_last_backup" not in said


def test_work_is_late_after_a_minute() -> None:
    late = replace(QUIET, waiting_s=61.0, sending_s=59.0, steps_s=75.0)

    assert late.late_work() == {"taking in": 61.0, "clocks": 75.0}
    assert QUIET.late_work() == {}
