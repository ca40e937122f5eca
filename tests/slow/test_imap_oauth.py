"""A real mail server that takes tokens: signing in, waiting for news, folders."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from inbox.channels.imap import ImapMailbox
from inbox.channels.imapwire import ImapServer
from inbox.channels.oauth import Grant, fetch_token
from inbox.errors import Unavailable
from tests.slow.dovecot import USER, Dovecot, running_dovecot
from tests.slow.product import make_mail
from tests.tokenserver import TokenServer, start_token_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tokens() -> Iterator[TokenServer]:
    with start_token_server() as service:
        yield service


@pytest.fixture(scope="module")
def dovecot(tokens: TokenServer) -> Iterator[Dovecot]:
    with running_dovecot(tokens.info_url) as server:
        yield server


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


@pytest.fixture(autouse=True)
def trusted(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.certificate))


async def entered(dovecot: Dovecot, tokens: TokenServer) -> ImapServer:
    grant = Grant(tokens.url, "kip", tokens.client_secret, tokens.refresh_token)
    token = await fetch_token(grant, (tokens.origin,))
    return ImapServer("127.0.0.1", dovecot.port, "tls", USER, "", token.access_token)


async def test_a_token_of_the_token_server_signs_in(
    dovecot: Dovecot, tokens: TokenServer, pool: ThreadPoolExecutor
) -> None:
    server = await entered(dovecot, tokens)
    async with ImapMailbox(server, pool) as box:
        assert (await box.select("INBOX")).uidvalidity > 0
        assert await box.find_sent() == "Sent"
        await box.select("Sent")

    tokens.given += 1  # the one that we have is worth nothing any more
    with pytest.raises(Unavailable) as raised:
        async with ImapMailbox(server, pool):
            pass
    assert "canary" not in raised.value.message


async def test_mail_rings_who_waits(
    dovecot: Dovecot, tokens: TokenServer, pool: ThreadPoolExecutor
) -> None:
    async with ImapMailbox(await entered(dovecot, tokens), pool) as box:
        await box.select("INBOX")
        await box.wait_for_news(0.1)
        began = time.monotonic()
        waiting = asyncio.create_task(box.wait_for_news(30))
        await asyncio.to_thread(dovecot.deliver, make_mail("a@b.example"))
        assert await waiting
        assert time.monotonic() - began < 15
        folder = await box.select("INBOX")
        head = await box.fetch_head(folder.uidnext - 1)
        assert head is not None
        assert b"a@b.example" in head
        assert b"\r\n\r\n" not in head.rstrip()
