"""``kip report sla`` as a user types it, on a small database of its own (CONTRACT 2)."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from inbox.commands import report
from inbox.commands.report import aligned
from inbox.db import Database
from inbox.errors import InboxError
from inbox.migrations import migrate
from inbox.settings import Settings
from tests.factories import NOW, arrive, make_firm

MONDAY = "2026-03-02"


@pytest.fixture
async def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a company where two wrote on Monday; it is Tuesday now."""
    settings = Settings(data_dir=tmp_path, _env_file=None)  # type: ignore[call-arg]
    monkeypatch.setattr(report, "get_settings", lambda: settings)
    monkeypatch.setattr("inbox.clock.utcnow", lambda: NOW + timedelta(days=1))
    database = Database(settings.database)
    await migrate(database)
    firm = await database.write(make_firm)
    await database.write(arrive, firm)
    evening = datetime(2026, 3, 2, 16, 59, tzinfo=UTC)  # 23:59 in Vietnam
    await database.write(arrive, firm, at=evening)
    await database.close()
    return tmp_path


def _run(*arguments: str) -> Result:
    done = CliRunner().invoke(report.report, ["sla", *arguments], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


async def _in_thread(*arguments: str) -> Result:
    import asyncio  # noqa: PLC0415

    return await asyncio.to_thread(_run, *arguments)


def _json(done: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_json_says_shares_with_what_they_are_of(data: Path) -> None:
    """F92: days of the company's zone; the second came a minute before midnight."""
    done = await _in_thread("--from", MONDAY, "--to", MONDAY, "--format", "json")
    assert done.exit_code == 0
    said = _json(done)
    assert (said["from"], said["to"], said["by"]) == (MONDAY, MONDAY, "team")
    assert said["time_zone"] == "Asia/Ho_Chi_Minh"
    assert said["total"]["received"] == 2
    assert said["total"]["open_now"] == 2
    first = said["total"]["first_response"]
    assert (first["met"], first["missed"], first["share"], first["few"]) == (0, 1, 0.0, True)
    assert said["total"]["resolution"]["share"] is None
    assert [line["name"] for line in said["lines"]] == ["Bán hàng"]
    again = await _in_thread("--from", MONDAY, "--to", MONDAY, "--json")
    assert _json(again)["total"] == said["total"]


@pytest.mark.parametrize("by", report.BY)
async def test_each_key_adds_up_to_the_total(data: Path, by: str) -> None:
    done = await _in_thread("--from", MONDAY, "--to", "2026-03-03", "--by", by, "--json")
    said = _json(done)
    assert sum(line["received"] for line in said["lines"]) == said["total"]["received"] == 2


async def test_the_table_stands_in_columns_in_either_language(data: Path) -> None:
    """A share of few is marked; what Vietnamese writes takes the same room."""
    for language, words in (
        ("vi", ("Đã nhận", "0,0% /1*", "Dưới 20")),
        ("en", ("Received", "0.0% /1*", "Fewer than 20")),
    ):
        done = await _in_thread("--from", MONDAY, "--to", MONDAY, "--lang", language)
        for word in words:
            assert word in done.stdout
        lines = done.stdout.splitlines()[2:-1]
        assert len({len(line) for line in lines}) == 1
    company = await _in_thread("--from", MONDAY, "--to", MONDAY)
    assert "Đã nhận" in company.stdout


async def test_csv_opens_in_spreadsheets(data: Path) -> None:
    """F97, R56."""
    done = await _in_thread("--from", MONDAY, "--to", MONDAY, "--format", "csv", "--by", "type")
    assert done.stdout_bytes.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(done.stdout.removeprefix("\ufeff"))))
    assert len({len(row) for row in rows}) == 1
    assert rows[-1][0] == "Tất cả"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--from", MONDAY),
        ("--from", "yesterday", "--to", MONDAY),
        ("--from", "2026-03-03", "--to", MONDAY),
        ("--from", MONDAY, "--to", MONDAY, "--by", "moon"),
        ("--from", MONDAY, "--to", MONDAY, "--format", "xml"),
    ],
)
def test_wrong_usage_is_said_with_2(arguments: tuple[str, ...]) -> None:
    done = _run(*arguments)
    assert done.exit_code == 2
    assert "Traceback" not in done.stderr
    assert done.stderr


async def test_without_a_database_it_fails_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``kip`` ends with 1 and the sentence on stderr for each such error."""
    settings = Settings(data_dir=tmp_path, _env_file=None)  # type: ignore[call-arg]
    monkeypatch.setattr(report, "get_settings", lambda: settings)
    with pytest.raises(InboxError, match="There is no database"):
        await _in_thread("--from", MONDAY, "--to", MONDAY)


def test_columns_stand_below_each_other_whatever_the_script() -> None:
    rows = [["Nhóm", "Tỷ lệ"], ["e\u0302", "1"], ["日本", "22"]]
    assert aligned(rows) == ["Nhóm  Tỷ lệ", "e\u0302         1", "日本     22"]
