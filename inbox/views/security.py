"""The guard in front of every handler: who is it, may they, and is it really them.

Each route says in ``opt["access"]`` whom it is for: ``public`` (anybody; our cookie protects
the form if there is one), ``link`` (whoever has the link or form; the page's own token
protects it), ``token`` (a bearer token), ``agent``, ``supervisor`` or ``admin`` (signed in).
A route that says nothing is for admins. ``opt["fields"]`` names the fields of its form: any
other is refused. A form with changing fields is read by its handler through a struct instead.
"""

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Response
from litestar.response import Redirect

from inbox.auth import hash_token
from inbox.clock import utcnow
from inbox.db import DatabaseGone
from inbox.errors import Forbidden, InboxError, Invalid, NotFound
from inbox.store import sessions
from inbox.store.people import Person
from inbox.views.site import MOST_INT, HttpRequest, Site, site
from models import Role, Scope

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 0.5
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
RANK = {Role.AGENT: 0, Role.SUPERVISOR: 1, Role.ADMIN: 2}
SCOPES = {Scope.READ: 0, Scope.WRITE: 1, Scope.ADMIN: 2}
_HOST = re.compile(r"(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]*\])(?::([0-9]{1,5}))?")
MOST_PORT = 65_535
NEEDED = {"agent": Role.AGENT, "supervisor": Role.SUPERVISOR, "admin": Role.ADMIN}


class Unauthorised(InboxError):
    """No valid token, or nobody signed in."""

    status = 401


def session_cookie(where: Site) -> str:
    """Return the session cookie's name."""
    return "__Host-kip" if where.settings.secure else "kip"


def csrf_cookie(where: Site) -> str:
    """Return the name of the cookie that the form token is bound to."""
    return "__Host-csrf" if where.settings.secure else "csrf"


async def admit(request: HttpRequest) -> Response[Any] | None:
    """Let a request through to its handler, answer it, or refuse it."""
    where = site(request)
    access = request.route_handler.opt.get("access", "admin")
    request.scope["user"] = None
    _check_address(request)
    if access == "token":
        await _admit_token(request, where)
        return None
    if access == "link":
        return None
    await _find_person(request, where)
    if request.method not in SAFE:
        await _demand_own_form(request, where)
    if access != "public":
        who: Person | None = request.scope["user"]
        if who is None:
            return _to_login(request)
        if RANK[who.role] < RANK[NEEDED[access]]:
            raise Forbidden("Your role does not open this page. Ask an administrator.")
    if "fields" in request.route_handler.opt:
        await _demand_known_fields(request, request.route_handler.opt["fields"])
    return None


def _check_address(request: HttpRequest) -> None:
    host = _HOST.fullmatch(request.headers.get("host", ""))
    if host is None or int(host[1] or 0) > MOST_PORT:
        raise Invalid("This address or form could not be read.")
    if not all(_may_be_asked_for(value) for value in request.path_params.values()):
        raise NotFound("There is nothing here.")


def _may_be_asked_for(value: Any) -> bool:
    """Tell whether a part of an address is something that a database can hold."""
    return abs(value) <= MOST_INT if isinstance(value, int) else "\0" not in str(value)


async def _find_person(request: HttpRequest, where: Site) -> None:
    cookie = request.cookies.get(session_cookie(where), "")
    if not cookie:
        return
    found = await where.database.read(
        sessions.find_session_person, hash_token(cookie), utcnow()
    )
    if found is not None and found.touch:
        await _keep_alive(where, sessions.touch_session, found.session_id)
    request.scope["user"] = found


async def _admit_token(request: HttpRequest, where: Site) -> None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthorised("Send a token: Authorization: Bearer ….")
    token_hash = hash_token(token.strip())
    who = await where.database.read(sessions.find_token_person, token_hash, utcnow())
    if who is None:
        raise Unauthorised("This token is unknown or was revoked.")
    needed = Scope.READ if request.method in SAFE else Scope.WRITE
    if SCOPES[who.scope] < SCOPES[needed]:
        raise Forbidden("This token may only read.")
    if who.touch:
        await _keep_alive(where, sessions.touch_token, token_hash)
    request.scope["user"] = who


