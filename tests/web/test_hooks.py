"""Signed webhooks: believed only with proof, applied once however often they come."""

import asyncio
import re
import secrets
from typing import Any

import httpx
import pytest
from sqlmodel import Session

from inbox.channels.webhook import make_secret, signature
from inbox.company.doors import secret_place
from inbox.vault import Vault
from models import AuditEntry, ChannelKind, Conversation, Inbox, RawMessage
from models.base import columns
from tests.web.scene import NOW, SECRET, Scene

KEY = "shop"
URL = f"/hooks/generic/{KEY}"
BODY = '{"email": "lan@khach.example", "name": "Lan", "text": "Máy không lên."}'.encode()


@pytest.fixture
async def hook(scene: Scene) -> str:
    """Open a webhook; return the secret its sender has."""
    secret = make_secret(secrets.token_bytes(24))

    def work(session: Session) -> None:
        door = Inbox(kind=ChannelKind.WEBHOOK, handle=KEY, name="Shop", created_at=NOW)
        session.add(door)
        session.flush()
        sealed = Vault(SECRET.encode()).seal(secret, secret_place(door.id))
        door.settings = {"secret": sealed}

    await scene.write(work)
    return secret


async def send(
    scene: Scene,
    secret: str,
    event_id: str = "evt_1",
    body: bytes = BODY,
    *,
    age_s: int = 0,
    url: str = URL,
    **headers: str,
) -> httpx.Response:
    """Send an event as another system does."""
    stamp = int(scene.clock.now.timestamp()) - age_s
    given = {
        "webhook-id": event_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": signature(secret, event_id, stamp, body),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return await scene.browser().client.post(url, content=body, headers=given)


async def test_an_event_becomes_a_conversation(scene: Scene, hook: str) -> None:
    answer = await send(scene, hook)

    assert (answer.status_code, answer.json()) == (200, {"status": "stored"})
    (made,) = await scene.all(Conversation)
    assert made.channel is ChannelKind.WEBHOOK
    assert made.next_due_at is not None
    assert made.owner_id is not None


async def test_five_times_in_parallel_and_out_of_order_is_once(scene: Scene, hook: str) -> None:
    """R6, R24: the event's id decides; each time the answer is yes."""
    ids = ["evt_2", "evt_1", "evt_2", "evt_1", "evt_2", "evt_1", "evt_1", "evt_2", "evt_1"]

    answers = await asyncio.gather(*(send(scene, hook, one) for one in [*ids, "evt_2"]))
    late = await send(scene, hook, "evt_1", body=BODY.replace(b"Lan", b"Mai"))

    assert {answer.status_code for answer in [*answers, late]} == {200}
    assert len(await scene.all(RawMessage)) == 2
    assert len(await scene.all(Conversation)) == 2


WRONG: dict[str, dict[str, Any]] = {
    "another secret": {"secret": make_secret(b"x" * 24)},
    "too old": {"age_s": 301},
    "from the future": {"age_s": -301},
    "no id": {"webhook_id": ""},
    "another id": {"webhook_id": "evt_9"},
    "no time": {"webhook_timestamp": ""},
    "no number": {"webhook_timestamp": "-1"},
    "another version": {"webhook_signature": "v2,AAAA"},
    "nothing": {"webhook_signature": ""},
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_is_not_proved_changes_nothing(scene: Scene, hook: str, what: str) -> None:
    """R23: a wrong signature, or a time more than five minutes away, is 401."""
    answer = await send(scene, **{"secret": hook, **WRONG[what]})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert await scene.all(RawMessage) == []


async def test_a_signature_covers_the_body(scene: Scene, hook: str) -> None:
    """R23."""
    stamp = int(scene.clock.now.timestamp())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": f"v1,AAAA {signature(hook, 'evt_1', stamp, BODY)}",
    }
    client = scene.browser().client

    changed = await client.post(URL, content=BODY.replace(b"Lan", b"Mai"), headers=headers)
    rotated = await client.post(URL, content=BODY, headers=headers)

    assert (changed.status_code, rotated.status_code) == (401, 200)


async def test_a_body_that_is_none_is_said_so(scene: Scene, hook: str) -> None:
    """R51: unknown fields are refused, and nothing of it is kept."""
    body = b'{"email": "lan@khach.example", "text": "x", "admin": true}'

    answer = await send(scene, hook, body=body)

    assert answer.status_code == 422
    assert "admin" in answer.json()["detail"]
    assert await scene.all(RawMessage) == []


async def test_a_closed_webhook_is_not_there(scene: Scene) -> None:
    answer = await send(scene, make_secret(b"x" * 24))

    assert answer.status_code == 404


async def test_an_admin_opens_one_and_sees_its_secret_once(scene: Scene) -> None:
    """F135: from the page to the first event."""
    admin = await scene.signed_in("viet")
    made = await admin.post("/settings/inboxes/new/webhook", {"name": "Shop"})
    (door,) = await scene.all(Inbox, columns(Inbox).kind == ChannelKind.WEBHOOK)
    assert made.headers["location"] == f"/settings/inboxes/{door.id}"
    url = f"/hooks/generic/{door.handle}"
    assert url in (await admin.get(made.headers["location"])).text

    shown = await admin.post(f"/settings/inboxes/{door.id}/secret", {})
    found = re.search(r'value="(whsec_[^"]+)"', shown.text)
    assert found is not None
    assert found[1] not in (await admin.get(f"/settings/inboxes/{door.id}")).text

    answer = await send(scene, found[1], url=url)
    assert answer.status_code == 200
    assert len(await scene.all(Conversation)) == 1
    rows = str([row.after for row in await scene.all(AuditEntry)])
    assert "renewed" in rows
    assert found[1] not in rows
