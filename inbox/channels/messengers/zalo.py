"""Zalo's Official Account API: webhooks in, consultation messages out, version 3.

Webhooks are signed by SHA-256 over app, body, time and the account's secret. Answers are free
for 48 hours after the customer's last message and paid for until seven days are over. An access
token is good for a day; its refresh token is good for one use, and comes with the next one.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from inbox.channels.base import FileRef, InboundAttachment, OutboundFile, OutboundMessage
from inbox.channels.messengers import readable, zalo_read
from inbox.channels.messengers.account import Account
from inbox.channels.messengers.errors import (
    NO_QUOTA,
    BadToken,
    Blocked,
    SlowDown,
    WindowClosed,
)
from inbox.channels.messengers.events import MAX_FILE_BYTES, Event, State, Told
from inbox.channels.messengers.provider import Ask, Piece, Tokens, Whoami
from inbox.channels.messengers.wire import NO_ANSWER, Reply, Wire
from inbox.errors import ChannelError, Rejected, Unavailable
from inbox.templating import N_

SIGNATURE_HEADER = "x-zevent-signature"
MOST_TEXT = 2000
MOST_PICTURE, MOST_OTHER = 1024 * 1024, 5 * 1024 * 1024
PICTURES = ("image/jpeg", "image/png")
PAPERS = (".pdf", ".doc", ".docx")
FREE_H, LONGEST_H = 48, 168
TOKEN_S = 25 * 3600  # an access token's, where the answer does not say
BUSY_S = 60

TAKES = N_(
    "Zalo takes JPG and PNG up to 1 MB, GIF, PDF, DOC and DOCX up to 5 MB, and nothing else."
)
_TOKEN = (-216, -220, -124)
_ACCOUNT = (
    -204,
    -205,
    -207,
    -209,
    -212,
    -221,
    -224,
    -235,
    -242,
)  # the account may not, as it is
_WINDOW = (-230, -232, -234)
_GONE = (-213, -217, -227, -244)
_QUOTA = (-211, -218)
_BUSY = (-32,)
_TROUBLE = (-100, -200)


def sign(app_id: str, body: bytes, timestamp: str, secret: str) -> str:
    """Return the signature that Zalo gives an event."""
    said = app_id.encode() + body + timestamp.encode() + secret.encode()
    return hashlib.sha256(said).hexdigest()


class Zalo:
    """An Official Account."""

    kind = "zalo"
    name = "Zalo"
    renews = True
    base_settings: tuple[str, ...] = ("zalo_url", "zalo_oauth_url")
    asks: tuple[Ask, ...] = (
        Ask("app_id", N_("App id"), N_("On the app’s page at developers.zalo.me")),
        Ask(
            "app_secret",
            N_("App secret key"),
            N_("On the same page; with it the access is renewed"),
            is_secret=True,
        ),
        Ask(
            "oa_secret",
            N_("OA secret key"),
            N_("On the app’s page of webhooks; each event is signed with it"),
            is_secret=True,
        ),
        Ask(
            "refresh_token",
            N_("Refresh token"),
            N_("From the API Explorer, with the Official Account’s consent; used up at once"),
            is_secret=True,
        ),
        Ask(
            "window",
            N_("How long customers are answered"),
            choices=(
                ("168", N_("7 days; after 48 hours Zalo charges for each message")),
                ("48", N_("48 hours, while it is free")),
            ),
        ),
    )
    steps: tuple[str, ...] = (
        N_("At developers.zalo.me make an app for this alone, with no other account in it."),
        N_("Link the Official Account to it, and let the app send and manage messages."),
        N_("In the API Explorer, ask for the account’s tokens and copy the refresh token."),
        N_("Enter the keys and the refresh token below and test them."),
        N_("On the app’s page of webhooks, enter this address: %(webhook)s"),
        N_(
            "Switch on the events in which users send something, have received or seen a "
            "message, follow and unfollow."
        ),
    )

    def is_genuine(self, headers: Mapping[str, str], body: bytes, account: Account) -> bool:
        """Tell whether whoever has the account's secret sent this."""
        secret, given = account.secret("oa_secret"), headers.get(SIGNATURE_HEADER, "")
        try:
            stamp = zalo_read.stamp_of(body)
        except ValueError:
            return False
        ours = sign(account.fact("app_id"), body, stamp, secret)
        given = given.removeprefix("mac=").strip().lower()
        return bool(secret) and hmac.compare_digest(given.encode(), ours.encode())

    def challenge(self, query: Mapping[str, str], account: Account) -> str | None:
        """Return None: Zalo tries an address with an event."""
        return None

    def split(self, body: bytes, account: Account) -> Sequence[Event]:
        """Return the one event of a request."""
        return [zalo_read.event_of(body, account.id)]

    def read(self, raw: bytes) -> Told:
        """Read what somebody sent."""
        return zalo_read.read(raw)

    def states(self, raw: bytes) -> Sequence[State]:
        """Read what was received or seen, or who follows us or does not any more."""
        return zalo_read.states(raw)

    def window(self, account: Account) -> timedelta | None:
        """Return seven days, or the two that are free."""
        text = account.fact("window")
        return timedelta(hours=FREE_H if text == str(FREE_H) else LONGEST_H)

    def pieces(self, message: OutboundMessage) -> Sequence[Piece]:
        """Return the words in pieces, then the files."""
        for file in message.files:
            if not _is_taken(file):
                raise Rejected(TAKES)
        words = [Piece(text=one) for one in readable.pieces(message.text, MOST_TEXT)]
        return [*words, *(Piece(file=file) for file in message.files)]

    async def send(
        self, wire: Wire, user: str, piece: Piece, wrote_at: datetime | None, now: datetime
    ) -> str:
        """Send a piece; a file is uploaded before, which sends nothing yet."""
        content: dict[str, Any] = {"text": piece.text}
        if piece.file is not None:
            content = {"attachment": await _upload(wire, piece.file)}
        asked = {"recipient": _recipient(user), "message": content}
        path = "/v2.0/oa/message" if user.startswith("anonymous:") else "/v3.0/oa/message/cs"
        said = _judged(
            await wire.call(
                "POST", path, settles=True, json=asked, headers=_access(wire.account)
            )
        )
        return str(said.get("message_id", ""))

    async def who_am_i(self, wire: Wire) -> Whoami:
        """Ask for the Official Account."""
        said = _judged(await wire.call("GET", "/v2.0/oa/getoa", headers=_access(wire.account)))
        return Whoami(str(said.get("oa_id", "")), readable.line(str(said.get("name", ""))))

    async def connect(self, wire: Wire, webhook: str) -> None:
        """Do nothing: the address is entered at Zalo by hand."""

    async def name_of(self, wire: Wire, user: str) -> str:
        """Ask what somebody is called; who has no account has no name."""
        if user.startswith("anonymous:"):
            return ""
        asked = {"data": msgspec.json.encode({"user_id": user}).decode()}
        said = _judged(
            await wire.call(
                "GET", "/v3.0/oa/user/detail", params=asked, headers=_access(wire.account)
            )
        )
        return readable.line(str(said.get("display_name", "")))

    async def fetch(self, wire: Wire, ref: FileRef) -> InboundAttachment:
        """Fetch a file from where the event said that it lies."""
        data, kind = await wire.download(ref.id, MAX_FILE_BYTES)
        return InboundAttachment(ref.filename, kind or ref.content_type, data)

    async def renew(self, wire: Wire) -> Tokens | None:
        """Change the refresh token for an access token and the next refresh token."""
        account = wire.account
        form = {
            "refresh_token": account.secret("refresh_token"),
            "app_id": account.fact("app_id"),
            "grant_type": "refresh_token",
        }
        reply = await wire.call(
            "POST",
            wire.bases["zalo_oauth_url"] + "/v4/oa/access_token",
            data=form,
            headers={"secret_key": account.secret("app_secret")},
        )
        said = reply.json()
        if not isinstance(said, dict) or reply.status >= 500:
            raise Unavailable(NO_ANSWER)
        token, fresh = str(said.get("access_token", "")), str(said.get("refresh_token", ""))
        if not token or not fresh or not _is_sayable(token):
            raise BadToken(_words(said))
        seconds = str(said.get("expires_in", ""))
        good_for_s = int(seconds) if seconds.isascii() and seconds.isdigit() else TOKEN_S
        return Tokens(token, good_for_s, {"refresh_token": fresh})


