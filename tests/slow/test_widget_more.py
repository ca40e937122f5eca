"""The chat's widget beside its lines: going on by mail, files, who writes and who has read."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from inbox.channels.chatidentity import write_identity
from inbox.chatting.identity import identity_place
from inbox.settings import Settings
from inbox.vault import Vault
from tests.machine import needs_chromium
from tests.slow.chatting import Widget, allow, answer, host_site, number_of, stored
from tests.slow.product import PATIENCE_S, Product, make_mail, until

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

WITHIN_MS = 1000 * PATIENCE_S
FAR = 2**33  # seconds since 1970
GUEST = "thao.chat@khach.example"
Visit = Callable[..., Widget]
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 2000


@pytest.fixture
def visit(browser: Browser, product: Product) -> Iterator[Visit]:
    """Give visitors of a foreign site under a strict policy; no page has complained."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def come(site: str) -> Widget:
        context = browser.new_context(locale="en-GB", accept_downloads=True)
        context.set_default_timeout(WITHIN_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" else None,
        )
        widget = Widget(page)
        page.goto(site)
        return widget

    yield come
    for context in contexts:
        context.close()
    assert complaints == []


def test_files_typing_and_read_marks_on_a_foreign_site(
    product: Product,
    visit: Visit,
    browser: Browser,
    cookies: dict[str, list[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    """A file goes each way; each side sees that the other writes, and what was read."""
    with host_site(product, connect="ws http") as site:
        allow(product, site)
        visitor = visit(site)
        visitor.open()
        expect(visitor.part("[aria-pressed]")).to_have_attribute("aria-pressed", "false")
        visitor.part("[name=name]").fill("File Fay")
        photo = tmp_path / "broken kettle.png"
        photo.write_bytes(PNG)
        visitor.part("[type=file]").set_input_files(photo)
        link = visitor.part(".me a")
        expect(link).to_have_text("broken kettle.png (2 kB)")
        visitor.say("It broke like this.")
        number = number_of(product, "File Fay")

        agent = browser.new_context(base_url=product.base_url, locale="en-GB")
        agent.add_cookies(cookies["supervisor"])  # type: ignore[arg-type]
        page = agent.new_page()
        page.goto(f"/inbox/{number}")
        expect(page.locator(f"#thread-{number} .files")).to_contain_text("broken kettle.png")
        mine = visitor.part(".me").filter(has_text="It broke like this.")
        expect(mine.locator("small")).to_contain_text("seen")

        visitor.draft.press_sequentially("And", delay=30)
        expect(page.locator("#here-line")).to_have_text("Khách đang nhập…")
        expect(visitor.part(".dots")).to_be_hidden()
        page.locator("#draft").press_sequentially("One moment", delay=30)
        expect(visitor.part(".dots")).to_be_visible()
        page.locator("#copies summary").click()
        page.set_input_files("#files", {"name": "how.txt", "mimeType": "", "buffer": b"so"})
        page.locator("#send").click()
        visitor.hears("One moment")
        got = visitor.part(".bub:not(.me) a").filter(has_text="how.txt")
        with visitor.page.expect_download() as waiting:
            got.evaluate("(a) => { a.target = ''; a.click(); }")
        assert Path(waiting.value.path()).read_bytes() == b"so"
        expect(page.locator(f"#thread-{number}")).to_contain_text("đã xem lúc")
        agent.close()


def test_a_chat_that_is_left_goes_on_by_mail(product: Product, visit: Visit) -> None:
    """F17: to the address that was given; the mail back is in the widget on coming back."""
    with host_site(product, connect="ws http") as site:
        allow(product, site)
        visitor = visit(site)
        visitor.open()
        visitor.part("[name=email]").fill(GUEST)
        visitor.say("Does the lamp come in green?", "Leaving Lea")
        number = number_of(product, "Leaving Lea")
        visitor.page.goto("about:blank")
        gone = "UPDATE contact_identities SET seen_at = datetime('now', '-9 minutes')"
        product.write(f"{gone} WHERE kind = 'chat'")
        answer(product, number, "Yes, from Monday on.")
        product.write("UPDATE chat_letters SET due_at = datetime('now', '-1 minute')")
        (mail,) = until(lambda: product.sink(GUEST), PATIENCE_S, "the answer by mail")
        assert "Yes, from Monday on." in mail["text"]
        assert "lamp" not in mail["text"]

        message_id = mail["headers"]["Message-ID"]
        back = make_mail(GUEST, "Re: chat", "Wonderful.", in_reply_to=message_id)
        product.send_mail(back, GUEST)
        until(lambda: stored(product, "Wonderful."), PATIENCE_S, "the mail back")
        ((where,),) = product.rows(
            "SELECT conversation_id FROM messages WHERE visible_text = 'Wonderful.'"
        )
        assert where == number
        visitor.page.goto(site)
        visitor.button.click()
        visitor.hears("Wonderful.")
        visitor.hears("Yes, from Monday on.")
        expect(visitor.part(".me small").last).to_contain_text("by e-mail")


@pytest.mark.long
def test_a_signed_in_visitor_goes_on_in_another_browser(product: Product, visit: Visit) -> None:
    """What is kept for one user is no other's: on the same machine, and after signing out."""
    secret = "shared with the shop"
    ((inbox_id,),) = product.rows("SELECT id FROM inboxes WHERE handle = 'demo'")
    sealed = Vault(Settings(data_dir=product.data).secret).seal(
        secret, identity_place(inbox_id)
    )
    product.write(
        "UPDATE inboxes SET settings = json_set(settings, '$.identity', ?) "
        "WHERE handle = 'demo'",
        sealed,
    )
    word = write_identity(secret, "77", FAR, name="Signed Sam", email="sam@khach.example")
    with (
        host_site(product, f'data-user="{word}"') as site,
        host_site(product, f'data-user="{word}x"') as forged,
    ):
        allow(product, site, forged)
        first, second = visit(site), visit(site)
        first.open()
        expect(first.part("[name=name]")).to_be_hidden()
        first.say("Where is my parcel?")
        number = number_of(product, "Signed Sam")
        second.open()
        second.hears("Where is my parcel?")
        answer(product, number, "It comes tomorrow.")
        first.hears("It comes tomorrow.")
        second.hears("It comes tomorrow.")
        kept = first.page.evaluate("() => Object.keys(localStorage).join()")
        assert ":token" not in kept
        stranger = visit(forged)
        stranger.open()
        expect(stranger.part("[name=name]")).to_be_visible()
        expect(stranger.lines).to_have_count(0)
