"""Mails out of files: each whole, in order, in bounded memory."""

from pathlib import Path

import pytest

from inbox.errors import Invalid
from inbox.importing.mbox import Found, count_bytes, read_mails

MOST = 1000


def found(path: Path, most: int = MOST) -> list[Found]:
    return list(read_mails(path, most, lambda _: None))


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_mails_end_where_the_next_begins(tmp_path: Path) -> None:
    path = write(
        tmp_path / "old.mbox",
        "From a@b Mon Mar  2 09:00:00 2026\nSubject: 1\n\nHi\nFrom here on it rains.\n"
        ">From the shop\n>>From x\n\nFrom c@d Mon Mar  2 10:00:00 2026\nSubject: 2\n\nBye\n",
    )
    mails = found(path)
    assert [one.raw for one in mails] == [
        b"Subject: 1\n\nHi\nFrom here on it rains.\nFrom the shop\n>From x\n",
        b"Subject: 2\n\nBye\n",
    ]
    assert [one.name for one in mails] == ["old.mbox 1", "old.mbox 2"]


def test_line_ends_of_windows_stay(tmp_path: Path) -> None:
    path = write(tmp_path / "x", "From a\r\nA: 1\r\n\r\nHi\r\n\r\nFrom b\r\nA: 2\r\n\r\n")
    assert [one.raw for one in found(path)] == [b"A: 1\r\n\r\nHi\r\n", b"A: 2\r\n"]


def test_one_too_large_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    large = "x" * 70 + "\n"
    path = write(tmp_path / "x", f"From a\nA: 1\n\n{large * 20}\nFrom b\nA: 2\n\nHi\n")
    first, second = found(path)
    assert (first.raw, first.size_bytes > MOST) == (b"", True)
    assert second.raw == b"A: 2\n\nHi\n"


def test_a_folder_of_single_mails_is_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "2.eml", "A: 2\n\n")
    write(tmp_path / "sub" / "1.EML", "A: 1\n\n")
    write(tmp_path / "notes.txt", "no mail")
    write(tmp_path / "3.eml", "x" * (MOST + 1))
    assert [(one.name, one.raw) for one in found(tmp_path)] == [
        ("2.eml", b"A: 2\n\n"),
        ("3.eml", b""),
        ("sub/1.EML", b"A: 1\n\n"),
    ]
    assert count_bytes(tmp_path) == 12 + MOST + 1


def test_a_single_mail_and_what_is_told(tmp_path: Path) -> None:
    told: list[int] = []
    path = write(tmp_path / "1.eml", "A: 1\n\nFrom me\n")
    assert [one.raw for one in read_mails(path, MOST, told.append)] == [path.read_bytes()]
    assert sum(told) == count_bytes(path)


@pytest.mark.parametrize("text", ["", "Subject: no separator\n\nHi\n"])
def test_what_is_no_mbox_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Invalid, match="no mbox"):
        found(write(tmp_path / "x", text))
    with pytest.raises(Invalid, match=r"no \.eml"):
        found(tmp_path)
