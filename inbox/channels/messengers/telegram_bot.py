"""Telegram: the company's bot, to which customers write (core.telegram.org/bots/api)."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from inbox.channels.base import FileRef, InboundAttachment, OutboundFile, OutboundMessage
from inbox.channels.messengers import readable, telegram
from inbox.channels.messengers.account import Account
from inbox.channels.messengers.errors import BadToken, Blocked, SlowDown
from inbox.channels.messengers.events import MAX_FILE_BYTES, Event, State, Told
from inbox.channels.messengers.provider import Ask, Piece, Tokens, Whoami
from inbox.channels.messengers.wire import TOO_LARGE, Reply, Wire
from inbox.channels.telegram import LONGEST_WAIT_S, Answer, User
from inbox.errors import ChannelError, Rejected, Unavailable, Unconfirmed
from inbox.templating import N_

MOST_CHARS = 4096
MOST_PHOTO_BYTES = 10 * 1024 * 1024
PHOTOS = ("image/jpeg", "image/png", "image/webp")
# What Telegram answers to a picture that it shows only as a file.
_NO_PHOTO = ("photo_invalid_dimensions", "image_process_failed", "photo_save_file_invalid")
_GONE = ("chat not found", "user not found", "peer_id_invalid", "user is deactivated")
_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{10,200}")


class _File(msgspec.Struct):
    file_path: str = ""
    file_size: int | None = None


class _Said(msgspec.Struct):
    message_id: int


class TelegramBot:
    """The company's bot. It may answer whoever has written to it, at any time."""

    kind = "telegram"
    name = "Telegram"
    asks: tuple[Ask, ...] = (
        Ask(
            "token",
            N_("Bot token"),
            N_("As BotFather gave it: digits, a colon, and letters."),
            is_secret=True,
        ),
    )
    steps: tuple[str, ...] = (
        N_("In Telegram, open the chat with @BotFather, send /newbot and choose its names."),
        N_(
            "Take a bot of its own: the one that tells your colleagues of alerts cannot take "
            "customers’ messages at the same time."
        ),
        N_(
            "Send /setdescription: what you write there is read by whoever opens the bot, "
            "before the first message."
        ),
        N_("Enter the token below. Kịp then tells Telegram by itself where to deliver."),
        N_("Write to the bot from your own phone. The message is in the list a moment later."),
    )
    base_settings: tuple[str, ...] = ("telegram_url",)
    renews = False

    def is_genuine(self, headers: Mapping[str, str], body: bytes, account: Account) -> bool:
        """Tell whether the request has the secret that ``connect`` gave Telegram."""
        return telegram.is_genuine(headers, account.webhook)

    def challenge(self, query: Mapping[str, str], account: Account) -> str | None:
        """Return None: Telegram tries no address."""
        return None

    def split(self, body: bytes, account: Account) -> Sequence[Event]:
        """Return the one update of a request; raises ``ValueError``."""
        return telegram.split(body)

    def read(self, raw: bytes) -> Told:
        """Read a message; raises ``ValueError``."""
        return telegram.read(raw)

    def states(self, raw: bytes) -> Sequence[State]:
        """Read whether somebody blocked the bot; raises ``ValueError``."""
        return telegram.states(raw)

    def window(self, account: Account) -> timedelta | None:
        """Return None: a bot may always answer."""
        return None

    def pieces(self, message: OutboundMessage) -> Sequence[Piece]:
        """Cut an answer into texts that fit, and its files."""
        texts = [Piece(text=one) for one in readable.pieces(message.text, MOST_CHARS)]
        return [*texts, *(Piece(file=one) for one in message.files)]

    async def send(
        self, wire: Wire, user: str, piece: Piece, wrote_at: datetime | None, now: datetime
    ) -> str:
        """Send a piece and return Telegram's number of it."""
        if piece.file is not None:
            return await self._send_file(wire, user, piece.file)
        asked = {
            "chat_id": user,
            "text": piece.text,
            "link_preview_options": {"is_disabled": True},
        }
        return _number(await _call(wire, "sendMessage", settles=True, json=asked))

    async def _send_file(self, wire: Wire, user: str, file: OutboundFile) -> str:
        """Send a picture as one, where Telegram takes it; all else as a file."""
        is_photo = file.content_type in PHOTOS and len(file.data) <= MOST_PHOTO_BYTES
        if is_photo:
            try:
                return await self._upload(wire, "sendPhoto", "photo", user, file)
            except Rejected as error:
                if not any(word in error.said.lower() for word in _NO_PHOTO):
                    raise
        return await self._upload(wire, "sendDocument", "document", user, file)

    async def _upload(
        self, wire: Wire, method: str, field: str, user: str, file: OutboundFile
    ) -> str:
        named = {field: (file.filename, file.data, file.content_type)}
        got = await _call(wire, method, settles=True, data={"chat_id": user}, files=named)
        return _number(got)

    async def who_am_i(self, wire: Wire) -> Whoami:
        """Ask which bot the token is of."""
        me = msgspec.json.decode(await _call(wire, "getMe"), type=User)
        return Whoami(str(me.id), f"@{me.username}" if me.username else me.first_name)

    async def connect(self, wire: Wire, webhook: str) -> None:
        """Have Telegram call our address, with a secret that only we two know."""
        asked = {
            "url": webhook,
            "secret_token": wire.account.webhook,
            "allowed_updates": list(telegram.UPDATES),
        }
        await _call(wire, "setWebhook", json=asked)

    async def name_of(self, wire: Wire, user: str) -> str:
        """Return "": each message says its writer's name."""
        return ""

    async def fetch(self, wire: Wire, ref: FileRef) -> InboundAttachment:
        """Fetch a file; Telegram gives bots at most 20 MB."""
        if (ref.size_bytes or 0) > MAX_FILE_BYTES:
            raise Rejected(TOO_LARGE)
        got = await _call(wire, "getFile", json={"file_id": ref.id})
        found = msgspec.json.decode(got, type=_File)
        if not found.file_path or (found.file_size or 0) > MAX_FILE_BYTES:
            raise Rejected(TOO_LARGE)
        path = f"/file/bot{_token(wire)}/{quote(found.file_path)}"
        where = wire.bases["telegram_url"] + path
        data, _ = await wire.download(where, MAX_FILE_BYTES)
        return InboundAttachment(ref.filename, ref.content_type, data)

    async def renew(self, wire: Wire) -> Tokens | None:
        """Return None: a bot's token does not end."""
        return None


