"""The worker's own loops: take in, send, watch the clocks. A bell wakes them; a tick is enough.

Rows are the queue. Each loop claims what waits, works, and settles it; a worker that dies
leaves leases that run out, and the next one goes on.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import Session

from inbox import chat, delivery, escalation, intake
from inbox.calling import taking as calls
from inbox.channels.adapters import CHANNELS
from inbox.channels.authresults import is_disowned
from inbox.channels.base import InboundMessage
from inbox.channels.reader import MailReader, ReadFailed
from inbox.channels.smtp import SmtpSender
from inbox.clock import utcnow
from inbox.db import Database, DatabaseGone, is_away
from inbox.errors import InboxError
from inbox.failpoints import failpoint
from inbox.house import make_house
from inbox.importing import taking
from inbox.importing.taking import with_facts
from inbox.intake import Context, Incoming
from inbox.later import elsewhere, knowing
from inbox.later.ignoring import ignore, load_rules
from inbox.later.products import load_catalogue
from inbox.later.spam import Habit
from inbox.learning import serving
from inbox.learning.costs import costs_of
from inbox.learning.serving import Chosen, Serving, Sorter
from inbox.rulebook import load_rulebook
from inbox.sending.lanes import Lanes
from inbox.settings import Settings
from inbox.staging import head_words
from inbox.store import ledger
from inbox.store import raw as raws
from inbox.store.company import find_company, list_doors
from inbox.store.raw import Claimed
from inbox.triage.prediction import Guess, Prediction
from inbox.triage.sight import NOTHING_SEEN, Sight, look
from models import ChannelKind, LedgerState

log = logging.getLogger(__name__)

TICK_S = 1.0
BATCH = 20
RENEW_EVERY_S = 1.5
CHOSEN_BY_CUSTOMER = 0.75  # how far we trust the topic that somebody picked on a form


async def run_loop(name: str, once: Callable[[], Awaitable[bool]], bell: asyncio.Event) -> None:
    """Call ``once`` for ever: at once while there is more, else on the bell or each second.

    A failure is logged and tried again after a pause that grows to five seconds: the rows
    stay where they are.
    """
    pause_s = 0.2
    while True:
        bell.clear()
        try:
            more = await once()
        except DatabaseGone as error:
            log.warning("%s: %s (%s)", name, error, error.__cause__)
        except Exception:
            log.exception("%s failed; trying again in %.1f s", name, pause_s)
        else:
            pause_s = 0.2
            if not more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(bell.wait(), TICK_S)
            continue
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, 5.0)


async def renewing(
    renew: Callable[[], Coroutine[Any, Any, None]], work: Coroutine[Any, Any, None]
) -> None:
    """Run ``work`` and renew its leases meanwhile."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=RENEW_EVERY_S)
            if not task.done():
                await renew()
        await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])  # it may have something to write down


@dataclass(frozen=True, slots=True)
class Batch:
    """Claimed messages, and what they are sorted with."""

    raws: list[Claimed]
    chosen: Chosen | None  # which models sort
    context: Context | None  # None before the first visit


