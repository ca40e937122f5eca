"""DKIM (RFC 6376): our signature over a mail that we have just built.

Only ``relaxed/relaxed`` and RSA with SHA-256, which is what everybody reads. The signed
headers are named once more than they are there where that matters (From, Subject, …), so
that nobody on the way can add another.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

KEY_BITS = 2048
SIGNED = (
    *("from", "to", "cc", "reply-to", "subject", "date", "message-id"),
    *("in-reply-to", "references", "mime-version", "content-type"),
    *("content-transfer-encoding", "auto-submitted"),
)
ONCE = ("from", "to", "cc", "subject", "date", "message-id", "content-type")
_WHITE = re.compile(rb"[ \t]+")
_SPACE_AT_END = re.compile(rb"[ \t]+\r\n")


@dataclass(frozen=True, slots=True)
class Signer:
    """What signs the mail of one domain."""

    domain: str
    selector: str
    private_key: str  # PEM

    def __repr__(self) -> str:
        return f"<Signer {self.selector}._domainkey.{self.domain}>"


def make_key() -> tuple[str, str]:
    """Return a fresh private key as PEM, and the public one as the DNS record has it."""
    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode(), base64.b64encode(der).decode()


def record_name(domain: str, selector: str) -> str:
    """Return the name of the TXT record that receivers look up."""
    return f"{selector}._domainkey.{domain}"


def record_text(public_key: str) -> str:
    """Return what the TXT record has to say."""
    return f"v=DKIM1; k=rsa; p={public_key}"


def record_problem(texts: list[str], public_key: str) -> str:
    """Return what is wrong with the TXT records found, or "": ``none``, ``other``."""
    if not texts:
        return "none"
    for text in texts:
        tags = dict(
            (name.strip(), "".join(value.split()))
            for name, _, value in (tag.partition("=") for tag in text.split(";"))
        )
        if tags.get("p") == public_key and tags.get("k", "rsa") == "rsa":
            return ""
    return "other"


def sign(mail: bytes, signer: Signer) -> bytes:
    """Return a mail (CRLF line ends) with a signature in front."""
    head, _, body = mail.partition(b"\r\n\r\n")
    fields = _fields(head + b"\r\n")
    there = {name for name, _ in fields}
    names = [name for name in SIGNED if name in there]
    names += [name for name in ONCE if name in there]  # once more: none may be added
    names += [name for name in ("cc", "reply-to") if name not in there]
    digest = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest()).decode()
    value = (
        f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={signer.domain};\r\n s={signer.selector};"
        f" h={_folded(names)};\r\n bh={digest};\r\n b="
    )
    unsigned = f"DKIM-Signature: {value}".encode("ascii")
    data = _covered(fields, names) + _relaxed(unsigned + b"\r\n").removesuffix(b"\r\n")
    signature = _key(signer.private_key).sign(data, PKCS1v15(), SHA256())
    text = binascii.b2a_base64(signature, newline=False)
    rows = [text[at : at + 72] for at in range(0, len(text), 72)]
    return unsigned + b"\r\n  ".join(rows) + b"\r\n" + mail


@lru_cache(maxsize=16)
def _key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("a DKIM key of ours is an RSA key")
    return key


def _folded(names: list[str]) -> str:
    rows = [names[at : at + 5] for at in range(0, len(names), 5)]
    return ":\r\n  ".join(":".join(row) for row in rows)


def _fields(head: bytes) -> list[tuple[str, bytes]]:
    """Return the header fields with their folding, by lower-case name."""
    fields: list[tuple[str, bytes]] = []
    for line in head.split(b"\r\n")[:-1]:
        if line[:1] in b" \t" and fields:
            name, before = fields[-1]
            fields[-1] = name, before + b"\r\n" + line
        else:
            fields.append((line.partition(b":")[0].decode("ascii").strip().lower(), line))
    return fields


def _covered(fields: list[tuple[str, bytes]], names: list[str]) -> bytes:
    """Return the signed headers: of several alike the last first; a missing one is nothing."""
    left: dict[str, list[bytes]] = {}
    for name, field in fields:
        left.setdefault(name, []).append(field)
    return b"".join(_relaxed(left[name].pop() + b"\r\n") for name in names if left.get(name))


def _relaxed(field: bytes) -> bytes:
    name, _, value = field.partition(b":")
    unfolded = value.replace(b"\r\n", b"")
    return name.strip().lower() + b":" + _WHITE.sub(b" ", unfolded).strip() + b"\r\n"


def _relaxed_body(body: bytes) -> bytes:
    lines = _SPACE_AT_END.sub(b"\r\n", body if body.endswith(b"\r\n") else body + b"\r\n")
    lines = _WHITE.sub(b" ", lines).rstrip(b"\r\n")
    return lines + b"\r\n" if lines else b""
