"""The list in a real browser: several at once, undo, rows that stay put, clocks that tick."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from inbox.clock import utcnow
from tests.machine import needs_chromium
from tests.slow.product import PATIENCE_S, Product, make_mail

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

LIVE_MS = 8_000
MOST_ROWS = 60
# The row with the focus, its group, and whether all of it is there to be seen.
FOCUSED = """() => {
  const row = document.activeElement, box = row.getBoundingClientRect();
  const seen = (y) => row.closest("li")?.contains(document.elementFromPoint(box.left + 20, y));
  const whole = seen(box.top + 2) && seen(box.bottom - 2);
  return [row.id, row.closest("ol")?.getAttribute("aria-labelledby"), whole];
}"""
ROWS = "[...document.querySelectorAll('#list a.item')].map((row) => row.id)"
Open = Callable[..., Page]


@pytest.fixture
def open_list(
    browser: Browser, product: Product, cookies: dict[str, list[dict[str, Any]]]
) -> Iterator[Open]:
    """Give signed-in pages; at the end none of them has complained."""
    complaints: list[str] = []
    opened = []

    def one(path: str = "/inbox", who: str = "supervisor", **choices: Any) -> Page:
        context = browser.new_context(base_url=product.base_url, locale="en-GB", **choices)
        context.set_default_timeout(1000 * PATIENCE_S)
        context.add_cookies(cookies[who])  # type: ignore[arg-type]
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        opened.append(context)
        page = context.new_page()
        page.goto(path)
        return page

    yield one
    for context in opened:
        context.close()
    assert complaints == []


def asked(product: Product, name: str) -> int:
    address = f"{name}@khach.example"
    product.send_mail(make_mail(f"{name.title()} <{address}>", f"Of {name}"), address)
    return int(product.conversation_of(address, 15)["number"])


def rows(page: Page) -> list[str]:
    found: list[str] = page.evaluate(ROWS)
    return found


def test_several_at_once_by_keys_and_back(product: Product, open_list: Open) -> None:
    """F81, DESIGN 27: x and Shift x select, one request does it, z brings all back in place."""
    numbers = [asked(product, name) for name in ("lan", "mai", "nga")]
    page = open_list()
    for number in numbers:
        expect(page.locator(f"#r{number}")).to_be_visible(timeout=LIVE_MS)
    before = rows(page)
    at = before.index(f"r{numbers[0]}")
    expect(page.locator("#bulk")).to_be_hidden()
    page.locator(f"#r{numbers[0]}").focus()
    page.keyboard.press("x")
    expect(page.locator("#picked")).to_have_text("1")
    page.keyboard.press("j")
    page.keyboard.press("Shift+x")
    expect(page.locator("#picked")).to_have_text("2")
    chosen = [int(one[1:]) for one in before[at : at + 2]]
    expect(page.locator("#say")).to_have_text(re.compile("2"))

    asks: list[str] = []
    page.on("request", lambda sent: asks.append(sent.url) if "/bulk" in sent.url else None)
    page.keyboard.press("a")
    expect(page.locator("#bulk-menu")).to_be_visible()
    page.locator("#bulk-menu button[value='done:duplicate']").click()
    for number in chosen:
        expect(page.locator(f"#r{number}")).to_have_count(0)
    expect(page.locator("#bulk")).to_be_hidden()
    assert len(asks) == 2  # what can be done, and doing it
    assert [product.api(f"conversations/{one}")["status"] for one in chosen] == ["resolved"] * 2

    page.keyboard.press("z")
    for number in chosen:
        expect(page.locator(f"#r{number}")).to_be_visible()
    assert [one for one in rows(page) if one in before] == before
    assert [product.api(f"conversations/{one}")["status"] for one in chosen] == ["open"] * 2


def test_a_selection_outlives_what_comes_in(product: Product, open_list: Open) -> None:
    """F74, DESIGN 28: nothing moves under pointer or focus; a key shows it, boxes stay so."""
    page, other = open_list(), open_list(who="agent")
    first = page.locator("#list a.item").first
    first.hover()
    page.locator("#list .pick").first.check()
    before = rows(page)
    number = asked(product, "oanh")
    expect(page.locator("#changes")).to_be_visible(timeout=LIVE_MS)
    expect(page.locator("#changes")).to_contain_text(re.compile(r"^\s*1 "))
    expect(other.locator(f"#r{number}")).to_be_visible(timeout=LIVE_MS)
    page.mouse.move(1200, 400)  # the focus alone holds it too
    later = asked(product, "hien")
    expect(page.locator("#changes")).to_contain_text(re.compile(r"^\s*2 "), timeout=LIVE_MS)
    expect(other.locator(f"#r{later}")).to_be_visible(timeout=LIVE_MS)
    assert rows(page) == before
    chosen = page.locator("#list .pick:checked").get_attribute("value")
    page.keyboard.press(".")
    expect(page.locator(f"#r{number}")).to_be_visible(timeout=LIVE_MS)
    expect(page.locator("#list .pick:checked")).to_have_count(1)
    assert page.locator("#list .pick:checked").get_attribute("value") == chosen
    page.locator("#pick-all").check()
    expect(page.locator("#picked")).to_have_text(str(len(rows(page))))
    page.locator("#list a.item").first.focus()
    page.keyboard.press("Escape")
    expect(page.locator("#bulk")).to_be_hidden()


def test_a_clock_passes_its_deadline(product: Product, open_list: Open) -> None:
    """F73, DESIGN 18: "1 min left" becomes "1 min late" by itself, in words, said once."""
    asked(product, "phuong")
    page = open_list("/login")
    page.clock.install()
    page.goto("/inbox")
    page.context.set_offline(True)
    page.evaluate(
        "() => { const t = document.querySelector('#list a.item time');"
        " t.dateTime = new Date(Date.now() + 100000).toISOString();"
        " t.dataset.due = ''; t.className = 'sla sla-soon'; t.id = 'the-clock'; }"
    )
    clock = page.locator("#the-clock")
    whose = page.locator("#list a.item").first.locator(".name").inner_text()
    page.clock.run_for(60_000)
    expect(clock).to_have_text(re.compile(r"^\s*(1 min left|còn 1 phút)\s*$"))
    expect(clock).to_have_class(re.compile("sla-soon"))
    page.evaluate(
        "() => { window.said = []; new MutationObserver(() => {"
        " const text = document.querySelector('#say').textContent;"
        " if (text) window.said.push(text); })"
        ".observe(document.querySelector('#say'), { childList: true }); }"
    )
    page.clock.run_for(60_000)
    expect(clock).to_have_text(re.compile(r"^\s*(1 min late|trễ 1 phút)\s*$"))
    expect(clock).to_have_class(re.compile("sla-late"))
    page.clock.run_for(60_000)
    said = [text for text in page.evaluate("window.said") if re.search("late|trễ", text)]
    assert len([text for text in said if whose in text]) == 1


def test_boxes_without_a_script_and_on_touch(product: Product, open_list: Open) -> None:
    """S25: without scripts the boxes are there, and a page asks what shall happen."""
    number = asked(product, "quyen")
    touch = open_list(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    expect(touch.locator("#list .pick").first).to_have_css("opacity", "1")
    page = open_list(java_script_enabled=False)
    page.locator(f"#p{number}").check()
    page.locator("#bulk-more").click()
    page.locator("button[value='snooze:tomorrow']").click()
    page.wait_for_url("**/inbox?did=*")
    expect(page.locator(f"#r{number}")).to_have_count(0)
    page.locator("#toasts form button").click()
    expect(page.locator(f"#r{number}")).to_be_visible()
    assert product.api(f"conversations/{number}")["status"] == "open"


@pytest.mark.parametrize(("width", "height"), [(1440, 600), (390, 844)])
def test_the_focus_walks_through_all_groups(
    product: Product, open_list: Open, width: int, height: int
) -> None:
    """DESIGN 12: j and k go over the headings, and the row with the focus is seen whole."""
    asked(product, f"giang{width}")
    page = open_list(viewport={"width": width, "height": height})
    all_rows = rows(page)
    walked: dict[str, list[Any]] = {"j": [], "k": []}
    for key, seen in walked.items():
        for _ in range(MOST_ROWS):
            page.keyboard.press(key)
            found = page.evaluate(FOCUSED)
            if seen and seen[-1] == found:
                break
            seen.append(found)
        assert all(whole for _, _, whole in seen), seen
    assert [row for row, _, _ in walked["j"]] == all_rows
    assert [row for row, _, _ in walked["k"]] == all_rows[-2::-1]
    assert len({group for _, group, _ in walked["j"]}) > 2


def test_states_of_a_clock_are_told_apart_without_colours(
    product: Product, open_list: Open
) -> None:
    """DESIGN 17: each has its own words and its own shape, where no colour of ours is left."""
    number = asked(product, "khanh")
    page = open_list(f"/inbox/{number}?lang=en", forced_colors="active")
    first_due = "UPDATE sla_clocks SET due_at = ? WHERE conversation_id = ? AND kind = ?"
    seen: dict[str, tuple[str, str | None, bytes]] = {}

    def look(state: str) -> None:
        page.goto(f"/inbox/{number}?lang=en")
        clock = page.locator(f"#about-{number} time.sla-{state}").first
        icon = clock.locator("use").get_attribute("href")
        words = re.sub(r"[\d:]+", "", clock.inner_text())
        seen[state] = (words, icon, clock.locator("svg").screenshot())

    def due_in(minutes: int) -> None:
        due = f"{utcnow() + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S.%f}"
        product.write(first_due, due, number, "first_response")

    look("ok")
    due_in(-30)
    look("late")
    due_in(30)
    look("soon")
    page.locator("#draft").fill("Dạ, em kiểm tra ạ.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(f"#thread-{number}")).to_contain_text("em kiểm tra")
    look("met")
    due_in(-30)
    look("met-late")
    page.locator("#wait").click()
    page.locator("#waits button[type=submit]").first.click()
    expect(page.locator(f"#about-{number} time.sla-paused")).to_be_visible()
    look("paused")
    for each in zip(*seen.values(), strict=True):
        assert len(set(each)) == len(seen), each
