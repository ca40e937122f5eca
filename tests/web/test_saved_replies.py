"""Saved replies: kept by whom, found without accents, put in with real values (F81, R56)."""

import pytest

from models import AuditEntry, AuditThing, Draft, SavedReply
from tests.web.scene import Browser, Scene

SHIP = {
    "name": "Giao hàng",
    "shortcut": "/Ship",
    "whose": "company",
    "text_vi": "Chào {{customer.name}}, đơn {{conversation.number}} {{7*7}} {{nobody}}.",
    "text_en": "Hello {{customer.name}}, {{account.name}}",
}


async def keep(browser: Browser, **more: str) -> int:
    """Add a saved reply by its form; return its id."""
    answer = await browser.post("/settings/replies", {**SHIP, **more})
    assert answer.status_code == 303, answer.text
    return int(answer.headers["location"].rpartition("/")[2])


async def test_it_goes_into_an_answer_with_the_real_values(scene: Scene) -> None:
    """F81, R56, S25: {{7*7}} stays, what is no variable is marked, and its use is counted."""
    number = await scene.arrive()
    await scene.change(number, language="vi")
    leader = await scene.signed_in("ha")
    reply_id = await keep(leader)
    browser = await scene.signed_in("binh")
    listed = (await browser.get(f"/inbox/{number}/saved?words=giao+hang", htmx=True)).text
    assert "<mark>Chị Mai</mark>" in listed
    assert "/ship" in listed
    assert "There is no such variable" in listed
    done = await browser.post(f"/inbox/{number}/saved/{reply_id}", htmx=True)
    assert done.headers["content-type"].startswith("text/plain")
    assert done.text == f"Chào Chị Mai, đơn {number} {{{{7*7}}}} {{{{nobody}}}}."
    (row,) = await scene.all(SavedReply)
    assert row.used == 1
    page = (await browser.get(f"/inbox/{number}")).text
    assert 'id="saved"' in page
    assert f'formaction="/inbox/{number}/saved"' in page


async def test_the_language_is_the_customers(scene: Scene) -> None:
    number = await scene.arrive()
    await scene.change(number, language="en")
    leader = await scene.signed_in("ha")
    reply_id = await keep(leader)
    done = await leader.post(f"/inbox/{number}/saved/{reply_id}", htmx=True)
    assert done.text == "Hello Chị Mai, "
    only = await keep(leader, text_en="", name="Chỉ tiếng Việt")
    done = await leader.post(f"/inbox/{number}/saved/{only}", htmx=True)
    assert done.text.startswith("Chào Chị Mai")


@pytest.mark.one_database
async def test_a_customer_cannot_write_markup_or_variables_into_it(scene: Scene) -> None:
    """S25: the name is a value, escaped on the page and never filled in again."""
    number = await scene.arrive(name="<b>{{agent.name}}</b>")
    await scene.change(number, language="vi")
    browser = await scene.signed_in("binh")
    reply_id = await keep(browser, whose="me")
    page = (await browser.get(f"/inbox/{number}/saved")).text
    assert "&lt;b&gt;{{agent.name}}&lt;/b&gt;" in page
    done = await browser.post(f"/inbox/{number}/saved/{reply_id}")
    assert "<b>{{agent.name}}</b>" in done.text


async def test_without_a_script_it_goes_below_what_was_written(scene: Scene) -> None:
    """F85: the composer's text becomes a draft, the chosen reply stands below it."""
    number = await scene.arrive()
    await scene.change(number, language="vi")
    browser = await scene.signed_in("binh")
    reply_id = await keep(browser, whose="me")
    typed = {
        "body": "Dạ vâng ạ.",
        "kind": "reply",
        "key": "k",
        "seen": "1",
        "cc": "a@b.example",
    }
    answer = await browser.post(f"/inbox/{number}/saved", typed)
    assert answer.status_code == 303
    page = (await browser.get(answer.headers["location"])).text
    assert f'value="{reply_id}"' in page
    put = await browser.post(f"/inbox/{number}/saved", {"use": str(reply_id), "kind": "reply"})
    assert put.headers["location"] == f"/inbox/{number}"
    (draft,) = await scene.all(Draft)
    assert draft.text.startswith("Dạ vâng ạ.\n\nChào Chị Mai")
    assert draft.cc == "a@b.example"
    assert "Dạ vâng ạ." in (await browser.get(f"/inbox/{number}")).text


