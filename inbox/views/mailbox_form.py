"""A mailbox as it is entered: its fields, with what a provider's preset knows."""

from dataclasses import dataclass, field

from inbox.channels.imapwire import ImapServer
from inbox.channels.oauth import PRESETS, Grant, Token
from inbox.company.boxes import PORTS
from inbox.errors import Invalid
from inbox.templating import N_
from inbox.views.site import number_of
from models import MailboxAuth

FIELDS = (
    *("do", "auth", "host", "port", "tls", "username", "password", "folder", "days"),
    *("token_url", "client_id", "client_secret", "scope"),
)
SECRETS = ("password", "client_secret")
WAYS = ("password", *PRESETS, "oauth2")
MOST_CHARS, MOST_SECRET_CHARS = 255, 4000


@dataclass(frozen=True, slots=True)
class Entered:
    """Where a mailbox is and how it is signed in to, as far as it can be said."""

    host: str
    port: int
    tls: str
    username: str
    password: str = field(repr=False)  # with OAuth2 the refresh token
    auth: MailboxAuth = MailboxAuth.PASSWORD
    token_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scope: str = ""

    def grant(self) -> Grant:
        """Return what a token is asked for with; raises ``Invalid``."""
        return Grant(
            self.token_url, self.client_id, self.client_secret, self.password, self.scope
        )

    def server(self, token: Token | None = None) -> ImapServer:
        """Return the server; raises ``Invalid`` on what cannot be said."""
        password = "" if token is not None else self.password
        access = token.access_token if token is not None else ""
        return ImapServer(
            self.host,
            self.port,
            self.tls,  # type: ignore[arg-type]
            self.username,
            password,
            access,
        )


def read_entered(fields: dict[str, str]) -> Entered:
    """Read the form.

    Raises
    ------
    Invalid
        If it cannot be said.
    """
    way, tls = fields["auth"] or "password", fields["tls"]
    if tls not in PORTS or way not in WAYS:
        raise Invalid(N_("Choose how the connection is encrypted."))
    for name, text in fields.items():
        if len(text) > (MOST_SECRET_CHARS if name in SECRETS else MOST_CHARS):
            raise Invalid(N_("One of the answers is too long."))
    preset = PRESETS.get(way)
    host = fields["host"].strip().lower() or (preset.host if preset else "")
    port = number_of(fields["port"]) or 0 if fields["port"] else PORTS[tls]
    known = {"host": host, "port": port, "tls": tls, "username": fields["username"].strip()}
    if way == "password":
        return Entered(**known, password=fields["password"])  # type: ignore[arg-type]
    return Entered(
        **known,  # type: ignore[arg-type]
        password=fields["password"].strip(),
        auth=MailboxAuth.OAUTH2,
        token_url=fields["token_url"].strip() or (preset.token_url if preset else ""),
        client_id=fields["client_id"].strip(),
        client_secret=fields["client_secret"].strip(),
        scope=fields["scope"].strip() or (preset.scope if preset else ""),
    )
