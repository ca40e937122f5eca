"""Telegram's Bot API, as far as alerts need it: who am I, what was written to me, say this.

A bot's token is part of every address, so nothing of a request is ever logged or quoted.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from inbox.errors import Rejected, Unavailable, Unconfirmed

ANSWERS_WITHIN_S = 10.0
MOST_UPDATES = 50
LONGEST_WAIT_S = 3600  # that we believe a "retry after"
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class WrongToken(Unavailable):
    """Telegram does not know the bot: its token is wrong or was replaced."""


class Blocked(Rejected):
    """The person blocked the bot or left the chat: nothing reaches them there."""


class SlowDown(Unavailable):
    """Too much at once; ``wait_s`` is how long to wait before anything else."""

    def __init__(self, message: str, wait_s: int) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Parameters(msgspec.Struct):
    """What an error says besides; ``retry_after`` is in seconds."""

    retry_after: int = 1


class Answer(msgspec.Struct):
    """What the Bot API answers to any method."""

    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    error_code: int = 0
    description: str = ""
    parameters: Parameters = msgspec.field(default_factory=Parameters)


class User(msgspec.Struct):
    """A person or a bot."""

    id: int
    username: str = ""
    first_name: str = ""


class Chat(msgspec.Struct):
    """Where something was written; ``private`` is with one person."""

    id: int
    type: str = ""
    username: str = ""
    first_name: str = ""


class Written(msgspec.Struct):
    """A message to the bot."""

    chat: Chat
    text: str = ""


class Pressed(msgspec.Struct, rename={"sender": "from"}):
    """A button that somebody pressed; ``data`` is what we gave the button."""

    id: str
    sender: User
    data: str = ""


class Update(msgspec.Struct):
    """One thing that happened to the bot."""

    update_id: int
    message: Written | None = None
    callback_query: Pressed | None = None


class BotApi:
    """One bot; use with ``async with``.

    Every call raises ``Unavailable`` (also ``WrongToken``, ``SlowDown``) or ``Rejected``
    (also ``Blocked``).
    """

    def __init__(self, base_url: str, token: str) -> None:
        """Take the address of the Bot API, without the token."""
        self._url = f"{base_url.rstrip('/')}/bot{token}"
        self._client = httpx.AsyncClient(timeout=ANSWERS_WITHIN_S, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def get_me(self) -> User:
        """Return the bot itself."""
        return msgspec.json.decode(await self._call("getMe"), type=User)

    async def get_updates(self, offset: int | None, wait_s: int) -> list[Update]:
        """Return what happened, waiting for it; ``offset`` lets go of what came before."""
        asked: dict[str, Any] = {
            "timeout": wait_s,
            "limit": MOST_UPDATES,
            "allowed_updates": ["message", "callback_query"],
        }
        if offset is not None:
            asked["offset"] = offset
        found = await self._call("getUpdates", asked, within_s=wait_s + ANSWERS_WITHIN_S)
        return msgspec.json.decode(found, type=list[Update])

    async def send_message(
        self, chat: str, text: str, buttons: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Say something, with buttons below: what each says and the data that it sends.

        Raises
        ------
        Unconfirmed
            If it may have arrived.
        """
        said: dict[str, Any] = {
            "chat_id": chat,
            "text": text,
            "link_preview_options": {"is_disabled": True},
        }
        if buttons:
            rows = [[{"text": label, "callback_data": data}] for label, data in buttons]
            said["reply_markup"] = {"inline_keyboard": rows}
        await self._call("sendMessage", said, settles=True)

    async def answer(self, query: str, text: str) -> None:
        """Say to whoever pressed a button what came of it."""
        await self._call("answerCallbackQuery", {"callback_query_id": query, "text": text})

    async def _call(
        self,
        method: str,
        asked: Mapping[str, Any] | None = None,
        *,
        within_s: float = ANSWERS_WITHIN_S,
        settles: bool = False,
    ) -> bytes:
        try:
            got = await self._client.post(
                f"{self._url}/{method}", json=asked or {}, timeout=within_s
            )
            answer = msgspec.json.decode(got.content, type=Answer)
        except _NEVER_SENT as error:
            raise Unavailable(f"Telegram cannot be reached ({type(error).__name__}).") from None
        except (httpx.HTTPError, msgspec.MsgspecError) as error:
            reason = f"Telegram's answer broke off ({type(error).__name__})."
            raise (Unconfirmed if settles else Unavailable)(reason) from None
        if answer.ok:
            return bytes(answer.result)
        raise _refusal(answer)


def _refusal(answer: Answer) -> Unavailable | Rejected:
    said = answer.description[:200] or "Telegram said no."
    if answer.error_code in (401, 404):
        return WrongToken("Telegram does not know this bot: the token is wrong.")
    if answer.error_code == 429:
        wait_s = min(max(answer.parameters.retry_after, 1), LONGEST_WAIT_S)
        return SlowDown(said, wait_s)
    if answer.error_code == 403 or "chat not found" in said.lower():
        return Blocked(said)
    if 400 <= answer.error_code < 500 and answer.error_code != 409:
        return Rejected(said)
    return Unavailable(said)
