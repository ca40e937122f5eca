"""The chat on a company's pages, in a real browser against the whole product."""

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.machine import needs_chromium
from tests.slow.chatting import (
    BLOCKED,
    SHOP,
    Widget,
    allow,
    answer,
    host_site,
    number_of,
    stored,
)
from tests.slow.product import PATIENCE_S, Product, until

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

WITHIN_MS = 1000 * PATIENCE_S
CUT_OFF = re.compile("ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_REFUSED|WebSocket connection to")
Come = Callable[..., Widget]


@pytest.fixture
def come(browser: Browser, product: Product) -> Iterator[Come]:
    """Give visitors on the demo's shop page; at the end no page has complained."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def one(
        path: str = SHOP,
        *,
        width: int = 1440,
        beside: Page | None = None,
        script: str = "",
        may_be_cut: bool = False,
        **choices: Any,
    ) -> Widget:
        context = beside.context if beside else None
        if context is None:
            context = browser.new_context(
                base_url=product.base_url,
                viewport={"width": width, "height": 900 if width > 600 else 844},
                **{"locale": "en-GB", **choices},
            )
            context.set_default_timeout(WITHIN_MS)
            contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))

        def heard(said: Any) -> None:
            cut = may_be_cut and CUT_OFF.search(said.text)
            if said.type in ("error", "warning") and not cut:
                complaints.append(f"{page.url}: {said.text}")

        page.on("console", heard)
        if script:
            page.add_init_script(script)
        widget = Widget(page)
        page.goto(path)
        return widget

    yield one
    for context in contexts:
        context.close()
    assert complaints == []


def test_a_visitor_asks_and_an_agent_answers_live(
    product: Product, come: Come, cookies: dict[str, list[dict[str, Any]]]
) -> None:
    """F1: the line appears in the one list by itself, the answer on the shop's page."""
    agent = come("/login").page
    agent.context.add_cookies(cookies["agent"])  # type: ignore[arg-type]
    agent.goto("/inbox")

    visitor = come(locale="vi-VN")
    expect(visitor.button).to_have_attribute("aria-expanded", "false")
    assert visitor.sockets == []
    visitor.open()
    assert visitor.sockets == [product.base_url.replace("http", "ws") + "/chat/demo"]
    expect(visitor.part(".log > .auto")).to_contain_text("trả lời")  # when
    visitor.part("[name=email]").fill("yen.chat@khach.example")
    visitor.say("Nồi chiên giao thiếu dây nguồn, bật không lên.", "Phạm Hải Yến")
    visitor.hears("/s/")  # the automatic line: number, time, link
    expect(visitor.part("[name=name]")).to_be_hidden()

    number = number_of(product, "Phạm Hải Yến")
    row = agent.locator(f"#r{number}")
    expect(row).to_be_visible(timeout=WITHIN_MS)
    row.click()
    thread = agent.locator(f"#thread-{number}")
    expect(thread).to_contain_text("thiếu dây nguồn", timeout=WITHIN_MS)
    agent.fill("#draft", "Chào chị Yến, em đã giữ một nồi mới cho chị.")
    agent.locator("#send").click()
    visitor.hears("em đã giữ một nồi mới")
    expect(visitor.part(".bub small").filter(has_text="Khoa")).to_have_count(1)
    visitor.say("Cảm ơn em, sáng thứ Năm được.")
    expect(thread).to_contain_text("sáng thứ Năm được", timeout=WITHIN_MS)


