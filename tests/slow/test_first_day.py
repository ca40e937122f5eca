"""A new company, from the link that `kip run` prints to its first real messages (F135)."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.machine import chromium, needs_chromium
from tests.slow.dovecot import PASSWORD as MAIL_PASSWORD
from tests.slow.dovecot import USER, Dovecot, running_dovecot
from tests.slow.product import PATIENCE_S, Product, make_mail, running, until

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

WITHIN_MS = 1000 * PATIENCE_S
SUPPORT = "hotro@moi.example"
WORDS = {
    "en": {
        "created": "Create and sign in",
        "skip": "Skip for now",
        "send": "Send a test message",
        "owner": "Owner:",
        "only_test": "Only test",
        "store": "Test and store",
        "no_entry": "does not accept this user name",
        "refused": "Nothing answers on this port",
        "no_tls": "does not speak TLS from the start",
        "silent": "did not answer in time",
        "works": "The connection works",
        "due": "is due at",
    },
    "vi": {
        "created": "Tạo và đăng nhập",
        "skip": "Tạm bỏ qua",
        "send": "Gửi tin thử",
        "owner": "Phụ trách:",
        "only_test": "Chỉ kiểm tra",
        "store": "Kiểm tra rồi lưu",
        "no_entry": "không chấp nhận tên đăng nhập",
        "refused": "Không có gì trả lời ở cổng này",
        "no_tls": "không dùng TLS ngay từ đầu",
        "silent": "không trả lời kịp",
        "works": "Kết nối tốt",
        "due": "cần được trả lời trước",
    },
}
LOOKS = {"en": ("light", 1440), "vi": ("dark", 390)}
PAGES = (
    *("/inbox", "/settings/start", "/settings/company", "/settings/hours/1"),
    *("/settings/hours/1/open", "/settings/inboxes", "/settings/inboxes/1"),
    *("/settings/inboxes/2", "/settings/inboxes/new/chat"),
)


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
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


def founded(product: Product, browser: Browser, language: str, **choices: Any) -> Page:
    """Open the printed link, fill it in, and return the page of whoever is the first admin."""
    link = re.search(r"http://\S+/setup\?token=\S+", product.log())
    assert link, product.log()
    locale = {"en": "en-GB", "vi": "vi-VN"}[language]
    context = browser.new_context(base_url=product.base_url, locale=locale, **choices)
    context.set_default_timeout(WITHIN_MS)
    page = context.new_page()
    page.goto(link[0])
    for field, text in {
        "company": "Công ty Mới",
        "support_address": SUPPORT,
        "name": "Đỗ Thị Mới",
        "email": "moi@moi.example",
        "password": "một câu dài dễ nhớ",
    }.items():
        page.fill(f"#{field}", text)
    page.click(f"button:has-text('{WORDS[language]['created']}')")
    page.wait_for_url("**/inbox")
    return page


def photograph(page: Page, name: str) -> None:
    """Keep a picture where a person wants to look at the pages."""
    folder = os.environ.get("FIRST_DAY_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def look_at_every_page(page: Page, language: str) -> None:
    """Every page as it is while there is nothing: no finding of axe, nothing sticks out."""
    axe = Axe()
    scheme, width = LOOKS[language]
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    for address in PAGES:
        page.goto(address)
        photograph(page, f"{language}{address.replace('/', '-')}-{width}-{scheme}")
        found = axe.run(page).response["violations"]
        assert found == [], f"{address} {scheme} {width}: {found}"
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{address} is {wide} wide at {width}"


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.long), "vi"])
def test_from_the_link_to_the_first_messages(
    browser: Browser, tmp_path: Path, language: str
) -> None:
    """F135: what is empty leads on; a form and a mail end with an owner and a due time."""
    words = WORDS[language]
    with running(tmp_path / "data", options=()) as product:
        page = founded(product, browser, language)
        expect(page.locator(".first-day")).to_be_visible()
        expect(page.locator(".addresses")).to_contain_text(SUPPORT)
        page.click(".first-day a[href='/settings/start#paste']")
        look_at_every_page(page, language)

        page.goto("/settings/hours")
        page.fill("[name=mon_to_1]", "20:00")
        page.click("button[value=preview]")
        expect(page.locator("#sample")).to_contain_text(words["due"])
        page.locator("form button.btn-primary").first.click()
        expect(page.locator(".flash")).to_be_visible()
        page.goto("/settings/start")
        expect(page.locator("#hours")).to_have_class(re.compile("is-done"))
        page.locator("#teams").get_by_role("button", name=words["skip"]).click()

        page.get_by_role("button", name=words["send"]).click()
        arrived = page.locator("#arrived")
        expect(arrived).to_contain_text(words["owner"], timeout=WITHIN_MS)
        expect(page.locator("#arrived time[datetime]")).to_be_visible()
        expect(page.locator("#arrived a[href^='/inbox/']")).to_contain_text("#")

        sender = "lan@khach.example"
        mail = make_mail(f"Lan <{sender}>", "Máy hỏng", "Máy lọc nước không chạy.", to=SUPPORT)
        product.send_mail(mail, sender, SUPPORT)
        count = "SELECT count(*) FROM conversations WHERE owner_id AND next_due_at"
        until(
            lambda: product.rows(count)[0][0] == 2,
            PATIENCE_S,
            "both have an owner and a due time",
        )
        page.goto("/inbox")
        expect(page.locator("a.item")).to_have_count(2)
        expect(page.locator(".first-day")).to_have_count(0)
        page.goto("/settings/start")
        for step in ("message", "mailbox"):
            expect(page.locator(f"#{step}")).to_have_class(re.compile("is-done"))
        page.context.close()


def fill_in_mailbox(page: Page, dovecot: Dovecot, **changes: str) -> None:
    right = {"host": "127.0.0.1", "port": str(dovecot.port), "username": USER}
    page.goto("/settings/inboxes/1")
    for field, text in {**right, "password": MAIL_PASSWORD, **changes}.items():
        if field == "tls":
            page.select_option("#tls", text)
        else:
            page.fill(f"#{field}", text)


@pytest.mark.parametrize("language", ["en", pytest.param("vi", marks=pytest.mark.long)])
def test_the_connection_test_says_what_is_wrong(
    browser: Browser, dovecot: Dovecot, tmp_path: Path, language: str
) -> None:
    """A real server: wrong password, port and TLS have their sentence; then mail comes in."""
    words = WORDS[language]
    trusted = {"SSL_CERT_FILE": str(dovecot.certificate)}
    starttls, closed = str(dovecot.starttls_port), "1"
    with running(tmp_path / "data", options=(), env=trusted) as product:
        page = founded(product, browser, language)
        cases: list[tuple[dict[str, str], str]] = [
            ({"password": "wrong"}, words["no_entry"]),
            ({"port": closed}, words["refused"]),
            ({"port": starttls}, words["no_tls"]),
            ({"tls": "starttls"}, words["silent"]),
            ({"tls": "starttls", "port": starttls}, words["works"]),
            ({}, words["works"]),
        ]
        # In the second language the sentences; the slow silence of a server once is enough.
        for changes, sentence in cases if language == "en" else [*cases[:3], cases[-1]]:
            fill_in_mailbox(page, dovecot, **changes)
            page.get_by_role("button", name=words["only_test"]).click()
            expect(page.locator("#probe")).to_contain_text(sentence, timeout=20_000)
            assert MAIL_PASSWORD not in page.content()
            assert product.rows("SELECT count(*) FROM mailboxes") == [(0,)]
        page.get_by_role("button", name=words["store"]).click()
        expect(page.locator(".flash")).to_be_visible()
        dovecot.deliver(make_mail("Hoa <hoa@khach.example>", f"First {language}", to=SUPPORT))
        taken = "SELECT count(*) FROM conversations WHERE subject = ?"
        subject = f"First {language}"
        until(lambda: product.rows(taken, subject)[0][0] == 1, 60, "mail comes from there")
        page.goto("/settings/inboxes/1")
        photograph(page, f"{language}-mailbox-1440-light")
        page.goto("/settings/start")
        expect(page.locator("#mailbox")).to_have_class(re.compile("is-done"))
        page.context.close()


def test_without_a_script(browser: Browser, tmp_path: Path) -> None:
    """Every step works by plain forms; how each ended is said once on the next page."""
    words = WORDS["en"]
    with running(tmp_path / "data", options=()) as product:
        page = founded(product, browser, "en", java_script_enabled=False)
        page.goto("/settings/inboxes/1")
        page.fill("#host", "127.0.0.1")
        page.fill("#port", "1")
        page.fill("#password", "canary")
        page.get_by_role("button", name=words["only_test"]).click()
        expect(page.locator("#probe")).to_contain_text(words["refused"])
        expect(page.locator("#host")).to_have_value("127.0.0.1")
        expect(page.locator("#password")).to_have_value("")
        page.goto("/settings/hours")
        page.click("button[value=copy]")
        page.locator("form button.btn-primary").first.click()
        expect(page.locator(".flash")).to_be_visible()
        page.goto("/settings/start")
        page.get_by_role("button", name=words["send"]).click()
        link = page.locator("#arrived a[href^='/inbox/']")

        def arrived() -> bool:
            page.goto("/settings/start")
            return link.count() == 1

        until(arrived, PATIENCE_S, "the page says that it has arrived", every_s=0.3)
        expect(page.locator(".flash")).to_have_count(0)
        page.context.close()
