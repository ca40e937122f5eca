"""R38 and G12: mails made to hurt are read in time and in little memory, and never crash."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bombs import FAMILIES, MANY, Cost, bombs

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT.parent / "shared" / "corpora" / "mail" / "dev"
CPU_S, MIB = 2.0, 256.0


def read(every: int, *folder: str) -> list[Cost]:
    """Read some in a process that is small, each in a fork of it."""
    command = [sys.executable, "-m", "tests.bombs", str(every), *folder]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return [Cost(**json.loads(line)) for line in done.stdout.splitlines()]


def check(costs: list[Cost]) -> None:
    assert [cost for cost in costs if cost.error] == []
    assert [cost for cost in costs if cost.cpu_s > CPU_S] == []
    assert [cost for cost in costs if cost.mib > MIB] == []


def test_one_in_seven_is_read() -> None:
    """Nearly sixty: each family at least once."""
    costs = read(7)
    assert len(costs) >= 57
    assert len({int(cost.name) % len(FAMILIES) for cost in costs}) == len(FAMILIES)
    check(costs)


def test_they_are_the_same_each_time() -> None:
    assert list(bombs(100)) == list(bombs(100))


@pytest.mark.long
def test_all_are_read_and_every_sample() -> None:
    folder = [str(SAMPLES)] if SAMPLES.is_dir() else []
    costs = read(1, *folder)
    assert len(costs) >= MANY
    check(costs)
