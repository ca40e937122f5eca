"""What a sheet's columns may be called, and what may stand in their cells.

Everything is text until it is judged: a cell that cannot be used is a fault with its reason,
never a guess.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from inbox.channels.addresses import is_strict, normalise
from inbox.channels.numbers import e164
from inbox.channels.words import one_line
from inbox.triage.text import fold
from models import AccountKind, AccountStatus, AccountValue

MOST_CHARS = 200  # of a cell
MOST_FIELDS = 30  # of the company's own
OWN = "field:"
MOST_OWN = 60  # characters of an own field's name

# What each column may be called, folded; the first is what we call it ourselves.
NAMES: Mapping[str, tuple[str, ...]] = {
    "account": ("account", "company", "cong ty", "khach hang", "ten khach hang", "customer"),
    "reference": ("reference", "code", "ma", "ma khach hang", "customer code", "customer id"),
    "kind": ("kind", "loai", "loai khach hang"),
    "owner": ("owner", "account manager", "nguoi phu trach", "phu trach"),
    "backup": ("backup", "nguoi thay", "du phong"),
    "status": ("status", "trang thai", "tinh trang"),
    "value": ("value", "gia tri", "hang"),
    "tier": ("tier", "hang khach hang", "bac"),
    "product_groups": ("product groups", "products", "nhom san pham", "san pham"),
    "account_language": ("account language", "ngon ngu khach hang"),
    "since": ("since", "tu ngay", "khach hang tu"),
    "contact": ("contact", "name", "contact name", "ten", "ho ten", "ho va ten", "lien he"),
    "email": ("email", "e-mail", "mail", "thu dien tu", "dia chi email"),
    "phone": ("phone", "mobile", "telephone", "dien thoai", "so dien thoai", "sdt"),
    "position": ("position", "title", "chuc vu", "chuc danh"),
    "language": ("language", "ngon ngu"),
}
ACCOUNT_FIELDS = (
    *("account", "reference", "kind", "owner", "backup", "status", "value", "tier"),
    *("product_groups", "account_language", "since"),
)
CONTACT_FIELDS = ("contact", "email", "phone", "position", "language")

_BY_NAME = {name: key for key, names in NAMES.items() for name in names}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "kind": {
        **{one.value: one.value for one in AccountKind},
        **{"cong ty": AccountKind.COMPANY.value, "to chuc": AccountKind.COMPANY.value},
        **{"ca nhan": AccountKind.PERSON.value, "nguoi": AccountKind.PERSON.value},
    },
    "status": {
        **{one.value: one.value for one in AccountStatus},
        **{"moi": AccountStatus.NEW.value, "at risk": AccountStatus.AT_RISK.value},
        **{
            "dang hoat dong": AccountStatus.ACTIVE.value,
            "hoat dong": AccountStatus.ACTIVE.value,
        },
        **{"co nguy co": AccountStatus.AT_RISK.value, "rui ro": AccountStatus.AT_RISK.value},
        **{"da ket thuc": AccountStatus.ENDED.value, "ket thuc": AccountStatus.ENDED.value},
    },
    "value": {one.value.lower(): one.value for one in AccountValue},
    "language": {
        **{"vi": "vi", "vietnamese": "vi", "tieng viet": "vi"},
        **{"en": "en", "english": "en", "tieng anh": "en"},
    },
}
_DAY = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")
_PHONE = re.compile(r"\+?[0-9]{5,15}")
_APART = re.compile(r"[\s().\-]")

Fault = tuple[str, str, str]  # field, reason, what it is about


@dataclass(frozen=True, slots=True)
class Known:
    """What a cell may name: people by address, product groups by folded name."""

    agents: Mapping[str, int] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)
    region: str = ""  # the country of numbers that do not say theirs


def column_of(heading: str) -> str:
    """Return which field a heading means; "" if it is none that we know.

    The company's own fields are headed ``field:`` (or ``trường:``) and their name.
    """
    shown = one_line(heading)
    folded = fold(shown)
    for sign in (OWN, "truong:"):
        if folded.startswith(sign):
            own = shown[len(sign) :].strip()
            return f"{OWN}{own}" if 0 < len(own) <= MOST_OWN else ""
    return _BY_NAME.get(folded.replace("_", " "), "")


def is_field(name: str) -> bool:
    """Tell whether a column can be taken for this; "" is left out."""
    own = name.removeprefix(OWN) if name.startswith(OWN) else None
    return name == "" or name in NAMES or (own is not None and 0 < len(own) <= MOST_OWN)


def clean(cell: str) -> str:
    """Return a cell as one line, without the apostrophe that keeps it from being a formula."""
    text = cell.strip()
    if not text.isprintable() or "  " in text:
        text = one_line(cell)
    if len(text) > 1 and text[0] == "'" and text[1] in "=+-@＝＋－＠":
        return text[1:]
    return text


def check(cells: Mapping[str, str], known: Known) -> tuple[dict[str, str], list[Fault]]:
    """Return a row's cells as we keep them, and the faults of those that we cannot use."""
    kept: dict[str, str] = {}
    faults: list[Fault] = []
    for name, text in cells.items():
        if not text:
            continue
        if len(text) > MOST_CHARS:
            faults.append((name, "too_long", ""))
            continue
        read = _READ.get(name)
        found = read(text, known) if read is not None else text
        if found is None:
            faults.append((name, _REASON.get(name, "unknown"), text[:60]))
        else:
            kept[name] = found
    return kept, faults + _missing(kept, bool(faults))


