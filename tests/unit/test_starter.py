"""The starter corpus: well formed, balanced, deterministic; and the model made of it."""

import json
import shutil
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inbox.errors import InboxError, Invalid
from inbox.triage import starter
from inbox.triage.keywords import KEYWORDS
from inbox.triage.model import TriageModel
from inbox.triage.prediction import LEVELS
from inbox.triage.starter.corpus import LANGUAGES, read_corpus
from inbox.triage.starter.generate import generate
from inbox.triage.text import fold

PATTERN = '[[pattern]]\ntext = "{text}"\nurgency = "{urgency}"\nvoice = "test"\n'


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_type_has_its_sentences(language: str) -> None:
    corpus = read_corpus(starter.DATA, language)
    counts = Counter(pattern.request_type for pattern in corpus.patterns)
    assert counts.keys() == KEYWORDS.keys()
    assert min(counts.values()) >= 200
    assert max(counts.values()) < 2 * min(counts.values())
    assert {pattern.urgency for pattern in corpus.patterns} == set(LEVELS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_has_two_types(language: str) -> None:
    types: dict[str, set[str]] = {}
    for pattern in read_corpus(starter.DATA, language).patterns:
        types.setdefault(fold(pattern.text), set()).add(pattern.request_type)
    assert [text for text, keys in types.items() if len(keys) > 1] == []


def test_no_keyword_points_at_two_types() -> None:
    phrases = [p for lines in KEYWORDS.values() for line in lines for p in line.split("|")]
    assert [phrase for phrase, n in Counter(phrases).items() if n > 1] == []
    assert [phrase for phrase in phrases if phrase != fold(phrase)] == []


def test_messages_are_filled_and_the_same_for_the_same_seed() -> None:
    examples = generate(7, 2)
    assert examples == generate(7, 2)
    assert examples != generate(8, 2)
    assert [e.text for e in examples if "{" in e.text or "{" in e.subject] == []
    assert all(example.text.strip() for example in examples)
    groups = Counter(example.group for example in examples if example.group)
    assert set(groups.values()) == {2}


def test_a_new_sentence_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    write_corpus(tmp_path / "a", ["một", "hai"])
    write_corpus(tmp_path / "b", ["một", "hai", "ba"])
    before = {e.text for e in generate(1, 1, tmp_path / "a")}
    assert before < {e.text for e in generate(1, 1, tmp_path / "b")}


@pytest.mark.parametrize(
    ("text", "urgency", "said"),
    [
        ("còn {shoe} không", "normal", "uses the slot 'shoe'"),
        ("còn không", "soon", "unknown urgency"),
    ],
)
def test_a_faulty_sentence_is_named(tmp_path: Path, text: str, urgency: str, said: str) -> None:
    write_corpus(tmp_path, [text], urgency)
    with pytest.raises(Invalid, match=said) as caught:
        generate(1, 1, tmp_path)
    assert "vi/general/0" in caught.value.message


def test_a_line_says_urgency_subject_and_voice(tmp_path: Path) -> None:
    write_corpus(tmp_path, ["một"])
    lines = "# parent\nhai\n~ ba\n! bốn\n\n!! Thư :: năm\\nsáu\n"
    (tmp_path / "vi" / "complaint.txt").write_text(lines, "utf-8")
    found = [p for p in read_corpus(tmp_path, "vi").patterns if p.request_type == "complaint"]
    assert [(p.text, p.urgency) for p in found] == [
        ("hai", "normal"),
        ("ba", "low"),
        ("bốn", "high"),
        ("năm\nsáu", "urgent"),
    ]
    assert [(p.kind, p.subject) for p in found[2:]] == [("chat", ""), ("mail", "Thư")]
    assert {p.voice for p in found} == {"parent"}
    assert len({p.key for p in found}) == 4


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"_frames\.toml"):
        generate(1, 1, tmp_path)


def write_corpus(folder: Path, texts: list[str], urgency: str = "normal") -> None:
    for language in LANGUAGES:
        place = folder / language
        place.mkdir(parents=True)
        (place / "_slots.toml").write_text('product = ["giày"]\n', "utf-8")
        frames = 'greeting = ["Chào,"]\ncontext = ["Tôi là khách."]\nclosing = ["Cảm ơn."]\n'
        (place / "_frames.toml").write_text(frames, "utf-8")
        written = "".join(PATTERN.format(text=text, urgency=urgency) for text in texts)
        (place / "general.toml").write_text(written, "utf-8")


def test_the_starter_is_trained_once_and_noticed_when_old(tmp_path: Path) -> None:
    directory = tmp_path / "starter"
    shutil.copytree(starter.location(), directory)  # as the set-up made it
    made = (directory / "model.npz").stat().st_mtime_ns
    assert starter.is_current(directory)
    assert starter.ensure(directory) == directory
    assert (directory / "model.npz").stat().st_mtime_ns == made
    model = TriageModel.load(directory)
    said = model.predict("", "shop ơi đơn hàng của em giao tới đâu rồi ạ")
    assert said.request_type == "order_delivery"
    assert said.needs_review  # nothing is measured on this company's messages

    meta = json.loads((directory / "model.json").read_text("utf-8"))
    meta["info"]["starter_sha256"] = "older"
    (directory / "model.json").write_text(json.dumps(meta), "utf-8")
    assert not starter.is_current(directory)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(InboxError, match="could not be made"):
        starter.ensure(tmp_path / "file" / "starter")


def test_of_several_that_start_at_once_one_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Web, worker and mail receiver find no model: one makes it, the others wait for it."""
    made: list[list[str]] = []
    directory = tmp_path / "starter"
    begin = threading.Barrier(4)

    def train(command: list[str], **_given: object) -> subprocess.CompletedProcess[str]:
        made.append(command)
        directory.mkdir()
        meta = {"info": {"starter_sha256": starter.corpus_hash()}}
        (directory / "model.json").write_text(json.dumps(meta), "utf-8")
        return subprocess.CompletedProcess(command, 0, "", "")

    def start() -> None:
        begin.wait()
        assert starter.ensure(directory) == directory

    monkeypatch.setattr("inbox.triage.starter.subprocess.run", train)
    with ThreadPoolExecutor(4) as several:
        for one in [several.submit(start) for _ in range(4)]:
            one.result()
    assert len(made) == 1
