"""The one list."""

import math
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox.clocks import NEVER
from inbox.store.people import create_contact, find_contact
from models import URGENCY_RANK, ChannelKind, Conversation, Status, Triage, Urgency
from tests.web.scene import NOW, Scene, counted


def numbers(html: str) -> list[int]:
    """Return the rows' numbers from top to bottom."""
    return [int(found) for found in re.findall(r'id="conversation-row-(\d+)"', html)]


def row_of(html: str, number: int) -> str:
    """Return one row's HTML."""
    found = re.search(rf'<li id="conversation-row-{number}".*?</li>', html, re.DOTALL)
    assert found
    return found[0]


def headings(html: str) -> dict[str, list[int]]:
    """Return the rows under each heading."""
    parts = re.split(r'<h2 class="group[^"]*" id="group-(\w+)"', html)
    return {name: numbers(part) for name, part in zip(parts[1::2], parts[2::2], strict=True)}


async def fill(scene: Scene, *rows: dict[str, Any]) -> list[int]:
    """Insert conversations: ``due`` in minutes from now, None for answered."""
    orders, owner = await scene.team("Orders"), (await scene.agent("binh")).id

    def work(session: Session) -> list[int]:
        address = "khach@vidu.example"
        contact = find_contact(session, "email", address) or create_contact(
            session, "email", address, name="Mai", language="vi", now=NOW
        )
        made: list[Conversation] = []
        for given in rows:
            values = dict(given)
            due = values.pop("due", 60)
            urgency = Urgency(values.pop("urgency", "normal"))
            next_due = None if due is None else NOW + timedelta(minutes=due)
            row = Conversation(
                public_token=f"t{len(made)}-{id(rows)}",
                inbox_id=2,
                contact_id=contact.id,
                channel=ChannelKind.FORM,
                request_type="general",
                urgency=urgency,
                urgency_rank=URGENCY_RANK[urgency],
                next_due_at=next_due,
                order_at=next_due or NEVER,
                created_at=NOW,
                last_inbound_at=NOW,
                **{"team_id": orders, "owner_id": owner, "subject": "Đơn", **values},
            )
            session.add(row)
            made.append(row)
        session.flush()
        return [row.id for row in made]

    return await scene.write(work)


async def test_groups_and_order(scene: Scene) -> None:
    """F72, DESIGN 16: nearest deadline, then urgency, then arrival, under headings."""
    late, soon, urgent, today, tomorrow, answered, done = await fill(
        scene,
        {"due": -10},
        {"due": 50},
        {"due": 50, "urgency": "urgent"},
        {"due": 61},
        {"due": 60 * 24},
        {"due": None},
        {"due": 5, "status": Status.RESOLVED},
    )
    page = (await (await scene.signed_in("binh")).get("/inbox")).text
    assert headings(page) == {
        "late": [late],
        "soon": [urgent, soon],
        "today": [today],
        "later": [tomorrow],
        "answered": [answered],
    }
    assert done not in numbers(page)
    assert "10 min late" in row_of(page, late)
    assert "50 min left" in row_of(page, soon)
    assert "Urgent" in row_of(page, urgent)
    titles = ["Late", "Within the hour", "Later today", "Tomorrow and later", "Answered"]
    places = [page.index(f"{title} <span") for title in titles]
    assert places == sorted(places)


async def test_midnight_is_the_companys(scene: Scene) -> None:
    """Midnight in Ho Chi Minh City, 14 hours from 10:00, ends "later today"."""
    today, tomorrow = await fill(scene, {"due": 14 * 60 - 1}, {"due": 14 * 60})
    page = (await (await scene.signed_in("binh")).get("/inbox")).text
    assert headings(page) == {"today": [today], "later": [tomorrow]}