def test_after_a_reload_everything_is_there_once(product: Product, come: Come) -> None:
    """The browser's token is enough: connected by itself, and what is new is counted."""
    visitor = come()
    visitor.open()
    visitor.say("The kettle leaks.", "Reload Reed")
    visitor.say("From the bottom.")
    number = number_of(product, "Reload Reed")
    visitor.hears("/s/")
    visitor.page.keyboard.press("Escape")
    answer(product, number, "Please unplug it.")
    expect(visitor.part(".badge")).to_have_text("1")

    visitor.page.reload()
    expect(visitor.part(".badge")).to_have_text("1")
    expect(visitor.button).to_have_attribute("aria-label", "Open chat, 1 new message")
    visitor.open()
    expect(visitor.lines).to_have_count(4)
    texts = visitor.lines.all_inner_texts()
    assert [texts[0], texts[-1]] == ["The kettle leaks.", "Please unplug it."]
    visitor.page.keyboard.press("Escape")
    expect(visitor.part(".badge")).to_be_hidden()
    visitor.page.reload()
    visitor.open()
    expect(visitor.lines).to_have_count(4)
    expect(visitor.part(".badge")).to_be_hidden()


def test_what_is_written_without_a_network_is_kept_and_sent_once(
    product: Product, come: Come
) -> None:
    """R-chat: offline, another page load in between, online: each message once, in order."""
    visitor = come(may_be_cut=True)
    visitor.open()
    visitor.say("Before the tunnel.", "Tunnel Tess")
    visitor.page.context.set_offline(True)
    for text in ("In the tunnel, one.", "In the tunnel, two."):
        visitor.draft.fill(text)
        visitor.draft.press("Enter")
    expect(visitor.part(".status")).to_contain_text("kept here")
    expect(visitor.part(".me.kept")).to_have_count(2)
    answer(product, number_of(product, "Tunnel Tess"), "Meanwhile.")
    visitor.page.context.set_offline(False)
    visitor.taken("In the tunnel, two.")
    visitor.hears("Meanwhile.")
    expect(visitor.part(".status")).to_be_hidden()
    expect(visitor.part(".me")).to_have_count(3)

    visitor.page.reload()
    visitor.open()
    expect(visitor.part(".me")).to_have_count(3)
    own = visitor.part(".me .b > span:last-child").all_inner_texts()
    assert own == ["Before the tunnel.", "In the tunnel, one.", "In the tunnel, two."]
    assert [stored(product, text) for text in own] == [1, 1, 1]


def test_an_unsent_message_outlives_its_page(product: Product, come: Come) -> None:
    """Written offline, the page is left, and the next page of the site delivers it."""
    visitor = come(may_be_cut=True)
    visitor.open()
    visitor.page.context.set_offline(True)
    visitor.part("[name=name]").fill("Leaving Lea")
    visitor.draft.fill("Written just before leaving.")
    visitor.draft.press("Enter")
    expect(visitor.part(".me.kept")).to_have_count(1)
    visitor.page.goto("about:blank")
    visitor.page.context.set_offline(False)
    visitor.page.goto(SHOP)
    number_of(product, "Leaving Lea")
    visitor.open()
    visitor.taken("Written just before leaving.")
    assert stored(product, "Written just before leaving.") == 1


def test_the_web_process_dies_during_a_chat(product: Product, come: Come) -> None:
    """R-chat: killed with a power cut's manners; the conversation goes on by itself."""
    visitor = come(may_be_cut=True)
    visitor.open()
    visitor.say("Is anybody there?", "Kill Kim")
    number = number_of(product, "Kill Kim")
    old = product.kill("web")
    visitor.draft.fill("Written while it was away.")
    visitor.draft.press("Enter")
    product.pid("web", other_than=old)
    visitor.taken("Written while it was away.")
    answer(product, number, "Here again.")
    visitor.hears("Here again.")
    expect(visitor.part(".me")).to_have_count(2)
    text = "Written while it was away."  # taken for sure; in the conversation in a moment
    until(lambda: stored(product, text), PATIENCE_S, "the message is there")
    assert stored(product, text) == 1


