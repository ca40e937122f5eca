"""Find what the person wrote now: without quoted history, copied headers and signatures.

A line scanner: each line is looked at a fixed number of times and at a fixed length, so no
text can make it slow. When in doubt a line stays; the full text is always one click away.
"""

import re

from inbox.channels.quotewords import (
    FORWARDED,
    LABELS,
    ORIGINAL,
    QUOTING,
    REPLY_ABOVE,
    SAID_BY_PEOPLE,
    WROTE,
    WROTE_START,
)
from inbox.channels.signwords import (
    DEVICE_NAMES,
    DEVICES,
    MOBILE_STARTS,
    SENT_FIRST,
    SENT_LAST,
    SENT_STARTS,
    SIGN_OFFS,
)

MAX_CHARS = 256 * 1024
MAX_LINES = 10_000
_LOOK_CHARS = 400  # of one line
_ATTRIBUTION_LINES = 4
_MOST_LOOKED_AT = 500  # lines that could be one; no person's mail has so many
_HEADER_WINDOW = 10
_HEADER_LABELS = 3
_CARD_LINES = 12  # a signature is no longer than this
_SIGN_OFF_LINES = 6
_CLOSING_LINES = 40
_NAME_CHARS = 60
_LABEL_CHARS = 30
_SEPARATOR_CHARS = 120
_FOREIGN_LABELS = 3
_WHEN_CHARS = 40

