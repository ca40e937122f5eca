"""`kip retrain`: what the supervisor's button does, from the command line."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inbox.cli import kip
from inbox.db import Database
from inbox.learning.trainings import NOTHING
from inbox.settings import get_settings
from models import TriageTraining
from tests.factories import Firm, everything


async def run(database: Database, folder: Path, *options: str) -> Result:
    """Call the command on this database, as a shell does."""
    get_settings.cache_clear()
    env = {
        "KIP_DATABASE_URL": database.url.render_as_string(hide_password=False),
        "KIP_DATA_DIR": str(folder),
    }
    try:
        return await asyncio.to_thread(CliRunner().invoke, kip, ["retrain", *options], env=env)
    finally:
        get_settings.cache_clear()


async def test_nothing_to_learn_from_is_a_sentence_and_a_failure(
    database: Database, firm: Firm, tmp_path: Path
) -> None:
    assert firm.dung.id
    done = await run(database, tmp_path)
    assert (done.exit_code, done.stdout.strip()) == (1, NOTHING)
    as_json = await run(database, tmp_path, "--json")
    assert json.loads(as_json.stdout)["error"] == NOTHING
    rows = await database.read(everything, TriageTraining)
    assert [(row.reason, row.asked_by_id) for row in rows] == [("command", None)] * 2


@pytest.mark.one_database
async def test_without_a_company_there_is_nobody_to_learn_from(
    database: Database, tmp_path: Path
) -> None:
    done = await run(database, tmp_path)
    assert done.exit_code == 1
    assert "There is no company yet" in str(done.exception)
