"""Sites that may show the chat: origins, checked as they are entered."""

import re
from urllib.parse import urlsplit

from inbox.errors import Invalid

MOST_SITES = 50
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?|\[::1\]"
)


def read_sites(text: str) -> list[str]:
    """Read the sites that may show a widget, one a line, each once.

    Raises
    ------
    Invalid
        If one is no origin.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_SITES:
        raise Invalid("At most 50 sites can be given.")
    return list(dict.fromkeys(read_origin(line) for line in lines))


def read_origin(text: str) -> str:
    """Read a site's origin as browsers send it: ``https://shop.example``, no path.

    The domain may be in its own script. Plain http is only for this machine.

    Raises
    ------
    Invalid
        If it is none.
    """
    wrong = Invalid("Write each site as https://shop.vn, without anything behind it.")
    try:
        parts = urlsplit(text.strip().lower())
        host, port = parts.hostname or "", parts.port
        host = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    except ValueError as error:  # UnicodeError is one
        raise wrong from error
    extra = parts.username or parts.password or parts.path.strip("/") or parts.query
    if extra or parts.fragment or "@" in parts.netloc or not _HOST.fullmatch(host):
        raise wrong
    if parts.scheme != "https" and (parts.scheme != "http" or host not in LOOPBACK):
        raise wrong
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")
