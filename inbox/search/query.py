"""Read what somebody typed into the search box: words, phrases, operators. Pure.

``đơn hàng -hủy from:lan is:late before:2026-11-30 "giao hỏa tốc"``; operators have Vietnamese
names too (``từ:lan là:trễ trước:30/11/2026``), with or without accents.
"""

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from inbox.clock import read_day
from inbox.errors import Invalid
from inbox.search.tokens import parts_of, phone_at, squeezed, telephone, words_of
from inbox.templating import N_
from inbox.triage.text import fold

MOST_CHARACTERS = 500
MOST_TERMS = 24

TOO_LONG = N_("A search takes at most %(most)s characters.")
TOO_MANY = N_("A search takes at most %(most)s words.")
NEEDS_DATE = N_("%(operator)s needs a date such as 2026-11-30 or 30/11/2026.")
NEEDS_WORD = N_("%(operator)s needs a word right after the colon.")
NEEDS_ONE_OF = N_("%(operator)s needs one of: %(choices)s.")

FIELDS = {"from": "f", "to": "t", "subject": "s", "file": "n"}
"""Operators whose value is looked for in one field, and the field's mark in the index."""
NAMED = ("type", "owner", "team", "inbox", "channel", "tag")
"""Operators whose value is a name that only the database knows."""
_SAME: dict[str, tuple[str, ...]] = {
    "from": ("tu",),
    "to": ("toi", "den"),
    "subject": ("tieu-de", "tieude"),
    "file": ("tep", "filename"),
    "type": ("loai",),
    "urgency": ("khan", "do-khan", "dokhan", "priority"),
    "owner": ("phu-trach", "phutrach"),
    "team": ("nhom",),
    "inbox": ("hop-thu", "hopthu"),
    "channel": ("kenh",),
    "status": ("trang-thai", "trangthai"),
    "is": ("la",),
    "has": ("co",),
    "before": ("truoc",),
    "after": ("sau", "since"),
    "tag": ("nhan",),
}
OPERATORS = {name: name for name in _SAME} | {
    other: name for name, others in _SAME.items() for other in others
}
_ENGLISH = ("priority", "filename", "since")  # the others there are Vietnamese
# What else may be typed for each choice, with accents or without; the first is shown.
_STATUS = {
    "open": ("đang-mở", "mở"),
    "waiting": ("chờ-khách", "chờ"),
    "snoozed": ("tạm-gác", "gác", "hẹn", "hẹn-lại"),
    "resolved": ("đã-xong", "xong", "done"),
    "spam": ("thư-rác", "rác"),
    "merged": ("đã-gộp", "gộp"),
}
_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "status": _STATUS,
    "is": {
        "late": ("trễ", "trễ-hạn", "quá-hạn", "overdue"),
        "unassigned": ("chưa-giao", "unowned"),
        "mine": ("của-tôi", "me"),
        "unread": ("chưa-đọc",),
        **_STATUS,
    },
    "has": {
        "file": ("tệp", "đính-kèm", "attachment", "files"),
        "note": ("ghi-chú", "notes"),
        "reply": ("trả-lời",),
    },
    "urgency": {
        "urgent": ("khẩn", "khẩn-cấp", "p1"),
        "high": ("cao", "p2"),
        "normal": ("thường", "bình-thường", "p3"),
        "low": ("thấp", "p4"),
    },
}
_DAYS = {"today": 0, "hom-nay": 0, "yesterday": 1, "hom-qua": 1}
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "\0": " "})
_PIECE = re.compile(
    r"""(?P<minus>-?)(?:(?P<name>[^\W\d_][\w-]{0,20}):)?(?:"(?P<quoted>[^"]*)"?|(?P<bare>[^\s"]+))""",
)
_EMPTY = re.compile(r"-?(?P<name>[^\W\d_][\w-]{0,20}):(?=\s|$)")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})\Z")
_OURS = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\Z")


class Unclear(Invalid):
    """A search that cannot be understood; ``sentence`` and ``values`` say it in a language."""

    def __init__(self, sentence: str, **values: Any) -> None:
        super().__init__(sentence % values)
        self.sentence = sentence
        self.values = values


@dataclass(frozen=True, slots=True)
class Term:
    """One thing to be found: any of its ways, each a row of words that stand together."""

    ways: tuple[tuple[str, ...], ...]
    negated: bool = False
    prefix: bool = False  # its last word may go on
    mark: str = ""  # of a field, else anywhere


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on the conversation itself."""

    name: str
    value: str  # folded; of a choice the English one
    negated: bool = False
    said: str = ""  # as it was typed
    operator: str = field(default="", compare=False)  # likewise, with its colon


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked for."""

    text: str = ""
    terms: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()
    before: date | None = None  # it began earlier
    after: date | None = None  # something happened on that day or later
    words: tuple[str, ...] = field(default=())  # to be shown where they stand, folded

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.terms or self.filters or self.before or self.after)

    @property
    def plain(self) -> tuple[Term, ...]:
        """The terms that a name may answer too; none where the query has any operator."""
        other = self.filters or self.before or self.after
        if other or any(term.mark or term.negated for term in self.terms):
            return ()
        return self.terms


