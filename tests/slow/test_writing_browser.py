"""Writing in a real browser: undo, a draft on a second device, dropped files, names."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from inbox.clock import utcnow
from tests.slow.product import PATIENCE_S, Product, make_mail, running, until

pytestmark = pytest.mark.slow

DROP = """(form) => {
  const data = new DataTransfer();
  const say = { dataTransfer: data, bubbles: true, cancelable: true };
  data.items.add(new File(["%PDF-1.7"], "báo giá.pdf", { type: "application/pdf" }));
  for (const kind of ["dragover", "drop"]) form.dispatchEvent(new DragEvent(kind, say));
}"""
WAITS_S = 6  # long enough for the key on a busy machine


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Start the product where mail waits for some seconds."""
    data = tmp_path_factory.mktemp("writing") / "data"
    with running(data, env={"KIP_UNDO_SEND_S": str(WAITS_S)}) as product:
        yield product


def signed_in(browser: Browser, product: Product, who: str = "agent") -> Page:
    """Open another device of somebody's."""
    with product.signed_in(who) as client:
        cookies: list[Any] = [
            {"name": one.name, "value": one.value or "", "url": product.base_url}
            for one in client.cookies.jar
        ]
    context = browser.new_context(locale="en-GB")
    context.add_cookies(cookies)
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    return page


def asked(product: Product, sender: str) -> int:
    """Let a mail come in; return its conversation's number."""
    product.send_mail(make_mail(sender), sender)
    number: int = product.conversation_of(sender, within_s=PATIENCE_S)["number"]
    return number


def answers(product: Product, to: str) -> list[dict[str, Any]]:
    """Return what the customer has got besides the automatic reply."""
    return [one for one in product.sink(to) if "mai giao" in one["text"]]


def open_(page: Page, product: Product, number: int) -> None:
    """Open a conversation, in English."""
    page.goto(f"{product.base_url}/inbox/{number}?lang=en")


