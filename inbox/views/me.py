"""One's own account: name, language, theme and password."""

from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect
from msgspec import Struct

from inbox import auth
from inbox.addressing import make_copy_address
from inbox.channels.letter import FIELDS
from inbox.clock import utcnow
from inbox.company import senders
from inbox.company import staff as service
from inbox.company.installation import TOO_SHORT
from inbox.errors import Invalid
from inbox.store import people, staff
from inbox.store.company import list_doors
from inbox.templating import N_
from inbox.views.auth import hash_password, is_password, may_check, signed_in
from inbox.views.flash import flash
from inbox.views.formdata import fields_of, read_as
from inbox.views.render import UI_COOKIE, page, words
from inbox.views.site import HttpRequest, person, read, site, write
from models import ChannelKind

THEME_COOKIE = "theme"
YEAR_S = 365 * 24 * 3600


class Own(Struct):
    """What somebody changes about themselves."""

    name: str = ""
    language: str = ""
    theme: str = ""


class Signature(Struct):
    """What stands under one's answers."""

    signature: str = ""


class Passwords(Struct):
    """The old password and the new one."""

    old: str = ""
    password: str = ""


@get("/me", opt={"access": "agent"})
async def show_me(request: HttpRequest) -> Response[Any]:
    """Show one's own account."""
    return await _my_page(request, {}, 200)


async def _my_page(request: HttpRequest, errors: dict[str, str], code: int) -> Response[str]:
    agent = await read(request, staff.get_agent, person(request).id)
    say = words(request)
    where = site(request)
    doors = await read(request, list_doors, ChannelKind.EMAIL)
    copies = [make_copy_address(where.secret, agent.id, one.handle) for one in doors]
    return await page(
        request,
        "me.html",
        code=code,
        active="me",
        agent=agent,
        copies=copies,
        names=" ".join(f"{{{name}}}" for name in FIELDS),
        errors={field: say(text) for field, text in errors.items()},
    )


@post("/me", opt={"access": "agent", "fields": fields_of(Own)})
async def change_me(request: HttpRequest) -> Response[Any]:
    """Save name, language and theme; this browser follows at once."""
    form = await read_as(request, Own)
    now, own_id = utcnow(), person(request).id
    try:
        await write(
            request, service.save_own, own_id, form.name[:120], form.language, form.theme, now
        )
    except Invalid as error:
        return await _my_page(request, error.fields or {"name": error.message}, 422)
    response = Redirect("/me", status_code=303)
    secure = site(request).settings.secure
    for name, value in ((UI_COOKIE, form.language), (THEME_COOKIE, form.theme)):
        # the theme's cookie is also written by the menu's script, so it is readable for it
        response.set_cookie(
            name,
            value,
            path="/",
            secure=secure,
            httponly=name != THEME_COOKIE,
            samesite="lax",
            max_age=YEAR_S if value else 0,
        )
    return flash(request, response, N_("Saved."))


@post("/me/signature", opt={"access": "agent", "fields": fields_of(Signature)})
async def change_signature(request: HttpRequest) -> Response[Any]:
    """Say what stands under one's own answers."""
    form = await read_as(request, Signature)
    own_id = person(request).id
    try:
        await write(request, senders.set_own_signature, own_id, form.signature, utcnow())
    except Invalid as error:
        return await _my_page(request, error.fields, 422)
    return flash(request, Redirect("/me", status_code=303), N_("Saved."))


@post("/me/password", opt={"access": "agent", "fields": fields_of(Passwords)})
async def change_password(request: HttpRequest) -> Response[Any]:
    """Change one's password: every other browser is signed out, this one gets a new session.

    The old one is asked for, at most five times a minute.
    """
    form = await read_as(request, Passwords)
    who = person(request)
    if len(form.password) < auth.MIN_PASSWORD:
        return await _my_page(request, {"password": TOO_SHORT}, 422)
    if not await write(request, may_check, f"password:{who.id}"):
        text = N_("Too many tries. Wait a minute, then try again.")
        return await _my_page(request, {"old": text}, 429)
    agent = await read(request, staff.get_agent, who.id)
    if not await is_password(form.old, agent.password_hash):
        return await _my_page(request, {"old": N_("This is not your password.")}, 422)
    hashed = await hash_password(form.password)
    cookie = auth.random_token() + auth.random_token()
    await write(
        request,
        service.change_own_password,
        who.id,
        agent.password_hash,
        hashed,
        session_id=auth.hash_token(cookie),
        now=utcnow(),
    )
    await write(request, people.forget_count, f"password:{who.id}")
    done = N_("Your password is changed. Other browsers are signed out.")
    return flash(request, signed_in(request, cookie, "/me"), done)
