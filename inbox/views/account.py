"""Coming in without a password: an invitation's link, a forgotten password, a reset's link."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct
from sqlmodel import Session

from inbox import accountmail, auth
from inbox.accountmail import RESET
from inbox.acknowledgement import House
from inbox.channels.addresses import is_strict, normalise
from inbox.clock import utcnow
from inbox.company import invitations
from inbox.company.installation import TOO_SHORT
from inbox.errors import TooMany
from inbox.house import load_house
from inbox.store import people, sessions
from inbox.templating import LANGUAGES, N_
from inbox.views.auth import hash_password, signed_in
from inbox.views.flash import flash
from inbox.views.formdata import fields_of, read_as
from inbox.views.forms import peer
from inbox.views.render import page, words
from inbox.views.site import HttpRequest, Site, read, site, write
from models import Agent

ADDRESS_WINDOW, PER_ADDRESS = timedelta(minutes=15), 3
PEER_WINDOW, PER_PEER = timedelta(hours=1), 30
MOST_EMAIL, MOST_NAME = 254, 120


class Forgot(Struct):
    """The form of a forgotten password."""

    email: str = ""


class NewPassword(Struct):
    """The form behind a reset's link."""

    password: str = ""


class Joining(Struct):
    """The form behind an invitation's link."""

    name: str = ""
    language: str = ""
    password: str = ""


def sends_mail(where: Site) -> bool:
    """Tell whether outgoing mail is set up: else links are shown and handed on by people."""
    return not where.settings.smtp_url.startswith("console:")


def mail_house(session: Session, where: Site) -> House | None:
    """Return what mail needs to know; None where no mail can be sent."""
    if not sends_mail(where):
        return None
    return load_house(session, where.settings, where.secret)


@get("/forgot", opt={"access": "public"})
async def show_forgot(request: HttpRequest) -> Response[Any]:
    """Ask for the address, or say that a mail is on its way."""
    return await page(
        request,
        "auth/forgot.html",
        company=await _company_name(request),
        is_sent=request.query_params.get("sent") == "1",
        sends_mail=sends_mail(site(request)),
    )


async def _company_name(request: HttpRequest) -> str:
    company = await site(request).company()
    return company.name if company else ""


@post("/forgot", opt={"access": "public", "fields": fields_of(Forgot)})
async def ask_for_reset(request: HttpRequest) -> Response[Any]:
    """Put a mail into the outbox; whether anybody has the address is seen only by the worker.

    Known and unknown addresses are answered alike, and alike often.

    Raises
    ------
    TooMany
        If it was asked too often, for the address or from one place.
    """
    form = await read_as(request, Forgot)
    address = normalise(form.email[:MOST_EMAIL])
    if not await write(request, _put_out, address, peer(request), site(request), utcnow()):
        raise TooMany("Too many tries for this address. Wait a while, then try again.")
    return Redirect("/forgot?sent=1", status_code=303)


def _put_out(session: Session, address: str, place: str, where: Site, now: datetime) -> bool:
    """Count the try and queue a mail; False if there were too many tries."""
    end = now + PEER_WINDOW
    key = f"forgot-from:{place}"
    if not people.take_turn(session, key, PER_PEER, expires_at=end, now=now):
        return False
    if not is_strict(address):  # nobody can have it
        return True
    end = now + ADDRESS_WINDOW
    key = f"forgot:{hashlib.sha256(address.encode()).hexdigest()[:32]}"
    if not people.take_turn(session, key, PER_ADDRESS, expires_at=end, now=now):
        return False
    house = mail_house(session, where)
    if house is not None:
        accountmail.queue_mail(session, RESET, address, house, now)
    return True


@get("/reset/{token:str}", opt={"access": "public"})
async def show_reset(request: HttpRequest, token: FromPath[str]) -> Response[Any]:
    """Let whoever has the link choose a password."""
    agent = await read(request, invitations.find_forgetful, token, utcnow())
    return await _reset_page(request, agent, "", 200)


async def _reset_page(
    request: HttpRequest, agent: Agent, error: str, code: int
) -> Response[str]:
    company = await _company_name(request)
    return await page(
        request,
        "auth/reset.html",
        code=code,
        agent=agent,
        token=request.path_params["token"],
        error=error,
        company=company,
    )


@post("/reset/{token:str}", opt={"access": "public", "fields": fields_of(NewPassword)})
async def reset(request: HttpRequest, token: FromPath[str]) -> Response[Any]:
    """Give the account its new password; everybody signed in with the old one is out."""
    form = await read_as(request, NewPassword)
    agent = await read(request, invitations.find_forgetful, token, utcnow())
    if len(form.password) < auth.MIN_PASSWORD:
        return await _reset_page(request, agent, words(request)(TOO_SHORT), 422)
    hashed = await hash_password(form.password)
    await write(request, invitations.reset, token, hashed, utcnow())
    done = Redirect("/login", status_code=303)
    return flash(request, done, N_("Your password is changed. Sign in with it."))


@get("/join/{token:str}", opt={"access": "public"})
async def show_join(request: HttpRequest, token: FromPath[str]) -> Response[Any]:
    """Let somebody invited choose name, language and password."""
    guest = await read(request, invitations.find_guest, token, utcnow())
    values = {"name": guest.name, "language": guest.language}
    return await _join_page(request, guest, values, {}, 200)


async def _join_page(
    request: HttpRequest,
    guest: Agent,
    values: dict[str, str],
    errors: dict[str, str],
    code: int,
) -> Response[str]:
    say = words(request)
    return await page(
        request,
        "auth/join.html",
        code=code,
        email=guest.email,
        token=request.path_params["token"],
        values=values,
        errors={field: say(text) for field, text in errors.items()},
        company=await _company_name(request),
    )


@post("/join/{token:str}", opt={"access": "public", "fields": fields_of(Joining)})
async def join(request: HttpRequest, token: FromPath[str]) -> Response[Any]:
    """Open the account and sign its person in."""
    form = await read_as(request, Joining)
    guest = await read(request, invitations.find_guest, token, utcnow())
    errors = {}
    if not 1 <= len(form.name.strip()) <= MOST_NAME:
        errors["name"] = N_("Please fill this in.")
    if form.language not in LANGUAGES:
        errors["language"] = N_("Choose Vietnamese or English.")
    if len(form.password) < auth.MIN_PASSWORD:
        errors["password"] = TOO_SHORT
    if errors:
        values = {"name": form.name, "language": form.language}
        return await _join_page(request, guest, values, errors, 422)
    hashed = await hash_password(form.password)
    cookie = auth.random_token() + auth.random_token()
    await write(request, _join, token, form, hashed, auth.hash_token(cookie), utcnow())
    return signed_in(request, cookie, "/inbox")


def _join(
    session: Session,
    token: str,
    form: Joining,
    password_hash: str,
    session_id: str,
    now: datetime,
) -> None:
    agent = invitations.join(session, token, form.name, form.language, password_hash, now)
    session.flush()
    sessions.open_session(session, session_id, agent.id, epoch=agent.epoch, now=now)
