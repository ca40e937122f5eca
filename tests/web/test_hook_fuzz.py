"""Random deliveries to every webhook's door: each is answered, none breaks or vanishes.

What is sent depends on the seed alone; a failure names it. ``KIP_TEST_SEED`` sets another.
"""

import base64
import hashlib
import hmac
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox.channels.messengers.account import Account
from inbox.channels.messengers.providers import PROVIDERS
from inbox.channels.messengers.zalo import sign as sign_zalo
from inbox.channels.webhook import make_secret, signature
from inbox.company.doors import secret_place
from inbox.queue import INTAKE
from inbox.vault import Vault
from models import ChannelKind, Inbox, RawMessage, RawState
from models.base import columns
from tests.messaging import ENTERED
from tests.web.doors import MessengerDoor, open_door
from tests.web.scene import NOW, SECRET, Scene
from tests.web.test_attack_routes import INJECTIONS

SEED = int(os.environ.get("KIP_TEST_SEED", "20261125"))
SHORT, LONG, PORTION = 25, 1700, 100  # deliveries to each of six doors
BODIES = 300  # of each messenger, read without a door
AT = int(NOW.timestamp())
HOOK_SECRET = make_secret(b"f" * 24)
MESSENGER_KINDS = (
    *(ChannelKind.TELEGRAM, ChannelKind.WHATSAPP),
    *(ChannelKind.ZALO, ChannelKind.MESSENGER),
)
KINDS = (*MESSENGER_KINDS, ChannelKind.WEBHOOK, ChannelKind.PHONE)

Headers = dict[str, str]


def _telegram() -> Any:
    who = {"id": 4242, "is_bot": False, "first_name": "Lan"}
    message = {
        "message_id": 7,
        "from": who,
        "chat": {"id": 4242, "type": "private"},
        "date": AT,
        "text": "Máy không lên",
        "sticker": {"file_id": "s", "emoji": "👍"},
        "location": {"latitude": 10.7, "longitude": 106.7},
        "contact": {"phone_number": "84901234567", "first_name": "Lan", "user_id": 4242},
        "photo": [{"file_id": "p", "width": 9, "height": 9, "file_size": 5}],
        "voice": {"file_id": "v", "duration": 3},
        "entities": [{"type": "text_link", "url": "https://a.example/"}],
    }
    return {"update_id": 900, "message": message}


def _whatsapp() -> Any:
    message = {
        "from": "84901234567",
        "id": "wamid.1",
        "timestamp": str(AT),
        "type": "text",
        "text": {"body": "Máy không lên"},
        "image": {"id": "77", "mime_type": "image/jpeg", "caption": "vỡ"},
        "location": {"latitude": 10.7, "longitude": 106.7, "name": "Kho"},
        "contacts": [{"name": {"formatted_name": "Lan"}, "phones": [{"phone": "84901"}]}],
        "context": {"forwarded": True},
    }
    value = {
        "metadata": {"phone_number_id": ENTERED[ChannelKind.WHATSAPP]["number_id"]},
        "contacts": [{"wa_id": "84901234567", "profile": {"name": "Lan"}}],
        "messages": [message],
        "statuses": [{"id": "wamid.O", "status": "read", "timestamp": str(AT)}],
    }
    changes = [{"field": "messages", "value": value}]
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}


def _zalo() -> Any:
    return {
        "app_id": "1",
        "event_name": "user_send_text",
        "sender": {"id": "246845883529197922"},
        "recipient": {"id": "388613280878808645"},
        "message": {
            "text": "Máy không lên",
            "msg_id": "m1",
            "attachments": [{"type": "image", "payload": {"url": "https://a.example/1.jpg"}}],
        },
        "timestamp": str(AT * 1000),
    }


def _facebook() -> Any:
    message = {
        "mid": "m1",
        "text": "Máy không lên",
        "attachments": [{"type": "image", "payload": {"url": "https://a.example/1.jpg"}}],
    }
    told = {"sender": {"id": "77"}, "recipient": {"id": "88"}, "timestamp": AT * 1000}
    read = {**told, "read": {"watermark": AT * 1000}}
    messaging = [{**told, "message": message}, read]
    return {"object": "page", "entry": [{"id": "88", "time": AT, "messaging": messaging}]}


def _generic() -> Any:
    return {"email": "lan@khach.example", "name": "Lan", "text": "Máy không lên"}


def _call() -> Any:
    return {"call": "c1", "event": "missed", "from": "+84901234567", "to": "+842873000000"}


