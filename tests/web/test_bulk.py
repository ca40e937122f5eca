"""Several conversations at once: one request, one to take it back, rights for each."""

import re
from datetime import timedelta

import pytest

from models import Correction, Event, EventKind, SLAClock, Status
from models.base import columns
from tests.web.scene import Browser, Scene
from tests.web.test_list import fill, numbers

clocks = columns(SLAClock)
events = columns(Event)


async def arrive(scene: Scene, count: int) -> list[int]:
    """Let several requests come in, each with its clocks, all of Bình's."""
    found = []
    for n in range(count):
        number = await scene.arrive(subject=f"Đơn {n}", email=f"k{n}@vidu.example")
        found.append(number)
    return found


async def bulk(browser: Browser, numbers: list[int], do: str, **more: str) -> str:
    """Do it with htmx, as the page does; return what it answers."""
    answer = await browser.post(
        "/inbox/bulk", {"n": [str(one) for one in numbers], "do": do, **more}, htmx=True
    )
    assert answer.status_code == 200, answer.text
    return answer.text


def undo_of(html: str) -> str:
    found = re.search(r'action="(/inbox/undo/\d+[^"]*)"', html)
    assert found, "nothing to take back"
    return found[1].replace("&amp;", "&")


async def standing(scene: Scene, number: int) -> dict[str, object]:
    """Return what a click may change, with the live clocks."""
    row = await scene.get(number)
    names = ("status", "owner_id", "team_id", "request_type", "urgency", "triage")
    more = (
        "next_due_at",
        "order_at",
        "waiting_until",
        "wait_reason",
        "resolved_at",
        "reopened",
    )
    live = [
        (one.kind, one.due_at, one.paused_at, one.met_at, one.cancelled_at)
        for one in await scene.all(SLAClock, clocks.conversation_id == number)
    ]
    return {**{name: getattr(row, name) for name in (*names, *more)}, "clocks": live}


@pytest.mark.parametrize(
    "do",
    [
        "done:duplicate",
        "take",
        "assign:0",
        "wait:customer",
        "snooze:tomorrow",
        "type:complaint",
        "urgency:urgent",
        "spam",
    ],
)
async def test_each_action_and_its_undo(scene: Scene, do: str) -> None:
    """F81, DESIGN 27: one request does it, one takes it back: row, place, owner and clocks."""
    chosen = await arrive(scene, 2)
    before = [await standing(scene, one) for one in chosen]
    who = await scene.signed_in("ha")  # a supervisor: "take" changes the owner
    said = await bulk(who, chosen, do)
    after = [await standing(scene, one) for one in chosen]
    assert all(one != other for one, other in zip(before, after, strict=True))

    answer = await who.post(undo_of(said))
    assert answer.status_code == 303
    back = [await standing(scene, one) for one in chosen]
    if do.startswith("urgency"):  # the customer was told an earlier time: that promise stays
        kept = ("status", "owner_id", "team_id", "request_type", "urgency", "triage")
        assert [[one[name] for name in kept] for one in back] == [
            [one[name] for name in kept] for one in before
        ]
    else:
        assert back == before
    assert not await scene.all(Correction)
    again = await who.post(undo_of(said))
    assert again.status_code == 409


async def test_what_somebody_changed_meanwhile_is_left_and_said(scene: Scene) -> None:
    """F81: the others are done; the sentence names who changed it and leads there."""
    one, other = await arrive(scene, 2)
    shown = scene.clock.now
    scene.clock.now += timedelta(seconds=5)
    lan = await scene.signed_in("ha")
    await lan.post(f"/inbox/{other}/claim")
    scene.clock.now += timedelta(seconds=5)
    binh = await scene.signed_in("binh")
    said = await bulk(binh, [one, other], "done:duplicate", at=shown.isoformat())
    assert "1 done, 1 changed by Lê Thu Hà meanwhile." in said
    assert f'href="/inbox/{other}"' in said
    assert (await scene.get(one)).status is Status.RESOLVED
    assert (await scene.get(other)).status is Status.OPEN


async def test_done_needs_a_reason_where_an_answer_is_owed(scene: Scene) -> None:
    """What owes nothing is done; the others say that a reason is missing."""
    owing = await scene.arrive()
    (answered,) = await fill(scene, {"due": None})
    binh = await scene.signed_in("binh")
    said = await bulk(binh, [owing, answered], "done")
    assert "1 done, 1 still owe an answer" in said
    assert (await scene.get(owing)).status is Status.OPEN
    assert (await scene.get(answered)).status is Status.RESOLVED


