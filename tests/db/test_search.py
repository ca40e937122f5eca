"""Search: the same answers on SQLite and PostgreSQL, whatever is typed (F82)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import conversations as service
from inbox.db import Database
from inbox.marking import ownfields
from inbox.privacy import erasing
from inbox.search.finding import Found, as_typed, find
from inbox.search.query import Unclear, parse
from inbox.search.working import Index, read_in
from inbox.store import searchmarks as rows
from inbox.store.people import Person
from models import (
    Attachment,
    Blob,
    Contact,
    Conversation,
    ConversationTag,
    Message,
    OwnField,
    SearchMark,
    Status,
    Tag,
    Urgency,
)
from models.base import columns
from tests.factories import NOW, ZONE, Firm, arrive, conversation, everything, make_message

contacts = columns(Contact)
conversations = columns(Conversation)
LONG = "việc " * 2000  # 10 kB

# what arrives: subject, text, from, name; one conversation each, an hour apart
MAILS = (
    ("Đơn hàng DH-20415", "Cho mình hỏi đơn hàng chưa tới.", "lan@khach.example", "Lan Nguyễn"),
    ("Hoàn tiền", "Tôi đã trả lại đơn, hoàn tiền 1.250.000đ nhé.", "minh@x.example", "Minh"),
    ("Giao hàng", "Gọi +84 912 345 678 khi giao.", "hoa.tran@cty.example", "Trần Hoa"),
    ("Hỏi 退款", "Mã VN2041X; link https://shop.vn/a-b", "li@cn.example", "Li"),
    ('NEAR("x" OR *)', "đơn' OR 1=1 -- hủy \\ 100% 📦", "hack@x.example", "Mallory"),
)


def _firm_with_mail(session: Session, firm: Firm) -> list[int]:
    """Take in a few mails and read them in; return their numbers, the oldest first."""
    numbers = []
    for hour, (subject, text, address, name) in enumerate(MAILS):
        message = make_message(text, subject=subject, from_address=address, from_name=name)
        at = NOW + timedelta(hours=hour)
        numbers.append(arrive(session, firm, message, at=at, now=at))
    session.flush()
    assert read_in(session) > 0
    assert everything(session, SearchMark) == []
    return numbers


def _ask(session: Session, text: str, who: Person, **more: Any) -> Found:
    at = more.pop("now", NOW + timedelta(hours=6))
    query = parse(text, at.date())
    return find(session, query, who, zone=ZoneInfo(ZONE), now=at, **more)


QUERIES = [
    # typed, which of the mails are found, the latest first
    ("đơn hàng", [0]),
    ("don hang", [0]),
    ("DON HANG", [0]),
    ("đơn hàng", [0]),
    ("đơn", [4, 1, 0]),
    ("hàng", [2, 0]),
    ('"đơn hàng"', [0]),
    ('"hàng đơn"', []),
    ("đơn -hàng", [4, 1]),
    ("-đơn", [3, 2]),
    ('đơn -"hoàn tiền"', [4, 0]),
    ("DH-20415", [0]),
    ("dh20415", [0]),
    ("20415", [0]),
    ("204", []),
    ("204*", [3, 0]),
    ("1250000", [1]),
    ("1.250.000", [1]),
    ("0912345678", [2]),
    ("0912 345 678", [2]),
    ("+84912345678", [2]),
    ("lan@khach.example", [0]),
    ("from:lan", [0]),
    ("từ:khach.example", [0]),
    ("from:minh hàng", []),
    ("subject:giao", [2]),
    ("giao", [2]),
    ("to:hotro@congty.example", [4, 3, 2, 1, 0]),
    ("退款", [3]),
    ("款退", []),
    ("2041", [3]),
    ("vn2041x", [3]),
    ("shop.vn", [3]),
    ('"', None),
    ("NEAR", [4]),
    ('NEAR("x" OR *)', [4]),
    ("x:1", []),
    ("words : x", []),
    ("'; DROP TABLE messages; --", []),
    ("đơn AND NOT hàng", []),
    ("(((đơn", [4, 1, 0]),
    ("đơn' | !hàng & <->", [0]),
    ("📦", None),
    ("\0đơn\0", [4, 1, 0]),
    ("type:product_advice minh", [1, 0]),
    ("kênh:email nhóm:bán is:open hoàn", [1]),
    ("before:2026-03-02", []),
    ("after:2026-03-02 before:2026-03-03 giao", [2]),
    ("after:2026-03-03", []),
    ("owner:none", []),
    ("status:resolved,waiting", []),
]


async def test_awkward_queries(database: Database, firm: Firm) -> None:
    """F82, S26, DESIGN 15: each database gives the same, and never an error."""
    numbers = await database.write(_firm_with_mail, firm)
    for text, wanted in QUERIES:
        query = parse(text, NOW.date())
        if wanted is None:
            assert query.is_empty, text
            continue
        found = await database.read(_ask, text, firm.dung)
        assert [numbers.index(one) for one in found.numbers] == wanted, text


async def test_a_word_that_is_still_typed_may_go_on(database: Database, firm: Firm) -> None:
    numbers = await database.write(_firm_with_mail, firm)

    def ask(session: Session, text: str) -> list[int]:
        query = as_typed(parse(text, NOW.date()))
        found = find(session, query, firm.dung, zone=ZoneInfo(ZONE), now=NOW)
        return [numbers.index(one) for one in found.numbers]

    assert await database.read(ask, "hoàn ti") == [1]
    assert await database.read(ask, "dh-20") == [0]
    assert await database.read(ask, '"đơn hà"') == []


async def test_pages_follow_each_other(database: Database, firm: Firm) -> None:
    numbers = await database.write(_firm_with_mail, firm)
    seen: list[int] = []
    below = None
    for _ in range(3):
        page = await database.read(_ask, "-nothing", firm.dung, below=below, limit=2)
        seen += page.numbers
        below = page.next_place
    assert seen == numbers[::-1]
    assert below is None


async def test_nobody_finds_what_their_list_does_not_show(
    database: Database, firm: Firm
) -> None:
    """F82, R50: an agent of another team never sees a hit, however it is asked for."""
    numbers = await database.write(_firm_with_mail, firm)

    def own(session: Session) -> None:
        session.execute(update(Conversation).values(owner_id=firm.an.id, team_id=firm.sales))

    await database.write(own)
    for text in ("đơn hàng", "-x", "from:lan", "#" + str(numbers[0]), "is:open"):
        assert (await database.read(_ask, text, firm.chi)).numbers == ()
        assert (await database.read(_ask, text, firm.an)).numbers
    restrict = update(Contact).values(restricted_at=NOW + timedelta(days=1))
    await database.write(lambda session: session.execute(restrict) and None)
    assert (await database.read(_ask, "đơn hàng", firm.dung)).numbers == ()


async def test_what_changes_is_read_in_again(database: Database, firm: Firm) -> None:
    """F82: notes, answers, attachments, names; nobody has to say that something changed."""
    number = (await database.write(_firm_with_mail, firm))[0]
    room = Index(database)

    def change(session: Session) -> None:
        row = service_row(session, number)
        service.note(session, row, "Ghi chú riêng: kho Bình Dương", by=firm.an, now=NOW)
        message = next(
            one for one in everything(session, Message) if one.conversation_id == number
        )
        session.add(Blob(id="b", sha256="x", size_bytes=1, content=b"x"))
        session.flush()
        session.add(
            Attachment(
                message_id=message.id,
                blob_id="b",
                filename="Hoá đơn tháng 11.pdf",
                content_type="application/pdf",
                size_bytes=1,
            )
        )
        contact = session.get_one(Contact, row.contact_id)
        contact.name = "Ngọc Lan"
        field = OwnField(name="Số khung", folded="so khung", created_at=NOW)
        session.add(field)
        session.flush()
        ownfields.fill(session, row, field.id, "VIN-77XZ", by=firm.an, now=NOW)

    assert await room.once() is False
    await database.write(change)
    while await room.once():
        pass
    for text in ("kho binh duong", "has:file", "has:note", "from:an", "vin77xz", "file:thang"):
        assert (await database.read(_ask, text, firm.dung)).numbers == (number,), text
    assert (await database.read(_ask, "từ:ngọc", firm.dung)).numbers == (number,)
    for text in ("tep:hoadon", "from:nguyen"):
        assert (await database.read(_ask, text, firm.dung)).numbers == (), text


def service_row(session: Session, number: int) -> Conversation:
    return session.get_one(Conversation, number)


async def test_operators_ask_for_states_as_they_are_now(database: Database, firm: Firm) -> None:
    numbers = await database.write(_firm_with_mail, firm)

    def change(session: Session) -> None:
        rows = [conversation(session, one) for one in numbers]
        for row in rows:
            row.next_due_at = NOW + timedelta(days=1)
        rows[0].owner_id, rows[0].next_due_at = firm.an.id, NOW
        rows[1].owner_id, rows[1].urgency = None, Urgency.URGENT
        rows[2].status = Status.SPAM
        rows[3].status = Status.RESOLVED
        rows[3].owner_id = rows[4].owner_id = firm.binh.id
        tag = Tag(name="Khách VIP", folded="khach vip", created_at=NOW)
        session.add(tag)
        session.flush()
        session.add(ConversationTag(conversation_id=numbers[1], tag_id=tag.id))

    await database.write(change)

    async def ask(text: str) -> list[int]:
        found = await database.read(_ask, text, firm.an)
        return sorted(numbers.index(one) for one in found.numbers)

    assert await ask("là:trễ") == [0]
    assert await ask("owner:an is:late") == [0]
    assert await ask("is:unassigned") == [1]
    assert await ask("khẩn:khẩn") == [1]
    assert await ask("giao") == []  # spam is apart
    assert await ask("giao is:spam") == [2]
    assert await ask("status:xong") == [3]
    assert await ask("-is:open") == [3]
    assert await ask("nhãn:vip") == [1]
    assert await ask("-nhãn:vip đơn") == [0, 4]
    assert await ask("-owner:an") == [1, 3, 4]
    assert await ask("-là:trễ is:open") == [1, 4]
    with pytest.raises(Unclear) as caught:
        await ask("owner:zoe")
    assert caught.value.message == "Nobody here is called “zoe”."


async def test_a_merged_conversation_is_found_as_the_one_that_goes_on(
    database: Database, firm: Firm
) -> None:
    numbers = await database.write(_firm_with_mail, firm)

    def merge(session: Session, into: int | None) -> None:
        row = conversation(session, numbers[1])
        row.status = Status.MERGED if into else Status.OPEN
        row.merged_into_id = into
        session.flush()
        read_in(session)

    await database.write(merge, numbers[0])
    assert (await database.read(_ask, "hoàn tiền", firm.dung)).numbers == (numbers[0],)
    assert (await database.read(_ask, str(numbers[1]), firm.dung)).numbers == (numbers[0],)
    await database.write(merge, None)
    assert (await database.read(_ask, "hoàn tiền", firm.dung)).numbers == (numbers[1],)
    assert (await database.read(_ask, "don hang", firm.dung)).numbers == (numbers[0],)


async def test_two_workers_write_what_is_newest(database: Database, firm: Firm) -> None:
    """One that read marks which another has taken since writes nothing of it."""
    number = (await database.write(_firm_with_mail, firm))[0]
    slow, quick = Index(database), Index(database)

    def rename(session: Session, subject: str) -> None:
        conversation(session, number).subject = subject

    await database.write(rename, "cũ")
    held = await database.read(slow.load)
    await database.write(rename, "mới")
    assert await quick.once() is True
    assert await slow.keep(held) is False
    assert (await database.read(_ask, "subject:moi", firm.dung)).numbers == (number,)
    assert (await database.read(_ask, "subject:cu", firm.dung)).numbers == ()


async def test_the_bound_of_one_page(
    database: Database, firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that looked through its share says so and where to go on."""
    monkeypatch.setattr("inbox.search.finding.PORTIONS", (2,))
    await database.write(_firm_with_mail, firm)
    page = await database.read(_ask, "-x is:spam", firm.dung, limit=1)
    assert (page.numbers, page.stopped) == ((), True)
    again = await database.read(_ask, "-x is:spam", firm.dung, limit=1, below=page.next_place)
    assert again.next_place != page.next_place
    assert replace(again, next_place=None).numbers == ()


