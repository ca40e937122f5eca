"""A messenger as a channel: the three methods that every way in and out has."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from inbox.channels.base import InboundMessage, OutboundMessage, Receipt
from inbox.channels.messengers.account import Account
from inbox.channels.messengers.errors import NOT_CONNECTED
from inbox.channels.messengers.provider import Provider
from inbox.channels.messengers.wire import Wire
from inbox.channels.smtp import SmtpSender
from inbox.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Line:
    """An open way to an account, and what time it is."""

    account: Account
    wire: Wire
    now: datetime


class MessengerChannel:
    """Messages through a provider's servers. Without a ``line`` it can only read."""

    def __init__(
        self, sender: SmtpSender, provider: Provider, line: Line | None = None
    ) -> None:
        """Take and leave the mail sender: nothing of this goes by mail."""
        self._provider = provider
        self._line = line

    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether the provider sent this to the account."""
        line = self._line
        return line is not None and self._provider.is_genuine(headers, body, line.account)

    def read(self, raw: bytes) -> InboundMessage:
        """Read a stored event."""
        told = self._provider.read(raw)
        writer = told.writer
        return replace(
            told.message,
            person=writer.user,
            also=writer.also,
            from_name=told.message.from_name or writer.name,
            phone=writer.phone,
            to_fetch=told.files,
        )

    async def send(self, message: OutboundMessage) -> Receipt:
        """Send an answer, piece after piece, to whom the part before the @ names."""
        if self._line is None:
            raise Unavailable(NOT_CONNECTED)
        user, reference = message.to.rpartition("@")[0], ""
        for piece in self._provider.pieces(message):
            reference = await self._provider.send(
                self._line.wire, user, piece, None, self._line.now
            )
        return Receipt(reference)
