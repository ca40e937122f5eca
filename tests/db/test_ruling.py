"""Tier and product group: rules that ask for them, and open work that follows at once."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox import closing, conversations, ruling
from inbox.db import Database
from inbox.errors import Invalid
from inbox.rulebook import About, load_rulebook
from models import (
    Calendar,
    ChannelKind,
    ClockKind,
    Contact,
    Event,
    EventKind,
    Ladder,
    SLAPolicy,
    SLAState,
    Urgency,
)
from models.base import columns
from tests.factories import (
    NOW,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
    outbox_of,
    prediction,
)

events = columns(Event)
HOUR = timedelta(hours=1)


def add_rule(session: Session, name: str, **values: Any) -> int:
    rule = SLAPolicy(name=name, **values)
    session.add(rule)
    session.flush()
    return rule.id


def set_tier(session: Session, firm: Firm, number: int, tier: str, now: Any = NOW) -> bool:
    contact_id = conversation(session, number).contact_id
    return ruling.set_tier(session, contact_id, tier, by=firm.an.id, now=now)


def set_group(session: Session, firm: Firm, number: int, group: str) -> bool:
    row = conversation(session, number)
    return ruling.set_product_group(session, row, group, by=firm.an.id, now=NOW)


async def test_the_first_rule_that_matches_gives_the_times(
    database: Database, firm: Firm
) -> None:
    """F34: tier, product group, channel and inbox are asked; what is switched off is not."""

    def work(session: Session) -> list[str]:
        add_rule(session, "Khách quý", tier="VIP", first_response_s=900)
        add_rule(session, "Máy lọc", product_group="Máy lọc nước", first_response_s=1800)
        add_rule(session, "Chat", channel="chat", first_response_s=300)
        add_rule(session, "Hộp thư", inbox_id=firm.mail, first_response_s=600)
        add_rule(session, "Quý qua chat", tier="vip", channel="chat", first_response_s=60)
        add_rule(session, "Tắt", tier="vip", channel="chat", is_active=False)
        book = load_rulebook(session)
        asked = [
            About(),
            About(tier="vip"),
            About(tier="Vip", channel="chat"),
            About(product_group="máy lọc NƯỚC", channel="chat"),
            About(channel="chat"),
            About(channel="email", inbox_id=firm.mail),
            About(tier="standard", channel="email", inbox_id=firm.form),
        ]
        return [book.promise(("complaint",), "normal", about).policy for about in asked]

    assert await database.write(work) == [
        *("Khiếu nại", "Khách quý", "Quý qua chat", "Máy lọc"),
        *("Khiếu nại", "Khiếu nại", "Khiếu nại"),
    ], "type weighs more than inbox and channel"


async def test_a_rule_gives_only_what_it_states(database: Database, firm: Firm) -> None:
    """F29, F34, F40: targets, hours and ladder each come from the first rule that has them."""

    def work(session: Session) -> None:
        always = Calendar(name="24/7", spec={"timezone": "UTC", "hours": {}})
        ladder = Ladder(name="Gấp", steps=[])
        session.add_all([always, ladder])
        session.flush()
        add_rule(session, "Giờ riêng", tier="vip", calendar_id=always.id)
        add_rule(session, "Thang", urgency=Urgency.HIGH, ladder_id=ladder.id)
        whole = add_rule(
            session, "Chỉ xong", request_type="general", channel="api", resolution_s=7200
        )
        book = load_rulebook(session)
        found = book.promise(("general",), "high", About("vip", "api"))
        assert found.targets.first_response_s is None, "a clock that it leaves empty is none"
        assert found.targets.resolution_s == 3600, "high halves it"
        assert found.calendar_id == always.id
        assert found.ladder_id == ladder.id
        assert found.policy == "Giờ riêng · Chỉ xong"
        assert whole in found.rules
        assert found.resumes
        plain = book.promise(("general",), "normal", About("", "api"))
        assert (plain.ladder_id, plain.rules) == (None, (whole,))

    await database.write(work)


async def test_an_unsure_one_names_every_rule_that_made_its_clock(
    database: Database, firm: Firm
) -> None:
    """DECISIONS 25: the strictest clock among the candidates."""

    def work(session: Session) -> str:
        return (
            load_rulebook(session)
            .promise(("return_refund", "product_advice", "general"), "normal")
            .policy
        )

    assert await database.read(work) == "Đổi trả, hoàn tiền · Tư vấn sản phẩm"


async def test_a_new_tier_changes_all_open_ones_at_once(database: Database, firm: Firm) -> None:
    """F34, F35, DECISIONS 29: counted again from the arrival; what is done stays as it was."""
    first = await database.write(arrive, firm, said=prediction("complaint"))
    second = await database.write(arrive, firm, said=prediction("general"))
    done = await database.write(arrive, firm)

    def finish(session: Session) -> None:
        row = conversation(session, done)
        closing.resolve(session, row, by=firm.an, now=NOW, reason="spam")
        add_rule(session, "Khách quý", tier="vip", first_response_s=1800, resolution_s=7200)

    await database.write(finish)
    now = NOW + HOUR / 4
    assert await database.write(set_tier, firm, first, "vip", now)

    for number in (first, second):
        row = await database.read(conversation, number)
        assert row.first_response_due_at == row.next_due_at == row.order_at == NOW + HOUR / 2
        assert row.resolution_due_at == NOW + 2 * HOUR
        assert {one.policy for one in await database.read(clocks_of, number)} == {"Khách quý"}
        classed, ruled = (await database.read(events_of, number))[-2:]
        assert (classed.kind, classed.actor_id) == (EventKind.CLASSED, firm.an.id)
        assert classed.data["from"] == {"tier": "standard"}
        assert classed.data["to"] == {"tier": "vip"}
        assert (ruled.kind, ruled.data["to"]["policy"]) == (EventKind.RULED, "Khách quý")
    old = await database.read(clocks_of, done)
    assert "Khách quý" not in {one.policy for one in old}
    assert not await database.write(set_tier, firm, second, " vip "), "it is so already"

    assert await database.write(set_tier, firm, second, "", now)
    row = await database.read(conversation, second)
    assert row.promised_at is not None
    assert row.first_response_due_at == row.promised_at, "back, and as promised"


async def test_a_tier_never_takes_a_breach_back(database: Database, firm: Firm) -> None:
    """F35: the first due time passed unmet; a longer one comes too late."""
    number = await database.write(arrive, firm, said=prediction("product_advice"))
    await database.write(add_rule, "Thong thả", tier="slow", first_response_s=36000)

    assert await database.write(set_tier, firm, number, "slow", NOW + 2 * HOUR)

    first = (await database.read(clocks_of, number))[0]
    row = await database.read(conversation, number)
    assert first.due_at == NOW + HOUR, "what was promised caps it"
    assert first.breached_at is None or first.breached_at == NOW + HOUR
    assert row.first_response_due_at == NOW + HOUR


async def test_pauses_stay_when_the_rule_changes(database: Database, firm: Firm) -> None:
    """F35: another product group, and the time that stood still is still left out."""
    number = await database.write(arrive, firm, said=prediction("product_advice"))

    def answer(session: Session) -> None:
        add_rule(session, "Máy lọc", product_group="Máy lọc", resolution_s=4 * 3600)
        row = conversation(session, number)
        conversations.reply(session, row, "Dạ.", firm.house, by=firm.an, now=NOW)
        from inbox import waits  # noqa: PLC0415
        from inbox.sla.history import Wait  # noqa: PLC0415

        row = conversation(session, number)
        waits.wait(session, row, Wait.CUSTOMER, NOW + 24 * HOUR, by=firm.an, now=NOW)
        row = conversation(session, number)
        waits.resume(session, row, by=firm.an, now=NOW + HOUR)

    await database.write(answer)
    assert await database.write(set_group, firm, number, "Máy lọc")

    resolution = next(
        one
        for one in await database.read(clocks_of, number)
        if one.kind is ClockKind.RESOLUTION
    )
    assert resolution.pauses == [[NOW.isoformat(), (NOW + HOUR).isoformat()]]
    # Four hours from 10:30 with an hour of lunch.
    assert resolution.due_at == NOW + 6 * HOUR
    row = await database.read(conversation, number)
    assert (row.product_group, row.resolution_due_at) == ("Máy lọc", NOW + 6 * HOUR)
    assert not await database.write(set_group, firm, number, "Máy lọc")
    assert await database.write(set_group, firm, number, "")
    assert (await database.read(conversation, number)).product_group is None


async def test_an_unsure_one_keeps_its_strictest_clock(database: Database, firm: Firm) -> None:
    """DECISIONS 25: saying a product group says nothing of the type."""
    said = prediction(
        "complaint",
        request_type_confidence=0.5,
        candidates=(("complaint", 0.5), ("product_advice", 0.4), ("general", 0.1)),
        clock_candidates=("complaint", "product_advice"),
        needs_review=True,
    )
    number = await database.write(arrive, firm, said=said)
    assert await database.write(set_group, firm, number, "Máy lọc")
    row = await database.read(conversation, number)
    assert row.first_response_due_at == NOW + HOUR
    assert row.sla_state is SLAState.ON_TIME


async def test_names_have_an_end(database: Database, firm: Firm) -> None:
    number = await database.write(arrive, firm)
    for work in (set_tier, set_group):
        with pytest.raises(Invalid):
            await database.write(work, firm, number, "x" * 61)
    assert {one.tier for one in await database.read(everything, Contact)} == {"standard"}


async def test_a_tier_known_at_arrival_rules_at_once(database: Database, firm: Firm) -> None:
    """F34: the next message of somebody who counts more is due sooner from the start."""
    number = await database.write(arrive, firm)
    await database.write(add_rule, "Khách quý", tier="vip", first_response_s=600)
    await database.write(set_tier, firm, number, "vip")

    again = await database.write(arrive, firm)
    filed = await database.write(
        arrive, firm, channel=ChannelKind.API, meta={"product_group": "Đồ ngủ"}
    )

    assert (await database.read(conversation, again)).next_due_at == NOW + HOUR / 6
    assert (await database.read(conversation, filed)).product_group == "Đồ ngủ"
    ruled = await database.read(
        lambda session: session.execute(
            select(events.data).where(
                events.conversation_id == again, events.kind == EventKind.RULED
            )
        ).scalar_one()
    )
    assert ruled["policy"] == "Khách quý"


@pytest.mark.parametrize("resumes", [True, False])
async def test_a_rule_says_whether_a_reopened_one_goes_on(
    database: Database, firm: Firm, resumes: bool
) -> None:
    """F40: with the time in between left out, or with a new clock to the solution."""

    def work(session: Session) -> None:
        add_rule(
            session,
            "Khách quý",
            tier="vip",
            first_response_s=3600,
            next_response_s=3600,
            resolution_s=7200,
            resumes=resumes,
        )

    await database.write(work)
    number = await database.write(arrive, firm)
    await database.write(set_tier, firm, number, "vip")

    def close_and_open(session: Session) -> None:
        row = conversation(session, number)
        conversations.reply(session, row, "Dạ.", firm.house, by=firm.an, now=NOW)
        row = conversation(session, number)
        closing.resolve(session, row, by=firm.an, now=NOW + HOUR / 2)
        row = conversation(session, number)
        book = load_rulebook(session)
        closing.reopen(session, row, book, by=firm.an, now=NOW + HOUR)

    await database.write(close_and_open)
    resolutions = [
        clock
        for clock in await database.read(clocks_of, number)
        if clock.kind is ClockKind.RESOLUTION
    ]
    if resumes:  # two hours from 09:30, half an hour left out, and lunch
        (one,) = resolutions
        assert one.due_at == NOW + 2.5 * HOUR
    else:
        done, again = resolutions
        assert done.met_at == NOW + HOUR / 2
        assert (again.started_at, again.due_at) == (NOW + HOUR, NOW + 4 * HOUR)


async def test_who_is_promised_no_time_is_still_acknowledged(
    database: Database, firm: Firm
) -> None:
    """F23, F29: without a first-response clock the mail has the number, and names no time."""

    def work(session: Session) -> int:
        add_rule(session, "Chỉ xong", tier="standard", resolution_s=7200)
        return arrive(session, firm)

    number = await database.write(work)
    row = await database.read(conversation, number)
    assert (row.promised_at, row.next_due_at) == (None, None)
    assert row.resolution_due_at == NOW + 2 * HOUR
    (mail,) = await database.read(outbox_of, number)
    assert mail.mail["facts"]["promise_text"] == ""
    kinds = [event.kind for event in await database.read(events_of, number)]
    assert EventKind.ACKNOWLEDGED in kinds
