"""``kip user`` and ``kip token``: people who sign in, and tokens for the API."""

import asyncio
import json
import secrets
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click
from sqlalchemy import select
from sqlmodel import Session

from inbox.auth import MIN_PASSWORD, hash_password, hash_token, random_token
from inbox.channels.addresses import is_strict
from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.settings import get_settings
from inbox.store.company import find_company
from inbox.store.people import find_agent_by_email
from models import Agent, ApiToken, Role, Scope, Team, TeamMember
from models.base import columns

T = TypeVar("T")
agents = columns(Agent)
teams = columns(Team)
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
    taken = session.execute(select(agents.id).where(agents.email == person.email)).first()
    if taken is not None:
        raise Conflict(f"Somebody has the address {person.email} already.")
    person.language = company.language
    session.add(person)
    session.flush()
    for name in team_names:
        session.add(TeamMember(team_id=_team_id(session, name), agent_id=person.id))


def _team_id(session: Session, name: str) -> int:
    """Return the team's id, made if it is missing; capitals make no other team."""
    for found in session.execute(select(teams.id, teams.name)):
        if found.name.casefold() == name.casefold():
            return int(found.id)
    team = Team(name=name)
    session.add(team)
    session.flush()
    return team.id


def insert_token(
    session: Session, name: str, email: str, scope: Scope, token_hash: str, now: datetime
) -> None:
    """Store a token's hash.

    Raises
    ------
    NotFound
        If nobody active has that address.
    """
    person = find_agent_by_email(session, email)
    if person is None:
        raise NotFound(f"Nobody signs in as {email}. Add them with kip user add.")
    session.add(
        ApiToken(
            name=name,
            token_hash=token_hash,
            agent_id=person.id,
            scope=scope,
            created_at=now,
        )
    )


def _check_address(email: str) -> str:
    address = email.strip().lower()
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
    from inbox.migrations import migrate

    async def run() -> T:
        database = Database(get_settings().database)
        try:
            await migrate(database)
            return await database.write(work, *arguments)
        finally:
            await database.close()

    return asyncio.run(run())
