"""The pages in a real browser: by hand, by keyboard, without scripts, and for every eye."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.machine import needs_chromium
from tests.slow.product import PASSWORD, PATIENCE_S, Product, make_mail, until

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

WITHIN_MS = 1000 * PATIENCE_S
LIVE_MS = 8_000  # the list is fetched at most every three seconds, a little apart
BUSY = re.compile(r"\bhtmx-request\b")

IDS = "(rows) => rows.map((row) => row.id)"
# What a background answer says that comes after each swap, before it has settled.
AN_ANSWER_OF_ITS_OWN = """() => addEventListener("htmx:afterSwap", (swapped) => {
  const xhr = { status: 200, getResponseHeader: () => null };
  const detail = { xhr, target: swapped.target, requestConfig: { elt: { hidden: true } } };
  document.body.dispatchEvent(new CustomEvent("htmx:beforeSwap", { bubbles: true, detail }));
})"""

Open = Callable[..., Page]


@pytest.fixture
def open_page(
    browser: Browser, product: Product, cookies: dict[str, list[dict[str, Any]]]
) -> Iterator[Open]:
    """Give pages; at the end none of them has complained or asked another origin."""
    complaints: list[str] = []
    contexts = []

    def open_one(
        path: str = "/login", who: str | None = None, width: int = 1440, **choices: Any
    ) -> Page:
        height = 900 if width > 600 else 844
        context = browser.new_context(
            base_url=product.base_url,
            viewport={"width": width, "height": height},
            **{"locale": "en-GB", **choices},
        )
        context.set_default_timeout(WITHIN_MS)
        contexts.append(context)
        if who:
            context.add_cookies(cookies[who])  # type: ignore[arg-type]
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda said: (
                complaints.append(f"{page.url}: {said.text}")
                if said.type in ("error", "warning")
                else None
            ),
        )
        page.on(
            "request",
            lambda asked: (
                complaints.append(f"{page.url} asked {asked.url}")
                if urlsplit(asked.url).netloc != urlsplit(product.base_url).netloc
                and not asked.url.startswith("data:")
                else None
            ),
        )
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


def _number(page: Page) -> int:
    found = re.search(r"/inbox/(\d+)", page.url)
    assert found, page.url
    return int(found[1])


def _asked(product: Product, address: str, subject: str = "Bookcase") -> int:
    product.send_mail(make_mail(f"Kim Yen <{address}>", subject), address)
    return int(product.conversation_of(address)["number"])


def _all_quiet(page: Page) -> None:
    """Wait until the line of progress has gone."""
    expect(page.locator("#busy")).not_to_have_class(BUSY, timeout=WITHIN_MS)


def test_from_the_form_to_the_answer_on_the_customer_s_page(
    product: Product, open_page: Open
) -> None:
    """F1, F23: the row appears by itself, the answer is written without touching the mouse."""
    agent = open_page("/login")
    agent.fill("#email", "agent@demo.example")
    agent.fill("#password", PASSWORD)
    agent.keyboard.press("Enter")
    agent.wait_for_url("**/inbox")
    agent.evaluate("window.stillTheSamePage = true")

    customer = open_page("/f/support", locale="vi-VN")
    customer.fill("#subject", "Ấm đun nước bốc khói")
    customer.fill("#body", "Ấm đun nước của em bốc khói khi cắm điện, rất nguy hiểm ạ.")
    customer.fill("#name", "Tạ Minh Châu")
    customer.fill("#email", "chau.ta@khach.example")
    customer.locator("form button[type=submit]").click()
    customer.wait_for_url("**/s/*")
    number = int(product.conversation_of("chau.ta@khach.example")["number"])
    expect(customer.locator(".request-no")).to_contain_text(str(number))

    row = agent.locator(f"#r{number}")
    expect(row).to_be_visible(timeout=LIVE_MS)
    row.click()
    expect(agent.locator("#subject")).to_have_text("Ấm đun nước bốc khói")
    assert _number(agent) == number
    _all_quiet(agent)
    named = [term.casefold() for term in agent.locator("[data-why] mark").all_inner_texts()]
    painted = agent.evaluate("[...CSS.highlights.get('why')].map((range) => `${range}`)")
    assert painted, "what weighed stands out in the customer's words"
    assert {term.casefold() for term in painted} <= set(named)
    agent.keyboard.press("r")
    expect(agent.locator("#draft")).to_be_focused()
    agent.keyboard.type("Chị rút điện ngay giúp em nhé, kỹ thuật viên sẽ gọi chị.")
    agent.keyboard.press("Control+Enter")
    expect(agent.locator(f"#thread-{number}")).to_contain_text("kỹ thuật viên sẽ gọi")
    expect(agent.locator("#draft")).to_have_value("")
    _all_quiet(agent)
    assert agent.evaluate("window.stillTheSamePage")

    customer.reload()
    expect(customer.locator("#msgs ~ article.say-us")).to_contain_text("kỹ thuật viên sẽ gọi")


def test_the_open_conversation_follows_what_the_customer_writes(
    product: Product, open_page: Open
) -> None:
    """F9: a reply by mail appears under the reader's eyes, and a draft stays."""
    address = "follow@customer.example"
    number = _asked(product, address)
    page = open_page(f"/inbox/{number}", "agent")
    page.fill("#draft", "Half a sentence")
    (mail,) = until(lambda: product.sink(address), PATIENCE_S, "the acknowledgement")
    product.send_mail(
        make_mail(address, "Re", "One more thing.", in_reply_to=mail["headers"]["Message-ID"]),
        address,
    )
    expect(page.locator(f"#thread-{number}")).to_contain_text("One more thing.")
    expect(page.locator("#draft")).to_have_value("Half a sentence")
    _all_quiet(page)


