"""What the house style promises about the files themselves."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inbox.settings import Settings

ROOT = Path(__file__).parents[2]
FOLDERS = (
    *("inbox", "models", "templates", "assets", "tests", "tools", "benchmarks"),
    *("docs", "requirements", ".ci"),
)
TEXT = {
    *(".py", ".html", ".text", ".subject", ".js", ".css", ".md", ".toml", ".txt", ".sh", ".po"),
    *(".yaml", ".mako", ".json", ""),
}
LONGEST_FILE = 400  # lines
LONGEST_TEST = 600  # a table of cases is read by its case
GENERATED = {"inbox/static/app.css"}

# Written in halves, so that this file does not find itself.
NOWHERE = {
    "unfinished": rf"\b({'TO'}DO|{'FIX'}ME|{'X'}XX)\b",
    "a package registry's host": rf"pypi\.{'org'}|python{'hosted'}|npm{'js'}\.|debian\.{'org'}",
    "a path of somebody's machine": r"(?<![\w.])/(work|home|Users|root)/\w",
}
UNSAFE_LOADERS = re.compile(
    r"^\s*(import|from)\s+(pickle|cPickle|joblib|marshal|shelve|dill)\b|allow_pickle\s*=\s*True",
    re.MULTILINE,
)
# Where text goes to a browser unescaped, and why that is right.
MAY_SAY_SAFE = {
    "csrf_input": "made by inbox/views/render.py from a random token",
}
MAY_MAKE_MARKUP = {"inbox/views/render.py", "inbox/templating.py"}


def _files(*suffixes: str) -> Iterator[Path]:
    found = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".env"]
    found += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in found:
        parts = path.relative_to(ROOT).parts
        if path.is_file() and path.suffix in (suffixes or TEXT) and "vendor" not in parts:
            yield path


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_source_file_is_longer_than_a_person_can_hold() -> None:
    lengths = {
        _name(path): len(path.read_text("utf-8").splitlines())
        for path in _files(".py", ".html", ".js", ".css")
        if "versions" not in path.parts
    }

    too_long = {
        name: lines
        for name, lines in lengths.items()
        if lines > (LONGEST_TEST if name.startswith("tests/") else LONGEST_FILE)
        and name not in GENERATED
    }
    assert lengths
    assert too_long == {}


@pytest.mark.parametrize("what", NOWHERE)
def test_no_file_says_what_belongs_nowhere(what: str) -> None:
    pattern = re.compile(NOWHERE[what])
    hits = [
        f"{_name(path)}:{number}: {line.strip()[:80]}"
        for path in _files()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert hits == []


def test_no_stored_file_can_run_code_when_it_is_loaded() -> None:
    hits = [_name(p) for p in _files(".py") if UNSAFE_LOADERS.search(p.read_text("utf-8"))]
    assert hits == []


def test_every_setting_is_in_the_page_of_settings_and_no_other() -> None:
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")

    written = set(re.findall(r"\bKIP_[A-Z][A-Z_]*[A-Z]\b", text))
    assert written == {f"KIP_{field.upper()}" for field in Settings.model_fields}


def test_the_page_of_security_names_tests_that_exist() -> None:
    """A row of docs/security.md is worth what its test is."""
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = re.findall(r"`(\w+/test_\w+\.py)?(?:::(test_\w+))?`", text)
    last, missing = "", []
    for path, test in named:
        last = path or last
        file = ROOT / "tests" / last if last else None
        if file and (not file.exists() or (test and f"def {test}(" not in file.read_text())):
            missing.append(f"{last}::{test}")
    assert len(named) > 30
    assert missing == []


def test_only_the_command_line_reads_the_settings() -> None:
    allowed = (
        "inbox/settings.py",
        "inbox/cli.py",
        "inbox/commands/",
        "inbox/prepare.py",
    )
    hits = [
        _name(path)
        for path in _files(".py")
        if _name(path).startswith("inbox/") and not _name(path).startswith(allowed)
        if "get_settings" in path.read_text("utf-8")
    ]
    assert hits == []


def test_only_the_clock_reads_the_time() -> None:
    hits = [
        f"{_name(path)}:{node.lineno}"
        for path in _files(".py")
        if _name(path).startswith(("inbox/", "models/")) and path.name != "clock.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr)
        in {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time")}
    ]
    assert hits == []


def test_templates_escape_everything_but_what_is_listed() -> None:
    """Each exception is one of ours, and says why it is safe."""
    hits = [
        f"{_name(path)}: {expression}"
        for path in _files(".html")
        for expression in re.findall(r"([\w.]+)\s*\|\s*safe\b", path.read_text("utf-8"))
        if expression not in MAY_SAY_SAFE
    ]
    hits += [
        _name(path)
        for path in _files(".py")
        if _name(path).startswith("inbox/") and "Markup(" in path.read_text("utf-8")
        if _name(path) not in MAY_MAKE_MARKUP
    ]
    hits += [
        _name(path)
        for path in _files(".html")
        if re.search(r"autoescape\s+false|\bMarkup\b", path.read_text("utf-8"))
    ]
    assert hits == []


def test_pages_load_nothing_from_another_origin() -> None:
    outside = re.compile(r"""<(script|link|img|iframe)\b[^>]*\b(src|href)=["'](https?:)?//""")
    hits = [_name(path) for path in _files(".html") if outside.search(path.read_text("utf-8"))]
    hits += [
        _name(path)
        for path in _files(".css")
        if re.search(r"url\(\s*[\"']?(https?:)?//|@import\s", path.read_text("utf-8"))
        if path.parts[-3:-1] != ("assets", "css")  # sources are joined by the build
    ]
    assert hits == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "heavy"), [("inbox.app", "numpy"), ("inbox.worker", "sklearn")]
)
def test_neither_web_nor_worker_loads_what_only_others_need(module: str, heavy: str) -> None:
    script = f"import sys, {module}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, cwd=ROOT).returncode == 0