def _is_sayable(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token


def _access(account: Account) -> dict[str, str]:
    return {"access_token": account.token}


def _recipient(user: str) -> dict[str, str]:
    if user.startswith("anonymous:"):
        _, person, talk = [*user.split(":", 2), ""][:3]
        return {"anonymous_id": person, "conversation_id": talk}
    return {"user_id": user}


def _is_taken(file: OutboundFile) -> bool:
    size = len(file.data)
    if file.content_type in PICTURES:
        return size <= MOST_PICTURE
    is_paper = file.filename.lower().endswith(PAPERS)
    return (file.content_type == "image/gif" or is_paper) and size <= MOST_OTHER


async def _upload(wire: Wire, file: OutboundFile) -> dict[str, Any]:
    """Give Zalo a file; return how a message names it."""
    kind = "file"
    if file.content_type.startswith("image/"):
        kind = "gif" if file.content_type == "image/gif" else "image"
    said = _judged(
        await wire.call(
            "POST",
            f"/v2.0/oa/upload/{kind}",
            files={"file": (file.filename, file.data, file.content_type)},
            headers=_access(wire.account),
        )
    )
    if kind == "file":
        return {"type": "file", "payload": {"token": str(said.get("token", ""))}}
    element: dict[str, Any] = {
        "media_type": kind,
        "attachment_id": str(said.get("attachment_id", "")),
    }
    if kind == "gif":
        element |= {"width": 480, "height": 480}
    return {"type": "template", "payload": {"template_type": "media", "elements": [element]}}


def _words(said: Mapping[str, Any]) -> str:
    text = str(said.get("message") or said.get("error_description") or "")
    return readable.line(f"{text} ({said.get('error', '')})")[:200]


def _judged(reply: Reply) -> dict[str, Any]:
    """Return an answer's data, or raise what its error means."""
    said = reply.json()
    if reply.status == 429:
        raise SlowDown(reply.retry_after_s or BUSY_S)
    if not isinstance(said, dict) or reply.status >= 500:
        raise Unavailable(NO_ANSWER)
    code = said.get("error", 0)
    if code not in (0, "0"):
        raise _refusal(code if isinstance(code, int) else 0, _words(said), reply)
    data = said.get("data")
    return data if isinstance(data, dict) else {}


def _refusal(code: int, said: str, reply: Reply) -> ChannelError:
    if code in _TOKEN or code in _ACCOUNT:
        return BadToken(said)
    if code in _WINDOW:
        return WindowClosed(said)
    if code in _GONE:
        return Blocked(said)
    if code in _QUOTA:
        return SlowDown(3600, NO_QUOTA, said)
    if code in _BUSY:
        return SlowDown(reply.retry_after_s or BUSY_S, said=said)
    return Unavailable(said) if code in _TROUBLE else Rejected(said)
