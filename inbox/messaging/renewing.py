"""Access that ends, renewed in time: by one worker alone, as a refresh token is good once.

Whoever renews holds the row for a minute; the others use what is there, or wait. The new token
and the refresh token that comes with it are committed together. A worker that dies between the
provider's answer and that commit loses both: the account's page then says that the access has
to be entered anew.
"""

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlmodel import Session

from inbox.channels.messengers.account import Account
from inbox.channels.messengers.errors import RENEWING, BadToken
from inbox.channels.messengers.provider import Tokens
from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import ChannelError, Unavailable
from inbox.messaging import links
from inbox.messaging.links import Stored
from inbox.settings import Settings
from inbox.vault import Vault
from models import Inbox, Messenger
from models.base import columns, core

accounts = columns(Messenger)
inboxes = columns(Inbox)

SPARE = timedelta(hours=1)  # a token is renewed so long before it ends
ALONE = timedelta(seconds=60)
AGAIN_S = 5


def is_good(stored: Stored, now: datetime, spare: timedelta = timedelta(minutes=5)) -> bool:
    """Tell whether an account's token can be used for a while; always where none is renewed."""
    if not stored.provider.renews:
        return True
    until = stored.access_until
    return bool(stored.access_token) and until is not None and until > now + spare


async def fresh(
    database: Database,
    stored: Stored,
    vault: Vault,
    settings: Settings,
    *,
    anew: bool = False,
    spare: timedelta = timedelta(minutes=5),
) -> tuple[Stored, Account]:
    """Return an account with an access that is good; ``anew`` has the one it has replaced.

    Raises
    ------
    Sealed
        If a secret cannot be opened.
    BadToken
        If the provider gives no other token: somebody has to enter one.
    Unavailable
        If it cannot be asked just now, or somebody else is renewing it.
    """
    now = utcnow()
    if not stored.provider.renews or (not anew and is_good(stored, now, spare)):
        return stored, links.opened(stored, vault)
    mine, there = await database.write(_begin, stored, now)
    if not mine:
        if there is not None and there.access_token != stored.access_token:
            return there, links.opened(there, vault)
        error = Unavailable(RENEWING)
        error.wait_s = AGAIN_S
        raise error
    try:
        account = links.opened(stored, vault)
        async with links.wire_to(stored, account, settings) as wire:
            tokens = await stored.provider.renew(wire)
        if tokens is None:
            raise BadToken
    except ChannelError as error:
        said = getattr(error, "said", "") or error.message
        await database.write(_end, stored.inbox_id, said, utcnow())
        raise
    kept = await database.write(_keep, stored, tokens, vault, utcnow())
    return kept, links.opened(kept, vault)


def _begin(session: Session, stored: Stored, now: datetime) -> tuple[bool, Stored | None]:
    """Take the account for renewing, if it is still as it was read and nobody has it."""
    done = session.execute(
        update(Messenger)
        .where(
            accounts.inbox_id == stored.inbox_id,
            accounts.secrets == stored.secrets,
            accounts.access_token == stored.access_token,
            or_(accounts.renewing_until.is_(None), accounts.renewing_until <= now),
        )
        .values(renewing_until=now + ALONE)
    )
    if done.rowcount == 1:  # type: ignore[attr-defined]
        return True, None
    return False, links.find(session, stored.inbox_id)


def _end(session: Session, inbox_id: int, said: str, now: datetime) -> None:
    session.execute(
        update(Messenger).where(accounts.inbox_id == inbox_id).values(renewing_until=None)
    )
    links.note_trouble(session, inbox_id, said, now)


def _keep(
    session: Session, stored: Stored, tokens: Tokens, vault: Vault, now: datetime
) -> Stored:
    """Store a token with what came with it; what was entered by hand meanwhile stays."""
    inbox_id = stored.inbox_id
    secrets = {**links.secrets_of(stored, vault), **tokens.replaced}
    session.execute(
        update(Messenger)
        .where(accounts.inbox_id == inbox_id, accounts.secrets == stored.secrets)
        .values(
            secrets=links.seal_secrets(inbox_id, secrets, vault),
            access_token=vault.seal(tokens.token, links.access_place(inbox_id)),
            access_until=now + timedelta(seconds=tokens.good_for_s),
        )
    )
    session.execute(
        update(Messenger).where(accounts.inbox_id == inbox_id).values(renewing_until=None)
    )
    links.note_trouble(session, inbox_id, "", now)
    found = links.find(session, inbox_id)
    assert found is not None  # noqa: S101 - its row was just changed
    return found


def list_ending(session: Session, now: datetime) -> list[Stored]:
    """Return accounts of open inboxes whose access ends soon and which nobody renews."""
    ids = session.execute(
        select(accounts.inbox_id)
        .join(core(Inbox), inboxes.id == accounts.inbox_id)
        .where(
            inboxes.is_active.is_(True),
            accounts.access_until <= now + SPARE,
            or_(accounts.renewing_until.is_(None), accounts.renewing_until <= now),
        )
    ).scalars()
    found = [links.find(session, one) for one in ids]
    return [one for one in found if one is not None and one.provider.renews]
