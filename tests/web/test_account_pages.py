"""One page per account and per person: everything in order of time, for who may see it."""

import re
from datetime import timedelta
from typing import Any

import pytest

from inbox.channels.webform import pack_file
from models import (
    AccountFile,
    AccountNote,
    AccountStatus,
    AccountValue,
    AuditEntry,
    AuditThing,
    Blob,
    ChannelKind,
    Contact,
    Direction,
    Status,
)
from models.base import columns
from tests.web.accounts import make_account, say
from tests.web.scene import Scene

OTHERS = {"email": "son@vidu.example", "name": "Anh Sơn"}


def order_of(html: str, *texts: str) -> list[str]:
    """Return the texts in the order in which a page says them."""
    return sorted(texts, key=html.index)


async def contact_of(scene: Scene, number: int) -> int:
    return (await scene.get(number)).contact_id


async def test_everything_of_an_account_in_order_of_time(scene: Scene) -> None:
    """F86: all people, all channels, our answers and notes; the newest first."""
    first = await scene.arrive("Bàn bị xước.", subject="Bàn xước")
    second = await scene.arrive("Xin báo giá ghế.", subject="Báo giá", **OTHERS)
    await scene.change(second, channel=ChannelKind.CHAT)
    ours: dict[str, Any] = {
        "direction": Direction.OUTBOUND,
        "author_id": (await scene.agent("binh")).id,
    }
    await say(scene, first, "Mình đổi bàn mới ạ.", minutes=20, **ours)
    # What was imported later is older, and stands where it belongs.
    await say(scene, first, "Thư cũ từ năm ngoái.", minutes=-600_000)
    await say(scene, second, "Ghế màu gì ạ?", minutes=10, channel=ChannelKind.CHAT, **ours)
    account = await make_account(scene, first, second, owner="binh")
    browser = await scene.signed_in("binh")
    scene.clock.now += timedelta(minutes=30)
    note = {"text": "Thích gỗ sồi.\n\nGọi trước 10 giờ."}
    kept = await browser.post(f"/accounts/{account}/notes", note)
    assert kept.headers["location"] == f"/accounts/{account}#line"
    page = (await browser.get(f"/accounts/{account}")).text
    said = ("Thích gỗ sồi.", "Mình đổi bàn mới ạ.", "Ghế màu gì ạ?", "Xin báo giá ghế.")
    assert order_of(page, *said, "Bàn bị xước.", "Thư cũ từ năm ngoái.") == [
        *said,
        "Bàn bị xước.",
        "Thư cũ từ năm ngoái.",
    ]
    assert f'href="/inbox/{first}#m-' in page
    assert "Anh Sơn" in page
    assert "Chị Mai" in page
    assert f'href="/contacts/{await contact_of(scene, second)}"' in page
    assert "3 October 2025" in page, "another year is named"
    only = (await browser.get(f"/accounts/{account}?only=chat", htmx=True)).text
    assert only.lstrip().startswith('<div id="timeline">')
    assert "Ghế màu gì ạ?" in only
    assert "Bàn bị xước." not in only
    notes = (await browser.get(f"/accounts/{account}?only=notes")).text
    assert "Thích gỗ sồi." in notes
    assert "Xin báo giá ghế." not in notes


async def test_the_state_is_one_sentence(scene: Scene) -> None:
    """F86: what is open, what is late, since when they wait, the last contact."""
    account = await make_account(scene, owner="binh", value=AccountValue.A)
    browser = await scene.signed_in("binh")
    page = (await browser.get(f"/accounts/{account}")).text
    assert "Nothing was written yet." in page
    numbers = [await scene.arrive(subject=f"Đơn {n}") for n in range(2)]
    account = await make_account(
        scene, *numbers, owner="binh", status=AccountStatus.AT_RISK, name="Trúc An"
    )
    page = (await browser.get(f"/accounts/{account}")).text
    assert "2 requests are open, asked again in 1 of them, " in page
    assert "waiting for us since 10:00 today; " in page
    assert "last contact 10:00 today." in page
    assert "At risk" in page
    assert "value C" in page
    scene.clock.now += timedelta(days=2)
    page = (await browser.get(f"/accounts/{account}")).text
    assert "2 of them late" in page
    assert page.count('class="sla sla-late"') >= 3, "the two rows and the status"
    for number in numbers:
        await scene.change(number, status=Status.RESOLVED)
    assert "Nothing is open; last contact" in (await browser.get(f"/accounts/{account}")).text