_WROTE_WORDS = frozenset(word for word in WROTE if " " not in word)
# Those of which no single word is among them already.
_WROTE_PHRASES = tuple(
    words for words in WROTE if " " in words and _WROTE_WORDS.isdisjoint(words.split())
)
_MARKS = " \t*_-=>‐‑–—#|~\u00a0"
_ATTRIBUTION_MARKS = " \t*_\u00a0-"
_COLONS = ":："
# Marks that turn the direction of text about: nobody sees them, and they stand anywhere.
_UNSEEN = dict.fromkeys(
    [0x200B, 0x200E, 0x200F, 0xFEFF, 0x2060, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
_UNSEEN |= {0x2019: "'", 0x00A0: " ", 0x0130: "i"}
_ADDRESS = re.compile(r"[^\s<>@]{1,64}@[^\s<>@]{1,190}")
_BRACKETED = re.compile(r"[<(\[] ?(?:mailto:)?[^\s<>@]{1,64}@[^\s<>@]{1,190}")
_DATE_START = re.compile(
    r"[\"'*\[(]?(?:\d{1,4}[-./年년 ]|[^\W\d]{2,12}[.,]{0,2} \d{1,2}[.,: ])"
)
_CLOCK = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\d[:.]\d\d(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d\d")
# What programs of long ago wrote without "wrote": "2013/7/20 An <an@x>".
_BARE_DATE = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}(?: \d{1,2}:\d\d)?(?P<zone> GMT[+-]\d\d:\d\d)? \S.{0,150}"
)
_REPLY_ABOVE = re.compile("|".join(map(re.escape, sorted(REPLY_ABOVE))))
_RULED_WORDS = re.compile(r"[-_=*]{2,} ?([^-_=*]{3,100}?) ?[-_=*]{2,}")
_FOOTER = re.compile(r"_{30,}")
_FOOTER_LINES = 8
_SHARED_LINE = re.compile(r" On \w{3}, ")
_DASH_NAME = re.compile(r"-{2,} ?\w{1,40}")
_RULE = re.compile(r"[-_=*–—#+~ᐧ]{5,}|ᐧ|[-–—]{2}")
_HUG = re.compile(r">+\s*>*\s*\S.*<<+\s*$")
_MOBILE_CHARS = 80
_FEW_WORDS = 8


def visible_reply(text: str) -> str:
    """Return the new words of a reply; the whole text when nothing would be left.

    Reads at most 256 KiB and 10,000 lines. Answers between quoted lines stay, in order.
    """
    lines = text[:MAX_CHARS].replace("\r\n", "\n").replace("\r", "\n").split("\n", MAX_LINES)
    scan = _Scan(lines[:MAX_LINES])
    history = scan.history()
    kept = _without_signature(scan.own_lines(0, history))
    if not kept and history < len(scan.lines):
        # Nothing stands above: a forwarded mail, or an answer below the quotation.
        history += scan.attribution(history)
        kept = _without_signature(scan.own_lines(history, len(scan.lines)))
    return "\n".join(kept) or "\n".join(_trim(scan.lines))


class _Scan:
    """The lines of a mail and what each of them looks like, found out once."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.bare = [line[:_LOOK_CHARS].translate(_UNSEEN).strip() for line in lines]
        self.quoted = [bare[:1] == ">" and not _HUG.match(bare) for bare in self.bare]
        self.labels = [_label(bare) for bare in self.bare]
        self._sizes: dict[int, int] = {}  # of attributions
        self.ends = [_may_end_attribution(bare) for bare in self.bare]

    def history(self) -> int:
        """Return the line where everything further down is history."""
        for at, bare in enumerate(self.bare):
            if not bare or self.quoted[at]:
                continue
            if (_is_separator(bare) and self._worth(at)) or self._is_header_block(at):
                return at
            if not self.ends_soon(at):
                continue
            if _shared(bare):
                self.lines[at] = self.lines[at][: self.lines[at].index(" On ")]
                self.ends[at] = False
                return at + 1
            size = self.attribution(at)
            # Quoted lines may have answers between them: they are taken out one by one.
            if size and not self._quote_follows(at + size):
                return at
        return len(self.lines)

    def own_lines(self, start: int, end: int) -> list[str]:
        """Return the lines that are neither quoted nor an attribution above a quotation."""
        kept: list[str] = []
        at = start
        while at < end:
            size = 1
            if self.quoted[at]:
                # One blank line stands for what was taken out.
                if kept and kept[-1]:
                    kept.append("")
            elif (found := self.attribution(at)) and self._quote_follows(at + found):
                size = found
            elif self.bare[at] or not kept or kept[-1] or not self._quoted_before(at):
                kept.append(self.lines[at].rstrip())
            at += size
        return _trim(kept)

    def _quoted_before(self, at: int) -> bool:
        return at > 0 and self.quoted[at - 1]

    def _worth(self, at: int) -> bool:
        return any(self.bare[at + 1 : at + _HEADER_WINDOW])

    def _is_header_block(self, at: int) -> bool:
        """Tell whether a From/Sent/To/Subject block begins here."""
        first = self.labels[at]
        if not first:
            return self._is_foreign_block(at)
        if first not in ("from", "sent", "to", "subject"):
            return False
        found = {first}
        blank = 0
        for number in range(at + 1, min(at + _HEADER_WINDOW, len(self.bare))):
            kind = self.labels[number]
            if kind:
                found.add(kind)
            elif not self.bare[number]:
                blank += 1
                if blank > len(found):
                    break
            elif blank:
                break
        return ("from" in found and len(found) >= _HEADER_LABELS) or self._is_foreign_block(at)

    def _is_foreign_block(self, at: int) -> bool:
        """Tell whether lines like ``Name: An <an@x>`` and one with a date stand here.

        In a language that we have no words for; so the address has to be in brackets.
        """
        if "@" not in self.bare[at]:
            return False
        rows = self.bare[at : at + _FOREIGN_LABELS]
        if len(rows) < _FOREIGN_LABELS or not all(_has_label(row) for row in rows):
            return False
        return _BRACKETED.search(rows[0]) is not None and any(
            _CLOCK.search(row) for row in rows[1:]
        )

    def ends_soon(self, at: int) -> bool:
        """Tell whether a line that can end an attribution is near."""
        return True in self.ends[at : at + _ATTRIBUTION_LINES]

    def attribution(self, at: int) -> int:
        """Return how many lines an ``On …, … wrote:`` takes up from here, or 0."""
        if not self.ends_soon(at):
            return 0
        if at not in self._sizes:
            if len(self._sizes) >= _MOST_LOOKED_AT:
                return 0
            self._sizes[at] = self._attribution(at)
        return self._sizes[at]

    def _attribution(self, at: int) -> int:
        bare = self.bare[at].strip(_ATTRIBUTION_MARKS)
        if _is_bare_date(bare) and (at == 0 or not self.bare[at - 1]):
            return 1
        start = bare.casefold()
        # Some languages start with a name or a date; then an address has to be there too.
        known = start.startswith(WROTE_START)
        if not known and not _may_start_attribution(start):
            return 0
        firm = known and any(letter.isdigit() for letter in start)
        joined = ""
        for size in range(1, min(_ATTRIBUTION_LINES, len(self.bare) - at) + 1):
            bare = self.bare[at + size - 1].strip(_ATTRIBUTION_MARKS + ">")
            if size > 1 and not firm and bare.casefold().startswith(WROTE_START):
                return 0  # it begins there, not here
            if not bare and not (size > 1 and joined.endswith(",")):
                return 0
            joined = f"{joined} {bare}".strip()
            if len(joined) > _LOOK_CHARS:
                return 0
            if self.ends[at + size - 1] and self._says_wrote(joined, at + size, known=known):
                return size
        return 0

    def _says_wrote(self, joined: str, below: int, *, known: bool) -> bool:
        quoted = self._quote_follows(below)
        return _says_wrote(joined, known=known, quoted=quoted) and (
            quoted or _is_certain(joined)
        )

    def _quote_follows(self, at: int) -> bool:
        for bare in self.bare[at : at + 3]:
            if bare:
                return bare[0] == ">"
        return False


def _may_start_attribution(start: str) -> bool:
    return (
        _DATE_START.match(start) is not None
        or _CLOCK.search(start) is not None
        or _ADDRESS.search(start) is not None
        or "<" in start
    )


def _may_end_attribution(bare: str) -> bool:
    ended = bare.rstrip("*_ \u00a0>-")
    if not ended:
        return False
    return (
        ended[-1] in _COLONS
        or ((ended[-1].isalpha() or ended[-1] == ")") and ended.casefold().endswith(WROTE))
        or _is_bare_date(bare)
    )


def _is_bare_date(bare: str) -> bool:
    """Tell whether a line is nothing but a date and who wrote, without the word for it."""
    match = _BARE_DATE.fullmatch(bare)
    return match is not None and (
        match["zone"] is not None or (bare.endswith(">") and "@" in bare and "<" in bare)
    )


def _has_label(bare: str) -> bool:
    head, colon, rest = bare[:_NAME_CHARS].replace("：", ":").partition(":")
    return bool(colon and rest.strip()) and 0 < len(head.strip()) <= _LABEL_CHARS


def _is_certain(joined: str) -> bool:
    """Tell whether a time, a year or an address says that a mail program wrote this."""
    return (_CLOCK.search(joined) or _ADDRESS.search(joined)) is not None


def _is_separator(bare: str) -> bool:
    """Tell whether a line is ``-----Original Message-----`` in some language."""
    if found := _RULED_WORDS.match(bare):
        # What was copied may go on behind it on the same line.
        words = found[1].casefold()
        if words in ORIGINAL or words in FORWARDED or words.startswith("forwarded by "):
            return True
    if len(bare) > _SEPARATOR_CHARS:
        return False
    words = bare.strip(_MARKS + _COLONS).casefold()
    return (
        words in FORWARDED
        or (words in ORIGINAL and bare[0] in "-_=*–—#|")
        or _REPLY_ABOVE.search(words) is not None
    )


def _label(bare: str) -> str:
    """Return which copied header a line is ("from", "sent" …), or ""."""
    head, colon, _ = bare[:_NAME_CHARS].replace("：", ":").partition(":")
    if not colon or len(head) > _LABEL_CHARS:
        return ""
    return LABELS.get(head.strip(_MARKS).casefold(), "")


def _says_wrote(joined: str, *, known: bool, quoted: bool) -> bool:
    folded = joined.casefold()
    ended = folded.rstrip(" :：*_\u00a0>-")
    has_colon = any(mark in folded[len(ended) :] for mark in _COLONS)
    if ended.endswith(WROTE) and (has_colon or "@" in folded):
        return True
    if not has_colon:
        return False
    addressed = _ADDRESS.search(joined) is not None
    if ended.endswith(SAID_BY_PEOPLE) or folded.startswith(QUOTING):
        return quoted or addressed
    # "Op 3 mei schreef An <an@x>:": the word stands before the name.
    if word := _wrote_inside(ended):
        return known or addressed or _wrote_when(ended, word)
    # A date, an address and a colon at the end say it in any language.
    return _CLOCK.search(joined) is not None and (
        (addressed and quoted) or _BRACKETED.search(joined) is not None
    )


def _wrote_inside(ended: str) -> str:
    """Return the word for writing that stands between others, or ""."""
    found = _WROTE_WORDS.intersection(ended.split(" ")[:-1])
    return next(iter(found), "") or next(
        (words for words in _WROTE_PHRASES if f" {words} " in ended), ""
    )


def _wrote_when(ended: str, word: str) -> bool:
    """Tell whether ``An wrote on 14.07.2026 09:15`` ends with the time."""
    when = ended.partition(f" {word} ")[2]
    return len(when) <= _WHEN_CHARS and _CLOCK.search(when) is not None and when[-1:].isalnum()


def _shared(bare: str) -> bool:
    """Tell whether an attribution sits behind the answer on the same line."""
    return bare.endswith("wrote:") and _SHARED_LINE.search(bare) is not None


def _trim(lines: list[str]) -> list[str]:
    """Drop blank lines and rules at both ends, and runs of blank lines inside."""
    start, end = 0, len(lines)
    while end > start and (
        not lines[end - 1].strip() or _RULE.fullmatch(lines[end - 1].strip())
    ):
        end -= 1
    while start < end and not lines[start].strip():
        start += 1
    return lines[start:end]


def _without_signature(lines: list[str]) -> list[str]:
    words = [at for at, line in enumerate(lines) if line.strip()]
    for number, at in enumerate(words):
        bare = lines[at][: _LOOK_CHARS + 1].translate(_UNSEEN).strip()
        if len(bare) > _LOOK_CHARS:
            continue
        left = len(words) - number - 1
        if bare in ("--", "—", "––"):
            if left <= _CARD_LINES * 2 or lines[at] == "-- ":
                return _trim(lines[:at])
        elif bare in ("__", "___") and number and left <= _SIGN_OFF_LINES:
            return _trim(lines[:at])
        elif number and left <= _CLOSING_LINES:
            rest = [lines[later].strip() for later in words[number + 1 :]]
            if _closes(bare, rest):
                return _trim(lines[:at])
    return lines


def _closes(bare: str, rest: list[str]) -> bool:
    """Tell whether the text ends here and only a name, a card or an advert follows."""
    if _is_mobile(bare) and len(bare) < _NAME_CHARS * 2:
        return len(rest) <= _CARD_LINES // 2 or all(_is_mobile(line) for line in rest)
    if bare.casefold().rstrip(" ,.!-") in SIGN_OFFS:
        return len(rest) <= _SIGN_OFF_LINES and all(len(line) <= _NAME_CHARS for line in rest)
    if _FOOTER.fullmatch(bare):
        return 0 < len(rest) <= _FOOTER_LINES  # of a mailing list
    return _DASH_NAME.fullmatch(bare) is not None and len(rest) <= _SIGN_OFF_LINES


def _is_mobile(line: str) -> bool:
    """Tell whether a phone or a mail program put this under the message."""
    bare = line.translate(_UNSEEN).casefold().lstrip("(<[*_ ")
    if bare.startswith(MOBILE_STARTS):
        return True
    if bare.startswith(SENT_STARTS):
        bare = re.split(r"[(<\[]", bare, maxsplit=1)[0]
        thing, *more = re.split(r"[,.;] ", bare, maxsplit=1)
        few = not more and len(bare.split()) <= _FEW_WORDS
        return few or any(device in thing for device in DEVICES)
    if len(bare) > _MOBILE_CHARS:
        return False
    if "outlook" in bare and ("ios" in bare or "android" in bare):
        return True
    said = bare.startswith(SENT_FIRST) or bare.rstrip(" .!>)]").endswith(SENT_LAST)
    return said and any(device in bare for device in DEVICE_NAMES)
