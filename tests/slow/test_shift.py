"""A whole shift without a mouse: on a wide screen, on a phone's width, and without scripts."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.machine import needs_chromium
from tests.slow.product import PASSWORD, PATIENCE_S, Product, make_mail, until

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

BUSY = re.compile(r"\bhtmx-request\b")
FOCUS = "() => document.activeElement?.id || document.activeElement?.tagName"
AT = "(s) => document.activeElement?.matches(s) ?? false"
VALUES = "(fields) => fields.map((field) => field.value)"
LOST = "BODY"  # where the focus never is after a swap
MOST_ROWS = 60
MOST_STOPS = 150
MOST_STOPS_IN_ALL = 400
PARTS = ".skip .rail .list-head #list .conv-tools .thread #composer #context".split()
PART = "(parts) => parts.findIndex((part) => document.activeElement.closest(part))"

Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, product: Product) -> Iterator[Open]:
    """Give pages that nobody has signed in to; at the end none of them has complained."""
    complaints: list[str] = []
    contexts = []

    def open_one(path: str = "/login", width: int = 1440, **choices: Any) -> Page:
        context = browser.new_context(
            base_url=product.base_url,
            viewport={"width": width, "height": 900 if width > 600 else 844},
            **choices,
        )
        context.set_default_timeout(1000 * PATIENCE_S)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


def quiet(page: Page) -> None:
    """Wait until nothing is under way; the focus is then somewhere (DESIGN 10)."""
    expect(page.locator("#busy")).not_to_have_class(BUSY)
    until(lambda: page.evaluate(FOCUS) != LOST, 3, "the focus is somewhere")


def tab_to(page: Page, selector: str) -> None:
    """Walk with Tab to the first control that fits."""
    for _ in range(MOST_STOPS):
        if page.evaluate(AT, selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached with Tab")


def sign_in(page: Page) -> None:
    """Type address and password, as people do."""
    tab_to(page, "#email")
    page.keyboard.type("agent@demo.example")
    tab_to(page, "#password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/inbox")


def asked(product: Product, address: str) -> int:
    """Let somebody write, and return the conversation's number."""
    product.send_mail(make_mail(f"Kim Yen <{address}>", "Where is my bookcase?"), address)
    return int(product.conversation_of(address)["number"])


def walk_to(page: Page, number: int) -> None:
    """Walk down the list with j until the row has the focus, and open it."""
    for _ in range(MOST_ROWS):
        page.keyboard.press("j")
        if page.evaluate(FOCUS) == f"r{number}":
            break
    expect(page.locator(f"#r{number}")).to_be_focused()
    expect(page.locator(f"#r{number}")).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/inbox/{number}*")
    expect(page.locator("#conversation")).to_have_attribute("data-id", str(number))
    quiet(page)


def pick(page: Page, key: str, menu: str, button: str) -> None:
    """Open a menu with its key and pick from it with the digit that it shows."""
    page.keyboard.press(key)
    expect(page.locator(menu)).to_be_visible()
    page.keyboard.press(page.locator(f"{menu} {button}").first.locator("kbd").inner_text())
    expect(page.locator(menu)).to_be_hidden()
    quiet(page)


def write(page: Page, key: str, text: str, thread: str) -> None:
    """Write a reply or a note, and send it with Ctrl and Enter."""
    page.keyboard.press(key)
    expect(page.locator("#draft")).to_be_focused()
    page.keyboard.type(text)
    page.keyboard.press("Control+Enter")
    expect(page.locator(thread)).to_contain_text(text)
    quiet(page)


@pytest.mark.parametrize("width", [1440, 390])
def test_a_shift_by_keyboard(product: Product, open_page: Open, width: int) -> None:
    """F74, F85, DESIGN 10, 27: open, correct, answer, hand over, put off, finish, undo it."""
    number = asked(product, f"shift-{width}@customer.example")
    page = open_page(width=width, locale="vi-VN")
    sign_in(page)
    walk_to(page, number)
    thread = f"#thread-{number}"

    pick(page, "c", "#topics", "button:not([aria-current]):has(kbd)")
    page.keyboard.press("2")
    until(
        lambda: product.api(f"conversations/{number}")["urgency"] == "high",
        5,
        "2 makes it high",
    )
    write(page, "r", "It leaves our house today.", thread)
    write(page, "n", "The driver knows.", thread)
    pick(page, "a", "#owners", "button:not([aria-current]):has(kbd)")
    before = product.api(f"conversations/{number}")
    assert before["triage"] == "corrected"

    pick(page, "h", "#snoozes", "button:has(kbd)")
    assert product.api(f"conversations/{number}")["status"] == "snoozed"
    page.keyboard.press("w")  # and goes on
    expect(page.locator("#snooze")).to_be_attached()
    quiet(page)

    page.keyboard.press("e")
    page.wait_for_url(lambda url: f"/inbox/{number}" not in url)
    quiet(page)
    done = product.api(f"conversations/{number}")
    assert done["status"] == "resolved"
    page.keyboard.press("z")
    page.wait_for_url(f"**/inbox/{number}*")
    quiet(page)
    back = product.api(f"conversations/{number}")
    assert (back["status"], back["owner"]) == ("open", before["owner"])

    page.keyboard.press("Escape")
    if width > 600:
        expect(page.locator(f"#r{number}")).to_be_focused()
    else:
        page.wait_for_url("**/inbox*")
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type(f"shift-{width}@customer.example")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?*")
    expect(page.locator("#found")).to_contain_text(f"#{number}")


