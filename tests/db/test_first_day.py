"""The first day's checklist follows the data, and its tests go the ways that real ones go."""

from typing import Any

import pytest
from sqlmodel import Session

from inbox import delivery
from inbox.channels import webform
from inbox.company import first_day, hours, installation, profile
from inbox.company.profile import Profile
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.store.company import find_company
from models import AuditEntry, AuditThing, DeliveryState, Inbox, Outbox, RawMessage, RawState
from tests.factories import HOURS, NOW, ZONE, Firm, arrive, everything, make_agent


async def states(database: Database, *, sends_mail: bool = True) -> dict[str, str]:
    day = await database.read(first_day.load, sends_mail=sends_mail)
    return {step.key: step.state for step in day.steps}


async def test_steps_follow_the_data(database: Database, firm: Firm) -> None:
    """F135: nothing is ticked by hand that the data knows."""
    before = await states(database)
    assert list(before) == list(first_day.STEPS)
    assert {key for key, state in before.items() if state == "done"} == {"company", "teams"}

    week = hours.Week("Giờ", ZONE, {"mon": HOURS})
    await database.write(hours.save_week, 1, week, by=firm.admin.id, now=NOW)
    await database.write(arrive, firm)
    after = await states(database)
    assert {key for key, state in after.items() if state == "todo"} == {"sending", "paste"}

    def sent(session: Session) -> None:
        for row in everything(session, Outbox):
            row.state = DeliveryState.SENT
            session.add(row)

    await database.write(sent)
    assert (await states(database))["sending"] == "done"
    assert (await states(database, sends_mail=False))["sending"] == "todo"


async def test_a_person_skips_confirms_and_dismisses(database: Database, firm: Firm) -> None:
    by = firm.admin.id
    await database.write(first_day.say_step, "mailbox", "skipped", by=by, now=NOW)
    await database.write(first_day.say_step, "hours", "confirmed", by=by, now=NOW)
    now = await states(database)
    assert (now["mailbox"], now["hours"]) == ("skipped", "done")
    await database.write(first_day.say_step, "mailbox", "", by=by, now=NOW)
    assert (await states(database))["mailbox"] == "todo"
    for key, said in (("nothing", "skipped"), ("hours", "perhaps")):
        with pytest.raises(NotFound):
            await database.write(first_day.say_step, key, said, by=by, now=NOW)
    assert (await database.read(first_day.load, sends_mail=True)).is_shown
    await database.write(first_day.dismiss, by=by, now=NOW)
    day = await database.read(first_day.load, sends_mail=True)
    assert (day.is_dismissed, day.is_shown, day.left > 0) == (True, False, True)
    trail = await database.read(everything, AuditEntry)
    assert [entry.thing for entry in trail] == [AuditThing.COMPANY] * 4


async def test_before_the_first_visit_there_is_no_list(database: Database) -> None:
    day = await database.read(first_day.load, sends_mail=True)
    assert (day.steps, day.is_shown) == ((), False)


async def test_the_test_message_is_a_message_like_any_other(
    database: Database, firm: Firm
) -> None:
    """It is stored raw as the form's own are, and the page knows when it has arrived."""
    assert await database.read(first_day.find_arrived) is None
    await database.write(first_day.send_test_message, firm.admin, "Thử", "Tin thử.", NOW)
    (raw,) = await database.read(everything, RawMessage)
    assert (raw.inbox_id, raw.state) == (firm.form, RawState.PENDING)
    read = webform.read(raw.body)
    assert (read.subject, read.from_address) == ("Thử", firm.admin.email)
    waiting = await database.read(first_day.find_arrived)
    assert waiting is not None
    assert (waiting.number, waiting.sent_at) == (None, NOW)

    number = await database.write(arrive, firm)

    def point(session: Session) -> None:
        row = session.get_one(RawMessage, raw.id)
        row.conversation_id, row.state = number, RawState.DONE
        session.add(row)

    await database.write(point)
    arrived = await database.read(first_day.find_arrived)
    assert arrived is not None
    assert (arrived.number, bool(arrived.owner), arrived.due_at is not None) == (
        number,
        True,
        True,
    )
    # Only the test came by the form: nobody has pasted it anywhere yet.
    assert (await states(database))["paste"] == "todo"


async def test_no_form_no_test_message(database: Database, firm: Firm) -> None:
    def close(session: Session) -> None:
        session.get_one(Inbox, firm.form).is_active = False

    await database.write(close)
    with pytest.raises(Conflict, match="form"):
        await database.write(first_day.send_test_message, firm.admin, "Thử", "Tin", NOW)


async def test_the_test_mail_goes_the_way_of_all_mail(database: Database, firm: Firm) -> None:
    await database.write(first_day.send_test_mail, firm.house, firm.admin, NOW)
    (job,) = await database.write(delivery.claim, NOW, 10)
    mail = delivery.compose(job.mail)
    assert (mail.to, mail.from_address) == (firm.admin.email, "hotro@congty.example")
    assert "Công ty Thử" in mail.subject
    assert "/settings/start" in mail.text
    state = await database.read(first_day.find_test_mail)
    assert state is not None
    assert (state.to, state.state) == (firm.admin.email, DeliveryState.CLAIMED)


def _profile(**values: Any) -> Profile:
    usual = {"name": "Công ty Mới", "time_zone": "Asia/Bangkok", "language": "en"}
    return Profile(**usual | values)


async def test_the_company_is_changed_with_a_line_in_the_trail(
    database: Database, firm: Firm
) -> None:
    await database.write(profile.save_profile, _profile(), by=firm.admin.id, now=NOW)
    await database.write(profile.save_profile, _profile(), by=firm.admin.id, now=NOW)
    company = await database.read(find_company)
    assert company is not None
    assert (company.name, company.time_zone, company.language) == (
        "Công ty Mới",
        "Asia/Bangkok",
        "en",
    )
    (entry,) = await database.read(everything, AuditEntry)
    assert entry.before["name"] == "Công ty Thử"
    for field, text in (("name", ""), ("time_zone", "Moon"), ("language", "fr")):
        changed = _profile(**{field: text})
        with pytest.raises(Invalid) as caught:
            await database.write(profile.save_profile, changed, by=firm.admin.id, now=NOW)
        assert list(caught.value.fields) == [field]


async def test_one_person_alone_still_has_people_to_invite(database: Database) -> None:
    def one(session: Session) -> None:
        installation.create_company(session, "Một người", ZONE, "vi", NOW)
        make_agent(session, "An")

    await database.write(one)
    assert (await states(database))["teams"] == "todo"
