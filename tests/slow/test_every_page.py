"""Every page for every eye: made from the list of routes, so that none is forgotten."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlmodel import Session

from inbox.accountmail import RESET, make_link
from inbox.accounts.contacts import put_contact_into_account
from inbox.accounts.keeping import Draft, create_account
from inbox.channels.messengers.providers import PROVIDERS
from inbox.clock import utcnow
from inbox.company import rehearsals
from inbox.company.invitations import Guest, invite
from inbox.dates import milestones, reminders, templates
from inbox.dates.milestones import Said
from inbox.db import Database
from inbox.hooks.managing import Entered, add_hook
from inbox.sheets import work as sheets
from inbox.store import hooks
from inbox.store.accountpage import Whose
from inbox.store.dates import Place
from inbox.store.hooks import KINDS
from inbox.store.keeping import Upload, add_file, add_note
from inbox.store.staff import find_by_address
from inbox.vault import Vault
from models import Account, Role
from tests.conftest import aside
from tests.machine import needs_chromium
from tests.slow.product import Product, make_mail
from tests.web.test_access import list_routes

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

WHO = {"agent": "agent", "supervisor": "supervisor", "admin": "admin"}
# Answers that are no page to look at, and why.
NOT_PAGES = {
    "GET /": "leads on",
    "GET /here": "a part of a page",
    "GET /palette": "a part of a page",
    "GET /settings": "leads on",
    "GET /reports": "leads on",
    "GET /reports/sla.csv": "a file",
    "GET /review/{number}/outcome": "a part of a page",
    "GET /settings/mails/{inbox_id}/{mail}/{language}/frame": "a mail in a frame",
    "GET /reports/sla/list.csv": "a file",
    "GET /settings/hours": "leads on",
    "GET /setup": "only before the first visit; see test_first_visit.py",
    "GET /settings/audit.csv": "a file",
    **{f"GET /hooks/{kind}/{{key}}": "a provider's handshake" for kind in PROVIDERS},
    "GET /calendar/{token}": "a file",
    "GET /accounts/export.csv": "a file",
    "GET /views/list.csv": "a file",
    "GET /accounts/import/{import_id}/wrong.csv": "a file",
    "GET /files/{blob_id}": "a file",
    "GET /chat/{key}/files/{blob_id}": "a file",
    "GET /exports/{export_id}": "a file",
    "GET /inbox/{number}/people": "for the composer's script",
    "GET /inbox/{number}/messages/{message_id}/html": "in a frame; see test_mail_frame.py",
    "GET /notices/open/{token}": "behind a mail's link; see test_alerts.py",
    "GET /demo/mail.json": "for scripts",
    "GET /live": "a stream",
    "GET /widget/{script}": "a script",
    "GET /api/v1/conversations": "for scripts",
    "GET /api/v1/conversations/{number}": "for scripts",
    "GET /api/v1/openapi.json": "for scripts",
    "GET /api/v1/accounts": "for scripts",
    "GET /api/v1/accounts/{account_id}": "for scripts",
    "GET /api/v1/accounts/{account_id}/contacts": "for scripts",
    "GET /api/v1/accounts/{account_id}/milestones": "for scripts",
    "GET /api/v1/contacts/{contact_id}": "for scripts",
    "GET /static/{name}": "a file",
    "GET /health/live": "for machines",
    "GET /health/ready": "for machines",
    "GET /metrics": "for machines",
}
# What stands in addresses besides what ``places`` finds out.
KNOWN = {"slug": "support", "kind": "form", "agent_id": 1, "team_id": 1, "calendar_id": 1}
KNOWN |= {"inbox_id": 1, "mailbox_id": 1}
KNOWN["ladder_id"] = 0
KNOWN |= {"policy_id": 1}
KNOWN |= {"absence_id": 1, "position": 0}
KNOWN |= {"version_id": 1, "type_key": "general"}
KNOWN |= {"mail": "acknowledgement", "language": "vi"}
# Tables in which a cell that says nothing says something, and what.
MAY_BE_EMPTY = {
    "GET /reports/sla": "an hour without a message",
    "GET /settings/audit": "nothing was there before, or after",
    "GET /settings/webhooks/{hook_id}": "not answered yet",
}
LOOKS = [("light", 1440, "en"), ("dark", 390, "vi")]
ALL_LOOKS = list(itertools.product(("light", "dark"), (1440, 390), ("en", "vi")))
WIDTH = "document.scrollingElement.scrollWidth"
TOO_WIDE = (
    "[...document.querySelectorAll('main, header, nav, .pane, .thread, .card')]"
    ".filter((e) => e.getClientRects().length && e.getBoundingClientRect().right > 321)"
    ".filter((e) => !e.closest('.scroll-x'))"
    ".map((e) => e.outerHTML.slice(0, 80))"
)


# Buttons whose text is clipped, hangs out of the page, or has a word on two lines.
CUT = """() => {
  const LONGEST = 24; // what is longer is nobody's word
  const broken = (e) => {
    const texts = document.createTreeWalker(e, NodeFilter.SHOW_TEXT), range = new Range();
    for (let node; (node = texts.nextNode()); ) {
      if (node.parentElement.closest(".sr")) continue;
      for (const { 0: word, index } of node.nodeValue.matchAll(/\\S+/g)) {
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        if (word.length <= LONGEST && range.getClientRects().length > 1) return true;
      }
    }
    return false;
  };
  const scrolls = (e) => e && (/auto|scroll/.test(getComputedStyle(e).overflowX)
    || scrolls(e.parentElement));
  const out = (e, box) => (box.left < 0 || box.right > innerWidth) && !scrolls(e);
  return [...document.querySelectorAll("button, .btn")]
    .filter((e) => e.getClientRects().length && !e.closest(".sr"))
    .filter((e) => e.scrollWidth > e.clientWidth || broken(e)
      || out(e, e.getBoundingClientRect()))
    .map((e) => e.outerHTML.slice(0, 120));
}"""
EMPTY = (
    "[...document.querySelectorAll('td, dd')].filter((e) => e.checkVisibility())"
    ".filter((e) => !e.innerText.trim() && !e.querySelector('svg, span, input, select'))"
    ".map((e) => e.parentElement.innerText.slice(0, 80))"
)

SUBMIT = (
    "(path) => (document.querySelector(`form[action='${path}/claim']`)"
    " ?? document.querySelector(`form[action='${path}/agreement']`)).submit()"
)


def pages() -> list[str]:
    """Return the routes that people look at."""
    return [name for name in list_routes() if name.startswith("GET ") and name not in NOT_PAGES]


def test_what_is_left_out_exists() -> None:
    """A route that went away, or a new one by an old name, is looked at again."""
    assert set(NOT_PAGES) <= set(list_routes())
    assert set(MAY_BE_EMPTY) <= set(pages())
    assert len(pages()) >= 12


def _links(product: Product) -> dict[str, str]:
    """Make a link to join and one for a new password, beside the running product."""
    made: dict[str, str] = {}

    async def work() -> None:
        database = Database(f"sqlite+aiosqlite:///{product.data / 'kip.db'}")
        now = utcnow()
        guest = Guest("Đặng Mỹ Linh", "linh@demo.example", Role.AGENT, "vi", frozenset({1}))
        _, made["join"] = await database.write(invite, guest, None, by=None, now=now)
        agent = await database.read(find_by_address, "agent@demo.example")
        assert agent is not None
        draft = {"days": 30, "rules": {"1": {"first_response_s": 60}}, "calendars": {}}
        played = await database.write(rehearsals.begin, draft, by=agent.id, now=now)
        made["rehearsal_id"] = str(played.id)
        sheet = "account,email\nThép,a@b.example\n,x\n".encode()
        how = {"by": agent.id, "now": now}
        found = await database.write(sheets.begin, sheet, "khach.csv", "utf-8", **how)
        made["import_id"] = str(found)
        made["reset"] = await database.write(make_link, agent.id, RESET, now)
        await database.close()

    aside(work)
    return made


def _customer(product: Product, number: int) -> dict[str, int]:
    """Let whoever wrote belong to an account, with a note and a file on its page."""
    ((contact_id,),) = product.rows("SELECT contact_id FROM conversations WHERE id = ?", number)
    made: dict[str, int] = {"contact_id": contact_id}

    async def work() -> None:
        database = Database(f"sqlite+aiosqlite:///{product.data / 'kip.db'}")
        agent = await database.read(find_by_address, "agent@demo.example")
        assert agent is not None
        who: dict[str, Any] = {"by": agent.id, "now": utcnow()}
        draft = Draft("Công ty trách nhiệm hữu hạn Nội thất Trúc An", owner_id=agent.id)
        made["account_id"] = await database.write(create_account, draft, **who)
        put = {"position": "giám đốc", **who}
        await database.write(put_contact_into_account, contact_id, made["account_id"], **put)

        def keep(session: Session) -> None:
            account = session.get_one(Account, made["account_id"])
            whose = Whose(account, None, (), True)
            add_note(session, whose, "A note.\n\nIn two parts.", **who)
            upload = Upload("a-rather-long-name-" * 6 + ".pdf", "application/pdf", b"x")
            add_file(session, whose, upload, **who)
            templates.add_usual(session, "en", **who)
            due = who["now"] + timedelta(days=7)
            said = Said("Acceptance of " + "x" * 80, due, agent.id, is_public=True)
            place = Place(made["account_id"], number)
            made["milestone_id"] = milestones.plan(session, place, said, **who).id
            about: dict[str, Any] = {"agent_id": agent.id, "due_at": due, "text": "y" * 120}
            reminders.add(session, place, **about, **who)
            hear = Entered("Our CRM", "https://crm.example/" + "x" * 60, KINDS)
            hook, _ = add_hook(session, hear, Vault(b"not its own"), (), **who)
            hooks.tell(session, "reply.sent", number, who["now"], {}, only=hook)
            made["hook_id"] = hook

        await database.write(keep)
        await database.close()

    aside(work)
    return made


def _prepared(product: Product, number: int) -> dict[str, int]:
    """Keep a saved reply with all that a preview marks, and a macro that was just run."""
    texts = '{"vi": "{{customer.name}} {{7*7}} {{account.name}} ' + "x" * 90 + '"}'
    product.write(
        "INSERT INTO saved_replies (name, folded, shortcut, texts, used, created_at, "
        "changed_at) VALUES ('A saved reply', 'x', 'ship', ?, 0, datetime('now'), "
        "datetime('now'))",
        texts,
    )
    product.write(
        "INSERT INTO macros (name, folded, texts, does, used, created_at, changed_at) "
        "VALUES ('Everything', 'x', ?, ?, 0, datetime('now'), datetime('now'))",
        texts,
        '{"urgency": "high", "owner": "me", "then": "snooze", "until": "week"}',
    )
    product.write(
        "INSERT INTO macro_runs (conversation_id, agent_id, before, version, at) "
        "SELECT ?, id, '{}', 1, datetime('now') FROM agents "
        "WHERE email = 'agent@demo.example'",
        number,
    )
    return {"reply_id": 1, "macro_id": 1, "run_id": 1}


@pytest.fixture(scope="module")
def places(product: Product) -> dict[str, Any]:
    """Make what the addresses name."""
    return make_places(product)


def make_places(product: Product) -> dict[str, Any]:
    """Make a long request, a message held back, links that work; by the addresses' names."""
    address = "places@customer.example"
    answer = product.post_form(
        email=address,
        name="Ngô Hoàng Bảo Trâm",
        subject="A subject that is rather long for a narrow screen, as they often are",
        body="See https://customer.example/a/very/long/path/without/any/break/in/it/at/all/"
        + "x" * 80
        + "\n\nThank you.",
    )
    number = product.conversation_of(address)["number"]
    ((raw_id,),) = product.rows("SELECT max(id) FROM raw_messages")
    product.write(
        "UPDATE raw_messages SET state = 'quarantined', error = 'ValueError: a long reason' "
        "WHERE id = ?",
        raw_id,
    )
    token = urlsplit(answer.headers["location"]).path.rpartition("/")[2]
    product.write(
        "INSERT INTO asks (conversation_id, team_id, asked_by_id, question, asked_at, due_at, "
        "answer) SELECT id, team_id, 1, 'A question to another team', created_at, "
        "'2030-01-01 00:00:00', '' FROM conversations WHERE id = ?",
        number,
    )
    ((ask_id,),) = product.rows("SELECT max(id) FROM asks")
    writer = "by-mail@customer.example"
    product.send_mail(make_mail(writer), writer)
    product.conversation_of(writer)
    ((entry_id,),) = product.rows("SELECT max(id) FROM mail_ledger")
    made = {"number": number, "raw_id": raw_id, "token": token, "ask_id": ask_id}
    made |= _customer(product, number)
    made["entry_id"] = entry_id
    made |= _prepared(product, number)
    return {**KNOWN, **made, **_links(product)}


