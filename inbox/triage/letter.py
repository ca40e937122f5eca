"""What of a mail's text is its message: not greeting, signature or quoted mail."""

import re
from collections.abc import Iterator

Span = tuple[int, int]

_MOST_LINES = 400  # more, and the rest is taken as it is
_SIGNATURE_LINES = 8  # after "Best regards"; more, and it was no closing line
_LEAST_WORDS = 3  # fewer left, and nothing is cut: "hello" alone is a message
_LONGEST_EDGE = 60  # characters of a greeting or closing line

# All patterns read folded text (no case, no marks). Bounded repeats only.
_GREETING = re.compile(
    r"(?:dear|hi|hello|hey|good (?:morning|afternoon|evening|day)|to whom it may concern"
    r"|kinh (?:gui|chao|thua)|xin chao|chao|than gui|em chao|a ?lo)\b[^.?!\n]{0,50}[,.!:]?\s*$"
)
_CLOSING = re.compile(
    r"(?:(?:best|kind|kindest|warm|many)? ?(?:regards|wishes)|thanks (?:and|&) regards"
    r"|yours (?:sincerely|faithfully|truly)|sincerely(?: yours)?|cheers|best"
    r"|many thanks|thanks(?: in advance| again)?|thank you(?: very much| in advance)?"
    r"|(?:xin )?tran trong(?: cam on| kinh chao)?|than men|than ai|kinh thu|thay mat"
    r"|(?:xin |em )?(?:chan thanh )?cam on(?: a| nhieu| truoc)?|b\.?r|rgds)[ ,.!]{0,5}$"
)
_SIGNATURE = re.compile(
    r"--\s?$|__{2,}$|(?:sent from my|get outlook for|gui tu|duoc gui tu) .{1,40}$"
)
_QUOTED = re.compile(r"\s{0,8}[>|]")
_REST_IS_QUOTE = re.compile(
    r"(?:on|vao|luc) .{4,120} (?:wrote|da viet|viet) ?:\s*$"
    r"|-{2,20} ?(?:original|forwarded) message ?-{0,20}"
    r"|-{2,20} ?(?:thu goc|thu chuyen tiep|tin nhan goc|tin nhan chuyen tiep) ?-{0,20}"
    r"|begin forwarded message:|_{10,60}\s*$"
)


def evidence(folded: str, begins: int = 0) -> list[Span]:
    """Return the parts of a folded text that say what is asked, as (start, end) in order.

    The mail begins at ``begins``, after its subject. A text of one line is one part. Where
    cutting leaves next to nothing, all of it counts.
    """
    whole = [(begins, len(folded))]
    if folded.find("\n", begins) < 0:
        return whole
    lines = list(_lines(folded, begins))
    kept = _without_quotes(folded, lines)
    kept = _without_ends(folded, kept)
    words = sum(len(folded[start:end].split()) for start, end in kept)
    return kept if words >= _LEAST_WORDS else whole


def _lines(folded: str, start: int) -> Iterator[Span]:
    for _ in range(_MOST_LINES):
        end = folded.find("\n", start)
        if end < 0:
            break
        yield start, end
        start = end + 1
    yield start, len(folded)


def _without_quotes(folded: str, lines: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for start, end in lines:
        line = folded[start : min(end, start + 200)].strip()
        if kept and (_REST_IS_QUOTE.match(line) or _SIGNATURE.match(line)):
            break
        if line and not _QUOTED.match(line):
            kept.append((start, end))
    return kept


def _without_ends(folded: str, lines: list[Span]) -> list[Span]:
    """Drop a greeting line at the start, and a closing line with the name below it.

    A last line that thanks stays: it may be all that the message says.
    """
    first = 0
    if lines and _is_edge(folded, lines[0], _GREETING):
        first = 1
    for place in range(max(first + 1, len(lines) - _SIGNATURE_LINES), len(lines) - 1):
        if _is_edge(folded, lines[place], _CLOSING):
            return lines[first:place]
    return lines[first:]


def _is_edge(folded: str, line: Span, pattern: re.Pattern[str]) -> bool:
    start, end = line
    return end - start <= _LONGEST_EDGE and pattern.match(folded[start:end].strip()) is not None
