"""A Dovecot of a test's own: ports, folder, user and certificate."""

import imaplib
import ipaddress
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from inbox.clock import utcnow
from inbox.processes import die_with_parent
from tests.machine import ONCE, dovecot, unprivileged
from tests.slow.product import PATIENCE_S, free_port, until

USER, PASSWORD = "support", "canary-7f3a-mật-khẩu"

CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
ssl_dh =
disable_plaintext_auth = yes
mail_location = maildir:~/Maildir
mail_max_userip_connections = 100
auth_mechanisms = plain{mechanisms}
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
}}
first_valid_uid = 1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {starttls_port}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
{oauth2}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
"""


OAUTH2 = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
"""


@dataclass
class Dovecot:
    """A running server; ``stop`` and ``start`` again as often as you like."""

    program: Path
    folder: Path
    port: int = field(default_factory=free_port)
    starttls_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    token_info: str = ""  # where it asks whose an access token is; "" takes none

    @property
    def certificate(self) -> Path:
        """The certificate, which vouches for itself."""
        return self.folder / "cert.pem"

    def prepare(self) -> None:
        """Write settings, certificate and user."""
        as_root = os.geteuid() == 0
        who = unprivileged() or {"user": os.getuid(), "group": os.getgid()}
        name = self.folder.owner()
        (self.folder / "dovecot.conf").write_text(
            CONFIG.format(
                folder=self.folder,
                mechanisms=" xoauth2" if self.token_info else "",
                oauth2=OAUTH2.format(folder=self.folder) if self.token_info else "",
                port=self.port,
                starttls_port=self.starttls_port,
                uid=who["user"],
                gid=who["group"],
                internal="dovecot" if as_root else name,
                internal_group="dovecot" if as_root else self.folder.group(),
                login="dovenull" if as_root else name,
            )
        )
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        if self.token_info:
            (self.folder / "oauth2.conf").write_text(
                f"tokeninfo_url = {self.token_info}\nusername_attribute = email\n"
            )
        mail = self.folder / "mail"
        mail.mkdir()
        if as_root:
            os.chown(mail, who["user"], who["group"])
        write_certificate(self.certificate, self.folder / "key.pem")

    def start(self) -> None:
        """Start it and wait until it listens."""
        with (self.folder / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                [self.program, "-F", "-c", self.folder / "dovecot.conf"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 -- no threads
            )
        try:
            until(self._listens, PATIENCE_S, "Dovecot listens")
        except AssertionError as error:
            for name in ("stderr", "log"):
                path = self.folder / name
                error.add_note(path.read_text("utf-8", "replace") if path.exists() else "")
            raise

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """Stop it with everything it started."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        until(lambda: not self._listens(), PATIENCE_S, "Dovecot is gone")

    @contextmanager
    def box(self) -> Iterator[imaplib.IMAP4_SSL]:
        """Open the folder as a person's mail program does."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        with imaplib.IMAP4_SSL("127.0.0.1", self.port, ssl_context=context) as box:
            box.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())
            box.select("INBOX")
            yield box

    def deliver(
        self,
        *mails: bytes,
        at: datetime | None = None,
        flags: str = "",
        folder: str = "INBOX",
    ) -> None:
        """Let mails arrive, at a moment of their own."""
        moment = imaplib.Time2Internaldate(at or utcnow())
        with self.box() as box:
            for mail in mails:
                assert box.append(folder, flags, moment, mail)[0] == "OK"

    def count_unseen(self) -> int:
        """Count what nobody has read."""
        with self.box() as box:
            return len(box.search(None, "UNSEEN")[1][0].split())

    def renumber(self) -> None:
        """Lose the index, so that every mail gets another number."""
        self.stop()
        for path in (self.folder / "mail" / USER / "Maildir").glob("dovecot*"):
            path.unlink()
        self.start()


def write_certificate(certificate: Path, key_file: Path) -> None:
    """Write a certificate for this machine that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = utcnow()
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )


@contextmanager
def running_dovecot(token_info: str = "") -> Iterator[Dovecot]:
    """Run a Dovecot; skips the test where it is missing or speaks other settings."""
    program = dovecot()
    if program is None:
        pytest.skip(f"Dovecot is {ONCE}")
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    if not said.stdout.startswith("2.3."):
        pytest.skip(f"Dovecot {said.stdout.split()[0]} has other settings than 2.3 has")
    # Not pytest's own folder: that one is closed to other users, and a socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="kip-dovecot-"))
    folder.chmod(0o755)
    server = Dovecot(program, folder, token_info=token_info)
    try:
        server.prepare()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
