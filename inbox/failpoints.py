"""Named points at which a process can be made to die, so that tests can see what is left.

``KIP_FAILPOINT=outbox.fenced:2`` in the environment of one process ends it at its second
passage of that point, as a power cut would: nothing is flushed, undone or said. For tests
only; without the variable a point costs one comparison.
"""

import itertools
import os
import re

VARIABLE = "KIP_FAILPOINT"
EXIT_CODE = 137  # what a shell says of a process that got SIGKILL


def read_variable(text: str) -> tuple[str, int]:
    """Return the name and the passage at which to die; ("", 0) for an empty text.

    Raises
    ------
    ValueError
        If it is neither empty nor ``name:number``.
    """
    if not text:
        return "", 0
    found = re.fullmatch(r"([a-z]+\.[a-z_]+):([1-9][0-9]*)", text)
    if found is None:
        raise ValueError(f"{VARIABLE} looks like outbox.fenced:1, not {text!r}")
    return found[1], int(found[2])


_NAME, _PASSAGE = read_variable(os.environ.get(VARIABLE, ""))
_passages = itertools.count(1)


def failpoint(name: str) -> None:
    """End this process here if its environment says so."""
    if name == _NAME and next(_passages) == _PASSAGE:
        os._exit(EXIT_CODE)