def test_a_shift_by_keyboard_without_scripts(product: Product, open_page: Open) -> None:
    """F85, DESIGN 7: Tab and Enter are enough to read, answer, hand over and close."""
    number = asked(product, "plain@customer.example")
    page = open_page(java_script_enabled=False)
    sign_in(page)
    tab_to(page, f"#r{number}")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/inbox/{number}*")

    def press(selector: str) -> None:
        tab_to(page, selector)
        page.keyboard.press("Enter")

    tab_to(page, "#draft")
    page.keyboard.type("Answered with Tab and Enter.")
    press("#send")
    expect(page.locator(f"#thread-{number}")).to_contain_text("Answered with Tab and Enter.")
    press("#assign")
    press("#owners button:not([aria-current])")
    expect(page.locator(".flash")).to_be_visible()
    press("[popovertarget=topics]")
    press("#topics button[value=complaint]")
    expect(page.locator(".flash")).to_be_visible()
    assert product.api(f"conversations/{number}")["request_type"] == "complaint"
    press("#done")
    page.wait_for_url("**/inbox")
    assert product.api(f"conversations/{number}")["status"] == "resolved"


def test_the_palette_finds_actions_and_pages(product: Product, open_page: Open) -> None:
    """F74, DESIGN 11: the focus stays in its box, accents do not matter, Esc leads back."""
    number = asked(product, "palette@customer.example")
    page = open_page(locale="vi-VN")
    sign_in(page)
    walk_to(page, number)
    box, palette = page.locator("#palette-q"), page.locator("#palette")
    page.keyboard.press("r")
    page.keyboard.type("Half a sentence")
    page.keyboard.press("Escape")  # DESIGN 11: it leaves the field, and the draft is kept
    expect(page.locator("#draft")).not_to_be_focused()
    page.reload()
    expect(page.locator("#draft")).to_have_value("Half a sentence")
    page.keyboard.press("Control+k")
    expect(box).to_be_focused()
    assert palette.locator("[role=option]").count() > 10
    page.keyboard.type("tam gac")  # "Tạm gác"
    options = palette.locator("[role=option]")
    expect(options.first).to_contain_text("Tạm gác")
    expect(box).to_have_attribute(
        "aria-activedescendant", str(options.first.get_attribute("id"))
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(box).to_be_focused()
    page.keyboard.press("Enter")
    expect(palette).to_be_hidden()
    expect(page.locator("#snoozes")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#snoozes")).to_be_hidden()

    page.keyboard.press("Control+k")
    page.keyboard.type("zzzz")
    expect(options).to_have_count(1)  # nothing has it, but one can search everywhere
    expect(options).to_contain_text("zzzz")
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    quiet(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("khach hang")
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts")


def test_what_lies_on_top_keeps_the_focus_and_a_click_beside_it_is_its_own(
    product: Product, open_page: Open
) -> None:
    """F74, DESIGN 11: help and palette are modal to hands, eyes and screen readers."""
    page = open_page(locale="en-GB")
    sign_in(page)
    row = page.locator("#list a.item").first
    row.focus()
    here = page.url
    for key, name, stops in (("?", "#shortcuts", 2), ("Control+k", "#palette", 1)):
        page.keyboard.press(key)
        top = page.locator(name)
        expect(top).to_be_visible()
        expect(top).to_have_attribute("aria-modal", "true")
        first = page.evaluate(FOCUS)
        for way in ("Tab", "Shift+Tab"):
            for _ in range(stops):
                page.keyboard.press(way)
                assert page.evaluate("(s) => !!document.activeElement.closest(s)", name)
            assert page.evaluate(FOCUS) == first
        page.keyboard.press("j")
        expect(top).to_be_visible()
        page.mouse.click(200, 300)  # where rows are
        expect(top).to_be_hidden()
        assert page.url == here
        expect(row).to_be_focused()


MOST_LAYOUTS = 10  # of 3,000 elements; there were 30 while each part was looked at by itself
MOST_GOODBYES = 100  # htmx says one of each element that it takes away: there were 660


def test_a_row_that_is_opened_has_the_page_laid_out_a_few_times(
    product: Product, open_page: Open
) -> None:
    """DESIGN 4: nothing asks the page where things are while its parts are being changed.

    What a row's panes held goes at once, not element by element.
    """
    first, second = (asked(product, f"{name}@layout.example") for name in ("one", "two"))
    page = open_page()
    sign_in(page)
    walk_to(page, first)
    told = page.context.new_cdp_session(page)
    told.send("Performance.enable")
    row = page.locator(f"#r{second}")
    expect(row).to_be_visible()

    def layouts() -> int:
        found = told.send("Performance.getMetrics")["metrics"]
        return next(int(one["value"]) for one in found if one["name"] == "LayoutCount")

    page.evaluate(
        "() => { window.gone = 0;"
        " addEventListener('htmx:beforeCleanupElement', () => { window.gone += 1; }); }"
    )
    before = layouts()
    row.evaluate("(link) => link.click()")  # a driver's own click lays out as well
    expect(page.locator("#conversation")).to_have_attribute("data-id", str(second))
    quiet(page)
    assert layouts() - before <= MOST_LAYOUTS
    assert page.evaluate("() => window.gone") <= MOST_GOODBYES


PRESS = """(marks) => document.body.dispatchEvent(
    new KeyboardEvent("keydown", {bubbles: true, cancelable: true, ...marks}))"""


def test_switched_off_no_letter_does_anything(product: Product, open_page: Open) -> None:
    """DESIGN 13, 14: kept with the person; the palette and sending stay."""
    number = asked(product, "quiet@customer.example")
    page = open_page(locale="vi-VN")
    sign_in(page)
    walk_to(page, number)
    here = page.url
    # what Telex and VNI send, and a Backspace outside of any field
    for marks in (
        {"key": "e", "code": "KeyE", "isComposing": True},
        {"key": "e", "code": ""},
        {"key": "Process", "code": "KeyE", "keyCode": 229},
        {"key": "Backspace", "code": "Backspace"},
    ):
        page.evaluate(PRESS, marks)
    expect(page.locator("#reasons")).to_be_hidden()

    page.keyboard.press("?")
    toggle = page.locator("[data-keys-toggle]")
    tab_to(page, "[data-keys-toggle]")
    page.keyboard.press("Space")
    expect(toggle).not_to_be_checked()
    quiet(page)
    page.keyboard.press("Escape")
    page.reload()
    for key in "jkoeruhnawiptcyszdqvx?.123":
        page.keyboard.press(key)
    assert page.url == here
    for part in (
        "#reasons",
        "#owners",
        "#topics",
        "#urgencies",
        "#waits",
        "#snoozes",
        "#shortcuts",
    ):
        expect(page.locator(part)).to_be_hidden()
    assert product.api(f"conversations/{number}")["urgency"] == "normal"

    tab_to(page, "#draft")
    page.keyboard.type("Still sent.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(f"#thread-{number}")).to_contain_text("Still sent.")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-q")).to_be_focused()


def test_tab_goes_through_a_conversation_in_its_order(
    product: Product, open_page: Open
) -> None:
    """DESIGN 9: skip link, rail, list head, rows, tools, thread, composer, panel."""
    number = asked(product, "order@customer.example")
    page = open_page()
    sign_in(page)
    page.goto(f"/inbox/{number}")
    met: list[int] = []
    while not met or met[-1] >= 0:
        page.keyboard.press("Tab")
        met.append(page.evaluate(PART, PARTS))
        assert len(met) < MOST_STOPS_IN_ALL
    stops = met[:-1]  # the last one is behind the page
    assert stops == sorted(stops)
    assert set(stops) == set(range(len(PARTS)))


def test_a_form_that_comes_back_leads_to_its_first_mistake(
    product: Product, open_page: Open
) -> None:
    """DESIGN 38: 422, what was typed, why beside each field, and the focus on the first."""
    form = open_page("/f/support", java_script_enabled=False)
    form.fill("#name", "Lan")
    form.fill("#email", "lan@")
    with form.expect_response("**/f/support") as asked_for:
        form.locator("form button[type=submit]").click()
    assert asked_for.value.status == 422
    inside = open_page()
    sign_in(inside)
    inside.goto("/me/absences")
    inside.fill("#note", "Lan")
    inside.fill("#starts", "2030-01-02T08:00")
    inside.fill("#ends", "2030-01-01T08:00")
    with inside.expect_response("**/me/absences") as asked_for:
        inside.locator("form:has(#note) button[type=submit]").click()
    assert asked_for.value.status == 422
    for page in (form, inside):
        wrong = page.locator("main [aria-invalid=true]")
        expect(wrong.first).to_be_focused()
        for field in wrong.all():
            why = str(field.get_attribute("aria-describedby"))
            expect(page.locator(f"#{why}")).to_be_visible()
        assert "Lan" in page.locator("main input, main textarea").evaluate_all(VALUES)
