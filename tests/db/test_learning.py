"""From what people said to a model that answers: samples, trainings, the gate, back again."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select, update
from sqlmodel import Session

from inbox import corrections
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.learning import samples, trainings, versions, watching
from inbox.learning.serving import Serving, choose, folder_of
from inbox.learning.trainings import GAVE_UP, LEASE, NOTHING
from inbox.learning.versions import CHANGED
from inbox.learning.working import Learn
from inbox.loops import TakeIn
from inbox.rulebook import load_rulebook
from inbox.settings import Settings
from inbox.store import learning as store
from inbox.store.setup import find_live_model
from inbox.triage import files
from inbox.triage.features import Features
from inbox.triage.model import Head, TriageModel
from models import (
    AuditEntry,
    AuditThing,
    Correction,
    Message,
    TrainingState,
    TriageModelFiles,
    TriageSample,
    TriageTraining,
)
from models.base import columns
from tests.factories import NOW, SECRET, Firm, conversation, make_mail, stage_mail
from tests.learned import WORDS, confirm_many

kept = columns(TriageSample)
said = columns(Correction)
messages = columns(Message)
audit = columns(AuditEntry)


async def learn(database: Database, data_dir: Path, firm: Firm) -> TriageTraining:
    """Ask for a training as the button does, and let a worker do it."""
    await database.write(trainings.ask, "button", NOW, by=firm.dung.id)
    worker = Learn(database, data_dir, starter=False)
    assert await worker.once()
    found = await database.read(store.find_last)
    assert found is not None
    return found


def _settle(session: Session) -> None:
    while samples.settle(session, NOW) == samples.BATCH:
        pass


async def test_a_tenth_of_each_language_is_kept_aside_and_stays_so(
    database: Database, firm: Firm
) -> None:
    def confirm(session: Session) -> None:
        confirm_many(session, firm, 60, language="vi")
        confirm_many(session, firm, 40, language="en")
        _settle(session)

    def counts(session: Session) -> dict[str, int]:
        rows = session.execute(
            select(kept.language, func.count())
            .where(kept.is_holdout.is_(True))
            .group_by(kept.language)
        )
        return {language: count for language, count in rows}

    await database.write(confirm)
    first = await database.read(everything_kept)
    assert await database.read(counts) == {"vi": 6, "en": 4}

    await database.write(confirm)

    again = await database.read(everything_kept)
    assert {key: again[key] for key in first} == first
    assert await database.read(counts) == {"vi": 12, "en": 8}


def everything_kept(session: Session) -> dict[int, bool]:
    rows = session.execute(select(kept.conversation_id, kept.is_holdout))
    return {number: is_holdout for number, is_holdout in rows}


async def test_the_whole_loop_from_corrections_to_a_model_that_answers_and_back(
    database: Database, firm: Firm, tmp_path: Path
) -> None:
    """F59–F61, DESIGN 34: wrong labels are refused unless somebody says why; and back again."""
    await database.write(confirm_many, firm, 210)

    done = await learn(database, tmp_path, firm)

    assert (done.state, done.error) == (TrainingState.DONE, "")
    assert done.result["gate"]["reason"] == "not_worse"
    assert done.result["gate"]["figures"]["messages"] == 21
    assert done.result["messages"] == 189
    assert done.version_id is not None
    version = await database.read(versions.get_version, done.version_id)
    assert version.is_live
    assert version.made_by_id == firm.dung.id
    assert len(version.data_sha256) == 64
    assert version.metrics["holdout"]["by_type"]["billing_payment"]["recall"] == 1.0
    assert len(await database.read(store.outcomes_of, version.id)) == 21
    assert not list((tmp_path / "learning").iterdir())  # people's words lie nowhere
    serving = Serving(database, tmp_path)
    sorter = await serving.sorter(await database.read(choose))
    types = frozenset(WORDS) | {"general"}
    assert sorter.version_id == version.id
    said = sorter.predict("", "hoá đơn 77 tính tiền hai lần", types)
    assert said.request_type == "billing_payment"

    await database.write(_spoil)
    again = await learn(database, tmp_path, firm)

    assert again.result["gate"]["reason"] == "worse"
    assert again.version_id is not None
    assert await _live(database) == version.id
    by = firm.dung.id
    with pytest.raises(Invalid, match="Write why"):
        await database.write(versions.promote, again.version_id, by=by, now=NOW)
    await database.write(versions.promote, again.version_id, by=by, now=NOW, reason="đổi luật")
    assert await _live(database) == again.version_id
    written = (await database.read(_models_written_down))[-1]
    assert written.actor_id == by
    assert written.after == {"live": again.version_id, "reason": "đổi luật", "override": True}

    former = await database.write(versions.roll_back, by=by, now=NOW)

    assert former == version.id
    sorter = await serving.sorter(await database.read(choose))
    assert sorter.version_id == former
    last = (await database.read(_models_written_down))[-1]
    assert (last.action.value, last.before, last.after) == (
        "activated",
        {"live": again.version_id},
        {"live": former},
    )


async def _live(database: Database) -> int:
    found = await database.read(find_live_model)
    assert found is not None
    return found.id


def _spoil(session: Session) -> None:
    """Let somebody careless have labelled a third of what is trained on."""
    rows = session.execute(
        select(Correction)
        .join(TriageSample, kept.conversation_id == said.conversation_id)
        .where(kept.is_holdout.is_(False), said.field == "request_type")
    ).scalars()
    for row in rows:
        if row.new == "billing_payment":
            row.new = "technical_support"


def _models_written_down(session: Session) -> list[AuditEntry]:
    query = select(AuditEntry).where(audit.thing == AuditThing.MODEL).order_by(audit.id)
    return list(session.execute(query).scalars())


async def test_with_nothing_confirmed_it_says_so(
    database: Database, firm: Firm, tmp_path: Path
) -> None:
    done = await learn(database, tmp_path, firm)
    assert (done.state, done.error) == (TrainingState.FAILED, NOTHING)
    assert await database.read(store.find_unfinished) is None


async def test_a_killed_worker_leaves_a_lease_that_runs_out(
    database: Database, firm: Firm
) -> None:
    """The row is taken again once nobody keeps it; the late one finds it in other hands."""
    asked = await database.write(trainings.ask, "button", NOW, by=firm.dung.id)
    assert (await database.write(trainings.ask, "night", NOW)).id == asked.id  # one at a time
    first = await database.write(trainings.claim, NOW)
    assert first is not None
    assert await database.write(trainings.claim, NOW) is None
    later = NOW + LEASE
    second = await database.write(trainings.claim, later)
    assert second is not None
    assert not await database.write(trainings.renew, first, "own", 50, later)
    assert await database.write(trainings.renew, second, "own", 50, later)
    third = await database.write(trainings.claim, later + LEASE)
    assert third is not None
    assert await database.write(trainings.claim, later + 2 * LEASE) is None
    ended = await database.read(store.find_last)
    assert ended is not None
    assert (ended.state, ended.error) == (TrainingState.FAILED, GAVE_UP)


async def test_it_trains_by_itself_after_corrections_with_a_pause(
    database: Database, firm: Firm
) -> None:
    await database.write(confirm_many, firm, 24)
    later = NOW + timedelta(minutes=5)
    assert await database.read(trainings.is_time, later) == ""
    await database.write(confirm_many, firm, 1)
    assert await database.read(trainings.is_time, later) == "corrections"
    assert await database.write(trainings.begin_by_itself, later)
    assert await database.read(trainings.is_time, later) == ""  # it waits already
    job = await database.write(trainings.claim, later)
    assert job is not None
    await database.write(trainings.fail, job, NOTHING, later)
    await database.write(confirm_many, firm, 30, at=later + timedelta(minutes=1))
    assert await database.read(trainings.is_time, later + timedelta(minutes=30)) == ""
    after = later + trainings.COOL_DOWN
    assert await database.read(trainings.is_time, after) == "corrections"


async def test_at_night_once_if_there_is_something_new(database: Database, firm: Firm) -> None:
    night = NOW.replace(hour=19, minute=10)  # 02:10 in Vietnam
    assert await database.read(trainings.is_time, night) == ""
    labels = {kind: "general" for kind in WORDS}  # all agreed
    await database.write(confirm_many, firm, 12, labels=labels)
    assert await database.read(trainings.is_time, night) == "night"
    assert await database.read(trainings.is_time, NOW + timedelta(hours=2)) == ""
    begun = [await database.write(trainings.begin_by_itself, night) for _ in range(2)]
    assert begun == [True, False]


def add_model(session: Session, folder: Path, at: datetime = NOW) -> int:
    """Keep a small trained model as if the training process had made it."""
    made = versions.Made(
        sha256=files.sha256_of(folder),
        path=str(folder),
        arrays=(folder / files.ARRAYS).read_bytes(),
        described=(folder / files.META).read_bytes(),
        data_sha256="0" * 64,
        made_by_id=None,
        metrics={"gate": {"accepted": True}},
    )
    return versions.add_version(session, made, at)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make two models by hand: one says always billing, one always delivery."""
    made = {}
    for name, bias in (("billing", (1.0, 0.0)), ("delivery", (0.0, 1.0))):
        head = Head(
            ("billing_payment", "order_delivery"),
            np.zeros((1, 2), np.float32),
            np.array(bias, np.float32) * 9,
            1.0,
        )
        model = TriageModel(Features(["xin"], np.ones(1, np.float32)), head)
        made[name] = tmp_path_factory.mktemp(name) / "model"
        model.save(made[name])
    return made


