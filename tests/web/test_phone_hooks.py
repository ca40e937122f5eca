"""Calls as a switchboard tells of them: signed, once each, in any order (F115, R23, R24)."""

import itertools
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from inbox.channels import webhook
from inbox.company import doors, phones
from inbox.company.doors import Entered
from inbox.vault import Vault
from models import (
    Call,
    CallState,
    ChannelKind,
    ClockKind,
    Contact,
    ContactIdentity,
    Conversation,
    Direction,
    Event,
    EventKind,
    Inbox,
    Message,
    Outbox,
    RawMessage,
    SLAClock,
    SLAPolicy,
)
from models.base import columns
from tests.web.scene import NOW, Scene

NUMBER = "+84901234567"
_ids = itertools.count(1)


@pytest.fixture
async def board(scene: Scene) -> "Board":
    """Open a way in of telephone, as an administrator does."""
    viet = await scene.agent("viet")
    team = await scene.team("Orders")

    def work(session: Session) -> tuple[Inbox, str]:
        entered = Entered(name="Hotline", team_id=team)
        made = doors.open_inbox(session, ChannelKind.PHONE, entered, by=viet.id, now=NOW)
        vault = Vault(scene.site.secret)
        secret = doors.renew_secret(session, made.id, vault, by=viet.id, now=NOW)
        return made, secret

    made, secret = await scene.write(work)
    return Board(scene, made, secret)


class Board:
    """A switchboard that tells of calls."""

    def __init__(self, scene: Scene, door: Inbox, secret: str) -> None:
        self.scene, self.door, self.secret = scene, door, secret
        self.client = scene.browser().client

    async def tell(self, event: str, call: str = "c1", **more: Any) -> httpx.Response:
        """Tell what happened to a call."""
        said = {"call": call, "event": event, "direction": "inbound", "from": "0901 234 567"}
        return await self.post({**said, "to": "1900 1234", **more})

    async def post(
        self, said: Any, *, event_id: str = "", at: Any = None, secret: str = "", **headers: str
    ) -> httpx.Response:
        """Send an event."""
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        number = event_id or f"evt-{next(_ids)}"
        stamp = int((at or self.scene.clock.now).timestamp())
        signed = webhook.signature(secret or self.secret, number, stamp, body)
        given = {
            "webhook-id": number,
            "webhook-timestamp": str(stamp),
            "webhook-signature": signed,
            **headers,
        }
        path = f"/hooks/phone/{self.door.handle}"
        return await self.client.post(path, content=body, headers=given)

    async def later(self, seconds: int) -> None:
        """Let time pass."""
        self.scene.clock.now += timedelta(seconds=seconds)


async def clocks(scene: Scene, number: int) -> dict[ClockKind, SLAClock]:
    """Return a conversation's clocks."""
    found = await scene.all(SLAClock, columns(SLAClock).conversation_id == number)
    return {one.kind: one for one in found}


async def test_a_missed_call_is_to_be_rung_back(board: Board) -> None:
    """F115: a conversation with a call-back clock of half an hour, and no mail to anybody."""
    scene = board.scene
    assert (await board.tell("ringing")).status_code == 200
    await board.later(20)
    assert (await board.tell("missed")).status_code == 200

    (row,) = await scene.all(Conversation)
    (call,) = await scene.all(Call)
    assert (row.channel, row.status) == (ChannelKind.PHONE, "open")
    assert row.subject == "Call from 0901 234 567"
    assert (call.state, call.number, call.call_id) == (CallState.MISSED, NUMBER, "c1")
    first = (await clocks(scene, row.id))[ClockKind.FIRST_RESPONSE]
    assert (first.target_s, first.met_at) == (30 * 60, None)
    assert first.due_at == NOW + timedelta(minutes=30)
    assert first.policy == "Call back: Hotline"
    assert row.request_type == "general"
    assert await scene.all(Outbox) == []
    (contact,) = await scene.all(ContactIdentity)
    assert (contact.kind, contact.value) == ("phone", NUMBER)
    browser = await scene.signed_in("binh")
    page = (await browser.get(f"/inbox/{row.id}")).text
    assert "Missed call" in page
    assert f'href="tel:{NUMBER}"' in page
    assert "there is no address to write to" in page


