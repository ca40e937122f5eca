"""Eight workers give out work at once: no cap is passed, and nothing has two owners."""

from pathlib import Path

import pytest

from inbox.db import Database
from tests.crowd import CAPS, make_crowd, outcome, run_workers

pytestmark = pytest.mark.slow

ARRIVALS = 160  # benchmarks/bench_routing.py has 2,000


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], scope="session")
@pytest.mark.parametrize(
    "gives_by",
    [
        "least_open",
        pytest.param("round_robin", marks=pytest.mark.long),
        pytest.param("weight", marks=pytest.mark.long),
    ],
)
async def test_eight_workers(
    database: Database, database_url: str, tmp_path: Path, gives_by: str
) -> None:
    """F69: also for somebody in two teams; who is free is given all they may have."""
    await database.write(make_crowd, gives_by, ARRIVALS)

    run_workers(database_url, tmp_path, 8)

    found = await database.read(outcome)
    assert found.taken == ARRIVALS
    assert found.over_cap == []
    assert found.twice == 0
    assert found.owned == CAPS, "everybody is at the cap, nobody over it"
    assert found.waiting == ARRIVALS - sum(CAPS.values())
