"""The mail receiver's STARTTLS: for who wants it, with nothing from before taken along."""

import asyncio
import shutil
import smtplib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inbox.db import Database
from inbox.errors import Invalid
from inbox.smtpd import Certificate, Receiver, Server, make_server
from models import RawMessage
from tests.factories import CUSTOMER, SUPPORT, Firm, everything, make_mail
from tests.slow.dovecot import write_certificate


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_certificate(certificate, key)
    return certificate, key


@pytest.fixture
async def port(
    database: Database, firm: Firm, files: tuple[Path, Path], tmp_path: Path
) -> AsyncIterator[int]:
    receiver, certificate = Receiver(database, tmp_path), Certificate(*files)
    server = await asyncio.get_running_loop().create_server(
        lambda: make_server(receiver, "kip", certificate), "127.0.0.1", 0
    )
    yield server.sockets[0].getsockname()[1]
    server.close()
    for _ in range(200):
        if not Server.open_by_peer:
            break
        await asyncio.sleep(0.01)
    await server.wait_closed()


async def test_a_mail_comes_over_tls_and_the_connection_counts_once(
    database: Database, port: int, files: tuple[Path, Path]
) -> None:
    trusting = ssl.create_default_context(cafile=str(files[0]))

    def send() -> tuple[int, dict[str, str]]:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            client.ehlo()
            assert client.has_extn("starttls")
            client.starttls(context=trusting)
            client.ehlo()
            client.sendmail(CUSTOMER, SUPPORT, make_mail())
            return Server.open_by_peer["127.0.0.1"], client.esmtp_features

    held, offered = await asyncio.to_thread(send)

    assert held == 1
    assert "auth" not in offered
    assert "starttls" not in offered
    assert len(await database.read(everything, RawMessage)) == 1
    for _ in range(200):
        if not Server.open_by_peer:
            break
        await asyncio.sleep(0.01)
    assert not Server.open_by_peer


async def test_what_was_said_before_tls_is_forgotten(
    database: Database, port: int, files: tuple[Path, Path]
) -> None:
    """RFC 3207: commands that somebody in between put behind STARTTLS are never run."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"EHLO x\r\n")
    while (await reader.readline())[3:4] == b"-":
        pass
    writer.write(b"STARTTLS\r\nMAIL FROM:<evil@evil.example>\r\n")
    assert (await reader.readline()).startswith(b"220")
    try:
        trusting = ssl.create_default_context(cafile=str(files[0]))
        await writer.start_tls(trusting, server_hostname="127.0.0.1")
        writer.write(b"EHLO y\r\nRCPT TO:<" + SUPPORT.encode() + b">\r\nQUIT\r\n")
        said = (await reader.read()).decode()
    except (ssl.SSLError, ConnectionError):
        said = ""  # it was taken for the beginning of TLS, and ended there
    writer.close()

    assert "250 2.1" not in said
    assert await database.read(everything, RawMessage) == []


def test_a_renewed_certificate_is_shown_and_a_broken_one_is_not(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    certificate = Certificate(*files)
    first = certificate.context()
    assert certificate.context() is first
    (tmp_path / "new").mkdir()
    write_certificate(tmp_path / "new" / "cert.pem", tmp_path / "new" / "key.pem")
    shutil.copy(tmp_path / "new" / "cert.pem", files[0])
    assert certificate.context() is first  # its key is not there yet
    shutil.copy(tmp_path / "new" / "key.pem", files[1])
    assert certificate.context() is not first
    files[1].unlink()
    assert certificate.context() is not None


def test_a_certificate_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"none\.pem"):
        Certificate(tmp_path / "none.pem", tmp_path / "none.key")