class TakeIn:
    """Claims raw messages, reads and sorts each, and makes them parts of conversations."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret
        self._reader = MailReader()
        sender = SmtpSender(settings.smtp_url)
        self._channels = {kind: make(sender) for kind, make in CHANNELS.items()}
        self.serving = Serving(database, settings.data_dir)

    async def once(self) -> bool:
        """Take in one batch; True if there may be more."""
        if not await self._database.read(raws.waits, utcnow()):
            return False
        batch = await self._database.write(_claim, self._settings, self._secret)
        failpoint("intake.claimed")
        sorter = await self.serving.sorter(batch.chosen) if batch.chosen else Sorter()
        open_ids = {raw.id for raw in batch.raws}

        async def renew() -> None:
            await self._database.write(raws.renew, sorted(open_ids), utcnow())

        await renewing(renew, self._work(batch, sorter, open_ids))
        size = sum(len(raw.body) for raw in batch.raws)
        return len(batch.raws) == BATCH or size >= raws.BATCH_BYTES

    async def _work(self, batch: Batch, sorter: Sorter, open_ids: set[int]) -> None:
        """Read side by side, store as they come: a slow one holds up nobody."""
        context = self._context_of(batch, sorter)
        turns = chat.in_turns(batch.raws)
        reading = {asyncio.create_task(self._read_turn(turn, batch, sorter)) for turn in turns}
        while reading:
            ready, reading = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
            results = [one for task in ready for one in task.result()]
            good = [one for one in results if isinstance(one, Incoming)]
            bad = [one for one in results if not isinstance(one, Incoming)]
            failpoint("intake.read")
            await self._database.write(_store, good, bad, context)
            failpoint("intake.committed")
            open_ids -= {one.raw.id for one in good} | {raw.id for raw, _ in bad}

    @staticmethod
    def _context_of(batch: Batch, sorter: Sorter) -> Context | None:
        if batch.context is None:
            return None
        version, shadow = sorter.version_id, sorter.shadow_id
        return replace(batch.context, model_version_id=version, shadow_version_id=shadow)

    async def _read_turn(
        self, turn: list[Claimed], batch: Batch, sorter: Sorter
    ) -> list[Incoming | tuple[Claimed, str]]:
        """Read what keeps its order; a chat's line is sorted by all that was said so far."""
        before = ""
        if turn[0].kind is ChannelKind.CHAT:
            before = await self._database.read(chat.said_so_far, turn[0])
        results = []
        for raw in turn:
            result = await self._read(raw, batch, sorter, before)
            if isinstance(result, Incoming):
                before = f"{before}\n{result.message.visible_reply}"
            results.append(result)
        return results

    async def _read(
        self, raw: Claimed, batch: Batch, sorter: Sorter, before: str
    ) -> Incoming | tuple[Claimed, str]:
        try:
            if raw.kind is ChannelKind.EMAIL:
                sender = raw.meta.get("from")
                instance_id = batch.context.house.instance_id if batch.context else ""
                message = await self._reader.read(raw.body, sender, instance_id)
            elif raw.kind in self._channels:
                message = self._channels[raw.kind].read(raw.body)
            else:
                raise ReadFailed(f"No channel reads {raw.kind} messages.")
        except ReadFailed as error:
            return raw, error.reason
        except (msgspec.MsgspecError, ValueError) as error:
            return raw, f"It is not what a {raw.kind} sends: {error}"
        if raw.kind is ChannelKind.EMAIL and batch.context is not None:
            raw, message = await asyncio.to_thread(with_facts, raw, message, batch.context)
        types = frozenset(batch.context.rulebook.types if batch.context else ())
        try:
            said = await asyncio.to_thread(_predict, sorter, message, types, before)
            watched = None
            if sorter.shadow is not None:
                watched = await asyncio.to_thread(_watch, sorter, message, types, before)
            sight = await asyncio.to_thread(_look, raw, message, batch.context)
            guess = await asyncio.to_thread(_guess, sorter, message, batch.context, sight)
        except Exception as error:  # a bug in sorting one must not hold up the others
            log.exception("sorting raw message %d failed", raw.id)
            return raw, f"Sorting failed: {type(error).__name__}: {error}"
        return Incoming(raw, message, said, watched, sight, guess)

    async def take(self, some: list[Claimed]) -> None:
        """Take in messages that the caller leased, in their order, in one unit of work."""
        batch = await self._database.read(_around, self._settings, self._secret, some)
        sorter = await self.serving.sorter(batch.chosen) if batch.chosen else Sorter()
        results = await self._read_turn(some, batch, sorter)
        good = [one for one in results if isinstance(one, Incoming)]
        bad = [one for one in results if not isinstance(one, Incoming)]
        await self._database.write(_store, good, bad, self._context_of(batch, sorter))

    async def close(self) -> None:
        """End the reading processes."""
        await self._reader.close()


def _claim(session: Session, settings: Settings, secret: bytes) -> Batch:
    return _around(session, settings, secret, raws.claim(session, utcnow(), BATCH))


def _around(
    session: Session, settings: Settings, secret: bytes, claimed: list[Claimed]
) -> Batch:
    """Load what claimed messages are taken in with."""
    company = find_company(session)
    if company is None:
        return Batch(claimed, None, None)
    doors = list_doors(session)
    mails = [door.handle for door in doors if door.kind is ChannelKind.EMAIL]
    context = Context(
        rulebook=load_rulebook(session),
        doors={door.id: door for door in doors},
        house=make_house(company, mails, settings, secret),
        language=company.language,
        model_version_id=None,  # until it is loaded
        spam=Habit.of(company.settings),
        catalogue=load_catalogue(session),
        costs=costs_of(company),
        ignoring=load_rules(session),
    )
    return Batch(claimed, serving.choose(session, company), context)


def _predict(
    sorter: Sorter,
    message: InboundMessage,
    types: frozenset[str],
    before: str = "",
) -> Prediction:
    said = sorter.predict(message.subject, _words(message, before), types)
    chosen = message.request_type
    if chosen in types and chosen is not None:
        share = max(dict(said.candidates).get(chosen, 0.0), CHOSEN_BY_CUSTOMER)
        return replace(
            said,
            request_type=chosen,
            request_type_confidence=share,
            clock_candidates=(chosen,),
        )
    return said


