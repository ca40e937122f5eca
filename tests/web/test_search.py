"""The search page, its access and its pages; what the command palette gets (F82, DESIGN 15)."""

import re

import httpx
import pytest

from inbox.search.working import read_in
from models import Account, MarkKind, SearchMark
from tests.web.scene import NOW, READ_TOKEN, Scene, bearer


def _found(html: str) -> list[int]:
    return [int(one) for one in re.findall(r'id="hit-(\d+)"', html)]


def _text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", html).split())


async def test_words_are_found_without_accents_and_marked_with_them(scene: Scene) -> None:
    """F82, DESIGN 15: what was typed is folded, what is shown is what was written."""
    first = await scene.arrive("Cho tôi hoàn tiền <b>ngay</b>.", subject="Đơn hàng DH-20415")
    await scene.arrive("Chuyện khác.", subject="Hỏi", email="b@vidu.example")
    await scene.write(read_in)
    browser = await scene.signed_in("binh")

    for text in (
        "don hang",
        "hoan tien",
        "20415",
        "dh-20415",
        "khach@vidu.example",
        f"#{first}",
    ):
        page = await browser.get("/search", params={"q": text})
        assert page.status_code == 200
        assert _found(page.text) == [first], text
    shown = (await browser.get("/search?q=hoan+tien")).text
    assert "<mark>hoàn</mark> <mark>tiền</mark> &lt;b&gt;" in shown
    assert "<mark>Đơn</mark>" in (await browser.get("/search?q=don")).text

    part = await browser.get("/search?q=hoan+tien", htmx=True)
    assert part.text.lstrip().startswith('<div id="found"')
    nothing = await browser.get("/search?q=kh%C3%B4ngc%C3%B3")
    assert "Nothing fits “khôngcó”" in _text(nothing.text)
    assert 'role="search"' in (await browser.get("/search")).text


async def test_what_cannot_be_understood_is_said(scene: Scene) -> None:
    browser = await scene.signed_in("binh")
    for text, sentence in (
        ("before:soon", "before: needs a date such as 2026-11-30 or 30/11/2026."),
        ("owner:zoe", "Nobody here is called “zoe”."),
        ("team:x<y", "There is no “x&lt;y” for team: here."),
        ("y" * 600, "A search takes at most 500 characters."),
    ):
        for address in ("/search", "/palette"):
            page = await browser.get(address, params={"q": text})
            assert page.status_code == (422 if address == "/search" else 200)
            assert sentence in page.text
    vietnamese = await browser.get("/search?q=trước:mai&lang=vi")
    assert "trước: cần một ngày" in vietnamese.text


async def test_pages_follow_each_other_by_links(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F85: without a script."""
    monkeypatch.setattr("inbox.views.search.PAGE_SIZE", 2)
    numbers = [await scene.arrive(f"phiếu {n}", email=f"a{n}@vidu.example") for n in range(3)]
    await scene.write(read_in)
    browser = await scene.signed_in("binh")

    first = await browser.get("/search?q=phieu")
    link = re.search(r'href="([^"]+)" id="more"', first.text)
    assert link
    second = await browser.get(link[1].replace("&amp;", "&"))

    assert sorted(_found(first.text) + _found(second.text)) == numbers
    assert len(_found(first.text)) == 2
    assert 'id="more"' not in second.text
    assert "First page" in second.text


async def test_an_agent_outside_sees_neither_conversation_nor_person(scene: Scene) -> None:
    """R50, F82: also in the palette; a supervisor sees both."""
    number = await scene.arrive("bí mật của Mai", name="Chị Mai Trúc")
    binh = await scene.agent("binh")
    await scene.change(number, owner_id=binh.id)
    await scene.write(read_in)

    for person, sees in (("dung", False), ("binh", True), ("ha", True)):
        browser = await scene.signed_in(person)
        for address in ("/search?q=mai", "/palette?q=mai"):
            html = (await browser.get(address)).text
            assert (f"/inbox/{number}" in html) is sees, (person, address)
            assert ("/contacts/" in html) is sees, (person, address)
    assert (await scene.browser().get("/search?q=mai")).status_code == 303


async def test_people_and_accounts_are_found_by_their_beginning(scene: Scene) -> None:
    def add(session: object) -> None:
        session.add(  # type: ignore[attr-defined]
            Account(
                name="Công ty Sao Mai",
                folded="cong ty sao mai",
                reference="KH-77",
                created_at=NOW,
                changed_at=NOW,
            )
        )

    await scene.arrive(name="Nguyễn Ngọc Lan", email="lan@sao.example")
    await scene.write(add)
    await scene.write(read_in)
    browser = await scene.signed_in("ha")

    for text, sees in (
        ("sao m", "Sao"),
        ("kh-77", "Công"),
        ("ngoc l", "Ngọc"),
        ("lan@sa", "lan@sao"),
    ):
        found = await browser.get("/palette", params={"q": text})
        assert sees in _text(found.text), text
        assert 'role="option"' in found.text
    assert "/accounts/" in (await browser.get("/search?q=sao+mai")).text
    assert "/accounts/" not in (await browser.get("/search?q=sao+mai+is:open")).text


async def test_the_page_says_how_far_older_conversations_are_read_in(scene: Scene) -> None:
    def begin(session: object) -> None:
        session.add(  # type: ignore[attr-defined]
            SearchMark(kind=MarkKind.ALL_CONVERSATIONS, thing_id=400, begun_at_id=1000)
        )

    await scene.write(begin)
    browser = await scene.signed_in("binh")
    assert "60 % are done" in (await browser.get("/search?q=x")).text
    await scene.write(read_in)
    assert "are done" not in (await browser.get("/search?q=x")).text


async def test_hostile_places_and_words_break_nothing(scene: Scene) -> None:
    """S26."""
    browser = await scene.signed_in("binh")
    for text in ('"', "NEAR(a b)", "a*b*", ":::", "' OR 1=1", "\\", "<script>", "%00", "\x00"):
        for address in ("/search", "/palette"):
            page = await browser.get(address, params={"q": text})
            assert page.status_code == 200, text
            assert "<script>" not in page.text.split("</head>")[-1]
    for after in ("-1", "x", "9" * 30):
        assert (await browser.get(f"/search?q=a&after={after}")).status_code == 200


async def test_a_script_may_search_too(scene: Scene) -> None:
    """F82 by the API: pages follow by ``next``; what is unclear is a 422."""
    numbers = [await scene.arrive(f"phiếu {n}", email=f"a{n}@vidu.example") for n in range(3)]
    await scene.write(read_in)
    client = scene.browser().client

    async def ask(token: str = READ_TOKEN, **query: str) -> httpx.Response:
        return await client.get("/api/v1/conversations", params=query, headers=bearer(token))

    first = (await ask(q="phieu", limit="2", status="open")).json()
    second = (await ask(q="phieu", limit="2", after=first["next"])).json()
    items = [one["number"] for one in first["items"] + second["items"]]
    assert (sorted(items), second["next"]) == (numbers, None)
    assert (await ask(q="phieu", status="resolved")).json()["items"] == []
    for query in ({"q": "before:x"}, {"q": "🙂"}, {"q": "owner:zoe"}):
        assert (await ask(**query)).status_code == 422
    assert (await ask(q="a", after="x")).status_code == 404
