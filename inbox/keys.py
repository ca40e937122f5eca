"""The installation's key, together with those that it replaced."""

from collections.abc import Iterable


class Keys(bytes):
    """The key that seals and signs; ``before`` only open what they sealed, and verify.

    Goes wherever the key alone goes.
    """

    before: tuple[bytes, ...] = ()


def with_before(key: bytes, before: Iterable[bytes]) -> Keys:
    """Return a key that knows its predecessors."""
    made = Keys(key)
    made.before = tuple(one for one in dict.fromkeys(before) if one and one != key)
    return made


def all_of(key: bytes) -> tuple[bytes, ...]:
    """Return a key and its predecessors, the newest first."""
    return (bytes(key), *key.before) if isinstance(key, Keys) else (key,)