async def test_an_answered_call_meets_the_clock(board: Board) -> None:
    """F115, F37: with who took it, when, how long and the recording."""
    scene = board.scene
    binh = await scene.agent("binh")
    await board.tell("ringing")
    await board.later(8)
    await board.tell("answered", agent="binh@congty.example")
    await board.later(200)
    link = "https://pbx.example/rec/1"
    await board.tell("ended", length=200, recording=link)

    (row,) = await scene.all(Conversation)
    (call,) = await scene.all(Call)
    answered = NOW + timedelta(seconds=8)
    assert (call.state, call.length_s, call.recording) == (CallState.ANSWERED, 200, link)
    assert (call.agent_id, call.answered_at) == (binh.id, answered)
    first = (await clocks(scene, row.id))[ClockKind.FIRST_RESPONSE]
    assert (first.met_at, first.met_by_id) == (answered, binh.id)
    assert (row.first_responded_at, row.next_due_at, row.owner_id) == (answered, None, binh.id)
    (message,) = await scene.all(Message)
    assert message.direction is Direction.INBOUND
    browser = await scene.signed_in("binh", "en")
    page = (await browser.get(f"/inbox/{row.id}")).text
    assert "Incoming call, answered, 3 min 20 s" in page
    assert f'href="{link}"' in page
    public = (await scene.browser().get(f"/s/{row.public_token}")).text
    assert link not in public


@pytest.mark.parametrize(
    "order", [("missed", "ringing"), ("ended", "answered", "ringing"), ("missed", "answered")]
)
async def test_events_in_another_order(board: Board, order: tuple[str, ...]) -> None:
    """F115: what comes late changes nothing back; one message and one conversation a call."""
    for event in order:
        length: dict[str, Any] = {"length": 65} if event == "ended" else {}
        assert (await board.tell(event, **length)).status_code == 200
        await board.later(1)
    (call,) = await board.scene.all(Call)
    spoke = {"ended", "answered"} & set(order)
    assert call.state is (CallState.ANSWERED if spoke else CallState.MISSED)
    assert len(await board.scene.all(Message)) == 1
    (row,) = await board.scene.all(Conversation)
    assert (row.next_due_at is None) is bool(spoke)


async def test_who_rings_again_goes_on_in_the_same_request(board: Board) -> None:
    """F115: three missed calls are one request, and the third raises its urgency."""
    scene = board.scene
    for number in range(3):
        await board.tell("missed", f"c{number}")
        await board.later(60)
    await board.tell("missed", "other", **{"from": "0907 000 111"})
    first, other = await scene.all(Conversation)
    assert (first.asked_again, first.urgency) == (2, "high")
    assert first.contact_id != other.contact_id
    assert len(await scene.all(Call)) == 4
    assert len(await scene.all(Contact)) == 2


async def test_a_replay_changes_nothing(board: Board) -> None:
    """R24: the same event again is told yes, and nothing comes of it; nor by another name."""
    scene = board.scene
    said = {"call": "c1", "event": "missed", "from": "0901234567"}
    for event_id in ("evt-a", "evt-a", "evt-b"):
        assert (await board.post(said, event_id=event_id)).status_code == 200
        await board.later(5)
    assert len(await scene.all(RawMessage)) == 2
    assert len(await scene.all(Conversation)) == 1
    assert len(await scene.all(Message)) == 1
    (row,) = await scene.all(Conversation)
    assert row.asked_again == 0


async def test_what_is_not_signed_changes_nothing(board: Board) -> None:
    """R23: a wrong signature, or a timestamp of more than five minutes ago."""
    said = {"call": "c1", "event": "missed"}
    other = webhook.make_secret(b"x" * 32)
    assert (await board.post(said, secret=other)).status_code == 401
    old = NOW - timedelta(minutes=5, seconds=1)
    assert (await board.post(said, at=old)).status_code == 401
    assert (await board.post(said, **{"webhook-signature": "v1,x"})).status_code == 401
    assert await board.scene.all(RawMessage) == []
    (door,) = await board.scene.all(Inbox, columns(Inbox).kind == ChannelKind.PHONE)
    assert phones.ERROR not in door.settings


async def test_what_cannot_be_read_is_said(board: Board) -> None:
    """F115: to the switchboard, and on the page until a good event comes."""
    for body in (b"[]", b"{", b"null", b'"x"', {"event": "missed"}, {"call": "1"}):
        assert (await board.post(body)).status_code == 422
    (door,) = await board.scene.all(Inbox, columns(Inbox).kind == ChannelKind.PHONE)
    assert door.settings[phones.ERROR]["field"] == "event"
    browser = await board.scene.signed_in("viet")
    path = f"/settings/inboxes/{board.door.id}"
    assert "an event came that does not say: What happened" in (await browser.get(path)).text
    await board.tell("missed")
    page = (await browser.get(path)).text
    assert "does not say" not in page
    assert "1 calls in seven days" in page
    long = {"call": "c9", "event": "missed", "text": "x" * 70_000}
    assert (await board.post(long)).status_code == 413


