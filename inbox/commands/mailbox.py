"""``kip mailbox``: mailboxes that are looked into, for companies that keep their MX."""

import asyncio
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from inbox.channels.addresses import is_strict
from inbox.channels.imap import ImapMailbox
from inbox.channels.imapwire import Folder, ImapServer
from inbox.clock import utcnow
from inbox.company import boxes
from inbox.company.boxes import PORTS
from inbox.db import Database
from inbox.errors import Conflict, InboxError, Invalid, NotFound, Unavailable
from inbox.fetching.tokens import server_for
from inbox.settings import get_settings
from inbox.store.audit import add_entry
from inbox.store.company import find_company, find_door
from inbox.vault import Vault
from models import AuditAction, AuditThing, ChannelKind, Inbox, Mailbox, MailboxTls, Team
from models.base import columns, core

T = TypeVar("T")
mailboxes = columns(Mailbox)
inboxes = columns(Inbox)
teams = columns(Team)

MOST_PASSWORD_CHARS = 1000

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
password_option = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from standard input; else it is asked for.",
)


@click.group()
def mailbox() -> None:
    """Mailboxes that are looked into (IMAP)."""


@mailbox.command("add")
@click.argument("address")
@click.option("--host", required=True, help="The IMAP server, such as imap.congty.vn.")
@click.option("--port", type=int, help="993, or 143 without TLS from the start.")
@click.option("--tls", type=click.Choice([*PORTS]), default="tls", show_default=True)
@click.option("--user", help="The user name there; the address if not given.")
@click.option("--folder", default="INBOX", show_default=True)
@click.option("--every", default=30, show_default=True, type=click.IntRange(1, 3600))
@click.option(
    "--days",
    default=7,
    show_default=True,
    type=click.IntRange(0, 3650),
    help="Take unread mail of so many days that is there already.",
)
@click.option("--team", help="Who answers, if the inbox is new; a team there is.")
@click.option("--no-test", is_flag=True, help="Store it without signing in first.")
@password_option
@as_json_option
def add_mailbox(
    address: str,
    team: str | None,
    password_stdin: bool,
    no_test: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Look for ADDRESS's mail in a mailbox; the inbox is made if it is missing.

    It is signed in to first. The password is stored encrypted and never shown.
    """
    handle = address.strip().lower()
    if not is_strict(handle):
        raise Invalid(f'"{address}" is not an e-mail address, such as hotro@congty.vn.')
    port = how["port"] or PORTS[how["tls"]]
    user = how["user"] or handle
    password = _read_password(password_stdin)
    server = ImapServer(how["host"].strip().lower(), port, how["tls"], user, password)
    if not no_test:
        _try(server, how["folder"])
    now = utcnow()
    row = Mailbox(
        inbox_id=0,
        host=server.host,
        port=port,
        tls=MailboxTls(how["tls"]),
        username=user,
        password="",
        folder=how["folder"],
        every_s=how["every"],
        since=now - timedelta(days=how["days"]),
        created_at=now,
        next_at=now,
        leased_until=now,
    )
    vault = Vault(get_settings().secret)
    _write(insert_mailbox, row, handle, team, password, vault, now)
    if as_json:
        click.echo(json.dumps({"id": row.id, "address": handle}, ensure_ascii=False))
    else:
        click.echo(f"Mailbox {row.id}: mail for {handle} is fetched every {row.every_s} s.")


@mailbox.command("list")
@as_json_option
def list_mailboxes(as_json: bool) -> None:
    """List the mailboxes, when each was last read, and what is wrong."""
    rows = [_facts(box, address) for box, address in _write(find_mailboxes)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        state = "" if row["is_active"] else " (off)"
        click.echo(f"{row['id']}  {row['address']}  {row['user']}@{row['host']}{state}")
        click.echo(f"    last read: {row['last_ok_at'] or 'never'}")
        if row["last_error"]:
            click.echo(f"    {row['last_error']}")
        for uid, reason in row["left"].items():
            click.echo(f"    left in the mailbox: mail {uid}: {reason}")
    if not rows:
        click.echo("There is no mailbox yet. Add one with kip mailbox add.")


@mailbox.command("test")
@click.argument("number", type=int, required=False)
@as_json_option
def test_mailboxes(number: int | None, as_json: bool) -> None:
    """Sign in to mailbox NUMBER, or to all; nothing is fetched or marked."""
    vault = Vault(get_settings().secret)
    said, failed = [], False
    for box, address in _write(find_mailboxes, number):
        row: dict[str, Any] = {"id": box.id, "address": address, "ok": True}
        try:
            row["mails"] = _try(_server(box, vault), box.folder).exists
        except InboxError as error:
            row |= {"ok": False, "error": error.message}
            failed = True
        said.append(row)
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False))
    else:
        for row in said:
            result = f"works, {row['mails']} mails" if row["ok"] else row["error"]
            click.echo(f"{row['id']}  {row['address']}: {result}")
    if failed:
        sys.exit(1)


@mailbox.command("change")
@click.argument("number", type=int)
@click.option("--on/--off", "is_active", default=None, help="Fetch from it, or not for now.")
@click.option("--every", type=click.IntRange(1, 3600), help="Seconds between two looks.")
@click.option("--password-stdin", is_flag=True, help="Read a new password.")
def change_mailbox(
    number: int, is_active: bool | None, every: int | None, password_stdin: bool
) -> None:
    """Change mailbox NUMBER: its password, how often it is read, or whether at all."""
    password = _read_password(True) if password_stdin else None
    vault = Vault(get_settings().secret)
    _write(update_mailbox, number, is_active, every, password, vault, utcnow())
    click.echo(f"Mailbox {number} is changed.")


def insert_mailbox(
    session: Session,
    row: Mailbox,
    handle: str,
    team: str | None,
    password: str,
    vault: Vault,
    now: datetime,
) -> None:
    """Store a mailbox, its password sealed, and its inbox if that is missing.

    Raises
    ------
    Conflict
        If it is there already.
    NotFound
        If there is no company yet, or no such team.
    """
    if find_company(session) is None:
        raise NotFound("There is no company yet: open the link that kip run prints first.")
    door = find_door(session, ChannelKind.EMAIL, handle)
    row.inbox_id = door.id if door is not None else _make_inbox(session, handle, team, now)
    boxes.attach(session, row, password, vault, by=None, now=now)


def _make_inbox(session: Session, handle: str, team: str | None, now: datetime) -> int:
    team_id = None
    if team is not None:
        rows = session.execute(select(teams.id, teams.name))
        named = {one.name.casefold(): one.id for one in rows}
        team_id = named.get(team.strip().casefold())
        if team_id is None:
            raise NotFound(f"There is no team called {team}.")
    made = Inbox(
        kind=ChannelKind.EMAIL, handle=handle, name=handle, team_id=team_id, created_at=now
    )
    session.add(made)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"The inbox {handle} is closed; open it again first.") from error
    after = {"kind": made.kind, "handle": handle, "team_id": team_id}
    add_entry(
        session, AuditThing.INBOX, made.id, AuditAction.CREATED, now, by=None, after=after
    )
    return made.id


def find_mailboxes(session: Session, number: int | None = None) -> list[tuple[Mailbox, str]]:
    """Return mailboxes with their inboxes' addresses.

    Raises
    ------
    NotFound
        If the one asked for is not there.
    """
    query = select(Mailbox, inboxes.handle).join(core(Inbox), inboxes.id == mailboxes.inbox_id)
    if number is not None:
        query = query.where(mailboxes.id == number)
    found = [(box, address) for box, address in session.execute(query.order_by(mailboxes.id))]
    if number is not None and not found:
        raise NotFound(f"There is no mailbox {number}; kip mailbox list shows them.")
    return found


def update_mailbox(
    session: Session,
    number: int,
    is_active: bool | None,
    every_s: int | None,
    password: str | None,
    vault: Vault,
    now: datetime,
) -> None:
    """Change what is given, and make the mailbox due now."""
    find_mailboxes(session, number)
    boxes.change(
        session,
        number,
        vault,
        is_active=is_active,
        every_s=every_s,
        password=password,
        by=None,
        now=now,
    )


def _facts(box: Mailbox, address: str) -> dict[str, Any]:
    return {
        "id": box.id,
        "address": address,
        "host": box.host,
        "port": box.port,
        "tls": box.tls.value,
        "user": box.username,
        "folder": box.folder,
        "every_s": box.every_s,
        "is_active": box.is_active,
        "last_ok_at": box.last_ok_at.isoformat() if box.last_ok_at else None,
        "last_error": box.last_error,
        "left": {uid: one["reason"] for uid, one in box.left.items()},
    }


def _read_password(from_stdin: bool) -> str:
    """Read the password from the first line of standard input, or ask for it unseen."""
    if from_stdin:
        return sys.stdin.readline(MOST_PASSWORD_CHARS).rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Invalid("Give the password with --password-stdin.")
    typed: str = click.prompt("Password", hide_input=True)
    return typed


def _try(server: ImapServer, folder: str) -> Folder:
    """Sign in and open the folder; raises ``Unavailable`` with what is wrong."""

    async def run() -> Folder:
        with ThreadPoolExecutor(1) as pool:
            async with ImapMailbox(server, pool, timeout_s=10, call_s=30) as box:
                return await box.select(folder)

    try:
        return asyncio.run(run())
    except Unavailable as error:
        raise Unavailable(f"{error.message} (user {server.username})") from error


def _server(box: Mailbox, vault: Vault) -> ImapServer:
    """Return how to sign in to a mailbox, with a fresh token where one is needed."""
    settings = get_settings()

    async def run() -> ImapServer:
        database = Database(settings.database)
        try:
            return await server_for(database, box, vault, settings.own_token_services)
        finally:
            await database.close()

    return asyncio.run(run())


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
