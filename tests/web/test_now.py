"""The live page, and questions and passing on in the pages (F124, F125, F134)."""

import re
from datetime import timedelta

from sqlmodel import Session

from models import Absence, Ask, Event, EventKind, Outlook
from models.base import columns
from tests.web.scene import OUTSIDE_TOKEN, WRITE_TOKEN, Scene, bearer

events = columns(Event)


def figures(page: str) -> list[tuple[str, int]]:
    """Return every number that opens a list: address and count."""
    found = re.findall(r'<a href="(/now/list[^"]*)">(\d+)</a>', page)
    return [(href.replace("&amp;", "&"), int(n)) for href, n in found]


async def test_every_number_opens_a_list_of_that_many(scene: Scene) -> None:
    """F93, F134: tiles, teams, people and early signs."""
    numbers = [await scene.arrive(email=f"k{n}@vidu.example") for n in range(4)]
    numbers.append(await scene.arrive(request_type="technical_support", email="t@vidu.example"))
    now = scene.clock.now
    due = now - timedelta(minutes=5)
    await scene.change(numbers[0], next_due_at=due, order_at=due)
    due = now + timedelta(minutes=30)
    await scene.change(numbers[1], next_due_at=due, order_at=due, asked_again=2, passed_on=2)
    await scene.change(numbers[2], owner_id=None, reopened=1)
    soon = (await scene.get(numbers[3])).next_due_at
    assert soon is not None

    def foresee(session: Session) -> None:
        late = [[numbers[3], soon.isoformat(), (soon + timedelta(hours=1)).isoformat()]]
        slow = [[1, "owner_s", 4000, 1800, 6]]
        session.add(Outlook(made_at=now, data={"late": late, "room": {}, "slow": slow}))

    await scene.write(foresee)
    browser = await scene.signed_in("ha")
    page = await browser.get("/now")
    assert page.status_code == 200
    assert "1 h today, usually 30 min (of 6 requests)" in page.text
    found = figures(page.text)
    kinds = {re.search(r"kind=(\w+)", href)[1] for href, _ in found}  # type: ignore[index]
    assert {"open", "unowned", "late", "hour", "foreseen"} <= kinds
    assert {"again", "reopened", "passed_on"} <= kinds
    for href, n in found:
        listed = await browser.get(href)
        assert listed.status_code == 200
        assert listed.text.count('id="conversation-row-') == n, href
    part = await browser.get("/now", htmx=True)
    assert "<html" not in part.text
    assert figures(part.text) == found


async def test_who_is_there_and_who_covers(scene: Scene) -> None:
    """F134: on duty with load, away with the backup and until when; in Vietnamese too."""
    await scene.arrive()
    binh, dung = await scene.agent("binh"), await scene.agent("dung")
    now = scene.clock.now

    def away(session: Session) -> None:
        session.add(
            Absence(
                agent_id=dung.id,
                starts_at=now - timedelta(hours=1),
                ends_at=now + timedelta(hours=30),
                backup_id=binh.id,
                created_at=now,
                begun_at=now,
            )
        )

    await scene.write(away)
    page = await (await scene.signed_in("ha")).get("/now?lang=vi")
    row = re.search(r"<tr>(?:(?!</tr>).)*Phạm Hùng Dũng.*?</tr>", page.text, re.DOTALL)
    assert row
    assert "Trần Thanh Bình" in row[0]
    assert "T4 16:00" in row[0]
    assert "Tình hình hiện tại" in page.text
    assert f"owner={binh.id}" in page.text