async def test_everything_can_be_read_in_anew(database: Database, firm: Firm) -> None:
    """What an upgrade and ``kip copy`` leave to a worker: the newest first, and all of it."""
    numbers = await database.write(_firm_with_mail, firm)
    await database.write(rows.begin_anew)
    assert (await database.read(_ask, "đơn", firm.dung)).numbers == ()
    room = Index(database)
    assert await room.once() is True  # a portion is marked
    assert len(await database.read(everything, SearchMark)) > len(numbers)
    while await room.once():
        pass
    found = await database.read(_ask, "đơn", firm.dung)
    assert [numbers.index(one) for one in found.numbers] == [4, 1, 0]
    assert await database.read(everything, SearchMark) == []


async def test_what_is_erased_is_in_no_index(database: Database, firm: Firm) -> None:
    """F106: the words go with the person, in the same moment, and from the index's pages."""
    numbers = await database.write(_firm_with_mail, firm)
    secret = "zxqvatlieu"

    def say(session: Session) -> int:
        row = conversation(session, numbers[0])
        row.subject = f"{secret} Quỳnh"
        session.flush()
        read_in(session)
        return row.contact_id

    contact = await database.write(say)
    held = await database.read(Index(database).load)
    assert held.ids == []
    assert (await database.read(_ask, secret, firm.dung)).numbers == (numbers[0],)

    def erase(session: Session) -> None:
        erasing.wipe(session, erasing.look(session, contact), NOW, by=firm.admin.id)

    await database.write(erase)
    assert (await database.read(_ask, secret, firm.dung)).numbers == ()
    await database.write(read_in)
    await database.compact(["search_docs", "search_names"])
    assert (await database.read(_ask, secret, firm.dung)).numbers == ()
    assert (await database.read(_ask, "from:khach.example", firm.dung)).numbers == ()
    if database.is_sqlite:
        assert secret.encode() not in database.path.read_bytes()


async def test_who_was_read_before_an_erasure_is_not_written_after_it(
    database: Database, firm: Firm
) -> None:
    number = (await database.write(_firm_with_mail, firm))[0]
    room = Index(database)

    def change(session: Session, subject: str) -> None:
        conversation(session, number).subject = subject

    await database.write(change, "giữ kín")
    held = await database.read(room.load)
    await database.write(change, "")
    assert await room.keep(held) is True
    assert (await database.read(_ask, "giu kin", firm.dung)).numbers == ()
    assert await room.once() is True
    assert (await database.read(_ask, "don hang", firm.dung)).numbers == (number,)
