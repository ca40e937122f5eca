"""``kip user`` and ``kip token``: people who sign in, and tokens for the API."""

import asyncio
import json
import secrets
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

import click
from sqlmodel import Session

from inbox.accountmail import RESET, link_to
from inbox.accounts import leaving
from inbox.auth import MIN_PASSWORD, hash_password, hash_token, random_token
from inbox.channels.addresses import is_strict, normalise
from inbox.clock import utcnow
from inbox.company import handover, invitations, staff, tokens
from inbox.company.handover import Heir
from inbox.company.teams import create_team
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.house import load_house
from inbox.settings import get_settings
from inbox.store.company import find_company
from inbox.store.staff import find_by_address, list_staff
from inbox.store.teams import find_team_named
from models import Agent, AuditAction, Role, Scope

T = TypeVar("T")
MOST_PASSWORD_CHARS = 1000

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def user() -> None:
    """People who sign in."""


@user.command("add")
@click.argument("email")
@click.option("--name", required=True, help="The name colleagues see.")
@click.option("--role", type=click.Choice([one.value for one in Role]), required=True)
@click.option(
    "--team", "team_names", multiple=True, help="May be repeated; made if it is missing."
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@as_json_option
def add_user(
    email: str,
    name: str,
    role: str,
    team_names: tuple[str, ...],
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Add somebody who signs in as EMAIL; without --password-stdin a password is made.

    It is printed once and kept nowhere.
    """
    address = _check_address(email)
    if not name.strip():
        raise Invalid("Give the person a name with --name.")
    password = _read_password() if password_stdin else secrets.token_urlsafe(12)
    person = Agent(
        email=address,
        name=name.strip(),
        role=Role(role),
        password_hash=hash_password(password),
        created_at=utcnow(),
    )
    names = list(dict.fromkeys(one.strip() for one in team_names if one.strip()))
    _write(insert_user, person, names)
    shown: dict[str, Any] = {"email": address, "name": person.name, "role": role}
    shown["teams"] = names
    if not password_stdin:
        shown["password"] = password
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    click.echo(f"{person.name} can sign in as {address} ({role}).")
    if not password_stdin:
        click.echo(f"Password, shown only now: {password}")


@user.command("list")
@as_json_option
def list_users(as_json: bool) -> None:
    """List everybody: who works here, who is invited, who has left."""
    facts: list[dict[str, Any]] = [
        {
            "email": row.email,
            "name": row.name,
            "role": row.role.value,
            "state": row.state,
            "on_duty": row.on_duty,
            "teams": [one.name for one in row.teams],
            "unfinished": row.work_count,
            "last_seen_at": row.last_seen_at.isoformat() if row.last_seen_at else None,
        }
        for row in _write(list_staff)
    ]
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for one in facts:
        teams_text = ", ".join(one["teams"]) or "no team"
        click.echo(
            f"{one['email']}  {one['name']}  {one['role']}  {one['state']}  "
            f"{teams_text}  {one['unfinished']} unfinished"
        )


@user.command("deactivate")
@click.argument("email")
@click.option(
    "--to",
    "heir",
    type=click.Choice([one.value for one in Heir]),
    required=True,
    help="Who gets their unfinished work.",
)
@click.option("--colleague", default="", help="Their address, with --to colleague.")
@click.option("--note", default="", help="A note on each conversation.")
@as_json_option
def deactivate_user(email: str, heir: str, colleague: str, note: str, as_json: bool) -> None:
    """Sign EMAIL out for good and hand over their work; what is left goes on when repeated."""

    async def work(database: Database) -> handover.Handed:
        settings = get_settings()
        agent = await database.read(_get_person, email)
        to = await database.read(_get_person, colleague) if colleague else None
        house = await database.read(load_house, settings, settings.secret)
        if house is None:
            raise NotFound("There is no company yet.")
        plan = handover.Plan(Heir(heir), to.id if to else None, note)
        run = leaving.leave if agent.is_active else leaving.hand_over
        return await run(database, agent.id, plan, house, by=None)

    handed = _run(work)
    count = handed.counts.total()
    if as_json:
        click.echo(json.dumps({"email": email, "handed_over": count}))
        return
    click.echo(f"{email} has left; {count} conversations were handed over.")


@user.command("reset")
@click.argument("email")
@as_json_option
def reset_user(email: str, as_json: bool) -> None:
    """Print a link by which EMAIL chooses a new password: once, within one hour."""

    def work(session: Session) -> str:
        agent = _get_person(session, email)
        return invitations.send_reset(session, agent.id, None, by=None, now=utcnow())

    link = link_to(get_settings().base_url, RESET, _write(work))
    click.echo(json.dumps({"email": email, "link": link}) if as_json else link)


def _get_person(session: Session, email: str) -> Agent:
    found = find_by_address(session, normalise(email))
    if found is None:
        raise NotFound(f"Nobody has the address {email}; kip user list shows everybody.")
    return found


@click.group()
def token() -> None:
    """Tokens for the API."""


@token.command("add")
@click.argument("name")
@click.option("--as", "email", required=True, help="Whose doing the token's doing is.")
@click.option("--scope", type=click.Choice([one.value for one in Scope]), required=True)
@as_json_option
def add_token(name: str, email: str, scope: str, as_json: bool) -> None:
    """Make a token called NAME that acts as a person; it is printed once and kept nowhere."""
    if not name.strip():
        raise Invalid("Give the token a name, such as what uses it.")
    secret = f"kip_{random_token()}{random_token()}"
    _write(insert_token, name.strip(), email, Scope(scope), hash_token(secret), utcnow())
    if as_json:
        shown = {"name": name.strip(), "as": email, "scope": scope, "token": secret}
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    click.echo(f"Token {name.strip()} ({scope}) acts as {email}. Shown only now:")
    click.echo(secret)


@token.command("list")
@as_json_option
def list_tokens(as_json: bool) -> None:
    """List the tokens, those that work first; their secrets are kept nowhere."""
    facts = [
        {
            "id": row.id,
            "name": row.name,
            "as": row.email,
            "scope": row.scope.value,
            "last_used_at": row.last_used_at.isoformat() if row.last_used_at else None,
            "revoked": row.revoked_at is not None,
        }
        for row in _write(tokens.list_tokens)
    ]
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for one in facts:
        state = "revoked" if one["revoked"] else "works"
        click.echo(f"{one['id']}  {one['name']}  {one['as']}  {one['scope']}  {state}")


@token.command("revoke")
@click.argument("number", type=int)
def revoke_token(number: int) -> None:
    """Let the token NUMBER (of kip token list) work no longer."""

    def work(session: Session) -> None:
        tokens.revoke_token(session, number, by=None, now=utcnow())

    _write(work)
    click.echo(f"Token {number} is revoked.")


def insert_user(session: Session, person: Agent, team_names: list[str]) -> None:
    """Store a person, and the teams that are missing.

    Raises
    ------
    Conflict
        If the address is taken.
    NotFound
        If there is no company yet.
    """
    company = find_company(session)
    if company is None:
        raise NotFound("There is no company yet: open the link that kip run prints first.")
    if find_by_address(session, person.email) is not None:
        raise Conflict(f"Somebody has the address {person.email} already.")
    person.language = company.language
    team_ids = {_team_id(session, name, person.created_at) for name in team_names}
    invitations.add_person(session, person, frozenset(team_ids))
    staff.note_change(
        session,
        person.id,
        AuditAction.CREATED,
        person.created_at,
        by=None,
        after=staff.facts_of(session, person),
    )


def _team_id(session: Session, name: str, now: datetime) -> int:
    """Return the team's id, made if it is missing; capitals make no other team."""
    found = find_team_named(session, name)
    return found.id if found is not None else create_team(session, name, by=None, now=now)


def insert_token(
    session: Session, name: str, email: str, scope: Scope, token_hash: str, now: datetime
) -> None:
    """Store a token's hash; see ``store_token``."""
    tokens.store_token(session, name, email, scope, token_hash, by=None, now=now)


def _check_address(email: str) -> str:
    address = normalise(email)
    if not is_strict(address):
        raise Invalid(f'"{email}" is not an e-mail address, such as ten@congty.vn.')
    return address


def _read_password() -> str:
    """Read the password from the first line of standard input."""
    password = sys.stdin.readline(MOST_PASSWORD_CHARS).rstrip("\r\n")
    if len(password) < MIN_PASSWORD:
        raise Invalid(f"The password needs at least {MIN_PASSWORD} characters.")
    return password


def _write(work: Callable[..., T], *arguments: Any) -> T:
    """Run one unit of work on the installation's database, brought up to date first."""

    async def run(database: Database) -> T:
        return await database.write(work, *arguments)

    return _run(run)


def _run(work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    """Run something on the installation's database, brought up to date first."""
    from inbox.migrations import migrate

    async def run() -> T:
        database = Database(get_settings().database)
        try:
            await migrate(database)
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
