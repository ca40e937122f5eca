"""`kip sla due`: a line out for each line in, and a sentence for each that is wrong."""

import json
import subprocess
import sys

from click.testing import CliRunner, Result

from inbox.commands.sla import sla

CASE: dict[str, object] = {
    "calendar": {
        "timezone": "Asia/Ho_Chi_Minh",
        "hours": {"mon": [["08:00", "12:00"], ["13:30", "17:30"]], "fri": [["08:00", "17:00"]]},
        "holidays": ["2026-02-16"],
    },
    "start": "2026-02-13T08:00:00+00:00",
    "target_seconds": 14400,
}


def run(*lines: object) -> Result:
    text = "".join(
        (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n"
        for line in lines
    )
    return CliRunner().invoke(sla, ["due"], input=text)


def test_a_case_is_answered_with_its_due_time() -> None:
    result = run(CASE, {**CASE, "start": "2026-02-13T16:00+07:00", "target_seconds": 1800})

    # Friday 15:00 to 17:00, the 16th is a holiday, Friday the 20th from 08:00.
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        '{"due_at": "2026-02-20T03:00:00+00:00"}',
        '{"due_at": "2026-02-13T09:30:00+00:00"}',
    ]


def test_pauses_count_and_never_is_null() -> None:
    pause = ["2026-02-13T08:00:00Z", "2026-02-13T09:00:00Z"]
    result = run(
        {**CASE, "target_seconds": 3600, "pauses": [pause]},
        {**CASE, "calendar": {"timezone": "UTC", "hours": {}}},
        {**CASE, "target_seconds": 0, "pauses": []},
    )

    assert [json.loads(line)["due_at"] for line in result.stdout.splitlines()] == [
        "2026-02-13T10:00:00+00:00",
        None,
        "2026-02-13T08:00:00+00:00",
    ]


def test_bad_lines_are_answered_in_their_place_and_end_with_1() -> None:
    bad = [
        "{",
        "",
        "[" * 100_000,
        "[]",
        {**CASE, "start": "2026-02-13"},
        {**CASE, "start": 5},
        {**CASE, "target_seconds": "4h"},
        {**CASE, "target_seconds": True},
        {**CASE, "target_seconds": -1},
        {**CASE, "target_seconds": float("nan")},
        {**CASE, "calendar": None},
        {**CASE, "calendar": {"timezone": "Sao Hỏa", "hours": {}}},
        {**CASE, "pauses": [["2026-02-13T08:00:00Z"]]},
        {**CASE, "pauses": "none"},
    ]
    result = run(*bad, CASE)

    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert len(answers) == len(bad) + 1
    assert all(list(answer) == ["error"] and answer["error"] for answer in answers[:-1])
    assert 'no time zone "Sao Hỏa"' in answers[11]["error"]
    assert answers[-1] == {"due_at": "2026-02-20T03:00:00+00:00"}
    assert "14 of 15 lines" in result.stderr


def test_nothing_in_is_nothing_out() -> None:
    result = run()

    assert (result.exit_code, result.output) == (0, "")


def test_the_command_loads_no_database_and_no_web_framework() -> None:
    heavy = "{'sqlalchemy', 'litestar', 'numpy', 'redis', 'holidays', 'sqlmodel'}"
    program = f"import sys, inbox.commands.sla; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
