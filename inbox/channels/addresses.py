"""E-mail addresses: read from any header in linear time, and checked before any use."""

import re
from dataclasses import dataclass

MAX_ADDRESSES = 100
MAX_ADDRESS_CHARS = 254

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_FIND = re.compile(r"[^\s<>()\[\],;:\"@]{1,64}@[^\s<>()\[\],;:\"@]{1,190}")


@dataclass(frozen=True, slots=True)
class Address:
    """A display name as written (still undecoded) and an address, either may be ""."""

    name: str
    address: str


def is_strict(address: str) -> bool:
    """Tell whether an address is plain enough to be put on an envelope.

    Printable ASCII, one ``@``, no quotes, comments, brackets or routes, at most 254
    characters. Stricter than RFC 5321 on purpose: everything else is refused, not repaired.
    """
    if len(address) > MAX_ADDRESS_CHARS or address.count("@") != 1:
        return False
    local, domain = address.split("@")
    return bool(_LOCAL.fullmatch(local)) and all(
        _LABEL.fullmatch(label) for label in domain.split(".")
    )


def normalise(address: str) -> str:
    """Return the form used for comparing: lower case, the domain in ASCII (IDNA)."""
    if not address.isprintable() or " " in address:  # seldom, and letter by letter is slow
        address = "".join(one for one in address if one.isprintable() and not one.isspace())
    local, at, domain = address[:MAX_ADDRESS_CHARS].rpartition("@")
    if not at:
        return ""
    domain = domain.rstrip(".")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return f"{local}@{domain}".lower()  # readable, but is_strict() says no
    return f"{local}@{domain}".lower()


def readable(address: str) -> str:
    """Return an address with the domain in its own script, for people; never for comparing."""
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{domain.encode('ascii').decode('idna')}"
    except UnicodeError:
        return address


def find_addresses(text: str, limit: int = MAX_ADDRESSES) -> list[str]:
    """List what looks like an address in free text, in order, without repeats."""
    found: dict[str, None] = {}
    for match in _FIND.finditer(text):
        found.setdefault(normalise(match[0].strip("'.`*")), None)
        if len(found) >= limit:
            break
    return [address for address in found if address]


def parse_list(value: str, limit: int = MAX_ADDRESSES) -> list[Address]:
    """Split an address header into names and addresses; at most ``limit`` of them.

    Commas in unquoted names, missing brackets and stray quotes are all met in the wild: a
    piece without an address belongs to the name that follows it.
    """
    result: list[Address] = []
    waiting: list[str] = []
    for piece in _pieces(value):
        name, address = _split(piece)
        if not address:
            if name:
                waiting.append(name)
            continue
        full_name = ", ".join([*waiting, name]).strip(", ") if waiting and name else name
        waiting = []
        result.append(Address(full_name, address))
        if len(result) >= limit:
            return result
    if waiting and not result:
        result.append(Address(", ".join(waiting), ""))
    return result


def _pieces(value: str) -> list[str]:
    """Cut at commas and semicolons outside quotes, comments and angle brackets."""
    pieces: list[str] = []
    start = 0
    quoted = angled = False
    depth = 0
    balanced = value.count('"') % 2 == 0
    at = 0
    while at < len(value):
        char = value[at]
        if char == "\\":
            at += 1
        elif char == '"' and balanced and not depth:
            quoted = not quoted
        elif not quoted:
            depth = max(0, depth + (char == "(") - (char == ")"))
            if not depth:
                angled = (angled or char == "<") and char != ">"
                if char in ",;" and not angled:
                    pieces.append(value[start:at])
                    start = at + 1
                elif char == ":" and not angled and "@" not in value[start:at]:
                    start = at + 1  # the name of a group
        at += 1
    pieces.append(value[start:])
    return pieces


def _split(piece: str) -> tuple[str, str]:
    piece = piece.strip()
    opened = piece.rfind("<")
    if opened >= 0:
        inner = piece[opened + 1 :].partition(">")[0].strip()
        inner = inner.rpartition(":")[2].replace(" ", "").strip("'\";,")
        name = piece[:opened]
        if "@" in inner:
            return clean_name(name), inner
        found = _FIND.search(piece)
        return clean_name(name or inner), found[0].strip("'.") if found else ""
    found = _FIND.search(piece)
    if not found:
        return clean_name(piece), ""
    rest = (piece[: found.start()] + " " + piece[found.end() :]).strip()
    if rest.startswith("mailto:"):
        rest = rest[7:]
    return clean_name(rest), found[0].strip("'")


def clean_name(name: str) -> str:
    """Take quotes, comment brackets and backslashes off a display name."""
    name = " ".join(name.split())
    if len(name) > 1 and name[0] == "(" and name[-1] == ")":
        name = name[1:-1]
    for mark in "\"'":
        if len(name) > 1 and name[0] == mark and name[-1] == mark:
            name = name[1:-1].strip()
    if "\\" in name:
        name = re.sub(r"\\(.)", r"\1", name)
    return name.strip('" ')
