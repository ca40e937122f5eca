"""The chat beside its lines: who comes, who writes, what was read, and files both ways."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import Session

from inbox import chat as service
from inbox.channels.chatidentity import write_identity
from inbox.chatting.identity import identity_place
from inbox.store import people
from inbox.vault import Vault
from inbox.views.chat_frames import FileLinks
from models import (
    Attachment,
    ChannelKind,
    Contact,
    ContactIdentity,
    Conversation,
    Direction,
    Inbox,
    Message,
)
from models.base import columns
from tests.web.scene import BASE, CHAT_KEY, SECRET, Browser, Scene
from tests.web.visiting import Open, Socket, change_key, visits

inboxes = columns(Inbox)
identities = columns(ContactIdentity)
SHARED = "what the shop's server signs with"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.fixture
async def visit(scene: Scene) -> AsyncIterator[Open]:
    """Return what opens a socket from our own page; all are left at the end."""
    async with visits(scene) as open_socket:
        yield open_socket


def until(scene: Scene, seconds: int = 3600) -> int:
    return int(scene.clock.now.timestamp()) + seconds


async def vouch(scene: Scene, **settings: Any) -> int:
    """Give the chat an identity secret; return its inbox."""
    (chat,) = await scene.all(Inbox, inboxes.kind == ChannelKind.CHAT)
    sealed = Vault(SECRET.encode()).seal(SHARED, identity_place(chat.id))
    await change_key(scene, settings={**chat.settings, "identity": sealed, **settings})
    return chat.id


async def talk(socket: Socket, text: str = "Xin chào", **hello: Any) -> int:
    """Say who comes and a line; return the conversation's number from the automatic line."""
    await socket.hello(history=True, **hello)
    await socket.write(text)
    await socket.until(lambda: len(socket.lines) >= 2)
    return int(next(w for w in socket.lines[1]["text"].split() if w.strip(".").isdigit())[:4])


class TestWhomTheSiteVouchesFor:
    async def test_one_user_has_one_conversation_in_every_browser(
        self, scene: Scene, visit: Open
    ) -> None:
        """The site's word is a verified join; no name or address is asked for."""
        await vouch(scene, ask="required")
        who = {"email": "mai@vidu.example", "name": "Chị Mai"}
        word = write_identity(SHARED, "42", until(scene), **who)
        first, second = await visit(), await visit()
        said = await first.hello(identity=word)
        assert said.get("ask") == "never", said
        await talk(first, identity=word)
        welcome = await second.hello(identity=word, history=True)
        await second.until(lambda: len(second.lines) == 2)

        (row,) = await scene.all(Conversation)
        (identity,) = await scene.all(ContactIdentity, identities.kind == "email")
        (contact,) = await scene.all(Contact, columns(Contact).id == row.contact_id)
        assert (identity.value, contact.name) == ("mai@vidu.example", "Chị Mai")
        assert identity.verified_at is not None
        page = await (await scene.signed_in("binh")).client.get(f"/inbox/{row.id}")
        assert "Your site vouches for this visitor: user 42." in page.text
        assert "not proved" not in page.text
        late = write_identity(SHARED, "42", until(scene, -1), **who)
        third = await visit()
        assert (await third.hello(identity=late))["code"] == "bad_identity"
        assert (await third.hello(welcome["token"], identity=late))["type"] == "welcome"

    async def test_a_known_customer_is_that_customer(self, scene: Scene, visit: Open) -> None:
        await vouch(scene)
        number = await scene.arrive("Đơn hàng của tôi đâu?", subject="Đơn hàng")
        mailed = await scene.get(number)

        def address(session: Session) -> str:
            return people.list_identities(session, mailed.contact_id)["email"][0]

        theirs = await scene.database.read(address)
        word = write_identity(SHARED, "7", until(scene), email=theirs)
        await talk(await visit(), identity=word)
        chatted = (await scene.all(Conversation))[-1]
        assert (chatted.id != number, chatted.contact_id) == (True, mailed.contact_id)

    @pytest.mark.parametrize(
        "word",
        [
            write_identity("another secret", "42", 2**40),
            write_identity(SHARED, "42", 2**40)[:-1] + "x",
            "x" + write_identity(SHARED, "42", 2**40),
            write_identity(SHARED, "", 2**40),
            write_identity(SHARED, "42", 2**40, role="admin"),
            "é.é",
            ".",
            "a" * 15_000,
        ],
    )
    async def test_a_word_that_is_not_the_site_s_is_refused(
        self, scene: Scene, visit: Open, word: str
    ) -> None:
        await vouch(scene)
        socket = await visit()
        assert (await socket.hello(identity=word)) == {"type": "error", "code": "bad_identity"}
        line = {"type": "message", "id": str(uuid4()), "text": "x"}
        assert (await socket.ask(line))["code"] == "say_hello"
        assert (await socket.hello())["type"] == "welcome"

    async def test_without_a_secret_nobody_is_vouched_for(
        self, scene: Scene, visit: Open
    ) -> None:
        socket = await visit()
        word = write_identity("", "42", until(scene))
        assert (await socket.hello(identity=word))["code"] == "bad_identity"

    async def test_the_secret_is_shown_once_and_renewed(self, scene: Scene) -> None:
        (chat,) = await scene.all(Inbox, inboxes.kind == ChannelKind.CHAT)
        browser = await scene.signed_in("viet")
        path = f"/settings/inboxes/{chat.id}"
        shown = (await browser.post(f"{path}/secret")).text
        (kept,) = await scene.all(Inbox, inboxes.id == chat.id)
        first = Vault(SECRET.encode()).open(kept.settings["identity"], identity_place(chat.id))
        assert first in shown
        assert first not in str(kept.settings) + (await browser.get(path)).text
        assert "hash_hmac" in (await browser.get(path)).text
        assert first not in (await browser.post(f"{path}/secret")).text


