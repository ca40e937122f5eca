"""Does a text say of itself that a machine wrote it? For mail whose headers say nothing."""

import re

LAST_CHARS = 1500  # they say so at the end
_WORDS = re.compile(
    r"(?:message|mail|e-?mail|reply|notification) (?:was|is|has been) "
    r"(?:sent|generated|created) automatically|"
    r"(?:is an?|this) (?:automatic|automated|auto-generated|automatically generated) "
    r"(?:message|mail|e-?mail|reply|response|notification)|"
    r"do not (?:reply|respond) to this (?:message|mail|e-?mail)|"
    r"(?:thư|tin|tin nhắn|e-?mail) (?:này )?(?:được|là) (?:thư |tin |e-?mail )?"
    r"(?:gửi )?tự động|"
    r"(?:không|đừng) trả lời (?:thư|e-?mail|tin nhắn) này",
    re.IGNORECASE,
)


def says_so(visible: str, text: str = "") -> bool:
    """Tell whether what was written, or the signature under it, says that nobody wrote it.

    ``text`` is all there is; what is quoted in it is another's and does not count.
    """
    end = visible.rstrip()[-LAST_CHARS:]
    own = f"{end}\n{_signature(end, text)}"
    return _WORDS.search(" ".join(own.split())) is not None


def _signature(end: str, text: str) -> str:
    """Return what stands under the visible words, up to a quote."""
    _, found, after = text.rpartition(end[-80:]) if end else ("", "", "")
    if not found:
        return ""
    lines = []
    for line in after[:LAST_CHARS].splitlines():
        if line.lstrip().startswith(">") or line.rstrip().endswith(":"):
            break
        lines.append(line)
    return "\n".join(lines)
