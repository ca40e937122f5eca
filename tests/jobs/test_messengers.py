"""Zalo and Messenger from webhook to answer, against stand-ins as strict as the real ones."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.channels.messengers.errors import BLOCKED, WINDOW_CLOSED
from inbox.db import Database
from inbox.messaging import links, renewing
from inbox.outgoing.letters import Extras, File
from inbox.outgoing.messengers import Closed
from inbox.sending import paces
from inbox.settings import Settings
from inbox.store import messengers as rows
from inbox.vault import Vault
from models import (
    Attachment,
    AuditEntry,
    ChannelKind,
    Contact,
    Conversation,
    DeliveryState,
    DomainPace,
    Message,
    MessengerPiece,
    Outbox,
    RawMessage,
    RawState,
)
from models.base import columns
from tests.conftest import Clock
from tests.factories import SECRET, Firm
from tests.messaging import Shop, stop_clocks
from tests.standins.facebook import USER as PSID
from tests.standins.facebook import Page, page_server
from tests.standins.zalo import USER, Zalo, zalo_server

pytestmark = pytest.mark.one_database


raws = columns(RawMessage)


@pytest.fixture
def now(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return stop_clocks(clock, monkeypatch)


@pytest.fixture
def account() -> Iterator[Zalo]:
    """Serve an Official Account."""
    with zalo_server() as served:
        yield served


@pytest.fixture
def page() -> Iterator[Page]:
    """Serve a page."""
    with page_server() as served:
        yield served


@pytest.fixture
async def shop(
    database: Database, firm: Firm, settings: Settings, now: Clock, account: Zalo
) -> Shop:
    """Open an inbox for Zalo."""
    urls = {"zalo_url": account.url, "zalo_oauth_url": account.url}
    made = Shop(database, settings.model_copy(update=urls), firm, ChannelKind.ZALO)
    assert (await made.open()).name == "Công ty Ổn"
    return made


@pytest.fixture
async def fanpage(
    database: Database, firm: Firm, settings: Settings, now: Clock, page: Page
) -> Shop:
    """Open an inbox for a page's Messenger."""
    urls = {"messenger_url": page.url}
    made = Shop(database, settings.model_copy(update=urls), firm, ChannelKind.MESSENGER)
    assert (await made.open()).name == "Công ty Ổn"
    return made


async def _later(shop: Shop, clock: Clock, **more: float) -> None:
    shop.now = shop.now + timedelta(**more)
    clock.now = shop.now


async def test_a_message_becomes_a_conversation_and_is_answered(
    shop: Shop, account: Zalo
) -> None:
    """F18: acknowledged where they wrote, answered there, once."""
    account.names[USER] = "Nguyễn Thị Lan"
    assert await shop.hear(account.write("Máy lọc nước không chạy", at=shop.ms)) == ["kept"]
    await shop.take_in()
    await shop.gather()
    await shop.answer("Anh/chị cho em xin số máy ạ.")
    await shop.send()
    await shop.send()

    (made,) = await shop.rows(Conversation)
    assert made.channel is ChannelKind.ZALO
    assert made.next_due_at is not None or made.first_responded_at is not None
    (contact,) = await shop.rows(Contact)
    assert contact.name == "Nguyễn Thị Lan"
    texts = [one["message"]["text"] for one in account.sent]
    assert len(texts) == 2
    assert f"{made.id}" in texts[0]  # the number, in the acknowledgement
    assert texts[1] == "Anh/chị cho em xin số máy ạ."
    assert account.complaints == []
    assert {one.state for one in await shop.rows(Outbox)} == {DeliveryState.SENT}


async def test_the_same_again_changes_nothing(shop: Shop, account: Zalo) -> None:
    """R24: replayed and out of order, each message is one."""
    told = [account.write(f"câu {n}", number=f"m{n}", at=shop.ms + n) for n in range(3)]
    await shop.hear(*reversed(told), *told, told[1])
    await shop.take_in()
    await shop.hear(*told)
    await shop.take_in()

    assert len(await shop.rows(RawMessage)) == 3
    assert len(await shop.rows(Conversation)) == 1
    said = [text for way, text in await shop.said() if way == "inbound"]
    assert sorted(said) == ["câu 0", "câu 1", "câu 2"]


