"""Two people in two browsers at once: who looks, who writes, who was first, what moved."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.machine import needs_chromium
from tests.slow.product import PATIENCE_S, Product, make_mail, until

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

LIVE_MS = 8_000
REPLYING = re.compile("is replying|đang trả lời")
Enter = Callable[..., BrowserContext]


@pytest.fixture
def enter(
    browser: Browser, product: Product, cookies: dict[str, list[dict[str, Any]]]
) -> Iterator[Enter]:
    """Give signed-in browsers; at the end no page of theirs has thrown anything."""
    complaints: list[str] = []
    opened: list[BrowserContext] = []

    def one(who: str) -> BrowserContext:
        context = browser.new_context(base_url=product.base_url, locale="en-GB")
        context.set_default_timeout(1000 * PATIENCE_S)
        context.add_cookies(cookies[who])  # type: ignore[arg-type]
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        opened.append(context)
        return context

    yield one
    for context in opened:
        context.close()
    assert complaints == []


def asked(product: Product, name: str) -> int:
    address = f"{name}@khach.example"
    product.send_mail(make_mail(f"{name.title()} <{address}>", f"Of {name}"), address)
    return int(product.conversation_of(address, 15)["number"])


def show(context: BrowserContext, path: str) -> Page:
    page = context.new_page()
    page.goto(path)
    return page


def test_two_people_before_one_request(product: Product, enter: Enter) -> None:
    """F75, DESIGN 24, 25: looking and writing are seen, and the second answer asks first."""
    number = asked(product, "kim")
    khoa, boss = enter("agent"), enter("supervisor")
    theirs = show(boss, "/inbox")
    mark = theirs.locator(f"#r{number} .typing")
    expect(theirs.locator(f"#r{number}")).to_be_visible(timeout=LIVE_MS)
    expect(mark).to_have_count(0)

    mine = show(khoa, f"/inbox/{number}")
    expect(mark).to_have_count(1, timeout=4_000)  # 3 s, and a busy machine
    expect(mark).to_have_attribute("title", "Khoa đang xem")  # in the reader's language
    mine.locator("#draft").press_sequentially("Dear Kim, ")
    expect(mark).to_have_class("typing writes", timeout=4_000)
    expect(mark).to_have_attribute("title", "Khoa đang trả lời")

    theirs.locator(f"#r{number}").click()
    expect(theirs.locator("#here-line")).to_have_text("Khoa đang trả lời", timeout=4_000)
    theirs.locator("#draft").fill("Yes, we have it.")
    expect(mine.locator("#here-line")).to_contain_text(REPLYING, timeout=4_000)
    theirs.locator("#send").click()
    expect(mine.locator(".msg-out", has_text="Yes, we have it.")).to_be_visible(timeout=LIVE_MS)
    expect(mine.locator("#here-line")).not_to_contain_text(REPLYING, timeout=4_000)

    mine.locator("#send").click()
    expect(mine.locator("#composer [role=alert]")).to_be_visible()
    assert "Dear Kim" in mine.locator("#draft").input_value(), "the draft is safe"
    assert mine.locator(".msg-out", has_text="Dear Kim").count() == 0, "nothing was sent"

    mine.goto("/notices")  # away from it: no mark is left
    expect(mark).to_have_count(0, timeout=4_000)


def test_a_claim_and_live_rows(product: Product, enter: Enter) -> None:
    """Who was first has it; who was second is told, and both lists follow by themselves."""
    number = asked(product, "tam")
    khoa, boss = show(enter("agent"), "/inbox"), show(enter("supervisor"), "/inbox")
    for page in (khoa, boss):
        expect(page.locator(f"#r{number}")).to_be_visible(timeout=LIVE_MS)
        page.goto(f"/inbox/{number}")
    with boss.expect_response("**/claim"):
        boss.locator("#claim").click()
    expect(boss.locator("#claim")).to_have_count(0)
    # The other page hears of it by itself; what it showed before is refused all the same.
    expect(khoa.locator(f"#about-{number}")).not_to_contain_text("no owner", timeout=LIVE_MS)
    token = khoa.locator("input[name=_csrf_token]").first.input_value()
    late = khoa.request.post(
        f"/inbox/{number}/claim",
        form={"owner": "0", "_csrf_token": token},
        headers={"HX-Request": "true", "Origin": product.base_url},
    )
    assert late.status == 409
    later = asked(product, "uyen")
    for page in (khoa, boss):
        page.mouse.move(900, 400)
        expect(page.locator(f"#r{later}")).to_be_visible(timeout=LIVE_MS)


def test_eight_tabs_hold_one_stream(product: Product, enter: Enter) -> None:
    """DESIGN 29: one stream a browser; the eighth tab loads, and each hears of what comes."""
    context = enter("agent")
    streams: list[str] = []
    context.on("request", lambda one: streams.append(one.url) if "/live" in one.url else None)
    tabs = [show(context, "/inbox") for _ in range(8)]
    expect(tabs[-1].locator("#list")).to_be_visible()
    assert len(streams) == 1
    number = asked(product, "mai")
    for tab in (tabs[0], tabs[-1]):
        tab.bring_to_front()
        expect(tab.locator(f"#r{number}")).to_be_visible(timeout=LIVE_MS)
    tabs[0].close()  # the leader: another tab takes over

    def has_a_new_leader() -> bool:
        tabs[1].wait_for_timeout(50)  # events come while the page is asked
        return len(streams) == 2

    until(has_a_new_leader, PATIENCE_S, "a new leader")
    later = asked(product, "nga")
    tabs[7].bring_to_front()
    expect(tabs[7].locator(f"#r{later}")).to_be_visible(timeout=LIVE_MS)


@pytest.mark.parametrize("away_s", [1, pytest.param(60, marks=pytest.mark.long)])
def test_what_was_missed_without_a_network_is_shown(
    product: Product, enter: Enter, away_s: int
) -> None:
    """DESIGN 30: the page recovers by itself and looks once at what it missed."""
    context = enter("agent")
    page = show(context, "/inbox")
    expect(page.locator("#list")).to_be_visible()
    context.set_offline(True)
    number = asked(product, f"oanh{away_s}")
    page.wait_for_timeout(away_s * 1000)  # how long it is away is what is asked
    assert page.locator(f"#r{number}").count() == 0
    context.set_offline(False)
    expect(page.locator(f"#r{number}")).to_be_visible(timeout=15_000)
