"""``OutboundMessage`` to RFC 5322 bytes; nothing from outside can add a header line."""

import re
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime

from inbox.channels.addresses import is_strict
from inbox.channels.base import OutboundMessage
from inbox.channels.words import one_line
from inbox.errors import Rejected

MAX_SUBJECT_CHARS = 250
MAX_NAME_CHARS = 100
MAX_REFERENCES = 20
_ID = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{3,250}")  # printable, without < and >
_SAFE_INSTANCE = re.compile(r"[A-Za-z0-9._-]{1,100}")


class _IdsHeader(UnstructuredHeader):
    """Message ids, one a line: the stock folder would break or encode long ones."""

    def fold(self, *, policy: EmailPolicy) -> str:
        name = str(getattr(self, "name", ""))
        return f"{name}: {(policy.linesep + ' ').join(str(self).split())}{policy.linesep}"


_registry = HeaderRegistry()
for _name in ("message-id", "in-reply-to", "references"):
    # The registry itself puts the class together with BaseHeader; its type cannot say so.
    _registry.map_to_type(_name, _IdsHeader)  # type: ignore[arg-type]
_POLICY = SMTP.clone(header_factory=_registry, cte_type="7bit")


def build(message: OutboundMessage) -> bytes:
    """Return the mail with CRLF line ends, ASCII only, no line over 998 bytes.

    Without ``message.date`` the server that takes the mail stamps it. Raises ``Rejected``
    when an address is not plain enough (see ``addresses.is_strict``).
    """
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = _address(message.from_address, message.from_name)
    mail["To"] = _address(message.to)
    if message.reply_to:
        mail["Reply-To"] = _address(message.reply_to)
    mail["Subject"] = _printable(message.subject)[:MAX_SUBJECT_CHARS]
    if message.date is not None:
        mail["Date"] = format_datetime(message.date)
    mail["Message-ID"] = _ids([message.message_id])
    for name, ids in (
        ("In-Reply-To", [message.in_reply_to]),
        ("References", list(message.references)[-MAX_REFERENCES:]),
    ):
        if value := _ids(ids):
            mail[name] = value
    if message.instance_id and _SAFE_INSTANCE.fullmatch(message.instance_id):
        mail["X-Kip-Instance"] = message.instance_id
    if message.automatic:
        mail["Auto-Submitted"] = "auto-replied"
        mail["X-Auto-Response-Suppress"] = "All"
        mail["Precedence"] = "auto_reply"
    text = message.text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    text = text.encode("utf-8", "replace").decode("utf-8")
    mail.set_content(text, charset="utf-8", cte="quoted-printable")
    return mail.as_bytes()


def _address(address: str, name: str = "") -> Address:
    if not is_strict(address):
        raise Rejected("This is not an address we can send mail to.")
    local, _, domain = address.partition("@")
    return Address(_printable(name)[:MAX_NAME_CHARS], local, domain)


def _printable(text: str) -> str:
    """One line, without control characters, lone surrogates or encoded words.

    ``EmailMessage`` decodes a ``=?…?=`` in a value it is given, line breaks and all.
    """
    return one_line(text.encode("utf-8", "replace").decode("utf-8")).replace("=?", "= ?")


def _ids(ids: list[str]) -> str:
    bare = (item.strip().removeprefix("<").removesuffix(">") for item in ids)
    return " ".join(f"<{item}>" for item in bare if _ID.fullmatch(item))