WHOLE: dict[ChannelKind, Callable[[], Any]] = {
    ChannelKind.TELEGRAM: _telegram,
    ChannelKind.WHATSAPP: _whatsapp,
    ChannelKind.ZALO: _zalo,
    ChannelKind.MESSENGER: _facebook,
    ChannelKind.WEBHOOK: _generic,
    ChannelKind.PHONE: _call,
}
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**31, 2**63, 10**30, 1.5, 1e308, "", "x", [], {}, [[]], {"": {}}),
    *("\0", "\ud7ff", "9" * 400, "/start", "private", "../../etc", "🙂" * 50),
)


@dataclass
class Maker:
    """Makes deliveries: most have the right proof, and nearly the right form."""

    chance: random.Random
    words: dict[ChannelKind, str]
    sent: Counter[str] = field(default_factory=Counter)

    def spoil(self, value: Any, odds: float) -> Any:
        """Return a value with some of its parts lost, doubled or of another kind."""
        if self.chance.random() < odds:
            pick = self.chance.random()
            return self.chance.choice(INJECTIONS) if pick < 0.3 else self.chance.choice(ODD)
        if isinstance(value, dict):
            kept = {
                key: self.spoil(one, odds)
                for key, one in value.items()
                if self.chance.random() > odds
            }
            if self.chance.random() < odds:
                kept[self.chance.choice(INJECTIONS)[:60]] = self.chance.choice(ODD)
            return kept
        if isinstance(value, list):
            return [self.spoil(one, odds) for one in value for _ in range(self.twice(odds))]
        return value

    def twice(self, odds: float) -> int:
        """Return how often an item of a list is there."""
        return 2 if self.chance.random() < odds else 1

    def body(self, kind: ChannelKind) -> bytes:
        """Return a body; seldom one that is no JSON, is cut, or is nested far too deeply."""
        pick = self.chance.random()
        if pick < 0.04:
            return self.chance.randbytes(self.chance.randrange(200))
        if pick < 0.06:
            return b'{"a":' * 5000 + b"1" + b"}" * 5000
        made = WHOLE[kind]()
        number = str(self.chance.randrange(10**6))
        body = json.dumps(self.spoil(made, self.chance.choice((0.0, 0.03, 0.2))))
        for old in ("900", "wamid.1", "m1", "c1"):  # each is its own event, but for some
            if self.chance.random() < 0.9:
                body = body.replace(f'"{old}"', f'"{number}"').replace(
                    f" {old},", f" {number},"
                )
        raw = body.encode("utf-8", "surrogatepass")
        if pick > 0.97:
            raw = raw[: self.chance.randrange(len(raw) + 1)]
        return raw

    def proof(self, kind: ChannelKind, body: bytes) -> Headers:
        """Return the headers with which the provider proves that it is itself."""
        entered = ENTERED.get(kind, {})
        match kind:
            case ChannelKind.TELEGRAM:
                return {"x-telegram-bot-api-secret-token": self.words[kind]}
            case ChannelKind.WHATSAPP | ChannelKind.MESSENGER:
                mark = hmac.new(entered["app_secret"].encode(), body, hashlib.sha256)
                return {"x-hub-signature-256": f"sha256={mark.hexdigest()}"}
            case ChannelKind.ZALO:
                stamp = str(AT * 1000)
                mark_ = sign_zalo(entered["app_id"], body, stamp, entered["oa_secret"])
                return {"x-zevent-signature": f"mac={mark_}"}
        number = f"evt_{self.chance.randrange(10**9)}"
        mark_ = signature(HOOK_SECRET, number, AT, body)
        return {
            "webhook-id": number,
            "webhook-timestamp": str(AT),
            "webhook-signature": mark_,
        }

    def headers(self, kind: ChannelKind, body: bytes) -> list[tuple[bytes, bytes]]:
        """Return the proof, seldom spoilt, with other headers around it."""
        found = self.proof(kind, body)
        for name in list(found):
            pick = self.chance.random()
            if pick < 0.03:
                del found[name]
            elif pick < 0.08:
                odd = base64.b64encode(self.chance.randbytes(30)).decode()
                found[name] = self.chance.choice(("", "\xff", odd, "sha256=", "v1,", "9" * 50))
        kinds = ("application/json", "text/plain", "application/json; charset=x", "")
        found["content-type"] = self.chance.choice(kinds)
        if self.chance.random() < 0.05:
            found["content-encoding"] = self.chance.choice(("gzip", "br", "x"))
        told = [(name.encode(), value.encode("latin-1")) for name, value in found.items()]
        return told * self.twice(0.03)