async def test_what_is_not_signed_by_the_provider_changes_nothing(
    shop: Shop, account: Zalo
) -> None:
    """R23: also another's secret, changed bytes, and what is far too old."""
    headers, body = account.write("Chào", at=shop.ms)
    forged = account.sign(body.decode(), str(shop.ms), secret="another")
    old = account.write("Chào", at=shop.ms - 8 * 86_400_000)
    ahead = account.write("Chào", at=shop.ms + 600_000)

    assert (
        await shop.hear(forged, (headers, body.replace(b"Ch", b"ch")), ({}, body))
        == ["not genuine"] * 3
    )
    assert await shop.hear(old, ahead) == ["stale"] * 2
    assert await shop.rows(RawMessage) == []


async def test_what_nobody_can_read_is_put_aside(shop: Shop, account: Zalo) -> None:
    """It is kept, and looked at by people; what comes after it is taken in."""
    bad = account.sign(f'{{"timestamp": "{shop.ms}", "event_name": 7}}', str(shop.ms))
    assert await shop.hear(bad, account.write("Chào", at=shop.ms)) == ["kept", "kept"]
    for _ in range(4):
        await shop.take_in()
        await shop.database.write(_due_now)

    states = [one.state for one in await shop.rows(RawMessage)]
    assert states == [RawState.QUARANTINED, RawState.DONE]


def _due_now(session: Session) -> None:
    session.execute(
        update(RawMessage)
        .where(raws.state == RawState.PENDING)
        .values(leased_until=raws.received_at)
    )


async def test_states_show_on_the_answer_whichever_comes_first(
    shop: Shop, account: Zalo, now: Clock
) -> None:
    """A provider's word may be faster than our own commit."""
    await shop.hear(account.write("Chào", at=shop.ms))
    await shop.take_in()
    await shop.hear(account.seen("out2", shop.ms, read=False))  # before it was sent
    answer = await shop.answer("Vâng ạ")
    await shop.send()
    mail = await shop.mail_of(answer)
    got = await shop.database.read(rows.list_progress, [mail.id])
    assert (got[mail.id].delivered_at, got[mail.id].read_at) == (shop.now, None)

    first = shop.now
    await _later(shop, now, seconds=9)
    await shop.hear(*[account.seen("out2", shop.ms, read=True)] * 2)
    got = await shop.database.read(rows.list_progress, [mail.id])
    assert (got[mail.id].delivered_at, got[mail.id].read_at) == (first, shop.now)


async def test_a_refused_token_is_renewed_once_by_one_worker(shop: Shop, account: Zalo) -> None:
    """A refresh token is good for one use: two workers never use it both."""
    await shop.hear(account.write("Chào", at=shop.ms))
    await shop.take_in()
    account.token = "taken back"
    vault = Vault(SECRET)

    async def renew() -> Any:
        stored = await shop.database.read(links.find, shop.inbox_id)
        assert stored is not None
        return stored

    stored = await renew()
    ended = await asyncio.gather(
        *(
            renewing.fresh(shop.database, stored, vault, shop.settings, anew=True)
            for _ in range(5)
        ),
        return_exceptions=True,
    )
    assert account.renewed == 2  # when it was connected, and now
    assert sum(isinstance(one, tuple) for one in ended) >= 1
    account.token = "taken back again"
    await shop.send()
    assert account.renewed == 3
    assert len(account.sent) == 1


async def test_a_token_that_cannot_be_renewed_is_said_on_the_page(
    shop: Shop, account: Zalo
) -> None:
    await shop.hear(account.write("Chào", at=shop.ms))
    await shop.take_in()
    account.token, account.refresh = "x", "used elsewhere"
    await shop.send()

    row = await shop.account()
    assert row.failing_since is not None
    assert "Invalid refresh token" in row.last_error or "-14014" in row.last_error
    (mail,) = await shop.rows(Outbox)
    assert mail.state is DeliveryState.QUEUED  # it waits for somebody to enter another


async def test_too_fast_is_left_alone_for_as_long_as_the_provider_says(
    shop: Shop, account: Zalo, now: Clock
) -> None:
    await shop.hear(account.write("Chào", at=shop.ms))
    await shop.take_in()
    account.too_many = [77]
    await shop.send()

    (pace,) = await shop.rows(DomainPace)
    assert pace.domain == f"{shop.inbox_id}.zalo"
    assert pace.until == shop.now + timedelta(seconds=77)
    await _later(shop, now, seconds=76)
    await shop.send()
    assert account.sent == []
    await _later(shop, now, seconds=2)
    await shop.send()
    assert len(account.sent) == 1
    assert await shop.database.read(paces.known) == {}


