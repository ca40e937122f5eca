"""A customer says how we did, and that the matter is done, behind the link (F90, F91)."""

from datetime import timedelta

from inbox.satisfaction.asking import Ask, Survey, save_survey
from inbox.store.satisfaction import sum_by
from models import Event, EventKind, Outbox, OutboxKind, Satisfaction, Status
from models.base import columns
from tests.factories import NOW
from tests.web.scene import Scene, hidden

outbox = columns(Outbox)
events = columns(Event)


async def _answered(scene: Scene) -> tuple[int, str]:
    """Let somebody write, answer it, and mark it done; return number and the link's path."""
    number = await scene.arrive(email="mai@khach.example")
    browser = await scene.signed_in("binh")
    await browser.post(f"/inbox/{number}/claim", {})
    await browser.post(f"/inbox/{number}/messages", {"body": "Dạ xong ạ.", "kind": "reply"})
    await browser.post(f"/inbox/{number}/resolution", {})
    row = await scene.get(number)
    assert row.status is Status.RESOLVED
    return number, f"/s/{row.public_token}"


async def _ask(scene: Scene) -> list[Outbox]:
    await Ask(scene.database, scene.site.settings, scene.site.secret).once()
    return list(await scene.all(Outbox, outbox.kind == OutboxKind.SURVEY))


async def test_a_customer_is_asked_once_and_a_link_alone_says_nothing(scene: Scene) -> None:
    """F91: asked after a day, at most once; a scanner that follows every link is no vote."""
    number, path = await _answered(scene)
    assert await _ask(scene) == []  # not at once
    scene.clock.now += timedelta(hours=25)
    (mail,) = await _ask(scene)
    assert mail.mail["facts"]["bad"].endswith(f"{path}/rating?score=bad")
    assert len(await _ask(scene)) == 1

    visitor = scene.browser()
    for score in ("good", "fair", "bad"):
        shown = await visitor.get(f"{path}/rating?score={score}")
        assert shown.status_code == 200
        assert shown.headers["x-robots-tag"] == "noindex"
    (said,) = await scene.all(Satisfaction)
    assert (said.score, said.answered_at) == (None, None)

    fields = {"token": hidden(shown.text, "token"), "score": "bad", "comment": "Chậm quá"}
    answer = await visitor.client.post(f"{path}/rating", data=fields)
    assert answer.status_code == 303
    (said,) = await scene.all(Satisfaction)
    assert (said.score, said.comment) == ("bad", "Chậm quá")
    binh = await scene.agent("binh")
    assert said.agent_id == binh.id
    rated = await scene.all(Event, events.kind == EventKind.RATED)
    assert [one.conversation_id for one in rated] == [number]

    wrong = await visitor.client.post(f"{path}/rating", data={**fields, "score": "great"})
    assert wrong.status_code == 422
    assert "Chậm quá" in wrong.text
    forged = await visitor.client.post(f"{path}/rating", data={**fields, "token": "x"})
    assert forged.status_code == 403


async def test_the_report_sums_up_by_person_topic_and_channel(scene: Scene) -> None:
    """F91: in the report; only of those who answered."""
    _, path = await _answered(scene)
    visitor = scene.browser()
    token = hidden((await visitor.get(f"{path}/rating")).text, "token")
    await visitor.client.post(
        f"{path}/rating", data={"token": token, "score": "good", "comment": "Tốt"}
    )
    for by in ("agent", "team", "type", "channel"):
        (one,) = await scene.database.read(sum_by, by, NOW - timedelta(days=1))
        assert (one.asked, one.good, one.bad) == (1, 1, 0)
    lead = await scene.signed_in("ha")
    for by in ("agent", "team", "type", "channel", "nonsense"):
        shown = (await lead.get(f"/reports/satisfaction?by={by}")).text
        assert "100" in shown
        assert "Tốt" in shown

    off = await lead.post("/reports/satisfaction", {"after_hours": "48"})
    assert off.status_code == 303
    scene.clock.now += timedelta(hours=49)
    assert await _ask(scene) == []
    wrong = await lead.post("/reports/satisfaction", {"after_hours": "soon", "is_on": "1"})
    assert wrong.status_code == 422


async def test_nobody_is_asked_twice_in_a_week(scene: Scene) -> None:
    await _answered(scene)
    scene.clock.now += timedelta(hours=25)
    assert len(await _ask(scene)) == 1
    await _answered(scene)
    scene.clock.now += timedelta(hours=25)
    assert len(await _ask(scene)) == 1

    lead = await scene.agent("ha")
    await scene.database.write(save_survey, Survey(True, 0), by=lead.id, now=scene.clock.now)
    scene.clock.now += timedelta(days=7)
    await _answered(scene)
    assert len(await _ask(scene)) == 2


async def test_a_customer_closes_and_opens_again(scene: Scene) -> None:
    """F90: closed by the customer unanswered, said so, and open again when they write."""
    number = await scene.arrive(email="mai@khach.example")
    path = f"/s/{(await scene.get(number)).public_token}"
    visitor = scene.browser()
    page = (await visitor.get(path)).text
    done = {"token": hidden(page, "token"), "key": hidden(page, "key"), "solved": "1"}
    for _ in range(2):
        assert (await visitor.client.post(f"{path}/messages", data=done)).status_code == 303
    row = await scene.get(number)
    assert (row.status, row.next_due_at) == (Status.RESOLVED, None)
    resolved = await scene.all(Event, events.kind == EventKind.RESOLVED)
    assert [one.data["reason"] for one in resolved] == ["customer"]
    shown = (await visitor.get(path)).text
    assert 'name="solved"' not in shown

    fields = {"token": hidden(shown, "token"), "key": hidden(shown, "key"), "body": "Chưa ạ."}
    assert (await visitor.client.post(f"{path}/messages", data=fields)).status_code == 303
    assert (await scene.get(number)).status is Status.OPEN
