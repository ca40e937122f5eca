"""Signing in and out, and the first visit."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect

from inbox import auth
from inbox.channels.addresses import normalise
from inbox.clock import utcnow
from inbox.company import installation
from inbox.company.hours import COUNTRY_OF
from inbox.errors import Invalid, NotFound
from inbox.sla.holidays import public_holidays
from inbox.store import links, people, sessions
from inbox.views.render import language, page, words
from inbox.views.security import form_fields, safe_next, session_cookie
from inbox.views.site import HttpRequest, person, read, site, write
from models import Agent

CHECKS_A_MINUTE = 5
MOST_PASSWORD_CHARS = 1024
_hashing = ThreadPoolExecutor(2, thread_name_prefix="argon2")  # 19 MiB each


@get("/login", name="login", opt={"access": "public"})
async def show_login(request: HttpRequest) -> Response[Any]:
    """Show the sign-in form; before the first visit, where the link is."""
    if request.scope.get("user") is not None:
        return Redirect(safe_next(request.query_params.get("next", "")), status_code=303)
    return await _login_page(request, {"next": request.query_params.get("next", "")}, "", 200)


async def _login_page(
    request: HttpRequest, values: dict[str, str], error: str, status: int
) -> Response[str]:
    company = await site(request).company()
    if company is None:
        say = words(request)
        error = error or say(
            "This installation is new: open the link that kip run printed to set it up."
        )
    return await page(
        request,
        "auth/login.html",
        code=status,
        values=values,
        error=error,
        company=company.name if company else "",
    )


@post("/login", opt={"access": "public", "fields": ("email", "password", "next")})
async def log_in(request: HttpRequest) -> Response[Any]:
    """Check the password and begin a session under a new id.

    The answer for a known and an unknown address is the same, in words and in work. At most
    five passwords a minute are checked for one address, wherever they come from.
    """
    fields = await form_fields(request)
    typed_email = fields.get("email", "")[:254].strip().lower()
    email = normalise(typed_email)  # counted as it is looked up
    values = {"email": typed_email, "next": fields.get("next", "")}
    say = words(request)
    now = utcnow()
    key = "login:" + hashlib.sha256(email.encode()).hexdigest()[:32]
    if not await write(request, may_check, key):
        error = say("Too many tries for this address. Wait a minute, then try again.")
        return await _login_page(request, values, error, 429)
    found = await read(request, people.find_agent_by_email, email)
    typed = fields.get("password", "")
    right = await is_password(typed, found.password_hash if found else None)
    if not right or found is None:
        error = say("This e-mail and password do not fit together.")
        return await _login_page(request, values, error, 422)
    old = request.cookies.get(session_cookie(site(request)), "")
    token = auth.random_token() + auth.random_token()
    await write(request, _begin, found, auth.hash_token(token), auth.hash_token(old), key, now)
    return signed_in(request, token, safe_next(values["next"]))


async def is_password(typed: str, password_hash: str | None) -> bool:
    """Compare a password, in the same time whether there is an account or not."""
    loop = asyncio.get_running_loop()
    typed = typed[:MOST_PASSWORD_CHARS]
    return await loop.run_in_executor(_hashing, auth.verify_password, typed, password_hash)


async def hash_password(password: str) -> str:
    """Hash a password, not more than two at a time."""
    loop = asyncio.get_running_loop()
    password = password[:MOST_PASSWORD_CHARS]
    return await loop.run_in_executor(_hashing, auth.hash_password, password)


def may_check(session: Any, key: str) -> bool:
    """Count a check; each counted one keeps the window open for another minute."""
    now = utcnow()
    end = now + timedelta(minutes=1)
    return people.take_turn(session, key, CHECKS_A_MINUTE, expires_at=end, now=now)


def _begin(
    session: Any, agent: Agent, session_id: str, old_id: str, key: str, now: Any
) -> None:
    sessions.close_session(session, old_id)
    sessions.open_session(session, session_id, agent.id, epoch=agent.epoch, now=now)
    people.forget_count(session, key)


def signed_in(request: HttpRequest, token: str, target: str) -> Response[Any]:
    where = site(request)
    response = Redirect(target, status_code=303)
    response.set_cookie(
        session_cookie(where),
        token,
        path="/",
        secure=where.settings.secure,
        httponly=True,
        samesite="lax",
        max_age=int(sessions.SESSION_LIFE.total_seconds()),
    )
    return response


@post("/logout", name="logout", opt={"access": "public", "fields": ()})
async def log_out(request: HttpRequest) -> Response[Any]:
    """End this browser's session."""
    cookie = request.cookies.get(session_cookie(site(request)), "")
    await write(request, sessions.close_session, auth.hash_token(cookie))
    response = Redirect("/login", status_code=303)
    response.delete_cookie(session_cookie(site(request)), path="/")
    return response


@post("/me/on-duty", opt={"access": "agent", "fields": ("on_duty",)})
async def set_on_duty(request: HttpRequest) -> Response[Any]:
    """Go on duty or off; nobody off duty is given new work."""
    fields = await form_fields(request)
    on_duty = fields.get("on_duty") == "1"
    await write(request, people.set_on_duty, person(request).id, on_duty, utcnow())
    return Redirect("/inbox", status_code=303)


@get("/setup", name="setup", opt={"access": "public"})
async def show_setup(request: HttpRequest) -> Response[Any]:
    """Show the first visit's form to whoever has the link."""
    token = request.query_params.get("token", "")
    works = await read(
        request,
        links.has_one_time_token,
        auth.hash_token(token),
        installation.SETUP,
        utcnow(),
    )
    if not works:
        raise NotFound("This link was used or has expired. Start kip run again for a new one.")
    return await _setup_page(request, {"language": language(request)}, {}, token, 200)


async def _setup_page(
    request: HttpRequest,
    values: dict[str, str],
    errors: dict[str, str],
    token: str,
    status: int,
) -> Response[str]:
    say = words(request)
    return await page(
        request,
        "auth/setup.html",
        code=status,
        values=values,
        errors={field: say(text) for field, text in errors.items()},
        token=token,
        time_zones=installation.list_zones(),
    )


ANSWERS = ("company", "time_zone", "language", "support_address", "name", "email")


@post("/setup", opt={"access": "public", "fields": (*ANSWERS, "token", "password")})
async def set_up(request: HttpRequest) -> Response[Any]:
    """Create the company and its first administrator, who is signed in at once."""
    fields = await form_fields(request)
    values = {name: fields.get(name, "")[:254] for name in ANSWERS}
    token = fields.get("token", "")
    answers = installation.FirstVisit(**values, password=fields.get("password", "")[:1024])
    try:
        installation.check_first_visit(answers)
    except Invalid as error:
        return await _setup_page(request, values, error.fields, token, 422)
    hashed = await hash_password(answers.password)
    now = utcnow()
    country = COUNTRY_OF.get(answers.time_zone)
    days = []
    if country is not None:
        years = list(range(now.year, now.year + 3))
        days = await asyncio.to_thread(public_holidays, country, years, answers.language)
    answers = installation.FirstVisit(**values, password="", password_hash=hashed)
    admin = await write(
        request,
        installation.set_up,
        answers,
        token,
        holidays=[day.isoformat() for day, _ in days],
        now=now,
    )
    cookie = auth.random_token() + auth.random_token()
    await write(
        request, sessions.open_session, auth.hash_token(cookie), admin.id, epoch=0, now=now
    )
    return signed_in(request, cookie, "/inbox")
