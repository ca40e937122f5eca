"""What Zalo and Messenger send, read: everything becomes a message that can be read."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbox.channels.base import OutboundFile, OutboundMessage
from inbox.channels.messengers import facebook_read, readable, zalo_read
from inbox.channels.messengers.account import Account
from inbox.channels.messengers.errors import BadToken, Blocked, SlowDown, WindowClosed
from inbox.channels.messengers.facebook import Facebook
from inbox.channels.messengers.wire import Wire
from inbox.channels.messengers.zalo import Zalo as Provider
from inbox.channels.messengers.zalo import sign
from inbox.errors import ChannelError, Rejected, Unavailable, Unconfirmed
from tests.standins import facebook, zalo
from tests.standins.facebook import Page
from tests.standins.zalo import Zalo

AT = 1_772_000_000_000
WHEN = datetime.fromtimestamp(AT / 1000, UTC)


def _zalo(kind: str, **payload: Any) -> tuple[str, list[str], tuple[str, ...]]:
    _, body = Zalo().write(at=AT, kind=kind, **payload)
    told = zalo_read.read(body)
    return told.message.text, [file.id for file in told.files], told.message.notes


def test_what_zalo_sends_can_be_read() -> None:
    """Pictures, files, stickers, places, links: text, a file to fetch, a note."""
    here = "https://cdn.example/1"
    assert _zalo("image", url=here, thumbnail=here)[1] == [here]
    assert _zalo("sticker", id="1", url=here) == ("", [here], (readable.STICKER,))
    text, files, notes = _zalo(
        "location", coordinates={"latitude": "10.76", "longitude": "106.66"}
    )
    assert "10.760000, 106.660000" in text
    assert (files, notes) == ([], (readable.PLACE,))
    assert _zalo("link", url=here, description="Khuyến mãi")[0] == f"Khuyến mãi\n{here}"
    assert _zalo("audio", url=here)[2] == (readable.VOICE,)
    assert _zalo("hologram", url=here)[2] == (f"{readable.NO_SHOWING}: hologram",)
    named = zalo_read.read(
        Zalo().write(at=AT, kind="file", url=here, name="a.pdf", size="7")[1]
    )
    assert (named.files[0].filename, named.files[0].size_bytes) == ("a.pdf", 7)
    assert named.at == WHEN


def test_what_concerns_no_conversation_of_ours_is_left_out() -> None:
    """Events of another account, groups, and what the account itself has said."""
    account = Zalo()
    other = account.tell(
        "user_send_text", AT, recipient="1", message={"msg_id": "m", "text": "x"}
    )
    assert zalo_read.event_of(other[1], zalo.OA).what == "other"
    for name in ("oa_send_text", "user_send_group_text", "shop_has_order"):
        assert zalo_read.event_of(account.tell(name, AT)[1], zalo.OA).what == "other"
    whom: dict[str, Any] = {
        "sender": "8",
        "message": {"conversation_id": "c", "msg_id": "m", "text": "x"},
    }
    assert zalo_read.event_of(account.tell("anonymous_send_text", AT, **whom)[1], "").user == (
        "anonymous:8:c"
    )


def test_zalos_signature_is_over_app_body_time_and_secret() -> None:
    """R23: with or without the mark before it; an account without a secret believes nobody."""
    headers, body = Zalo().write("Chào", at=AT)
    entered = Account(facts={"app_id": zalo.APP}, secrets={"oa_secret": zalo.OA_SECRET})
    assert Provider().is_genuine(headers, body, entered)
    bare = {"x-zevent-signature": sign(zalo.APP, body, str(AT), zalo.OA_SECRET)}
    assert Provider().is_genuine(bare, body, entered)
    assert not Provider().is_genuine(bare, body, Account(facts={"app_id": zalo.APP}))
    empty = {"x-zevent-signature": sign(zalo.APP, body, str(AT), "")}
    assert not Provider().is_genuine(empty, body, Account(facts={"app_id": zalo.APP}))
    assert not Provider().is_genuine(headers, b"no json", entered)


def test_what_a_page_is_sent_can_be_read() -> None:
    """Stickers, places, buttons, what another app hands over; echoes and reactions are none."""
    page = Page()

    def read(**what: Any) -> tuple[str, int, tuple[str, ...]]:
        told = facebook_read.read(json.dumps(page.event(facebook.USER, AT, **what)).encode())
        return told.message.text, len(told.files), told.message.notes

    def sent(kind: str, **payload: Any) -> dict[str, Any]:
        return {"message": {"mid": "m", "attachments": [{"type": kind, "payload": payload}]}}

    here = "https://cdn.example/1"
    assert read(**sent("image", url=here)) == ("", 1, ())
    assert read(**sent("image", url=here, sticker_id=3)) == ("", 1, (readable.STICKER,))
    text, _, notes = read(**sent("location", coordinates={"lat": 10.76, "long": 106.66}))
    assert "10.760000, 106.660000" in text
    assert notes == (readable.PLACE,)
    pressed = {"postback": {"title": "Gặp nhân viên", "payload": "AGENT"}}
    assert read(**pressed) == ("Gặp nhân viên", 0, (readable.CHOICE,))
    handed = read(pass_thread_control={"metadata": "khách hỏi giá"})
    assert handed[2] == (f"{facebook_read.HANDED_OVER}: khách hỏi giá",)
    assert read(**sent("fallback", url=here, title="Bài"))[0] == f"Bài\n{here}"
    for what in ({"reaction": {"mid": "m"}}, {"message": {"mid": "m", "is_echo": True}}):
        _, body = page.tell(page.event(facebook.USER, AT, **what))
        assert [one.what for one in facebook_read.split(body, facebook.PAGE)] == ["other"]
    _, body = page.tell(page.event(facebook.USER, AT, message={"mid": "m"}), page="9")
    assert [one.what for one in facebook_read.split(body, facebook.PAGE)] == ["other"]


REFUSALS: dict[tuple[int, str], type[ChannelError]] = {
    (-216, "Access token is invalid"): BadToken,
    (-230, "User has not interacted with the OA in the past 7 days"): WindowClosed,
    (-213, "User has not followed OA"): Blocked,
    (-211, "Out of quota"): SlowDown,
    (-32, "Rate limit"): SlowDown,
    (-100, "Unknown exception"): Unavailable,
    (-201, "Params is invalid"): Rejected,
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_zalos_errors_are_what_they_mean(refusal: tuple[int, str]) -> None:
    piece = Provider().pieces(OutboundMessage("", "", "", "", "Dạ"))[0]
    with zalo.zalo_server() as served:
        served.token, served.refuse = "t", [refusal]
        async with Wire(Account(token="t"), {"zalo_url": served.url}) as wire:
            with pytest.raises(REFUSALS[refusal]) as raised:
                await Provider().send(wire, zalo.USER, piece, None, WHEN)
    assert type(raised.value) is REFUSALS[refusal]


async def test_a_provider_that_is_away_has_not_got_it_and_one_that_breaks_off_may() -> None:
    piece = Provider().pieces(OutboundMessage("", "", "", "", "Dạ"))[0]
    with zalo.zalo_server() as served:
        served.token, served.break_off = "t", 1
        served.open_to.add(zalo.USER)
        url = served.url
        async with Wire(Account(token="t"), {"zalo_url": url}) as wire:
            with pytest.raises(Unconfirmed):
                await Provider().send(wire, zalo.USER, piece, None, WHEN)
    async with Wire(Account(token="t"), {"zalo_url": url}) as wire:
        with pytest.raises(Unavailable):
            await Provider().send(wire, zalo.USER, piece, None, WHEN)


def test_long_words_and_files_are_cut_into_calls() -> None:
    words = "Dạ vâng. " * 500
    made = Provider().pieces(OutboundMessage("", "", "", "", words))
    assert all(0 < len(one.text) <= 2000 for one in made)
    assert "".join(one.text for one in made).replace(" ", "") == words.replace(" ", "")
    large = OutboundFile("a.png", "image/png", b"x" * (1024 * 1024 + 1))
    with pytest.raises(Rejected):
        Provider().pieces(OutboundMessage("", "", "", "", "x", files=(large,)))
    assert Facebook().pieces(OutboundMessage("", "", "", "", "x", files=(large,)))[1].file


def test_windows_are_as_entered() -> None:
    assert Provider().window(Account(facts={"window": "48"})) == timedelta(hours=48)
    assert Provider().window(Account(facts={"window": "168"})) == timedelta(days=7)
    assert Facebook().window(Account()) == timedelta(hours=24)
    assert Facebook().window(Account(facts={"human_agent": "yes"})) == timedelta(days=7)
