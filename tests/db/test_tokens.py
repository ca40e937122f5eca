"""Signing in to mailboxes by OAuth2: tokens are renewed in time, and secrets stay sealed."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import Session

from inbox.channels.oauth import Grant, NoConsent, fetch_token
from inbox.db import Database
from inbox.errors import Invalid, Rejected, Unavailable
from inbox.fetching import looks, tokens
from inbox.fetching.tokens import server_for
from inbox.mailboxes import place_of
from inbox.vault import Vault
from models import Mailbox, MailboxAuth
from tests.conftest import Clock
from tests.db.test_mailboxes import add
from tests.factories import NOW, SECRET, Firm
from tests.tokenserver import TokenServer, start_token_server


@pytest.fixture(scope="module")
def running() -> Iterator[TokenServer]:
    with start_token_server() as service:
        yield service


@pytest.fixture
def service(running: TokenServer) -> TokenServer:
    fresh = TokenServer(origin=running.origin)
    for name, value in vars(fresh).items():
        setattr(running, name, value)
    return running


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(tokens, "utcnow", stopped)
    return stopped


@pytest.fixture
def vault() -> Vault:
    return Vault(SECRET)


@pytest.fixture
async def box(
    database: Database, firm: Firm, service: TokenServer, vault: Vault, now: Clock
) -> int:
    def enter(session: Session) -> int:
        how: dict[str, Any] = {
            "auth": MailboxAuth.OAUTH2,
            "token_url": service.url,
            "client_id": "kip",
        }
        number = add(session, firm, **how)
        row = session.get_one(Mailbox, number)
        row.password = vault.seal(service.refresh_token, place_of(number))
        row.client_secret = vault.seal(service.client_secret, tokens.client_place(number))
        session.add(row)
        return number

    return await database.write(enter)


async def sign_in(
    database: Database, box: int, service: TokenServer, vault: Vault, **how: Any
) -> str:
    def row(session: Session) -> Mailbox:
        return session.get_one(Mailbox, box, populate_existing=True)

    server = await server_for(
        database, await database.read(row), vault, (service.origin,), **how
    )
    assert server.password == ""
    return server.token


async def test_a_token_is_asked_for_once_and_renewed_before_it_ends(
    database: Database, box: int, service: TokenServer, vault: Vault, now: Clock
) -> None:
    first = await sign_in(database, box, service, vault)
    now.forward(minutes=50)
    assert await sign_in(database, box, service, vault) == first
    now.forward(minutes=6)
    assert await sign_in(database, box, service, vault) != first

    assert [one["grant_type"] for one in service.asked] == ["refresh_token"] * 2
    assert service.asked[0]["client_id"] == "kip"
    await database.write(looks.fail, box, "said no", None, NOW)  # perhaps taken back
    await sign_in(database, box, service, vault)
    assert service.given == 3


async def test_a_new_refresh_token_replaces_ours(
    database: Database, box: int, service: TokenServer, vault: Vault, now: Clock
) -> None:
    """Microsoft turns them; the old one is worth nothing after that."""
    service.turn = True
    for _ in range(3):
        await sign_in(database, box, service, vault)
        now.forward(hours=2)

    used = [one["refresh_token"] for one in service.asked]
    assert used == ["canary-refresh-1", "canary-refresh-2", "canary-refresh-3"]


async def test_secrets_are_sealed_each_in_its_place(
    database: Database, box: int, service: TokenServer, vault: Vault
) -> None:
    token = await sign_in(database, box, service, vault)

    def row(session: Session) -> Mailbox:
        return session.get_one(Mailbox, box, populate_existing=True)

    kept = await database.read(row)
    assert "canary" not in kept.password + kept.client_secret + kept.access_token
    assert vault.open(kept.access_token, tokens.access_place(box)) == token
    shown = repr(tokens.grant_of(kept, vault)) + repr(await fetch_token_of(service))
    assert "canary" not in shown


async def fetch_token_of(service: TokenServer) -> object:
    grant = Grant(service.url, "kip", service.client_secret, service.refresh_token)
    return await fetch_token(grant, (service.origin,))


async def test_a_person_who_entered_another_refresh_token_is_not_overruled(
    database: Database, box: int, service: TokenServer, vault: Vault
) -> None:
    def renew(session: Session) -> str:
        row = session.get_one(Mailbox, box)
        old = row.password
        row.password = vault.seal("entered by hand", place_of(box))
        session.add(row)
        return old

    old = await database.write(renew)
    grant = Grant(service.url, "kip", service.client_secret, service.refresh_token)
    token = await fetch_token(grant, (service.origin,))
    await database.write(tokens.keep_token, box, old, token, vault, NOW)

    def row(session: Session) -> Mailbox:
        return session.get_one(Mailbox, box)

    kept = await database.read(row)
    assert vault.open(kept.password, place_of(box)) == "entered by hand"
    assert kept.access_token == ""


async def test_a_client_may_ask_for_itself(service: TokenServer) -> None:
    grant = Grant(service.url, "kip", service.client_secret, "", "https://outlook/.default")
    assert (await fetch_token(grant, (service.origin,))).access_token
    assert service.asked[0]["grant_type"] == "client_credentials"
    assert service.asked[0]["scope"] == "https://outlook/.default"
    with pytest.raises(Invalid):
        Grant(service.url, "kip", "", "")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, b'{"error": "invalid_grant"}'), NoConsent),
        ((401, b"{}"), NoConsent),
        ((400, b'{"error": "<script>canary"}'), NoConsent),
        ((429, b"{}"), Unavailable),
        ((503, b'{"error": "server_error"}'), Unavailable),
        ((302, b"{}"), Unavailable),
        ((200, b"{}"), Unavailable),
        ((200, b"<html>canary"), Unavailable),
        ((200, b'{"access_token": "a\\nb"}'), Unavailable),
        ((200, b" " * 70_000), Unavailable),
    ],
)
async def test_what_is_no_token_is_told_without_a_secret(
    service: TokenServer,
    caplog: pytest.LogCaptureFixture,
    answer: tuple[int, bytes],
    error: type[Exception],
) -> None:
    service.answer = answer
    with caplog.at_level(logging.DEBUG), pytest.raises(error) as raised:
        await fetch_token_of(service)
    said = f"{raised.value.message} {caplog.text}"  # type: ignore[attr-defined]
    assert "canary" not in said


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/token", "https://10.0.0.1/token", "file:///etc/passwd"]
)
async def test_a_token_address_leads_to_the_public_internet_only(url: str) -> None:
    """S-class SSRF: an address that somebody enters calls nothing inside."""
    with pytest.raises(Rejected):
        await fetch_token(Grant(url, "kip", "s", "r"))
