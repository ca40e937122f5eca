"""The audit trail: every change is written down, and a tampered row is named (F105, R57)."""

import ast
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from inbox import closing, conversations, corrections
from inbox.auth import hash_token
from inbox.commands import mailbox as mailbox_command
from inbox.commands import people as people_command
from inbox.company import founding, installation
from inbox.db import Database
from inbox.escalation import fire_due_steps
from inbox.rulebook import load_rulebook
from inbox.starter_model import register_starter
from inbox.store import people
from inbox.store import raw as raws
from inbox.store.company import find_company
from inbox.vault import Vault
from models import (
    Agent,
    AuditAction,
    AuditEntry,
    AuditThing,
    Event,
    Inbox,
    Mailbox,
    MailboxTls,
    RawMessage,
    RawState,
    Role,
    Scope,
)
from models.base import columns
from tests.factories import (
    NOW,
    PASSWORD,
    SECRET,
    Firm,
    arrive,
    conversation,
    events_of,
    everything,
    make_mail,
    make_message,
    outbox_of,
    password_hash,
    prediction,
    stage_mail,
)

LATER = NOW + timedelta(minutes=1)
ROOT = Path(__file__).parents[2]
RECORDERS = {"add_entry", "write_down", "note_change"}
Act = Callable[[Session, Firm, int], None]


def _on(session: Session, number: int) -> Any:
    return conversation(session, number)


def _claim(session: Session, firm: Firm, number: int) -> None:
    conversations.claim(session, _on(session, number), by=firm.dung, now=LATER)


def _assign(session: Session, firm: Firm, number: int) -> None:
    conversations.assign(session, _on(session, number), firm.binh.id, by=firm.dung, now=LATER)


def _give_back(session: Session, firm: Firm, number: int) -> None:
    conversations.assign(session, _on(session, number), None, by=firm.dung, now=LATER)


def _resolve(session: Session, firm: Firm, number: int) -> None:
    closing.resolve(session, _on(session, number), by=firm.dung, now=LATER, reason="duplicate")


def _reopen(session: Session, firm: Firm, number: int) -> None:
    closing.resolve(session, _on(session, number), by=firm.an, now=NOW, reason="duplicate")
    rules = load_rulebook(session)
    closing.reopen(session, _on(session, number), rules, by=firm.dung, now=LATER)


def _correct(**values: Any) -> Act:
    def work(session: Session, firm: Firm, number: int) -> None:
        corrections.correct(
            session,
            _on(session, number),
            load_rulebook(session),
            firm.house,
            by=firm.dung,
            now=LATER,
            **values,
        )

    return work


def _agree(session: Session, firm: Firm, number: int) -> None:
    corrections.agree(session, _on(session, number), by=firm.dung, now=LATER)


AN, BINH, CHI, DUNG = "an", "binh", "chi", "dung"  # who; replaced by ids below
# what a person does -> the event, and from what to what
CHANGES: dict[str, tuple[Act, str, dict[str, Any], dict[str, Any]]] = {
    "claim": (_claim, "assigned", {"owner": AN}, {"owner": DUNG}),
    "assign": (_assign, "assigned", {"owner": AN}, {"owner": BINH}),
    "give back": (_give_back, "assigned", {"owner": AN}, {"owner": None}),
    "resolve": (_resolve, "resolved", {"status": "open"}, {"status": "resolved"}),
    "reopen": (_reopen, "reopened", {"status": "resolved"}, {"status": "open"}),
    "request type": (
        *(_correct(request_type="complaint"), "corrected"),
        *({"request_type": "product_advice"}, {"request_type": "complaint"}),
    ),
    "urgency": (
        *(_correct(urgency="high"), "corrected"),
        *({"urgency": "normal"}, {"urgency": "high"}),
    ),
    "team": (
        *(_correct(request_type="complaint"), "assigned"),
        *({"team": "sales", "owner": AN}, {"team": "tech", "owner": CHI}),
    ),
    "confirm": (_agree, "confirmed", {"triage": "auto"}, {"triage": "confirmed"}),
}