def test_the_list_and_a_correction_by_keyboard(product: Product, open_page: Open) -> None:
    """F65: j, k, Enter; c and a digit say what it is really about."""
    page = open_page("/inbox", "agent")
    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    rows = page.locator("a.item")
    expect(rows.nth(1)).to_be_focused()
    wanted = rows.nth(1).get_attribute("id")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/inbox/\d+"))
    number = _number(page)
    assert wanted == f"r{number}"
    expect(page.locator("#topics")).to_be_attached()
    _all_quiet(page)

    page.keyboard.press("c")
    menu = page.locator("#topics")
    expect(menu).to_be_visible()
    choice = menu.locator("button:not([aria-current])").first
    digit = choice.locator("kbd").inner_text()
    chosen = choice.get_attribute("value")
    page.keyboard.press(digit)
    expect(menu).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("AI sẽ học")
    after = product.api(f"conversations/{number}")
    assert (after["request_type"], after["triage"]) == (chosen, "corrected")
    _all_quiet(page)


def test_done_opens_what_is_next_and_can_be_undone(product: Product, open_page: Open) -> None:
    """F118, DESIGN 27: e, why no answer is owed, the next one; z brings all back in place."""
    number = _asked(product, "done@customer.example")
    page = open_page(f"/inbox/{number}", "agent")
    rows = page.locator("#list a.item")
    expect(page.locator(f"#r{number}")).to_be_visible()
    before = rows.evaluate_all(IDS)
    owner = product.api(f"conversations/{number}")["owner"]
    page.evaluate(AN_ANSWER_OF_ITS_OWN)
    page.keyboard.press("e")
    reasons = page.locator("#reasons")
    expect(reasons).to_be_visible()
    page.keyboard.press("2")
    expect(reasons).to_be_hidden()
    # aged: it leaves by itself after ten seconds
    toast = page.locator("#toasts > .toast[data-aged]")
    expect(toast.last).to_contain_text(f"#{number} đã xong.")
    page.wait_for_url(lambda url: f"/inbox/{number}" not in url)
    assert product.api(f"conversations/{number}")["status"] == "resolved"
    expect(page.locator(f"#r{_number(page)}")).to_have_attribute("aria-current", "true")
    expect(page.locator("#conversation :focus")).to_have_count(1)
    page.keyboard.press("z")
    page.wait_for_url(f"**/inbox/{number}")
    after = product.api(f"conversations/{number}")
    assert (after["status"], after["owner"]) == ("open", owner)
    expect(page.locator(f"#r{number}")).to_be_visible()
    assert [one for one in rows.evaluate_all(IDS) if one in before] == before


def test_an_agents_day_without_scripts(product: Product, open_page: Open) -> None:
    """F103: every button works as a plain form, and the next page says how it ended."""
    number = _asked(product, "noscript@customer.example")
    page = open_page("/login", java_script_enabled=False)
    page.fill("#email", "agent@demo.example")
    page.fill("#password", PASSWORD)
    page.locator("form button[type=submit]").click()
    page.wait_for_url("**/inbox")
    page.locator(f"#r{number}").click()
    page.wait_for_url(f"**/inbox/{number}*")
    said = page.locator(".flash")
    expect(said).to_have_count(0)

    page.fill("#draft", "Answered without a script.")
    page.locator("#send").click()
    expect(page.locator(f"#thread-{number}")).to_contain_text("Answered without a script.")
    expect(said).to_have_text("Đã gửi.")

    page.locator("[popovertarget=owners]").first.click()
    page.locator("#owners button[name=owner][value='0']").click()
    expect(said).to_have_text("Yêu cầu hiện chưa giao cho ai.")
    assert product.api(f"conversations/{number}")["owner"] is None

    page.locator("[popovertarget=topics]").first.click()
    page.locator("#topics button[value=complaint]").click()
    expect(said).to_contain_text("AI sẽ học")
    assert product.api(f"conversations/{number}")["request_type"] == "complaint"

    page.goto(f"/inbox/{number}")
    expect(said).to_have_count(0)
    page.locator("#done").click()
    page.wait_for_url("**/inbox")
    expect(said).to_have_text(f"#{number} đã xong.")
    assert product.api(f"conversations/{number}")["status"] == "resolved"

    page.goto(f"/inbox/{number}")
    page.locator("form[action$='/resolution/undo'] button").click()
    page.wait_for_url(f"**/inbox/{number}")
    expect(said).to_have_text("Yêu cầu đã được mở lại.")
    assert product.api(f"conversations/{number}")["status"] == "open"


def test_a_settings_page_opens_at_its_top_with_its_entry_in_the_menu(open_page: Open) -> None:
    """On a low window the menu scrolls by itself; the page stays where its heading is."""
    page = open_page("/login", who="supervisor")
    page.set_viewport_size({"width": 1440, "height": 420})
    page.goto("/settings/products")
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    expect(page.locator(".subnav [aria-current]")).to_be_in_viewport(ratio=1)
