"""Every template parses, names what it needs, and runs under the strict policy."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader, StrictUndefined, meta
from markupsafe import Markup, escape

from inbox.templating import escaped

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "templates"
NAMES = sorted(
    file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*") if file.is_file()
)
PAGES = [name for name in NAMES if name.endswith(".html")]
SPRITE = (ROOT / "inbox" / "static" / "icons.svg").read_text(encoding="utf-8")
SAFE_ALLOWED: frozenset[str] = frozenset()  # no template may switch escaping off


def environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_parses_and_refers_only_to_templates_that_exist(name: str) -> None:
    env = environment()
    tree = env.parse(text_of(name))

    for referred in meta.find_referenced_templates(tree):
        assert referred in NAMES, f"{name} refers to {referred}"


@pytest.mark.parametrize("name", NAMES)
def test_first_line_says_what_it_needs(name: str) -> None:
    first = text_of(name).splitlines()[0]

    assert first.startswith("{#")
    assert first.endswith("#}")
    assert re.search(r"needs|Needs|Macro|Import", first), first


@pytest.mark.parametrize("name", PAGES)
def test_has_no_inline_style_script_or_handler(name: str) -> None:
    """Its script-src and style-src allow our own files only."""
    text = text_of(name)

    assert not re.search(r"<[a-z][^>]*\sstyle=", text)
    assert not re.search(r"<style\b", text)
    assert not re.search(r"<[a-z][^>]*\son[a-z]+=", text)
    assert not re.search(r"hx-on|hx-vals=.js:|hx-boost", text)
    for tag in re.findall(r"<script\b[^>]*>", text):
        assert "src=" in tag
    assert not re.search(r"(?:src|href)=\"https?:", text), "pages load nothing from elsewhere"


@pytest.mark.parametrize("name", NAMES)
def test_never_switches_escaping_off_for_html(name: str) -> None:
    text = text_of(name)

    if name not in SAFE_ALLOWED:
        assert not re.search(r"\|\s*safe\b", text)
    if name.endswith(".html"):
        assert "autoescape" not in text


@pytest.mark.parametrize("name", PAGES)
def test_every_posting_form_is_protected_and_works_without_a_script(name: str) -> None:
    """R47, F85: a real action, and our token or the page's own signed one."""
    for form in re.findall(r"<form\b.*?</form>", text_of(name), re.DOTALL):
        assert re.search(r'method="(?:post|get)"', form)
        if 'method="get"' in form:  # a filter: it changes nothing, so there is nothing to prove
            assert "csrf_field()" not in form  # no token in an address
            continue
        assert re.search(r'action="[^"]+"', form)
        assert "csrf_field()" in form or 'name="token"' in form
        posted, action = (
            re.search(r'hx-post="([^"]+)"', form),
            re.search(r'action="([^"]+)"', form),
        )
        assert posted is None or (action is not None and posted[1] == action[1])


@pytest.mark.parametrize("name", PAGES)
def test_every_icon_is_in_the_sprite(name: str) -> None:
    for icon in re.findall(r'icon\("([a-z0-9-]+)"', text_of(name)):
        assert f'id="{icon}"' in SPRITE, f"{name}: {icon}"


def test_pages_link_only_to_what_is_built() -> None:
    """No dead links: an address that a page names belongs to the built ones."""
    built = re.compile(
        r"^(/inbox|/calls|tel:|/waiting|/views|/now|/asks|/review|/reports|/notices|/settings|mailto:|/login|/logout|/setup|/me|/forgot|"
        r"/join/|/reset/|/absences|/apart|/products|/search|/accounts|/contacts|/dates|/milestones|/reminders|"
        r"/exports|/holds|/calendar/|/macros/|"
        r"/f/|/s/|/files/|/demo/mail|/static/|\?|#)"
    )
    for name in PAGES:
        for address in re.findall(r'(?:href|action)="([^"]*)"', text_of(name)):
            if address.startswith("{{"):
                continue
            assert built.match(address), f"{name}: {address}"


def test_a_mail_to_a_customer_never_repeats_what_the_sender_typed() -> None:
    """The acknowledgement knows number, time, hours and link only."""
    env = environment()
    for name in ("emails/acknowledgement.subject", "emails/acknowledgement.text"):
        known = meta.find_undeclared_variables(env.parse(text_of(name)))

        assert known <= {
            *("number", "promise_text", "hours_text", "closed_text", "link", "company"),
            *("can_reply", "_"),
        }  # fmt: skip


class Drawn:
    """Something that says how it is drawn."""

    def __html__(self) -> str:
        return "<i>drawn</i>"


@given(st.one_of(st.text(), st.integers(), st.none(), st.text().map(Markup)))
def test_what_a_template_prints_is_escaped(value: object) -> None:
    """The short way says what markupsafe says, of whatever it is given."""
    assert str(escaped(value)) == str(escape(value))
    assert str(escaped(f"<{value}&'\"")) == str(escape(f"<{value}&'\""))
    assert str(escaped(Drawn())) == "<i>drawn</i>"