def _plain(firm: Firm, fields: dict[str, Any]) -> dict[str, Any]:
    who = {name: getattr(firm, name).id for name in (AN, BINH, CHI, DUNG)}
    known = {**who, "sales": firm.sales, "tech": firm.tech}
    return {name: known.get(value, value) for name, value in fields.items()}


@pytest.mark.parametrize("what", CHANGES)
async def test_what_a_person_changes_on_a_conversation_has_who_when_from_and_to(
    database: Database, firm: Firm, what: str
) -> None:
    """F105."""
    act, kind, old, new = CHANGES[what]
    number = await database.write(arrive, firm)

    await database.write(act, firm, number)

    (event,) = [
        one
        for one in await database.read(events_of, number)
        if one.kind.value == kind and one.at == LATER
    ]
    assert event.actor_id == firm.dung.id
    assert (event.data["from"], event.data["to"]) == (_plain(firm, old), _plain(firm, new))


async def test_what_take_in_decides_has_from_and_to(database: Database, firm: Firm) -> None:
    """F105: state, type, urgency, team and owner of a new conversation; nobody is named."""
    number = await database.write(arrive, firm)

    found = await database.read(events_of, number)
    moves = {one.kind.value: one.data["to"] for one in found if "to" in one.data}
    assert moves["received"] == {"status": "open"}
    assert moves["sorted"] == {"request_type": "product_advice", "urgency": "normal"}
    assert moves["assigned"] == {"team": firm.sales, "owner": firm.an.id}
    assert {one.actor_id for one in found} == {None}


async def test_what_the_customer_and_time_change_has_from_and_to(
    database: Database, firm: Firm
) -> None:
    """F105: reopened by a message; warned and late by the ladder."""

    def live(session: Session) -> int:
        number = arrive(session, firm)
        fire_due_steps(session, firm.house, NOW + timedelta(days=3))
        closing.resolve(session, _on(session, number), by=firm.an, now=NOW, reason="duplicate")
        return number

    number = await database.write(live)
    last = (await database.read(outbox_of, number))[0]
    reply = {"in_reply_to": last.email_message_id, "references": (last.email_message_id,)}
    await database.write(arrive, firm, make_message("Alô?", **reply), prediction(), at=LATER)

    moves = [
        (one.kind.value, one.data["from"], one.data["to"])
        for one in await database.read(events_of, number)
        if "from" in one.data and one.actor_id is None and one.kind.value != "received"
    ]
    assert ("reopened", {"status": "resolved"}, {"status": "open"}) in moves
    assert ("warned", {"sla_state": "on_time"}, {"sla_state": "warned"}) in moves
    assert ("escalated", {"sla_state": "warned"}, {"sla_state": "breached"}) in moves


# ---- settings --------------------------------------------------------------


def _on_duty(session: Session, firm: Firm) -> None:
    people.set_on_duty(session, firm.an.id, False, LATER)
    people.set_on_duty(session, firm.an.id, False, LATER)  # nothing changes: no line


def _retry(session: Session, firm: Firm) -> None:
    held = stage_mail(session, firm, make_mail())
    session.get_one(RawMessage, held.id).state = RawState.QUARANTINED
    session.flush()
    assert raws.try_again(session, held.id, LATER, by=firm.dung.id)


def _add_person(session: Session, firm: Firm) -> None:
    new = Agent(
        email="moi@congty.example",
        name="Mới",
        role=Role.AGENT,
        password_hash=password_hash(),
        created_at=LATER,
    )
    people_command.insert_user(session, new, ["Đội mới"])


def _add_token(session: Session, firm: Firm) -> None:
    secret = hash_token("kip_abc")
    people_command.insert_token(session, "ERP", firm.an.email, Scope.READ, secret, LATER)