def test_the_keyboard_alone(product: Product, come: Come) -> None:
    """Tab to the button, Enter, write, Shift+Enter, Escape; a composing Enter sends nothing."""
    visitor = come()
    keys = visitor.page.keyboard
    for _ in range(6):
        keys.press("Tab")
        if visitor.button.evaluate("(b) => b.matches(':focus')"):
            break
    expect(visitor.button).to_be_focused()
    keys.press("Enter")
    expect(visitor.part("[name=name]")).to_be_focused()
    expect(visitor.button).to_have_attribute("aria-expanded", "true")
    keys.type("Keyboard Kay")
    keys.press("Tab")
    keys.press("Tab")
    expect(visitor.draft).to_be_focused()
    keys.type("First line")
    keys.press("Shift+Enter")
    keys.type("second line")
    for how in ({"isComposing": True}, {"keyCode": 229}):
        visitor.draft.dispatch_event("keydown", {"key": "Enter", **how})
    expect(visitor.part(".me")).to_have_count(0)
    expect(visitor.draft).to_have_value("First line\nsecond line")
    keys.press("Enter")
    visitor.taken("second line")
    expect(visitor.draft).to_be_focused()
    expect(visitor.draft).to_have_value("")
    keys.press("Escape")
    expect(visitor.part(".panel")).to_be_hidden()
    expect(visitor.button).to_be_focused()
    number_of(product, "Keyboard Kay")


# Each language, scheme and width once; in the long run each with each of the others.
LOOKS = [("vi", "dark", 390), ("en", "light", 1440)]
OTHERS = [
    pytest.param(language, scheme, width, marks=pytest.mark.long)
    for language, scheme, width in itertools.product(
        ("vi", "en"), ("light", "dark"), (1440, 390)
    )
    if (language, scheme, width) not in LOOKS
]


@pytest.mark.parametrize(("language", "scheme", "width"), [*LOOKS, *OTHERS])
def test_axe_finds_nothing(come: Come, language: str, scheme: str, width: int) -> None:
    """WCAG 2.2 AA as far as a machine can tell: closed, asking, talking, and out of reach."""
    visitor = come(f"{SHOP}?lang={language}", width=width, color_scheme=scheme, may_be_cut=True)
    expect(visitor.button).to_be_visible()
    found = [Axe().run(visitor.page)]
    visitor.open()
    found.append(Axe().run(visitor.page))
    visitor.draft.fill("x" * 4001)
    visitor.draft.press("Enter")
    expect(visitor.part(".wrong")).to_contain_text("4001")
    found.append(Axe().run(visitor.page))
    visitor.say("Bếp từ báo lỗi E4, xem https://vidu.example/e4 giúp mình.", "Axe")
    visitor.hears("/s/")
    found.append(Axe().run(visitor.page))
    visitor.page.context.set_offline(True)
    expect(visitor.part(".status")).to_be_visible()
    visitor.draft.fill("Một tin chờ.")
    visitor.draft.press("Enter")
    found.append(Axe().run(visitor.page))
    assert visitor.page.evaluate("document.scrollingElement.scrollWidth") <= width
    for result in found:
        assert result.violations_count == 0, result.generate_report()


def test_a_site_with_a_strict_policy(product: Product, come: Come) -> None:
    """R-chat: default-src 'none', our origin, Trusted Types; two inclusions are one widget."""
    with host_site(product, 'data-accent="#ff8800" data-side="left"', lines=2) as site:
        allow(product, site)
        visitor = come(site)
        visitor.open()
        visitor.say("From another site.", "Strict Stan")
        answer(
            product,
            number_of(product, "Strict Stan"),
            "Look: https://vidu.example/a. <b>Ok</b>",
        )
        visitor.hears("<b>Ok</b>")
        link = visitor.part(".b a").filter(has_text="vidu.example/a")
        expect(link).to_have_attribute("href", "https://vidu.example/a")
        expect(link).to_have_attribute("rel", "noopener nofollow")
        expect(visitor.page.locator("kip-chat")).to_have_count(1)
        assert len(visitor.sockets) == 1
        box = visitor.part(".panel").bounding_box()
        assert box
        assert box["x"] < 100
        visitor.page.evaluate("Kip.close()")
        expect(visitor.part(".panel")).to_be_hidden()
        visitor.page.evaluate("Kip.open()")
        expect(visitor.draft).to_be_focused()
        assert visitor.page.context.cookies(product.base_url) == []


