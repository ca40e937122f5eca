"""A company and what happens to it, in few words: only what matters to a test is said."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.auth import hash_password
from inbox.channels.base import InboundMessage
from inbox.channels.mime import dedupe_key
from inbox.company import installation
from inbox.house import load_house
from inbox.intake import Context, Incoming, take_in
from inbox.rulebook import load_rulebook
from inbox.settings import Settings
from inbox.sla.policy import STARTER_TARGETS
from inbox.staging import Arrival, Staged, stage
from inbox.store import raw as raws
from inbox.store.company import list_doors
from inbox.store.people import Person, as_person
from inbox.triage.prediction import Prediction, Term
from models import (
    Agent,
    Calendar,
    ChannelKind,
    Conversation,
    EscalationStep,
    Event,
    Inbox,
    Message,
    Notice,
    Outbox,
    Role,
    SLAClock,
    Team,
    TeamMember,
)
from models.base import columns

NOW = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)  # Monday 2 March 2026, 09:30 in Vietnam
ZONE = "Asia/Ho_Chi_Minh"
HOURS = [["08:00", "12:00"], ["13:00", "17:00"]]  # Monday to Friday
SECRET = b"a secret of these tests only, quite long enough"
PASSWORD = "một câu dài dễ nhớ"
SUPPORT = "hotro@congty.example"
CHAT_KEY = "cua-hang"
CUSTOMER = "lan@khach.example"

_password_hashes: list[str] = []
_numbers = count(1)


@dataclass(frozen=True)
class Firm:
    """The company of a test. An and Bình sell, Chi is the technician, Dung leads both teams."""

    sales: int
    tech: int
    an: Person
    binh: Person
    chi: Person
    dung: Person
    admin: Person
    mail: int
    form: int
    api: int
    chat: int
    house: House


def password_hash() -> str:
    """Return the hash of ``PASSWORD``, made once a run: it is slow on purpose."""
    if not _password_hashes:
        _password_hashes.append(hash_password(PASSWORD))
    return _password_hashes[0]


def make_firm(session: Session) -> Firm:
    """Create a company: two teams, five people, office hours, types, policies and doors.

    An's backup is Chi, Bình's is An. Sales answer advice, orders, billing and the rest; the
    technicians answer technical support, accounts, complaints and returns.
    """
    created = NOW - timedelta(days=30)
    installation.create_company(session, "Công ty Thử", ZONE, "vi", created)
    sales, tech = Team(name="Bán hàng"), Team(name="Kỹ thuật")
    calendar = Calendar(
        name="Giờ hành chính",
        spec=installation.office_hours(ZONE, HOURS, 5, ["2026-04-30"]),
        is_default=True,
    )
    session.add_all([sales, tech, calendar])
    session.flush()
    chi = make_agent(session, "Chi", tech.id)
    an = make_agent(session, "An", sales.id, backup_id=chi.id)
    binh = make_agent(session, "Bình", sales.id, backup_id=an.id)
    dung = make_agent(session, "Dung", role=Role.SUPERVISOR)
    admin = make_agent(session, "Giang", role=Role.ADMIN)
    session.add_all(
        TeamMember(team_id=team.id, agent_id=dung.id, leads=True) for team in (sales, tech)
    )
    technical = ("technical_support", "account_access", "complaint", "return_refund")
    team_of = {key: tech.id if key in technical else sales.id for key in STARTER_TARGETS}
    installation.create_starter_types(session, calendar.id, team_of)
    installation.create_doors(session, SUPPORT, "support", sales.id, created, CHAT_KEY)
    session.flush()
    doors = {door.kind: door.id for door in list_doors(session)}
    house = load_house(session, Settings.model_construct(), SECRET)
    assert house is not None
    both = {sales.id, tech.id}
    return Firm(
        sales=sales.id,
        tech=tech.id,
        an=as_person(an, {sales.id}),
        binh=as_person(binh, {sales.id}),
        chi=as_person(chi, {tech.id}),
        dung=as_person(dung, both),
        admin=as_person(admin, set()),
        mail=doors[ChannelKind.EMAIL],
        form=doors[ChannelKind.FORM],
        api=doors[ChannelKind.API],
        chat=doors[ChannelKind.CHAT],
        house=house,
    )


def make_agent(session: Session, name: str, team_id: int | None = None, **values: Any) -> Agent:
    """Create a person inside; the address is the name's, without accents, at the company."""
    plain = {"Bình": "binh"}.get(name, name.lower())
    agent = Agent(
        email=f"{plain}@congty.example",
        name=name,
        password_hash=password_hash(),
        created_at=NOW - timedelta(days=30),
        **values,
    )
    session.add(agent)
    session.flush()
    if team_id is not None:
        session.add(TeamMember(team_id=team_id, agent_id=agent.id))
        session.flush()
    return agent


