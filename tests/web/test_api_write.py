"""What a script changes through the API: answers, notes, urgency, owner, status."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.views.api import shapes
from models import (
    Agent,
    ClockKind,
    Correction,
    Direction,
    Event,
    EventKind,
    Message,
    Outbox,
    OutboxKind,
    SLAClock,
    SLAPolicy,
    Status,
)
from models.base import columns
from tests.web.scene import OUTSIDE_TOKEN, READ_TOKEN, WRITE_TOKEN, Scene, address, bearer
from tests.web.scripts import CHANGES, POSTS, URL, problem, send

messages = columns(Message)
outbox = columns(Outbox)
events = columns(Event)
agents = columns(Agent)
clocks = columns(SLAClock)


async def written(scene: Scene, direction: Direction) -> list[Message]:
    """Return what was written."""
    return await scene.all(Message, messages.direction == direction)


async def happened(scene: Scene, number: int, kind: EventKind) -> list[Event]:
    """Return a conversation's events of one kind."""
    return await scene.all(Event, events.conversation_id == number, events.kind == kind)


async def test_reply(scene: Scene) -> None:
    """F100, decision 5: it leaves by mail as the token's person's, and the clock is met."""
    number = await scene.arrive()
    answer = await send(scene, "replies", number)
    assert answer.status_code == 201
    said = msgspec.convert(answer.json(), shapes.Message)
    assert said.direction == Direction.OUTBOUND
    assert said.author == address("binh")
    assert said.delivery == "queued"
    assert said.text == "Dạ hàng đang trên đường ạ."
    (mail,) = await scene.all(Outbox, outbox.kind == OutboxKind.REPLY)
    assert (mail.message_id, mail.to_address) == (said.id, "khach@vidu.example")
    row = await scene.get(number)
    assert row.first_responded_at is not None
    assert row.next_due_at is None
    (first,) = await scene.all(SLAClock, clocks.kind == ClockKind.FIRST_RESPONSE)
    assert first.met_at is not None


async def test_reply_to_what_was_read(scene: Scene) -> None:
    """The composer's collision, for scripts: 409 when a message came after the one seen."""
    number = await scene.arrive()
    seen = (await scene.get(number)).last_message_id
    assert seen is not None
    assert (await send(scene, "notes", number)).status_code == 201, "a note is no collision"
    body = {"text": "Vâng ạ.", "seen": seen}
    assert (await send(scene, "replies", number, body)).status_code == 201
    said = problem(await send(scene, "replies", number, body), 409)
    assert said.type == "urn:kip:problem:newer-message"
    assert len(await written(scene, Direction.OUTBOUND)) == 1


async def test_note(scene: Scene) -> None:
    """A note goes to nobody and stops no clock."""
    number = await scene.arrive()
    before = await scene.get(number)
    answer = await send(scene, "notes", number)
    assert answer.status_code == 201
    said = msgspec.convert(answer.json(), shapes.Message)
    assert (said.direction, said.author) == (Direction.NOTE, address("binh"))
    assert said.delivery is None
    assert await scene.all(Outbox, outbox.kind == OutboxKind.REPLY) == []
    assert (await scene.get(number)).next_due_at == before.next_due_at


async def test_urgency(scene: Scene) -> None:
    """F58: the deadline follows; the same again teaches nothing twice."""
    number = await scene.arrive()
    before = await scene.get(number)
    answer = await send(scene, "urgency", number)
    assert answer.status_code == 200
    said = msgspec.convert(answer.json(), shapes.Conversation)
    assert said.urgency == "urgent"
    assert said.next_due_at is not None
    assert before.next_due_at is not None
    assert said.next_due_at < before.next_due_at
    again = await send(scene, "urgency", number)
    assert again.json() == answer.json()
    assert len(await scene.all(Correction)) == 1
    problem(await send(scene, "urgency", number, {"urgency": "soon"}), 422)
    lower = await send(scene, "urgency", number, {"urgency": "low"})
    assert lower.json()["urgency"] == "low"
    assert len(await scene.all(Correction)) == 2


async def test_confirming_the_type_once(scene: Scene) -> None:
    """Saying the same as the sorting confirms it; saying it again changes nothing."""
    number = await scene.arrive()
    body = {"request_type": "order_delivery"}
    answer = await send(scene, "request-type", number, body)
    assert answer.json()["triage"] == "confirmed"
    assert (await send(scene, "request-type", number, body)).json() == answer.json()
    assert len(await scene.all(Correction)) == 1