async def test_mine_and_the_teams(scene: Scene) -> None:
    """Mine is what I own; the team's is everything I may see."""
    ha, technics = (await scene.agent("ha")).id, await scene.team("Technics")
    dung = (await scene.agent("dung")).id
    mine, colleague, unowned, foreign = await fill(
        scene,
        {},
        {"owner_id": ha},
        {"owner_id": None, "team_id": technics},
        {"owner_id": dung, "team_id": technics},
    )
    browser = await scene.signed_in("binh")
    assert numbers((await browser.get("/inbox?for=mine")).text) == [mine]
    team = (await browser.get("/inbox?for=team")).text
    assert numbers(team) == [mine, colleague, unowned]
    assert re.search(r'Mine <span class="muted num">1<', team)
    assert re.search(r'Team <span class="muted num">3<', team)
    everything = (await (await scene.signed_in("ha")).get("/inbox")).text
    assert numbers(everything) == [mine, colleague, unowned, foreign]
    start = await browser.get("/")
    assert (start.status_code, start.headers["location"]) == (303, "/inbox")
    assert numbers((await browser.get("/inbox?for=nonsense")).text) == numbers(team)


async def test_whose_it_is_stands_there_in_words(scene: Scene) -> None:
    """DESIGN 21: the owner or "no owner", on the row and in the panel."""
    ha = (await scene.agent("ha")).id
    unowned, mine = await fill(scene, {"owner_id": None}, {"owner_id": ha, "subject": "Ghế"})
    browser = await scene.signed_in("ha")
    page = (await browser.get("/inbox?for=team")).text
    assert ">no owner</span>" in row_of(page, unowned)
    assert 'aria-label="Lê Thu Hà"' in row_of(page, mine)
    assert "no owner" not in row_of(page, mine)
    for number, owner in ((unowned, "no owner"), (mine, "You")):
        panel = (await browser.get(f"/inbox/{number}")).text
        found = re.search(r"<dt>Owner</dt><dd>(.*?)</dd>", panel, re.DOTALL)
        assert found
        assert re.sub(r"<[^>]*>", " ", found[1]).split()[-len(owner.split()) :] == owner.split()
    assert ">chưa giao</span>" in row_of((await browser.get("/inbox?lang=vi")).text, unowned)