async def test_lists_that_are_none(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    assert (await browser.get("/now/list?kind=nonsense")).status_code == 404
    for odd in ("team=x", "owner=-1", "team=99999999999999", "after=zzz"):
        answer = await browser.get(f"/now/list?kind=open&{odd}")
        assert answer.status_code in (200, 404), odd


async def test_asking_and_answering_without_a_script(scene: Scene) -> None:
    """F124: from the form to the note, each step a form; the owner and the place stay."""
    number = await scene.arrive()
    asker, asked = await scene.signed_in("binh"), await scene.signed_in("dung")
    assert (await asked.get(f"/inbox/{number}")).status_code == 404
    page = await asker.get(f"/inbox/{number}")
    assert f'href="/inbox/{number}/asks"' in page.text
    assert 'aria-keyshortcuts="q"' in page.text
    form = await asker.get(f"/inbox/{number}/asks")
    assert "Technics" in form.text
    assert "Orders</option>" not in form.text
    team = str(await scene.team("Technics"))
    wrong = await asker.post(f"/inbox/{number}/asks", {"team": team, "question": " "})
    assert wrong.status_code == 422
    assert "Write the question first." in wrong.text
    fields = {"team": team, "question": "Does it fit the old model?", "due": ""}
    done = await asker.post(f"/inbox/{number}/asks", fields)
    assert done.headers["location"] == f"/inbox/{number}"
    (ask,) = await scene.all(Ask)
    await _asked_side(scene, number, ask.id)
    page = await asker.get(f"/inbox/{number}")
    assert "Yes, with a ring." in page.text
    assert "answered what was asked" in page.text
    told = await asker.get("/notices")
    assert "Yes, with a ring." in told.text


async def _asked_side(scene: Scene, number: int, ask_id: int) -> None:
    """Read, note, and answer as somebody of the asked team; nothing else is possible."""
    asked = await scene.signed_in("dung")
    team = str(await scene.team("Technics"))
    listed = await asked.get("/asks")
    assert "Does it fit the old model?" in listed.text
    assert "/asks" in (await asked.get("/inbox")).text
    seen = await asked.get(f"/inbox/{number}")
    assert seen.status_code == 200
    assert f'href="/asks/{ask_id}"' in seen.text
    for gone in ('id="done"', 'id="claim"', 'id="owners"', 'value="reply"', 'id="agree"'):
        assert gone not in seen.text, gone
    note = {"body": "Let me look it up.", "kind": "note"}
    assert (await asked.post(f"/inbox/{number}/messages", note)).status_code == 303
    for path, fields in (
        ("messages", {"body": "Hello", "kind": "reply"}),
        ("resolution", {"reason": "duplicate"}),
        ("owner", {"owner": "0"}),
        ("claim", {}),
        ("passing", {"team": team, "reason": "no_room"}),
    ):
        answer = await asked.post(f"/inbox/{number}/{path}", fields)
        assert answer.status_code == 404, path
    api = await asked.client.get(
        f"/api/v1/conversations/{number}", headers=bearer(OUTSIDE_TOKEN)
    )
    assert api.status_code == 200
    assert (await asked.post(f"/asks/{ask_id}/taking")).status_code == 303
    assert "will answer" in (await asked.get(f"/inbox/{number}")).text
    done = await asked.post(f"/asks/{ask_id}/answer", {"answer": "Yes, with a ring."})
    assert done.headers["location"] == "/asks"
    assert (await asked.get(f"/inbox/{number}")).status_code == 404


async def test_passing_on_needs_a_reason(scene: Scene) -> None:
    """F125: the form says what is missing; with a reason it is the other team's."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    team = str(await scene.team("Technics"))
    form = await browser.get(f"/inbox/{number}/passing")
    assert "It came to the wrong team" in form.text
    wrong = await browser.post(f"/inbox/{number}/passing", {"team": team})
    assert wrong.status_code == 422
    assert "Say why it goes to another team." in wrong.text
    fields = {"team": team, "reason": "other", "note": "a broken pump"}
    done = await browser.post(f"/inbox/{number}/passing", fields)
    assert done.headers["location"] == "/inbox", "it is out of sight"
    row = await scene.get(number)
    assert (row.team_id, row.owner_id) == (int(team), (await scene.agent("dung")).id)
    page = await (await scene.signed_in("ha")).get(f"/inbox/{number}")
    assert "passed it on to Technics: Another reason (a broken pump)" in page.text


async def test_the_api_passes_on_with_and_without_a_reason(scene: Scene) -> None:
    """F125: PUT owner goes on working; what it does not say is noted as unstated."""
    number = await scene.arrive()
    binh = await scene.signed_in("binh")
    path = f"/api/v1/conversations/{number}/owner"
    for body in (
        {"owner": "dung@congty.example"},
        {"owner": None},
        {"owner": "dung@congty.example", "reason": "needs_skill", "note": "pumps"},
    ):
        answer = await binh.client.put(path, json=body, headers=bearer(WRITE_TOKEN))
        assert answer.status_code == 200, answer.text
    wrong = {"owner": "dung@congty.example", "reason": "because"}
    await binh.client.put(path, json={"owner": None}, headers=bearer(WRITE_TOKEN))
    answer = await binh.client.put(path, json=wrong, headers=bearer(WRITE_TOKEN))
    assert answer.status_code == 422
    found = await scene.all(
        Event, events.conversation_id == number, events.kind == EventKind.PASSED_ON
    )
    assert [one.data["reason"] for one in found] == ["unstated", "needs_skill"]
