"""An account entered or changed, its people, and who they are."""

from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import Struct, structs
from sqlmodel import Session

from inbox import dialling
from inbox.accounts import contacts, keeping
from inbox.accounts.contacts import NewContact
from inbox.accounts.keeping import Draft
from inbox.clock import read_day, utcnow
from inbox.errors import Conflict, Invalid
from inbox.store import accounts as rows
from inbox.store import people
from inbox.store.accountpage import whose_account, whose_contact
from inbox.store.joins import JoinState
from inbox.store.people import Person
from inbox.store.products import list_groups
from inbox.templating import N_
from inbox.views.account_page import show_page
from inbox.views.formdata import fields_of, read_as
from inbox.views.present import LANGUAGE_NAMES
from inbox.views.present_account import STATUS_TEXT
from inbox.views.render import page, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors
from inbox.views.site import HttpRequest, number_of, person, read, write
from models import Account, AccountKind, AccountStatus, AccountValue

NO_DATE = N_("This is no date.")
NO_PAIR = N_("Write each as a name, a colon and what it is.")
KIND_NAMES = {AccountKind.COMPANY: N_("Company"), AccountKind.PERSON: N_("Person")}


class AccountForm(Struct, forbid_unknown_fields=True):
    """An account as typed."""

    name: str = ""
    kind: str = AccountKind.COMPANY.value
    reference: str = ""
    owner: str = ""
    backup: str = ""
    status: str = AccountStatus.NEW.value
    value: str = AccountValue.C.value
    tier: str = ""
    product_groups: str = ""  # commas or lines between
    language: str = ""
    since: str = ""  # an ISO date
    fields: str = ""  # lines: name, colon, text
    version: str = ""


def draft_of(form: AccountForm) -> Draft:
    """Return what is typed as the service takes it.

    Raises
    ------
    Invalid
        If the date is none, or a line of the own fields has no colon.
    """
    wrong = {}
    since = None
    if form.since.strip():
        try:
            since = read_day(form.since.strip())
        except ValueError:
            wrong["since"] = NO_DATE
    own = {}
    for line in filter(str.strip, form.fields.splitlines()):
        name, colon, text = line.partition(":")
        if not colon or not name.strip():
            wrong["fields"] = NO_PAIR
        own[name.strip()] = text.strip()
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)
    groups = form.product_groups.replace("\n", ",").split(",")
    return Draft(
        name=form.name,
        kind=form.kind,
        reference=form.reference,
        owner_id=number_of(form.owner),
        backup_id=number_of(form.backup),
        status=form.status,
        value=form.value,
        tier=form.tier,
        product_groups=tuple(one.strip() for one in groups if one.strip()),
        language=form.language,
        since=since,
        fields=own,
    )


def form_of(account: Account) -> AccountForm:
    """Return an account as its form shows it."""
    return AccountForm(
        name=account.name,
        kind=account.kind.value,
        reference=account.reference or "",
        owner=str(account.owner_id or ""),
        backup=str(account.backup_id or ""),
        status=account.status.value,
        value=account.value.value,
        tier=account.tier,
        product_groups=", ".join(account.product_groups),
        language=account.language,
        since=account.since.isoformat() if account.since else "",
        fields="\n".join(f"{name}: {text}" for name, text in account.fields.items()),
        version=str(account.version),
    )


@dataclass(frozen=True, slots=True)
class Around:
    """What the form offers: who works here, and the product groups that there are."""

    colleagues: list[tuple[int, str]]
    groups: list[str]


def _around(session: Session) -> Around:
    everybody = people.list_colleagues(session).values()
    active = sorted((one.name, one.id) for one in everybody if one.is_active)
    groups = [name for _, name, _ in list_groups(session)]
    return Around([(number, name) for name, number in active], groups)


async def _form(
    request: HttpRequest,
    form: AccountForm,
    account_id: int | None,
    errors: dict[str, str],
    code: int = 200,
) -> Response[Any]:
    around = await read(request, _around)
    say = words(request)
    nobody = ("", say("nobody"))
    return await page(
        request,
        "accounts/form.html",
        code=code,
        active="accounts",
        account_id=account_id,
        typed=structs.asdict(form),
        errors=errors,
        people=[nobody, *around.colleagues],
        groups=around.groups,
        kinds=[(one.value, say(text)) for one, text in KIND_NAMES.items()],
        statuses=[(one.value, say(text)) for one, text in STATUS_TEXT.items()],
        values=[(one.value, one.value) for one in AccountValue],
        languages=[("", say("not known")), *LANGUAGE_NAMES.items()],
    )


@get("/accounts/new", opt={"access": "agent"})
async def show_new(request: HttpRequest) -> Response[Any]:
    """Show the form for a new account; who enters it looks after it, unless they say other."""
    form = AccountForm(owner=str(person(request).id))
    return await _form(request, form, None, {})


@post("/accounts", opt={"access": "agent", "fields": fields_of(AccountForm)})
async def create(request: HttpRequest) -> AnyResponse:
    """Enter an account."""
    form = await read_as(request, AccountForm)
    try:
        by = person(request).id
        made = await write(request, keeping.create_account, draft_of(form), by=by, now=utcnow())
    except Invalid as error:
        return await _form(request, form, None, _wrong(request, error), error.status)
    return done(request, f"/accounts/{made}", N_("The customer is entered."))


