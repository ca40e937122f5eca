"""Passwords, random tokens and signatures."""

import base64
import hashlib
import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from inbox.keys import all_of

MIN_PASSWORD = 10
_hasher = PasswordHasher(memory_cost=19 * 1024, time_cost=2, parallelism=1)
# Verified when the account is unknown, so that both answers cost the same.
_nobody = _hasher.hash(secrets.token_hex())


def hash_password(password: str) -> str:
    """Hash with argon2id (19 MiB, 2 rounds). Slow on purpose: call it in a thread."""
    return _hasher.hash(password)


def verify_password(password: str, password_hash: str | None) -> bool:
    """Compare in the same time whether the account exists or not. Call it in a thread."""
    try:
        _hasher.verify(password_hash or _nobody, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def random_token() -> str:
    """Return 128 random bits for an address: 22 characters of URL-safe text."""
    return secrets.token_urlsafe(16)


def hash_token(token: str) -> str:
    """Hash a token for storage; tokens are random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def sign(secret: bytes, purpose: str, text: str) -> str:
    """Return a 128-bit signature of ``text`` for one purpose, in lower-case base 32.

    Lower-case letters and digits survive mail systems that change case in addresses.
    """
    digest = hmac.digest(secret, f"{purpose}\0{text}".encode(), "sha256")[:16]
    return base64.b32encode(digest).decode().rstrip("=").lower()


def signed(secret: bytes, purpose: str, text: str, signature: str) -> bool:
    """Tell whether the signature is ours, in constant time; keys from before count too."""
    given = signature.lower().encode()
    # a list: as long for the first key as for the last
    ours = (sign(key, purpose, text).encode() for key in all_of(secret))
    return any([hmac.compare_digest(one, given) for one in ours])
