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
    """Replace everything in the database's schema by a dump, all or nothing.

    The dump may be of older tables than those that are there, whose names it does not know;
    so all that is there goes first. The database is Kịp's alone.
    """
    script, clear = source.with_suffix(".sql"), source.with_suffix(".clear.sql")
    clear.write_text(_CLEAR, "utf-8")
    plain = ["--no-owner", "--no-privileges", f"--file={script}", str(source)]
    _run("pg_restore", plain, {})
    options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    _run("psql", [*options, f"--file={clear}", f"--file={script}"], environment(url))


# Tables and functions of ours, of whatever version.
_CLEAR = """DO $$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = current_schema()
    LOOP
        EXECUTE 'DROP TABLE ' || one.name || ' CASCADE';
    END LOOP;
    FOR one IN
        SELECT p.oid::regprocedure::text AS name FROM pg_proc p
        WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'kip\\_%'
    LOOP
        EXECUTE 'DROP FUNCTION ' || one.name || ' CASCADE';
    END LOOP;
END $$;
"""


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
