"""What `pip install kip-inbox` would bring."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from inbox import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        check=True,
        cwd=ROOT,
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


@pytest.mark.parametrize("folder", ["templates", "inbox", "models"])
def test_the_wheel_holds_every_file_that_runs(names: set[str], folder: str) -> None:
    where = {"templates": "inbox/_templates"}.get(folder, folder)
    wanted = {
        f"{where}/{path.relative_to(ROOT / folder).as_posix()}"
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert wanted
    assert wanted - names == set()


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names} == {
        "inbox",
        "models",
        f"kip_inbox-{__version__}.dist-info",
    }
