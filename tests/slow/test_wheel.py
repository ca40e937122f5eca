"""What `pip install kip-inbox` would bring."""

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from inbox import __version__
from inbox.triage import starter
from tests.slow.product import make_mail, running

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        check=True,
        cwd=ROOT,
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> tuple[str, ...]:
    """Make a Python that has the wheel, its dependencies, and nothing of this folder."""
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # Lines in .pth files of a folder that comes in by one are not read: ours stays out.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    if starter.location().is_dir():  # as `make setup` does; else the first start trains it
        shutil.copytree(starter.location(), folder / "share" / "kip" / "starter")
    return (str(folder / "bin" / "python"), "-P")


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


def test_the_wheel_serves_in_an_empty_environment(
    installed: tuple[str, ...], tmp_path: Path
) -> None:
    """Templates, texts, styles and migrations come from the wheel, and the product runs."""
    where = subprocess.run(
        [*installed, "-c", "import inbox, models; print(inbox.__file__, models.__file__)"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    ).stdout.split()
    assert all(Path(path).is_relative_to(tmp_path) for path in where)

    with running(tmp_path / "data", python=installed) as product:
        address = "wheel@customer.example"
        product.send_mail(make_mail(address), address)
        number = product.conversation_of(address)["number"]
        with product.signed_in() as browser:
            page = browser.get(f"/inbox/{number}", headers={"accept-language": "vi"}).text
        assert "Hộp thư" in page
        files = re.findall(r'(?:href|src)="(/static/[^"#]+)', page)
        assert {path.rpartition(".")[2].partition("?")[0] for path in files} >= {"css", "js"}
        for path in files:
            assert product.http.get(path).status_code == 200, path
