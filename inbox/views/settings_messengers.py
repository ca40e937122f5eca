"""A messenger's own part of a way in's page: what is entered, and whether it works."""

from typing import Any

from litestar import post
from litestar.params import FromPath

from inbox.channels.messengers.providers import PROVIDERS
from inbox.clock import utcnow
from inbox.errors import Invalid
from inbox.messaging import connecting
from inbox.messaging.connecting import Probe
from inbox.templating import N_
from inbox.vault import Sealed, Vault
from inbox.views.present_doors import address_of
from inbox.views.render import words
from inbox.views.security import form_fields
from inbox.views.settings_form import AnyResponse, done, spoken_errors
from inbox.views.settings_inboxes import LIST, inbox_page
from inbox.views.site import HttpRequest, person, read, site, write

FIELDS = tuple(sorted({ask.name for one in PROVIDERS.values() for ask in one.asks}))
CONNECTED = N_("Connected: %(name)s.")


async def _probed(request: HttpRequest, inbox_id: int) -> Probe:
    where = site(request)
    row, _ = await read(request, connecting.provider_of, inbox_id)
    webhook = address_of(row.kind, row.handle, where.settings.base_url.rstrip("/"))
    vault = Vault(where.secret)
    return await connecting.test(where.database, where.settings, vault, inbox_id, webhook)


async def _after(request: HttpRequest, inbox_id: int, probe: Probe) -> AnyResponse:
    if not probe.error:
        return done(request, f"{LIST}/{inbox_id}", CONNECTED, name=probe.name)
    say = words(request)
    error = say(probe.error) + (f" ({probe.said})" if probe.said else "")
    changes: dict[str, Any] = {"messenger_changes": {"errors": {"": error}}}
    return await inbox_page(request, inbox_id, {}, {}, 422, **changes)


@post(LIST + "/{inbox_id:int}/messenger", opt={"access": "admin", "fields": FIELDS})
async def save_account(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Keep what was entered of an account, then try it."""
    typed = await form_fields(request)
    vault, by = Vault(site(request).secret), person(request).id
    try:
        await write(request, connecting.save, inbox_id, typed, vault, by=by, now=utcnow())
    except (Invalid, Sealed) as error:
        errors = spoken_errors(request, error)
        changes: dict[str, Any] = {"messenger_changes": {"typed": typed, "errors": errors}}
        return await inbox_page(request, inbox_id, {}, {}, 422, **changes)
    return await _after(request, inbox_id, await _probed(request, inbox_id))


@post(LIST + "/{inbox_id:int}/messenger/test", opt={"access": "admin", "fields": ()})
async def test_account(request: HttpRequest, inbox_id: FromPath[int]) -> AnyResponse:
    """Ask the provider whose access it is."""
    return await _after(request, inbox_id, await _probed(request, inbox_id))


HANDLERS = (save_account, test_account)