async def test_after_the_window_nothing_is_sent_and_it_is_said_in_words(
    shop: Shop, account: Zalo, now: Clock
) -> None:
    await shop.hear(account.write("Chào", at=shop.ms))
    await shop.take_in()
    await shop.send()
    await _later(shop, now, days=7)
    with pytest.raises(Closed, match=WINDOW_CLOSED):
        await shop.answer("Muộn rồi ạ")

    await shop.hear(account.write("Còn đó không?", number="m2", at=shop.ms))
    await shop.take_in()
    account.open_to.clear()  # the provider counts otherwise
    answer = await shop.answer("Dạ còn")
    await shop.send()
    mail = await shop.mail_of(answer)
    assert (mail.state, mail.error) == (DeliveryState.FAILED, WINDOW_CLOSED)
    newest = (await shop.rows(Conversation))[-1]
    assert newest.next_due_at is not None  # the clock runs on


async def test_who_does_not_follow_any_more_is_not_written_to(
    shop: Shop, account: Zalo, now: Clock
) -> None:
    await shop.hear(account.write("Chào", at=shop.ms))
    await shop.take_in()
    await _later(shop, now, seconds=5)
    follower: dict[str, Any] = {"follower": {"id": USER}, "oa_id": "1"}
    await shop.hear(account.tell("unfollow", shop.ms, **follower))
    with pytest.raises(Closed, match=BLOCKED):
        await shop.answer("Dạ")
    await shop.hear(account.tell("follow", shop.ms + 1, **follower))
    await shop.answer("Dạ")


async def test_an_answer_that_breaks_off_is_never_sent_twice(shop: Shop, account: Zalo) -> None:
    await shop.hear(account.write("Chào", at=shop.ms))
    await shop.take_in()
    account.break_off = 1
    await shop.send()
    await shop.send()

    (mail,) = await shop.rows(Outbox)
    assert mail.state is DeliveryState.UNCONFIRMED
    assert len(account.sent) == 1


async def test_pieces_that_were_taken_are_not_sent_again(
    shop: Shop, account: Zalo, now: Clock
) -> None:
    """Words, then a file: the second is refused for a moment, and only it goes again."""
    await shop.hear(account.write("Chào", at=shop.ms))
    await shop.take_in()
    await shop.send()
    long = "Dạ " * 900
    picture = File("may.png", "image/png", b"\x89PNG" * 10)
    answer = await shop.answer(long, Extras(files=(picture,)))
    account.refuse = []
    original = account._message
    calls = 0

    def third_is_busy(said: dict[str, Any]) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        if calls == 3:
            account.refuse = [(-32, "rate limit")]
        return original(said)

    account._message = third_is_busy  # type: ignore[method-assign]
    await shop.send()
    assert (await shop.mail_of(answer)).state is DeliveryState.QUEUED
    await _later(shop, now, seconds=120)
    await shop.send()

    mail = await shop.mail_of(answer)
    assert mail.state is DeliveryState.SENT
    kinds = ["text" if "text" in one["message"] else "file" for one in account.sent[1:]]
    assert kinds == ["text", "text", "file"]
    assert len(await shop.rows(MessengerPiece)) == 4


async def test_a_file_that_the_messenger_does_not_take_is_refused_while_writing(
    shop: Shop, account: Zalo
) -> None:
    await shop.hear(account.write("Chào", at=shop.ms))
    await shop.take_in()
    with pytest.raises(Exception, match="Zalo takes JPG"):
        await shop.answer("Dạ", Extras(files=(File("a.zip", "application/zip", b"PK"),)))


async def test_files_are_fetched_afterwards_and_only_from_where_we_may(
    shop: Shop, account: Zalo, now: Clock
) -> None:
    """S15: nothing of this machine is fetched, whatever an event says; also by a move."""
    inside = "http://127.0.0.1:9/secret"
    account.files["/p/1.jpg"] = b"\xff\xd8 picture"
    account.moved["/p/2.jpg"] = inside
    for n, url in enumerate((f"{account.url}/p/1.jpg", f"{account.url}/p/2.jpg", inside)):
        told = account.write(number=f"m{n}", at=shop.ms, kind="image", url=url)
        await shop.hear(told)
    await shop.take_in()
    await shop.gather()

    (kept,) = await shop.rows(Attachment)
    assert (kept.content_type, kept.size_bytes) == ("image/jpeg", 10)
    notes = [note for one in await shop.rows(Message) for note in one.notes]
    assert len([note for note in notes if "could not be fetched" in note]) == 2
    assert account.fetched == ["/p/1.jpg", "/p/2.jpg"]