def _token(wire: Wire) -> str:
    """Return the bot's token, which becomes part of an address; raises ``BadToken``."""
    token = wire.account.token or wire.account.secret("token")
    if not _TOKEN.fullmatch(token):
        raise BadToken("no token")
    return token


def _number(result: bytes) -> str:
    """Return the number of what was sent; it was sent, whatever the rest says."""
    try:
        return str(msgspec.json.decode(result, type=_Said).message_id)
    except msgspec.MsgspecError:
        return ""


async def _call(wire: Wire, method: str, *, settles: bool = False, **asked: Any) -> bytes:
    """Call a method and return its result; the token is part of the address."""
    got = await wire.call("POST", f"/bot{_token(wire)}/{method}", settles=settles, **asked)
    try:
        answer = msgspec.json.decode(got.body, type=Answer)
    except (msgspec.MsgspecError, RecursionError):
        raise _unclear(got, settles=settles) from None
    if answer.ok:
        return bytes(answer.result)
    raise _refusal(answer)


def _unclear(got: Reply, *, settles: bool) -> ChannelError:
    said = f"Telegram answered {got.status} and nothing that can be read."
    return Unconfirmed(said) if settles and got.status < 400 else Unavailable(said)


def _refusal(answer: Answer) -> ChannelError:
    """Return what an error of the Bot API means."""
    said = " ".join(answer.description.split())[:200] or "Telegram said no."
    code = answer.error_code
    error: ChannelError
    if code in (401, 404):
        error = BadToken(said)
    elif code == 429:
        wait_s = min(max(answer.parameters.retry_after, 1), LONGEST_WAIT_S)
        return SlowDown(wait_s, said=said)  # its code is for the courier
    elif code == 403 or any(word in said.lower() for word in _GONE):
        error = Blocked(said)
    elif 400 <= code < 500 and code != 409:
        error = Rejected(f"Telegram: {said}")
    else:
        error = Unavailable(f"Telegram: {said}")
    error.code, error.said = code, said
    return error
