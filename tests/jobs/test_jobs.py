"""arq jobs: doorbells that may ring twice, and the worker that runs them."""

from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox import jobs
from inbox.db import Database
from inbox.queue import from_json, to_json
from inbox.settings import Settings
from inbox.store import ledger
from inbox.store.ledger import Place, Sighting
from inbox.store.people import take_turn
from inbox.store.sessions import find_session_person, open_session
from models import Counter, LedgerEntry, LedgerState, LedgerVia, LoginSession
from tests.conftest import Clock
from tests.factories import NOW, Firm, arrive, everything, notices_of


@pytest.fixture
def ctx(database: Database, settings: Settings, secret: bytes) -> dict[str, Any]:
    """Return what arq hands to a job."""
    return {"database": database, "settings": settings, "secret": secret}


async def test_the_sweep_may_run_twice(
    database: Database, firm: Firm, ctx: dict[str, Any], clock: Clock
) -> None:
    """R22."""
    number = await database.write(arrive, firm)
    clock.forward(minutes=30)

    fired = [await jobs.escalate_due(ctx), await jobs.escalate_due(ctx)]

    assert fired == [1, 0]
    assert len(await database.read(notices_of, number)) == 1


async def test_the_sweep_of_an_installation_without_company_does_nothing(
    ctx: dict[str, Any], clock: Clock
) -> None:
    assert await jobs.escalate_due(ctx) == 0


async def test_the_ledger_forgets_old_lines_without_words(
    database: Database,
    firm: Firm,
    ctx: dict[str, Any],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not what has words, not what lies in a mailbox, and not before its time."""
    old, new = NOW - timedelta(days=401), NOW - timedelta(days=399)
    ignored, sent, imap = LedgerState.IGNORED, LedgerVia.SENT, LedgerVia.IMAP

    def fill(session: Session) -> None:
        for uid in range(1, 8):
            seen = Sighting(firm.mail, ignored, sent, Place(3, 5, uid))
            ledger.sight(session, seen, new if uid == 7 else old)
        ledger.sight(session, Sighting(firm.mail, ignored, imap, Place(3, 77, 1)), old)
        ledger.sight(session, Sighting(firm.mail, ignored, sender="a@b.example"), old)
        ledger.sight(session, Sighting(firm.mail, LedgerState.DUPLICATE), old)

    await database.write(fill)
    monkeypatch.setattr(jobs, "LEDGER_BATCH", 3)
    assert await jobs.thin_ledger(ctx) == 7

    left = await database.read(everything, LedgerEntry)
    assert [(one.via, one.uid, one.sender) for one in left] == [
        (sent, 7, ""),
        (imap, 1, ""),
        (LedgerVia.SMTP, None, "a@b.example"),
    ]


async def test_tidying_forgets_only_what_has_expired(
    database: Database, firm: Firm, ctx: dict[str, Any], clock: Clock
) -> None:
    hour = timedelta(hours=1)
    before = NOW - 2 * hour
    await database.write(take_turn, "old", 5, expires_at=NOW - hour, now=before)
    await database.write(take_turn, "new", 5, expires_at=NOW + hour, now=NOW)
    await database.write(open_session, "s", firm.an.id, epoch=0, now=NOW)

    for _ in range(2):
        await jobs.tidy(ctx)

    def left(session: Any) -> tuple[list[str], int]:
        keys = session.execute(select(Counter)).scalars()
        return [row.key for row in keys], len(session.execute(select(LoginSession)).all())

    assert await database.read(left) == (["new"], 1)
    clock.forward(days=15)
    await jobs.tidy(ctx)
    assert await database.read(find_session_person, "s", NOW) is None


async def test_the_worker_is_set_as_the_papers_say(
    database: Database, settings: Settings, secret: bytes
) -> None:
    """JSON, no results kept, UTC, no signal handlers, short jobs."""
    url = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})

    worker = jobs.make_worker(database, url, secret)

    assert worker.keep_result_s == 0
    assert worker.timezone is UTC
    assert worker.job_serializer is to_json
    assert worker.job_deserializer is from_json
    assert {job.name for job in worker.cron_jobs or []} == {
        *("cron:escalate_due", "cron:tidy", "cron:thin_ledger")
    }
    assert max(one.timeout_s for one in worker.functions.values() if one.timeout_s) <= 20


def test_a_job_is_json_and_nothing_else() -> None:
    """R43's neighbour: whoever writes to Redis cannot run code here."""
    job = {"t": 1, "f": "escalate_due", "a": [], "k": {}, "et": 1700000000}

    assert from_json(to_json(job)) == job
    with pytest.raises(ValueError, match=r"Expecting|decode"):
        from_json(b"\x80\x04\x95")