async def _doors(scene: Scene) -> dict[ChannelKind, str]:
    """Open a door of each kind; return the words that we made for providers."""
    words = {}
    for kind in MESSENGER_KINDS:
        door: MessengerDoor = await open_door(scene, kind)
        words[kind] = door.word

    def work(session: Session) -> None:
        for kind in (ChannelKind.WEBHOOK, ChannelKind.PHONE):
            row = Inbox(kind=kind, handle=f"{kind.value}-key", name="X", created_at=NOW)
            session.add(row)
            session.flush()
            sealed = Vault(SECRET.encode()).seal(HOOK_SECRET, secret_place(row.id))
            row.settings = {"secret": sealed}

    await scene.write(work)
    return words


def _path(kind: ChannelKind) -> str:
    name = "generic" if kind is ChannelKind.WEBHOOK else kind.value
    return f"/hooks/{name}/{kind.value}-key"


async def fuzz(scene: Scene, seed: str, deliveries: int) -> Counter[str]:
    """Deliver to every door in turn; return how they were answered."""
    maker = Maker(random.Random(seed), await _doors(scene))
    client = scene.browser().client
    scene.worker_is_up = False
    for number in range(deliveries * len(KINDS)):
        kind = KINDS[number % len(KINDS)]
        body = maker.body(kind)
        before = maker.sent["200"]
        headers = maker.headers(kind, body)
        answer = await client.post(_path(kind), content=body, headers=headers)
        said = f"seed {seed}, delivery {number} to {kind}: {answer.status_code} {body!r}"
        assert answer.status_code in (200, 400, 401, 413, 415, 422), said
        maker.sent[str(answer.status_code)] += 1
        maker.sent[f"{kind}"] += maker.sent["200"] - before
    return maker.sent


async def _take_in(scene: Scene) -> None:
    """Take in all that waits, as often as it is tried before it is put aside."""
    for _ in range(4):
        scene.worker_is_up = True
        await scene.announce([INTAKE])
        scene.worker_is_up = False

        def work(session: Session) -> None:
            waits = columns(RawMessage).state == RawState.PENDING
            for raw in session.execute(select(RawMessage).where(waits)).scalars():
                raw.leased_until = raw.received_at

        await scene.write(work)


async def check(scene: Scene, seed: str, deliveries: int) -> None:
    """Nothing is lost silently: what was told yes and kept is taken in, or put aside."""
    answers = await fuzz(scene, seed, deliveries)
    kept = len(await scene.all(RawMessage))
    assert all(answers[str(kind)] > deliveries // 4 for kind in KINDS), answers
    assert kept > deliveries, answers

    await _take_in(scene)

    states = Counter(str(one.state) for one in await scene.all(RawMessage))
    assert set(states) <= {RawState.DONE.value, RawState.QUARANTINED.value}, (seed, states)
    assert sum(states.values()) == kept
    assert states[RawState.DONE.value] > kept // 4, (seed, states)
    number = await scene.arrive("Still there?")
    scene.worker_is_up = True
    await scene.announce([INTAKE])
    browser = await scene.signed_in("ha")
    assert number == 0 or (await browser.get(f"/inbox/{number}")).status_code == 200
    assert (await browser.get("/inbox")).status_code == 200


@pytest.mark.parametrize("kind", MESSENGER_KINDS)
@pytest.mark.one_database
def test_three_hundred_random_bodies_are_read_or_refused(kind: ChannelKind) -> None:
    """R49: nothing but a ValueError comes of what is no event; the same again is the same."""
    maker = Maker(random.Random(f"{SEED}/{kind}"), {})
    provider, account = PROVIDERS[kind.value], Account()
    counted: Counter[str] = Counter()
    for _ in range(BODIES):
        body = maker.body(kind)
        try:
            events = provider.split(body, account)
        except ValueError:
            counted["refused"] += 1
            continue
        assert [one.key for one in events] == [one.key for one in provider.split(body, account)]
        assert all(one.key for one in events)
        for event in events:
            reads = provider.states if event.what == "state" else provider.read
            try:
                if event.what != "other":
                    reads(event.body)
                counted[event.what] += 1
            except ValueError:
                counted["unread"] += 1
    assert min(counted[one] for one in ("refused", "message", "unread")) > 5, counted


@pytest.mark.one_database
async def test_random_deliveries(scene: Scene) -> None:
    """R49: 0 × 5xx at six doors, and nothing that was told yes is lost."""
    await check(scene, f"{SEED}", SHORT)


@pytest.mark.long
@pytest.mark.parametrize("portion", range(LONG // PORTION))
async def test_twenty_thousand_random_deliveries(scene: Scene, portion: int) -> None:
    """R49: the long version: 10,200 on each of two databases."""
    await check(scene, f"{SEED}/long/{portion}", PORTION)
