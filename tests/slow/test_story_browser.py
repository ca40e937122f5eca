"""Last week's e-mail, in a browser: one person, twelve customers, none asks twice."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlmodel import Session

from inbox.accounts.contacts import NewContact, add_contact
from inbox.accounts.keeping import Draft, create_account
from inbox.clock import utcnow
from inbox.db import Database
from inbox.staging import Arrival, stage
from inbox.store.people import find_agent_by_email
from models import ChannelKind, Inbox
from models.base import columns
from tests.conftest import aside
from tests.machine import needs_chromium
from tests.slow.product import PATIENCE_S, SUPPORT, Product, make_mail, until

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

ACCOUNT = "Nội thất Trúc An"
CLIENT = "chi.tran@trucan.example"
OTHERS = 11
FIRST = "Tiến độ giao bàn ghế phòng họp"
AGAIN = "Email từ tuần trước chưa thấy phản hồi"
HERE = ZoneInfo("Asia/Ho_Chi_Minh")


def _next_friday() -> datetime:
    now = utcnow().astimezone(HERE)
    day = now + timedelta(days=(4 - now.weekday()) % 7 or 7)
    return day.replace(hour=16, minute=0, second=0, microsecond=0)


def _enter(session: Session) -> None:
    """Enter the twelve customers of one account manager, and a mail that came last week."""
    now = utcnow()
    keeper = find_agent_by_email(session, "agent@demo.example")
    assert keeper is not None
    for n in range(OTHERS + 1):
        name = f"Công ty {n}" if n else ACCOUNT
        address = f"khach{n}@congty.example" if n else CLIENT
        draft = Draft(name, owner_id=keeper.id, value="C" if n else "A", status="active")
        made = create_account(session, draft, by=keeper.id, now=now)
        add_contact(session, made, NewContact(name, address), by=keeper.id, now=now)
    mail = make_mail(CLIENT, FIRST, "Chào anh, bàn ghế phòng họp giao ngày nào ạ?")
    box = columns(Inbox)
    number = session.execute(
        select(box.id).where(box.kind == ChannelKind.EMAIL).limit(1)
    ).scalar_one()
    about = {"from": CLIENT, "rcpt": [SUPPORT], "peer": "127.0.0.1"}
    arrival = Arrival(number, ChannelKind.EMAIL, "last-week", mail, about)
    stage(session, arrival, now - timedelta(days=7))


@pytest.fixture(scope="module")
def story(product: Product) -> int:
    """Let it happen up to the customer's second message; return the first one's number."""

    async def work() -> None:
        database = Database(f"sqlite+aiosqlite:///{product.data / 'kip.db'}")
        await database.write(_enter)
        await database.close()

    aside(work)
    (first,) = until(
        lambda: product.conversations_of(CLIENT), PATIENCE_S, "last week's mail is there"
    )
    for n in range(1, OTHERS + 1):
        writer = f"khach{n}@congty.example"
        product.send_mail(make_mail(writer, f"Việc {n}", f"Nhờ anh xem việc số {n}."), writer)
    until(
        lambda: len(product.conversations_of(f"khach{OTHERS}@congty.example")) == 1,
        20,
        "the unread ones are there",
    )
    product.send_mail(make_mail(CLIENT, "Nhắc lại", AGAIN + "."), CLIENT)
    until(
        lambda: len(product.conversations_of(CLIENT)) == 2,
        PATIENCE_S,
        "the customer asked again",
    )
    return int(first["number"])


@pytest.fixture
def page(browser: Browser, product: Product, cookies: dict[str, list[dict[str, str]]]) -> Page:
    """Give the account manager's browser."""
    context = browser.new_context(
        base_url=product.base_url, viewport={"width": 1440, "height": 900}, locale="vi-VN"
    )
    context.add_cookies(cookies["agent"])  # type: ignore[arg-type]
    return context.new_page()


def test_last_weeks_mail_is_on_top_and_need_not_be_asked_for_again(
    page: Page, product: Product, story: int
) -> None:
    """F89, F120, F122, F127, F128, F129, F137: seen first, whole, answered with a date."""
    # The list: it is first, it says since when, and whose it is.
    page.goto("/inbox")
    mine = page.locator(f"#r{story}")
    expect(mine).to_be_visible()
    rows = page.locator("a.item").evaluate_all("all => all.map(one => one.id)")
    filler = [product.conversations_of(f"khach{n}@congty.example")[0]["number"] for n in (1, 5)]
    assert all(rows.index(f"r{story}") < rows.index(f"r{n}") for n in filler)

    # My customers, and the matrix: who needs care first, with the reasons.
    def counted() -> bool:
        page.goto("/accounts/matrix")
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="A"))
        said = row.inner_text()
        return ACCOUNT in said and "trễ hạn" in said.partition(ACCOUNT)[2]

    until(counted, PATIENCE_S, "the matrix names the account with its reasons", every_s=0.5)
    page.goto("/accounts")
    line = page.get_by_role("row").filter(has_text=ACCOUNT)
    expect(line).to_contain_text("hỏi lại")
    line.get_by_role("link", name=ACCOUNT).click()

    # One page: the state in a sentence, and both messages in one line.
    expect(page.locator("#sentence")).to_contain_text("2 yêu cầu đang mở")
    expect(page.locator("#sentence")).to_contain_text("khách chờ từ")
    expect(page.locator("#line")).to_contain_text("giao ngày nào")
    expect(page.locator("#line")).to_contain_text(AGAIN)

    # One matter: merged, answered, with our word and a reminder.
    second = product.conversations_of(CLIENT)[1]["number"]
    page.goto(f"/inbox/{second}")
    page.get_by_role("button", name=f"Gộp với #{story}").click()
    expect(page).to_have_url(re.compile(f"/inbox/{story}$"))
    expect(page.locator("#thread-" + str(story))).to_contain_text(AGAIN)
    friday = _next_friday()
    page.locator("#draft").fill("Chào chị, bàn ghế giao sáng thứ Hai. Xin lỗi chị vì đã chậm.")
    page.get_by_text("Lời hẹn, nhắc việc").click()
    page.locator("#word").fill(friday.strftime("%Y-%m-%dT%H:%M"))
    later = friday + timedelta(days=3)
    page.locator("#remind").fill(later.strftime("%Y-%m-%dT%H:%M"))
    page.locator("#send").click()
    expect(page.locator("#thread-" + str(story))).to_contain_text("giao sáng thứ Hai")

    # The customer reads the date; it is a deadline here, and stands on the account's page.
    until(
        lambda: [
            one
            for one in product.sink(CLIENT)
            if "giao sáng thứ Hai" in one["text"] and "16:00" in one["text"]
        ],
        30,
        "the customer reads when they will hear",
    )
    page.goto("/accounts")
    line = page.get_by_role("row").filter(has_text=ACCOUNT)
    line.get_by_role("link", name=ACCOUNT).click()
    expect(page.locator("#sentence")).not_to_contain_text("khách chờ từ")
    page.goto("/dates")
    expect(page.locator("main")).to_contain_text(re.compile("Nhắc lại|" + FIRST))
