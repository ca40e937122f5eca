"""Ids and addresses of ours in mail: signed, found again, and not to be made up."""

import pytest

from inbox.addressing import (
    conversation_of,
    inbox_named,
    make_message_id,
    make_reply_address,
    without_tag,
)

SECRET, OTHER = b"ours", b"theirs"


def test_what_we_sign_is_found_again_wherever_it_stands() -> None:
    """F9."""
    message_id = make_message_id(SECRET, 1042, "congty.example")
    address = make_reply_address(SECRET, 1042, "hotro@congty.example")

    assert conversation_of(SECRET, ["x@y", message_id], []) == 1042
    assert conversation_of(SECRET, [message_id.strip("<>")], []) == 1042
    assert conversation_of(SECRET, [], ["a@b.example", address.upper()]) == 1042


def test_two_ids_of_one_conversation_differ() -> None:
    one, two = (make_message_id(SECRET, 1042, "congty.example") for _ in range(2))

    assert one != two


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("1042", "1043"),
        lambda text: text.replace("@", "a@"),
        lambda text: text[:12] + ("A" if text[12] != "A" else "B") + text[13:],
        lambda text: f"{text}\n",
        lambda text: "",
    ],
)
def test_a_changed_one_is_nobodys(change: object) -> None:
    """R41."""
    assert callable(change)
    message_id = make_message_id(SECRET, 1042, "congty.example").strip("<>")
    address = make_reply_address(SECRET, 1042, "hotro@congty.example")

    assert conversation_of(SECRET, [change(message_id) + "x"], []) is None
    assert conversation_of(SECRET, [], [change(address) + "x y"]) is None


def test_another_installations_are_nobodys_here() -> None:
    """F20: two companies that write to each other keep their own numbers."""
    message_id = make_message_id(OTHER, 1042, "congty.example")
    address = make_reply_address(OTHER, 1042, "hotro@congty.example")

    assert conversation_of(SECRET, [message_id], [address]) is None


def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    address = make_reply_address(SECRET, 1042, "hotro@congty.example")
    signature = address.partition(".")[2].partition("@")[0]

    forged = f"<k.1042.AAAAAAAAAAAA.{signature}@congty.example>"
    assert conversation_of(SECRET, [forged], []) is None


def test_the_domain_is_not_part_of_the_proof() -> None:
    """A mail server that rewrites the domain must not lose the thread."""
    message_id = make_message_id(SECRET, 1042, "congty.example").replace("congty", "khac")

    assert conversation_of(SECRET, [message_id], []) == 1042


def test_the_tag_is_cut_off() -> None:
    assert without_tag("hotro+k1042.abc@congty.example") == "hotro@congty.example"
    assert without_tag("hotro@congty.example") == "hotro@congty.example"


def test_an_inbox_may_have_a_plus_sign_of_its_own() -> None:
    """F9: our tag is the last one, and the answer finds its inbox and its conversation."""
    shop, plain = "shop+hanoi@congty.example", "shop@congty.example"
    reply_to = make_reply_address(SECRET, 1042, shop)

    assert conversation_of(SECRET, [], [reply_to]) == 1042
    assert inbox_named(reply_to, {shop, plain}) == shop
    assert inbox_named(reply_to.upper(), {shop}) == shop
    assert inbox_named(shop, {shop, plain}) == shop
    assert inbox_named(shop, {plain}) == plain
    assert inbox_named("shop+hue@congty.example", {shop}) is None
