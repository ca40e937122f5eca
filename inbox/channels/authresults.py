"""What the server that received a mail says of its sender: Authentication-Results (RFC 8601).

Anybody can write such a header, so only those of one named server are read: the one in front
of us, which by the same RFC takes away others in its name. Of several results of one method
the topmost counts, which is the one that was added last.
"""

import re
from collections.abc import Mapping

from inbox.channels.headers import split_head

METHODS = ("dkim", "spf", "dmarc", "arc")
RESULTS = frozenset(
    ("pass", "fail", "softfail", "neutral", "none", "policy", "temperror", "permerror")
)
HEAD_BYTES = 64 * 1024
MOST_HEADERS, MOST_CHARS = 20, 4000

_COMMENT = re.compile(r"\([^()]*\)")
_SERVER = re.compile(r"\s*([A-Za-z0-9._-]{1,253}|\"[^\"\\]{1,253}\")(?:\s+\d{1,3})?\s*")
_RESULT = re.compile(r"\s*([A-Za-z0-9-]{1,20})(?:\s*/\s*\d{1,3})?\s*=\s*([A-Za-z]{1,20})\b")
_DOMAIN = re.compile(r"\bheader\.(?:d|from|i)\s*=\s*@?\"?([A-Za-z0-9.-]{1,253})", re.IGNORECASE)


def read_results(raw: bytes, trusted: str) -> dict[str, str]:
    """Return what ``trusted`` (its authserv-id) found: a result by method, and ``by``.

    ``dkim_domain`` is whose signature it was. Empty where it says nothing, or nobody is
    trusted. A signature of several that is good makes ``dkim`` good.
    """
    trusted = trusted.strip().lower()
    if not trusted:
        return {}
    headers, _ = split_head(raw[:HEAD_BYTES])
    found: dict[str, str] = {}
    for value in headers.all("authentication-results")[:MOST_HEADERS]:
        for method, (result, domain) in _results(value[:MOST_CHARS], trusted).items():
            if method in found:
                continue
            found[method] = result
            if method == "dkim" and domain:
                found["dkim_domain"] = domain
    return {**found, "by": trusted} if found else {}


def is_disowned(found: Mapping[str, str]) -> bool:
    """Tell whether the sender's domain disowns a mail, by what ``read_results`` returned."""
    if "dmarc" in found and found["dmarc"] != "none":
        return found["dmarc"] == "fail"
    return found.get("spf") == "fail" and found.get("dkim") != "pass"


def _results(value: str, trusted: str) -> dict[str, tuple[str, str]]:
    plain = value
    for _ in range(5):  # comments may be nested
        plain, times = _COMMENT.subn(" ", plain)
        if not times:
            break
    server = _SERVER.match(plain)
    if server is None or server[1].strip('"').lower() != trusted:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for piece in plain[server.end() :].split(";")[1:]:
        said = _RESULT.match(piece)
        if said is None or said[1].lower() not in METHODS or said[2].lower() not in RESULTS:
            continue
        method, result = said[1].lower(), said[2].lower()
        domain = _DOMAIN.search(piece)
        if method not in found or (method == "dkim" and result == "pass"):
            found[method] = result, domain[1].lower() if domain else ""
    return found