def _watch(
    sorter: Sorter, message: InboundMessage, types: frozenset[str], before: str
) -> Prediction | None:
    return sorter.watch(message.subject, _words(message, before), types)


def _guess(
    sorter: Sorter, message: InboundMessage, context: Context | None, sight: Sight
) -> Guess | None:
    """Return which product group it may be about where it names none; only one there is."""
    if context is None or not context.catalogue or sight.products:
        return None
    found = sorter.guess_product(message.subject, _words(message, ""))
    return found if found is not None and found.group in context.catalogue.groups else None


def _look(raw: Claimed, message: InboundMessage, context: Context | None) -> Sight:
    if context is None or message.is_bounce:
        return NOTHING_SEEN
    return look(
        message.subject,
        message.visible_reply or message.text,
        is_reply=bool(message.in_reply_to or message.references),
        is_bulk=message.is_automatic,
        has_files=bool(message.attachments or message.notes),
        catalogue=context.catalogue,
        is_forged=is_disowned(raw.meta.get("authentication", {})),
    )


def _words(message: InboundMessage, before: str) -> str:
    return f"{before}\n{message.visible_reply or message.text}".strip()


def _store(
    session: Session,
    good: list[Incoming],
    bad: list[tuple[Claimed, str]],
    context: Context | None,
) -> None:
    """Take in what was read, and put back what could not be read.

    All in one savepoint, as nearly always nothing is wrong; otherwise each in its own.
    """
    now = utcnow()
    for raw, reason in bad:
        _fail(session, raw, reason, now)
    if context is None or not good:
        return
    try:
        _take_in(session, good, context, now)
    except Exception as error:
        if is_away(error):  # the database's trouble, not a message's
            raise
        for incoming in good:
            _store_one(session, incoming, context, now)


def _store_one(session: Session, incoming: Incoming, context: Context, now: datetime) -> None:
    """Take a message in, or say on its row why not."""
    try:
        _take_in(session, [incoming], context, now)
    except InboxError as error:
        log.warning("raw message %d: %s", incoming.raw.id, error.message)
        _fail(session, incoming.raw, error.message, now)
    except Exception as error:
        if is_away(error):
            raise
        log.exception("taking in raw message %d failed", incoming.raw.id)
        _fail(session, incoming.raw, f"{type(error).__name__}: {error}", now)


def _fail(session: Session, raw: Claimed, reason: str, now: datetime) -> None:
    """Put a message back or into quarantine, where the ledger says whose it is."""
    if raws.fail(session, raw.id, reason, now) and raw.kind is ChannelKind.EMAIL:
        state, words = LedgerState.QUARANTINED, head_words(raw.body)
        ledger.settle(session, raw.id, state, reason=reason, **words)


def _take_in(session: Session, some: list[Incoming], context: Context, now: datetime) -> None:
    """Take messages in, or leave no trace of any."""
    with session.begin_nested():
        openings, known = intake.begin(session, context, now), knowing.look_up(session, some)
        for incoming in some:
            if (
                elsewhere.attach(session, incoming, context, openings, now)
                or taking.take(session, incoming, context, openings, now)
                or calls.take(session, incoming, context, openings, now)
                or ignore(session, incoming, context)
            ):
                continue
            intake.take_in(session, incoming, context, now, openings, known)
            failpoint("intake.taken")
        openings.settle()


class Send:
    """Claims outgoing mail and hands it to mail servers (``inbox.sending.lanes``)."""

    def __init__(self, database: Database, settings: Settings, secret: bytes = b"") -> None:
        self._database = database
        self.lanes = Lanes(database, settings, secret)

    async def once(self) -> bool:
        """Send one batch; True if there may be more."""
        await self.lanes.settle()  # what a database that was away has not written down
        jobs = await self.lanes.claim(BATCH)
        if not jobs:
            return False
        failpoint("outbox.claimed")
        more = len(jobs) == BATCH
        waiting = list(jobs)

        async def renew() -> None:
            await self._database.write(delivery.renew, waiting, utcnow())

        await renewing(renew, self.lanes.work(waiting, keep_open=more))
        return more


class Watch:
    """Fires the ladder's steps whose moment has come."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._secret = secret

    async def once(self) -> bool:
        """Fire what is due; True if there may be more."""
        return bool(await escalation.escalate_due(self._database, self._settings, self._secret))
