"""``kip mail parse`` prints what the product reads."""

import json
from pathlib import Path

from click.testing import CliRunner

from inbox.commands.mail import mail

RAW = "From: An Lê <an@bücher.example>\nSubject: Chào\n\nXin chào shop".encode()
KEYS = {
    "file", "subject", "from_email", "from_name", "to", "reply_to", "message_id", "in_reply_to",
    "references", "date", "body_text", "body_html", "visible_reply", "attachments",
    "is_auto_reply", "is_bounce", "bounced_recipient", "bounced_recipients",
    "suppress_auto_response", "language",
}  # fmt: skip


def test_one_object_a_line_with_its_file(tmp_path: Path) -> None:
    files = [tmp_path / "a.eml", tmp_path / "b.eml"]
    for path in files:
        path.write_bytes(RAW)
    result = CliRunner().invoke(mail, ["parse", *map(str, files)])
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert [row["file"] for row in rows] == [str(path) for path in files]
    assert set(rows[0]) == KEYS
    assert rows[0]["visible_reply"] == "Xin chào shop"
    assert rows[0]["from_email"] == "an@bücher.example"


def test_standard_input_is_read_without_files() -> None:
    result = CliRunner().invoke(mail, ["parse"], input=RAW)
    assert json.loads(result.output)["file"] == "-"


def test_a_missing_file_is_wrong_usage() -> None:
    assert CliRunner().invoke(mail, ["parse", "/nowhere/a.eml"]).exit_code == 2
