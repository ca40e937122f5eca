"""The web servers of deploy/ as they stand there, on a port and a certificate of a test."""

import datetime
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from inbox.processes import die_with_parent
from tests.slow.product import PATIENCE_S, free_port, until

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = "inbox.congty.example"
SBIN = "/usr/sbin:/usr/local/sbin"


def program(name: str) -> str | None:
    """Return a program, also from where only root looks."""
    return shutil.which(name) or shutil.which(name, path=SBIN)


@dataclass(frozen=True)
class Certificate:
    """A certificate for the name in the files, signed by itself."""

    chain: Path
    key: Path

    def trusting(self) -> ssl.SSLContext:
        """Return what a browser that trusts it uses."""
        return ssl.create_default_context(cafile=self.chain)


def make_certificate(folder: Path) -> Certificate:
    """Make one that is good for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    # A certificate is judged by the machine's own time.
    now = datetime.datetime.now(datetime.UTC)  # noqa: TID251
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    found = Certificate(folder / "inbox.pem", folder / "inbox.key")
    found.chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return found


def nginx_files(folder: Path, port: int, product_port: int, known: Certificate) -> list[str]:
    """Write nginx's files; return the command that runs it."""
    text = (DEPLOY / "nginx" / "kip.conf").read_text("utf-8")
    text = text.replace("/etc/ssl/inbox.pem", str(known.chain))
    text = text.replace("/etc/ssl/inbox.key", str(known.key))
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{product_port}")
    text, found = re.subn(r"listen 443 ", f"listen 127.0.0.1:{port} ", text)
    assert found == 2
    (folder / "kip.conf").write_text(text, "utf-8")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"{_user()}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}include {folder}/kip.conf;\n}}\n"
    )
    return [str(program("nginx")), "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _user() -> str:
    """Return nginx's line for whom it works as: whoever owns the test's folder."""
    return "user root;\n" if os.geteuid() == 0 else ""


def caddy_files(folder: Path, port: int, product_port: int, known: Certificate) -> list[str]:
    """Write Caddy's file; return the command that runs it."""
    text = (DEPLOY / "caddy" / "Caddyfile").read_text("utf-8")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{product_port}")
    site = f"https://{NAME} {{\n"
    assert text.count(site) == 1
    own = f"\tbind 127.0.0.1\n\ttls {known.chain} {known.key}\n"
    text = text.replace(site, f"https://{NAME}:{port} {{\n{own}")
    head = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"
    (folder / "Caddyfile").write_text(head + text, "utf-8")
    return [str(program("caddy")), "run", "--config", str(folder / "Caddyfile")]


FILES = {"nginx": nginx_files, "caddy": caddy_files}


@contextmanager
def proxy(kind: str, folder: Path, product_port: int, known: Certificate) -> Iterator[int]:
    """Run one of them before the product; yield its port."""
    port = free_port()
    command = FILES[kind](folder, port, product_port, known)
    with (folder / "output").open("ab") as log:
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            env={"HOME": str(folder), "PATH": f"/usr/bin:/bin:{SBIN}"},
            preexec_fn=die_with_parent(),  # noqa: PLW1509 -- no threads
        )

    def answers() -> bool:
        assert server.poll() is None, (folder / "output").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(answers, PATIENCE_S, f"{kind} listens")
        yield port
    finally:
        server.terminate()
        server.wait(20)
