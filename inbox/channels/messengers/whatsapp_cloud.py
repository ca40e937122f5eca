"""WhatsApp: the company's number, by Meta's Cloud API."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from inbox.channels.base import FileRef, InboundAttachment, OutboundFile, OutboundMessage
from inbox.channels.messengers import meta, readable, whatsapp
from inbox.channels.messengers.account import Account
from inbox.channels.messengers.errors import BadToken, Blocked, SlowDown, WindowClosed
from inbox.channels.messengers.events import MAX_FILE_BYTES, Event, State, Told
from inbox.channels.messengers.provider import Ask, Piece, Tokens, Whoami
from inbox.channels.messengers.wire import NO_FILE, TOO_LARGE, Reply, Wire
from inbox.errors import ChannelError, Rejected, Unavailable, Unconfirmed
from inbox.templating import N_

T = TypeVar("T")

VERSION = "v23.0"
MOST_CHARS = 4096
WINDOW = timedelta(hours=24)
PAIR_PAUSE_S = 6  # between messages to one person, once that is too fast
USUAL_PAUSE_S = 60

TAKEN = N_(
    "WhatsApp takes JPG and PNG up to 5 MB, sound and MP4 up to 16 MB, PDF, text and Office "
    "files, and nothing else."
)

_MEGA = 1024 * 1024
_OFFICE = "application/vnd.openxmlformats-officedocument."
# What the media page of the documentation lists: kind of message, most bytes.
TAKES: Mapping[str, tuple[str, int]] = {
    **dict.fromkeys(("image/jpeg", "image/png"), ("image", 5 * _MEGA)),
    **dict.fromkeys(("video/mp4", "video/3gpp"), ("video", 16 * _MEGA)),
    **dict.fromkeys(
        ("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"),
        ("audio", 16 * _MEGA),
    ),
    **dict.fromkeys(
        (
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            f"{_OFFICE}wordprocessingml.document",
            f"{_OFFICE}spreadsheetml.sheet",
            f"{_OFFICE}presentationml.presentation",
        ),
        ("document", 100 * _MEGA),
    ),
}
# What codes mean, as the page of error codes has them; all others are this one message's.
_CLOSED = frozenset({131047, 470})
_GONE = frozenset({131026, 131021, 131030, 130472, 131050})
_ACCESS = frozenset({0, 3, 10, 33, 190, 368, 131005, 131031, 131042, 131045, 133010})
_LATER = frozenset({1, 2, 131000, 131016, 131057, 133004})
_FAST = {
    4: USUAL_PAUSE_S,
    17: USUAL_PAUSE_S,
    80007: USUAL_PAUSE_S,
    130429: USUAL_PAUSE_S,
    131048: USUAL_PAUSE_S,
    131056: PAIR_PAUSE_S,
}


class _Details(msgspec.Struct):
    details: str = ""


class _Error(msgspec.Struct):
    message: str = ""
    code: int = 0
    error_data: _Details | None = None


class _Answer(msgspec.Struct):
    error: _Error | None = None


class _Id(msgspec.Struct):
    id: str = ""


class _Sent(msgspec.Struct):
    messages: list[_Id] = msgspec.field(default_factory=list)


class _Number(msgspec.Struct):
    id: str = ""
    display_phone_number: str = ""
    verified_name: str = ""


class _Media(msgspec.Struct):
    url: str = ""
    mime_type: str = ""
    sha256: str = ""
    file_size: int | str = 0


class WhatsApp:
    """A number of the company. Customers can be answered for 24 hours after they wrote."""

    kind = "whatsapp"
    name = "WhatsApp"
    asks: tuple[Ask, ...] = (
        Ask("number_id", N_("Phone number ID"), N_("Digits, beside your number in API Setup.")),
        Ask(
            "account_id",
            N_("WhatsApp Business account ID"),
            N_("Digits, also in API Setup."),
            is_needed=False,
        ),
        Ask(
            "token",
            N_("Access token"),
            N_("Of a system user, without an end; the one in API Setup lasts a day only."),
            is_secret=True,
        ),
        Ask(
            "app_secret",
            N_("App secret"),
            N_("App settings, Basic. It proves that a message comes from Meta."),
            is_secret=True,
        ),
    )
    steps: tuple[str, ...] = (
        N_("At developers.facebook.com, make an app of the type Business and add WhatsApp."),
        N_(
            "In the business settings, make a system user with the permissions "
            "whatsapp_business_messaging and whatsapp_business_management, and a token of it "
            "that does not end."
        ),
        N_("Enter the IDs, the token and the app secret below, and keep them."),
        N_(
            "In the app, under WhatsApp, Configuration, enter as callback URL "
            "%(webhook)s and as verify token %(verify)s, and press Verify and save."
        ),
        N_("There, under Webhook fields, subscribe to: messages."),
        N_("Write to the number from your own phone: the message is in the list soon after."),
    )
    base_settings: tuple[str, ...] = ("whatsapp_url",)
    renews = False

    def is_genuine(self, headers: Mapping[str, str], body: bytes, account: Account) -> bool:
        """Tell whether Meta signed this body with the app's secret."""
        return meta.is_genuine(headers, body, account.secret("app_secret"))

    def challenge(self, query: Mapping[str, str], account: Account) -> str | None:
        """Return the challenge where the verify token is ours."""
        return meta.challenge(query, account.webhook)

    def split(self, body: bytes, account: Account) -> Sequence[Event]:
        """Return what a request tells of our number; raises ``ValueError``."""
        return whatsapp.split(body, account.fact("number_id"))

    def read(self, raw: bytes) -> Told:
        """Read a message; raises ``ValueError``."""
        return whatsapp.read(raw)

    def states(self, raw: bytes) -> Sequence[State]:
        """Read how far a message of ours has come; raises ``ValueError``."""
        state = whatsapp.read_state(raw)
        if state.progress != "failed":
            return [state]
        return [replace(state, said=failure(state.code, state.said).message)]

    def window(self, account: Account) -> timedelta | None:
        """Return the 24 hours of customer service."""
        return WINDOW

    def pieces(self, message: OutboundMessage) -> Sequence[Piece]:
        """Cut an answer into texts that fit, and its files; raises ``Rejected``."""
        for file in message.files:
            _, most = TAKES.get(file.content_type, ("", 0))
            if len(file.data) > most:
                raise Rejected(TAKEN)
        texts = [Piece(text=one) for one in readable.pieces(message.text, MOST_CHARS)]
        return [*texts, *(Piece(file=one) for one in message.files)]

    async def send(
        self, wire: Wire, user: str, piece: Piece, wrote_at: datetime | None, now: datetime
    ) -> str:
        """Send a piece and return its id.

        Meta takes what comes after the window, and says so only later: so we look first.
        """
        if wrote_at is not None and now - wrote_at >= WINDOW:
            raise WindowClosed("131047")
        said: dict[str, Any] = {"type": "text", "text": {"body": piece.text}}
        if piece.file is not None:
            said = await self._upload(wire, piece.file)
        whom = {"to": user} if user.isdigit() else {"recipient": user}
        asked = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **whom,
            **said,
        }
        path = f"/{_number_id(wire)}/messages"
        got = await _call(wire, "POST", path, settles=True, json=asked)
        try:
            sent = msgspec.json.decode(got, type=_Sent).messages
        except msgspec.MsgspecError:
            sent = []
        return sent[0].id if sent else ""

    async def _upload(self, wire: Wire, file: OutboundFile) -> dict[str, Any]:
        """Bring a file to Meta and return what a message says of it."""
        kind, _ = TAKES[file.content_type]
        got = await _call(
            wire,
            "POST",
            f"/{_number_id(wire)}/media",
            data={"messaging_product": "whatsapp", "type": file.content_type},
            files={"file": (file.filename, file.data, file.content_type)},
        )
        media: dict[str, str] = {"id": _decoded(got, _Id).id}
        if kind == "document":
            media["filename"] = file.filename
        return {"type": kind, kind: media}

    async def who_am_i(self, wire: Wire) -> Whoami:
        """Ask which number it is."""
        fields = {"fields": "id,display_phone_number,verified_name"}
        got = await _call(wire, "GET", f"/{_number_id(wire)}", params=fields)
        found = _decoded(got, _Number)
        name = f"{found.verified_name} {found.display_phone_number}".strip()
        return Whoami(found.id or wire.account.fact("number_id"), readable.line(name))

    async def connect(self, wire: Wire, webhook: str) -> None:
        """Have the account's messages go to the app; the address is entered at Meta."""
        account_id = wire.account.fact("account_id")
        if account_id:
            await _call(wire, "POST", f"/{_checked_id(account_id)}/subscribed_apps")

    async def name_of(self, wire: Wire, user: str) -> str:
        """Return "": each message says its writer's name."""
        return ""

    async def fetch(self, wire: Wire, ref: FileRef) -> InboundAttachment:
        """Fetch a file by its id; it is checked against the hash that Meta says."""
        params = {"phone_number_id": _number_id(wire)}
        got = await _call(wire, "GET", f"/{_checked_id(ref.id)}", params=params)
        found = _decoded(got, _Media)
        size = str(found.file_size)
        if size.isascii() and size.isdigit() and int(size) > MAX_FILE_BYTES:
            raise Rejected(TOO_LARGE)
        data, _ = await wire.download(found.url, MAX_FILE_BYTES, _access(wire))
        if found.sha256 and not _is_same(data, found.sha256):
            raise Unavailable(NO_FILE)
        return InboundAttachment(ref.filename, ref.content_type, data)

    async def renew(self, wire: Wire) -> Tokens | None:
        """Return None: a system user's token does not end."""
        return None


