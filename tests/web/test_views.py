"""Filters and saved views of the list, tags, own fields and followers."""

import pytest

from models import (
    AuditEntry,
    AuditThing,
    Conversation,
    Event,
    EventKind,
    Notice,
    OwnValue,
    SavedView,
    Status,
    ViewChoice,
)
from models.base import columns
from tests.web.scene import NOW, Browser, Scene, hidden
from tests.web.test_list import fill, numbers, row_of

entries = columns(AuditEntry)
events = columns(Event)
notices = columns(Notice)


async def listed(browser: Browser, query: str) -> list[int]:
    """Return the rows of a list."""
    answer = await browser.get(f"/inbox{query}")
    assert answer.status_code == 200, answer.text
    return numbers(answer.text)


async def keep(browser: Browser, name: str, **fields: str) -> str:
    """Keep a view; return where that leads."""
    answer = await browser.post("/views", {"name": name, **fields})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def test_every_filter_finds_its_own(scene: Scene) -> None:
    """F81: each filter of the closed set, alone, and two together."""
    plain, urgent, again, answered, nobody, other = await fill(
        scene,
        {"due": 60},
        {"due": 50, "urgency": "urgent"},
        {"due": -5, "asked_again": 2, "product_group": "Ấm đun"},
        {"due": None, "first_responded_at": NOW},
        {"due": 70, "owner_id": None},
        {"due": 80, "status": Status.WAITING, "wait_reason": "customer"},
    )
    await scene.change(urgent, request_type="complaint")
    binh = (await scene.agent("binh")).id
    orders = await scene.team("Orders")
    browser = await scene.signed_in("binh")
    assert await listed(browser, "?urgency=urgent") == [urgent]
    assert await listed(browser, "?type=complaint&urgency=urgent") == [urgent]
    assert await listed(browser, "?type=complaint&late=1") == []
    assert await listed(browser, "?late=1") == [again]
    assert await listed(browser, "?again=1") == [again]
    assert await listed(browser, "?product=%E1%BA%A4m+%C4%91un") == [again]
    assert await listed(browser, "?for=unassigned") == [nobody]
    assert await listed(browser, "?owner=none") == [nobody]
    assert await listed(browser, "?state=waiting&waiting=customer") == [other]
    open_ones = [again, urgent, plain, nobody, answered]
    for query in (f"?team={orders}", "?inbox=2", "?channel=form", "?since=2026-11-24"):
        assert await listed(browser, query) == open_ones, query
    assert await listed(browser, f"?owner={binh}&unanswered=1") == [again, urgent, plain]
    assert await listed(browser, "?tier=standard&until=2026-11-23") == []
    assert await listed(browser, "?tier=vip") == []
    assert await listed(browser, "?account=7") == []
    for query in ("?state=spam", "?team=x", "?late=2", "?since=tomorrow", "?owner=Lan"):
        assert (await browser.get(f"/inbox{query}")).status_code == 404, query