def parse(text: str, today: date) -> Query:
    """Return what a text asks for.

    Raises
    ------
    Unclear
        If it is too long, or an operator has no fitting value.
    """
    cleaned = " ".join(text.translate(_QUOTES).split())
    if len(cleaned) > MOST_CHARACTERS:
        raise Unclear(TOO_LONG, most=MOST_CHARACTERS)
    reading = _Reading(today)
    at = 0
    while at < len(cleaned):
        at = reading.take(cleaned, at)
    if len(reading.terms) + len(reading.filters) > MOST_TERMS:
        raise Unclear(TOO_MANY, most=MOST_TERMS)
    return Query(
        cleaned,
        tuple(reading.terms),
        tuple(reading.filters),
        reading.before,
        reading.after,
        tuple(dict.fromkeys(reading.words)),
    )


class _Reading:
    """What was read so far."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.terms: list[Term] = []
        self.filters: list[Filter] = []
        self.words: list[str] = []
        self.before: date | None = None
        self.after: date | None = None

    def take(self, text: str, at: int) -> int:
        """Read the piece at a place; return where the next one may begin."""
        if text[at] == " ":
            return at + 1
        empty = _EMPTY.match(text, at)
        if empty and operator_of(empty["name"]):
            raise self._needs(operator_of(empty["name"]), empty["name"])
        if text[at] in "+0(" and (phone := phone_at(text, at)):
            self._add(text[at : phone[0]], phone[1])
            return phone[0]
        piece = _PIECE.match(text, at)
        if piece is None:  # a lone quotation mark
            return at + 1
        self._read(piece)
        return piece.end()

    def _read(self, piece: re.Match[str]) -> None:
        negated = bool(piece["minus"])
        said = piece["quoted"] if piece["quoted"] is not None else piece["bare"]
        name = operator_of(piece["name"] or "")
        if not name and piece["name"]:
            # "Re:x" or "12h:x" is no operator of ours: words as they stand
            said = f"{piece['name']}:{said}"
        if name in FIELDS:
            self._field(name, said, negated, piece["name"])
        elif name in ("before", "after"):
            setattr(self, name, _date(said, self.today, piece["name"]))
        elif name:
            self._filter(name, said, negated, piece["name"])
        elif piece["quoted"] is not None:
            self._quote(said, negated)
        else:
            self._add(said, negated=negated)

    def _field(self, name: str, said: str, negated: bool, typed: str) -> None:
        term = _term(said, negated=negated, mark=FIELDS[name])
        if term is None:
            raise self._needs(name, typed)
        self.terms.append(term)
        if not negated:
            self.words += words_of(said)

    def _filter(self, name: str, said: str, negated: bool, typed: str) -> None:
        value = " ".join(fold(said).split())
        if not value:
            raise self._needs(name, typed)
        for one in value.split(",") if name not in ("owner", "inbox") else [value]:
            chosen = one.strip()
            if name in _CHOICES:
                chosen = _choice(name, chosen, typed)
            self.filters.append(Filter(name, chosen, negated, said, f"{typed}:"))

    def _quote(self, said: str, negated: bool) -> None:
        words = tuple(words_of(said))
        if words:
            self.terms.append(Term((words,), negated))
            self.words += () if negated else words

    def _add(self, said: str, digits: str = "", *, negated: bool = False) -> None:
        term = _term(said, digits, negated=negated)
        if term is not None:
            self.terms.append(term)
            self.words += () if negated else [word for way in term.ways for word in way]

    @staticmethod
    def _needs(name: str, typed: str) -> Unclear:
        operator = f"{typed}:"
        if name in ("before", "after"):
            return Unclear(NEEDS_DATE, operator=operator)
        if name in _CHOICES:
            return _needs_one_of(name, typed)
        return Unclear(NEEDS_WORD, operator=operator)


def operator_of(typed: str) -> str:
    """Return the operator that somebody means, or ""."""
    return OPERATORS.get(fold(typed), "")


def _term(said: str, digits: str = "", *, negated: bool = False, mark: str = "") -> Term | None:
    """Return a term with every way in which it may have been written; None without a word."""
    words = tuple(words_of(said))
    if not words:
        return None
    folded = fold(said)
    ways = [words]
    if len(words) > 1 and any(character.isdigit() for character in folded):
        ways.append((squeezed(folded),))
    if len(words) == 1 and len(parts := parts_of(words[0])) > 1:
        ways.append(tuple(parts))
    number = digits or (words[0] if len(words) == 1 and words[0].isdigit() else "")
    if number:
        ways += [(number,), (telephone(number),)]
    prefix = said.endswith("*")
    return Term(tuple(dict.fromkeys(ways)), negated, prefix, mark)


def _choice(name: str, value: str, typed: str) -> str:
    bare = value.replace(" ", "-").replace("_", "-")
    for choice, others in _CHOICES[name].items():
        if bare == choice or bare in map(fold, others):
            return choice
    raise _needs_one_of(name, typed)


def _needs_one_of(name: str, typed: str) -> Unclear:
    """Say what may stand after an operator, in the language that it was typed in."""
    known = _CHOICES[name]
    is_english = fold(typed) in (name, *_ENGLISH)
    choices = list(known) if is_english else [others[0] for others in known.values()]
    return Unclear(NEEDS_ONE_OF, operator=f"{typed}:", choices=", ".join(choices))


def _date(said: str, today: date, typed: str) -> date:
    bare = fold(said).strip().replace(" ", "-")
    if bare in _DAYS:
        return today - timedelta(days=_DAYS[bare])
    try:
        if match := _ISO.match(bare):
            return read_day(f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}")
        if match := _OURS.match(bare):
            return read_day(f"{match[3]}-{match[2]:0>2}-{match[1]:0>2}")
    except ValueError:
        pass  # there is no such day: said below
    raise Unclear(NEEDS_DATE, operator=f"{typed}:")