def test_a_site_that_may_not_show_it(product: Product, come: Come) -> None:
    """A sentence instead of a chat, and no more tries by itself."""
    with host_site(product, connect="http ws") as site:
        allow(product, "https://else.example")
        visitor = come(site, may_be_cut=True)
        visitor.page.clock.install()
        visitor.button.click()
        expect(visitor.part(".status")).to_have_text("Chat is not available here.")
        expect(visitor.part("form")).to_be_hidden()
        tried = len(visitor.sockets)
        assert tried <= 3
        visitor.page.clock.fast_forward(120_000)
        assert visitor.page.evaluate("new Promise((r) => requestAnimationFrame(() => r(1)))")
        assert len(visitor.sockets) == tried


def test_two_tabs_show_one_conversation(product: Product, come: Come) -> None:
    """What is written in one is read in the other, once, and answers come to both."""
    first = come()
    first.open()
    first.say("From the first tab.", "Tabea Tabs")
    first.hears("/s/")
    second = come(beside=first.page)
    second.open()
    second.hears("From the first tab.")
    second.say("From the second tab.")
    first.hears("From the second tab.")
    answer(product, number_of(product, "Tabea Tabs"), "To both.")
    for tab in (first, second):
        tab.hears("To both.")
        expect(tab.lines).to_have_count(4)
    assert first.lines.all_inner_texts() == second.lines.all_inner_texts()


def test_without_storage_it_works_for_the_page_s_life(product: Product, come: Come) -> None:
    visitor = come(script=BLOCKED)
    visitor.open()
    visitor.say("Nothing is kept here.", "Stora Blocked")
    visitor.hears("/s/")
    answer(product, number_of(product, "Stora Blocked"), "Still heard.")
    visitor.hears("Still heard.")


def test_a_name_and_an_address_may_be_required(product: Product, come: Come) -> None:
    """``data-ask="required"``: said in words, and the text stays."""
    with host_site(product, 'data-ask="required" data-language="vi"') as site:
        allow(product, site)
        visitor = come(site)
        visitor.open()
        visitor.draft.fill("Cho mình hỏi giá.")
        visitor.draft.press("Enter")
        expect(visitor.part(".wrong")).to_have_text("Anh/chị vui lòng cho biết tên.")
        expect(visitor.part("[name=name]")).to_be_focused()
        visitor.part("[name=name]").fill("Bắt Buộc")
        visitor.part("[name=email]").fill("bat.buoc@")
        visitor.draft.press("Enter")
        expect(visitor.part("[name=email]")).to_have_attribute("aria-invalid", "true")
        visitor.part("[name=email]").fill("bat.buoc@khach.example")
        visitor.draft.press("Enter")
        visitor.taken("Cho mình hỏi giá.")
        number_of(product, "Bắt Buộc")


def test_many_messages_at_once_arrive_in_their_order(product: Product, come: Come) -> None:
    """Faster than the server takes them: they wait their turn, none is lost or doubled."""
    visitor = come()
    visitor.open()
    texts = [f"Message number {n}." for n in range(12)]
    visitor.part("[name=name]").fill("Many Max")
    for text in texts:
        visitor.draft.fill(text)
        visitor.draft.press("Enter")
    expect(visitor.part(".me")).to_have_count(len(texts))
    expect(visitor.part(".me small").filter(has_text=", sent")).to_have_count(
        len(texts), timeout=60_000
    )
    visitor.page.reload()
    visitor.open()
    expect(visitor.part(".me")).to_have_count(len(texts))
    assert visitor.part(".me .b > span:last-child").all_inner_texts() == texts
