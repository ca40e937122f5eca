"""Getting an access token from a mail provider's token server (RFC 6749), for XOAUTH2.

Our refresh token, or the client's own secret where an administrator let the client in, is
posted to the provider's address; what comes back opens the mailbox for an hour or so. Nothing
of a request or answer but the server's error code is ever logged or shown.
"""

import asyncio
import re
from collections.abc import Collection
from dataclasses import dataclass, field

import httpx
import msgspec

from inbox.channels.outward import Target, look_up
from inbox.errors import InboxError, Invalid, Unavailable

WITHIN_S = 15.0
MAX_ANSWER_BYTES = 64 * 1024
LEAST_S, USUAL_S = 60, 3600  # how long a token is good for
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")


class NoConsent(InboxError):
    """The provider gives no token: somebody has to agree again, or the client is wrong."""

    status = 502


@dataclass(frozen=True, slots=True)
class Preset:
    """What is always the same with a provider."""

    name: str
    host: str
    token_url: str
    scope: str


PRESETS = {
    "google": Preset(
        "Google",
        "imap.gmail.com",
        "https://oauth2.googleapis.com/token",
        "https://mail.google.com/",
    ),
    "microsoft": Preset(
        "Microsoft 365",
        "outlook.office365.com",
        "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
    ),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is asked for with; without ``refresh_token`` the client asks for itself."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    scope: str = ""

    def __post_init__(self) -> None:
        if not self.token_url or not self.client_id:
            raise Invalid("The token address and the client's id are needed.")
        if not self.refresh_token and not self.client_secret:
            raise Invalid("Either a refresh token or the client's secret is needed.")

    def form(self) -> dict[str, str]:
        """Return what is posted."""
        kind = "refresh_token" if self.refresh_token else "client_credentials"
        values = {
            "grant_type": kind,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
            "scope": self.scope,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; ``refresh_token`` is a new one that replaces ours, or ""."""

    access_token: str = field(repr=False)
    good_for_s: int
    refresh_token: str = field(default="", repr=False)


class _Answer(msgspec.Struct):
    access_token: str = ""
    token_type: str = "Bearer"  # noqa: S105  (a word, not a secret)
    expires_in: int | str = USUAL_S
    refresh_token: str = ""
    error: str = ""


async def fetch_token(grant: Grant, own: Collection[str] = ()) -> Token:
    """Ask for an access token.

    Raises
    ------
    NoConsent
        The provider says no; asking again changes nothing.
    Unavailable
        It cannot be asked just now.
    Rejected
        Its address is none that we may call.
    """
    target = await look_up(grant.token_url, own)
    status, body = await _post(target, grant.form())
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unavailable(f"{target.host} answered {status} and no token.") from error
    if 400 <= status < 500 and status != 429:
        code = answer.error if _CODE.fullmatch(answer.error) else str(status)
        raise NoConsent(f"{target.host} gives no token: {code}.")
    if status != 200 or not answer.access_token:
        raise Unavailable(f"{target.host} answered {status} and no token.")
    if not answer.access_token.isascii() or not answer.access_token.isprintable():
        raise Unavailable(f"{target.host} answered a token that nobody can say.")
    seconds = str(answer.expires_in)
    good_for_s = int(seconds) if seconds.isascii() and seconds.isdigit() else USUAL_S
    return Token(answer.access_token, max(good_for_s, LEAST_S), answer.refresh_token)


async def _post(target: Target, form: dict[str, str]) -> tuple[int, bytes]:
    """Post a form to the first address that can be reached; redirects are not followed."""
    headers = {"host": target.host, "accept": "application/json"}
    name = {"sni_hostname": target.name}
    async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as client:
        for url in target.urls:
            try:
                async with (
                    asyncio.timeout(WITHIN_S),
                    client.stream(
                        "POST", url, headers=headers, data=form, extensions=name
                    ) as got,
                ):
                    body = b""
                    async for piece in got.aiter_bytes():
                        body += piece
                        if len(body) > MAX_ANSWER_BYTES:
                            raise Unavailable(f"{target.host} has too much to say.")
                    return got.status_code, body
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except (httpx.HTTPError, TimeoutError) as error:
                why = type(error).__name__
                raise Unavailable(f"{target.host} did not answer ({why}).") from None
    raise Unavailable(f"{target.host} cannot be reached.")
