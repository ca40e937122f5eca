"""How somebody comes in: invited by an administrator, and with a new password after a reset."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from inbox import accountmail
from inbox.accountmail import INVITATION, RESET
from inbox.acknowledgement import House
from inbox.auth import hash_token
from inbox.channels.addresses import is_strict, normalise
from inbox.company import staff as service
from inbox.errors import Conflict, Invalid, NotFound
from inbox.store import links, staff, teams
from inbox.templating import LANGUAGES, N_
from models import Agent, AuditAction, OneTimeToken, Role
from models.base import columns

one_time = columns(OneTimeToken)

NO_LINK = N_("This link was used or has expired. Ask an administrator for a new one.")


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody to be invited."""

    name: str
    email: str
    role: Role
    language: str
    team_ids: frozenset[int]


def invite(
    session: Session, guest: Guest, house: House | None, *, by: int | None, now: datetime
) -> tuple[int, str]:
    """Make an account that opens with a link; return its id and the link's token.

    ``house`` is given where mail can be sent: then the link goes out by mail as well.

    Raises
    ------
    Invalid
        With a sentence for each field that has to change.
    """
    address = normalise(guest.email)
    _check(session, guest, address)
    agent = Agent(
        email=address,
        name=guest.name.strip(),
        role=guest.role,
        language=guest.language,
        password_hash="",  # nothing matches it
        is_active=False,
        created_at=now,
    )
    add_person(session, agent, guest.team_ids)
    facts = service.facts_of(session, agent)
    service.note_change(session, agent.id, AuditAction.INVITED, now, by=by, after=facts)
    return agent.id, _send(session, agent, INVITATION, house, now)


def add_person(session: Session, agent: Agent, team_ids: frozenset[int]) -> None:
    """Store a new person and their teams.

    Raises
    ------
    Conflict
        If somebody has the address.
    """
    taken = Conflict("Somebody has this address already.")
    if staff.find_by_address(session, agent.email) is not None:
        raise taken
    try:
        with session.begin_nested():
            session.add(agent)
    except IntegrityError as error:  # added by somebody else a moment ago
        raise taken from error
    teams.set_teams_of(session, agent.id, dict.fromkeys(sorted(team_ids), False))


def _check(session: Session, guest: Guest, address: str) -> None:
    wrong = {}
    if not guest.name.strip():
        wrong["name"] = service.FILL_IN
    if not is_strict(address):
        wrong["email"] = N_("This is not an e-mail address, such as ten@congty.vn.")
    elif staff.find_by_address(session, address) is not None:
        wrong["email"] = N_("Somebody has this address already.")
    if guest.language not in LANGUAGES:
        wrong["language"] = N_("Choose Vietnamese or English.")
    service.check_teams(session, guest.team_ids)
    if wrong:
        raise Invalid("Please look at the marked answers.", wrong)


def _send(
    session: Session, agent: Agent, purpose: str, house: House | None, now: datetime
) -> str:
    if house is not None:
        accountmail.queue_mail(session, purpose, agent.email, house, now)
    return accountmail.make_link(session, agent.id, purpose, now)


def invite_again(
    session: Session, agent_id: int, house: House | None, *, by: int, now: datetime
) -> str:
    """Return a fresh link's token; earlier ones of this person no longer work.

    Raises
    ------
    Conflict
        If they have joined.
    """
    agent = _invited(session, agent_id)
    links.void_links_of(session, agent.id, now)
    service.note_change(session, agent.id, AuditAction.INVITED, now, by=by)
    return _send(session, agent, INVITATION, house, now)


def withdraw(session: Session, agent_id: int, *, by: int, now: datetime) -> None:
    """Take an invitation back: the link no longer works, and the account is gone.

    Raises
    ------
    Conflict
        If they have joined.
    """
    agent = _invited(session, agent_id)
    facts = service.facts_of(session, agent)
    teams.set_teams_of(session, agent.id, {})
    session.execute(delete(OneTimeToken).where(one_time.agent_id == agent.id))
    service.note_change(session, agent.id, AuditAction.REMOVED, now, by=by, before=facts)
    session.delete(agent)


def _invited(session: Session, agent_id: int) -> Agent:
    agent = staff.get_agent(session, agent_id, to_change=True)
    if agent.password_hash:
        raise Conflict("They have joined meanwhile.")
    return agent


def find_guest(session: Session, token: str, now: datetime) -> Agent:
    """Return whom an invitation is for.

    Raises
    ------
    NotFound
        If the link does not work (any more).
    """
    return _whose(session, token, INVITATION, now)


def find_forgetful(session: Session, token: str, now: datetime) -> Agent:
    """Return who may choose a new password by this link.

    Raises
    ------
    NotFound
        If the link does not work (any more).
    """
    return _whose(session, token, RESET, now)


def _whose(session: Session, token: str, purpose: str, now: datetime) -> Agent:
    agent_id = links.find_link_of(session, hash_token(token), purpose, now)
    agent = session.get(Agent, agent_id) if agent_id is not None else None
    if agent is None or not _fits(agent, purpose):
        raise NotFound("This link was used or has expired. Ask an administrator for a new one.")
    return agent


def _fits(agent: Agent, purpose: str) -> bool:
    """Tell whether an account is in the state that a link is for."""
    if purpose == INVITATION:
        return not agent.password_hash and agent.deactivated_at is None
    return bool(agent.password_hash) and agent.is_active


def join(
    session: Session, token: str, name: str, language: str, password_hash: str, now: datetime
) -> Agent:
    """Open the account of somebody invited, who may be given work from now on.

    Raises
    ------
    NotFound
        If the link does not work (any more).
    """
    agent = _use(session, token, INVITATION, now)
    agent.name, agent.language = name.strip() or agent.name, language
    agent.password_hash, agent.is_active = password_hash, True
    service.end_sessions(session, agent)
    links.void_links_of(session, agent.id, now)
    service.note_change(
        session, agent.id, AuditAction.JOINED, now, by=agent.id, after={"name": agent.name}
    )
    return agent


def reset(session: Session, token: str, password_hash: str, now: datetime) -> Agent:
    """Give somebody the password they chose; they are signed out everywhere.

    Raises
    ------
    NotFound
        If the link does not work (any more).
    """
    agent = _use(session, token, RESET, now)
    service.set_password(session, agent, password_hash, by=agent.id, now=now)
    return agent


def _use(session: Session, token: str, purpose: str, now: datetime) -> Agent:
    agent_id = links.use_link_of(session, hash_token(token), purpose, now)
    agent = staff.get_agent(session, agent_id, to_change=True) if agent_id is not None else None
    if agent is None or not _fits(agent, purpose):
        raise NotFound("This link was used or has expired. Ask an administrator for a new one.")
    return agent


def send_reset(
    session: Session, agent_id: int, house: House | None, *, by: int | None, now: datetime
) -> str:
    """Return the token of a link for a new password, asked for by an administrator.

    Raises
    ------
    Conflict
        If they have not joined, or have left.
    """
    agent = staff.get_agent(session, agent_id, to_change=True)
    if not _fits(agent, RESET):
        raise Conflict("Only somebody who works here has a password.")
    service.note_change(session, agent.id, AuditAction.RESET_SENT, now, by=by)
    return _send(session, agent, RESET, house, now)
