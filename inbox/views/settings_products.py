"""Settings: product groups, and the words by which messages name them."""

from collections.abc import Sequence

from litestar import get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import products as service
from inbox.company.products import Draft, Taken
from inbox.errors import Conflict, Invalid
from inbox.store.learning import Version, find_version
from inbox.store.products import Group, list_groups
from inbox.store.setup import find_live_model
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.present_models import present_products
from inbox.views.render import page, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, person, read, write

PRODUCTS = "/settings/products"
FIELDS = ("name", "terms")
ACCESS = "supervisor"


@get(PRODUCTS, opt={"access": ACCESS})
async def show_products(request: HttpRequest) -> AnyResponse:
    """List the groups with their words, each to be changed in place."""
    return await _page(request, 0, dict.fromkeys(FIELDS, ""), {}, 200)


def _load(session: Session) -> tuple[Sequence[Group], Version | None]:
    """Return the groups, and the model that answers now."""
    live = find_live_model(session)
    return list_groups(session), find_version(session, live.id) if live is not None else None


async def _page(
    request: HttpRequest, which: int, typed: dict[str, str], errors: dict[str, str], code: int
) -> AnyResponse:
    """Show the page; what was ``typed`` of group ``which`` (0: a new one) stays."""
    groups, live = await read(request, _load)
    speak = await speaker_for(request)
    return await page(
        request,
        "settings/products.html",
        code=code,
        active="settings",
        groups=[(number, name, service.shown_terms(terms)) for number, name, terms in groups],
        live_id=live.id if live is not None else 0,
        products=present_products(live.metrics, speak) if live is not None else None,
        which=which,
        typed=typed,
        errors=errors,
    )


def _wrong(request: HttpRequest, error: Invalid | Conflict) -> dict[str, str]:
    spoken = spoken_errors(request, error)
    if isinstance(error, Taken):
        say = words(request)(service.TAKEN) % {"word": error.word}
        return dict.fromkeys(spoken, say)
    return spoken


@post(PRODUCTS, opt={"access": ACCESS, "fields": FIELDS})
async def add_product(request: HttpRequest) -> AnyResponse:
    """Add a group."""
    fields = await texts_of(request, FIELDS)
    draft = Draft(fields["name"], fields["terms"])
    try:
        await write(request, service.add, draft, by=person(request).id, now=utcnow())
    except (Invalid, Conflict) as error:
        return await _page(request, 0, fields, _wrong(request, error), error.status)
    return done(request, PRODUCTS, N_("Added. New messages that name it are sorted by it."))


@post(PRODUCTS + "/{group_id:int}", opt={"access": ACCESS, "fields": FIELDS})
async def save_product(request: HttpRequest, group_id: FromPath[int]) -> AnyResponse:
    """Change a group."""
    fields = await texts_of(request, FIELDS)
    draft = Draft(fields["name"], fields["terms"])
    try:
        by = person(request).id
        await write(request, service.change, group_id, draft, by=by, now=utcnow())
    except Invalid as error:
        return await _page(request, group_id, fields, _wrong(request, error), error.status)
    return done(request, PRODUCTS, N_("Saved."))


@post(PRODUCTS + "/{group_id:int}/removal", opt={"access": ACCESS, "fields": ()})
async def remove_product(request: HttpRequest, group_id: FromPath[int]) -> AnyResponse:
    """Take a group out."""
    by = person(request).id
    await write(request, service.remove, group_id, by=by, now=utcnow())
    return done(request, PRODUCTS, N_("The product group is taken out."))
