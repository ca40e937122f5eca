"""PostgreSQL's own programs for dumping and loading, told where the database is."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL

from inbox.errors import InboxError

# The spelling of our URLs (asyncpg's) -> the spelling of libpq's environment.
_FROM_QUERY = {"host": "PGHOST", "port": "PGPORT", "ssl": "PGSSLMODE", "sslmode": "PGSSLMODE"}


def environment(url: URL) -> dict[str, str]:
    """Return what tells libpq where the database is; a password never stands in ``ps``."""
    known: dict[str, object] = {
        "PGHOST": url.host,
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    for name, variable in _FROM_QUERY.items():
        value = url.query.get(name)
        if value is not None:
            known[variable] = value if isinstance(value, str) else ",".join(value)
    return {name: str(value) for name, value in known.items() if value}


def dump(url: URL, target: Path, snapshot: str) -> None:
    """Write everything as of an exported snapshot, in pg_dump's custom format."""
    options = [f"--snapshot={snapshot}", f"--file={target}"]
    plain = ["--format=custom", "--compress=0", "--no-owner", "--no-privileges"]
    _run("pg_dump", [*plain, *options], environment(url))


def load(url: URL, source: Path) -> None:
    """Replace the tables of the database by those of a dump, all or none."""
    name = environment(url).get("PGDATABASE", "")
    options = ["--clean", "--if-exists", "--single-transaction", "--exit-on-error"]
    plain = ["--no-owner", "--no-privileges", f"--dbname={name}", str(source)]
    _run("pg_restore", [*options, *plain], environment(url))


def _run(name: str, arguments: list[str], env: Mapping[str, str]) -> None:
    """Run one of them; what it has to say is the sentence.

    Raises
    ------
    InboxError
        If it is not on this machine, or fails.
    """
    program = shutil.which(name)
    if program is None:
        raise InboxError(
            f"{name} is not on this machine: install PostgreSQL's client programs, not older "
            "than the server (on Debian and Ubuntu apt-get install postgresql-client)."
        )
    # A program of PostgreSQL's, no shell; the password goes by the environment.
    done = subprocess.run(
        [program, *arguments],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:500]
        raise InboxError(f"{name} failed: {said or f'exit code {done.returncode}'}")
