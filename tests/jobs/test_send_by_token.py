"""An inbox's own server that takes tokens (XOAUTH2), as the mailbox of the inbox signs in."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from aiosmtpd.smtp import Session as Talk
from sqlmodel import Session

from inbox.company import senders
from inbox.company.senders import Entered
from inbox.db import Database
from inbox.fetching import tokens
from inbox.loops import Send
from inbox.mailboxes import place_of
from inbox.settings import Settings
from inbox.vault import Vault
from models import Mailbox, MailboxAuth, MailSender
from tests.conftest import Clock
from tests.db.test_mailboxes import add
from tests.factories import NOW, SECRET, Firm, everything
from tests.jobs.test_lanes import Far, acknowledge, listening, states
from tests.tokenserver import TokenServer, start_token_server

pytestmark = pytest.mark.one_database
ACCOUNT = "hotro@provider.example"


class Provider(Far):
    """Takes mail only from whoever shows the newest token of the token server."""

    def __init__(self, service: TokenServer) -> None:
        super().__init__()
        self.service = service
        self.shown: list[str] = []

    async def auth_XOAUTH2(self, _server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """Read ``user=…^Aauth=Bearer …^A^A``, as the providers have it."""
        user, bearer, *rest = base64.b64decode(args[1]).split(b"\1")
        self.shown.append(bearer.decode().removeprefix("auth=Bearer "))
        good = (user, rest) == (f"user={ACCOUNT}".encode(), [b"", b""])
        good = good and self.service.is_good(self.shown[-1])
        return AuthResult(success=good, handled=False)

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, session: Talk, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        """Take mail only from whoever has signed in."""
        if not session.authenticated:
            return "530 5.7.0 sign in first"
        envelope.mail_from = address
        return "250 OK"


@pytest.fixture
def service() -> Iterator[TokenServer]:
    with start_token_server() as started:
        yield started


def enter(session: Session, firm: Firm, service: TokenServer, port: int, clock: Clock) -> None:
    """Give the inbox a mailbox with OAuth2, and a server that signs in as it does."""
    vault = Vault(SECRET)
    how: dict[str, Any] = {"auth": MailboxAuth.OAUTH2, "token_url": service.url}
    number = add(session, firm, username=ACCOUNT, client_id="kip", **how)
    row = session.get_one(Mailbox, number)
    row.password = vault.seal(service.refresh_token, place_of(number))
    row.client_secret = vault.seal(service.client_secret, tokens.client_place(number))
    session.add(row)
    entered = Entered("127.0.0.1", port, "none", "mailbox")
    senders.enter(session, firm.mail, entered, vault, by=firm.admin.id, now=clock.now)


def sending(database: Database, service: TokenServer) -> Send:
    settings = Settings.model_construct(
        smtp_url="smtp://127.0.0.1:1", token_services=service.origin
    )
    return Send(database, settings, SECRET)


async def test_mail_leaves_with_a_token_that_is_renewed_when_it_is_refused(
    database: Database,
    firm: Firm,
    service: TokenServer,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The token is asked for once; one taken back before its time costs no mail a wait."""
    monkeypatch.setattr(tokens, "utcnow", clock)
    far = Provider(service)
    async with listening(far) as port:
        await database.write(enter, firm, service, port, clock)
        send = sending(database, service)
        for person in ("a@khach.example", "b@khach.example"):
            await acknowledge(database, firm, person)
            await send.once()
        assert (service.given, set(far.shown)) == (1, {"canary-access-1"})

        service.given += 1  # the one that we have is worth nothing any more
        await acknowledge(database, firm, "c@khach.example")
        await send.once()

    assert await states(database) == {"sent": 3}
    assert far.shown[-2:] == ["canary-access-1", "canary-access-3"]
    (row,) = await database.read(everything, MailSender)
    assert (row.failing_since, row.last_error) == (None, "")


async def test_without_consent_the_mail_waits_and_the_inbox_says_why(
    database: Database, firm: Firm, service: TokenServer, clock: Clock
) -> None:
    far = Provider(service)
    async with listening(far) as port:
        await database.write(enter, firm, service, port, clock)
        service.refresh_token = "canary-refresh-9"
        await acknowledge(database, firm, "a@khach.example")
        await sending(database, service).once()

    assert (await states(database), far.mails) == ({"queued": 1}, [])
    (row,) = await database.read(everything, MailSender)
    assert row.failing_since == NOW
    assert "canary" not in row.last_error
    assert row.last_error
