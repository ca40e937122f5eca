"""Passwords, random tokens and signatures."""

import re

import pytest

from inbox.auth import (
    hash_password,
    hash_token,
    random_token,
    sign,
    signed,
    verify_password,
)

PASSWORD = "một câu dài dễ nhớ"
ENCODED = hash_password(PASSWORD)


def test_a_password_is_kept_as_argon2id_of_19_mib() -> None:
    assert ENCODED.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in ENCODED
    assert hash_password(PASSWORD) != ENCODED


@pytest.mark.parametrize(
    ("password", "encoded", "right"),
    [
        (PASSWORD, ENCODED, True),
        (PASSWORD + " ", ENCODED, False),
        ("", ENCODED, False),
        (PASSWORD, None, False),
        (PASSWORD, "", False),
        (PASSWORD, "not a hash", False),
    ],
    ids=["right", "longer", "empty", "nobody", "no hash", "not a hash"],
)
def test_only_the_password_itself_is_right(
    password: str, encoded: str | None, right: bool
) -> None:
    assert verify_password(password, encoded) is right


def test_tokens_are_128_random_bits_for_an_address() -> None:
    """F90: nobody guesses a customer's page."""
    tokens = {random_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", token) for token in tokens)


def test_a_token_is_stored_as_its_hash() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", hash_token("t"))
    assert hash_token("t") == hash_token("t") != hash_token("T")


def test_a_signature_holds_for_its_text_purpose_and_key() -> None:
    """128 bits that survive a change of case."""
    signature = sign(b"key", "purpose", "1042")

    assert re.fullmatch(r"[a-z2-7]{26}", signature)
    assert signed(b"key", "purpose", "1042", signature.upper())
    assert not signed(b"key", "purpose", "1043", signature)
    assert not signed(b"key", "other", "1042", signature)
    assert not signed(b"kez", "purpose", "1042", signature)
    assert not signed(b"key", "purpose", "1042", signature[:-1])
    assert not signed(b"key", "purpose", "1042", "")


def test_purpose_and_text_do_not_run_into_each_other() -> None:
    assert sign(b"key", "a", "b1") != sign(b"key", "ab", "1")
