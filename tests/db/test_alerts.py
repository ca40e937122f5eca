"""Alerts go out: once, together, by what a person chose, and not at night."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox import conversations as service
from inbox.alerting import gathering
from inbox.alerting.choices import Choices, link_chat, save_choices
from inbox.alerting.gathering import TOGETHER, send_alerts
from inbox.alerting.taking import Group, list_group, make_token, read_token, take
from inbox.company.bot import enter_bot
from inbox.db import Database
from inbox.delivery import compose
from inbox.errors import NotFound
from inbox.telling import Alert, Telling, tell_all
from inbox.vault import Vault
from models import (
    Absence,
    Agent,
    AlertMessage,
    AuditEntry,
    Calendar,
    EventKind,
    Notice,
    Outbox,
    OutboxKind,
)
from models.base import columns
from tests.factories import (
    NOW,
    SECRET,
    ZONE,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    everything,
    make_message,
)

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EVENING = NOW + 9 * HOUR  # 18:30: the company closed at 17:00
agents = columns(Agent)


async def requests(database: Database, firm: Firm, count: int) -> list[int]:
    """Let requests come in a minute apart, the last one first due."""
    made = []
    for number in range(count):
        message = make_message(from_address=f"nguoi{number}@khach.example")
        at = NOW - number * MINUTE
        made.append(await database.write(arrive, firm, message, at=at, now=NOW))
    return made


async def alert(
    database: Database, firm: Firm, numbers: list[int], who: int, **more: Any
) -> int:
    """Tell somebody of these conversations; return of how many they are newly told."""
    now = more.pop("now", NOW)

    def work(session: Session) -> int:
        values = {"step": "nearly_due", "kind": Alert.WARNING, **more}
        tellings = [
            Telling({who: "owner"}, number, clocks_of(session, number)[0], **values)
            for number in numbers
        ]
        return sum(map(len, tell_all(session, tellings, now)))

    return await database.write(work)


async def send(database: Database, firm: Firm, now: Any = NOW) -> int:
    return await database.write(send_alerts, firm.house, now)


async def mails(database: Database) -> list[Outbox]:
    rows: list[Outbox] = await database.read(lambda session: everything(session, Outbox))
    return [row for row in rows if row.kind is OutboxKind.NOTICE]


async def notices(database: Database) -> list[Notice]:
    rows: list[Notice] = await database.read(lambda session: everything(session, Notice))
    return rows


async def choose(database: Database, who: int, **chosen: Any) -> None:
    await database.write(save_choices, who, Choices(**chosen), by=who, now=NOW)


async def set_agent(database: Database, who: int, **values: Any) -> None:
    await database.write(
        lambda session: session.execute(update(Agent).where(agents.id == who).values(**values))
    )


async def test_fifty_warnings_are_one_mail_in_the_order_of_their_due_times(
    database: Database, firm: Firm
) -> None:
    """F47."""
    numbers = await requests(database, firm, 50)
    assert await alert(database, firm, numbers, firm.an.id) == 50

    assert await send(database, firm) == 1
    (mail,) = await mails(database)

    written = compose(mail.mail)
    lines = [line for line in written.text.splitlines() if line.startswith("- ")]
    assert mail.to_address == firm.an.email
    shown = [row["number"] for row in mail.mail["facts"]["lines"]]
    assert shown == numbers[::-1]
    assert len(lines) == 50
    assert "50" in written.subject
    assert {row.mailed_at for row in await notices(database)} == {NOW}


async def test_the_first_goes_at_once_and_what_follows_within_ten_minutes_together(
    database: Database, firm: Firm
) -> None:
    """F47."""
    numbers = await requests(database, firm, 4)
    counts = []
    for minute, number in enumerate(numbers):
        await alert(database, firm, [number], firm.an.id)
        await send(database, firm, NOW + minute * MINUTE)
        counts.append(len(await mails(database)))
    await send(database, firm, NOW + TOGETHER - MINUTE)
    counts.append(len(await mails(database)))
    await send(database, firm, NOW + TOGETHER)

    first, second = await mails(database)
    assert counts == [1] * 5
    assert (first.mail["template"], second.mail["template"]) == ("notice", "digest")
    assert first.conversation_id == numbers[0]
    assert [one["number"] for one in second.mail["facts"]["lines"]] == numbers[:0:-1]


async def test_what_only_looks_ahead_waits_and_holds_up_nothing(
    database: Database, firm: Firm
) -> None:
    """F47: a forecast goes with the next warning, or by itself after ten minutes."""
    one, two, three = await requests(database, firm, 3)
    await alert(database, firm, [one], firm.an.id, kind=Alert.FORECAST, step="forecast")
    await alert(database, firm, [one], firm.binh.id, kind=Alert.STAGE, step="stage")
    await send(database, firm, NOW + MINUTE)
    assert await mails(database) == []
    await alert(database, firm, [two], firm.an.id)
    await send(database, firm, NOW + 2 * MINUTE)
    (first,) = await mails(database)
    assert [line["number"] for line in first.mail["facts"]["lines"]] == [two, one]
    await asyncio.gather(*(send(database, firm, NOW + TOGETHER) for _ in range(4)))
    second = (await mails(database))[1:]
    assert [mail.to_address for mail in second] == [firm.binh.email]
    await alert(database, firm, [three], firm.binh.id)
    await send(database, firm, NOW + TOGETHER)

    assert [mail.to_address for mail in await mails(database)] == [
        *(firm.an.email, firm.binh.email, firm.binh.email)
    ]


async def test_any_number_of_workers_send_once(database: Database, firm: Firm) -> None:
    """F47: one conditional update takes a person's turn."""
    numbers = await requests(database, firm, 6)
    for who in (firm.an.id, firm.binh.id, firm.dung.id):
        await alert(database, firm, numbers, who)

    await asyncio.gather(*(send(database, firm) for _ in range(6)))

    found = await mails(database)
    assert sorted(mail.to_address for mail in found) == sorted(
        [firm.an.email, firm.binh.email, firm.dung.email]
    )
    assert all(len(mail.mail["facts"]["lines"]) == 6 for mail in found)