def _mailbox(session: Session) -> Mailbox:
    box = Mailbox(
        inbox_id=0,
        host="imap.congty.example",
        port=993,
        tls=MailboxTls.TLS,
        username="hotro",
        password="",
        folder="INBOX",
        every_s=30,
        since=NOW,
        created_at=NOW,
        next_at=NOW,
        leased_until=NOW,
    )
    vault = Vault(SECRET)
    mailbox_command.insert_mailbox(
        session, box, "moi@congty.example", None, PASSWORD, vault, LATER
    )
    return box


def _add_mailbox(session: Session, firm: Firm) -> None:
    _mailbox(session)


def _change_mailbox(session: Session, firm: Firm) -> None:
    number = _mailbox(session).id
    mailbox_command.update_mailbox(session, number, False, 60, PASSWORD, Vault(SECRET), LATER)


def _starter(session: Session, firm: Firm) -> None:
    register_starter(session, Path("a"), "a" * 64, NOW)
    register_starter(session, Path("b"), "b" * 64, LATER)


# what is done -> the lines of the trail: thing, action, by, and some of what changed
Line = tuple[str, str, str, dict[str, Any], dict[str, Any]]
SETTINGS: dict[str, tuple[Callable[[Session, Firm], None], list[Line]]] = {
    "on duty": (
        _on_duty,
        [("person", "changed", AN, {"on_duty": True}, {"on_duty": False})],
    ),
    "quarantine": (
        _retry,
        [("message", "changed", DUNG, {"state": "quarantined"}, {"state": "pending"})],
    ),
    "person": (
        _add_person,
        [
            ("team", "created", "", {}, {"name": "Đội mới"}),
            ("person", "created", "", {}, {"role": "agent", "teams": ["Đội mới"]}),
        ],
    ),
    "token": (_add_token, [("token", "created", "", {}, {"name": "ERP", "scope": "read"})]),
    "mailbox": (
        _add_mailbox,
        [
            ("inbox", "created", "", {}, {"handle": "moi@congty.example"}),
            ("mailbox", "created", "", {}, {"host": "imap.congty.example", "port": 993}),
        ],
    ),
    "mailbox changed": (
        _change_mailbox,
        [
            ("inbox", "created", "", {}, {}),
            ("mailbox", "created", "", {}, {}),
            ("mailbox", "password_set", "", {}, {}),
            (
                *("mailbox", "changed", ""),
                *({"is_active": True, "every_s": 30}, {"is_active": False, "every_s": 60}),
            ),
        ],
    ),
    "starter": (
        _starter,
        [
            ("model", "created", "", {}, {"name": "starter", "sha256": "a" * 64}),
            ("model", "activated", "", {"live": None}, {"live": 1}),
            ("model", "created", "", {}, {"name": "starter", "sha256": "b" * 64}),
            ("model", "activated", "", {"live": 1}, {"live": 2}),
        ],
    ),
}


@pytest.mark.parametrize("what", SETTINGS)
async def test_what_changes_a_setting_is_written_down(
    database: Database, firm: Firm, what: str
) -> None:
    """F105: who, when, from, to; by nobody is by a command, or by Kịp itself."""
    act, lines = SETTINGS[what]
    await database.write(act, firm)

    found = await database.read(everything, AuditEntry)
    ids = {"": None, **{name: getattr(firm, name).id for name in (AN, DUNG)}}
    assert [(one.thing, one.action, one.actor_id) for one in found] == [
        (AuditThing(thing), AuditAction(action), ids[by]) for thing, action, by, _, _ in lines
    ]
    assert found[-1].at == LATER
    for one, (_, _, _, before, after) in zip(found, lines, strict=True):
        assert before.items() <= one.before.items()
        assert after.items() <= one.after.items()
    told = str([(one.before, one.after) for one in found])
    assert PASSWORD not in told
    assert hash_token("kip_abc") not in told
    assert password_hash() not in told


