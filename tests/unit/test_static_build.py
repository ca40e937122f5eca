"""The committed CSS is what its sources give, and every vendored file has its licence."""

import gzip
import re
from pathlib import Path

import pytest

from tools import build_css

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "inbox" / "static"


@pytest.mark.parametrize("bundle", sorted(build_css.BUNDLES))
def test_committed_css_is_what_the_sources_give(bundle: str) -> None:
    committed = (STATIC / bundle).read_text(encoding="utf-8")

    assert committed == build_css.build(bundle), "run: python tools/build_css.py"


@pytest.mark.parametrize(("bundle", "limit"), [("app.css", 18_000), ("public.css", 12_000)])
def test_css_stays_within_its_budget(bundle: str, limit: int) -> None:
    """Gzipped bytes."""
    assert len(gzip.compress((STATIC / bundle).read_bytes(), 9)) <= limit


def test_scripts_and_css_of_the_inbox_stay_within_60_kb() -> None:
    """CSS and JS of the inbox together, gzipped (DESIGN 1): whatever its templates name."""
    frame = ROOT / "templates" / "layouts" / "base.html"
    pages = [frame, *(ROOT / "templates" / "inbox").glob("*.html")]
    text = "".join(file.read_text(encoding="utf-8") for file in pages)
    names = set(re.findall(r'static\("([^"]+\.(?:css|js))"\)', text))
    files = [STATIC / name for name in names]
    assert {"app.css", "app.js", "palette.js"} <= names

    assert sum(len(gzip.compress(file.read_bytes(), 9)) for file in files) <= 60_000


@pytest.mark.parametrize("bundle", sorted(build_css.BUNDLES))
def test_no_rule_makes_a_browser_look_at_the_whole_page_anew(bundle: str) -> None:
    """What follows anything, whatever it is: whenever a part is put in, all is styled anew."""
    css = (STATIC / bundle).read_text(encoding="utf-8")

    assert not re.findall(r"[^{}]*[+~]\s*\*[^{}]*", css)


def test_css_names_only_files_that_are_there() -> None:
    for bundle in build_css.BUNDLES:
        text = (STATIC / bundle).read_text(encoding="utf-8")
        for name in re.findall(r'url\("?([^")]+)"?\)', text):
            assert (STATIC / name).is_file(), f"{bundle} names {name}"


def test_every_vendored_script_carries_version_and_licence() -> None:
    scripts = sorted((STATIC / "vendor").glob("*.js"))

    assert scripts
    for script in scripts:
        assert re.search(r"-\d+\.\d+\.\d+\.min\.js$", script.name), script.name
        licence = script.with_name(script.name.removesuffix(".min.js") + ".LICENSE.txt")
        assert "BSD" in licence.read_text(encoding="utf-8")
    assert "ISC" in (STATIC / "vendor" / "lucide.LICENSE.txt").read_text(encoding="utf-8")
    assert (
        "OPEN FONT LICENSE" in (STATIC / "fonts" / "inter4.OFL.txt").read_text("utf-8").upper()
    )


def test_app_js_runs_under_a_policy_without_eval_or_inline_code() -> None:
    text = (STATIC / "app.js").read_text(encoding="utf-8")

    for forbidden in ("eval(", "new Function", "innerHTML", ".style."):
        assert forbidden not in text
