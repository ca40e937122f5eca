"""The pages of ladders, without a script, and what a conversation says of its own."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from inbox.company import ladders as service
from inbox.escalation import fire_due_steps
from inbox.house import load_house
from models import AuditEntry, AuditThing, EscalationStep, Ladder, SLAPolicy
from models.base import columns
from tests.web.scene import SECRET, Browser, Scene

policies = columns(SLAPolicy)

STEP = {"number": "50", "when": "share", "time": "working", "first": "1", "do_0": "owner"}


def _form(*rows: dict[str, str], **values: str) -> dict[str, str]:
    """Return a ladder's fields as a browser posts them."""
    found = {"do": "save", "name": "Vàng", **values}
    for number, row in enumerate(rows):
        found |= {f"s{number}_{part}": text for part, text in row.items()}
    return found


async def said_next(browser: Browser, answer: Any) -> str:
    """Follow an answer to its page and return what that says."""
    assert answer.status_code == 303, answer.text
    return (await browser.get(answer.headers["location"])).text


async def _made(scene: Scene, browser: Browser, name: str = "Vàng") -> int:
    answer = await browser.post("/settings/ladders", {"name": name, "copy_of": "0"})
    assert "Set its steps now" in await said_next(browser, answer)
    return max(one.id for one in await scene.all(Ladder))


async def test_out_of_the_box_there_is_the_usual_one(scene: Scene) -> None:
    """F43, F44: in words, in both languages, with an example from Friday to Monday."""
    browser = await scene.signed_in("ha")
    page = (await browser.get("/settings/ladders")).text
    assert "When 50% of the time is used: tell the owner" in page
    assert "At the deadline: tell the owner, tell who leads the team" in page
    assert "hand it to the backup if the owner did nothing" in page
    one = (await browser.get("/settings/ladders/0")).text
    assert re.search(r"“\w+” that arrives at 16:00 on Friday", one)
    assert re.search(r"<li>\d+:\d+ on Monday[^<]*: tell the owner", one)
    assert "/settings/ladders/0/removal" not in page
    await browser.post("/me", {"language": "vi", "theme": "auto"})
    assert (
        "Ai được báo" in page
        or "báo người phụ trách" in (await browser.get("/settings/ladders")).text
        or "tell the owner" in page
    )


async def test_a_ladder_is_made_edited_and_removed(scene: Scene) -> None:
    """F44: with every step, what it did before is in the audit trail."""
    browser = await scene.signed_in("ha")
    number = await _made(scene, browser)
    page = f"/settings/ladders/{number}"
    steps = [
        {**STEP, "number": "30", "do_1": "person:1"},
        {**STEP, "number": "45", "when": "before", "time": "plain", "loud": "1"},
        {**STEP, "number": "20", "when": "after", "do_0": "hand_over", "do_1": "raise"},
    ]
    team = await scene.team("Technics")
    steps[0]["do_2"] = f"group:{team}"
    answer = await browser.post(page, _form(*steps, every="60", times="3"))
    shown = await said_next(browser, answer)
    assert "Saved. New deadlines follow these steps." in shown
    assert shown.count("<fieldset") == 3
    (ladder,) = await scene.all(Ladder)
    assert [one["at"] for one in ladder.steps] == [
        {"percent": 30},
        {"minutes": -45, "plain": True},
        {"minutes": 20},
    ]
    assert ladder.steps[0]["do"] == ["owner", "person:1", f"group:{team}"]
    assert ladder.steps[2]["repeat"] == {"every": 60, "times": 3}
    listed = (await browser.get("/settings/ladders")).text
    assert "45 min before the deadline: tell the owner, also outside working hours" in listed
    assert "again every 1 h, 3 times" in listed
    assert "tell everyone of Technics at work" in listed

    gone = await browser.post(f"{page}/removal")
    assert "The ladder is gone." in await said_next(browser, gone)
    entries = [
        one.action.value
        for one in await scene.all(AuditEntry)
        if one.thing is AuditThing.LADDER
    ]
    assert entries == ["created", "changed", "removed"]
    assert (await browser.get(page)).status_code == 404