async def test_owner(scene: Scene) -> None:
    """To a colleague, to oneself, to nobody; each once, and the history says who did it."""
    number = await scene.arrive()
    assert (await scene.get(number)).owner_id == (await scene.agent("binh")).id
    others = len(await happened(scene, number, EventKind.ASSIGNED))
    for owner, reason in (
        (address("ha"), "assigned"),
        (address("binh").upper(), "claimed"),
        (None, "unassigned"),
    ):
        for _ in range(2):
            answer = await send(scene, "owner", number, {"owner": owner})
            assert answer.status_code == 200
            said = msgspec.convert(answer.json(), shapes.Conversation)
            assert said.owner == (owner.lower() if owner else None)
        others += 1
        done = await happened(scene, number, EventKind.ASSIGNED)
        assert len(done) == others, "the second time is harmless"
        assert done[-1].data["reason"] == reason
        assert done[-1].actor_id == (await scene.agent("binh")).id


async def test_owner_elsewhere(scene: Scene) -> None:
    """Somebody of another team who is given it sees it, and can answer."""
    number = await scene.arrive()
    problem(await send(scene, "replies", number, token=OUTSIDE_TOKEN), 404)
    await send(scene, "owner", number, {"owner": address("dung")})
    assert (await send(scene, "replies", number, token=OUTSIDE_TOKEN)).status_code == 201


async def test_odd_owners(scene: Scene) -> None:
    """422 for strangers, for those who left, and for what is no address; nothing changes."""
    number = await scene.arrive()
    before = await scene.get(number)

    def leave(session: Session) -> None:
        query = update(Agent).where(agents.email == address("dung"))
        session.execute(query.values(is_active=False))

    await scene.write(leave)
    for body in (
        {"owner": "nobody@congty.example"},
        {"owner": address("dung")},
        {"owner": ""},
        {"owner": 1},
        {},
        {"owner": None, "team": "Orders"},
    ):
        problem(await send(scene, "owner", number, body), 422)
    after = await scene.get(number)
    assert (after.owner_id, after.version) == (before.owner_id, before.version)


async def test_status(scene: Scene) -> None:
    """Done and open again; either one twice is one. An owed answer needs a reason (F118)."""
    number = await scene.arrive()
    problem(await send(scene, "status", number, {"status": "resolved"}), 422)
    for status, kind in (("resolved", EventKind.RESOLVED), ("open", EventKind.REOPENED)):
        for _ in range(2):
            body = {"status": status, "reason": "answered_by_phone"}
            answer = await send(scene, "status", number, body)
            assert answer.status_code == 200
            said = msgspec.convert(answer.json(), shapes.Conversation)
            assert said.status == status
            assert (said.resolved_at is not None) == (status == "resolved")
        assert len(await happened(scene, number, kind)) == 1
    assert (await scene.get(number)).next_due_at is not None, "an answer is owed again"


@pytest.mark.parametrize(("status", "event"), [("waiting", 1), ("snoozed", 1)])
async def test_waiting_and_sleeping(scene: Scene, status: str, event: int) -> None:
    """F32: until a time, which is shown; and on again."""
    number = await scene.arrive()
    until = "2026-11-25T03:00:00Z"
    for _ in range(2):
        answer = await send(scene, "status", number, {"status": status, "until": until})
        assert answer.status_code == 200
        said = msgspec.convert(answer.json(), shapes.Conversation)
        assert (said.status, said.waiting_until is not None) == (status, True)
    assert len(await happened(scene, number, EventKind.WAITED)) == event
    for wrong in ("2000-01-01T00:00:00Z", "2026-11-25T03:00:00", "soon"):
        problem(await send(scene, "status", number, {"status": status, "until": wrong}), 422)
    answer = await send(scene, "status", number, {"status": "open"})
    said = msgspec.convert(answer.json(), shapes.Conversation)
    assert (said.status, said.waiting_until) == ("open", None)


@pytest.mark.parametrize("status", ["spam", "merged", "", "OPEN"])
async def test_statuses_that_cannot_be_set(scene: Scene, status: str) -> None:
    """422 says which can be."""
    number = await scene.arrive()
    said = problem(await send(scene, "status", number, {"status": status}), 422)
    assert "snoozed or resolved" in said.detail
    assert (await scene.get(number)).status == Status.OPEN


@pytest.mark.parametrize("what", CHANGES)
async def test_outsiders_and_readers(scene: Scene, what: str) -> None:
    """F100: another team's token finds nothing, a reading one may not, no token is nobody."""
    number = await scene.arrive()
    before = await scene.get(number)
    problem(await send(scene, what, number, token=OUTSIDE_TOKEN, key="a"), 404)
    problem(await send(scene, what, number, token=READ_TOKEN, key="a"), 403)
    problem(await send(scene, what, number, token="unknown", key="a"), 401)
    problem(await send(scene, what, 999, key="a"), 404)
    problem(await send(scene, what, 2**63, key="a"), 404)
    assert (await scene.get(number)).version == before.version
    assert (await send(scene, what, number, key="a")).status_code in (200, 201)


