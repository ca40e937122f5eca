"""Settings: tokens for the API."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct

from inbox.clock import utcnow
from inbox.company import tokens
from inbox.errors import Invalid, NotFound
from inbox.store import staff
from inbox.templating import N_
from inbox.views.flash import flash
from inbox.views.formdata import fields_of, read_as
from inbox.views.inbox import speaker_for
from inbox.views.render import page, words
from inbox.views.settings_people import ADMIN
from inbox.views.site import HttpRequest, person, read, write
from models import Scope

TOKENS = "/settings/tokens"


class NewToken(Struct):
    """The form of a token; ``email`` is whose doing its doing is."""

    name: str = ""
    email: str = ""
    scope: str = ""


@get(TOKENS, opt={"access": ADMIN})
async def show_tokens(request: HttpRequest) -> Response[Any]:
    """List the tokens, and offer to make one."""
    return await _tokens_page(request, NewToken(), {}, "", 200)


async def _tokens_page(
    request: HttpRequest, values: NewToken, errors: dict[str, str], secret: str, code: int
) -> Response[str]:
    say = words(request)
    speak = await speaker_for(request)
    people = [row for row in await read(request, staff.list_staff) if row.is_active]
    response = await page(
        request,
        "settings/tokens.html",
        code=code,
        active="settings",
        rows=await read(request, tokens.list_tokens),
        people=people,
        values=values,
        errors={field: say(text) for field, text in errors.items()},
        secret=secret,
        clock=speak.clock,
        date=speak.date,
    )
    if secret:
        response.headers["cache-control"] = "no-store"
    return response


@post(TOKENS, opt={"access": ADMIN, "fields": fields_of(NewToken)})
async def create_token(request: HttpRequest) -> Response[Any]:
    """Make a token and show it this once."""
    form = await read_as(request, NewToken)
    try:
        if form.scope not in list(Scope):
            raise Invalid("Choose a scope.", {"scope": N_("Choose a scope.")})
        scope = Scope(form.scope)
        secret = await write(
            request,
            tokens.create_token,
            form.name,
            form.email[:254],
            scope,
            by=person(request).id,
            now=utcnow(),
        )
    except Invalid as error:
        return await _tokens_page(request, form, error.fields, "", 422)
    except NotFound:
        errors = {"email": N_("Choose somebody who works here.")}
        return await _tokens_page(request, form, errors, "", 422)
    return await _tokens_page(request, NewToken(), {}, secret, 200)


@post("/settings/tokens/{token_id:int}/revocation", opt={"access": ADMIN, "fields": ()})
async def revoke_token(request: HttpRequest, token_id: FromPath[int]) -> Response[Any]:
    """Let a token work no longer."""
    by = person(request).id
    await write(request, tokens.revoke_token, token_id, by=by, now=utcnow())
    return flash(request, Redirect(TOKENS, status_code=303), N_("The token is revoked."))
