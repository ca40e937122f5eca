"""What a file that came with a message is called, made safe to show and to offer."""

import re
import unicodedata

from inbox.channels.headers import split_head
from inbox.channels.parts import Part
from inbox.channels.words import one_line

MAX_FILENAME_CHARS = 200

_EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/ms-tnef": ".dat",
    "text/plain": ".txt",
    "text/html": ".html",
    "text/calendar": ".ics",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "text/rfc822-headers": ".txt",
    "application/pgp-signature": ".asc",
    "application/pgp-encrypted": ".asc",
    "application/pkcs7-signature": ".p7s",
    "application/pkcs7-mime": ".p7m",
}
_MADE_UP = "attachment-"
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"*<>?|:]')
# Places that hold a file's name only if they look like one: a stem and a short extension.
_LIKE_A_NAME = re.compile(r"[^/\\?#=&]{1,150}\.[A-Za-z][A-Za-z0-9]{1,4}")


def name_of(part: Part) -> str:
    """Return the name that a part came with, wherever that stands, or ""."""
    if part.filename:
        return part.filename
    if part.kind == "message/rfc822":
        inner, _ = split_head(part.decoded())
        return inner.text("subject")[:80] + ".eml" if inner.has("subject") else ""
    identity = part.headers.get("content-id").strip("<> ").partition("@")[0]
    for found in (
        part.headers.text("content-location").rpartition("/")[2],
        part.headers.text("content-description"),
        one_line(identity),
    ):
        if _LIKE_A_NAME.fullmatch(found):
            return found
    return ""


def make_up(number: int, kind: str) -> str:
    """Return a name for a file that has none."""
    return f"{_MADE_UP}{number}{_EXTENSIONS.get(kind, '.bin')}"


def is_made_up(name: str) -> bool:
    """Tell whether ``make_up`` made this."""
    return name.startswith(_MADE_UP)


def clean_filename(name: str) -> str:
    """Make a file name safe to show and to offer: no path, controls, bidi or odd spaces."""
    name = "".join(map(_plain_letter, name[: 4 * MAX_FILENAME_CHARS]))
    name = unicodedata.normalize("NFC", name)
    name = "".join(
        char for char in name if unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )
    name = name.replace("\\", "/").rpartition("/")[2]
    name = _UNSAFE.sub("_", name).strip(" .")
    if len(name) <= MAX_FILENAME_CHARS:
        return name
    stem, dot, extension = name.rpartition(".")
    keep = f"{dot}{extension}" if dot and len(extension) < 12 else ""
    return (stem if keep else name)[: MAX_FILENAME_CHARS - len(keep)] + keep


def _plain_letter(char: str) -> str:
    """Return a letter that only looks like ASCII (a wide slash) as what it looks like."""
    if char.isascii():
        return char
    plain = unicodedata.normalize("NFKC", char)
    return plain if any(one.isascii() for one in plain) else char
