"""``kip check``: is everything that this installation needs there, and right?"""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from inbox.operations.checks import Finding
    from inbox.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(as_json: bool) -> None:
    """Test every connection and setting; say what is wrong and how to mend it.

    Works while Kịp runs and while it is stopped, sends nothing and changes nothing. Exits
    with 1 if anything is wrong; a note alone is no failure.
    """
    from inbox.operations.checks import State

    found = _check()
    failed = any(one.state is State.WRONG for one in found)
    if as_json:
        shown = [{**asdict(one), "state": one.state.value} for one in found]
        click.echo(json.dumps({"ok": not failed, "checks": shown}, ensure_ascii=False))
    else:
        for one in found:
            click.echo(_line(one))
    sys.exit(1 if failed else 0)


def _line(one: "Finding") -> str:
    mend = f" → {one.mend}" if one.mend else ""
    return f"{one.state.value:<5}  {one.name:<14}  {one.text}{mend}"


def _check() -> "list[Finding]":
    from pydantic import ValidationError

    from inbox.operations import checks
    from inbox.settings import get_settings

    try:
        settings = get_settings()
    except ValidationError as error:
        return [
            checks.wrong(
                "settings",
                f"KIP_{'_'.join(map(str, one['loc']))}: {one['msg']}.",
                "Correct it; docs/settings.md has them all.",
            )
            for one in error.errors()
        ]
    findings = [checks.check_running(settings), *checks.check_data_dir(settings)]
    usable = findings[-1].name == "disk"  # else nothing may be opened in there
    findings += [checks.check_secret(settings), checks.check_base_url(settings)]
    return findings + asyncio.run(_ask_others(settings, usable=usable))


async def _ask_others(settings: "Settings", *, usable: bool) -> "list[Finding]":
    from inbox.operations import probes

    asked = [probes.check_mail(settings)]
    in_data_dir = settings.database.startswith("sqlite")
    if usable or not in_data_dir:
        asked.insert(0, probes.check_database(settings))
    if usable or settings.redis_url is not None:
        asked.insert(-1, probes.check_redis(settings))
    return await probes.gather(asked)