async def test_a_filtered_list_goes_on_behind_its_window(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is rare costs another page, never a walk through everything; nothing is lost."""
    monkeypatch.setattr("inbox.listing.filters.WINDOWS", (3, 5))
    made = await fill(scene, *({"due": n} for n in range(1, 12)))
    for n in (1, 9):
        await scene.change(made[n], channel="chat")
    browser = await scene.signed_in("binh")
    page = (await browser.get("/inbox?channel=chat")).text
    assert numbers(page) == [made[1]]
    seen, after = numbers(page), page
    while "Show more" in after:
        link = after.split('class="more"')[1].split("Show more")[0].split('href="')[-1]
        after = (await browser.get(link.split('"')[0].replace("&amp;", "&"))).text
        seen += numbers(after)
    assert seen == [made[1], made[9]]


async def test_views_own_and_shared(scene: Scene) -> None:
    """F81: own views are one's own, a supervisor's may be everybody's; each says how many."""
    urgent, plain = await fill(scene, {"urgency": "urgent"}, {})
    binh, ha = await scene.signed_in("binh"), await scene.signed_in("ha")
    mine = await keep(binh, "Của Bình", owner="me")
    shared = await keep(ha, "Khẩn", urgency="urgent", shared="1")
    assert (await binh.post("/views", {"name": "x", "shared": "1"})).status_code == 403
    page = (await binh.get("/inbox")).text
    assert "Của Bình" in page
    assert '<span class="grow cut">Khẩn</span><span class="tiny muted num">1</span>' in page
    assert "Của Bình" not in (await ha.get("/inbox")).text
    view = shared.removeprefix("/inbox")
    assert numbers((await binh.get(shared)).text) == [urgent]
    assert f'href="/inbox/{urgent}{view}"' in row_of((await binh.get(shared)).text, urgent)
    assert (await ha.get(mine)).status_code == 404
    number = int(view.rpartition("=")[2])
    assert (await binh.post(f"/views/{number}/removal")).status_code == 403
    await binh.post(f"/views/{number}/first")
    assert numbers((await binh.get("/inbox")).text) == [urgent]
    assert set(numbers((await binh.get("/inbox?for=team")).text)) == {urgent, plain}
    assert (await ha.post(f"/views/{number}/removal")).status_code == 303
    assert await scene.all(ViewChoice) == []
    assert (await binh.get(shared)).status_code == 404
    kept = await scene.all(AuditEntry, entries.thing == AuditThing.VIEW)
    assert [row.action for row in kept] == ["created", "removed"]
    assert len(await scene.all(SavedView)) == 1


async def test_filters_are_shown_without_a_script(scene: Scene) -> None:
    """The page of filters leads to the list; no token stands in its address."""
    (urgent,) = await fill(scene, {"urgency": "urgent"})
    browser = await scene.signed_in("binh")
    page = (await browser.get("/views?urgency=urgent")).text
    assert '<option value="urgent" selected>' in page
    answer = await browser.post("/views", {"urgency": "urgent", "then": "show"})
    assert answer.headers["location"] == "/inbox?urgency=urgent"
    page = (await browser.get(answer.headers["location"])).text
    assert numbers(page) == [urgent]
    assert "Filtered" in page
    assert hidden(page, "back") == "urgency=urgent"
    wrong = await browser.post("/views", {"urgency": "urgent", "name": ""})
    assert wrong.status_code == 422


async def test_tags_on_a_page(scene: Scene) -> None:
    """A supervisor's list, everybody's use; a filter finds what carries one."""
    one, other = await fill(scene, {}, {})
    binh, ha = await scene.signed_in("binh"), await scene.signed_in("ha")
    assert (await ha.post("/settings/marks/tags", {"name": "Bảo hành"})).status_code == 303
    assert (await ha.post("/settings/marks/tags", {"name": "bao hanh"})).status_code == 303
    assert (await binh.post(f"/inbox/{one}/tags", {"name": "Lạ"})).status_code == 422
    assert (await binh.post(f"/inbox/{one}/tags", {"name": "BAO HANH"})).status_code == 303
    assert await listed(binh, "?tag=1") == [one]
    page = (await binh.get(f"/inbox/{one}")).text
    assert "Bảo hành" in page
    assert "added the tag “Bảo hành”" in page
    assert (await ha.post("/settings/marks/tags/1", {"name": "Đổi mới"})).status_code == 303
    assert "1 request" in (await ha.get("/settings/marks")).text
    await binh.post(f"/inbox/{one}/tags/removal", {"tag": "1"})
    assert await listed(binh, "?tag=1") == []
    await binh.post(f"/inbox/{other}/tags", {"name": "Đổi mới"})
    assert (await ha.post("/settings/marks/tags/1/removal")).status_code == 303
    assert await listed(binh, "?tag=1") == []


async def test_own_fields(scene: Scene) -> None:
    """Text, number, date, choice: checked, shown, filtered for without accents."""
    (one,) = await fill(scene, {})
    ha, binh = await scene.signed_in("ha"), await scene.signed_in("binh")
    made = (("Mã đơn", "text", ""), ("Giá", "number", ""), ("Ngày mua", "date", ""))
    for name, kind, choices in (*made, ("Kho", "choice", "Hà Nội\nĐà Nẵng")):
        fields = {"name": name, "kind": kind, "choices": choices}
        assert (await ha.post("/settings/marks/fields", fields)).status_code == 303
    again = await ha.post("/settings/marks/fields", {"name": "gia", "kind": "text"})
    assert again.status_code == 422
    cases = {
        1: ([("Đơn 77", "Đơn 77")], []),
        2: ([("1 250,50", "1250.5")], ["abc", "NaN", "1e40"]),
        3: ([("2026-11-20", "2026-11-20")], ["20/11/2026"]),
        4: ([("Đà Nẵng", "Đà Nẵng")], ["Huế"]),
    }
    for field, (good, bad) in cases.items():
        for text in bad:
            fields = {"field": str(field), "value": text}
            assert (await binh.post(f"/inbox/{one}/fields", fields)).status_code == 422
        for text, kept in good:
            fields = {"field": str(field), "value": text}
            assert (await binh.post(f"/inbox/{one}/fields", fields)).status_code == 303
            values = await scene.all(OwnValue)
            assert values[-1].text == kept
    assert await listed(binh, "?field=1&value=don+77") == [one]
    assert await listed(binh, "?field=4&value=da+nang&again=1") == []
    page = (await binh.get(f"/inbox/{one}")).text
    assert 'value="1250.5"' in page
    assert "set Mã đơn: Đơn 77" in page
    assert "set Ngày mua: 20 November 2026" in page
    await binh.post(f"/inbox/{one}/fields", {"field": "1", "value": ""})
    assert await listed(binh, "?field=1&value=don+77") == []
    assert (await ha.post("/settings/marks/fields/4/removal")).status_code == 303
    assert 'name="field" value="4"' in page
    assert 'name="field" value="4"' not in (await binh.get(f"/inbox/{one}")).text
    assert len(await scene.all(OwnValue)) == 3


async def test_a_follower_is_told_by_the_bell(scene: Scene) -> None:
    """Of the customer's next message and of its end, once each; the owner needs no telling."""
    number = await scene.arrive()
    ha, binh = await scene.signed_in("ha"), await scene.signed_in("binh")
    await scene.change(number, owner_id=(await scene.agent("binh")).id)
    for browser in (ha, binh):
        assert (await browser.post(f"/inbox/{number}/following")).status_code == 303
    assert await listed(ha, "?followed=1") == [number]
    await _writes_again(scene, number)
    followed = notices.kind == "followed"
    told = await scene.all(Notice, followed)
    assert [row.agent_id for row in told] == [(await scene.agent("ha")).id]
    assert "What you follow" in (await ha.get("/notices")).text
    await binh.post(f"/inbox/{number}/resolution", {"reason": "answered_by_phone"})
    assert len(await scene.all(Notice, followed)) == 2
    await ha.post(f"/inbox/{number}/following/undo")
    await binh.post(f"/inbox/{number}/resolution/undo")
    await binh.post(f"/inbox/{number}/resolution", {"reason": "answered_by_phone"})
    assert len(await scene.all(Notice, followed)) == 2


async def _writes_again(scene: Scene, number: int) -> None:
    """Let the customer add a message on the request's own page."""
    row: Conversation = await scene.get(number)
    customer = scene.browser()
    path = f"/s/{row.public_token}"
    page = (await customer.get(path)).text
    fields = {"body": "Sao rồi ạ?", "token": hidden(page, "token")}
    answer = await customer.client.post(f"{path}/messages", data=fields)
    assert answer.status_code == 303, answer.text
    asked = await scene.all(Event, events.kind == EventKind.ASKED)
    assert asked


async def test_a_list_as_a_sheet(scene: Scene) -> None:
    """What the list shows, with tags and own fields; what a person may not see is not in it."""
    one, other, theirs = await fill(scene, {"subject": "=cmd|1"}, {}, {})
    technics, dung = await scene.team("Technics"), (await scene.agent("dung")).id
    await scene.change(theirs, team_id=technics, owner_id=dung)
    ha, binh = await scene.signed_in("ha"), await scene.signed_in("binh")
    await ha.post("/settings/marks/tags", {"name": "Bảo hành"})
    await ha.post("/settings/marks/fields", {"name": "Mã", "kind": "text"})
    await binh.post(f"/inbox/{one}/tags", {"name": "Bảo hành"})
    await binh.post(f"/inbox/{one}/fields", {"field": "1", "value": "77"})
    sheet = await binh.get("/views/list.csv?for=team")
    assert sheet.headers["content-type"].startswith("text/csv")
    head, *lines = sheet.text.splitlines()
    assert head.endswith('"Tags","Mã"')
    assert [line.split(",")[0].strip('"') for line in lines] == [str(one), str(other)]
    assert lines[0].endswith('"Bảo hành","77"')
    assert '"\'=cmd|1"' in lines[0]
    only = (await binh.get("/views/list.csv?tag=1")).text.splitlines()
    assert len(only) == 2
    assert (await binh.get("/views/list.csv?tag=x")).status_code == 404


async def test_an_unchanged_list_is_not_made_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F83: the same mark again is a 304, until something is announced or seconds passed."""
    scene.site.lists.on = True
    await fill(scene, {})
    binh, ha = await scene.signed_in("binh"), await scene.signed_in("ha")
    for browser in (binh, ha):  # the first page sets cookies
        await browser.get("/inbox")
    asks = {"hx-trigger": "live-list"}

    async def code(browser: Browser, mark: str = "", path: str = "/inbox?for=team") -> int:
        headers = {**asks, "if-none-match": mark} if mark else asks
        answer = await browser.get(path, htmx=True, headers=headers)
        marks.append(answer.headers.get("etag", ""))
        return answer.status_code

    marks: list[str] = []
    assert await code(binh) == 200
    mark = marks[0]
    assert await code(binh, mark) == 304
    assert await code(ha, mark) == 200  # somebody else
    assert await code(binh, mark, "/inbox?for=mine") == 200
    assert await code(binh, mark) == 304
    scene.site.lists.hear("list")
    assert await code(binh, mark) == 200
    assert marks[-1] not in ("", mark)
    by_hand = await binh.get("/inbox?for=team", headers={"if-none-match": marks[-1]})
    assert by_hand.status_code == 200
    assert "etag" not in by_hand.headers
    monkeypatch.setattr("inbox.views.unchanged.KEPT_S", 0.0)
    scene.site.lists.hear("list")
    assert await code(binh) == 200
    assert await code(binh, marks[-1]) == 200


async def test_the_page_of_filters_offers_the_tags(scene: Scene) -> None:
    """F81: and a choice that an own field no longer has stays to be seen where it was made."""
    number = await scene.arrive()
    ha, binh = await scene.signed_in("ha"), await scene.signed_in("binh")
    assert (await ha.post("/settings/marks/tags", {"name": "Gấp lắm"})).status_code == 303
    page = await binh.get("/views")
    assert page.status_code == 200
    assert "Gấp lắm" in page.text
    field = {"name": "Cỡ", "kind": "choice", "choices": "Nhỏ\nVừa"}
    assert (await ha.post("/settings/marks/fields", field)).status_code == 303
    chosen = {"field": "1", "value": "Nhỏ"}
    assert (await binh.post(f"/inbox/{number}/fields", chosen)).status_code == 303
    field = {"name": "Cỡ", "choices": "Vừa\nTo"}
    assert (await ha.post("/settings/marks/fields/1", field)).status_code == 303
    assert "<option selected>Nhỏ</option>" in (await binh.get(f"/inbox/{number}")).text
    assert (await binh.post(f"/inbox/{number}/fields", chosen)).status_code == 303, "as it is"