def test_undo_before_it_leaves(patient: Product, browser: Browser) -> None:
    """F76, DESIGN 26: the key takes it back, nothing leaves, and the text is there again."""
    number = asked(patient, "undo@khach.example")
    page = signed_in(browser, patient)
    open_(page, patient, number)
    page.keyboard.press("r")
    page.keyboard.type("Dạ, mai giao ạ.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".toast [aria-keyshortcuts=z]")).to_be_visible()
    expect(page.locator("#draft")).to_have_value("")
    page.locator(f"#thread-{number}").focus()
    page.keyboard.press("z")
    expect(page.locator("#draft")).to_have_value("Dạ, mai giao ạ.")
    page.wait_for_load_state()  # taking back loads the page: its scripts hear keys from here
    first = answers(patient, "undo@khach.example")
    began = utcnow()
    page.keyboard.press("r")
    expect(page.locator("#draft")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type(" Xin cảm ơn.")
    page.keyboard.press("Control+Enter")
    left = until(
        lambda: answers(patient, "undo@khach.example"), PATIENCE_S, "the second one leaves"
    )
    assert first == []
    assert len(left) == 1, "only the second"
    assert "Xin cảm ơn." in left[0]["text"]
    assert (utcnow() - began).total_seconds() >= WAITS_S - 1
    page.context.close()


def test_a_draft_goes_along(patient: Product, browser: Browser) -> None:
    """F78, DESIGN 11: Esc keeps it; another device has it; the older text is offered there."""
    number = asked(patient, "draft@khach.example")
    page, other = signed_in(browser, patient), signed_in(browser, patient)
    open_(page, patient, number)
    page.keyboard.press("r")
    page.keyboard.type("Dạ, mình đang")
    page.keyboard.press("Escape")
    expect(page.locator("#draft-saved")).to_have_text("Draft saved")
    open_(other, patient, number)
    expect(other.locator("#draft")).to_have_value("Dạ, mình đang")
    expect(other.locator(f"#r{number}")).to_contain_text("draft")
    page.locator("#draft").fill("Trên máy bàn")
    page.keyboard.press("Escape")
    expect(page.locator("#draft-saved")).to_have_text("Draft saved")
    other.locator("#draft").fill("Trên điện thoại")
    other.keyboard.press("Escape")
    expect(other.locator("#draft-other-text")).to_have_text("Trên máy bàn")
    other.locator("[data-other=use]").click()
    expect(other.locator("#draft")).to_have_value("Trên máy bàn")
    expect(other.locator("#draft-saved")).to_have_text("Draft saved")  # the last word of two
    page.reload()
    page.keyboard.press("n")
    page.locator("#draft").fill("Ghi chú riêng")
    page.keyboard.press("Escape")
    expect(page.locator("#draft-saved")).to_have_text("Draft saved")
    kinds = patient.rows("SELECT kind FROM drafts WHERE conversation_id = ?", number)
    assert sorted(one[0] for one in kinds) == ["note"], "the text went along with the kind"
    page.context.close()
    other.context.close()


def test_a_page_asked_for_before_the_draft_was_saved(
    patient: Product, browser: Browser
) -> None:
    """F78: the page that comes back does not know it; the words are there all the same."""
    number = asked(patient, "race@khach.example")
    page = signed_in(browser, patient)
    open_(page, patient, number)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    def late(route: Route) -> None:
        if not route.request.is_navigation_request():
            route.continue_()
            return
        before = route.fetch()
        held[0].continue_()
        saved = held[0].request.response()
        assert saved is not None
        saved.finished()
        page.wait_for_timeout(300)  # the page that is being left hears of it
        route.fulfill(response=before)

    page.route(f"**/inbox/{number}/drafts", hold)
    page.keyboard.press("r")
    page.keyboard.type("Half a sentence")
    with page.expect_request(f"**/inbox/{number}/drafts"):
        page.keyboard.press("Escape")
    page.route(f"**/inbox/{number}?lang=en", late)
    page.reload()
    expect(page.locator("#draft-of-reply")).to_have_count(0)
    expect(page.locator("#draft")).to_have_value("Half a sentence")
    page.context.close()


def test_a_dropped_file_and_a_name(patient: Product, browser: Browser) -> None:
    """F81, F85: a file is brought at once; @ offers colleagues and tells them."""
    number = asked(patient, "file@khach.example")
    page = signed_in(browser, patient)
    open_(page, patient, number)
    page.eval_on_selector("#composer", DROP)
    expect(page.locator("#kept [name=kept]")).to_be_checked()
    expect(page.locator("#kept")).to_contain_text("báo giá.pdf")
    page.locator("#draft").fill("Gửi anh/chị báo giá.")
    page.locator("#send").click()
    expect(page.locator(f"#thread-{number}")).to_contain_text("báo giá.pdf")
    page.keyboard.press("Escape")
    with patient.signed_in("supervisor") as client:
        client.get("/notices")
    ((name,),) = patient.rows(
        "SELECT name FROM agents WHERE email = ?", "supervisor@demo.example"
    )
    page.keyboard.press("n")
    page.keyboard.type("Nhờ @")
    page.locator("#names [role=option]", has_text=name).first.wait_for()
    page.keyboard.type(name.split()[0].lower()[:2])
    page.locator("#names [role=option]", has_text=name).first.click()
    expect(page.locator("#draft")).to_have_value(f"Nhờ @{name} ")
    page.keyboard.type("xem giúp.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(f"#thread-{number}")).to_contain_text("xem giúp.")
    there = signed_in(browser, patient, "supervisor")
    there.goto(f"{patient.base_url}/notices")
    there.locator("a", has_text="nhắc tên bạn trong ghi chú").first.click()
    there.wait_for_url(f"**/inbox/{number}#m-*")
    there.context.close()
    page.context.close()


def test_a_saved_reply_by_its_shortcut_and_from_the_list(
    patient: Product, browser: Browser
) -> None:
    """F81: ``/ship`` becomes the text with real values, ``;`` opens the list; no mouse."""
    number = asked(patient, "mau@khach.example")
    page = signed_in(browser, patient)
    page.goto(f"{patient.base_url}/settings/replies/0?lang=en")
    page.fill("#name", "Giao hàng")
    page.fill("#shortcut", "ship")
    for name in ("vi", "en"):
        page.fill(f"#text_{name}", "{{conversation.number}}: mai giao {{7*7}}")
    page.locator("main .btn-primary[type=submit]").click()
    page.locator("#preview-vi-h").wait_for()
    text = f"{number}: mai giao {{{{7*7}}}}"
    open_(page, patient, number)
    page.keyboard.press("r")
    page.keyboard.type("Dạ /shi")
    page.locator("#saved:popover-open button[data-saved=ship]").wait_for()
    expect(page.locator("#draft")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#draft")).to_have_value(f"Dạ {text}")
    expect(page.locator("#draft")).to_be_focused()
    page.keyboard.type(" ạ. ")
    page.keyboard.press("Escape")
    page.keyboard.press(";")
    page.locator("#saved:popover-open [name=words]").type("giao hang")
    page.locator("#saved-list mark", has_text=str(number)).wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#draft")).to_have_value(f"Dạ {text} ạ. {text}")
    page.keyboard.press("Control+Enter")
    left = until(lambda: answers(patient, "mau@khach.example"), PATIENCE_S, "the answer leaves")
    assert "{{7*7}}" in left[0]["text"]
    page.context.close()
