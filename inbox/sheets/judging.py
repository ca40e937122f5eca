"""What each row would do: to which account and contact, and why it cannot.

The same is asked twice: before anybody has said yes, and again in the transaction that brings
the rows in, for the world may have changed in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import repeat
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox import dialling
from inbox.sheets.fields import (
    ACCOUNT_FIELDS,
    CONTACT_FIELDS,
    NAMES,
    OWN,
    Fault,
    Known,
    check,
    check_again,
)
from inbox.sheets.reading import Line
from inbox.sheets.there import There
from inbox.store.products import list_names
from inbox.triage.text import fold
from models import Agent, RowOutcome
from models.base import columns

agents = columns(Agent)

_PLAIN = {
    "account": "name",
    "reference": "reference",
    "kind": "kind",
    "status": "status",
    "value": "value",
    "tier": "tier",
    "account_language": "language",
}
_WHO = ("owner", "backup")
SEVERAL = "several"

Changes = dict[str, Any]


@dataclass(slots=True)
class Plan:
    """What a row does to one account or one contact: ``id`` None makes it, under ``key``.

    ``before`` and ``after`` hold the columns that change; of a new one ``before`` is empty.
    """

    key: str
    id: int | None
    before: Changes = field(default_factory=dict)
    after: Changes = field(default_factory=dict)
    addresses: list[tuple[str, str]] = field(default_factory=list)  # that a contact gets
    is_again: bool = False  # an earlier row of the file has it in hand

    @property
    def word(self) -> str:
        """What happens to it: new, changed or same."""
        if self.is_again:
            return "same" if not self.after and not self.addresses else "changed"
        if self.id is None:
            return "new"
        return "changed" if self.after or self.addresses else "same"


@dataclass(slots=True)
class Judged:
    """A row, and what it does."""

    line: int
    cells: dict[str, str]
    wrong: list[Fault]
    account: Plan | None = None
    contact: Plan | None = None

    @property
    def outcome(self) -> RowOutcome:
        """The row as a whole."""
        if self.wrong:
            return RowOutcome.WRONG
        words = {plan.word for plan in (self.account, self.contact) if plan is not None}
        if "new" in words:
            return RowOutcome.NEW
        return RowOutcome.CHANGED if "changed" in words else RowOutcome.SAME

    def says(self) -> dict[str, Any]:
        """Return what happens, as the row keeps it."""
        plans = {"account": self.account, "contact": self.contact}
        return {
            name: [plan.word, sorted(plan.before)]
            for name, plan in plans.items()
            if plan is not None and not self.wrong
        }


@dataclass(slots=True)
class Seen:
    """What earlier rows of the same file say, by key: the line and the values.

    ``alias`` leads from an account's reference and name to its key.
    """

    alias: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    contacts: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)


def load_known(session: Session) -> Known:
    """Return whom and what cells may name."""
    staff = session.execute(select(agents.id, agents.email).where(agents.is_active.is_(True)))
    products = {fold(name): name for name in list_names(session)}
    return Known({row.email: row.id for row in staff}, products, dialling.region(session))


def read_cells(
    lines: Iterable[Line], known: Known, *, again: bool = False
) -> list[tuple[Line, list[Fault]]]:
    """Return each row with its cells as we keep them, and the faults of those we cannot use.

    ``again``: these cells were found good before.
    """
    found = []
    for one in lines:
        kept, faults = (check_again if again else check)(one.cells, known)
        if one.is_long:
            faults.append(("", "too_many_cells", ""))
        found.append((one if faults else Line(one.line, kept), faults))
    return found


def judge(
    session: Session, read: Sequence[tuple[Line, list[Fault]]], known: Known, seen: Seen
) -> list[Judged]:
    """Say of each row what it would do; ``seen`` remembers them for those that follow."""
    there = There(session, [line.cells for line, faults in read if not faults])
    rows = [Judged(line.line, line.cells, list(faults)) for line, faults in read]
    for row in rows:
        if not row.wrong:
            _judge(row, there, known, seen)
    return rows


def _judge(row: Judged, there: There, known: Known, seen: Seen) -> None:
    if "account" in row.cells or "reference" in row.cells:
        row.account = _account(row, there, known, seen)
    if not row.wrong and ("email" in row.cells or "phone" in row.cells):
        row.contact = _contact(row, there, seen)


def _account(row: Judged, there: There, known: Known, seen: Seen) -> Plan | None:
    cells = row.cells
    found = _find_account(row, there)
    key = "" if row.wrong else _key_of(row, found, seen)
    if not key:
        return None
    said = tuple(map(cells.get, ACCOUNT_FIELDS, repeat("")))
    own = _own_of(cells)
    said += tuple(f"{name}={cells[name]}" for name in own)
    first = seen.accounts.get(key)
    if first is not None and first[0] != row.line:  # its own, where a unit of work ran again
        return _again(row, key, first, said, known, seen)
    seen.accounts[key] = (row.line, said)
    after = account_values(cells, known)
    if found is None:
        return Plan(key, None, {}, after)
    if own:
        after["fields"] = {**found.fields, **after["fields"]}
    if after.get("folded") == found.folded:  # written otherwise, the name is still the same
        after |= {"name": found.name}
    before = {name: getattr(found, name) for name in after}
    return Plan(key, found.id, *_moved(before, after))


def _key_of(row: Judged, found: Any | None, seen: Seen) -> str:
    """Return by what the file's rows of one account are known; "" with a fault."""
    reference, name = row.cells.get("reference", ""), fold(row.cells.get("account", ""))
    if found is not None:
        key = f"id:{found.id}"
    elif reference and f"ref:{reference}" in seen.alias:
        key = seen.alias[f"ref:{reference}"]
    elif not name:
        row.wrong.append(("reference", "no_such_account", reference))
        return ""
    else:
        key = _key_by_name(row, name, reference, seen)
    if reference and key:
        seen.alias[f"ref:{reference}"] = key
    return key