def _wrong(request: HttpRequest, error: Invalid | Conflict) -> dict[str, str]:
    """Return the sentences by the names that the form's fields have."""
    names = {"owner_id": "owner", "backup_id": "backup"}
    found = spoken_errors(request, error)
    return {names.get(name, name): text for name, text in found.items()}


def _load(session: Session, account_id: int, who: Person) -> Account:
    return rows.get_for_person(session, account_id, who, to_change=True)


@get("/accounts/{account_id:int}/edit", opt={"access": "agent"})
async def show_edit(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """Show an account's form, to who looks after it and to supervisors."""
    account = await read(request, _load_to_read, account_id, person(request))
    return await _form(request, form_of(account), account_id, {})


def _load_to_read(session: Session, account_id: int, who: Person) -> Account:
    account = rows.get_account(session, account_id)
    if not rows.may_change(who, account):
        return rows.get_for_person(session, -1, who)
    return account


def _change(
    session: Session, account_id: int, draft: Draft, version: int | None, who: Person
) -> None:
    _load(session, account_id, who)
    keeping.change_account(session, account_id, draft, version=version, by=who.id, now=utcnow())


@post("/accounts/{account_id:int}", opt={"access": "agent", "fields": fields_of(AccountForm)})
async def change(request: HttpRequest, account_id: FromPath[int]) -> AnyResponse:
    """Change an account."""
    form = await read_as(request, AccountForm)
    try:
        version = number_of(form.version)
        await write(request, _change, account_id, draft_of(form), version, person(request))
    except (Invalid, Conflict) as error:
        return await _form(request, form, account_id, _wrong(request, error), error.status)
    return done(request, f"/accounts/{account_id}", N_("Saved."))


# ---- its people ------------------------------------------------------------------------


class PersonForm(Struct, forbid_unknown_fields=True):
    """Somebody at an account as typed."""

    name: str = ""
    email: str = ""
    phone: str = ""
    position: str = ""


def _add_person(session: Session, account_id: int, form: PersonForm, who: Person) -> int:
    _load(session, account_id, who)
    new = NewContact(form.name, form.email, form.phone, form.position)
    return contacts.add_contact(session, account_id, new, by=who.id, now=utcnow())


@post(
    "/accounts/{account_id:int}/people",
    opt={"access": "agent", "fields": fields_of(PersonForm)},
)
async def add_person(request: HttpRequest, account_id: FromPath[int]) -> AnyResponse:
    """Enter somebody at an account, known already by their address or new."""
    form = await read_as(request, PersonForm)
    try:
        await write(request, _add_person, account_id, form, person(request))
    except Invalid as error:
        errors = spoken_errors(request, error)
        typed = structs.asdict(form)
        return await show_page(
            request, whose_account, account_id, newcomer=typed, errors=errors, code=error.status
        )
    return done(request, f"/accounts/{account_id}", N_("They belong to this customer now."))


class PlaceForm(Struct, forbid_unknown_fields=True):
    """At which account somebody is: its number, empty for none."""

    account: str = ""
    position: str = ""


def _place(session: Session, contact_id: int, form: PlaceForm, who: Person) -> None:
    whose_contact(session, contact_id, who)
    number = number_of(form.account)
    stands = contacts.get_contact(session, contact_id).account_id
    for one in sorted({one for one in (number, stands) if one is not None}):
        _load(session, one, who)
    position, by = form.position, who.id
    contacts.put_contact_into_account(
        session, contact_id, number, position=position, by=by, now=utcnow()
    )


@post(
    "/contacts/{contact_id:int}/account",
    opt={"access": "agent", "fields": fields_of(PlaceForm)},
)
async def place_person(request: HttpRequest, contact_id: FromPath[int]) -> AnyResponse:
    """Say at which account somebody is."""
    form = await read_as(request, PlaceForm)
    await write(request, _place, contact_id, form, person(request))
    return done(request, f"/contacts/{contact_id}", N_("Saved."))


class WayForm(Struct, forbid_unknown_fields=True):
    """An address or number that is truly somebody's."""

    kind: str
    value: str


def _vouch(session: Session, contact_id: int, form: WayForm, who: Person) -> JoinState | None:
    whose_contact(session, contact_id, who)
    contacts.get_contact(session, contact_id, to_change=True)
    value = contacts.checked_way(form.kind, form.value, dialling.region(session))
    return contacts.vouch(session, contact_id, form.kind, value, by=who.id, now=utcnow())


@post(
    "/contacts/{contact_id:int}/ways",
    opt={"access": "agent", "fields": fields_of(WayForm)},
)
async def vouch(request: HttpRequest, contact_id: FromPath[int]) -> AnyResponse:
    """Say that an address or number is truly theirs; who else has it may be the same person."""
    form = await read_as(request, WayForm)
    state = await write(request, _vouch, contact_id, form, person(request))
    said = {
        None: N_("Saved."),
        JoinState.JOINED: N_("Somebody else had it, verified: the two are one now."),
        JoinState.PROPOSED: N_("Somebody else has it: say whether the two are one person."),
    }
    return done(request, f"/contacts/{contact_id}", said[state])
