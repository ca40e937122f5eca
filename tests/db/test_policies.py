"""The rules as services: what may be saved, and what open work makes of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox.company import following, policies, policy_work
from inbox.company.following import Changed
from inbox.company.policies import Draft, Uncovered
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.rulebook import NOTHING, load_rulebook
from models import (
    AuditAction,
    AuditEntry,
    AuditThing,
    ClockKind,
    EventKind,
    SLAPolicy,
    SLAState,
)
from models.base import columns
from tests.factories import (
    NOW,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    make_message,
    prediction,
)

audit = columns(AuditEntry)
rules = columns(SLAPolicy)
HOUR = timedelta(hours=1)
VIP = Draft("Khách quý", tier="vip", first_response_s=900)


def of_type(session: Session, key: str) -> SLAPolicy:
    found: SLAPolicy = session.execute(
        select(SLAPolicy).where(rules.request_type == key)
    ).scalar_one()
    return found


def change(session: Session, firm: Firm, key: str, **values: Any) -> int:
    rule = of_type(session, key)
    draft = replace(policies.draft_of(rule), **values)
    policies.save_policy(session, rule.id, draft, by=firm.dung.id, now=NOW)
    return rule.id


def add(session: Session, firm: Firm, draft: Draft = VIP) -> int:
    return policies.add_policy(session, draft, by=firm.dung.id, now=NOW).id


def trail(session: Session) -> list[AuditEntry]:
    query = select(AuditEntry).where(audit.thing == AuditThing.POLICY).order_by(audit.id)
    return list(session.execute(query).scalars())


async def test_new_requests_follow_and_open_ones_only_when_told(
    database: Database, firm: Firm
) -> None:
    """F34, F35, DESIGN 20: a preview says what would move; only then it does."""
    number = await database.write(arrive, firm, said=prediction("complaint"))  # 4 h: 14:30
    other = await database.write(arrive, firm)
    policy_id = await database.write(change, firm, "complaint", first_response_s=1800)

    message = make_message(from_address="khac@vidu.example")
    later = await database.write(arrive, firm, message, prediction("complaint"))
    assert (await database.read(conversation, later)).next_due_at == NOW + HOUR / 2
    assert (await database.read(conversation, number)).next_due_at == NOW + 5 * HOUR
    effects = await database.read(policy_work.open_effects, policy_id)
    assert effects.is_whole
    (effect,) = effects.found
    assert (effect.number, effect.kind) == (number, "first_response")
    assert (effect.due_at, effect.new_due_at) == (NOW + 5 * HOUR, NOW + HOUR / 2)

    changed = Changed(policy_id=policy_id)
    assert await following.follow_now(database, changed, by=firm.dung.id) == 1
    row = await database.read(conversation, number)
    assert row.next_due_at == row.order_at == NOW + HOUR / 2
    ruled = (await database.read(events_of, number))[-1]
    assert (ruled.kind, ruled.actor_id) == (EventKind.RULED, firm.dung.id)
    assert ruled.data["why"] == "rules"
    assert (await database.read(policy_work.open_effects, policy_id)).found == []
    assert await following.follow_now(database, changed, by=firm.dung.id) == 0
    assert (await database.read(conversation, other)).version == 1
    entries = await database.read(trail)
    assert entries[0].action is AuditAction.CHANGED
    assert entries[0].before == {"first_response_s": 14400}
    assert entries[0].after == {"first_response_s": 1800}
    assert entries[1].after == {"applied_to_open": 1}


async def test_a_change_of_one_rule_leaves_the_others_work(
    database: Database, firm: Firm
) -> None:
    """DECISIONS 29: what was saved before and not applied is not applied by the way."""
    advice = await database.write(arrive, firm)
    complaint = await database.write(arrive, firm, said=prediction("complaint"))
    await database.write(change, firm, "product_advice", first_response_s=600)
    policy_id = await database.write(change, firm, "complaint", first_response_s=1200)

    effects = await database.read(policy_work.open_effects, policy_id)
    assert effects.numbers == {complaint}
    await following.follow_now(database, Changed(policy_id=policy_id), by=firm.dung.id)
    assert (await database.read(conversation, advice)).next_due_at == NOW + HOUR
    assert (await database.read(conversation, complaint)).next_due_at == NOW + HOUR / 3


async def test_a_breach_stays_and_what_ends_is_said(database: Database, firm: Firm) -> None:
    """F29, F35, DESIGN 20: without a resolution that clock ends; a late answer stays late."""
    number = await database.write(arrive, firm)  # due after one hour
    policy_id = await database.write(
        change, firm, "product_advice", first_response_s=1800, resolution_s=None
    )
    effects = await database.read(policy_work.open_effects, policy_id)
    assert {(one.kind, one.ends) for one in effects.found} == {
        ("first_response", False),
        ("resolution", True),
    }

    def apply(session: Session) -> None:
        policy_work.apply_batch(session, policy_id, 0, by=firm.dung.id, now=NOW + 2 * HOUR)

    await database.write(apply)
    first, resolution = await database.read(clocks_of, number)
    assert first.breached_at == NOW + HOUR, "it had passed before the rule was applied"
    assert resolution.excuse == "policy"
    assert (await database.read(conversation, number)).sla_state is SLAState.BREACHED


@pytest.mark.parametrize("kind", ["rule", "hours"])
async def test_many_follow_in_the_background(
    database: Database, firm: Firm, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F36: batches with progress, begun again when it changes again, ended with a trail."""
    numbers = [
        await database.write(arrive, firm, said=prediction("complaint")) for _ in range(5)
    ]
    monkeypatch.setattr(following, "AT_ONCE", 4)
    monkeypatch.setattr(following, "utcnow", lambda: NOW)
    monkeypatch.setattr(policy_work, "BATCH", 2)
    monkeypatch.setattr("inbox.company.open_work.BATCH", 2)
    policy_id = await database.write(change, firm, "complaint", first_response_s=1800)
    changed = Changed(policy_id=policy_id)
    if kind == "hours":
        changed = Changed(calendar_id=await database.write(_longer_day, firm))
    else:
        assert await database.read(following.count_open, changed) == 5
    follow = following.Follow(database)
    assert await follow.once() is False, "nothing was begun"

    assert await following.follow_now(database, changed, by=firm.dung.id) is None
    found = await database.read(following.find_running, changed)
    assert found is not None
    assert (found.total, found.done) == (5, 0)
    assert await follow.once()
    found = await database.read(following.find_running, changed)
    assert found is not None
    assert (found.done, found.moved) == (2, 2)
    again = await database.write(following.begin, changed, by=firm.dung.id, now=NOW)
    assert (again.id, again.done, again.after) == (found.id, 0, 0)
    while await follow.once():
        pass

    assert await database.read(following.find_running, changed) is None
    assert await database.read(following.find_running, Changed(calendar_id=999)) is None
    for number in numbers:
        row = await database.read(conversation, number)
        assert row.next_due_at != NOW + 5 * HOUR
        assert row.next_due_at == row.order_at
        moves = [
            event
            for event in await database.read(events_of, number)
            if event.actor_id == firm.dung.id
        ]
        assert len(moves) == 1, "each follows once, however often it was begun"


