"""Secrets at rest: AES-256-GCM under a key derived from the installation's.

What is sealed for one place (a table and a row) opens in no other, so that nobody who can
write to the database can have one row's secret used for another.
"""

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from inbox.errors import InboxError
from inbox.keys import all_of

NONCE_BYTES = 12


class Sealed(InboxError):
    """The secret cannot be opened: the installation's key is another now, or it was moved."""

    status = 500


def _cipher(secret: bytes) -> tuple[str, AESGCM]:
    """Return the cipher of a key, and what names the key without saying it."""
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"kip vault 1").derive(secret)
    return hashlib.sha256(key).hexdigest()[:8], AESGCM(key)


class Vault:
    """Seals and opens short texts. A sealed text is ``1.<key id>.<base64>``.

    Seals with the newest key, and opens with those from before as well (``inbox.keys``).
    """

    def __init__(self, secret: bytes) -> None:
        made = [_cipher(key) for key in all_of(secret)]
        self._ciphers = dict(made)
        self._key_id, self._cipher = made[0]

    def __repr__(self) -> str:
        return f"<Vault {self._key_id}>"

    def seal(self, text: str, place: str) -> str:
        """Encrypt ``text`` for one place, such as ``mailboxes:3``."""
        nonce = os.urandom(NONCE_BYTES)
        box = nonce + self._cipher.encrypt(nonce, text.encode(), place.encode())
        return f"1.{self._key_id}.{base64.b64encode(box).decode()}"

    def is_newest(self, sealed: str) -> bool:
        """Tell whether the newest key sealed it."""
        return sealed.startswith(f"1.{self._key_id}.")

    def open(self, sealed: str, place: str) -> str:
        """Decrypt what was sealed for this place.

        Raises
        ------
        Sealed
            If another key sealed it, or for another place, or it was changed.
        """
        version, _, rest = sealed.partition(".")
        key_id, _, packed = rest.partition(".")
        cipher = self._ciphers.get(key_id)
        if version != "1" or cipher is None:
            raise Sealed("The secret was stored under another key: enter it again.")
        try:
            box = base64.b64decode(packed, validate=True)
            nonce, kept = box[:NONCE_BYTES], box[NONCE_BYTES:]
            return cipher.decrypt(nonce, kept, place.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Sealed("The stored secret was changed or moved: enter it again.") from error
