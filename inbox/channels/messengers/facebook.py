"""Facebook Messenger: a page's webhooks in, the Send API out.

Webhooks are signed by HMAC-SHA256 over the raw body with the app's secret. Answers are taken
for 24 hours after the customer's last message; where Meta has granted the human agent feature,
a person's answer is for seven days. A page's token lasts until it is taken away.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from inbox.channels.base import FileRef, InboundAttachment, OutboundFile, OutboundMessage
from inbox.channels.messengers import facebook_read, meta, readable
from inbox.channels.messengers.account import Account
from inbox.channels.messengers.errors import BadToken, Blocked, SlowDown, WindowClosed
from inbox.channels.messengers.events import MAX_FILE_BYTES, Event, State, Told
from inbox.channels.messengers.provider import Ask, Piece, Tokens, Whoami
from inbox.channels.messengers.wire import NO_ANSWER, Reply, Wire
from inbox.errors import ChannelError, Rejected, Unavailable
from inbox.templating import N_

VERSION = "v23.0"
MOST_TEXT = 2000
MOST_PICTURE, MOST_FILE = 8 * 1024 * 1024, 25 * 1024 * 1024
USUAL, LONGEST = timedelta(hours=24), timedelta(days=7)
BUSY_S, LONGEST_BUSY_S = 60, 24 * 3600
FIELDS = "messages,messaging_postbacks,message_deliveries,message_reads,messaging_handovers"

TAKES = N_("Messenger takes pictures up to 8 MB and other files up to 25 MB.")
_WINDOW = (2018278, 2018065, 2534022)
_GONE = (2018001, 2018108, 1545041)
_BUSY = (4, 17, 32, 613, 80006)
_TROUBLE = (1, 2, 1200)


class Facebook:
    """A page's Messenger."""

    kind = "messenger"
    name = "Messenger"
    renews = False
    base_settings: tuple[str, ...] = ("messenger_url",)
    asks: tuple[Ask, ...] = (
        Ask("app_id", N_("App id"), N_("On the app’s page at developers.facebook.com")),
        Ask(
            "app_secret",
            N_("App secret"),
            N_("Under the app’s basic settings; each event is signed with it"),
            is_secret=True,
        ),
        Ask(
            "page_token",
            N_("The page’s access token"),
            N_("Made on the app’s page for Messenger; take one that does not end"),
            is_secret=True,
        ),
        Ask(
            "human_agent",
            N_("How long customers are answered"),
            choices=(
                ("", N_("24 hours")),
                ("yes", N_("7 days: Meta has granted us the human agent feature")),
            ),
        ),
    )
    steps: tuple[str, ...] = (
        N_("At developers.facebook.com make an app of the kind Business and add Messenger."),
        N_("Connect the page to it, and make an access token for the page."),
        N_("Enter the app’s id and secret and the page’s token below and test them."),
        N_("On the app’s page for Messenger, enter this callback address: %(webhook)s"),
        N_("Enter this verify token there: %(verify)s"),
        N_(
            "Choose messages, messaging_postbacks, message_deliveries, message_reads and "
            "messaging_handovers."
        ),
    )

    def is_genuine(self, headers: Mapping[str, str], body: bytes, account: Account) -> bool:
        """Tell whether whoever has the app's secret sent this."""
        return meta.is_genuine(headers, body, account.secret("app_secret"))

    def challenge(self, query: Mapping[str, str], account: Account) -> str | None:
        """Return what the handshake wants to hear, if it has our verify token."""
        return meta.challenge(query, account.webhook)

    def split(self, body: bytes, account: Account) -> Sequence[Event]:
        """Return all events of a request."""
        return facebook_read.split(body, account.id)

    def read(self, raw: bytes) -> Told:
        """Read what somebody sent."""
        return facebook_read.read(raw)

    def states(self, raw: bytes) -> Sequence[State]:
        """Read what was delivered or read."""
        return facebook_read.states(raw)

    def window(self, account: Account) -> timedelta | None:
        """Return 24 hours, or with the human agent feature seven days."""
        return LONGEST if account.fact("human_agent") else USUAL

    def pieces(self, message: OutboundMessage) -> Sequence[Piece]:
        """Return the words in pieces, then the files."""
        for file in message.files:
            is_picture = file.content_type.startswith("image/")
            if len(file.data) > (MOST_PICTURE if is_picture else MOST_FILE):
                raise Rejected(TAKES)
        words = [Piece(text=one) for one in readable.pieces(message.text, MOST_TEXT)]
        return [*words, *(Piece(file=file) for file in message.files)]

    async def send(
        self, wire: Wire, user: str, piece: Piece, wrote_at: datetime | None, now: datetime
    ) -> str:
        """Send a piece: as a response, or later with the tag of a human agent."""
        asked: dict[str, Any] = {"recipient": {"id": user}, "messaging_type": "RESPONSE"}
        is_late = wrote_at is not None and now - wrote_at >= USUAL
        if is_late and wire.account.fact("human_agent"):
            asked |= {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
        path, access = f"/{VERSION}/me/messages", _access(wire.account)
        if piece.file is None:
            asked["message"] = {"text": piece.text}
            reply = await wire.call("POST", path, settles=True, params=access, json=asked)
        else:
            asked["message"] = {
                "attachment": {"type": _kind(piece.file), "payload": {"is_reusable": False}}
            }
            file = (piece.file.filename, piece.file.data, piece.file.content_type)
            reply = await wire.call(
                "POST",
                path,
                settles=True,
                params=access,
                data={name: _as_field(value) for name, value in asked.items()},
                files={"filedata": file},
            )
        return str(_judged(reply).get("message_id", ""))

    async def who_am_i(self, wire: Wire) -> Whoami:
        """Ask for the page, and until when its token is good."""
        asked = {"fields": "id,name", **_access(wire.account)}
        said = _judged(await wire.call("GET", f"/{VERSION}/me", params=asked))
        token = wire.account.secret("page_token")
        app = f"{wire.account.fact('app_id')}|{wire.account.secret('app_secret')}"
        asked = {"input_token": token, "access_token": app}
        known = _judged(await wire.call("GET", f"/{VERSION}/debug_token", params=asked))
        data = known.get("data")
        ends = data.get("expires_at") if isinstance(data, dict) else None
        until = None
        if isinstance(ends, int) and 0 < ends < 2**33:
            until = datetime.fromtimestamp(ends, UTC)
        return Whoami(str(said.get("id", "")), readable.line(str(said.get("name", ""))), until)

    async def connect(self, wire: Wire, webhook: str) -> None:
        """Have the app hear what happens on the page; the address is entered there by hand."""
        asked = {"subscribed_fields": FIELDS, **_access(wire.account)}
        _judged(await wire.call("POST", f"/{VERSION}/me/subscribed_apps", params=asked))

    async def name_of(self, wire: Wire, user: str) -> str:
        """Ask what somebody is called."""
        asked = {"fields": "first_name,last_name", **_access(wire.account)}
        said = _judged(
            await wire.call("GET", f"/{VERSION}/{quote(user, safe='')}", params=asked)
        )
        return readable.line(f"{said.get('first_name', '')} {said.get('last_name', '')}")

    async def fetch(self, wire: Wire, ref: FileRef) -> InboundAttachment:
        """Fetch a file from where the event said that it lies."""
        data, kind = await wire.download(ref.id, MAX_FILE_BYTES)
        return InboundAttachment(ref.filename, kind or ref.content_type, data)

    async def renew(self, wire: Wire) -> Tokens | None:
        """Return None: a page's token is entered, and does not end."""
        return None


def _access(account: Account) -> dict[str, str]:
    """Return the token, with the proof that we have the app's secret too."""
    token, secret = account.secret("page_token"), account.secret("app_secret")
    proof = hmac.digest(secret.encode(), token.encode(), hashlib.sha256).hex()
    return {"access_token": token, "appsecret_proof": proof}


def _as_field(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _kind(file: OutboundFile) -> str:
    kind = file.content_type.partition("/")[0]
    return kind if kind in ("image", "video", "audio") else "file"


def _judged(reply: Reply) -> dict[str, Any]:
    """Return an answer, or raise what its error means."""
    said = reply.json()
    if not isinstance(said, dict):
        raise _slow(reply) if reply.status == 429 else Unavailable(NO_ANSWER)
    error = said.get("error")
    if isinstance(error, dict):
        raise _refusal(error, reply)
    if reply.status >= 400:
        raise _slow(reply) if reply.status == 429 else Unavailable(NO_ANSWER)
    return said


def _number(error: Mapping[str, Any], name: str) -> int:
    value = error.get(name, 0)
    return value if isinstance(value, int) else 0


def _refusal(error: Mapping[str, Any], reply: Reply) -> ChannelError:
    code, sub = _number(error, "code"), _number(error, "error_subcode")
    said = readable.line(f"{error.get('message', '')} ({code}/{sub})")[:200]
    if sub in _WINDOW:
        return WindowClosed(said)
    if sub in _GONE or code == 551:
        return Blocked(said)
    if code in (102, 190) or code in (3, 10) or 200 <= code < 300:
        return BadToken(said)
    if code in _BUSY or reply.status == 429:
        return _slow(reply, said)
    if code == 368:  # for a while, as they see a rule broken
        return SlowDown(3600, said=said)
    if code in _TROUBLE or error.get("is_transient") is True or reply.status >= 500:
        return Unavailable(said)
    return Rejected(said)


def _slow(reply: Reply, said: str = "") -> SlowDown:
    """Wait as long as the provider says: in seconds, or in minutes until calls are free."""
    found = 0
    try:
        usage = msgspec.json.decode(
            reply.headers.get("x-business-use-case-usage", "{}"),
            type=dict[str, list[dict[str, Any]]],
        )
        waits = [
            _number(one, "estimated_time_to_regain_access")
            for some in usage.values()
            for one in some
        ]
        found = max(waits, default=0) * 60
    except msgspec.MsgspecError:
        pass  # it says nothing that we understand: the usual pause
    return SlowDown(min(max(reply.retry_after_s, found) or BUSY_S, LONGEST_BUSY_S), said=said)