async def test_the_first_visit_writes_down_what_it_creates(database: Database) -> None:
    """F105: by the first administrator."""
    answers = installation.FirstVisit(
        company="Ổn",
        time_zone="Asia/Ho_Chi_Minh",
        language="vi",
        support_address="hotro@congty.example",
        name="Giang",
        email="giang@congty.example",
        password="",
        password_hash=password_hash(),
    )

    def visit(session: Session) -> int:
        token = installation.offer_setup(session, NOW)
        assert token is not None
        session.flush()
        return installation.set_up(session, answers, token, holidays=[], now=LATER).id

    admin = await database.write(visit)

    found = await database.read(everything, AuditEntry)
    assert {(one.actor_id, one.at, one.action.value) for one in found} == {
        (admin, LATER, "created")
    }
    count = {thing: sum(one.thing is thing for one in found) for thing in AuditThing}
    assert count[AuditThing.REQUEST_TYPE] == count[AuditThing.POLICY] == 8
    assert count[AuditThing.INBOX] == len(await database.read(everything, Inbox)) > 2
    assert count[AuditThing.COMPANY] == count[AuditThing.CALENDAR] == 1
    assert count[AuditThing.PERSON] == count[AuditThing.TEAM] == 1
    assert password_hash() not in str([one.after for one in found])
    company = await database.read(find_company)
    assert company is not None
    assert [one.after["name"] for one in found if one.thing is AuditThing.COMPANY] == ["Ổn"]


async def test_founding_names_no_secret(database: Database, firm: Firm) -> None:
    await database.write(founding.write_down, NOW, by=None)

    fields = {name for one in await database.read(everything, AuditEntry) for name in one.after}
    assert not fields & {"password", "password_hash", "token_hash", "instance_id"}


# ---- nothing but additions -------------------------------------------------


@pytest.mark.parametrize("table", [Event, AuditEntry])
@pytest.mark.parametrize("word", ["UPDATE", "DELETE"])
async def test_the_database_refuses_what_is_not_an_addition(
    database: Database, firm: Firm, table: Any, word: str
) -> None:
    """F105: append-only, whoever asks."""
    await database.write(arrive, firm)
    await database.write(_on_duty, firm)
    own = columns(table)

    def tamper(session: Session) -> None:
        if word == "UPDATE":
            session.execute(update(table).values(at=LATER))
        else:
            for one in session.execute(select(table).order_by(own.id)).scalars():
                session.delete(one)
            session.flush()

    with pytest.raises(DBAPIError, match="only ever added to"):
        await database.write(tamper)


def _written_tables(tree: ast.Module) -> set[str]:
    """Return what a module makes or changes of what an audit entry is about."""
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        name = node.func.id
        if name in ("update", "delete", "insert") and node.args:
            name = getattr(node.args[0], "id", "")
        found.add(name)
    return found & {
        *("Agent", "Team", "TeamMember", "Inbox", "Mailbox", "Calendar", "SLAPolicy"),
        *("RequestType", "ApiToken", "TriageModelVersion"),
    }


def _names(tree: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _called(tree: ast.Module) -> set[str]:
    functions = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {getattr(one, "id", "") or getattr(one, "attr", "") for one in functions}


def test_who_writes_settings_writes_the_trail_too() -> None:
    """F105: a service or command without a single entry has forgotten all of them."""
    folders = ("inbox/company", "inbox/commands")
    files = [path for folder in folders for path in (ROOT / folder).glob("*.py")]
    trees = {
        path.name: ast.parse(path.read_text("utf-8"))
        for path in [*files, ROOT / "inbox/starter_model.py"]
    }
    # What never sees a session (a rehearsal makes rules up) writes nothing.
    able = {name: tree for name, tree in trees.items() if "Session" in _names(tree)}
    writing = {name for name, tree in able.items() if _written_tables(tree)}

    assert {"installation.py", "people.py", "mailbox.py", "starter_model.py"} <= writing
    assert {name for name in writing if not RECORDERS & _called(trees[name])} == set()