def failure(code: int, said: str) -> ChannelError:
    """Return what an error of the Cloud API means, also one that a state tells later."""
    error: ChannelError
    if code in _CLOSED:
        error = WindowClosed(said)
    elif code in _GONE:
        error = Blocked(said)
    elif code in _ACCESS or 200 <= code < 300:
        error = BadToken(said)
    elif code in _FAST:
        return SlowDown(_FAST[code], said=said)  # its code is for the courier
    elif code in _LATER:
        error = Unavailable(f"WhatsApp: {said}")
    else:
        error = Rejected(f"WhatsApp: {said}")
    error.code, error.said = code, said
    return error


def _refusal(got: Reply, told: _Error) -> ChannelError:
    details = told.error_data.details if told.error_data is not None else ""
    said = readable.line(details or told.message)[:200] or f"WhatsApp answered {got.status}."
    error = failure(told.code, said)
    if got.status == 429 and not isinstance(error, SlowDown):
        error = SlowDown(USUAL_PAUSE_S, said=said)
    if isinstance(error, SlowDown) and got.retry_after_s:
        error.wait_s = got.retry_after_s
    if got.status >= 500 and type(error) is Rejected:
        return Unavailable(f"WhatsApp: {said}")
    return error


async def _call(
    wire: Wire, method: str, path: str, *, settles: bool = False, **asked: Any
) -> bytes:
    where = f"/{VERSION}{path}"
    got = await wire.call(method, where, settles=settles, headers=_access(wire), **asked)
    if got.status == 200:
        return got.body
    try:
        told = msgspec.json.decode(got.body, type=_Answer).error
    except (msgspec.MsgspecError, RecursionError):
        told = None
    if told is not None:
        raise _refusal(got, told)
    said = f"WhatsApp answered {got.status} and nothing that can be read."
    raise Unconfirmed(said) if settles and got.status < 400 else Unavailable(said)


def _access(wire: Wire) -> dict[str, str]:
    token = wire.account.token or wire.account.secret("token")
    if not (token and token.isascii() and token.isprintable() and " " not in token):
        raise BadToken("no token")
    return {"authorization": f"Bearer {token}"}


def _number_id(wire: Wire) -> str:
    return _checked_id(wire.account.fact("number_id"))


def _checked_id(text: str) -> str:
    """Return an id that becomes part of an address; raises ``Rejected`` if it is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 40):
        raise Rejected(NO_FILE)
    return text


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError:
        raise Unavailable("WhatsApp answered nothing that can be read.") from None


def _is_same(data: bytes, said: str) -> bool:
    """Compare with a hash that is told in base64 or in hexadecimal digits."""
    digest = hashlib.sha256(data)
    told = said.strip()
    ours = base64.b64encode(digest.digest()).decode(), digest.hexdigest()
    return any(hmac.compare_digest(told.encode(), one.encode()) for one in ours)