def _key_by_name(row: Judged, name: str, reference: str, seen: Seen) -> str:
    """Return which account a row means that only the file knows, or makes."""
    known = seen.alias.get(f"name:{name}", "")
    if known == SEVERAL and not reference:
        row.wrong.append(("account", "several", row.cells["account"]))
        return ""
    if known not in ("", SEVERAL) and not (reference and _reference_of(seen, known)):
        return known
    made = f"new:{row.line}"
    seen.alias[f"name:{name}"] = SEVERAL if known else made
    return made


def _reference_of(seen: Seen, key: str) -> str:
    first = seen.accounts.get(key)
    return first[1][ACCOUNT_FIELDS.index("reference")] if first is not None else ""


def _again(
    row: Judged,
    key: str,
    first: tuple[int, tuple[str, ...]],
    said: tuple[str, ...],
    known: Known,
    seen: Seen,
) -> Plan | None:
    """Return what one more row of an account adds to what the first left open."""
    line, before = first
    number = int(key[3:]) if key.startswith("id:") else None
    if before == said:
        return Plan(key, number, is_again=True)
    other = _differs(before, said)
    if other:
        row.wrong.append((other, "differs", str(line)))
        return None
    count = len(ACCOUNT_FIELDS)
    more = {
        name: text
        for name, old, text in zip(ACCOUNT_FIELDS, before, said, strict=False)
        if text and not old
    }
    own = tuple(one for one in said[count:] if one not in before)
    merged = tuple(old or new for old, new in zip(before[:count], said[:count], strict=True))
    seen.accounts[key] = (line, (*merged, *before[count:], *own))
    more |= dict(one.split("=", 1) for one in own)
    after = account_values(more, known)
    return Plan(key, number, dict.fromkeys(after), after, is_again=True)


def _find_account(row: Judged, there: There) -> Any | None:
    """Return the account that a row means: by its reference, else by its name alone."""
    cells = row.cells
    reference, name = cells.get("reference"), cells.get("account")
    if reference is not None and reference in there.by_reference:
        return there.by_reference[reference]
    if name is None:
        return None
    called = there.by_name.get(fold(name), [])
    if reference is not None:  # one of the same name may get it, if it has none
        called = [one for one in called if one.reference is None]
        return called[0] if len(called) == 1 else None
    if len(called) > 1:
        row.wrong.append(("account", "several", name))
    return called[0] if len(called) == 1 else None