def address_of(name: str, places: dict[str, Any]) -> str:
    """Return the address of a route, with what was made put in."""
    path = name.partition(" ")[2]
    for link in ("join", "reset"):
        path = path.replace(f"/{link}/{{token}}", f"/{link}/{places[link]}")
    return path.format(**places)


@dataclass
class Eyes:
    """One window for each look and each person, kept for the module."""

    browser: Browser
    product: Product
    complaints: list[str] = field(default_factory=list)
    windows: dict[tuple[Any, ...], Page] = field(default_factory=dict)

    def see(self, path: str, access: str, scheme: str, width: int, language: str) -> Page:
        """Open a page as whoever it is for, in that language."""
        key = (WHO.get(access, ""), scheme, width, language)
        if key not in self.windows:
            self.windows[key] = self._window(*key)
        page = self.windows[key]
        page.set_viewport_size({"width": width, "height": 900})
        joined = "&" if "?" in path else "?"
        page.goto(f"{path}{joined}lang={language}")
        return page

    def _window(self, who: str, scheme: Any, _width: int, _language: str) -> Page:
        context: BrowserContext = self.browser.new_context(
            base_url=self.product.base_url, color_scheme=scheme
        )
        if who:
            with self.product.signed_in(who) as client:
                context.add_cookies(
                    [
                        {
                            "name": one.name,
                            "value": one.value or "",
                            "url": self.product.base_url,
                        }
                        for one in client.cookies.jar
                    ]
                )
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda said: (
                self.complaints.append(f"{page.url}: {said.text}")
                if said.type in ("error", "warning")
                else None
            ),
        )
        page.on(
            "request",
            lambda asked: (
                self.complaints.append(f"{page.url} asked {asked.url}")
                if not asked.url.startswith((self.product.base_url, "data:", "blob:"))
                else None
            ),
        )
        return page