@pytest.mark.parametrize("what", CHANGES)
async def test_unknown_fields_and_parameters(scene: Scene, what: str) -> None:
    """R51: nothing is ignored: no field, no parameter, no zero character."""
    number = await scene.arrive()
    before = await scene.get(number)
    method, body = CHANGES[what]
    odd: list[Any] = [{**body, "color": "red"}, [], "x", 1, {}]
    odd += [{name: f"x\0{value}" for name, value in body.items()}]
    for one in odd:
        problem(await send(scene, what, number, one), 422)
    answer = await scene.browser().client.request(
        method, f"{URL}/{number}/{what}?notify=no", headers=bearer(WRITE_TOKEN), json=body
    )
    assert problem(answer, 422).errors == {"notify": "unknown"}
    assert (await scene.get(number)).version == before.version


@pytest.mark.parametrize(
    "path", [f"{URL}?state=open", f"{URL}?limit=5&limit=6", f"{URL}/1?full=1"]
)
async def test_unknown_questions(scene: Scene, path: str) -> None:
    """R51: a misspelt filter is refused, not forgotten."""
    await scene.arrive()
    answer = await scene.browser().client.get(path, headers=bearer(READ_TOKEN))
    assert problem(answer, 422).errors


@pytest.mark.parametrize("what", POSTS)
@pytest.mark.parametrize("text", ["", " \n ", "x" * 100_001])
async def test_odd_texts(scene: Scene, what: str, text: str) -> None:
    """Nothing, or too much."""
    number = await scene.arrive()
    problem(await send(scene, what, number, {"text": text}), 422)
    assert len(await scene.all(Message, messages.direction.in_(["outbound", "note"]))) == 0


async def test_tier(scene: Scene) -> None:
    """F34, F35, F100: a customer's tier changes all their open ones; twice is once."""
    one, other = await scene.arrive(), await scene.arrive()
    await scene.write(_vip_rule)
    answer = await send(scene, "tier", one, {"tier": "vip"})
    assert answer.status_code == 200
    said = answer.json()
    assert said["contact"]["tier"] == "vip"
    for number in (one, other):
        row = await scene.get(number)
        assert row.first_response_due_at == row.created_at + timedelta(minutes=10)
        (event,) = await happened(scene, number, EventKind.CLASSED)
        assert event.actor_id == (await scene.agent("binh")).id
    assert (await send(scene, "tier", other, {"tier": "vip"})).status_code == 200
    assert len(await scene.all(Event, events.kind == EventKind.CLASSED)) == 2
    for wrong in ({"tier": "x" * 61}, {"tier": None}, {}, {"tier": "vip", "more": 1}):
        problem(await send(scene, "tier", one, wrong), 422)


async def test_a_tier_given_when_filing(scene: Scene) -> None:
    """F34, F100: the rule of the tier holds at once, also for what the customer has open."""
    await scene.write(
        lambda session: session.add(SLAPolicy(name="VIP", tier="vip", first_response_s=600))
    )
    body = {"email": "khach@vidu.example", "text": "Đơn hàng của tôi đâu?"}
    headers = bearer(WRITE_TOKEN)
    browser = scene.browser()
    first = (await browser.client.post(URL, json=body, headers=headers)).json()
    assert first["contact"]["tier"] == "standard"

    answer = await browser.client.post(URL, json={**body, "tier": " vip "}, headers=headers)

    said = answer.json()
    assert (answer.status_code, said["contact"]["tier"]) == (201, "vip")
    assert said["first_response_due_at"] < first["first_response_due_at"]
    (classed,) = await happened(scene, first["number"], EventKind.CLASSED)
    assert classed.actor_id == (await scene.agent("binh")).id
    again = await scene.browser().client.post(URL, json=body, headers=headers)
    assert again.json()["contact"]["tier"] == "vip", "as they are already"
    problem(
        await browser.client.post(URL, json={**body, "tier": "x" * 61}, headers=headers), 422
    )


async def test_product_group(scene: Scene) -> None:
    """F34, F100: a rule for a product group answers from the arrival on; null is none."""
    number = await scene.arrive()
    await scene.write(_vip_rule)
    answer = await send(scene, "product-group", number, {"product_group": "Beds"})
    assert answer.json()["product_group"] == "Beds"
    row = await scene.get(number)
    assert row.resolution_due_at == row.created_at + timedelta(hours=1)
    answer = await send(scene, "product-group", number, {"product_group": None})
    assert answer.json()["product_group"] is None
    assert len(await happened(scene, number, EventKind.CLASSED)) == 2


def _vip_rule(session: Session) -> None:
    session.add_all(
        [
            SLAPolicy(name="VIP", tier="vip", first_response_s=600),
            SLAPolicy(name="Beds", product_group="beds", resolution_s=3600),
        ]
    )