async def test_our_own_calls(board: Board) -> None:
    """F115: a call of ours goes to what waits of that customer, if anything does."""
    scene = board.scene
    binh = await scene.agent("binh")
    await board.tell("missed")
    (row,) = await scene.all(Conversation)
    await board.later(600)
    out = {"direction": "outbound", "from": "1900 1234", "to": "0901234567"}
    await board.tell("ringing", "o1", agent="binh@congty.example", **out)
    await board.later(5)
    await board.tell("answered", "o1", **out)
    met = (await clocks(scene, row.id))[ClockKind.FIRST_RESPONSE]
    assert (met.met_at, met.met_by_id) == (NOW + timedelta(seconds=605), binh.id)
    (_, message) = await scene.all(Message)
    assert message.direction is Direction.NOTE, "nobody outside reads it"
    await board.tell("answered", "o2", **{**out, "to": "0909 999 999"})
    assert len(await scene.all(Conversation)) == 1
    assert len(await scene.all(Call)) == 2


async def test_the_mapping_of_another_switchboard(board: Board) -> None:
    """F115: its names are entered, looked at with a sample, kept, and read from then on."""
    scene = board.scene
    browser = await scene.signed_in("viet")
    path = f"/settings/inboxes/{board.door.id}"
    page = (await browser.get(path)).text
    assert f"/hooks/phone/{board.door.handle}" in page
    sample = {
        "data": {"id": "x9", "caller": {"phone": "+84 907 000 111"}, "ext": "101"},
        "type": "CALL_ABANDONED",
    }
    typed = {
        "path_call": "data.id",
        "path_event": "type",
        "path_from": "data.caller.phone",
        "path_agent": "data.ext",
        "words_missed": "call_abandoned, no answer",
        "words_answered": "CALL_UP",
        "extensions": "101 binh@congty.example",
        "sample": json.dumps(sample),
    }
    shown = await browser.post(f"{path}/reading", {**typed, "do": "preview"})
    assert shown.status_code == 200
    for piece in ("x9", "Missed", "0907 000 111", 'value="data.caller.phone"'):
        assert piece in shown.text
    wrong = await browser.post(f"{path}/reading", {**typed, "do": "preview", "sample": "{}"})
    assert (wrong.status_code, "The sample does not say" in wrong.text) == (422, True)
    for field, value in (
        ("path_call", ""),
        ("path_from", "a..b"),
        ("extensions", "101"),
        ("request_type", "none"),
    ):
        refused = await browser.post(f"{path}/reading", {**typed, field: value, "do": "save"})
        assert refused.status_code == 422, field
    saved = await browser.post(f"{path}/reading", {**typed, "do": "save"})
    assert saved.status_code == 303
    await board.post(sample)
    await board.post({**sample, "type": "call_up"})
    (call,) = await scene.all(Call)
    binh = await scene.agent("binh")
    assert (call.number, call.state) == ("+84907000111", CallState.ANSWERED)
    assert call.agent_id == binh.id


async def test_a_test_event(board: Board) -> None:
    """F115: signed and checked as the switchboard's are, it opens a real request."""
    browser = await board.scene.signed_in("viet")
    path = f"/settings/inboxes/{board.door.id}"
    wrong = await browser.post(f"{path}/test-call", {"number": "abc"})
    assert (wrong.status_code, "This is no telephone number" in wrong.text) == (422, True)
    answer = await browser.post(f"{path}/test-call", {"number": "0901 234 567"})
    (row,) = await board.scene.all(Conversation)
    assert answer.headers["location"] == f"/inbox/{row.id}"
    (call,) = await board.scene.all(Call)
    assert (call.state, call.number) == (CallState.MISSED, NUMBER)


@pytest.mark.one_database
async def test_the_rule_and_the_end(board: Board) -> None:
    """F115: a closed way in refuses; its rule is one as any other."""
    (rule,) = await board.scene.all(SLAPolicy, columns(SLAPolicy).channel == "phone")
    assert (rule.inbox_id, rule.first_response_s) == (board.door.id, 30 * 60)
    browser = await board.scene.signed_in("viet")
    await browser.post(f"/settings/inboxes/{board.door.id}/closing")
    assert (await board.tell("missed")).status_code == 404
    kinds = {one.kind for one in await board.scene.all(Event)}
    assert EventKind.RECEIVED not in kinds