@pytest.fixture(scope="module")
def eyes(browser: Browser, product: Product) -> Iterator[Eyes]:
    """Return the windows, and close them."""
    made = Eyes(browser, product)
    yield made
    for page in made.windows.values():
        page.context.close()


def _look(
    eyes: Eyes,
    name: str,
    path: str,
    looks: list[tuple[str, int, str]],
    for_axe: list[tuple[str, int, str]],
) -> None:
    access = str(list_routes()[name].opt["access"])
    eyes.complaints.clear()
    for look in looks:
        page = eyes.see(path, access, *look)
        assert urlsplit(page.url).path == path, "led elsewhere"
        assert page.locator("html").get_attribute("lang") == look[-1]
        expect(page.locator("h1")).to_have_count(1)
        if look in for_axe:
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        assert page.evaluate(CUT) == []
        assert name in MAY_BE_EMPTY or page.evaluate(EMPTY) == []
        page.set_viewport_size({"width": 320, "height": 900})
        assert page.evaluate(WIDTH) <= 320
        assert page.evaluate(TOO_WIDE) == []
        page.set_viewport_size({"width": 2560, "height": 1440})
        assert page.evaluate(WIDTH) <= 2560
    assert eyes.complaints == []


@pytest.mark.parametrize("name", pages())
def test_axe_finds_nothing_and_it_fits(eyes: Eyes, places: dict[str, Any], name: str) -> None:
    """DESIGN 5, 6, 8, 21, 40: WCAG 2.2 AA as far as a machine can tell; 320 pixels, none aside.

    Each page in both languages; axe sees one page in one look, the next in the other, and the
    long run sees all in all of them.
    """
    look = LOOKS[pages().index(name) % len(LOOKS)]
    _look(eyes, name, address_of(name, places), LOOKS, [look])


@pytest.mark.long
@pytest.mark.parametrize("name", pages())
def test_axe_finds_nothing_in_any_look(eyes: Eyes, places: dict[str, Any], name: str) -> None:
    """DESIGN 5, 8: light and dark, wide and narrow, Vietnamese and English, each with each."""
    _look(eyes, name, address_of(name, places), ALL_LOOKS, ALL_LOOKS)


@pytest.mark.parametrize(("scheme", "width", "language"), LOOKS)
def test_the_line_after_an_action(
    eyes: Eyes, places: dict[str, Any], scheme: str, width: int, language: str
) -> None:
    """F103: what a page says once is seen, fits, and hides nothing below it."""
    path = f"/inbox/{places['number']}"
    page = eyes.see(path, "supervisor", scheme, width, language)
    with page.expect_navigation():
        page.evaluate(SUBMIT, path)  # as a browser without scripts does
    line = page.locator(".flash")
    expect(line).to_be_visible()
    below, box = page.locator("main").bounding_box(), line.bounding_box()
    assert below is not None
    assert box is not None
    assert box["y"] == 0
    assert below["y"] >= box["y"] + box["height"] - 1
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.reload()
    expect(page.locator(".flash")).to_have_count(0)
