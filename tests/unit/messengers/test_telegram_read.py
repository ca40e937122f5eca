"""What customers write to the company's bot, read as the Bot API's documentation has it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from inbox.channels.base import FileRef
from inbox.channels.messengers import readable, telegram
from inbox.channels.messengers.events import Progress, State, Told

LAN = {
    "id": 4242,
    "is_bot": False,
    "first_name": "Lan",
    "last_name": "Nguyễn",
    "username": "lan_ng",
    "language_code": "vi",
}
CHAT = {"id": 4242, "type": "private", "first_name": "Lan"}
SECRET = "s3cret_of-the-tests"


def _update(kind: str = "message", /, **what: Any) -> bytes:
    message = {"message_id": 7, "from": LAN, "chat": CHAT, "date": 1_772_000_000, **what}
    return json.dumps({"update_id": 900, kind: message}).encode()


def _read(**what: Any) -> Told:
    return telegram.read(_update(**what))


def test_a_text_has_its_writer_words_and_time() -> None:
    told = _read(text="Cho mình hỏi về máy lọc nước.")

    assert (told.writer.user, told.writer.name) == ("4242", "Lan Nguyễn")
    assert (told.writer.username, told.writer.language) == ("lan_ng", "vi")
    assert told.message.text == told.message.visible_reply == "Cho mình hỏi về máy lọc nước."
    assert told.message.language == "vi"
    assert told.at == datetime.fromtimestamp(1_772_000_000, UTC)
    assert told.writer.phone == ""
    assert told.files == ()


def test_words_too_short_to_tell_are_in_the_language_of_the_program() -> None:
    assert _read(text="ok").message.language == "vi"


class TestSplit:
    def test_the_update_id_is_the_key(self) -> None:
        (event,) = telegram.split(_update(text="Chào"))

        assert (event.key, event.what, event.user) == ("900", "message", "4242")
        assert event.at == datetime.fromtimestamp(1_772_000_000, UTC)
        assert telegram.read(event.body).message.text == "Chào"

    def test_an_edit_is_a_message_of_its_own_time(self) -> None:
        (event,) = telegram.split(
            _update("edited_message", text="Chào", edit_date=1_772_000_060)
        )

        assert event.what == "message"
        assert event.at == datetime.fromtimestamp(1_772_000_060, UTC)
        assert telegram.read(event.body).message.notes == (readable.EDITED,)

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (_update(text="hi", chat={"id": -5, "type": "group"}), "not a private chat"),
            (_update(**{"text": "hi", "from": {**LAN, "is_bot": True}}), "a bot"),
            (_update(text="/start"), "the chat was opened"),
            (_update(text="/start promo_5"), "the chat was opened"),
            (_update(pinned_message={"message_id": 1}), "of the chat itself"),
            (
                _update("edited_message", location={"latitude": 1.0, "longitude": 2.0}),
                "a live location moved",
            ),
            (b'{"update_id": 1, "poll": {}}', "unknown"),
            (b'{"update_id": 1}', "unknown"),
        ],
    )
    def test_what_no_customer_wrote_is_put_aside_with_its_name(
        self, body: bytes, said: str
    ) -> None:
        (event,) = telegram.split(body)

        assert (event.what, event.said) == ("other", said)

    def test_words_after_start_are_a_message(self) -> None:
        assert telegram.split(_update(text="/start giúp mình với"))[0].what == "message"

    @pytest.mark.parametrize("status", ["kicked", "member"])
    def test_who_blocks_the_bot_has_left_and_may_be_back(self, status: str) -> None:
        body = json.dumps(
            {
                "update_id": 5,
                "my_chat_member": {
                    "chat": CHAT,
                    "from": LAN,
                    "date": 1_772_000_000,
                    "old_chat_member": {"status": "member"},
                    "new_chat_member": {"status": status},
                },
            }
        ).encode()
        (event,) = telegram.split(body)

        assert (event.what, event.user) == ("state", "4242")
        at = datetime.fromtimestamp(1_772_000_000, UTC)
        progress: Progress = "left" if status == "kicked" else "back"
        assert telegram.states(event.body) == [State("", progress, at, user="4242")]

    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"[]", b"{}", b'{"update_id": "x"}', b"\xff", b"[" * 100_000],
    )
    def test_what_is_no_update_is_refused(self, body: bytes) -> None:
        with pytest.raises(ValueError, match="no update"):
            telegram.split(body)

    def test_a_message_that_cannot_be_read_is_still_one(self) -> None:
        """It is stored, and put where people see it."""
        body = _update(text={"not": "text"})
        (event,) = telegram.split(body)

        assert event.what == "message"
        with pytest.raises(ValueError, match="no message"):
            telegram.read(event.body)


class TestKinds:
    def test_a_photo_is_its_largest_size_with_its_caption(self) -> None:
        sizes = [
            {"file_id": "small", "width": 90, "height": 90, "file_size": 900},
            {"file_id": "large", "width": 1280, "height": 960, "file_size": 90_000},
        ]
        told = _read(photo=sizes, caption="Bị vỡ thế này ạ")

        assert told.message.text == "Bị vỡ thế này ạ"
        assert told.files == (FileRef("large", "photo.jpg", "image/jpeg", 90_000),)

    def test_a_document_has_its_name_and_kind(self) -> None:
        file = {"file_id": "d", "file_name": "../hóa đơn.pdf", "mime_type": "application/pdf"}

        assert _read(document=file).files == (
            FileRef("d", "hóa đơn.pdf", "application/pdf", None),
        )

    def test_an_animation_is_one_file_though_it_comes_twice(self) -> None:
        file = {"file_id": "a", "file_name": "vui.mp4", "mime_type": "video/mp4"}

        assert len(_read(animation=file, document=file).files) == 1

    def test_a_sticker_is_its_sign(self) -> None:
        told = _read(sticker={"file_id": "s", "emoji": "👍", "is_animated": False})

        assert told.message.text == "👍"
        assert told.message.notes == (readable.STICKER,)
        assert told.files == ()

    def test_a_place_and_a_venue_can_be_read(self) -> None:
        at = {"latitude": 10.7769, "longitude": 106.7009}
        venue = {"location": at, "title": "Kho Thủ Đức", "address": "Xa lộ Hà Nội"}

        assert _read(location=at).message.text.startswith("📍 10.776900, 106.700900\nhttps://")
        told = _read(location=at, venue=venue)
        assert told.message.text.startswith("📍 Kho Thủ Đức · Xa lộ Hà Nội · 10.776900")
        live = _read(location={**at, "live_period": 900})
        assert live.message.notes == (readable.LIVE_PLACE,)

    def test_a_card_is_read_and_ones_own_number_is_proved(self) -> None:
        card = {"phone_number": "84901234567", "first_name": "Lan", "user_id": 4242}

        told = _read(contact=card)

        assert told.message.text == "👤 Lan\n+84901234567"
        assert told.writer.phone == "+84901234567"
        assert _read(contact={**card, "user_id": 1}).writer.phone == ""
        assert _read(contact={**card, "user_id": None}).writer.phone == ""

    @pytest.mark.parametrize(
        ("field", "said", "name"),
        [
            ("voice", readable.VOICE, "voice.ogg"),
            ("audio", readable.AUDIO, "audio.mp3"),
            ("video", readable.VIDEO, "video.mp4"),
            ("video_note", readable.VIDEO, "video.mp4"),
        ],
    )
    def test_a_recording_is_a_file_that_says_how_long_it_is(
        self, field: str, said: str, name: str
    ) -> None:
        told = _read(**{field: {"file_id": "r", "duration": 65, "file_size": 5}})

        assert told.message.notes == (f"{said}: 1:05",)
        assert [file.filename for file in told.files] == [name]

    def test_what_we_do_not_know_is_said_to_be_there(self) -> None:
        told = _read(poll={"id": "1", "question": "?"})

        assert told.message.notes == (f"{readable.NO_SHOWING}: poll",)

    def test_what_is_answered_where_it_is_from_and_where_links_lead_is_said(self) -> None:
        told = _read(
            text="Cái này ạ",
            entities=[
                {"type": "text_link", "offset": 0, "length": 3, "url": "https://a.example/"}
            ],
            reply_to_message={"message_id": 3, "text": "Anh/chị hỏi mẫu nào?"},
            forward_origin={"type": "user"},
        )

        assert told.message.notes == (
            f"{readable.LINK}: https://a.example/",
            f"{readable.ANSWERS}: Anh/chị hỏi mẫu nào?",
            readable.FORWARDED,
        )


@pytest.mark.parametrize(
    ("given", "yes"),
    [(SECRET, True), ("", False), (SECRET[:-1], False), (SECRET + "x", False), ("ớ", False)],
)
def test_only_who_has_the_secret_is_believed(given: str, yes: bool) -> None:
    assert telegram.is_genuine({telegram.SECRET_HEADER: given}, SECRET) is yes
    assert telegram.is_genuine({}, SECRET) is False
    assert telegram.is_genuine({telegram.SECRET_HEADER: ""}, "") is False
