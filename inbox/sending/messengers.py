"""Handing answers to messengers: the courier's transport where a provider is behind an inbox.

An answer is several calls: words in pieces, then each file. What the provider has is written
down after each, with the fence's lease, so that another try goes on behind it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.channels.base import OutboundMessage, Receipt
from inbox.channels.messengers.errors import NOT_CONNECTED, BadToken, Blocked, WindowClosed
from inbox.channels.messengers.provider import Piece
from inbox.channels.messengers.wire import Wire
from inbox.clock import utcnow
from inbox.db import Database
from inbox.delivery import LEASE
from inbox.errors import Rejected, Unavailable
from inbox.messaging import links, renewing
from inbox.messaging.links import Stored
from inbox.settings import Settings
from inbox.store import messengers as rows
from inbox.store.messengers import Reach
from inbox.vault import Sealed, Vault
from models import DeliveryState, Messenger, Outbox
from models.base import columns

outbox = columns(Outbox)
accounts = columns(Messenger)


class MessengerSession:
    """One account, as long as there is something to hand over; see ``courier.Transport``."""

    is_broken = False

    def __init__(
        self, database: Database, settings: Settings, vault: Vault, inbox_id: int
    ) -> None:
        self._database = database
        self._settings = settings
        self._vault = vault
        self._inbox_id = inbox_id
        self._wire: Wire | None = None
        self._stored: Stored | None = None

    async def open(self, *, anew: bool = False) -> None:
        """Get ready; ``anew`` with another token than the one that was refused.

        Raises
        ------
        Unavailable
            If there is no access just now.
        """
        stored = await self._database.read(links.find, self._inbox_id)
        if stored is None or not stored.secrets:
            raise Unavailable(NOT_CONNECTED)
        try:
            stored, account = await renewing.fresh(
                self._database, stored, self._vault, self._settings, anew=anew
            )
        except Sealed as error:
            await self._note(error.message)
            raise Unavailable(error.message) from error
        await self.close()
        self._stored = stored
        self._wire = links.wire_to(stored, account, self._settings)

    async def close(self) -> None:
        """Hang up."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()

    async def send(self, message: OutboundMessage, fence: Callable[[], Any]) -> Receipt | None:
        """Hand an answer over, in pieces; None if it is not ours any more.

        Raises
        ------
        ChannelError
            As ``Provider.send`` does.
        """
        if self._stored is None or self._wire is None:
            raise Unavailable(NOT_CONNECTED)
        number, taken, reach = await self._database.read(_about, self._inbox_id, message)
        now = utcnow()
        if reach is not None and not reach.is_open(now):
            raise Blocked if reach.left else WindowClosed
        pieces = self._stored.provider.pieces(message)
        if not await fence():
            return None
        reference = ""
        for place, piece in enumerate(pieces):
            reference = taken.get(place, "")
            if place not in taken:
                reference = await self._hand_over(number, place, piece, message, reach)
        failed = await self._database.write(_done, self._inbox_id, number, utcnow())
        if failed:
            raise Rejected(failed[0])
        return Receipt(reference[:200])

    async def _hand_over(
        self,
        number: int,
        place: int,
        piece: Piece,
        message: OutboundMessage,
        reach: Reach | None,
    ) -> str:
        """Hand a piece over and write it down; with a new token, if the old one is refused."""
        user = message.to.rpartition("@")[0]
        wrote_at = reach.wrote_at if reach is not None else None
        sent_at = utcnow()
        try:
            reference = await self._call(user, piece, wrote_at, sent_at)
        except BadToken as error:
            if self._stored is None or not self._stored.provider.renews:
                await self._note(error.said or error.message)
                raise
            await self.open(anew=True)
            sent_at = utcnow()
            reference = await self._call(user, piece, wrote_at, sent_at)
        value = rows.value_of(self._inbox_id, user)
        await self._database.write(
            _keep, self._inbox_id, number, value, place, reference, sent_at
        )
        return reference

    async def _call(
        self, user: str, piece: Piece, wrote_at: datetime | None, now: datetime
    ) -> str:
        if self._stored is None or self._wire is None:
            raise Unavailable(NOT_CONNECTED)
        return await self._stored.provider.send(self._wire, user, piece, wrote_at, now)

    async def _note(self, problem: str) -> None:
        await self._database.write(links.note_trouble, self._inbox_id, problem, utcnow())


def _about(
    session: Session, inbox_id: int, message: OutboundMessage
) -> tuple[int, dict[int, str], Reach | None]:
    """Return a mail's row, what the provider has of it, and whom it is for."""
    number = session.execute(
        select(outbox.id).where(outbox.email_message_id == message.message_id)
    ).scalar_one()
    user = message.to.rpartition("@")[0]
    reach = rows.find_person(session, inbox_id, rows.value_of(inbox_id, user))
    return number, rows.list_taken(session, number), reach


def _keep(
    session: Session,
    inbox_id: int,
    number: int,
    value: str,
    place: int,
    reference: str,
    sent_at: datetime,
) -> None:
    """Write down that the provider has a piece, and keep the fence's lease for the next."""
    now = utcnow()
    rows.keep_piece(session, inbox_id, number, value, place, reference, sent_at, now)
    session.execute(
        update(Outbox)
        .where(outbox.id == number, outbox.state == DeliveryState.SENDING)
        .values(leased_until=now + LEASE)
    )


def _done(session: Session, inbox_id: int, number: int, now: datetime) -> list[str]:
    """Note that the account works; return what the provider said it could not deliver."""
    session.execute(
        update(Messenger).where(accounts.inbox_id == inbox_id).values(last_sent_at=now)
    )
    links.note_trouble(session, inbox_id, "", now)
    return rows.list_failed(session, number)