def check_again(cells: Mapping[str, str], known: Known) -> tuple[dict[str, str], list[Fault]]:
    """Do what ``check`` does for cells that it has read before: who and what may be gone."""
    named = {name: cells[name] for name in _NAMING if name in cells}
    faults: list[Fault] = []
    for name, text in named.items():
        if _READ[name](text, known) is None:
            faults.append((name, _REASON[name], text[:60]))
    return dict(cells), faults


_NAMING = ("owner", "backup", "product_groups")


def _missing(kept: Mapping[str, str], is_faulty: bool) -> list[Fault]:
    """Return what a row lacks: it has to say which account or contact it is about."""
    has_account = "account" in kept or "reference" in kept
    has_contact = "email" in kept or "phone" in kept
    if is_faulty:
        return []
    if kept.get("owner") and kept.get("owner") == kept.get("backup"):
        return [("backup", "same_person", "")]
    if not has_account and not has_contact:
        return [("", "nothing", "")]
    about_account = [name for name in kept if name in ACCOUNT_FIELDS or name.startswith(OWN)]
    if about_account and not has_account:
        return [("account", "no_account", "")]
    if not has_contact and any(name in kept for name in CONTACT_FIELDS):
        return [("email", "no_address", "")]
    return []


def _word(kind: str) -> Callable[[str, Known], str | None]:
    def read(text: str, _known: Known) -> str | None:
        return _WORDS[kind].get(fold(text))

    return read


def _email(text: str, _known: Known) -> str | None:
    address = normalise(text)
    return address if is_strict(address) else None


def _phone(text: str, known: Known) -> str | None:
    number = _APART.sub("", text)
    if known.region:
        return e164(text, known.region) or None
    return number if _PHONE.fullmatch(number) else None


def _agent(text: str, known: Known) -> str | None:
    return text.lower() if text.lower() in known.agents else None


def _products(text: str, known: Known) -> str | None:
    names = [fold(one.strip()) for one in text.split(";") if one.strip()]
    if any(one not in known.products for one in names):
        return None
    return ";".join(dict.fromkeys(known.products[one] for one in names))


def _since(text: str, _known: Known) -> str | None:
    day = _DAY.fullmatch(text)
    try:
        found = (
            date(int(day[3]), int(day[2]), int(day[1]))
            if day is not None
            else date.fromisoformat(text)
        )
    except ValueError:
        return None
    return found.isoformat() if 1900 <= found.year <= 2200 else None


_READ: Mapping[str, Callable[[str, Known], str | None]] = {
    "kind": _word("kind"),
    "status": _word("status"),
    "value": _word("value"),
    "language": _word("language"),
    "account_language": _word("language"),
    "owner": _agent,
    "backup": _agent,
    "product_groups": _products,
    "since": _since,
    "email": _email,
    "phone": _phone,
}
_REASON = {
    **{"email": "no_email", "phone": "no_phone", "since": "no_date", "owner": "nobody"},
    **{"backup": "nobody", "product_groups": "no_product"},
}


def has_key(columns: Collection[str]) -> bool:
    """Tell whether a sheet's columns say of any row what it is about."""
    return not {"account", "reference", "email", "phone"}.isdisjoint(columns)
