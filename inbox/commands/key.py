"""``kip key``: replace the key that seals secrets and signs addresses, without a standstill."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from inbox.operations.resealing import Resealed


@click.group()
def key() -> None:
    """Replace the installation's key: new, restart, reseal, forget."""


@key.command()
def new() -> None:
    """Make a new key in the data directory; the old one goes on opening and verifying.

    Restart Kịp then. Where the key is in KIP_SECRET_KEY, set another there, and the old one
    in KIP_SECRET_KEYS_BEFORE.
    """
    from inbox.errors import Invalid
    from inbox.settings import get_settings, renew_secret

    settings = get_settings()
    if settings.secret_key is not None:
        raise Invalid(
            "The key is in KIP_SECRET_KEY: set another there, and this one in "
            "KIP_SECRET_KEYS_BEFORE, on every machine."
        )
    renew_secret(settings.data_dir)
    click.echo("There is a new key. Restart Kịp, then: kip key reseal")


@key.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reseal(as_json: bool) -> None:
    """Seal all stored secrets with the newest key; works while Kịp runs.

    Exits with 1 if some can be opened by no key: they have to be entered again.
    """
    found = asyncio.run(_reseal())
    if as_json:
        click.echo(json.dumps({"resealed": found.count, "lost": found.lost}))
    else:
        click.echo(f"{found.count} secrets were sealed with the newest key.")
    if found.lost:
        click.echo(f"kip: {found.lost} open with no key: enter them again.", err=True)
        sys.exit(1)


async def _reseal() -> "Resealed":
    from inbox.db import Database
    from inbox.exclusive import demand_own
    from inbox.operations import resealing
    from inbox.settings import get_settings
    from inbox.vault import Vault

    settings = get_settings()
    demand_own(settings)
    database = Database(settings.database)
    try:
        return await database.write(resealing.reseal, Vault(settings.secret))
    finally:
        await database.close()


@key.command()
def forget() -> None:
    """Forget the keys from before: ids and addresses that they signed are ours no more."""
    from inbox.settings import forget_secrets, get_settings

    count = forget_secrets(get_settings().data_dir)
    click.echo(f"{count} keys were forgotten. Restart Kịp.")
