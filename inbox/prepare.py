"""Before the roles start: tables, the starter model, the sample company. Run by ``kip run``.

A process of its own, so that what it loads does not stay in the supervisor. Prints one line of
JSON: the token of the first visit's link, or null.
"""

import asyncio
import json
import logging
import sys

from inbox.processes import loading

with loading():
    from inbox.clock import utcnow
    from inbox.company.installation import offer_setup
    from inbox.db import Database
    from inbox.demo.seed import seed
    from inbox.errors import InboxError
    from inbox.learning.versions import find_without_files, keep_files
    from inbox.logs import start_logging
    from inbox.migrations import migrate
    from inbox.settings import Settings, get_settings
    from inbox.starter_model import find_starter, register_starter
    from inbox.triage import files, starter

log = logging.getLogger(__name__)


async def prepare(settings: Settings) -> str | None:
    """Bring everything up to date; return the setup token, or None when there is a company."""
    database = Database(settings.database)
    try:
        await migrate(database)
        await _register_starter(database, settings)
        if settings.demo:
            await seed(database, settings)
        return await database.write(offer_setup, utcnow())
    finally:
        await database.close()


async def _register_starter(database: Database, settings: Settings) -> None:
    """Register the starter model; where no setup has trained it, train it now, once."""
    directory = starter.location()
    if not starter.is_current(directory):
        directory = settings.data_dir / "starter"
        if not starter.is_current(directory):
            log.info("training the starter model, once; this takes a minute at most")
        try:
            await asyncio.to_thread(starter.ensure, directory)
        except InboxError as error:
            log.warning("%s Written rules sort until it can.", error.message)
            return
    found = find_starter(directory)
    if found is None:
        return
    await database.write(register_starter, *found, utcnow())
    path, sha256 = found
    missing = await database.read(find_without_files, sha256)
    if missing is not None:  # other machines, and later starters, find this one in the rows
        parts = [(path / name).read_bytes() for name in (files.ARRAYS, files.META)]
        await database.write(keep_files, missing, *parts)


def main() -> None:
    """Prepare, and print what the supervisor has to say."""
    settings = get_settings()
    start_logging(settings.log_format)
    token = asyncio.run(prepare(settings))
    sys.stdout.write(json.dumps({"setup_token": token}) + "\n")


if __name__ == "__main__":
    main()
