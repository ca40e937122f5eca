"""Customers of the sample company whom somebody looks after."""

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlmodel import Session

from inbox.accounts import contacts, keeping
from inbox.accounts.keeping import Draft
from inbox.store.people import find_agent_by_email, find_contact
from models import Account, AccountKind
from models.base import columns

AT = "@demo.example"


@dataclass(frozen=True, slots=True)
class Sample:
    """One of them: its people by the addresses from which they wrote, and what they do."""

    name: str
    owner: str
    backup: str
    status: str
    value: str
    since: date
    people: dict[str, str]
    kind: str = AccountKind.COMPANY.value
    fields: dict[str, str] = field(default_factory=dict)


SAMPLES = (
    Sample(
        "Khách sạn Sông Thương",
        *("agent", "lananh", "active", "A", date(2022, 3, 14)),
        {
            "thutrang.nguyen@khach.example": "trưởng buồng phòng",
            "thanhtung.ngo@khach.example": "kỹ thuật",
            "phuongthao.mai@khach.example": "kế toán",
        },
        fields={"Mã số thuế": "0109876543", "Số phòng": "64"},
    ),
    Sample(
        "Chuỗi cà phê Hạt Nâu",
        *("agent", "mai", "at_risk", "A", date(2023, 9, 1)),
        {
            "vanson.trinh@khach.example": "giám đốc vận hành",
            "thaovy.ha@khach.example": "quản lý cửa hàng",
        },
    ),
    Sample(
        "Willow & Pine Apartments",
        *("agent", "lananh", "active", "B", date(2024, 6, 20)),
        {
            "sophie.lindqvist@customer.example": "facility manager",
            "samuel.adeyemi@customer.example": "caretaker",
        },
    ),
    Sample(
        "Nha khoa Tường Vi",
        *("lananh", "agent", "new", "B", date(2026, 10, 5)),
        {"tuongvi.mac@khach.example": "bác sĩ"},
    ),
    Sample(
        "Tessa Wilder",
        *("agent", "", "active", "C", date(2025, 1, 9)),
        {"tessa.wilder@customer.example": ""},
        kind=AccountKind.PERSON.value,
    ),
)


def create(session: Session, now: datetime) -> None:
    """Enter the sample's customers, unless there are any."""
    if session.execute(select(columns(Account).id).limit(1)).first() is not None:
        return
    for one in SAMPLES:
        draft = Draft(
            one.name,
            kind=one.kind,
            owner_id=_agent(session, one.owner),
            backup_id=_agent(session, one.backup),
            status=one.status,
            value=one.value,
            since=one.since,
            fields=one.fields,
        )
        made = keeping.create_account(session, draft, by=None, now=now)
        for address, position in one.people.items():
            person = find_contact(session, "email", address)
            if person is not None:
                contacts.put_contact_into_account(
                    session, person.id, made, position=position, by=None, now=now
                )


def _agent(session: Session, name: str) -> int | None:
    found = find_agent_by_email(session, name + AT) if name else None
    return found.id if found is not None else None