async def test_own_ones_are_nobody_elses(scene: Scene) -> None:
    """Nor can an agent change what all use."""
    number = await scene.arrive()
    binh, dung, leader = [await scene.signed_in(one) for one in ("binh", "dung", "ha")]
    mine = await keep(binh, whose="me", name="Riêng")
    shared = await keep(leader)
    teams = str(await scene.team("Technics"))
    technics = await keep(leader, whose=teams, name="Kỹ thuật")
    for browser in (dung, leader):
        assert (await browser.get(f"/settings/replies/{mine}")).status_code == 404
        assert (await browser.post(f"/settings/replies/{mine}", SHIP)).status_code == 404
        assert "Riêng" not in (await browser.get("/settings/replies")).text
    listed = (await binh.get(f"/inbox/{number}/saved")).text
    assert "Riêng" in listed
    assert "Kỹ thuật" not in listed
    assert (await binh.post(f"/inbox/{number}/saved/{technics}")).status_code == 404
    assert (await binh.get(f"/settings/replies/{technics}")).status_code == 404
    assert (await binh.post(f"/settings/replies/{shared}", SHIP)).status_code == 403
    assert (await binh.post(f"/settings/replies/{shared}/removal")).status_code == 403
    assert (await binh.post("/settings/replies", SHIP)).status_code == 422
    assert "readonly" in (await binh.get(f"/settings/replies/{shared}")).text


async def test_what_is_shared_is_in_the_trail(scene: Scene) -> None:
    leader = await scene.signed_in("ha")
    mine = await keep(leader, whose="me")
    assert await scene.all(AuditEntry, AuditEntry.thing == AuditThing.SAVED_REPLY) == []
    shared = await keep(leader)
    changed = {**SHIP, "name": "Giao chậm"}
    assert (await leader.post(f"/settings/replies/{shared}", changed)).status_code == 303
    assert (await leader.post(f"/settings/replies/{shared}/removal")).status_code == 303
    assert (await leader.post(f"/settings/replies/{mine}/removal")).status_code == 303
    found = await scene.all(AuditEntry, AuditEntry.thing == AuditThing.SAVED_REPLY)
    assert [one.action.value for one in found] == ["created", "changed", "removed"]
    assert found[1].before == {"name": "Giao hàng"}
    assert await scene.all(SavedReply) == []


WRONG = (
    *(("name", ""), ("name", "x" * 81), ("shortcut", "có dấu"), ("shortcut", "x" * 21)),
    *(("text_vi", "x" * 10_001), ("text_vi", "a\x1b[2J"), ("whose", "999"), ("whose", "x")),
)


@pytest.mark.one_database
async def test_what_is_wrong_is_said_and_kept(scene: Scene) -> None:
    leader = await scene.signed_in("ha")
    for field, value in WRONG:
        answer = await leader.post("/settings/replies", {**SHIP, field: value})
        assert answer.status_code == 422, field
        assert "conversation.number" in answer.text
    assert await scene.all(SavedReply) == []


async def test_a_shortcut_comes_first_and_the_preview_has_sample_values(scene: Scene) -> None:
    number = await scene.arrive()
    leader = await scene.signed_in("ha")
    await keep(leader, name="A ship nhắc tới", shortcut="")
    shown = await keep(leader, name="Z", shortcut="ship")
    listed = (await leader.get(f"/inbox/{number}/saved?words=ship", htmx=True)).text
    assert listed.index("<strong>Z<") < listed.index("A ship")
    page = (await leader.get(f"/settings/replies/{shown}?lang=en")).text
    assert "<mark>Lan</mark>" in page
    assert "no-field" in page