class TestWhoIsAsked:
    async def test_a_first_line_says_who_writes_where_that_is_required(
        self, scene: Scene, visit: Open
    ) -> None:
        await vouch(scene, ask="required")
        socket = await visit()
        assert (await socket.hello())["ask"] == "required"
        line = {"type": "message", "id": str(uuid4()), "text": "Xin chào"}
        assert await socket.ask(line) == {"type": "error", "code": "say_who", "id": line["id"]}
        await socket.hello(name="Mai", email="not an address")
        assert (await socket.ask(line))["code"] == "say_who"
        await socket.hello(name="Mai", email="mai@vidu.example")
        assert (await socket.ask(line))["type"] == "accepted"

    async def test_other_words_while_nobody_is_there(self, scene: Scene, visit: Open) -> None:
        browser = await scene.signed_in("viet")
        (chat,) = await scene.all(Inbox, inboxes.kind == ChannelKind.CHAT)
        fields = {"name": "Chat", "sites": "", "ask": "never", "ask_closed": "required"}
        await browser.post(f"/settings/inboxes/{chat.id}", fields)
        assert (await (await visit()).hello())["ask"] == "never"
        scene.clock.now += timedelta(hours=12)
        assert (await (await visit()).hello())["ask"] == "required"
        wrong = await browser.post(f"/settings/inboxes/{chat.id}", {**fields, "ask": "maybe"})
        assert wrong.status_code == 422


async def _here(browser: Browser, number: int, state: str) -> None:
    fields = {"number": str(number), "tab": "0123456789ab", "state": state}
    assert (await browser.post("/here", fields)).status_code == 204


async def test_each_side_sees_that_the_other_writes_and_reads(
    scene: Scene, visit: Open
) -> None:
    socket = await visit()
    number = await talk(socket)
    agent = await scene.signed_in("binh")
    await _here(agent, number, "writes")
    await socket.until(lambda: {"type": "typing", "on": True} in socket.frames)
    await _here(agent, number, "looks")
    await socket.until(lambda: {"type": "typing", "on": False} in socket.frames)

    socket.say({"type": "typing", "on": True})
    await socket.ask({"type": "ping"})
    assert "The visitor is writing…" in (await agent.get("/here")).text
    socket.say({"type": "typing", "on": False})
    await socket.ask({"type": "ping"})
    assert "The visitor is writing…" not in (await agent.get("/here")).text

    assert not [one for one in socket.frames if one["type"] == "seen"]
    await agent.client.get(f"/inbox/{number}")
    await socket.until(lambda: [one for one in socket.frames if one["type"] == "seen"])


async def _send(scene: Scene, token: str, name: str, data: bytes, **more: str) -> Any:
    fields = {"token": token, "id": str(uuid4()), **more}
    return await scene.browser().client.post(
        f"/chat/{CHAT_KEY}/files",
        data=fields,
        files={"file": (name, data, "text/html")},
        headers={"origin": BASE},
    )