async def answering(serving: Serving, database: Database) -> tuple[int | None, str]:
    """Return which model answers, and what it says."""
    sorter = await serving.sorter(await database.read(choose))
    types = frozenset({"billing_payment", "order_delivery", "general"})
    return sorter.version_id, sorter.predict("", "xin chào", types).request_type


async def test_another_machine_loads_from_the_database_and_changed_files_fail_closed(
    database: Database, firm: Firm, tmp_path: Path, models: dict[str, Path]
) -> None:
    """A changed file answers nothing: the former one does, then rules, and the page knows."""
    former = await database.write(add_model, models["delivery"])
    live = await database.write(add_model, models["billing"])
    by = firm.dung.id
    await database.write(versions.promote, former, by=by, now=NOW)
    await database.write(versions.promote, live, by=by, now=NOW + timedelta(hours=1))
    here, there = tmp_path / "here", tmp_path / "there"
    assert await answering(Serving(database, here), database) == (live, "billing_payment")
    copy = folder_of(here, files.sha256_of(models["billing"])) / files.META
    copy.write_bytes(copy.read_bytes() + b" ")

    assert await answering(Serving(database, here), database) == (former, "order_delivery")

    row = await database.read(versions.get_version, live)
    assert (row.is_live, row.problem) == (True, CHANGED)
    assert await answering(Serving(database, there), database) == (former, "order_delivery")
    await database.write(versions.promote, live, by=by, now=NOW)  # somebody has looked
    assert await answering(Serving(database, here), database) == (live, "billing_payment")

    def lose(session: Session) -> None:
        for one in session.execute(select(TriageModelFiles)).scalars():
            one.described = b"{}"

    await database.write(lose)
    assert await answering(Serving(database, tmp_path / "third"), database) == (None, "general")