def _longer_day(session: Session, firm: Firm) -> int:
    from inbox.company import hours  # noqa: PLC0415
    from tests.factories import ZONE  # noqa: PLC0415

    calendar = hours.list_calendars(session)[0]
    week = hours.Week("Giờ mới", ZONE, {"mon": [["08:00", "17:00"]]})
    hours.save_week(session, calendar.id, week, by=firm.dung.id, now=NOW)
    return calendar.id


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "A · B"}, "name"),
        ({"name": "Khiếu nại"}, "name"),
        ({"request_type": "nothing"}, "request_type"),
        ({"urgency": "soon"}, "urgency"),
        ({"channel": "fax"}, "channel"),
        ({"inbox_id": 999}, "inbox_id"),
        ({"calendar_id": 999}, "calendar_id"),
        ({"ladder_id": 999}, "ladder_id"),
        ({"first_response_s": 0}, "first_response_s"),
        ({"resolution_s": 10**9}, "resolution_s"),
        ({"first_response_s": None}, "first_response_s"),
        ({"tier": "x" * 121}, "tier"),
    ],
)
async def test_what_is_wrong_is_said_by_field(
    database: Database, firm: Firm, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await database.write(add, firm, replace(VIP, **values))
    assert list(caught.value.fields) == [field]
    assert await database.read(trail) == []


async def test_every_type_keeps_a_time(database: Database, firm: Firm) -> None:
    """No rule may go without which a message could not be taken in."""

    def switch_off(session: Session) -> None:
        rule = of_type(session, "complaint")
        policies.set_active(session, rule.id, False, by=firm.dung.id, now=NOW)

    with pytest.raises(Uncovered) as caught:
        await database.write(switch_off)
    assert caught.value.request_type == "complaint"
    with pytest.raises(Uncovered):
        await database.write(change, firm, "complaint", tier="vip")
    await database.write(add, firm, Draft("Tất cả", first_response_s=3600))
    await database.write(switch_off)
    found = await database.read(
        lambda session: load_rulebook(session).promise(("complaint",), "normal")
    )
    assert found.policy == "Tất cả"
    listed = await database.read(policies.list_policies)
    assert [one.rule.name for one in listed][-2:] == ["Tất cả", "Khiếu nại"]
    assert not listed[-1].rule.is_active


async def test_only_what_nothing_runs_by_is_removed(database: Database, firm: Firm) -> None:
    """Switched off first, then followed, then removed; the trail keeps what it said."""
    policy_id = await database.write(add, firm)

    def vip(session: Session) -> None:
        from inbox import ruling  # noqa: PLC0415

        row = conversation(session, number)
        ruling.set_tier(session, row.contact_id, "vip", by=firm.an.id, now=NOW)

    def remove(session: Session) -> None:
        policies.remove_policy(session, policy_id, by=firm.dung.id, now=NOW)

    def switch_off(session: Session) -> None:
        policies.set_active(session, policy_id, False, by=firm.dung.id, now=NOW)

    number = await database.write(arrive, firm)
    await database.write(vip)
    for step in (remove, switch_off, remove):
        if step is remove:
            with pytest.raises(Conflict):
                await database.write(step)
        else:
            await database.write(step)
    listed = {one.rule.name: one.open for one in await database.read(policies.list_policies)}
    assert listed["Khách quý"] == 1
    await following.follow_now(database, Changed(policy_id=policy_id), by=firm.dung.id)
    await database.write(remove)
    with pytest.raises(NotFound):
        await database.read(policies.get_policy, policy_id)
    actions = [entry.action for entry in await database.read(trail)]
    assert actions == [
        *(AuditAction.CREATED, AuditAction.DEACTIVATED, AuditAction.CHANGED),
        AuditAction.REMOVED,
    ]


async def test_an_example_says_when_it_would_be_due(database: Database, firm: Firm) -> None:
    """F31, F34: a complaint of Friday 16:00 with three and a half hours is due Monday 10:30."""
    friday = NOW + timedelta(days=4, hours=6.5)

    def work(session: Session) -> Any:
        rule = of_type(session, "complaint")
        draft = replace(policies.draft_of(rule), first_response_s=12600, next_response_s=None)
        book = policies.with_draft(session, draft, rule.id)
        return policies.example(book, ("complaint",), "normal", NOTHING, friday)

    promise, dues = await database.read(work)
    monday = friday + timedelta(days=2, hours=18.5)
    assert promise.policy == "Khiếu nại"
    assert [one.kind for one in dues] == [ClockKind.FIRST_RESPONSE, ClockKind.RESOLUTION]
    assert dues[0].due_at == monday
    stored = await database.read(lambda session: of_type(session, "complaint"))
    assert stored.first_response_s == 14400, "an example changes nothing"