class TestFiles:
    async def test_they_go_both_ways_and_are_only_ever_downloads(
        self, scene: Scene, visit: Open
    ) -> None:
        """S2, S14: a random name, a type of ours, nothing that a browser shows or runs."""
        socket = await visit()
        token = (await socket.hello(history=True))["token"]
        answer = await _send(scene, token, "../ảnh\u202e.png", PNG)
        assert (answer.status_code, answer.json()["type"]) == (201, "accepted")
        assert answer.headers["access-control-allow-origin"] == BASE
        (kept,) = await scene.all(Attachment)
        assert kept.content_type == "image/png"
        told = await socket.until(lambda: [one for one in socket.lines if one.get("files")])
        (file,) = told[0]["files"]
        assert (".." in file["name"], file["size"]) == (False, len(PNG))
        got = await scene.browser().client.get(file["path"])
        assert (got.status_code, got.content) == (200, PNG)
        assert got.headers["content-type"].startswith("application/octet-stream")
        assert got.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in got.headers["content-security-policy"]
        bare, _, mark = file["path"].partition("?mark=")
        for path in (bare, f"{bare}?mark=é", f"{bare}x?mark={mark}", f"{bare}?mark={mark}x"):
            assert (await scene.browser().client.get(path)).status_code == 404

        (row,) = await scene.all(Conversation)
        agent = await scene.signed_in("binh")
        await agent.client.post(
            f"/inbox/{row.id}/messages",
            data={"body": "Em gửi hoá đơn.", "kind": "reply", "_csrf_token": agent.form_token},
            files={"files": ("hoá đơn.pdf", b"%PDF-1.7", "application/pdf")},
        )
        heard = await socket.until(lambda: [x for x in socket.lines if x["from"] == "agent"])
        got = await scene.browser().client.get(heard[0]["files"][0]["path"])
        assert got.content == b"%PDF-1.7"

    @pytest.mark.parametrize(
        ("name", "data", "code"),
        [
            ("run.EXE", b"x", "bad_file"),
            ("photo.png", b"MZ\x90\x00", "bad_file"),
            ("empty.txt", b"", "bad_file"),
            ("big.bin", b"0" * (5 * 1024 * 1024 + 1), "too_large"),
        ],
    )
    async def test_what_is_not_taken(
        self, scene: Scene, visit: Open, name: str, data: bytes, code: str
    ) -> None:
        socket = await visit()
        token = (await socket.hello())["token"]
        assert (await _send(scene, token, name, data)).json()["code"] == code
        assert (await _send(scene, "nobody.x", "a.txt", b"x")).json()["code"] == "say_hello"
        assert await scene.all(Attachment) == []

    async def test_one_visitor_sends_so_many_an_hour(
        self, scene: Scene, visit: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("inbox.views.chat_files.MOST_AN_HOUR", 2)
        socket = await visit()
        token = (await socket.hello())["token"]
        found = [(await _send(scene, token, "a.txt", b"x")).status_code for _ in range(3)]
        assert found == [201, 201, 429]

    async def test_other_sites_and_forms_are_refused(self, scene: Scene) -> None:
        client = scene.browser().client
        path = f"/chat/{CHAT_KEY}/files"
        fields = {"token": "x", "id": str(uuid4())}
        for origin in ("https://evil.example", "null", ""):
            answer = await client.post(
                path, data=fields, files={"file": ("a", b"x")}, headers={"origin": origin}
            )
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers
        for wrong in ({"id": "1"}, {"id": str(uuid4()), "role": "admin"}, {}):
            answer = await client.post(
                path, data=wrong, files={"file": ("a", b"x")}, headers={"origin": BASE}
            )
            assert answer.status_code == 422

    def test_an_address_is_good_for_one_chat(self) -> None:
        one, other = FileLinks(b"secret", "k", 1), FileLinks(b"secret", "k", 2)
        assert one.mark("blob") != other.mark("blob")


async def test_mail_that_answers_is_shown_without_its_quotes(scene: Scene, visit: Open) -> None:
    """F17: what the visitor wrote by mail meanwhile is in the widget when they are back."""
    socket = await visit()
    number = await talk(socket)
    row = await scene.get(number)

    def write(session: Session) -> None:
        session.add(
            Message(
                conversation_id=number,
                direction=Direction.INBOUND,
                channel=ChannelKind.EMAIL,
                contact_id=row.contact_id,
                text="Cảm ơn.\n\n> Chào chị.",
                visible_text="Cảm ơn.",
                created_at=scene.clock.now,
            )
        )
        service.tell_visitors(session, row)

    await scene.write(write)
    told = await socket.until(lambda: [x for x in socket.lines if x.get("via") == "email"])
    assert (told[0]["text"], told[0]["from"], told[0].get("client_id")) == (
        "Cảm ơn.",
        "visitor",
        None,
    )
