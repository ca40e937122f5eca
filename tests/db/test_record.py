"""Clocks in rows are what the events say, whatever was done and in whatever order."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import clocks, closing, conversations, corrections, delivery, drift, record, waits
from inbox.company import hours, open_work
from inbox.company.hours import Week
from inbox.db import Database
from inbox.delivery import Job
from inbox.errors import InboxError
from inbox.outgoing.letters import Extras
from inbox.rulebook import load_rulebook
from inbox.sla.history import Wait
from inbox.store.adrift import list_adrift
from inbox.timeline import Happened, pauses_of
from inbox.writing import sending, undoing
from models import (
    Calendar,
    ChannelKind,
    DeliveryState,
    EventKind,
    Outbox,
    OutboxKind,
    SLAClock,
    SLAPolicy,
    Status,
)
from models.base import columns, core
from tests.factories import (
    NOW,
    ZONE,
    Firm,
    arrive,
    clocks_of,
    conversation,
    everything,
    outbox_of,
    prediction,
    steps_of,
)

HOUR = timedelta(hours=1)
Act = Callable[[Session, Firm, int, datetime, random.Random], Any]


def _same(session: Session, number: int) -> None:
    """Compare every clock with what the events alone say of it."""
    session.flush()
    session.info.pop("calendar_versions", None)
    (told,) = record.load(session, [number], NOW)
    rows: dict[str, list[Any]] = {}
    for row in clocks_of(session, number):
        rows.setdefault(row.kind.value, []).append(row)
    for clock in record.clocks_of(session, told):
        row = rows[clock.kind.value].pop(0)
        assert (row.started_at, row.due_at) == (clock.started_at, clock.due_at or clocks.NEVER)
        assert (row.met_at, row.cancelled_at) == (clock.met_at, clock.excused_at)
        assert (row.paused_at, pauses_of(row.pauses)) == (clock.paused_at, clock.pauses)
        assert (row.breached_at, row.excuse) == (clock.breached_at, clock.excuse)
        assert (row.generation, row.policy) == (clock.generation, clock.rule.policy)
    assert not any(rows.values()), "a clock that no event knows of"


def _sound(session: Session, number: int) -> None:
    """Check what holds at any time: steps belong to running clocks, nobody is forgotten."""
    row = conversation(session, number)
    values = clocks.summary(session, number)
    assert {name: getattr(row, name) for name in values if name != "order_at"} == {
        name: value for name, value in values.items() if name != "order_at"
    }
    by_id = {clock.id: clock for clock in clocks_of(session, number)}
    for step in steps_of(session, number):
        if step.fired_at is None and step.cancelled_at is None:
            clock = by_id[step.clock_id]
            assert clocks.is_live(clock)
            assert (clock.generation, clock.due_at != clocks.NEVER) == (step.generation, True)
    if row.status in (Status.WAITING, Status.SNOOZED):
        assert row.waiting_until is not None
    assert number not in list_adrift(session, 50), "an open one without a date (F117)"


def _reply(session: Session, firm: Firm, number: int, now: datetime, _: random.Random) -> None:
    row = conversation(session, number)
    conversations.reply(session, row, "Dạ còn ạ.", firm.house, by=firm.an, now=now)


def _give_word(
    session: Session, firm: Firm, number: int, now: datetime, dice: random.Random
) -> None:
    until = now + timedelta(minutes=dice.choice([10, 400, 4000]))
    row, extras = conversation(session, number), Extras(word=until)
    text = "Dạ bên em báo lại."
    conversations.reply(session, row, text, firm.house, by=firm.an, now=now, extras=extras)


def _send(
    session: Session, firm: Firm, number: int, now: datetime, dice: random.Random
) -> None:
    row, house = conversation(session, number), replace(firm.house, undo_s=10)
    text, then = "Dạ còn ạ.", dice.choice(["", "wait", "done"])
    sending.send(session, row, text=text, house=house, by=firm.an, now=now, then=then)


def _undo(session: Session, firm: Firm, number: int, now: datetime, _: random.Random) -> None:
    for mail in reversed(outbox_of(session, number)):
        if "undo" in mail.mail and mail.state is DeliveryState.QUEUED and not mail.attempts:
            row = conversation(session, number)
            undoing.undo(session, row, mail.message_id or 0, by=firm.an, now=now)
            return


def _note(session: Session, firm: Firm, number: int, now: datetime, _: random.Random) -> None:
    conversations.note(session, conversation(session, number), "Ghi.", by=firm.an, now=now)


def _fail(session: Session, firm: Firm, number: int, now: datetime, _: random.Random) -> None:
    for mail in reversed(outbox_of(session, number)):
        if mail.kind is OutboxKind.REPLY and mail.state is DeliveryState.QUEUED:
            claimed = update(Outbox).where(columns(Outbox).id == mail.id)
            session.execute(claimed.values(state=DeliveryState.CLAIMED, attempts=1))
            job = Job(mail.id, mail.kind, number, mail.message_id, mail.mail, 1, NOW)
            delivery.fail(session, job, "550", now)
            return


def _resolve(
    session: Session, firm: Firm, number: int, now: datetime, _: random.Random
) -> None:
    row = conversation(session, number)
    closing.resolve(session, row, by=firm.an, now=now, reason="answered_by_phone")


def _reopen(session: Session, firm: Firm, number: int, now: datetime, _: random.Random) -> None:
    row, book = conversation(session, number), load_rulebook(session)
    closing.reopen(session, row, book, by=firm.an, now=now)


def _wait(
    session: Session, firm: Firm, number: int, now: datetime, dice: random.Random
) -> None:
    until = now + timedelta(minutes=dice.choice([5, 300, 3000]))
    reason = dice.choice(list(Wait))
    waits.wait(session, conversation(session, number), reason, until, by=firm.an, now=now)


def _resume(session: Session, firm: Firm, number: int, now: datetime, _: random.Random) -> None:
    waits.resume(session, conversation(session, number), by=firm.an, now=now)


def _time(session: Session, firm: Firm, _n: int, now: datetime, _: random.Random) -> None:
    drift.end_waits(session, firm.house, now)


def _write(
    session: Session, firm: Firm, number: int, now: datetime, dice: random.Random
) -> None:
    arrived = now - timedelta(seconds=dice.choice([0, 2, 600]))
    more = {"conversation": number}
    arrive(session, firm, channel=ChannelKind.FORM, meta=more, at=arrived, now=now)


def _sort(
    session: Session, firm: Firm, number: int, now: datetime, dice: random.Random
) -> None:
    row, book = conversation(session, number), load_rulebook(session)
    kind = dice.choice(["complaint", "product_advice", "account_access", None])
    urgency = dice.choice(["urgent", "normal", "low"]) if kind is None else None
    corrections.correct(
        session,
        row,
        book,
        firm.house,
        request_type=kind,
        urgency=urgency,
        by=firm.dung,
        now=now,
    )


def _edit(session: Session, firm: Firm, _n: int, now: datetime, dice: random.Random) -> None:
    opens, closes = dice.choice(["07:00", "08:00", "09:30"]), dice.choice(["16:00", "20:00"])
    week = {day: [[opens, closes]] for day in ("mon", "tue", "wed", "thu", "sat")}
    number = everything(session, Calendar)[0].id
    hours.save_week(session, number, Week("Giờ", ZONE, week), by=firm.dung.id, now=now)


def _apply(session: Session, firm: Firm, _n: int, now: datetime, _: random.Random) -> None:
    number = everything(session, Calendar)[0].id
    open_work.apply_batch(session, number, 0, by=firm.dung.id, now=now)


def _policy(session: Session, _f: Firm, _n: int, _now: datetime, dice: random.Random) -> None:
    for policy in everything(session, SLAPolicy):
        policy.resumes = dice.random() < 0.5
        policy.first_response_s = dice.choice([1800, 3600, 14400])
        session.add(policy)


ACTS: list[Act] = [
    *(_reply, _reply, _give_word, _note, _fail, _resolve, _reopen, _wait, _wait, _resume),
    *(_time, _write, _write, _sort, _edit, _apply, _policy),
    *(_send, _send, _undo, _undo),
]


@pytest.mark.parametrize("seed", range(8))
async def test_rows_are_what_the_events_say_after_anything(
    database: Database, firm: Firm, seed: int
) -> None:
    """F28, F29, F32, F33, F35, F38, F40, F76, F117, F118: the real services, in any order."""
    dice = random.Random(seed)

    def story(session: Session) -> set[str]:
        number = arrive(session, firm, None, prediction("complaint"))
        now, done = NOW, set()
        for _ in range(30):
            now += timedelta(minutes=dice.choice([0, 1, 20, 90, 700]))
            act = dice.choice(ACTS)
            try:
                act(session, firm, number, now, dice)
            except InboxError:
                continue  # refused in this state; nothing may have moved
            finally:
                session.flush()
                session.expire_all()
                _same(session, number)
            done.add(act.__name__)
            _sound(session, number)
        return done

    assert len(await database.write(story)) > 6


async def test_what_an_older_version_took_in_goes_on_from_its_clocks(
    database: Database, firm: Firm
) -> None:
    """Its events say too little: the record begins with the clocks as they are."""
    number = await database.write(arrive, firm)

    def forget(session: Session) -> None:
        session.execute(update(core(SLAClock)).values(due_at=NOW + 2 * HOUR, policy="Bản cũ"))

    def reply_then_write(session: Session) -> None:
        (told,) = record.load(session, [number], NOW)
        told.happened = [one for one in told.happened if one.kind is not EventKind.RULED]
        record._begin_record(session, told, NOW)
        asked = Happened(EventKind.REPLIED, NOW + HOUR, {}, firm.an.id)
        told.tell(asked)
        record.settle(session, [told], NOW + HOUR)

    await database.write(forget)
    await database.write(reply_then_write)

    def look(session: Session) -> None:
        _same(session, number)
        first, resolution = clocks_of(session, number)
        assert (first.due_at, first.met_at) == (NOW + 2 * HOUR, NOW + HOUR)
        assert (first.policy, first.met_by_id) == ("Bản cũ", firm.an.id)
        assert clocks.is_live(resolution)

    await database.read(look)