def prediction(request_type: str = "product_advice", **values: Any) -> Prediction:
    """Return what triage might say: sure of itself unless told otherwise."""
    said: dict[str, Any] = {
        "request_type_confidence": 0.9,
        "urgency": "normal",
        "urgency_confidence": 0.9,
        "needs_review": False,
        "candidates": ((request_type, 0.9), ("general", 0.1)),
        "why": (Term("tư vấn", 1.5),),
    }
    return Prediction(request_type=request_type, **{**said, **values})


def make_message(text: str = "Cho mình hỏi về máy lọc nước.", **values: Any) -> InboundMessage:
    """Return a message as a reader returns it, from ``CUSTOMER``."""
    plain: dict[str, Any] = {
        "subject": "Hỏi về máy lọc nước",
        "text": text,
        "visible_reply": text,
        "from_address": CUSTOMER,
        "from_name": "Lan",
        "language": "vi",
    }
    return InboundMessage(**{**plain, **values})


def context(session: Session, firm: Firm, **values: Any) -> Context:
    """Return what take-in knows of the company."""
    made = Context(
        rulebook=load_rulebook(session),
        doors={door.id: door for door in list_doors(session)},
        house=firm.house,
        language="vi",
        model_version_id=None,
    )
    return replace(made, **values)


def arrive(
    session: Session,
    firm: Firm,
    message: InboundMessage | None = None,
    said: Prediction | None = None,
    *,
    channel: ChannelKind = ChannelKind.EMAIL,
    at: datetime = NOW,
    now: datetime | None = None,
    meta: dict[str, Any] | None = None,
    key: str = "",
    house: House | None = None,
) -> int:
    """Stage a message and take it in at once; return its conversation's number."""
    doors = {
        ChannelKind.EMAIL: firm.mail,
        ChannelKind.FORM: firm.form,
        ChannelKind.CHAT: firm.chat,
    }
    door = doors.get(channel, firm.api)
    unique = key or f"test-{next(_numbers)}"
    staged = stage(session, Arrival(door, channel, unique, b"raw", meta or {}), at)
    claimed = [one for one in raws.claim(session, now or at, 100) if one.id == staged.id]
    assert claimed, "it is in other hands, or done"
    incoming = Incoming(claimed[0], message or make_message(), said or prediction())
    about = context(session, firm, **({"house": house} if house else {}))
    return take_in(session, incoming, about, now or at)


def make_mail(text: str = "Cho mình hỏi về máy lọc nước.", **headers: str) -> bytes:
    """Write a mail to ``SUPPORT``; a keyword is a header (``message_id=...``), "" drops it."""
    plain = {
        "from": f"Lan <{CUSTOMER}>",
        "to": SUPPORT,
        "subject": "Hỏi về máy lọc nước",
        "date": "Mon, 02 Mar 2026 09:29:00 +0700",
        "message-id": f"<m{next(_numbers)}@khach.example>",
    }
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    mail = EmailMessage()
    for name, value in {**plain, **given}.items():
        if value:
            mail[name] = value
    mail.set_content(text)
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def stage_mail(
    session: Session, firm: Firm, mail: bytes, now: datetime = NOW, **meta: Any
) -> Staged:
    """Store a mail as the receiver does."""
    known = {"from": CUSTOMER, "rcpt": [SUPPORT], "peer": "127.0.0.1", **meta}
    arrival = Arrival(firm.mail, ChannelKind.EMAIL, dedupe_key(firm.mail, mail), mail, known)
    return stage(session, arrival, now)


# What a test looks at afterwards: rows of one conversation, in the order they came.


def conversation(session: Session, number: int) -> Conversation:
    """Return a conversation as the database has it now."""
    session.flush()
    return session.get_one(Conversation, number, populate_existing=True)


def _of(table: Any) -> Callable[[Session, int], list[Any]]:
    def rows(session: Session, number: int) -> list[Any]:
        own = columns(table)
        query = select(table).where(own.conversation_id == number).order_by(own.id)
        session.flush()
        return list(session.execute(query.execution_options(populate_existing=True)).scalars())

    return rows


clocks_of: Callable[[Session, int], list[SLAClock]] = _of(SLAClock)
steps_of: Callable[[Session, int], list[EscalationStep]] = _of(EscalationStep)
events_of: Callable[[Session, int], list[Event]] = _of(Event)
messages_of: Callable[[Session, int], list[Message]] = _of(Message)
outbox_of: Callable[[Session, int], list[Outbox]] = _of(Outbox)
notices_of: Callable[[Session, int], list[Notice]] = _of(Notice)


def kinds_of(session: Session, number: int) -> list[str]:
    """Return what happened to a conversation, in order."""
    return [event.kind.value for event in events_of(session, number)]


def everything(session: Session, table: Any) -> list[Any]:
    """Return all rows of a table, the oldest first."""
    return list(session.execute(select(table).order_by(columns(table).id)).scalars())


def door(session: Session, number: int) -> Inbox:
    """Return an inbox."""
    return session.get_one(Inbox, number)
