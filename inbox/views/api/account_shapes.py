"""What the API takes and gives of accounts, their people and their milestones."""

from datetime import date, datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from inbox.views.api.shapes import Asked
from inbox.views.site import MOST_INT
from models import AccountKind, AccountStatus, AccountValue, MilestoneState

_NAME = Meta(min_length=1, max_length=200)
_EMAIL = Meta(max_length=254)
Colleague = Annotated[str | None, Meta(description="The address of somebody who works here.")]
Version = Annotated[
    Annotated[int, Meta(ge=1, le=MOST_INT)] | None,
    Meta(description="What you had read: refused with 409 if it changed since."),
]


class Account(Struct):
    """A company or a person whom somebody here looks after."""

    id: int
    name: str
    kind: AccountKind
    reference: Annotated[str | None, Meta(description="The key that other systems know it by.")]
    owner: Colleague
    backup: Colleague
    status: AccountStatus
    value: AccountValue
    tier: str
    product_groups: list[str]
    language: str
    since: date | None
    fields: Annotated[dict[str, str], Meta(description="The company's own fields.")]
    version: Annotated[int, Meta(description="Grows with each change.")]
    created_at: datetime
    changed_at: datetime


class AccountList(Struct):
    """A page of accounts, the oldest first."""

    items: list[Account]
    next: Annotated[str | None, Meta(description="Send it as `after`; null on the last page.")]


class NewAccount(Asked):
    """An account to be entered; without an owner nobody looks after it yet."""

    name: Annotated[str, _NAME]
    kind: AccountKind = AccountKind.COMPANY
    reference: Annotated[str, Meta(max_length=200)] = ""
    owner: Colleague = None
    backup: Colleague = None
    status: AccountStatus = AccountStatus.NEW
    value: AccountValue = AccountValue.C
    tier: Annotated[str, Meta(max_length=60)] = ""
    product_groups: Annotated[list[str], Meta(max_length=50)] = field(default_factory=list)
    language: Annotated[str, Meta(description="vi, en, or empty: not known.")] = ""
    since: date | None = None
    fields: Annotated[dict[str, str], Meta(max_length=50)] = field(default_factory=dict)


class AccountChange(Asked):
    """What is to be another; what is not given stays as it is."""

    name: Annotated[str, _NAME] | UnsetType = UNSET
    kind: AccountKind | UnsetType = UNSET
    reference: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    owner: Colleague | UnsetType = UNSET
    backup: Colleague | UnsetType = UNSET
    status: AccountStatus | UnsetType = UNSET
    value: AccountValue | UnsetType = UNSET
    tier: Annotated[str, Meta(max_length=60)] | UnsetType = UNSET
    product_groups: Annotated[list[str], Meta(max_length=50)] | UnsetType = UNSET
    language: str | UnsetType = UNSET
    since: date | UnsetType | None = UNSET
    fields: Annotated[dict[str, str], Meta(max_length=50)] | UnsetType = UNSET
    version: Version = None


class Person(Struct):
    """A contact: somebody outside, with every address that they are known by."""

    id: int
    name: str
    emails: list[str]
    phones: list[str]
    position: str
    language: str
    tier: str
    account: Annotated[int | None, Meta(description="The account they belong to.")]


class PersonList(Struct):
    """A page of an account's contacts."""

    items: list[Person]
    next: Annotated[str | None, Meta(description="Send it as `after`; null on the last page.")]


class NewPerson(Asked):
    """Somebody at an account, known already by their address or new.

    One of ``email`` and ``phone`` at least; who sends it vouches for both.
    """

    name: Annotated[str, Meta(max_length=200)] = ""
    email: Annotated[str, _EMAIL] = ""
    phone: Annotated[str, Meta(max_length=60)] = ""
    position: Annotated[str, Meta(max_length=100)] = ""
    language: str = ""


class PersonChange(Asked):
    """Where they belong, and what else they are known by; what is not given stays."""

    account: Annotated[int, Meta(ge=1, le=MOST_INT)] | UnsetType | None = UNSET
    position: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    email: Annotated[
        str, Meta(max_length=254, description="Another address that is truly theirs.")
    ] = ""
    phone: Annotated[
        str, Meta(max_length=60, description="Another number that is truly theirs.")
    ] = ""


class Milestone(Struct):
    """Something that has to be reached by a time."""

    id: int
    account: int | None
    conversation: int | None
    title: str
    owner: Colleague
    due_at: datetime
    warn_days: int
    public: Annotated[bool, Meta(description="The customer's page shows it.")]
    state: MilestoneState
    ended_at: datetime | None


class MilestoneList(Struct):
    """An account's milestones: what is planned by its time, then the last that are over."""

    items: list[Milestone]


class NewMilestone(Asked):
    """A milestone to be planned."""

    title: Annotated[str, _NAME]
    due_at: Annotated[datetime, Meta(tz=True)]
    owner: Colleague = None
    warn_days: Annotated[int, Meta(ge=0, le=180)] = 7
    public: bool = False


class MilestoneChange(Asked):
    """What is to be another; ``state``: it is reached, dropped, or planned after all."""

    title: Annotated[str, _NAME] | UnsetType = UNSET
    due_at: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET
    owner: Colleague | UnsetType = UNSET
    warn_days: Annotated[int, Meta(ge=0, le=180)] | UnsetType = UNSET
    public: bool | UnsetType = UNSET
    state: MilestoneState | UnsetType = UNSET