def _differs(first: tuple[str, ...], said: tuple[str, ...]) -> str:
    """Return the first field that two rows of one account say differently; "" if none."""
    names = ACCOUNT_FIELDS
    for name, one, other in zip(names, first, said, strict=False):
        if (
            one
            and other
            and one != other
            and not (name == "account" and fold(one) == fold(other))
        ):
            return name
    count = len(names)
    own = dict(one.split("=", 1) for one in first[count:])
    for text in said[count:]:
        name, _, value = text.partition("=")
        if own.get(name, value) != value:
            return name
    return ""


def account_values(cells: Mapping[str, str], known: Known) -> Changes:
    """Return an account's columns as a row's cells have them."""
    values: Changes = {column: cells[name] for name, column in _PLAIN.items() if name in cells}
    if "account" in cells:
        values["folded"] = fold(cells["account"])
    values |= {f"{who}_id": known.agents[cells[who]] for who in _WHO if who in cells}
    if "product_groups" in cells:
        values["product_groups"] = cells["product_groups"].split(";")
    if "since" in cells:
        values["since"] = date.fromisoformat(cells["since"])
    own = {name[len(OWN) :]: cells[name] for name in _own_of(cells)}
    return values | ({"fields": own} if own else {})


def _own_of(cells: Mapping[str, str]) -> list[str]:
    """Return the cells of the company's own fields; nearly always there is none."""
    return sorted(cells.keys() - NAMES.keys())


def _contact(row: Judged, there: There, seen: Seen) -> Plan | None:
    cells = row.cells
    kinds: tuple[str, ...] = ("email", "phone")
    addresses = [(kind, cells[kind]) for kind in kinds if kind in cells]
    known = {there.owners[one] for one in addresses if one in there.owners}
    if len(known) > 1:
        row.wrong.append(("phone", "other_contact", cells["phone"]))
        return None
    for kind, _ in there.erased.intersection(addresses):
        row.wrong.append((kind, "suppressed", ""))
        return None
    number = next(iter(known), None)
    if number is not None and there.contacts[number].restricted_at is not None:
        row.wrong.append((addresses[0][0], "restricted", ""))
        return None
    whose = row.account.key if row.account is not None else ""
    said = (*map(cells.get, CONTACT_FIELDS, repeat("")), whose)
    keys = [f"{kind}:{value}" for kind, value in addresses]
    keys += [f"id:{number}"] if number is not None else []
    firsts = {one for one in keys if seen.contacts.get(one, (row.line, ()))[0] != row.line}
    for first in sorted(firsts):
        line, other = seen.contacts[first]
        if other != said:
            place = addresses[0][0] if first.startswith("id:") else first.partition(":")[0]
            row.wrong.append((place, "twice", str(line)))
            return None
    key = keys[0]
    if firsts:
        return Plan(key, number, is_again=True)
    seen.contacts |= dict.fromkeys(keys, (row.line, said))
    new = [one for one in addresses if one not in there.owners]
    return _contact_plan(cells, key, there.contacts.get(number or 0), new, row.account)


def _contact_plan(
    cells: Mapping[str, str],
    key: str,
    found: Any | None,
    new: list[tuple[str, str]],
    account: Plan | None,
) -> Plan:
    after: Changes = {}
    for column, name in (
        ("name", "contact"),
        ("language", "language"),
        ("position", "position"),
    ):
        if name in cells:
            after[column] = cells[name]
    if found is None:
        return Plan(key, None, {}, after, new)
    before: Changes = {name: getattr(found, name) for name in after}
    plan = Plan(key, found.id, *_moved(before, after), new)
    if account is not None and found.account_id != account.id:
        plan.before["account_id"] = found.account_id
        plan.after["account_id"] = account.id
    elif account is not None and account.id is None:
        plan.before["account_id"] = found.account_id
        plan.after["account_id"] = None  # the one that its row makes
    return plan


def _moved(before: Changes, after: Changes) -> tuple[Changes, Changes]:
    """Leave out what stays as it is."""
    changed = [name for name in after if before[name] != after[name]]
    return {name: before[name] for name in changed}, {name: after[name] for name in changed}
