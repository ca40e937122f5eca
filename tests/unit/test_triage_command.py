"""`kip triage` as a user types it."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from inbox.commands.triage import triage
from inbox.triage import starter

ROWS = [
    ("giao hàng chậm quá", "order", "high"),
    ("đơn hàng giao tới đâu", "order", "normal"),
    ("where is my parcel", "order", "normal"),
    ("trừ tiền hai lần", "billing", "high"),
    ("xuất hoá đơn giúp em", "billing", "low"),
    ("the invoice is wrong", "billing", "normal"),
] * 3
KEYS = [
    "id",
    "request_type",
    "request_type_confidence",
    "urgency",
    "urgency_confidence",
    "why",
    "needs_review",
]


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(triage, list(arguments), input=stdin)


def write(path: Path, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerows([header, *rows])
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "rows.csv", ("text", "request_type", "urgency"), ROWS)


@pytest.fixture
def model(data: Path, tmp_path: Path) -> Path:
    done = run("train", "--data", str(data), "--out", str(tmp_path / "model"))
    assert done.exit_code == 0, done.output
    return tmp_path / "model"


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_train_prints_the_evaluation(data: Path, tmp_path: Path) -> None:
    done = run("train", "--data", str(data), "--out", str(tmp_path / "m"))
    assert done.exit_code == 0
    assert "accuracy" in done.stdout
    assert "billing" in done.stdout
    assert "sha256" in done.stdout


def test_train_reads_other_columns_and_tabs(tmp_path: Path) -> None:
    rows = [(text, key, level, "subject") for text, key, level in ROWS]
    path = write(tmp_path / "rows.tsv", ("body", "kind", "level", "subject"), rows)
    options = ("--text", "body", "--type", "kind", "--urgency", "level", "--json")
    done = run("train", "--data", str(path), "--out", str(tmp_path / "m"), *options)
    figures = lines(done)[0]
    assert figures["by_type"].keys() == {"order", "billing"}
    # "low" is one sentence, so no fold without it could have judged it.
    assert figures["urgency"]["messages"] == len(ROWS) - 3


def test_train_leaves_out_rows_without_a_type(tmp_path: Path) -> None:
    rows = [*((text, key) for text, key, _ in ROWS), ("không rõ", "")]
    path = write(tmp_path / "rows.csv", ("text", "request_type"), rows)
    done = run("train", "--data", str(path), "--out", str(tmp_path / "m"))
    assert done.exit_code == 0
    assert "1 rows without a type" in done.stderr


def test_evaluate_answers_json(model: Path, data: Path) -> None:
    done = run("evaluate", "--model", str(model), "--data", str(data))
    assert done.exit_code == 0
    figures = json.loads(done.stdout)
    assert figures["messages"] == len(ROWS)
    assert figures["accuracy"] == 1.0


def test_predict_answers_exactly_the_agreed_keys(model: Path) -> None:
    stdin = (
        '{"id": 1, "subject": "Thanh toán", "text": "em bị trừ tiền hai lần"}\n\n'
        '{"id": "a", "text": "my parcel?"}\n{"id": null, "text": ""}\n{"text": null}\n'
    )
    answers = lines(run("predict", "--model", str(model), stdin=stdin.encode()))
    assert [answer["id"] for answer in answers] == [1, "a", None, None]
    assert all(list(answer) == KEYS for answer in answers)
    assert answers[0]["request_type"] == "billing"
    assert answers[1]["request_type"] == "order"
    assert answers[0]["why"]
    assert all(list(term) == ["term", "weight"] for term in answers[0]["why"])
    assert any("trừ tiền" in term["term"] for term in answers[0]["why"])


def test_predict_survives_odd_bytes(model: Path) -> None:
    stdin = b'{"id": "\\ud83d", "text": "giao \\ud83d h\\u00e0ng \\u0000"}\n'
    answers = lines(run("predict", "--model", str(model), stdin=stdin))
    assert answers[0]["request_type"] == "order"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"giao hang\n", "Line 2 is not JSON"),
        (b"[1]\n", "Line 2 must be an object"),
        (b'{"text": 5}\n', "Line 2 must be an object"),
        (b'{"text": "\xff"}\n', "Line 2 is not JSON"),
    ],
)
def test_predict_says_which_line_is_wrong(model: Path, line: bytes, said: str) -> None:
    done = run("predict", "--model", str(model), stdin=b'{"id": 1, "text": "a"}\n' + line)
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (("text", "label"), [("a", "b")], "has no column 'request_type'"),
        (("text", "request_type"), [], "holds no labelled rows"),
        (("text", "request_type", "urgency"), [("a", "b", "soon")], "Unknown urgency 'soon'"),
    ],
)
def test_train_says_what_is_wrong_with_a_file(
    tmp_path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]], said: str
) -> None:
    path = write(tmp_path / "rows.csv", header, rows)
    done = run("train", "--data", str(path), "--out", str(tmp_path / "m"))
    assert done.exit_code == 1
    assert said in done.stderr


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes("text,request_type\ntrừ tiền,a\n".encode("utf-16"))
    done = run("train", "--data", str(tmp_path / "rows.csv"), "--out", str(tmp_path / "m"))
    assert done.exit_code == 1
    assert "is not UTF-8" in done.stderr


def test_wrong_usage_exits_2(tmp_path: Path) -> None:
    assert run("train", "--data", str(tmp_path / "absent.csv"), "--out", "m").exit_code == 2
    assert run("evaluate").exit_code == 2


def test_a_damaged_model_fails_in_a_sentence(model: Path) -> None:
    (model / "model.npz").write_bytes(b"PK nonsense")
    done = run("predict", "--model", str(model), stdin=b'{"text": "a"}\n')
    assert done.exit_code == 1
    assert "damaged" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_without_a_model_the_starter_is_made_and_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(starter, "location", lambda: tmp_path / "share" / "starter")
    stdin = '{"id": 1, "text": "Tài khoản của tôi bị khoá, quên mật khẩu"}\n'.encode()
    first = run("predict", stdin=stdin)
    assert "Training the starter model first" in first.stderr
    answer = lines(first)[0]
    assert answer["request_type"] == "account_access"
    assert answer["needs_review"] is True
    second = run("predict", stdin=stdin)
    assert second.stderr == ""
    assert lines(second) == [answer]
