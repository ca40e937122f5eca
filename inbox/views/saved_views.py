"""The page of filters: what a list may be asked for, and views that are kept of it."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct, defstruct
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Invalid, NotFound
from inbox.listing import filters as finding
from inbox.listing import views as service
from inbox.listing.filters import NAMES, STATES
from inbox.sla.history import Wait
from inbox.store import owners, ownfields, setup, tags
from inbox.store import views as rows
from inbox.store.company import list_doors
from inbox.store.people import Person
from inbox.store.products import list_names
from inbox.store.teams import active_team_names
from inbox.templating import N_
from inbox.triage.text import fold
from inbox.views import list_csv
from inbox.views.formdata import read_as
from inbox.views.listing import Asked, asked_by, view_items, views_of
from inbox.views.render import language, page, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors
from inbox.views.site import HttpRequest, person, read, write
from inbox.views.words import MESSENGER_NAMES, URGENCY_NAMES
from models import ChannelKind

VIEWS = "/views"
MISFIT = N_("This filter does not fit. Look at what was typed.")
NO_ACCOUNT = N_("There is no account of this name, or there are several: type its number.")
STATE_NAMES = dict(
    zip(STATES, (N_("Open"), N_("Waiting"), N_("Snoozed"), N_("Done")), strict=True)
)
WAIT_NAMES = {
    Wait.CUSTOMER.value: N_("the customer"),
    Wait.THIRD_PARTY.value: N_("somebody else"),
    Wait.SNOOZED.value: N_("its time"),
}
CHANNELS = {
    ChannelKind.EMAIL.value: N_("E-mail"),
    ChannelKind.FORM.value: N_("Web form"),
    ChannelKind.CHAT.value: N_("Chat"),
    ChannelKind.PHONE.value: N_("Phone"),
    **{kind.value: name for kind, name in MESSENGER_NAMES.items()},
    ChannelKind.API.value: N_("API"),
}
FLAGS = {
    "late": N_("Late"),
    "again": N_("The customer asked again"),
    "unanswered": N_("Nobody has answered yet"),
    "followed": N_("I follow it"),
}

# One struct with every filter as text; what they may hold is read by ``filters.read``.
ViewForm: type[Struct] = defstruct(
    "ViewForm",
    [*((name, str, "") for name in ("name", "shared", "first", "then", *NAMES))],
    forbid_unknown_fields=True,
)


def _choices(session: Session) -> dict[str, Any]:
    """Return what can be chosen from, as rows."""
    return {
        "owner": [(one.id, one.name) for one in owners.list_assignable(session, None, None)],
        "team": list(active_team_names(session).items()),
        "inbox": [(one.id, one.name or one.handle) for one in list_doors(session)],
        "types": setup.named_types(session),
        "product": [(name, name) for name in list_names(session)],
        "tag": list(tags.list_tags(session)),
        "field": [(one.id, one.name) for one in ownfields.list_fields(session)],
        "account": rows.list_few_accounts(session),
    }


def _chosen(session: Session, who: Person) -> int | None:
    return rows.chosen(session, who)


@get(VIEWS, opt={"access": "agent"})
async def show_views(request: HttpRequest) -> AnyResponse:
    """Show the filters, set as the address says, and the views that are kept."""
    asked = await asked_by(request) if request.query_params else Asked()
    typed = {**dict.fromkeys(NAMES, ""), **asked.filters.asked()}
    typed |= {"name": asked.view.name if asked.view is not None else "", "shared": ""}
    if asked.view is not None and asked.view.is_shared:
        typed["shared"] = "1"
    return await _page(request, asked, typed, {}, 200)


async def _page(
    request: HttpRequest, asked: Asked, typed: dict[str, str], errors: dict[str, str], code: int
) -> AnyResponse:
    found = await read(request, _choices)
    who, say, spoken = person(request), words(request), language(request)
    first = await read(request, _chosen, who)
    found["type"] = [(key, one.name(spoken)) for key, one in found.pop("types").items()]
    found["owner"] = [("me", say("Me")), ("none", say("Nobody")), *found["owner"]]
    for name, named in (
        ("state", STATE_NAMES),
        ("waiting", WAIT_NAMES),
        ("channel", CHANNELS),
        ("urgency", URGENCY_NAMES),
    ):
        found[name] = [(key, say(text)) for key, text in named.items()]
    return await page(
        request,
        "inbox/views.html",
        code=code,
        active="inbox",
        choices=found,
        flags=[(name, say(text)) for name, text in FLAGS.items()],
        typed=typed,
        errors=errors,
        views=view_items(await views_of(request, utcnow()), who, asked, first),
        first=first,
        supervises=who.sees_all,
    )


@post(VIEWS, opt={"access": "agent", "fields": ViewForm.__struct_fields__})
async def save_view(request: HttpRequest) -> AnyResponse:
    """Keep what is filtered for under a name; shared where a supervisor says so."""
    form = await read_as(request, ViewForm)
    texts = {name: getattr(form, name) for name in ViewForm.__struct_fields__}
    try:
        filters = finding.read(await read(request, _with_account, texts))
    except (Invalid, NotFound) as error:
        wrong = spoken_errors(request, error if isinstance(error, Invalid) else Invalid(MISFIT))
        return await _page(request, Asked(), texts, wrong, 422)
    if texts["then"] == "show":
        return Redirect("/inbox" + (Asked(extra=filters).query or "?for=team"), status_code=303)
    try:
        view_id = await write(request, _save, texts, filters, person(request))
    except Invalid as error:
        wrong = spoken_errors(request, error)
        return await _page(request, Asked(), texts, wrong, error.status)
    return done(request, f"/inbox?view={view_id}", N_("The view is kept."))


def _with_account(session: Session, texts: dict[str, str]) -> dict[str, str]:
    """Read an account's name as its number; whoever fills in a form knows the name."""
    typed = texts["account"].strip()
    if not typed or typed.isdigit():
        return texts
    found = rows.account_called(session, fold(typed))
    if found is None:
        raise Invalid(MISFIT, {"account": NO_ACCOUNT})
    return {**texts, "account": str(found)}


def _save(
    session: Session, texts: dict[str, str], filters: finding.Filters, who: Person
) -> int:
    shared = bool(texts["shared"])
    view_id = service.save(session, texts["name"], filters, shared=shared, by=who, now=utcnow())
    if texts["first"]:
        service.begin_with(session, view_id, by=who)
    return view_id


@post(VIEWS + "/{view_id:int}/removal", opt={"access": "agent", "fields": ()})
async def remove_view(request: HttpRequest, view_id: FromPath[int]) -> AnyResponse:
    """Take a view away."""
    await write(request, service.remove, view_id, by=person(request), now=utcnow())
    return done(request, VIEWS, N_("The view is gone."))


@post(VIEWS + "/{view_id:int}/first", opt={"access": "agent", "fields": ()})
async def begin_with_view(request: HttpRequest, view_id: FromPath[int]) -> AnyResponse:
    """Begin with this view (0: with the team's list) whenever the inbox is opened."""
    await write(request, service.begin_with, view_id or None, by=person(request))
    return done(request, VIEWS, N_("Saved."))


HANDLERS = (show_views, save_view, remove_view, begin_with_view, list_csv.download_list)