async def test_a_shadow_is_asked_beside_and_its_report_says_where_they_differ(
    database: Database, firm: Firm, models: dict[str, Path], tmp_path: Path
) -> None:
    """F65: stored, never heard; who was right is counted once people have spoken."""
    live = await database.write(add_model, models["delivery"])
    shadow = await database.write(add_model, models["billing"])
    by = firm.dung.id
    await database.write(versions.promote, live, by=by, now=NOW)
    with pytest.raises(Conflict):
        await database.write(versions.set_shadow, live, on=True, by=by, now=NOW)
    await database.write(versions.set_shadow, shadow, on=True, by=by, now=NOW)
    settings: Settings = Settings.model_construct(data_dir=tmp_path, smtp_url="console://")
    take_in = TakeIn(database, settings, SECRET)
    for place, text in enumerate(("xin hoá đơn", "xin giao hàng")):
        mail = make_mail(text, message_id=f"<{place}@khach.example>", subject=f"Thư {place}")
        await database.write(stage_mail, firm, mail)
    assert not await take_in.once()
    await take_in.close()

    found = await database.read(watching.shadow_report, shadow)
    assert (found.messages, found.differs, found.decided) == (2, 2, 0)
    first = found.examples[-1]["conversation_id"]
    row = await database.read(conversation, first)
    assert row.request_type == "order_delivery"  # the live one is heard

    def correct(session: Session) -> None:
        book = load_rulebook(session)
        kind = "billing_payment"
        one = conversation(session, first)
        house, by = firm.house, firm.dung
        corrections.correct(session, one, book, house, request_type=kind, by=by, now=NOW)

    await database.write(correct)
    found = await database.read(watching.shadow_report, shadow)
    assert (found.decided, found.shadow_right, found.live_right) == (1, 1, 0)


async def test_erased_words_are_not_learned_from_again(database: Database, firm: Firm) -> None:
    """F106: the training set is read from what is there, and nothing is kept beside it."""
    numbers = await database.write(confirm_many, firm, 12)
    await database.write(_settle)

    def labels(session: Session) -> set[int]:
        return {
            one.conversation_id for one in store.list_labels(session, {}, after=0, limit=99)[0]
        }

    assert await database.read(labels) == set(numbers)

    def erase(session: Session) -> None:
        gone = messages.conversation_id == numbers[3]
        session.execute(update(Message).where(gone).values(text="", visible_text=""))

    await database.write(erase)
    assert await database.read(labels) == set(numbers) - {numbers[3]}


async def test_what_was_compared_with_another_model_does_not_take_over(
    database: Database, firm: Firm, models: dict[str, Path]
) -> None:
    """A supervisor's choice during a training stands; the new model waits to be chosen."""
    first = await database.write(add_model, models["delivery"])
    other = await database.write(add_model, models["billing"])
    by = firm.dung.id
    await database.write(versions.promote, first, by=by, now=NOW)
    await database.write(trainings.ask, "button", NOW, by=by)
    job = await database.write(trainings.claim, NOW)
    assert job is not None
    await database.write(versions.promote, other, by=by, now=NOW)
    folder = models["delivery"]
    parts = [(folder / name).read_bytes() for name in (files.ARRAYS, files.META)]
    made = versions.Made(files.sha256_of(folder), str(folder), parts[0], parts[1], "0" * 64, by)
    trained = trainings.Trained(made, True, {}, ({}, []))

    assert await database.write(trainings.finish, job, trained, NOW) is not None
    assert await _live(database) == other
    assert await database.write(trainings.finish, job, trained, NOW) is None  # once