async def test_pages_of_120(scene: Scene) -> None:
    """Three pages hold each of 120 rows once, in order, with equal deadlines among them."""
    made = await fill(
        scene,
        *(
            {"due": 30 + n // 7, "urgency": ("low", "normal", "urgent")[n % 3]}
            for n in range(120)
        ),
    )
    browser = await scene.signed_in("binh")
    seen: list[int] = []
    path = "/inbox?for=team"
    sizes = []
    while path:
        page = (await browser.get(path)).text
        sizes.append(len(numbers(page)))
        seen += numbers(page)
        more = re.search(r'href="(/inbox\?for=team&amp;after=[^"]+)"[^>]*>Show more', page)
        path = more[1].replace("&amp;", "&") if more else ""
    assert sizes == [50, 50, 20]
    assert sorted(seen) == made
    rows = {row.id: row for row in await scene.all(Conversation)}
    order = [(rows[n].order_at, rows[n].urgency_rank, n) for n in seen]
    assert order == sorted(order)
    assert "First page" in page
    assert re.search(r'Team <span class="muted num">99\+<', page)


@pytest.mark.parametrize(
    "cursor",
    [  # cut, made up, beyond what a date or a database's integer holds
        "x",
        "1~2~3",
        "2026-11-24T03:00:00~2~3",
        "2026-11-24T03:00:00+00:00~2",
        "2026-11-24T03:00:00+00:00~x~3",
        "2026-11-24T03:00:00+00:00~2~99999999999999999999",
        "2026-11-24T03:00:00+00:00~99999999999999999999~1",
        "0001-01-01T00:00:00+14:00~2~3",
        "9999-12-31T23:59:59-14:00~2~3",
        "%00",
    ],
)
async def test_odd_cursors(scene: Scene, cursor: str) -> None:
    """An address that was cut or made up is not found; it breaks nothing."""
    browser = await scene.signed_in("binh")
    page = await browser.get("/inbox", params={"after": cursor})
    assert page.status_code == 404


async def test_partial_for_htmx(scene: Scene) -> None:
    """The refresh is the list, its head and the numbers; not the page, not the next-up card."""
    (number,) = await fill(scene, {})
    browser = await scene.signed_in("binh")
    part = await browser.get("/inbox?for=mine", htmx=True)
    assert part.status_code == 200
    assert "<html" not in part.text
    assert part.text.lstrip().startswith('<div class="list-body"')
    assert 'hx-swap-oob="true"' in part.text
    assert numbers(part.text) == [number]
    assert "HX-Request" in part.headers["vary"]
    restored = await browser.get(
        "/inbox", htmx=True, headers={"hx-history-restore-request": "true"}
    )
    assert "<html" in restored.text


async def test_unread_until_opened(scene: Scene) -> None:
    """Opening a conversation marks it as read; preloading it does not (decision 40)."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    assert "unread" in row_of((await browser.get("/inbox")).text, number)
    await browser.get(f"/inbox/{number}", htmx=True, headers={"hx-preloaded": "true"})
    assert "unread" in row_of((await browser.get("/inbox")).text, number)
    scene.names.clear()
    version = (await scene.get(number)).version
    await browser.get(f"/inbox/{number}")
    assert "unread" not in row_of((await browser.get("/inbox")).text, number)
    assert scene.names == ["list"]
    assert (await scene.get(number)).version == version
    await browser.get(f"/inbox/{number}")
    assert scene.names == ["list"], "read once is read"


async def test_next_for_you(scene: Scene) -> None:
    """The first owed answer is offered with what the customer wrote."""
    browser = await scene.signed_in("binh")
    assert "Nothing is waiting for you" in (await browser.get("/inbox")).text
    number = await scene.arrive("Bao giờ giao ghế <b>cho tôi</b>?")
    page = (await browser.get("/inbox")).text
    card = page[page.index("next-card") :]
    assert f'href="/inbox/{number}"' in card
    assert "Bao giờ giao ghế &lt;b&gt;cho tôi&lt;/b&gt;?" in card


async def test_unsure_rows_ask(scene: Scene) -> None:
    """F56, DESIGN 32: below the threshold the row asks "A or B?" and still has a clock."""
    unsure, sure, decided = await fill(
        scene,
        {"request_type_confidence": 0.4, "second_type": "complaint"},
        {"request_type_confidence": 0.95, "second_type": None, "triage": Triage.AUTO},
        {
            "request_type_confidence": 0.4,
            "second_type": "complaint",
            "triage": Triage.CONFIRMED,
        },
    )
    browser = await scene.signed_in("binh")
    page = (await browser.get("/inbox")).text
    assert "General or Complaint?" in row_of(page, unsure)
    assert "by 11:00" in row_of(page, unsure)
    assert "Complaint" not in row_of(page, sure)
    assert "chip-ai" in row_of(page, unsure), "only what asks something stands out"
    assert "chip-ai" not in row_of(page, sure)
    assert "chip-ai" not in row_of(page, decided)
    vietnamese = (await browser.get("/inbox?lang=vi")).text
    assert "Khác hay Khiếu nại?" in row_of(vietnamese, unsure).replace("hoặc", "hay")


async def test_no_query_per_row(scene: Scene) -> None:
    """A list of 50 costs as many statements as a list of one."""
    browser = await scene.signed_in("ha")
    paths = ("/inbox", "/inbox?for=mine", "/review", "/notices")
    ran: dict[str, list[int]] = {path: [] for path in paths}
    await fill(scene, {"triage": Triage.NEEDS_REVIEW})
    for more in (0, 60):
        await fill(scene, *({"triage": Triage.NEEDS_REVIEW} for _ in range(more)))
        for path in paths:
            await browser.get(path)
            scene.site._company_until = math.inf  # read each two seconds, not counted here
            with counted(scene.database) as statements:
                assert (await browser.get(path)).status_code == 200
            ran[path].append(len(statements))
    for path, (few, many) in ran.items():
        assert few == many, path
        # The review page shows how sorting goes, too.
        assert few < (40 if path == "/review" else 36), (path, few)
