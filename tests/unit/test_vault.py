"""Secrets at rest."""

import pytest

from inbox.vault import Sealed, Vault

KEY = b"a secret of these tests only, quite long enough"


def test_a_secret_comes_back_and_is_nowhere_to_be_seen() -> None:
    vault = Vault(KEY)
    sealed = vault.seal("mật khẩu", "mailboxes:3")

    assert vault.open(sealed, "mailboxes:3") == "mật khẩu"
    assert "kh" not in sealed.partition(".")[0]
    assert sealed != vault.seal("mật khẩu", "mailboxes:3")  # a new nonce each time
    assert KEY.decode() not in repr(vault)


def test_it_opens_in_no_other_place() -> None:
    """Two rows' secrets swapped open neither."""
    sealed = Vault(KEY).seal("a", "mailboxes:3")
    with pytest.raises(Sealed):
        Vault(KEY).open(sealed, "mailboxes:4")


def test_another_key_says_what_to_do() -> None:
    with pytest.raises(Sealed, match="another key"):
        Vault(b"another").open(Vault(KEY).seal("a", "x"), "x")


@pytest.mark.parametrize("cut", [0, 1, 12, 20, -1, -4])
def test_a_changed_secret_does_not_open(cut: int) -> None:
    sealed = Vault(KEY).seal("a", "x")
    with pytest.raises(Sealed):
        Vault(KEY).open(sealed[:cut] if cut else "", "x")