async def test_messenger_tells_several_in_one_and_reads_by_watermark(
    fanpage: Shop, page: Page, now: Clock
) -> None:
    """One bad event among good ones is put aside by itself."""
    page.names[PSID] = ("Lan", "Nguyễn")
    page.open_to.add(PSID)
    good = [
        page.event(PSID, fanpage.ms, message={"mid": f"m_{n}", "text": f"câu {n}"})
        for n in range(2)
    ]
    echo = page.event(PSID, fanpage.ms, message={"mid": "e", "text": "x", "is_echo": True})
    bad = page.event(PSID, fanpage.ms, message="no message")
    assert await fanpage.hear(page.tell(*good, echo, bad)) == ["kept"]
    await fanpage.take_in()
    await fanpage.gather()
    answer = await fanpage.answer("Dạ vâng")
    await fanpage.send()
    mail = await fanpage.mail_of(answer)
    assert mail.state is DeliveryState.SENT
    assert page.sent[-1]["messaging_type"] == "RESPONSE"
    assert page.subscribed.startswith("messages")
    (contact,) = await fanpage.rows(Contact)
    assert contact.name == "Lan Nguyễn"

    early = page.event(PSID, fanpage.ms, read={"watermark": fanpage.ms - 1})
    await fanpage.hear(page.tell(early))
    got = await fanpage.database.read(rows.list_progress, [mail.id])
    assert got[mail.id].read_at is None
    await _later(fanpage, now, seconds=3)
    late = page.event(PSID, fanpage.ms, read={"watermark": fanpage.ms})
    await fanpage.hear(page.tell(late), page.tell(early))
    got = await fanpage.database.read(rows.list_progress, [mail.id])
    assert got[mail.id].read_at == fanpage.now


@pytest.mark.parametrize("granted", [False, True])
async def test_a_day_later_only_a_human_agent_may_answer(
    database: Database,
    firm: Firm,
    settings: Settings,
    now: Clock,
    page: Page,
    granted: bool,
) -> None:
    urls = {"messenger_url": page.url}
    shop = Shop(database, settings.model_copy(update=urls), firm, ChannelKind.MESSENGER)
    await shop.open(human_agent="yes" if granted else "")
    page.may_tag = granted
    await shop.hear(page.write(at=shop.ms, text="Chào"))
    await shop.take_in()
    await shop.send()
    await _later(shop, now, hours=25)
    page.open_to.clear()
    if not granted:
        with pytest.raises(Closed):
            await shop.answer("Muộn")
        return
    await shop.answer("Muộn")
    await shop.send()
    assert page.sent[-1]["tag"] == "HUMAN_AGENT"


async def test_what_the_page_may_not_do_waits_and_turns_it_red(
    fanpage: Shop, page: Page, now: Clock
) -> None:
    await fanpage.hear(page.write(at=fanpage.ms, text="Chào"))
    await fanpage.take_in()
    page.token = "another"
    await fanpage.send()
    row = await fanpage.account()
    assert row.failing_since is not None
    assert "(190/460)" in row.last_error
    page.token = "EAAB-page-token"
    page.busy = [2]  # minutes
    await _later(fanpage, now, hours=1)
    await fanpage.send()
    (pace,) = await fanpage.rows(DomainPace)
    assert pace.until == fanpage.now + timedelta(minutes=2)
    await _later(fanpage, now, minutes=3)
    await fanpage.send()
    assert (await fanpage.account()).failing_since is None
    assert page.complaints == []


async def test_secrets_are_kept_sealed_and_nowhere_else(shop: Shop, account: Zalo) -> None:
    """Neither the row nor the audit trail has one in clear."""
    row = await shop.account()
    text = f"{row.facts}{row.secrets}{row.access_token}"
    audit = "".join(str(one.after) + str(one.before) for one in await shop.rows(AuditEntry))
    for secret in (
        "app-secret-of-the-tests",
        "oa-secret-of-the-tests",
        "refresh-0",
        "access-1",
    ):
        assert secret not in text + audit
    assert "refresh_token" in audit  # that it was entered is there
    assert row.secrets.startswith("1.")
