"""The chat's socket: who gets in, what it answers, what it keeps; and the widget's script."""

import json
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import chat as service
from inbox.channels.chat import CODES, MAX_FRAME_BYTES
from inbox.views import chat as view
from inbox.views import desk
from models import (
    ChannelKind,
    Company,
    ContactIdentity,
    Conversation,
    Direction,
    Inbox,
    Message,
    Outbox,
    RawMessage,
)
from models.base import columns
from tests.web.conftest import StartScene
from tests.web.scene import BASE, CHAT_KEY, SECRET, WRITE_TOKEN, Scene, bearer
from tests.web.visiting import Open, Socket, change_key, visits

inboxes = columns(Inbox)
identities = columns(ContactIdentity)
conversations = columns(Conversation)

SHOP = "https://shop.example"


@pytest.fixture
async def visit(scene: Scene) -> AsyncIterator[Open]:
    """Return what opens a socket from our own page; all are left at the end."""
    async with visits(scene) as open_socket:
        yield open_socket


class TestWhoGetsIn:
    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            (BASE, 0),
            (SHOP, 0),
            ("https://xn--bn-hng-ltae.example", 0),
            ("http://shop.example", 403),
            ("https://shop.example.evil.example", 403),
            ("https://evil.example", 403),
            ("https://shop.example:8443", 403),
            ("https://shop.example/", 403),
            ("HTTPS://SHOP.EXAMPLE", 403),
            ("null", 403),
            ("", 403),
            (None, 403),
        ],
    )
    async def test_only_pages_of_the_listed_sites_do(
        self, scene: Scene, visit: Open, origin: str | None, status: int
    ) -> None:
        """R48: a foreign, null or missing Origin is refused before accept."""
        sites = ["https://Shop.example/", "https://bán-hàng.example", "rubbish", 7]
        await change_key(scene, settings={"sites": sites})

        socket = await visit(origin=origin)

        assert (socket.status, socket.accepted) == (status, status == 0)

    async def test_an_unknown_or_closed_key_is_not_found(
        self, scene: Scene, visit: Open
    ) -> None:
        assert (await visit("nobody")).status == 404
        assert (await visit("%00")).status == 404
        await change_key(scene, is_active=False)

        assert (await visit()).status == 404

    async def test_a_place_gets_no_more_than_its_seats(
        self, visit: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(desk, "MOST_PER_PEER", 2)
        first = await visit()
        await visit()

        assert (await visit()).status == 503
        await first.leave()
        assert (await visit()).accepted


class TestTheProtocol:
    async def test_a_line_is_kept_acknowledged_and_answered(
        self, scene: Scene, visit: Open
    ) -> None:
        socket = await visit()
        welcome = await socket.hello(name="Chị Mai", email="mai@vidu.example", language="vi")
        number = await socket.write("Đơn hàng của tôi chưa giao.")
        auto = await socket.until(lambda: socket.lines and socket.lines[0])

        (row,) = await scene.all(Conversation)
        (raw,) = await scene.all(RawMessage)
        assert welcome["company"] == "Công ty Ổn"
        assert welcome["open"] is True
        assert welcome["promise"] == "Sẽ có người trả lời anh/chị trong vòng 5 phút."
        assert raw.dedupe_key.endswith(number)
        assert (row.channel, row.language) == (ChannelKind.CHAT, "vi")
        assert auto["from"] == "auto"
        assert str(row.id) in auto["text"]
        assert f"/s/{row.public_token}" in auto["text"]
        assert "10:05" in auto["text"]

        agent = await scene.signed_in("binh")
        await agent.client.get(f"/inbox/{row.id}")
        answer = await agent.post(
            f"/inbox/{row.id}/messages",
            {"body": "Chào chị, em kiểm tra ngay.", "kind": "reply"},
        )
        assert answer.status_code == 303
        heard = await socket.until(lambda: [x for x in socket.lines if x["from"] == "agent"])
        assert heard[0]["text"] == "Chào chị, em kiểm tra ngay."
        assert heard[0]["name"] == "Bình"
        assert await scene.all(Outbox) == []

        socket.say({"type": "received", "id": heard[0]["id"]})
        await socket.ask({"type": "ping"})
        page = await agent.client.get(f"/inbox/{row.id}")
        assert "seen at" in page.text

    async def test_the_same_line_again_is_one_line(self, scene: Scene, visit: Open) -> None:
        socket = await visit()
        await socket.hello()
        number = await socket.write("Một lần")
        await socket.write("Một lần", number)
        await socket.write("Một lần", number)

        said = [m for m in await scene.all(Message) if m.direction is Direction.INBOUND]
        assert len(said) == 1

    async def test_the_token_brings_one_back_to_what_was_missed(
        self, scene: Scene, visit: Open
    ) -> None:
        first = await visit()
        token = (await first.hello())["token"]
        client_id = await first.write("Xin chào")
        auto = await first.until(lambda: first.lines and first.lines[0])
        await first.leave()
        agent = await scene.signed_in("ha")
        (row,) = await scene.all(Conversation)
        await agent.post(f"/inbox/{row.id}/messages", {"body": "Vâng ạ.", "kind": "reply"})
        page = await agent.client.get(f"/inbox/{row.id}")

        again = await visit()
        assert (await again.hello(token, last=auto["id"]))["token"] == token
        lines = await again.until(lambda: again.lines)
        whole = await visit()
        await whole.hello(token, history=True)
        await whole.until(lambda: len(whole.lines) == 3)

        assert [line["text"] for line in lines] == ["Vâng ạ."]
        assert [line["from"] for line in whole.lines] == ["visitor", "auto", "agent"]
        assert whole.lines[0]["client_id"] == client_id
        assert "on its way" in page.text or "has left" in page.text

    async def test_a_token_of_another_key_or_another_secret_is_nobodys(
        self, scene: Scene, visit: Open
    ) -> None:
        first = await visit()
        await first.hello()
        await first.write("Chỉ của tôi")
        mine = (await scene.all(ContactIdentity, identities.kind == "chat"))[0].value
        inbox_id, visitor = mine.split(":")
        forged = [
            service.make_token(b"another secret", int(inbox_id), visitor),
            service.make_token(SECRET.encode(), int(inbox_id) + 1, visitor),
            visitor,
            f"{visitor}.",
            f"{visitor}.é",
            "." * 5000,
            "\ud800",
        ]
        for token in forged:
            socket = await visit()
            text = json.dumps({"type": "hello", "token": token, "history": True})
            welcome = await socket.ask(text)
            await socket.ask({"type": "ping"})
            assert welcome["type"] in ("welcome", "error")
            assert visitor not in welcome.get("token", "")
            assert socket.lines == []
            await socket.leave()

    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            ("", "bad_frame"),
            ("null", "bad_frame"),
            ("[" * 5000, "bad_frame"),
            ('{"type":"hello"}', "bad_frame"),
            ('{"type":"hello","token":null,"admin":true}', "bad_frame"),
            ('{"type":"message","id":"x","text":"a"}', "bad_frame"),
            ('{"type":"received","id":-1}', "bad_frame"),
            ('{"type":"received","id":99999999999999999999}', "bad_frame"),
            (b"{}", "bad_frame"),
            ("x" * (MAX_FRAME_BYTES + 1), "too_large"),
            ({"type": "message", "id": str(uuid4()), "text": " \n\0"}, "empty"),
            ({"type": "message", "id": str(uuid4()), "text": "a"}, "say_hello"),
            ({"type": "received", "id": 1}, "say_hello"),
        ],
    )
    async def test_what_is_wrong_has_a_fixed_code(
        self, visit: Open, frame: Any, code: str
    ) -> None:
        socket = await visit()

        assert (await socket.ask(frame))["code"] == code

    async def test_twenty_frames_in_ten_seconds_are_enough(
        self, visit: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(view, "MOST_REFUSED", 5)
        socket = await visit()
        for _ in range(20):
            assert (await socket.ask({"type": "ping"}))["type"] == "pong"
        assert (await socket.ask({"type": "ping"}))["code"] == "too_fast"
        for _ in range(5):
            socket.say({"type": "ping"})
        await socket.until(lambda: socket.code)

        assert socket.code == 1008

    async def test_a_key_closed_meanwhile_takes_nothing(
        self, scene: Scene, visit: Open
    ) -> None:
        socket = await visit()
        await socket.hello()
        await change_key(scene, is_active=False)
        number = str(uuid4())

        answer = await socket.ask({"type": "message", "id": number, "text": "Còn ai không?"})

        assert answer == {"type": "error", "code": "not_open", "id": number}
        assert await scene.all(RawMessage) == []

    async def test_many_new_visitors_from_one_place_have_to_wait(
        self, start: StartScene
    ) -> None:
        scene: Scene = await start()

        def work(session: Session) -> None:
            caps = {"caps": {"chats_per_ip_an_hour": 2}}
            session.execute(update(Company).values(settings=caps))

        await scene.write(work)
        answers = []
        headers = {"host": "testserver.example", "origin": BASE}
        sockets = [Socket(scene, CHAT_KEY, headers) for _ in range(3)]
        for socket in sockets:
            await socket.until(socket.is_open)
            await socket.hello()
            frame = {"type": "message", "id": str(uuid4()), "text": "Xin chào"}
            answers.append((await socket.ask(frame)).get("code"))
        assert await sockets[0].write("Câu thứ hai")
        for socket in sockets:
            await socket.leave()

        assert answers == [None, None, "try_later"]

    async def test_an_unready_database_says_try_later(
        self, scene: Scene, visit: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        socket = await visit()
        await socket.hello()
        monkeypatch.setattr(view, "has_room", lambda _: False)
        frame = {"type": "message", "id": str(uuid4()), "text": "Xin chào"}

        assert (await socket.ask(frame))["code"] == "try_later"

    async def test_without_names_the_second_brings_it(self, scene: Scene, visit: Open) -> None:
        """Redis away: one question a second, for all sockets of the process together."""
        socket = await visit()
        await socket.hello()
        scene.site.hub.tell = lambda names: None  # type: ignore[method-assign]
        await socket.write("Có ai không?")

        assert (await socket.until(lambda: socket.lines))[0]["from"] == "auto"


class TestAgentsSee:
    async def test_the_typed_address_the_bubbles_and_whether_it_was_seen(
        self, scene: Scene, visit: Open
    ) -> None:
        socket = await visit()
        await socket.hello(email="mai@vidu.example")
        await socket.write("Xin chào")
        await socket.until(lambda: socket.lines)
        (row,) = await scene.all(Conversation)
        agent = await scene.signed_in("ha")
        page = (await agent.client.get(f"/inbox/{row.id}")).text
        rows = (await agent.client.get("/inbox?scope=team")).text

        assert "typed in the chat, not proved" in page
        assert "the visitor is in the chat" in page
        assert 'class="msg msg-chat"' in page
        assert "mai@vidu.example" in rows

        scene.clock.now += timedelta(minutes=10)
        await agent.post(f"/inbox/{row.id}/messages", {"body": "Chào anh.", "kind": "reply"})
        page = (await agent.client.get(f"/inbox/{row.id}")).text
        assert "not seen yet: the visitor has left" in page

    async def test_the_api_gives_the_typed_address_and_takes_an_answer(
        self, scene: Scene, visit: Open
    ) -> None:
        await scene.arrive(email="mai@vidu.example")
        socket = await visit()
        await socket.hello(email="mai@vidu.example")
        await socket.write("Xin chào, tôi có một đơn hàng cần hỏi.")
        await socket.until(lambda: socket.lines)
        row = (await scene.all(Conversation))[-1]
        client = scene.browser().client

        found = await client.get(f"/api/v1/conversations/{row.id}", headers=bearer(WRITE_TOKEN))
        answer = await client.post(
            f"/api/v1/conversations/{row.id}/replies",
            json={"text": "Vâng ạ."},
            headers=bearer(WRITE_TOKEN),
        )
        told = await socket.until(lambda: [x for x in socket.lines if x["from"] == "agent"])

        assert found.json()["contact"]["address"] == "mai@vidu.example"
        assert found.json()["channel"] == "chat"
        assert answer.status_code == 201
        assert answer.json()["channel"] == "chat"
        assert told[0]["text"] == "Vâng ạ."


class TestRandomFrames:
    async def test_ten_thousand_crash_nothing_and_meet_fixed_codes_only(
        self, scene: Scene, visit: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """R49, S20."""
        monkeypatch.setattr(view, "MAX_FRAMES", 10**9)
        stranger = await visit()
        await stranger.hello()
        secret_line = "chuyện riêng của người khác"
        await stranger.write(secret_line)
        rng = random.Random(49)
        socket = await visit()
        for _ in range(10_000):
            socket.say(_random_frame(rng))
        last = str(uuid4())
        socket.say({"type": "hello", "token": None})
        socket.say({"type": "message", "id": last, "text": "hết"})
        await socket.until(lambda: {"type": "accepted", "id": last} in socket.answers[-1:])
        fine = await visit()

        codes = {one["code"] for one in socket.answers if one["type"] == "error"}
        kinds = {one["type"] for one in socket.answers}
        assert codes <= set(CODES)
        assert "bad_frame" in codes
        assert kinds <= {"error", "pong", "welcome", "accepted"}
        assert secret_line not in json.dumps(socket.frames, ensure_ascii=False)
        assert (await fine.hello())["type"] == "welcome"


def _random_frame(rng: random.Random) -> str | bytes:
    if rng.random() < 0.1:
        return rng.randbytes(rng.randrange(50))
    values: list[Any] = [None, True, -1, 0, 2**70, 1e300, "", "é" * 9, [], {}, "\ud800", "a\0b"]
    frame: dict[str, Any] = {
        rng.choice(["type", "id", "text", "token", "last", "email", "@clients", "history"]): (
            rng.choice(values)
        )
        for _ in range(rng.randrange(5))
    }
    if rng.random() < 0.7:
        frame["type"] = rng.choice(["hello", "message", "received", "ping", "welcome", "x"])
    text = json.dumps(frame)
    if rng.random() < 0.3:
        at = rng.randrange(len(text) + 1)
        text = text[:at] + chr(rng.randrange(1, 0xD7FF)) + text[at + rng.randrange(3) :]
    return text


class TestTheWidgetsScript:
    async def test_any_site_may_load_it(self, scene: Scene) -> None:
        client = scene.browser().client

        plain = await client.get(f"/widget/{CHAT_KEY}.js", headers={"accept-encoding": ""})
        packed = await client.get(f"/widget/{CHAT_KEY}.js", headers={"accept-encoding": "gzip"})

        assert plain.status_code == 200
        assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
        assert plain.headers["cache-control"] == "public, max-age=300"
        assert plain.headers["cross-origin-resource-policy"] == "cross-origin"
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.text == plain.text == scene.site.assets["widget.js"].plain.decode()

    @pytest.mark.parametrize("name", ["nobody.js", f"{CHAT_KEY}.css", CHAT_KEY, ".js"])
    async def test_there_is_none_for_other_names(self, scene: Scene, name: str) -> None:
        assert (await scene.browser().client.get(f"/widget/{name}")).status_code == 404
