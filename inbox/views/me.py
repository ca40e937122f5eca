"""One's own account: how pages speak and look for one, signature and password."""

from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect
from msgspec import Struct

from inbox import auth
from inbox.addressing import make_copy_address
from inbox.channels.letter import FIELDS
from inbox.clock import utcnow
from inbox.company import own as service
from inbox.company import senders
from inbox.company import staff as staff_service
from inbox.company.installation import TOO_SHORT, list_zones
from inbox.errors import Invalid
from inbox.store import people, staff
from inbox.store.company import list_doors
from inbox.templating import N_
from inbox.views.auth import hash_password, is_password, may_check, signed_in
from inbox.views.flash import flash
from inbox.views.formdata import fields_of, read_as
from inbox.views.render import page, wants_partial, words
from inbox.views.security import safe_next
from inbox.views.site import HttpRequest, person, read, site, write
from models import ChannelKind


class Own(Struct):
    """What somebody changes about themselves."""

    name: str = ""
    language: str = ""
    theme: str = ""
    time_zone: str = ""
    density: str = ""
    single_keys: str = ""


class Switch(Struct):
    """One choice, made in a menu; what is not named stays."""

    language: str | None = None
    theme: str | None = None
    density: str | None = None
    single_keys: str | None = None
    next: str = ""


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


async def _my_page(
    request: HttpRequest, errors: dict[str, str], code: int, typed: service.Own | None = None
) -> Response[str]:
    agent = await read(request, staff.get_agent, person(request).id)
    say = words(request)
    where = site(request)
    company = await where.company()
    doors = await read(request, list_doors, ChannelKind.EMAIL)
    copies = [make_copy_address(where.secret, agent.id, one.handle) for one in doors]
    return await page(
        request,
        "me.html",
        code=code,
        active="me",
        agent=agent,
        own=typed or agent,
        company_zone=company.time_zone if company is not None else "UTC",
        time_zones=list_zones(),
        copies=copies,
        names=" ".join(f"{{{name}}}" for name in FIELDS),
        errors={field: say(text) for field, text in errors.items()},
    )


@post("/me", opt={"access": "agent", "fields": fields_of(Own)})
async def change_me(request: HttpRequest) -> Response[Any]:
    """Save how one's own pages are; the next page is so."""
    form = await read_as(request, Own)
    own = service.Own(
        form.name[:120],
        form.language,
        form.theme,
        form.time_zone[:60],
        form.density,
        form.single_keys == "1",
    )
    try:
        await write(request, service.save_own, person(request).id, own, utcnow())
    except Invalid as error:
        return await _my_page(request, error.fields, 422, own)
    return flash(request, Redirect("/me", status_code=303), N_("Saved."))


@post("/me/switches", opt={"access": "agent", "fields": fields_of(Switch)})
async def switch(request: HttpRequest) -> Response[Any]:
    """Change one thing about one's pages, from the menu of any page."""
    form = await read_as(request, Switch)
    chosen: dict[str, Any] = {
        name: value for name in service.SWITCHES if (value := getattr(form, name)) is not None
    }
    if "single_keys" in chosen:
        chosen["single_keys"] = chosen["single_keys"] == "1"
    await write(request, service.switch_own, person(request).id, chosen, utcnow())
    if wants_partial(request):  # the page has changed by itself
        return Response(b"", status_code=204, media_type="text/html")
    return Redirect(safe_next(form.next), status_code=303)


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
        staff_service.change_own_password,
        who.id,
        agent.password_hash,
        hashed,
        session_id=auth.hash_token(cookie),
        now=utcnow(),
    )
    await write(request, people.forget_count, f"password:{who.id}")
    done = N_("Your password is changed. Other browsers are signed out.")
    return flash(request, signed_in(request, cookie, "/me"), done)