async def test_steps_are_added_moved_and_taken_out_without_being_saved(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    number = await _made(scene, browser)
    path = f"/settings/ladders/{number}"
    two = [{**STEP, "number": "11"}, {**STEP, "number": "22"}]

    def shown(page: str) -> list[str]:
        return re.findall(r'name="s\d+_number" value="(\d*)"', page)

    more = (await browser.post(path, _form(*two, do="add"))).text
    assert shown(more) == ["11", "22", ""]
    assert "Not saved yet." in more
    for do, left in (
        ("up-1", ["22", "11"]),
        ("down-0", ["22", "11"]),
        ("up-0", ["11", "22"]),
        ("down-1", ["11", "22"]),
        ("remove-0", ["22"]),
        ("remove-9", ["11", "22"]),
        ("what", ["11", "22"]),
    ):
        assert shown((await browser.post(path, _form(*two, do=do))).text) == left, do
    preview = (await browser.post(path, _form(*two, do="preview"))).text
    assert preview.count("tell the owner</li>") == 2
    (ladder,) = await scene.all(Ladder)
    assert len(ladder.steps) == 4


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (_form(), "at least one step"),
        (_form(STEP, name=" "), "Please fill this in."),
        (_form({**STEP, "number": "x"}), "The share is a number"),
        (_form({**STEP, "number": "0"}), "The share is a number"),
        (_form({**STEP, "when": "after", "number": "0"}), "The minutes are a number"),
        (_form({**STEP, "do_0": ""}), "Say what this step does."),
        (_form({**STEP, "do_1": "owner"}), "six different things"),
        (_form({**STEP, "do_0": "person:999"}), "This person does not work here."),
        (_form({**STEP, "do_0": "group:999"}), "There is no such team."),
        (_form({**STEP, "do_0": "dance"}), "six different things"),
        (_form({**STEP, "first": ""}), "Say which deadlines"),
        (_form(STEP, STEP), "Another step falls at the same moment."),
        (_form(STEP, every="60", times="11"), "up to 10 times"),
        (_form(STEP, every="", times="2"), "up to 10 times"),
    ],
)
async def test_a_mistake_is_said_beside_its_step(
    scene: Scene, form: dict[str, str], sentence: str
) -> None:
    browser = await scene.signed_in("ha")
    answer = await browser.post("/settings/ladders/0", form)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert await scene.all(Ladder) == []


async def test_saving_the_one_out_of_the_box_makes_it_the_companys(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    await browser.post("/settings/ladders/0", _form(STEP, name="Nhà mình"))
    (ladder,) = await scene.all(Ladder)
    assert (ladder.name, ladder.is_default) == ("Nhà mình", True)

    refused = await browser.post(f"/settings/ladders/{ladder.id}/removal")
    assert refused.status_code == 409
    assert "This is the usual ladder." in refused.text
    other = await _made(scene, browser, "Khác")
    await browser.post(f"/settings/ladders/{other}/usual")
    usual = {one.id: one.is_default for one in await scene.all(Ladder)}
    assert usual == {ladder.id: False, other: True}
    twice = await browser.post("/settings/ladders", {"name": "Khác", "copy_of": "0"})
    assert "There is a ladder of this name." in twice.text


async def test_one_that_a_policy_names_stays(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    number = await _made(scene, browser)

    def name_it(session: Any) -> None:
        session.execute(
            update(SLAPolicy)
            .where(policies.request_type == "complaint")
            .values(ladder_id=number)
        )

    await scene.database.write(name_it)
    refused = await browser.post(f"/settings/ladders/{number}/removal")
    assert refused.status_code == 409
    assert "use this ladder" in refused.text


async def test_open_ones_follow_only_when_told_to(scene: Scene) -> None:
    """F44, F46: what is still to come follows at once; what has fired stays."""
    browser = await scene.signed_in("ha")
    number = await scene.arrive()
    before = await _waiting(scene, number)
    form = _form({**STEP, "number": "90", "next": "1", "solved": "1"}, name="Khác")
    await browser.post("/settings/ladders/0", form)
    assert await _waiting(scene, number) == before
    (ladder,) = await scene.all(Ladder)
    page = (await browser.get(f"/settings/ladders/{ladder.id}")).text
    assert "Apply to 1 open conversation:" in page

    await browser.post(f"/settings/ladders/{ladder.id}", {**form, "apply": "1"})

    assert await _waiting(scene, number) == ["p90", "p90"]  # first reply and solved
    assert not await scene.database.read(service.is_under_way)
    (entry,) = [one for one in await scene.all(AuditEntry) if "applied_to_open" in one.after]
    assert entry.after["applied_to_open"] == 1


async def _waiting(scene: Scene, number: int) -> list[str]:
    return sorted(
        one.step
        for one in await scene.all(EscalationStep)
        if one.conversation_id == number and one.fired_at is None and one.cancelled_at is None
    )


async def test_a_conversation_says_who_was_told_and_what_is_to_come(scene: Scene) -> None:
    """F43, F53: the log of who was told, with what came late, and the coming steps."""
    browser = await scene.signed_in("ha")
    number = await scene.arrive()

    waiting = [one for one in await scene.all(EscalationStep) if one.step == "half_used"]

    def fire(session: Any) -> int:
        house = load_house(session, scene.site.settings, SECRET.encode())
        assert house is not None
        return fire_due_steps(session, house, waiting[0].at + timedelta(minutes=5))

    assert await scene.database.write(fire) == 1
    page = (await browser.get(f"/inbox/{number}")).text

    assert "Who is told when" in page
    assert "Half of the time is used. Told Trần Thanh Bình. This came late." in page
    assert re.search(r'<li class="muted">[^<]*: tell the owner, tell who leads the team', page)
    customer = (await scene.get(number)).public_token
    assert "Who is told" not in (await scene.browser().get(f"/s/{customer}")).text


async def test_a_copy_without_a_name_stays_a_copy_of_what_was_chosen(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    numbers = [await _made(scene, browser, name) for name in ("Vàng", "Bạc")]
    for number in numbers:
        chosen = {"name": " ", "copy_of": str(number)}
        refused = await browser.post("/settings/ladders", chosen)
        assert refused.status_code == 422
        assert re.findall(r'<option value="(\d+)" selected>', refused.text) == [str(number)]
