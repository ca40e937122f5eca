"""Quote headers, closing lines and devices' lines as programs write them, by language."""

import json
from pathlib import Path
from typing import Any

import pytest

from inbox.channels.quotes import visible_reply

FORMS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "mail_languages.json").read_text("utf-8")
)
FORWARDS = FORMS.pop("any")["forwarded"]
NEW = "The blue one, please. To the new address this time."
WHO = "Shop Mai <mai@shop.example>"


def every(form: str) -> list[Any]:
    """All languages' ways of one form."""
    return [one for forms in FORMS.values() for one in forms[form]]


def after(*lines: str) -> str:
    return visible_reply("\n".join((NEW, "", *lines)))


def test_the_languages_are_many() -> None:
    """At least the twenty of the samples, Vietnamese first among them."""
    assert len(FORMS) >= 20
    assert next(iter(FORMS)) == "vi"


def test_who_wrote_when_is_no_answer() -> None:
    """Above quoted lines, above a bare copy where it is certain, and broken over two lines."""
    for line in every("wrote"):
        assert after(line, "", "> old words", "> more") == NEW, line
        if "@" in line:
            assert after(line, "", "old words", "more") == NEW, line
        cut = line.rfind(" ", 40, len(line) - 3)
        if len(line) > 60 and cut > 0:
            assert after(line[:cut], line[cut + 1 :], "", "> old words") == NEW, line


def test_copied_headers_are_no_answer() -> None:
    """Plain, bold, with a space or a wide colon, with and without a rule above."""
    for sender, sent, to, subject in every("labels"):
        for form in ("{}: {}", "*{}:* {}", "{} : {}", "{}： {}"):
            block = [
                form.format(sender, WHO),
                form.format(sent, "14/07/2026 09:15"),
                form.format(to, "An Le"),
                form.format(subject, "Re: Order"),
            ]
            assert after(*block, "", "old words") == NEW, block
            assert after("_" * 32, *block, "", "old words") == NEW, block


def test_a_rule_with_words_is_no_answer() -> None:
    for line in every("original"):
        assert after(line, "old words") == NEW, line


def test_a_forwarded_mail_is_no_answer() -> None:
    for line in FORWARDS:
        assert after(line, "", "old words") == NEW, line


def test_endings_are_no_answer() -> None:
    """What a device adds, and a closing line with a name and a company."""
    for line in every("mobile"):
        assert after(line) == NEW, line
        assert after(line, "", f"On Tue, Jul 14, 2026 at 9:15 AM {WHO} wrote:", "> x") == NEW
    for line in every("closing"):
        assert after(line, "An Le", "Shop Ltd") == NEW, line


@pytest.mark.parametrize(
    "copied",
    [
        "Quoting An Le <an@x.example>:\n\n> old",
        "Zitat von An Le <an@x.example>:\n\nold",
        "-------- Original message --------From: An <an@x.example> Date: 14/07/2026 To: b\nold",
        "----- Forwarded by An/Shop on 14/07/2026 09:15 -----\nold",
        "* An Le <an@x.example> [2026-07-14 09:15]:\n\n> old",
        "In message <1@x.example>, An writes:\n> old",
        "2026/7/14 An Le <an@x.example>\n\n> old",
        "2026-07-14 9:15 GMT+07:00 An Le\n\nold",
        "##- Please type your reply above this line -##\nold",
        "Vui lòng trả lời phía trên dòng này\nold",
        "Ime: An Le <an@x.example>\nKada: 14.07.2026 09:15\nKomu sve: b@x.example\n\nold",
        "Sent via Superhuman ( https://x.example/?vip=a@x.example )",
        "Sent from [Mail](https://x.example/1) for Windows",
        "__\nAn Le",
        "-- \nAn Le\nShop",
        "—\nReply to this email directly",
    ],
)
def test_programs_of_every_kind(copied: str) -> None:
    """Also what a language's table does not say: headers nobody knows, marks of other desks."""
    assert after(copied) == NEW


@pytest.mark.parametrize(
    "text",
    [
        "Họ tên: Lê An\nEmail: an@x.example\nNgày mua: 14/07/2026\nMã đơn: 7\nEm muốn đổi.",
        "Từ: Hà Nội\nĐến: Huế\nNgày: 14/07/2026\nHai vé giúp em.",
        "Name: An Le\nEmail: an@x.example\nDate: 14/07/2026\nSubject: refund\nMessage: refund",
        "My account is an@x.example since 14.07.2026:\n- it does not open\n- it asks for money",
        "Your colleague wrote on 14.07.2026 that I get a refund.\nWhere is it?",
        "Ngày 14/07/2026 em có nhắn với shop như sau:\n1. Giao trong hai ngày\n2. Miễn phí",
        "Lúc 9:15 ngày 14/07/2026 chị Lan viết:\nShop xin lỗi\nĐến nay chưa thấy gì.",
        "Máy của em bị lỗi.\nEm gửi lại iPhone cho shop.",
        "It broke.\nI sent the iPhone back.",
        "Here it is.\n\nSent from my office, the parcel never reached you. Please look again.",
        "Please reply above the old price.",
        "Best\nway to reach you?\n\n" + "I have tried the telephone many times this week. " * 2,
    ],
)
def test_words_of_people_stay(text: str) -> None:
    """When in doubt a line stays: forms that customers fill in, dates, devices."""
    assert visible_reply(text) == text.strip()


def test_a_closing_line_with_a_letter_below_stays() -> None:
    text = "Regards\n" + "\n".join(f"and number {n} of a long list of things" for n in range(9))
    assert visible_reply(f"First.\n{text}") == f"First.\n{text}"
