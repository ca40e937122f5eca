"""Giving a conversation to a colleague on its page."""

import re

import pytest
from sqlalchemy import update
from sqlmodel import Session

from models import Agent, Event, EventKind, Status
from models.base import columns
from tests.web.scene import Scene, address

agents = columns(Agent)
events = columns(Event)


async def given(scene: Scene, number: int) -> list[Event]:
    """Return how often it changed hands."""
    return await scene.all(
        Event, events.conversation_id == number, events.kind == EventKind.ASSIGNED
    )


async def change(scene: Scene, person: str, **values: object) -> None:
    """Change somebody's row."""

    def work(session: Session) -> None:
        query = update(Agent).where(agents.email == address(person))
        session.execute(query.values(**values))

    await scene.write(work)


def menu(page: str) -> list[tuple[int, str]]:
    """Return whom the menu offers: id, and the words of the line."""
    form = re.search(r'<form[^>]* id="owners".*?</form>', page, re.DOTALL)
    assert form
    lines = re.findall(r'name="owner" value="(\d+)"[^>]*>(.*?)</button>', form[0], re.DOTALL)
    return [(int(key), re.sub(r"<[^>]+>", " ", words)) for key, words in lines]


async def test_the_menu(scene: Scene) -> None:
    """The team's people with who is there and how much they have; the owner of another team."""
    binh, dung = await scene.agent("binh"), await scene.agent("dung")
    for _ in range(2):
        number = await scene.arrive()
    page = await (await scene.signed_in("binh")).get(f"/inbox/{number}")
    assert 'aria-keyshortcuts="a"' in page.text
    own, nobody = menu(page.text)
    assert (own[0], nobody[0]) == (binh.id, 0)
    assert "Trần Thanh Bình" in own[1]
    assert "On duty" in own[1]
    assert "2 open" in own[1]
    assert "now" in own[1]
    await change(scene, "binh", on_duty=False)
    await scene.change(number, owner_id=dung.id)
    page = await (await scene.signed_in("ha")).get(f"/inbox/{number}?lang=vi")
    first, second, _ = menu(page.text)
    assert (first[0], second[0]) == (dung.id, binh.id), "who is there comes first"
    assert "Vắng" in second[1]
    assert "1 đang mở" in second[1]
    await scene.change(number, owner_id=None)
    page = await (await scene.signed_in("ha")).get(f"/inbox/{number}")
    assert [key for key, _ in menu(page.text)] == [binh.id]
    await scene.change(number, status=Status.RESOLVED)
    page = await (await scene.signed_in("ha")).get(f"/inbox/{number}")
    assert 'id="owners"' not in page.text


@pytest.mark.parametrize("htmx", [False, True])
async def test_giving_it_away(scene: Scene, htmx: bool) -> None:
    """With htmx the changed parts and a toast, without it back to the page; twice is once."""
    number = await scene.arrive()
    ha = await scene.agent("ha")
    before = len(await given(scene, number))
    browser = await scene.signed_in("binh")
    fields = {"owner": str(ha.id), "seen": str((await scene.agent("binh")).id)}
    for _ in range(2):
        answer = await browser.post(f"/inbox/{number}/owner", fields, htmx=htmx)
        if htmx:
            assert answer.status_code == 200
            assert "It is with Lê Thu Hà now." in answer.text
            assert f'id="conversation-row-{number}"' in answer.text
            assert 'id="draft"' not in answer.text, "what is being written stays"
        else:
            assert answer.status_code == 303
            assert answer.headers["location"] == f"/inbox/{number}"
    assert (await scene.get(number)).owner_id == ha.id
    assert len(await given(scene, number)) == before + 1
    page = await browser.get(f"/inbox/{number}")
    assert "Trần Thanh Bình gave it to Lê Thu Hà." in page.text
    page = await (await scene.signed_in("ha")).get(f"/inbox/{number}?lang=vi")
    assert "Trần Thanh Bình đã giao cho Lê Thu Hà." in page.text
    assert f"conv-{number}" in scene.names


async def test_giving_it_back(scene: Scene) -> None:
    """Nobody's: the team's again, and the page says so."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    answer = await browser.post(f"/inbox/{number}/owner", {"owner": "0"}, htmx=True)
    assert "It has no owner now." in answer.text
    assert (await scene.get(number)).owner_id is None
    page = await browser.get(f"/inbox/{number}")
    assert "Trần Thanh Bình gave it back: it has no owner." in page.text


async def test_not_over_a_colleagues_head(scene: Scene) -> None:
    """The page showed another owner: 409, and it stays with whom it went to since."""
    number = await scene.arrive()
    binh, ha, viet = [await scene.agent(name) for name in ("binh", "ha", "viet")]
    await scene.change(number, owner_id=ha.id)
    browser = await scene.signed_in("binh")
    fields = {"owner": str(viet.id), "seen": str(binh.id)}
    answer = await browser.post(f"/inbox/{number}/owner", fields, htmx=True)
    assert answer.status_code == 409
    assert "Its owner has just changed." in answer.text
    assert (await scene.get(number)).owner_id == ha.id


async def test_people_who_cannot_have_it(scene: Scene) -> None:
    """422 for nobody chosen, for strangers, and for those who left."""
    number = await scene.arrive()
    owner = (await scene.get(number)).owner_id
    dung = await scene.agent("dung")
    await change(scene, "dung", is_active=False)
    browser = await scene.signed_in("binh")
    for odd in ("", "x", "-1", "999", "9" * 30, str(dung.id)):
        answer = await browser.post(f"/inbox/{number}/owner", {"owner": odd})
        assert answer.status_code == 422, odd
    assert (await browser.post(f"/inbox/{number}/owner")).status_code == 422
    assert (await scene.get(number)).owner_id == owner


async def test_outsiders_give_nothing(scene: Scene) -> None:
    """404, as everything of another team's."""
    number = await scene.arrive()
    dung = await scene.agent("dung")
    answer = await (await scene.signed_in("dung")).post(
        f"/inbox/{number}/owner", {"owner": str(dung.id)}
    )
    assert answer.status_code == 404
    assert (await scene.get(number)).owner_id == (await scene.agent("binh")).id


async def test_given_out_of_sight(scene: Scene) -> None:
    """Somebody of another team who gives theirs back to its team is led to the list."""
    number = await scene.arrive()
    dung, binh = await scene.agent("dung"), await scene.agent("binh")
    await scene.change(number, owner_id=dung.id)
    browser = await scene.signed_in("dung")
    answer = await browser.post(f"/inbox/{number}/owner", {"owner": str(binh.id)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
    assert (await scene.get(number)).owner_id == binh.id