async def test_rights_are_asked_for_each(scene: Scene) -> None:
    """Another team's is not found, whatever the form says; its own is done."""
    mine, theirs = await arrive(scene, 2)
    await scene.change(theirs, team_id=await scene.team("Technics"), owner_id=None)
    dung = (await scene.agent("dung")).id
    await scene.change(theirs, owner_id=dung)
    binh = await scene.signed_in("binh")
    said = await bulk(binh, [mine, theirs], "spam")
    assert "1 set apart as spam, 1 not found." in said
    assert (await scene.get(theirs)).status is Status.OPEN
    assert f'href="/inbox/{mine}"' not in said


async def test_undo_is_one_persons_and_for_a_minute(scene: Scene) -> None:
    (one,) = await arrive(scene, 1)
    binh = await scene.signed_in("binh")
    way = undo_of(await bulk(binh, [one], "snooze:tomorrow"))
    assert (await (await scene.signed_in("ha")).post(way)).status_code == 404
    scene.clock.now += timedelta(seconds=61)
    assert (await binh.post(way)).status_code == 409
    assert (await scene.get(one)).status is Status.SNOOZED


async def test_undo_leaves_what_happened_since(scene: Scene) -> None:
    """A customer wrote to one of them: that stays as it is."""
    one, other = await arrive(scene, 2)
    binh = await scene.signed_in("binh")
    way = undo_of(await bulk(binh, [one, other], "done:duplicate"))
    await scene.change(other, owner_id=None)
    answer = await binh.post(way)
    page = await binh.get(answer.headers["location"])
    assert "Something happened to 1 since" in page.text
    assert (await scene.get(one)).status is Status.OPEN
    assert (await scene.get(other)).status is Status.RESOLVED


async def test_without_scripts(scene: Scene) -> None:
    """A page asks what to do; the list then says how it ended, with a way back (S25)."""
    chosen = await arrive(scene, 2)
    binh = await scene.signed_in("binh")
    page = (await binh.get("/inbox")).text
    assert page.count('class="pick"') == 2
    fields = {"n": [str(one) for one in chosen], "back": "for=mine"}
    asked = await binh.post("/inbox/bulk", fields)
    assert asked.status_code == 200
    assert 'value="done:duplicate"' in asked.text
    assert asked.text.count('name="n"') == 2
    done = await binh.post("/inbox/bulk", {**fields, "do": "snooze:days"})
    assert done.status_code == 303
    page = (await binh.get(done.headers["location"])).text
    assert "2 sleeping now." in page
    assert (await binh.post(undo_of(page))).headers["location"] == "/inbox?for=mine"
    back = (await binh.get("/inbox?for=mine")).text
    assert "As before: 2." in back
    assert numbers(back) == chosen


async def test_nothing_and_too_many(scene: Scene) -> None:
    binh = await scene.signed_in("binh")
    many = [str(n) for n in range(1, 202)]
    for chosen in ([], many):
        answer = await binh.post("/inbox/bulk", {"n": chosen, "do": "take"})
        assert answer.status_code == 422
    (one,) = await fill(scene, {})
    answer = await binh.post("/inbox/bulk", {"n": [str(one)], "do": "fly"})
    assert answer.status_code == 422


async def test_tags_on_several(scene: Scene) -> None:
    """A supervisor's new tag is added; an agent uses it; undo takes off what that put on."""
    one, other = await fill(scene, {}, {})
    ha, binh = await scene.signed_in("ha"), await scene.signed_in("binh")
    await bulk(ha, [one], "tag:", tag="Hoàn tiền")
    refused = await binh.post(
        "/inbox/bulk", {"n": [str(one)], "do": "tag:", "tag": "Mới"}, htmx=True
    )
    assert refused.status_code == 422
    way = undo_of(await bulk(binh, [one, other], "tag:1"))
    kinds = [EventKind.TAGGED, EventKind.UNTAGGED]
    put = [row.conversation_id for row in await scene.all(Event, events.kind.in_(kinds))]
    assert put == [one, other]
    await binh.post(way)
    off = await scene.all(Event, events.kind == EventKind.UNTAGGED)
    assert [row.conversation_id for row in off] == [other]
