"""The adapters: a kind of channel is one class with ``verify``, ``read`` and ``send``.

A new kind is a class here or beside, and a line in ``CHANNELS``; tests/unit/
test_channel_contract.py then holds it to what take-in and delivery rely on.
"""

from collections.abc import Callable, Mapping
from functools import partial

from inbox.channels import mime, phone, webform, webhook
from inbox.channels.base import Channel, InboundMessage, OutboundMessage, Receipt
from inbox.channels.chat import ChatChannel
from inbox.channels.messengers.channel import MessengerChannel
from inbox.channels.messengers.providers import PROVIDERS
from inbox.channels.smtp import SmtpSender
from inbox.errors import Unavailable


async def _go_on() -> bool:
    return True


class MailChannel:
    """Mail. Where much depends on it, it is read in a process of its own (``reader``)."""

    def __init__(self, sender: SmtpSender) -> None:
        self._sender = sender

    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Return False: mail comes over SMTP and IMAP, so no web request is ever one."""
        return False

    def read(self, raw: bytes) -> InboundMessage:
        """Read a mail."""
        return mime.parse(raw)

    async def send(self, message: OutboundMessage) -> Receipt:
        """Send one mail over a connection of its own."""
        async with self._sender.session() as session:
            receipt = await session.send(message, _go_on)
        if receipt is None:
            raise Unavailable("The mail was stopped before it left.")
        return receipt


class FormChannel(MailChannel):
    """The hosted form; it is answered by mail. Its page's token is checked by the page."""

    def read(self, raw: bytes) -> InboundMessage:
        """Read a stored form."""
        return webform.read(raw)


class ApiChannel(FormChannel):
    """Messages filed through the API: stored like a form, answered by mail."""


class WebhookChannel(FormChannel):
    """Signed events of another system: stored like a form, answered by mail."""

    def __init__(self, sender: SmtpSender, proof: webhook.Proof | None = None) -> None:
        super().__init__(sender)
        self._proof = proof

    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether whoever holds the key's secret signed this just now."""
        return self._proof is not None and webhook.is_genuine(headers, body, self._proof)


class PhoneChannel(WebhookChannel):
    """Calls, as a switchboard's signed events tell of them; answered by mail where possible."""

    def read(self, raw: bytes) -> InboundMessage:
        """Read a stored event."""
        return phone.read(raw)


CHANNELS: Mapping[str, Callable[[SmtpSender], Channel]] = {
    "email": MailChannel,
    "form": FormChannel,
    "api": ApiChannel,
    "chat": ChatChannel,
    "webhook": WebhookChannel,
    "phone": PhoneChannel,
    **{
        kind: partial(MessengerChannel, provider=provider)
        for kind, provider in PROVIDERS.items()
    },
}


def read_stored(kind: str, raw: bytes) -> InboundMessage:
    """Read a message as it came; raises what its kind raises where it cannot be read."""
    return CHANNELS[kind](SmtpSender("console://")).read(raw)
