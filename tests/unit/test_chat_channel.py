"""A chat's frames and lines, and which sites may show it."""

import json
import random
from uuid import UUID, uuid4

import pytest

from inbox.channels.chat import (
    CODES,
    MAX_FRAME_BYTES,
    Hello,
    Line,
    Ping,
    Received,
    Said,
    may_show,
    pack,
    read,
    read_frame,
    site_origin,
)

OWN = "https://kip.example"


class TestFrames:
    def test_hello_needs_its_token_only(self) -> None:
        frame = read_frame('{"type":"hello","token":null}')

        assert frame == Hello(token=None)

    def test_hello_may_say_everything(self) -> None:
        said = {
            "type": "hello",
            "token": "a.b",
            "name": "Lan",
            "email": "lan@khach.example",
            "language": "vi",
            "last": 7,
            "history": True,
        }
        assert read_frame(json.dumps(said)) == Hello(
            "a.b", "Lan", "lan@khach.example", "vi", 7, True
        )

    def test_the_others(self) -> None:
        number = uuid4()

        assert read_frame(json.dumps({"type": "message", "id": str(number), "text": "a"})) == (
            Said(number, "a")
        )
        assert read_frame('{"type":"received","id":3}') == Received(3)
        assert read_frame('{"type":"ping"}') == Ping()

    def test_a_frame_has_a_size(self) -> None:
        def frame(length: int) -> str:
            return json.dumps({"type": "message", "id": str(UUID(int=1)), "text": "x" * length})

        room = MAX_FRAME_BYTES - len(frame(0))
        assert isinstance(read_frame(frame(room)), Said)
        assert read_frame(frame(room + 1)) == "too_large"
        assert read_frame("é" * MAX_FRAME_BYTES) == "too_large"

    def test_ten_thousand_random_ones_are_frames_or_codes(self) -> None:
        """R49, the reader alone."""
        rng = random.Random(20)
        for _ in range(10_000):
            text = "".join(
                rng.choice('{}[]":,0123456789truefalsnhpigmtxyok\\u\ud800é\0 ')
                for _ in range(rng.randrange(80))
            )
            found = read_frame(text)
            assert not isinstance(found, str) or found in CODES


class TestLines:
    def test_a_line_is_what_was_written(self) -> None:
        line = Line(" Chào\r\nbạn\0 ", "Lan\n", "Lan@Khach.example", "vi")

        message = read(pack(line))

        assert message.text == message.visible_reply == "Chào\nbạn"
        assert (message.from_name, message.from_address) == ("Lan", "lan@khach.example")
        assert message.language == "vi"

    def test_words_say_the_language_where_they_can(self) -> None:
        text = "Hello, I would like to know where my order is, please tell me."

        assert read(pack(Line(text, language="vi"))).language == "en"


class TestSites:
    @pytest.mark.parametrize(
        ("address", "origin"),
        [
            ("https://shop.example", "https://shop.example"),
            (" HTTPS://Shop.Example/path?x#y ", "https://shop.example"),
            ("https://shop.example:443", "https://shop.example"),
            ("http://shop.example:80/", "http://shop.example"),
            ("http://shop.example:8080", "http://shop.example:8080"),
            ("https://bán-hàng.example", "https://xn--bn-hng-ltae.example"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ],
    )
    def test_a_site_is_written_as_browsers_do(self, address: str, origin: str) -> None:
        assert site_origin(address) == origin

    @pytest.mark.parametrize(
        "address",
        [
            *("", "shop.example", "ftp://shop.example", "https://", "javascript:alert(1)"),
            *("https://a@shop.example", "null", "*", "https://shop.example:x", "https://a..b"),
        ],
    )
    def test_what_is_none_is_refused(self, address: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            site_origin(address)

    def test_our_own_pages_and_the_listed_ones_may(self) -> None:
        assert may_show(OWN, OWN, [])
        assert may_show("https://shop.example", OWN, ["https://shop.example/"])
        for origin in (None, "", "null", "https://evil.example", "https://kip.example.evil"):
            assert not may_show(origin, OWN, ["https://shop.example", "null", ""])

    @pytest.mark.parametrize("sites", [None, "https://shop.example", {"a": 1}, [None, 3]])
    def test_a_setting_that_is_no_list_lets_nobody_in(self, sites: object) -> None:
        assert not may_show("https://shop.example", OWN, sites)