async def test_a_worker_that_dies_before_its_commit_leaves_everything_to_the_next(
    database: Database, firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F47: the mail and the mark on the notice are one transaction."""
    (number,) = await requests(database, firm, 1)
    await alert(database, firm, [number], firm.an.id)

    def die(name: str) -> None:
        if name == "alerts.written":
            raise RuntimeError(name)

    with monkeypatch.context() as broken:
        broken.setattr(gathering, "failpoint", die)
        with pytest.raises(RuntimeError):
            await send(database, firm)
    assert await mails(database) == []
    await send(database, firm)
    await send(database, firm, NOW + HOUR)

    assert len(await mails(database)) == 1


async def test_at_night_alerts_wait_for_the_morning_and_are_one_mail(
    database: Database, firm: Firm
) -> None:
    """F48: the page's bell has them at once; Tuesday opens at 08:00."""
    numbers = await requests(database, firm, 3)
    await alert(database, firm, numbers, firm.an.id, now=EVENING)

    morning = NOW + 24 * HOUR - 90 * MINUTE
    for now in (EVENING, EVENING + 6 * HOUR, morning - timedelta(seconds=1)):
        await send(database, firm, now)
        assert await mails(database) == []
    assert len(await notices(database)) == 3
    await send(database, firm, morning)

    (mail,) = await mails(database)
    assert len(mail.mail["facts"]["lines"]) == 3


async def test_what_may_not_wait_goes_out_at_night_too(database: Database, firm: Firm) -> None:
    """F48: "unless the policy says so"."""
    calm, urgent = await requests(database, firm, 2)
    await alert(database, firm, [calm], firm.an.id, now=EVENING)
    await alert(database, firm, [urgent], firm.an.id, now=EVENING, outside_hours=True)

    await send(database, firm, EVENING)

    (mail,) = await mails(database)
    assert mail.conversation_id == urgent


async def test_own_hours_own_choice_and_absences(database: Database, firm: Firm) -> None:
    """F48: hours of one's own come before the company's; who is away hears afterwards."""
    (number,) = await requests(database, firm, 1)

    def work(session: Session) -> int:
        spec = {
            "timezone": ZONE,
            "hours": {
                day: [["14:00", "22:00"]] for day in "mon tue wed thu fri sat sun".split()
            },
        }
        late = Calendar(name="Ca tối", spec=spec)
        session.add(late)
        session.add(
            Absence(
                agent_id=firm.dung.id,
                starts_at=NOW - HOUR,
                ends_at=NOW + 12 * HOUR,
                created_at=NOW,
            )
        )
        session.flush()
        return late.id

    late_id = await database.write(work)
    await set_agent(database, firm.binh.id, calendar_id=late_id)
    await choose(database, firm.chi.id, any_time=True)
    for who in (firm.an, firm.binh, firm.chi, firm.dung):
        await alert(database, firm, [number], who.id)

    await send(database, firm, NOW)
    day = {mail.to_address for mail in await mails(database)}
    await send(database, firm, EVENING)
    evening = {mail.to_address for mail in await mails(database)}
    await set_agent(database, firm.chi.id, alerted_at=None)
    await alert(database, firm, [number], firm.chi.id, step="due", now=EVENING)
    await send(database, firm, EVENING)

    assert day == {firm.an.email, firm.chi.email}
    assert evening == {firm.an.email, firm.chi.email, firm.binh.email}
    assert [mail.to_address for mail in await mails(database)].count(firm.chi.email) == 2


async def test_people_choose_which_kinds_go_out_and_by_what(
    database: Database, firm: Firm
) -> None:
    """F131."""
    one, two = await requests(database, firm, 2)
    await choose(database, firm.an.id, off=frozenset({"warning"}))
    await choose(database, firm.binh.id, mail=False)
    await alert(database, firm, [one], firm.an.id)
    await alert(database, firm, [two], firm.an.id, kind=Alert.LATE, step="due")
    await alert(database, firm, [one], firm.binh.id)

    await send(database, firm)

    (mail,) = await mails(database)
    assert (mail.to_address, mail.conversation_id) == (firm.an.email, two)
    assert [row.told_by for row in await notices(database)] == ["", "mail", ""]
    assert all(row.mailed_at == NOW for row in await notices(database))
    trail = await database.read(lambda session: everything(session, AuditEntry))
    assert {"alerts_off": ["warning"]} in [entry.after for entry in trail]


async def test_a_linked_chat_gets_the_same_with_a_button(
    database: Database, firm: Firm
) -> None:
    """F131."""
    (number,) = await requests(database, firm, 1)
    await database.write(link_chat, firm.an.id, "4242", "an", by=firm.an.id, now=NOW)
    await alert(database, firm, [number], firm.an.id)
    await send(database, firm)
    without_bot = await database.read(lambda session: everything(session, AlertMessage))
    await database.write(
        enter_bot, "kip_bot", "1:token", Vault(SECRET), by=firm.admin.id, now=NOW
    )
    await set_agent(database, firm.an.id, alerted_at=None)
    await alert(database, firm, [number], firm.an.id, step="due")

    await send(database, firm)

    (message,) = await database.read(lambda session: everything(session, AlertMessage))
    first, second = await notices(database)
    assert without_bot == []
    assert message.address == "4242"
    assert message.facts["lines"][0]["notice"] == second.id
    assert (first.told_by, second.told_by) == ("mail", "mail,telegram")


async def test_what_was_answered_or_taken_meanwhile_is_not_sent(
    database: Database, firm: Firm
) -> None:
    answered, taken, open_one = await requests(database, firm, 3)
    await alert(database, firm, [answered, taken, open_one], firm.an.id, now=EVENING)

    def work(session: Session) -> None:
        row = conversation(session, answered)
        service.reply(session, row, "Dạ.", firm.house, by=firm.an, now=EVENING)
        (second,) = [one for one in everything(session, Notice) if one.conversation_id == taken]
        take(session, firm.an.id, [second.id], EVENING)

    await database.write(work)
    await send(database, firm, NOW + 24 * HOUR)

    (mail,) = await mails(database)
    assert mail.conversation_id == open_one


async def test_who_has_left_hears_nothing(database: Database, firm: Firm) -> None:
    (number,) = await requests(database, firm, 1)
    await alert(database, firm, [number], firm.an.id)
    await set_agent(database, firm.an.id, is_active=False)

    await send(database, firm)

    assert await mails(database) == []
    assert not await database.read(gathering.list_pending, NOW)


async def test_i_have_it_is_taken_once_and_everybody_sees_it(
    database: Database, firm: Firm
) -> None:
    """F131, R55: fifty presses at once are one event."""
    (number,) = await requests(database, firm, 1)
    await alert(database, firm, [number], firm.an.id)
    (notice,) = await notices(database)

    taken = await asyncio.gather(
        *(database.write(take, firm.an.id, [notice.id], NOW) for _ in range(50))
    )
    by_another = await database.write(take, firm.binh.id, [notice.id], NOW)

    events = [
        event
        for event in await database.read(events_of, number)
        if event.kind is EventKind.TAKEN_NOTE
    ]
    (row,) = await notices(database)
    assert sorted(taken) == [0] * 49 + [1]
    assert by_another == 0
    assert [(event.actor_id, event.data["step"]) for event in events] == [
        (firm.an.id, "nearly_due")
    ]
    assert (row.taken_at, row.read_at) == (NOW, NOW)


async def test_a_link_is_signed_for_one_person_and_expires(
    database: Database, firm: Firm
) -> None:
    """F131."""
    numbers = await requests(database, firm, 2)
    await alert(database, firm, numbers, firm.an.id)
    await send(database, firm)
    group = Group(firm.an.id, NOW)
    token = make_token(SECRET, group)

    _, told = await database.read(list_group, read_token(SECRET, token, NOW))
    assert [one.number for one in told] == numbers[::-1]
    assert token in compose((await mails(database))[0].mail).text
    other = make_token(SECRET, replace(group, agent_id=firm.binh.id))
    forged = other.rpartition(".")[0] + "." + token.rpartition(".")[2]
    for wrong in (forged, token[:-1], "", "x", f"{token}.x", token.replace(".", ".9", 1)):
        with pytest.raises(NotFound):
            read_token(SECRET, wrong, NOW)
    with pytest.raises(NotFound):
        read_token(SECRET, token, NOW + timedelta(days=8))
    with pytest.raises(NotFound):
        await database.read(list_group, read_token(SECRET, other, NOW))
    await set_agent(database, firm.an.id, is_active=False)
    with pytest.raises(NotFound):
        await database.read(list_group, group)
