"""The doors of messengers: the provider's own signature, the handshake, what is too much."""

import asyncio

import pytest
from sqlmodel import Session

from inbox.messaging import connecting
from inbox.vault import Vault
from models import AuditEntry, ChannelKind, Conversation, Inbox, Messenger, RawMessage
from tests.messaging import ENTERED
from tests.standins.facebook import Page
from tests.standins.zalo import Zalo
from tests.web.scene import NOW, SECRET, Scene

VAULT = Vault(SECRET.encode())


async def _open(scene: Scene, kind: ChannelKind) -> int:
    def work(session: Session) -> int:
        door = Inbox(kind=kind, handle="key", name="Nhắn tin", created_at=NOW)
        session.add(door)
        session.flush()
        given = ENTERED[kind]
        connecting.save(session, door.id, given, VAULT, by=1, now=NOW)
        return door.id

    made: int = await scene.write(work)
    return made


def _ms(scene: Scene, ahead_s: float = 0) -> int:
    return int((scene.clock.now.timestamp() + ahead_s) * 1000)


async def test_an_event_of_zalo_is_kept_and_taken_in(scene: Scene) -> None:
    """R24, S15: five at once, and later again, are one; each is told yes."""
    await _open(scene, ChannelKind.ZALO)
    headers, body = Zalo().write("Máy không chạy", at=_ms(scene))
    client = scene.browser().client
    answers = await asyncio.gather(
        *(client.post("/hooks/zalo/key", content=body, headers=headers) for _ in range(5))
    )
    again = await client.post("/hooks/zalo/key", content=body, headers=headers)

    assert {one.status_code for one in [*answers, again]} == {200}
    assert len(await scene.all(RawMessage)) == 1
    (made,) = await scene.all(Conversation)
    assert (made.channel, made.subject) == (ChannelKind.ZALO, "Máy không chạy")


@pytest.mark.parametrize("what", ["unsigned", "changed", "old", "ahead", "other key"])
async def test_what_is_not_proved_changes_nothing(scene: Scene, what: str) -> None:
    """R23: 401 and nothing kept."""
    await _open(scene, ChannelKind.ZALO)
    ahead_s = {"old": -8 * 86_400, "ahead": 301}.get(what, 0)
    headers, body = Zalo().write("Chào", at=_ms(scene, ahead_s))
    if what == "unsigned":
        headers = {}
    if what == "changed":
        body = body.replace(b"Ch", b"ch")
    key = "another" if what == "other key" else "key"
    answer = await scene.browser().client.post(
        f"/hooks/zalo/{key}", content=body, headers=headers
    )

    assert answer.status_code == (404 if what == "other key" else 401)
    assert await scene.all(RawMessage) == []


async def test_facebook_shakes_hands_only_with_the_word(scene: Scene) -> None:
    inbox_id = await _open(scene, ChannelKind.MESSENGER)
    admin = await scene.signed_in("viet")
    shown = (await admin.get(f"/settings/inboxes/{inbox_id}")).text
    word = shown.split('id="verify"')[1].split(">")[1].split("<")[0]
    client = scene.browser().client
    asked = {"hub.mode": "subscribe", "hub.verify_token": word, "hub.challenge": "1158201444"}
    good = await client.get("/hooks/messenger/key", params=asked)
    bad = await client.get(
        "/hooks/messenger/key", params={**asked, "hub.verify_token": "another"}
    )

    assert (good.status_code, good.text) == (200, "1158201444")
    assert bad.status_code == 403


async def test_a_body_that_is_too_large_is_refused(scene: Scene) -> None:
    await _open(scene, ChannelKind.MESSENGER)
    headers, body = Page().sign(b" " * (1024 * 1024 + 1))
    answer = await scene.browser().client.post(
        "/hooks/messenger/key", content=body, headers=headers
    )
    assert answer.status_code == 413


async def test_what_is_entered_is_never_shown_again(scene: Scene) -> None:
    """The page says what to do, that nobody has tried it live, and no secret."""
    here = {"messenger_url": "http://127.0.0.1:9"}  # where nobody answers
    scene.site.settings = scene.site.settings.model_copy(update=here)
    admin = await scene.signed_in("viet")
    answer = await admin.post(
        "/settings/inboxes/new/messenger", {"name": "Fanpage", "team": ""}
    )
    assert answer.status_code == 303
    address = answer.headers["location"]
    fresh = (await admin.get(address)).text
    assert "not yet run against the live service" in fresh
    given = ENTERED[ChannelKind.MESSENGER]
    wrong = await admin.post(
        f"{address}/messenger", {**given, "app_id": "", "page_token": "a b"}
    )
    assert wrong.status_code == 422
    assert given["app_secret"] not in wrong.text
    assert await scene.all(Messenger) == []

    tried = await admin.post(f"{address}/messenger", given)
    assert tried.status_code == 422
    (row,) = await scene.all(Messenger)
    assert row.failing_since is not None
    shown = (await admin.get(address)).text
    audit = "".join(f"{one.before}{one.after}" for one in await scene.all(AuditEntry))
    for secret in (given["app_secret"], given["page_token"]):
        assert secret not in shown + audit + tried.text
    assert given["app_id"] in shown
