"""The pages in a real browser: by hand, by keyboard, without scripts, and for every eye."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.machine import ONCE, chromium
from tests.slow.product import PASSWORD, Product, make_mail, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason=f"chromium is {ONCE}"),
]

WITHIN_MS = 10_000
LIVE_MS = 8_000  # the list is fetched at most every three seconds, a little apart
BUSY = re.compile(r"\bhtmx-request\b")

Open = Callable[..., Page]

# page -> who looks; {number} and {status} are filled in
PAGES = {
    "login": ("/login", None),
    "form": ("/f/support", None),
    "status": ("{status}", None),
    "inbox": ("/inbox", "agent"),
    "conversation": ("/inbox/{number}", "agent"),
    "notices": ("/notices", "agent"),
    "review": ("/review", "supervisor"),
    "quarantine": ("/settings/quarantine", "supervisor"),
    "mail": ("/demo/mail", "agent"),
}
LOOKS = [("light", 1440), ("dark", 390)]
MORE_LOOKS = {"inbox": [("dark", 1440), ("light", 390)], "conversation": [("dark", 1440)]}
MORE_LOOKS |= {"form": [("dark", 1440), ("light", 390)], "status": [("light", 390)]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module."""
    program = chromium()
    assert program is not None
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(program))
        yield started
        started.close()


@pytest.fixture(scope="module")
def cookies(product: Product) -> dict[str, list[dict[str, Any]]]:
    """Sign each person in once."""
    found: dict[str, list[dict[str, Any]]] = {}
    for who in ("agent", "supervisor"):
        with product.signed_in(who) as client:
            found[who] = [
                {"name": one.name, "value": one.value, "url": product.base_url}
                for one in client.cookies.jar
            ]
    return found


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
    (mail,) = until(lambda: product.sink(address), 5, "the acknowledgement")
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
    """F81's page: e, then z."""
    number = _asked(product, "done@customer.example")
    page = open_page(f"/inbox/{number}", "agent")
    page.keyboard.press("e")
    # aged: it leaves by itself after ten seconds
    toast = page.locator("#toasts > .toast[data-aged]")
    expect(toast.last).to_contain_text(f"#{number} đã xong.")
    page.wait_for_url(lambda url: f"/inbox/{number}" not in url)
    assert product.api(f"conversations/{number}")["status"] == "resolved"
    page.keyboard.press("z")
    page.wait_for_url(f"**/inbox/{number}")
    assert product.api(f"conversations/{number}")["status"] == "open"


def test_reading_replying_and_finishing_without_scripts(
    product: Product, open_page: Open
) -> None:
    """Every button works as a plain form."""
    number = _asked(product, "noscript@customer.example")
    page = open_page("/login", java_script_enabled=False)
    page.fill("#email", "agent@demo.example")
    page.fill("#password", PASSWORD)
    page.locator("form button[type=submit]").click()
    page.wait_for_url("**/inbox")
    page.locator(f"#r{number}").click()
    page.wait_for_url(f"**/inbox/{number}*")
    page.fill("#draft", "Answered without a script.")
    page.locator("#send").click()
    expect(page.locator(f"#thread-{number}")).to_contain_text("Answered without a script.")
    page.locator("#done").click()
    page.wait_for_url("**/inbox")
    assert product.api(f"conversations/{number}")["status"] == "resolved"


@pytest.fixture(scope="module")
def places(product: Product) -> dict[str, str]:
    """Fill in the addresses of one conversation: late, with files, corrected, answered."""
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
    return {"number": str(number), "status": answer.headers["location"].partition("?")[0]}


def _looks() -> list[tuple[str, str, int]]:
    return [
        (name, scheme, width)
        for name in PAGES
        for scheme, width in [*LOOKS, *MORE_LOOKS.get(name, [])]
    ]


@pytest.mark.parametrize(("name", "scheme", "width"), _looks())
def test_axe_finds_nothing(
    open_page: Open, places: dict[str, str], tmp_path: Path, name: str, scheme: str, width: int
) -> None:
    """WCAG 2.2 AA as far as a machine can tell, light and dark, wide and narrow."""
    path, who = PAGES[name]
    page = open_page(path.format(**places), who, width, color_scheme=scheme)
    page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_320_pixels(
    open_page: Open, places: dict[str, str], name: str
) -> None:
    """WCAG 1.4.10: no sideways scrolling, also with long words in what customers wrote."""
    path, who = PAGES[name]
    page = open_page(path.format(**places), who, 320)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 320
    too_wide = page.evaluate(
        "[...document.querySelectorAll('main, header, nav, .pane, .thread, .card')]"
        ".filter((e) => e.getClientRects().length && e.getBoundingClientRect().right > 321)"
        ".map((e) => e.outerHTML.slice(0, 80))"
    )
    assert too_wide == []
