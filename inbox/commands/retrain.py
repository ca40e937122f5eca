"""``kip retrain``: what the supervisor's button does, here and now."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from inbox.db import Database
    from inbox.learning.working import Learn
    from inbox.settings import Settings
    from models import TriageTraining

LOOK_EVERY_S = 0.5


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
def retrain(as_json: bool) -> None:
    """Train from what people confirmed and corrected, and use the model if it is no worse.

    Works while Kịp runs and while it is stopped. Exits with 0 also where the model in use
    stays, with 1 if the training failed.
    """
    from inbox.settings import get_settings

    ended = asyncio.run(_retrain(get_settings()))
    if as_json:
        click.echo(json.dumps(_plain(ended), ensure_ascii=False))
    else:
        for line in _lines(ended):
            click.echo(line)
    sys.exit(1 if ended.error else 0)


async def _retrain(settings: "Settings") -> "TriageTraining":
    """Ask for a training and see it through; a worker that runs may be faster."""
    from inbox.clock import utcnow
    from inbox.db import Database
    from inbox.errors import Conflict
    from inbox.learning import trainings
    from inbox.learning.working import Learn
    from inbox.store.company import find_company
    from inbox.store.learning import find_training

    database = Database(settings.database)
    try:
        if await database.read(find_company) is None:
            raise Conflict("There is no company yet: open the link that kip run prints.")
        asked = await database.write(trainings.ask, "command", utcnow())
        learn = Learn(database, settings.data_dir)
        working = asyncio.create_task(_work(learn, database, asked.id))
        hidden = not sys.stderr.isatty()
        with click.progressbar(length=100, label="Training", file=sys.stderr) as bar:
            while True:
                found = await database.read(find_training, asked.id)
                if not hidden:
                    bar.update(max(0, found.done - bar.pos))
                if found.finished_at is not None:
                    break
                await asyncio.sleep(LOOK_EVERY_S)
        await working
        return found
    finally:
        await database.close()


async def _work(learn: "Learn", database: "Database", training_id: int) -> None:
    from inbox.store.learning import find_training

    while (await database.read(find_training, training_id)).finished_at is None:
        if not await learn.once():
            await asyncio.sleep(LOOK_EVERY_S)


def _plain(ended: "TriageTraining") -> dict[str, object]:
    gate = ended.result.get("gate", {})
    return {
        "version": ended.version_id,
        "accepted": bool(ended.result.get("accepted")),
        "reason": gate.get("reason"),
        "error": ended.error,
        "messages": ended.result.get("messages"),
        "holdout": ended.result.get("holdout"),
        "champion": ended.result.get("champion"),
    }


def _lines(ended: "TriageTraining") -> list[str]:
    if ended.error:
        return [ended.error]
    gate = ended.result["gate"]
    figures = gate["figures"]
    shares = [figures[name] for name in ("champion", "challenger")]
    before, after = ("-" if one is None else f"{100 * one:.1f} %" for one in shares)
    verdict = "in use now" if ended.result["accepted"] else f"not used ({gate['reason']})"
    lines = [
        f"model {ended.version_id}: {verdict}",
        f"{ended.result['messages']} messages trained on, {figures['messages']} kept aside;"
        f" right of these: before {before}, after {after}",
    ]
    by_type = ended.result["holdout"]["by_type"]
    if by_type:
        lines.append(f"{'type':<28}{'precision':>10}{'recall':>8}{'messages':>10}")
    return lines + [
        f"{key:<28}{100 * one['precision']:>8.1f} %{100 * one['recall']:>6.1f} %"
        f"{one['support']:>8}"
        for key, one in by_type.items()
    ]
