"""``kip receive``: one raw mail from a mail server's pipe into the inbox of an address.

Exit codes are those of sysexits.h, which mail servers understand: 0 is said only for a mail
that is stored; 67 (nobody has that address) and 65 (no mail we would ever take) make the
sender's server return it; everything else that can go wrong is 75: keep it, try again.
"""

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from inbox.errors import InboxError
from inbox.failpoints import failpoint

if TYPE_CHECKING:
    from sqlmodel import Session

    from inbox.settings import Settings
    from inbox.staging import Arrival

EX_DATAERR, EX_NOUSER, EX_TEMPFAIL = 65, 67, 75


class Refused(InboxError):
    """A mail that would be refused again tomorrow; ``code`` says why to the mail server."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@click.command()
@click.option("--to", "recipient", required=True, help="The address of one of our inboxes.")
@click.option("--from", "sender", default="", help="The envelope's sender; none for a bounce.")
def receive(recipient: str, sender: str) -> None:
    """Store one raw mail from standard input for the inbox --to.

    Meant for a mail server's pipe; needs only the database. Exits with 0 once the mail is
    stored, 67 if no inbox has the address, 65 if it is none we take, 75 to be tried again.
    """
    try:
        _receive(recipient, sender)
    except Refused as error:
        click.echo(f"kip: {error.message}", err=True)
        sys.exit(error.code)
    except InboxError as error:
        click.echo(f"kip: {error.message}", err=True)
        sys.exit(EX_TEMPFAIL)
    except Exception as error:
        why = " ".join(str(error).split())
        click.echo(f"kip: not stored ({type(error).__name__}: {why})", err=True)
        sys.exit(EX_TEMPFAIL)


def _receive(recipient: str, sender: str) -> None:
    from inbox.db import Database
    from inbox.exclusive import demand_own
    from inbox.settings import get_settings

    settings = get_settings()
    demand_own(settings)
    mail = _read_mail()

    async def store() -> None:
        database = Database(settings.database)
        try:
            inbox_id = await database.read(_find_inbox, settings, recipient)
            await database.write(_stage, _arrival(inbox_id, mail, recipient, sender))
            failpoint("pipe.committed")
        finally:
            await database.close()

    asyncio.run(store())


def _read_mail() -> bytes:
    """Read standard input, without the line that mbox files put before a mail.

    Raises
    ------
    Refused
        If there is nothing, too much, or it goes round in circles.
    """
    from inbox.smtpd import MAX_HOPS
    from inbox.staging import MAX_MAIL_BYTES

    mail = sys.stdin.buffer.read(MAX_MAIL_BYTES + 1)
    if mail.startswith(b"From "):
        mail = mail.partition(b"\n")[2]
    if not mail.strip():
        raise Refused(EX_DATAERR, "There is no mail on standard input.")
    if len(mail) > MAX_MAIL_BYTES:
        raise Refused(EX_DATAERR, f"The mail is larger than {MAX_MAIL_BYTES >> 20} MiB.")
    if count_hops(mail) > MAX_HOPS:
        raise Refused(EX_DATAERR, "This mail goes round in circles.")
    return mail


def count_hops(mail: bytes) -> int:
    """Count the servers that a raw mail says it came by, with either kind of line ends."""
    head = mail[: 256 * 1024].replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].lower()
    return (b"\n" + head).count(b"\nreceived:")


def _find_inbox(session: "Session", settings: "Settings", recipient: str) -> int:
    """Return the inbox's id, with or without a tag in its address.

    Raises
    ------
    Refused
        If no inbox has this address.
    InboxError
        If there is too much to do, or too little room, to take more.
    """
    from inbox.addressing import inbox_named
    from inbox.staging import MAX_BACKLOG, count_waiting, demand_room
    from inbox.store.company import list_doors
    from models import ChannelKind

    demand_room(settings.data_dir)
    if count_waiting(session, MAX_BACKLOG) >= MAX_BACKLOG:
        raise InboxError("Too many messages wait to be taken in; try again later.")
    doors = {door.handle: door.id for door in list_doors(session, ChannelKind.EMAIL)}
    handle = inbox_named(recipient, doors)
    if handle is None:
        raise Refused(EX_NOUSER, f"No inbox here has the address {recipient!r}.")
    return doors[handle]


def _arrival(inbox_id: int, mail: bytes, recipient: str, sender: str) -> "Arrival":
    """Make what the mail receiver makes, so that the same mail is known whichever way."""
    from inbox.channels.mime import dedupe_key
    from inbox.staging import Arrival
    from models import ChannelKind, LedgerVia

    meta = {"from": sender.strip("<> "), "rcpt": [recipient], "peer": "pipe"}
    key = dedupe_key(inbox_id, mail)
    return Arrival(inbox_id, ChannelKind.EMAIL, key, mail, meta, via=LedgerVia.PIPE)


def _stage(session: "Session", arrival: "Arrival") -> None:
    from inbox.clock import utcnow
    from inbox.staging import stage

    stage(session, arrival, utcnow())
    failpoint("pipe.staged")
