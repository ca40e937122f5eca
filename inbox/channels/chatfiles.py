"""Files in the chat: which are taken, and what they are."""

from inbox.channels.filenames import clean_filename

MOST_BYTES = 5 * 1024 * 1024  # of one file; a line holds one
MOST_AN_HOUR = 20  # of one visitor
# What a machine would run if somebody opened it.
REFUSED = frozenset(
    "apk app bat chm cmd com cpl dll dmg exe hta iso jar js jse lnk msi msp ps1 reg scr sh vbe "
    "vbs wsf".split()
)
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
)
_RUN = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"#!")


def kind_of(data: bytes) -> str:
    """Return what a file is by its first bytes; what it calls itself does not count."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    found = next((kind for mark, kind in _KINDS if data.startswith(mark)), "")
    return found or "application/octet-stream"


def is_taken(filename: str, data: bytes) -> bool:
    """Tell whether a file is taken: it has a name and bytes, and is no program."""
    name = clean_filename(filename)
    ending = name.rpartition(".")[2].lower()
    return bool(name and data) and ending not in REFUSED and not data.startswith(_RUN)
