"""Make the sample company at the first ``kip run --demo``, and keep it lively at later ones."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlmodel import Session

from inbox.auth import hash_password
from inbox.clock import utcnow
from inbox.db import Database
from inbox.demo import accounts, company, said, texts
from inbox.demo.history import History
from inbox.demo.letters import Predict
from inbox.demo.texts import Story
from inbox.demo.thread import plan
from inbox.errors import InboxError
from inbox.learning.trainings import take_night
from inbox.rulebook import load_rulebook
from inbox.settings import Settings
from inbox.sla.holidays import public_holidays
from inbox.starter_model import find_starter
from inbox.store.company import find_company
from inbox.store.setup import LiveModel, find_live_model
from inbox.triage.model import TriageModel
from inbox.triage.prediction import Prediction
from inbox.triage.rules import predict_by_rules
from models import RawMessage
from models.base import columns

raws = columns(RawMessage)
log = logging.getLogger(__name__)

KEY = "demo:"
FRESH = ((80, 30), (100, 60))  # part of the promised time used up, seconds after the start


async def seed(
    database: Database, settings: Settings, clock: Callable[[], datetime] = utcnow
) -> None:
    """Create the sample company with its history; if it is there, only renew the urgent ones.

    A history that was cut short is told to its end. A company that is not the sample's is
    left alone.
    """
    if not await database.read(_has_company):
        await _create(database, clock())
    elif not await database.read(company.is_sample):
        log.warning("This data directory has a company of its own; no sample was put into it.")
        return
    live = await database.read(find_live_model)
    predict = await asyncio.to_thread(_predictor, live)
    rulebook = await database.read(load_rulebook)
    left = _untold(await database.read(_told))
    now = clock()
    version = live.id if live is not None else None
    history = History(settings, version, now, fires=bool(left))
    stories = left or _fresh()
    await asyncio.to_thread(plan, history, stories, rulebook, predict)
    while history.goes_on:
        await database.write(history.turn)
    if left:
        await database.write(accounts.create, now)
        await database.write(said.create, now)
        # Told between two and three at night, it is nothing to learn from at once.
        await database.write(take_night, now)


async def _create(database: Database, now: datetime) -> None:
    """Create the company; what is slow comes before the transaction."""
    password_hash = await asyncio.to_thread(hash_password, company.PASSWORD)
    found = await asyncio.to_thread(public_holidays, "VN", [now.year, now.year + 1])
    holidays = [day.isoformat() for day, _ in found]
    starter = await asyncio.to_thread(find_starter)
    await database.write(company.create, password_hash, holidays, starter, now)


def _has_company(session: Session) -> bool:
    return find_company(session) is not None


def _told(session: Session) -> set[str]:
    """Return the keys of the sample's messages that came in."""
    found = session.execute(select(raws.dedupe_key).where(raws.dedupe_key.startswith(KEY)))
    return set(found.scalars())


def _untold(told: set[str]) -> list[tuple[str, Story]]:
    """Return the stories still to be told, with the keys of their first messages."""
    stories = [*texts.past(), *texts.present(), *texts.live()]
    return [(key, one) for one in stories if (key := KEY + one.email) not in told]


def _fresh() -> list[tuple[str, Story]]:
    """Return one urgent conversation about to be warned of, and one about to be late.

    Each is by a customer of its own: else every start would count as asking again.
    """
    found = []
    for step, after in FRESH:
        alike = [one for one in texts.live() if one.step == step]
        story, mark = secrets.choice(alike), secrets.token_hex(8)
        name, _, domain = story.email.partition("@")
        email = f"{name}{secrets.randbelow(10**6):06}@{domain}"
        found.append((KEY + mark, replace(story, email=email, after=after)))
    return found


def _predictor(live: LiveModel | None) -> Predict:
    """Return what sorts: the live model, or written rules where there is none that works."""
    if live is not None:
        try:
            return TriageModel.load(Path(live.path), live.sha256).predict
        except (OSError, InboxError):
            log.exception("the model in %s cannot be used; written rules sort", live.path)
    return _by_rules


def _by_rules(subject: str, text: str) -> Prediction:
    return predict_by_rules(subject, text)
