"""Settings: webhooks to other systems, what they hear of, and what they were told."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Conflict, Invalid
from inbox.hooks import managing
from inbox.hooks.managing import Entered
from inbox.store.hooks import KINDS
from inbox.templating import N_
from inbox.vault import Vault
from inbox.views.inbox import speaker_for
from inbox.views.present_hooks import kind_names, present_hook, present_sent
from inbox.views.render import page
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, person, read, site, write

LIST = "/settings/webhooks"
ONE = LIST + "/{hook_id:int}"
HEAR = "hear_"
FIELDS = ("name", "url", *(HEAR + kind for kind in KINDS))


def _address(hook_id: int) -> str:
    return f"{LIST}/{hook_id}"


async def _entered(request: HttpRequest) -> Entered:
    fields = await texts_of(request, FIELDS)
    kinds = tuple(kind for kind in KINDS if fields[HEAR + kind])
    return Entered(fields["name"], fields["url"], kinds)


@get(LIST, opt={"access": "admin"})
async def show_hooks(request: HttpRequest) -> AnyResponse:
    """List the webhooks, and offer to add one."""
    return await _list_page(request, Entered("", "", KINDS), {}, 200)


async def _list_page(
    request: HttpRequest, entered: Entered, errors: dict[str, str], code: int
) -> AnyResponse:
    speak = await speaker_for(request)
    rows = await read(request, managing.list_hooks)
    return await page(
        request,
        "settings/webhooks.html",
        code=code,
        active="settings",
        hooks=[present_hook(row, speak) for row in rows],
        values=entered,
        errors=errors,
        kinds=kind_names(speak),
    )


@post(LIST, opt={"access": "admin", "fields": FIELDS})
async def add_hook(request: HttpRequest) -> AnyResponse:
    """Add a webhook and show its secret, this once."""
    entered, where = await _entered(request), site(request)
    try:
        hook_id, secret = await write(
            request,
            managing.add_hook,
            entered,
            Vault(where.secret),
            where.settings.own_hook_receivers,
            by=person(request).id,
            now=utcnow(),
        )
    except (Invalid, Conflict) as error:
        shown = spoken_errors(request, error)
        return await _list_page(request, entered, shown, error.status)
    return await _hook_page(request, hook_id, None, {}, 200, secret)


def _load(session: Session, hook_id: int) -> tuple[Any, ...]:
    hook = managing.get_hook(session, hook_id)
    return hook, managing.list_deliveries(session, hook_id)


async def _hook_page(
    request: HttpRequest,
    hook_id: int,
    entered: Entered | None,
    errors: dict[str, str],
    code: int,
    secret: str = "",
) -> AnyResponse:
    hook, sent = await read(request, _load, hook_id)
    speak = await speaker_for(request)
    shown = present_hook(hook, speak)
    response = await page(
        request,
        "settings/webhook.html",
        code=code,
        active="settings",
        hook=shown,
        sent=present_sent(sent, is_on=shown.is_on, speak=speak),
        values=entered or Entered(hook.name, hook.url, tuple(hook.kinds)),
        errors=errors,
        kinds=kind_names(speak),
        secret=secret,
    )
    if secret:
        response.headers["cache-control"] = "no-store"
    return response


@get(ONE, opt={"access": "admin"})
async def show_hook(request: HttpRequest, hook_id: FromPath[int]) -> AnyResponse:
    """Show one webhook and what it was told."""
    return await _hook_page(request, hook_id, None, {}, 200)


@post(ONE, opt={"access": "admin", "fields": FIELDS})
async def change_hook(request: HttpRequest, hook_id: FromPath[int]) -> AnyResponse:
    """Change name, address and events."""
    entered, own = await _entered(request), site(request).settings.own_hook_receivers
    by = person(request).id
    try:
        await write(request, managing.change_hook, hook_id, entered, own, by=by, now=utcnow())
    except Invalid as error:
        shown = spoken_errors(request, error)
        return await _hook_page(request, hook_id, entered, shown, 422)
    return done(request, _address(hook_id), N_("Saved."))


@post(ONE + "/secret", opt={"access": "admin", "fields": ()})
async def renew_secret(request: HttpRequest, hook_id: FromPath[int]) -> AnyResponse:
    """Give it another secret and show it, this once."""
    by, vault = person(request).id, Vault(site(request).secret)
    secret = await write(request, managing.renew_secret, hook_id, vault, by=by, now=utcnow())
    return await _hook_page(request, hook_id, None, {}, 200, secret)


@post(ONE + "/activity", opt={"access": "admin", "fields": ("on",)})
async def switch(request: HttpRequest, hook_id: FromPath[int]) -> AnyResponse:
    """Switch it on or off."""
    on = (await texts_of(request, ("on",)))["on"] == "1"
    await write(request, managing.switch, hook_id, on=on, by=person(request).id, now=utcnow())
    sentence = N_("It is switched on.") if on else N_("It is switched off.")
    return done(request, _address(hook_id), sentence)


@post(ONE + "/removal", opt={"access": "admin", "fields": ()})
async def remove_hook(request: HttpRequest, hook_id: FromPath[int]) -> AnyResponse:
    """Forget it."""
    by = person(request).id
    await write(request, managing.remove_hook, hook_id, by=by, now=utcnow())
    return done(request, LIST, N_("The webhook is removed."))


@post(ONE + "/test", opt={"access": "admin", "fields": ()})
async def test(request: HttpRequest, hook_id: FromPath[int]) -> AnyResponse:
    """Send it an event that says nothing."""
    by = person(request).id
    await write(request, managing.send_test, hook_id, by=by, now=utcnow())
    sentence = N_("A test event is on its way. Load this page again to see its answer.")
    return done(request, _address(hook_id), sentence)


@post(ONE + "/events/{delivery_id:int}/again", opt={"access": "admin", "fields": ()})
async def send_again(
    request: HttpRequest, hook_id: FromPath[int], delivery_id: FromPath[int]
) -> AnyResponse:
    """Send an event again, with the id that it had."""
    await write(request, managing.send_again, hook_id, delivery_id, now=utcnow())
    return done(request, _address(hook_id), N_("The event is on its way again."))


HANDLERS = (
    show_hooks,
    add_hook,
    show_hook,
    change_hook,
    renew_secret,
    switch,
    remove_hook,
    test,
    send_again,
)
