"""What WhatsApp's Cloud API tells, read as its documentation has it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from inbox.channels.base import FileRef
from inbox.channels.messengers import meta, readable, whatsapp
from inbox.channels.messengers.errors import BLOCKED, WINDOW_CLOSED
from inbox.channels.messengers.events import Event, Told
from inbox.channels.messengers.whatsapp_cloud import WhatsApp

NUMBER, LAN, BSUID = "106540352242922", "84901234567", "VN.13491208655302741918"
SECRET = "app-secret"
AT = datetime.fromtimestamp(1_772_000_000, UTC)


def _body(*, number: str = NUMBER, field: str = "messages", **value: Any) -> bytes:
    head = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": number}}
    changes = [{"field": field, "value": {**head, **value}}]
    entry = [{"id": "1", "changes": changes}]
    return json.dumps({"object": whatsapp.OBJECT, "entry": entry}).encode()


def _message(**what: Any) -> dict[str, Any]:
    kind = next(iter(what), "text")
    return {"from": LAN, "id": "wamid.A", "timestamp": "1772000000", "type": kind, **what}


def _split(**value: Any) -> list[Event]:
    return whatsapp.split(_body(**value), NUMBER)


def _read(**what: Any) -> Told:
    who = {"wa_id": LAN, "profile": {"name": "Lan"}}
    (event,) = _split(contacts=[who], messages=[_message(**what)])
    return whatsapp.read(event.body)


def test_a_text_has_its_writer_number_words_and_time() -> None:
    told = _read(text={"body": "Cho mình hỏi về máy lọc nước."})

    assert (told.writer.user, told.writer.name) == (LAN, "Lan")
    assert told.writer.phone == "+84901234567"
    assert told.message.text == "Cho mình hỏi về máy lọc nước."
    assert told.message.language == "vi"
    assert told.at == AT


class TestWho:
    def test_with_a_user_name_somebody_is_known_by_their_id_with_us(self) -> None:
        who = {"user_id": BSUID, "profile": {"name": "Lan", "username": "lan.ng"}}
        message = {
            "from_user_id": BSUID,
            "id": "wamid.B",
            "type": "text",
            "text": {"body": "Chào"},
        }
        (event,) = _split(contacts=[who], messages=[message])

        writer = whatsapp.read(event.body).writer
        assert (writer.user, writer.also, writer.phone) == (BSUID, (), "")
        assert (writer.name, writer.username) == ("Lan", "lan.ng")
        assert event.user == BSUID

    def test_where_number_and_id_are_told_both_are_kept(self) -> None:
        who = {"wa_id": LAN, "user_id": BSUID, "profile": {"name": "Lan"}}
        (event,) = _split(contacts=[who], messages=[_message(text={"body": "Chào"})])

        writer = whatsapp.read(event.body).writer
        assert (writer.user, writer.also) == (LAN, (BSUID,))

    def test_nobody_gets_anothers_name(self) -> None:
        people = [
            {"wa_id": "84900000001", "profile": {"name": "Minh"}},
            {"wa_id": LAN, "profile": {"name": "Lan"}},
        ]
        (event,) = _split(contacts=people, messages=[_message(text={"body": "Chào"})])

        assert whatsapp.read(event.body).writer.name == "Lan"

    @pytest.mark.parametrize("sender", ["", "x", "84/../1", "VN.", "84901234567\n"])
    def test_a_message_of_nobody_is_none(self, sender: str) -> None:
        message = {**_message(text={"body": "Chào"}), "from": sender}
        (event,) = _split(messages=[message])

        with pytest.raises(ValueError, match="Nobody"):
            whatsapp.read(event.body)


class TestSplit:
    def test_one_request_tells_of_many_messages_and_states(self) -> None:
        texts = [{**_message(text={"body": str(n)}), "id": f"wamid.{n}"} for n in range(3)]
        states = [{"id": "wamid.O", "status": "read", "timestamp": "1772000000"}]

        events = _split(messages=texts, statuses=states)

        assert [one.key for one in events] == [
            *("m:wamid.0", "m:wamid.1", "m:wamid.2"),
            "s:wamid.O:read",
        ]
        assert [one.what for one in events] == ["message"] * 3 + ["state"]
        assert {one.at for one in events} == {AT}

    def test_a_message_that_is_told_twice_is_one(self) -> None:
        message = _message(text={"body": "Chào"})

        assert len(_split(messages=[message, message])) == 1

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ({"number": "1", "messages": [_message(text={"body": "x"})]}, "another number"),
            ({"field": "account_update", "event": "X"}, "account_update"),
            ({"errors": [{"code": 130429}]}, "nothing of a message"),
            ({"statuses": [{"id": "wamid.O", "status": "deleted"}]}, "state deleted"),
            ({"messages": [{**_message(system={"body": "x"})}]}, "system"),
        ],
    )
    def test_what_concerns_no_conversation_is_put_aside_with_its_name(
        self, value: dict[str, Any], said: str
    ) -> None:
        (event,) = _split(**value)

        assert (event.what, event.said) == ("other", said)

    @pytest.mark.parametrize(
        "body", [b"", b"null", b"{}", b'{"object":"page","entry":[]}', b"\xff", b"[" * 100_000]
    )
    def test_what_is_none_of_its_requests_is_refused(self, body: bytes) -> None:
        with pytest.raises(ValueError, match="no request"):
            whatsapp.split(body, NUMBER)

    @pytest.mark.parametrize(
        "value",
        [
            {"messages": [{"from": LAN}]},
            {"messages": ["x"]},
            {"messages": 5},
            {"metadata": 5},
        ],
    )
    def test_what_cannot_be_read_is_kept_as_a_message(self, value: dict[str, Any]) -> None:
        """It is stored, and put where people see it; what is around it is read."""
        (event,) = _split(**value)

        assert event.what == "message"
        with pytest.raises(ValueError, match="no message"):
            whatsapp.read(event.body)


class TestKinds:
    @pytest.mark.parametrize(("kind", "name"), [("image", "photo.jpg"), ("video", "video.mp4")])
    def test_a_picture_is_a_file_with_its_caption(self, kind: str, name: str) -> None:
        file = {"id": "77", "mime_type": "image/jpeg", "sha256": "x", "caption": "Bị vỡ ạ"}

        told = _read(**{kind: file})

        assert told.message.text == "Bị vỡ ạ"
        assert told.files == (FileRef("77", name, "image/jpeg", None),)

    def test_a_document_has_its_name(self) -> None:
        file = {"id": "78", "mime_type": "application/pdf", "filename": "../hóa đơn.pdf"}

        assert _read(document=file).files == (
            FileRef("78", "hóa đơn.pdf", "application/pdf", None),
        )

    def test_a_voice_message_is_told_from_other_sound(self) -> None:
        file = {"id": "79", "mime_type": "audio/ogg; codecs=opus"}

        voice = _read(audio={**file, "voice": True})
        assert voice.message.notes == (readable.VOICE,)
        assert voice.files == (FileRef("79", "voice.ogg", "audio/ogg", None),)
        assert _read(audio=file).message.notes == (readable.AUDIO,)

    def test_a_sticker_is_a_picture_that_says_so(self) -> None:
        told = _read(sticker={"id": "80", "mime_type": "image/webp", "animated": False})

        assert told.message.notes == (readable.STICKER,)
        assert told.files[0].filename == "sticker.webp"

    def test_a_place_can_be_read(self) -> None:
        at = {"latitude": 10.7769, "longitude": 106.7009, "name": "Kho"}

        assert _read(location=at).message.text.startswith("📍 Kho · 10.776900, 106.700900\n")

    def test_cards_are_names_and_numbers(self) -> None:
        card = {
            "name": {"formatted_name": "Lan Nguyễn", "first_name": "Lan"},
            "phones": [{"phone": "+84 90 123 4567", "wa_id": LAN}],
            "emails": [{"email": "lan@khach.example"}],
        }

        text = _read(contacts=[card]).message.text
        assert text == "👤 Lan Nguyễn\n+84901234567\nlan@khach.example"

    @pytest.mark.parametrize(
        ("what", "text", "said"),
        [
            ({"reaction": {"message_id": "wamid.O", "emoji": "❤️"}}, "❤️", readable.REACTION),
            ({"button": {"text": "Có", "payload": "y"}}, "Có", readable.CHOICE),
            (
                {"interactive": {"type": "list_reply", "list_reply": {"title": "Hà Nội"}}},
                "Hà Nội",
                readable.CHOICE,
            ),
            (
                {
                    "order": {
                        "catalog_id": "1",
                        "product_items": [
                            {
                                "product_retailer_id": "LOC-5",
                                "quantity": 2,
                                "item_price": 450000,
                                "currency": "VND",
                            }
                        ],
                    }
                },
                "2 × LOC-5 · 450000 VND",
                readable.ORDER,
            ),
        ],
    )
    def test_what_was_chosen_can_be_read(
        self, what: dict[str, Any], text: str, said: str
    ) -> None:
        told = _read(**what)

        assert (told.message.text, told.message.notes) == (text, (said,))

    def test_what_we_do_not_know_is_said_to_be_there(self) -> None:
        told = _read(unsupported={"type": "poll_creation"}, errors=[{"code": 131051}])

        assert told.message.notes == (f"{readable.NO_SHOWING}: poll_creation",)

    def test_the_advertisement_that_somebody_came_by_and_forwarding_are_said(self) -> None:
        told = _read(
            text={"body": "Còn hàng không?"},
            referral={"source_url": "https://fb.example/ad"},
            context={"forwarded": True},
        )

        assert told.message.notes == (
            f"{readable.LINK}: https://fb.example/ad",
            readable.FORWARDED,
        )


class TestStates:
    @pytest.mark.parametrize("status", ["sent", "delivered", "read"])
    def test_a_state_has_the_messages_id_and_time(self, status: str) -> None:
        raw = {"id": "wamid.O", "status": status, "timestamp": "1772000000"}
        (event,) = _split(statuses=[{**raw, "recipient_id": LAN}])
        (state,) = WhatsApp().states(event.body)

        assert (state.reference, state.progress, state.at) == ("wamid.O", status, AT)
        assert (event.key, event.user) == (f"s:wamid.O:{status}", LAN)

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (131047, WINDOW_CLOSED),
            (131026, BLOCKED),
            (131053, "WhatsApp: Media upload error"),
        ],
    )
    def test_a_failure_says_why_in_words(self, code: int, words: str) -> None:
        error = {"code": code, "title": "Media upload error"}
        raw = {"id": "wamid.O", "status": "failed", "timestamp": "1", "errors": [error]}
        (event,) = _split(statuses=[raw])
        (state,) = WhatsApp().states(event.body)

        assert (state.progress, state.code, state.said) == ("failed", code, words)


class TestMeta:
    def test_only_what_is_signed_with_the_apps_secret_is_believed(self) -> None:
        body = _body(messages=[])
        good = meta.signature(SECRET, body)

        assert meta.is_genuine({meta.SIGNATURE_HEADER: good}, body, SECRET)
        assert not meta.is_genuine({meta.SIGNATURE_HEADER: good}, body + b" ", SECRET)
        assert not meta.is_genuine({meta.SIGNATURE_HEADER: good.upper()}, body, SECRET)
        assert not meta.is_genuine({meta.SIGNATURE_HEADER: "sha256=ớ"}, body, SECRET)
        assert not meta.is_genuine({}, body, SECRET)
        assert not meta.is_genuine({meta.SIGNATURE_HEADER: meta.signature("", body)}, body, "")

    def test_the_handshake_is_answered_where_the_word_is_ours(self) -> None:
        query = {
            "hub.mode": "subscribe",
            "hub.verify_token": "w",
            "hub.challenge": "1158201444",
        }

        assert meta.challenge(query, "w") == "1158201444"
        assert meta.challenge(query, "v") is None
        assert meta.challenge(query, "") is None
        assert meta.challenge({**query, "hub.mode": "x"}, "w") is None
        assert meta.challenge({**query, "hub.challenge": "<b>\n"}, "w") is None
        assert meta.challenge({**query, "hub.challenge": "1" * 300}, "w") is None
        assert meta.challenge({}, "w") is None