async def test_pages_of_the_line_hold_each_thing_once(scene: Scene) -> None:
    """Also where many things have the same moment, and notes stand between messages."""
    number = await scene.arrive("the first")
    for n in range(70):
        await say(scene, number, f"message {n:02} ends", minutes=n // 20)
    account = await make_account(scene, number, owner="binh")
    browser = await scene.signed_in("binh")
    for n in range(12):
        await browser.post(f"/accounts/{account}/notes", {"text": f"note {n:02} ends"})
        scene.clock.now += timedelta(seconds=20)
    seen: list[str] = []
    address, pages = f"/accounts/{account}", 0
    while address:
        page = (await browser.get(address)).text
        seen += re.findall(r"(?:message|note) \d\d ends|the first", page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = older[1].replace("&amp;", "&") if older else ""
        pages += 1
    wanted = [f"message {n:02} ends" for n in range(70)]
    wanted += [f"note {n:02} ends" for n in range(12)]
    assert sorted(seen) == sorted([*wanted, "the first"])
    assert pages == 3


async def test_who_sees_which_messages(scene: Scene) -> None:
    """A page shows what the lists show; who looks after the account sees all of it."""
    theirs = await scene.arrive("Về đơn hàng.", subject="Đơn")
    others = await scene.arrive(
        "Về máy.", subject="Máy hỏng", request_type="technical_support", **OTHERS
    )
    for number in (theirs, others):
        await scene.change(number, owner_id=(await scene.agent("ha")).id)
    account = await make_account(scene, theirs, others)
    path = f"/accounts/{account}"

    async def sees(who: str) -> tuple[bool, bool]:
        page = (await (await scene.signed_in(who)).get(path)).text
        return "Về đơn hàng." in page, "Về máy." in page

    assert await sees("binh") == (True, False)
    assert await sees("dung") == (False, True)
    assert await sees("ha") == (True, True)
    dung = await scene.signed_in("dung")
    assert (await dung.get(f"/inbox/{theirs}")).status_code == 404
    assert "1 request is open" in (await dung.get(path)).text, "nor is the rest counted"

    kept = await make_account(scene, theirs, others, owner="dung", name="Trúc An")
    path = f"/accounts/{kept}"
    assert await sees("dung") == (True, True)
    opened = await dung.get(f"/inbox/{theirs}")
    assert opened.status_code == 200
    assert (await dung.post(f"/inbox/{theirs}/claim")).status_code == 303
    # Yet the lists stay as they are: a team's list is the team's.
    await scene.change(theirs, owner_id=(await scene.agent("ha")).id)
    assert "Về đơn" not in (await dung.get("/inbox?for=team")).text
    assert await sees("binh") == (True, False)


@pytest.mark.parametrize("who", ["binh", "dung"])
async def test_who_sees_a_person(scene: Scene, who: str) -> None:
    """Another team's customer is not there; one of nobody is everybody's."""
    number = await scene.arrive("Về đơn hàng.")
    await scene.change(number, owner_id=(await scene.agent("ha")).id)
    person = await contact_of(scene, number)
    browser = await scene.signed_in(who)
    for path in (f"/contacts/{person}", f"/contacts/{person}/files"):
        assert (await browser.get(path)).status_code == (200 if who == "binh" else 404)
    note = await browser.post(f"/contacts/{person}/notes", {"text": "x"})
    assert note.status_code == (303 if who == "binh" else 404)

    def add(session: Any) -> int:
        lone = Contact(name="Cô Tư", created_at=scene.clock.now)
        session.add(lone)
        session.flush()
        return int(lone.id)

    lone = await scene.write(add)
    assert (await browser.get(f"/contacts/{lone}")).status_code == 200


async def test_a_person_of_an_account(scene: Scene) -> None:
    """F86: the person's own messages, with the account's status, tier and notes beside."""
    mine = await scene.arrive("Về đơn hàng.", subject="Đơn")
    other = await scene.arrive("Về ghế.", subject="Ghế", **OTHERS)
    account = await make_account(scene, mine, other, owner="binh", tier="gold")
    person = await contact_of(scene, mine)
    browser = await scene.signed_in("binh")
    await browser.post(f"/accounts/{account}/notes", {"text": "Trả chậm 30 ngày."})
    await browser.post(f"/contacts/{person}/notes", {"text": "Thích nhắn tin."})
    page = (await browser.get(f"/contacts/{person}")).text
    assert "Về đơn hàng." in page
    assert "Về ghế." not in page
    assert "Trả chậm 30 ngày." in page
    assert "Thích nhắn tin." in page
    assert f'href="/accounts/{account}"' in page
    assert "gold" in page
    assert "khach@vidu.example" in page
    whole = (await browser.get(f"/accounts/{account}")).text
    assert "Thích nhắn tin." in whole, "what is known of its people is the account's too"

    def join(session: Any) -> int:
        twin = Contact(name="Mai", created_at=scene.clock.now, joined_into_id=person)
        session.add(twin)
        session.flush()
        return int(twin.id)

    answer = await browser.get(f"/contacts/{await scene.write(join)}")
    assert answer.headers["location"] == f"/contacts/{person}"


async def test_notes_are_written_down_and_taken_away(scene: Scene) -> None:
    """By their author or a supervisor; the trail says that, never what they said."""
    account = await make_account(scene, owner="binh")
    binh, ha = await scene.signed_in("binh"), await scene.signed_in("ha")
    empty = await binh.post(f"/accounts/{account}/notes", {"text": "  "})
    assert empty.status_code == 422
    assert 'aria-invalid="true"' in empty.text
    long = await binh.post(f"/accounts/{account}/notes", {"text": "x" * 10_001})
    assert long.status_code == 422
    assert "x" * 10_001 in long.text, "nothing typed is lost"
    await binh.post(f"/accounts/{account}/notes", {"text": "<b>Bí mật</b>"})
    await ha.post(f"/accounts/{account}/notes", {"text": "Của Hà."})
    page = (await binh.get(f"/accounts/{account}")).text
    assert "&lt;b&gt;Bí mật" in page
    mine, hers = await scene.all(AccountNote)
    assert f"/accounts/notes/{mine.id}/removal" in page
    assert f"/accounts/notes/{hers.id}/removal" not in page
    assert (await binh.post(f"/accounts/notes/{hers.id}/removal")).status_code == 404
    gone = await ha.post(f"/accounts/notes/{mine.id}/removal")
    assert gone.headers["location"] == f"/accounts/{account}#line"
    assert (await ha.post(f"/accounts/notes/{mine.id}/removal")).status_code == 404
    assert [one.id for one in await scene.all(AccountNote)] == [hers.id]
    thing = columns(AuditEntry).thing == AuditThing.ACCOUNT
    trail = await scene.all(AuditEntry, thing)
    assert [(one.before, one.after) for one in trail] == [
        ({}, {"note": mine.id}),
        ({}, {"note": hers.id}),
        ({"note": mine.id}, {}),
    ]


async def test_files_sent_received_and_put_there(scene: Scene) -> None:
    """F133: each with its source and date; found by words without accents."""
    contract = pack_file("Hợp đồng 2026.pdf", "application/pdf", b"%PDF")
    number = await scene.arrive(subject="Hợp đồng", files=(contract,))
    account = await make_account(scene, number, owner="binh")
    browser, path = await scene.signed_in("binh"), f"/accounts/{account}/files"
    reply = {"body": "Gửi anh chị.", "kind": "reply"}
    answer = await browser.post(
        f"/inbox/{number}/messages", reply, files={"files": ("Báo giá.xlsx", b"1", "x/y")}
    )
    assert answer.status_code == 303
    scene.clock.now += timedelta(minutes=1)
    sent = {"files": ("../Bản vẽ.dwg", b"0" * 2048, "image/vnd.dwg")}
    kept = await browser.post(path, files=sent)
    assert kept.headers["location"] == path
    page = (await browser.get(path)).text
    names = ["Bản vẽ.dwg", "Báo giá.xlsx", "Hợp đồng 2026.pdf"]
    assert order_of(page, *names) == names
    assert "2 KB" in page
    assert "Chị Mai" in page
    assert "Trần Thanh Bình" in page
    for source, name in zip(("uploaded", "sent", "received"), names, strict=True):
        some = (await browser.get(f"{path}?source={source}")).text
        assert [one for one in names if one in some] == [name], source
    found = (await browser.get(f"{path}?q=hop+DONG+mai")).text
    assert "Hợp đồng 2026.pdf" in found
    assert "Bản vẽ" not in found
    assert "No such file" in (await browser.get(f"{path}?q=nothing+like+it")).text
    whole = (await browser.get(f"/accounts/{account}")).text
    (upload,) = await scene.all(AccountFile)
    assert f'href="/files/{upload.blob_id}"' in whole
    assert (await browser.get(f"/files/{upload.blob_id}")).content == b"0" * 2048


async def test_put_files_are_for_those_who_see_the_page(scene: Scene) -> None:
    """Also by its address alone; and taken away it is gone with its bytes."""
    account = await make_account(scene, owner="binh")
    browser = await scene.signed_in("binh")
    path = f"/accounts/{account}/files"
    assert (await browser.post(path)).status_code == 422
    await browser.post(path, files={"files": ("a.txt", b"secret", "text/plain")})
    (upload,) = await scene.all(AccountFile)
    outside = await scene.signed_in("dung")
    for address in (f"/files/{upload.blob_id}", path, f"/accounts/{account}"):
        assert (await outside.get(address)).status_code == 404
    removal = f"/accounts/files/{upload.id}/removal"
    assert (await outside.post(removal)).status_code == 404
    assert (await browser.post(removal)).headers["location"] == path
    assert await scene.all(AccountFile) == []
    assert await scene.all(Blob, columns(Blob).id == upload.blob_id) == []
    assert (await browser.get(f"/files/{upload.blob_id}")).status_code == 404


@pytest.mark.one_database
@pytest.mark.parametrize("query", ["only=x", "after=x", "after=2026-01-01~note~1", "after=~~"])
async def test_odd_addresses(scene: Scene, query: str) -> None:
    """A place that is not ours is not found, and nothing breaks."""
    account = await make_account(scene, owner="binh")
    browser = await scene.signed_in("binh")
    assert (await browser.get(f"/accounts/{account}?{query}")).status_code == 404
    assert (await browser.get(f"/accounts/{account}/files?source=x")).status_code == 404


async def test_the_panel_beside_a_conversation_says_it_in_short(scene: Scene) -> None:
    """F86: whose customer it is, the last notes and files, and the way to everything."""
    file = pack_file("Hợp đồng.pdf", "application/pdf", b"%PDF")
    number = await scene.arrive(subject="Đơn", files=(file,))
    browser = await scene.signed_in("binh")
    person = await contact_of(scene, number)
    alone = (await browser.get(f"/inbox/{number}")).text
    assert f'href="/contacts/{person}"' in alone
    assert "Belongs to" not in alone
    account = await make_account(scene, number, owner="binh", status=AccountStatus.ACTIVE)
    await browser.post(f"/accounts/{account}/notes", {"text": "Trả chậm 30 ngày."})
    page = (await browser.get(f"/inbox/{number}")).text
    panel = page[page.index('id="context"') :]
    assert f'href="/accounts/{account}"' in panel
    for said in ("Active", "Trả chậm 30 ngày.", "Hợp đồng.pdf", "Everything of this customer"):
        assert said in panel
    assert "Nội thất Trúc An" in (await browser.get("/inbox?for=team")).text, "in the list"