def csrf_token(where: Site, cookie: str, session: str) -> str:
    """Return the form token that belongs to a browser's cookie and session."""
    text = f"csrf\0{cookie}\0{session}".encode()
    return hmac.new(where.secret, text, hashlib.sha256).hexdigest()


async def _demand_own_form(request: HttpRequest, where: Site) -> None:
    """Refuse an unsafe request that our own page did not send."""
    origin = request.headers.get("origin")
    own = where.origin(request.headers.get("host", ""))
    if origin is not None and origin != own:
        raise Forbidden("This form was sent from another site.")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("This form was sent from another site.")
    cookie = request.cookies.get(csrf_cookie(where), "")
    given = request.headers.get("x-csrftoken") or (await form_fields(request)).get(
        "_csrf_token", ""
    )
    session = request.cookies.get(session_cookie(where), "")
    if not cookie or not hmac.compare_digest(
        given.encode(), csrf_token(where, cookie, session).encode()
    ):
        raise Forbidden("This page is too old. Reload it and try again; your text is kept.")


async def _demand_known_fields(request: HttpRequest, known: tuple[str, ...]) -> None:
    """Refuse a form with a field that its page does not have."""
    kind, _ = request.content_type
    if kind not in FORMS:
        return
    unknown = {name for name, _ in await read_form(request)} - {*known, "_csrf_token"}
    if unknown:
        raise Invalid("This form has fields that we do not know. Load the page again.")


async def _keep_alive(where: Site, touch: Callable[..., None], key: str) -> None:
    """Note that a session or token is used; a page does not wait for the writers' turn."""
    try:
        async with asyncio.timeout(KEEP_ALIVE_S):
            await where.database.write(touch, key, utcnow())
    except (TimeoutError, DatabaseGone) as error:
        log.info("that somebody is there was not noted this time: %s", error)


async def read_form(request: HttpRequest) -> list[tuple[str, Any]]:
    """Return a posted form's fields in order: text without NULs, or files.

    Raises
    ------
    Invalid
        If it is not written as it says.
    """
    try:
        form = await request.form()
    except (LookupError, ValueError) as error:  # the framework lets these through
        raise Invalid("This address or form could not be read.") from error
    return [
        (name, value.replace("\0", "") if isinstance(value, str) else value)
        for name, value in form.multi_items()
    ]


async def form_fields(request: HttpRequest) -> dict[str, str]:
    """Return the text fields of a posted form; files are left out."""
    kind, _ = request.content_type
    if kind not in FORMS:
        return {}
    return {name: value for name, value in await read_form(request) if isinstance(value, str)}


def new_csrf_cookie() -> str:
    """Return a fresh value for the cookie that form tokens are bound to."""
    return secrets.token_urlsafe(24)


def _to_login(request: HttpRequest) -> Response[Any]:
    path = str(request.scope["path"])
    if query := request.scope["query_string"].decode("latin-1"):
        path += f"?{query}"
    target = "/login?next=" + quote(path if request.method in SAFE else "/inbox", safe="")
    if request.headers.get("hx-request") == "true":
        return Response(b"", status_code=401, headers={"HX-Redirect": target})
    return Redirect(target, status_code=303)


def safe_next(target: str) -> str:
    """Return ``target`` if it is a path of ours, else the inbox."""
    if not target.startswith("/") or target.startswith("//"):
        return "/inbox"
    if any(ord(letter) < 0x21 or letter == "\\" for letter in target):
        return "/inbox"
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return "/inbox"
    return target


def page_policy(base: str, *more: str) -> str:
    """Return our pages' content policy; scripts may come from the folders ``more`` too."""
    scripts = " ".join(f"{base}/{folder}/" for folder in ("static", *more))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {base}/static/; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
        "frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def page_headers(where: Site, host: str) -> dict[str, str]:
    """Return the headers of every answer (the policy names our own origin, nothing else)."""
    return {
        "content-security-policy": page_policy(where.origin(host)),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
    }
