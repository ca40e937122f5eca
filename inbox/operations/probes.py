"""The part of ``kip check`` that talks to other programs: database, Redis, mail server."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from inbox import exclusive, redis_server
from inbox.channels.smtp import SmtpSender
from inbox.clock import utcnow
from inbox.db import Database, insert_into
from inbox.errors import InboxError, Unavailable
from inbox.migrations import current, head, knows
from inbox.operations.checks import (
    Finding,
    check_mailboxes,
    check_model,
    check_senders,
    check_sqlite,
    check_work,
    check_zones,
    note,
    ok,
)
from inbox.operations.checks import wrong as wrong_
from inbox.queue import connect
from inbox.settings import Settings
from inbox.store import health
from inbox.store.company import find_company
from inbox.store.setup import find_live_model, load_rules
from inbox.triage import files
from models import Counter, TriageModelFiles
from models.base import columns

ANSWER_S = 10.0
WRITERS_S = 5.0
SKEW_NOTE_S, SKEW_WRONG_S = 2.0, 30.0
ALWAYS = ("UTC", "Asia/Ho_Chi_Minh")

counters = columns(Counter)


async def check_database(settings: Settings) -> list[Finding]:
    """Reach it, compare its tables' version, write to it, and look at what is in it."""
    name = "database"
    try:
        database = Database(settings.database)
    except (ValueError, OSError) as error:
        return [wrong_(name, f"{error}.", "Correct KIP_DATABASE_URL.")]
    try:
        if database.is_sqlite:
            early = await asyncio.to_thread(_early_sqlite, database)
            if early is not None:
                return [early]
        return await _look_inside(database)
    except (InboxError, DBAPIError, OSError) as error:
        said = _said(error.__cause__ or error)
        mend = "Is the server up, and KIP_DATABASE_URL right?"
        if database.is_sqlite:
            mend = (
                "Look at the file and its directory; a damaged one comes back by kip restore."
            )
        return [wrong_(name, f"It cannot be used: {said}.", mend)]
    finally:
        await database.close()


def _said(error: BaseException) -> str:
    """Return the first line of what a driver has to say; it may not know our sentence form."""
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return said.splitlines()[0].rstrip(".")


def _early_sqlite(database: Database) -> Finding | None:
    if not database.path.exists():
        mend = "kip run or kip migrate makes it."
        return wrong_("database", f"There is no {database.path}.", mend)
    if exclusive.writers_wait(database.path, WRITERS_S):
        mend = "Find the process that has write.lock open (fuser) and look at what it does."
        return wrong_("database", f"Nobody could write for {WRITERS_S:g} s.", mend)
    return None


async def _look_inside(database: Database) -> list[Finding]:
    revision, newest = await database.read(current), head()
    if revision != newest:
        if revision is not None and not knows(revision):
            mend = "Install the version of Kịp that was here before, or a newer one."
            return [wrong_("database", f"A newer Kịp made it ({revision}).", mend)]
        return [wrong_("database", f"It is at {revision}, not {newest}.", "kip migrate")]
    await database.write(_try_to_write)
    findings = [ok("database", f"{database.url.render_as_string()}, up to date, writable")]
    if database.is_sqlite:
        mode = await database.read(
            lambda s: str(s.execute(text("PRAGMA journal_mode")).scalar())
        )
        findings += check_sqlite(database.path, mode)
    else:
        findings += await _check_postgres(database)
    return findings + await database.read(_check_content)


def _try_to_write(session: Session) -> None:
    """Write a row and take it away; the commit goes to the disk all the same."""
    statement = insert_into(session, Counter).values(
        key="check", count=1, expires_at=utcnow() + timedelta(hours=1)
    )
    session.execute(statement.on_conflict_do_nothing(index_elements=["key"]))
    session.execute(delete(Counter).where(counters.key == "check"))


async def _check_postgres(database: Database) -> list[Finding]:
    def ask(session: Session) -> tuple[str, str, Any]:
        row = session.execute(
            text(
                "SELECT current_setting('server_version'),"
                " current_setting('synchronous_commit'), clock_timestamp()"
            )
        ).one()
        return row[0], row[1], row[2]

    began = time.monotonic()
    version, commits, theirs = await database.read(ask)
    ours, slack = utcnow(), time.monotonic() - began
    skew = abs((theirs - ours).total_seconds())
    findings = [_skew(max(0.0, skew - slack))]
    if commits == "off":
        mend = "Set synchronous_commit = on: a confirmed message must survive a power cut."
        findings.append(wrong_("PostgreSQL", "It confirms before it has written.", mend))
    else:
        findings.append(ok("PostgreSQL", version))
    return findings


def _skew(skew_s: float) -> Finding:
    text_ = f"This machine's and the database's differ by {skew_s:.1f} s"
    mend = "Let both machines take their time from the network (chrony, timesyncd)."
    if skew_s > SKEW_WRONG_S:
        return wrong_("clock", f"{text_}.", mend)
    if skew_s > SKEW_NOTE_S:
        return note("clock", f"{text_}.", mend)
    return ok("clock", text_)


def _check_content(session: Session) -> list[Finding]:
    findings = [_check_model(session)]
    company = find_company(session)
    if company is None:
        zones = list(ALWAYS)
        findings.append(note("company", "None yet.", "Open the link that kip run prints."))
    else:
        rules = load_rules(session)
        named = (str(spec.get("timezone", "")) for spec in rules.calendars.values())
        zones = list(dict.fromkeys([*ALWAYS, company.time_zone, *named]))
    findings += [check_zones(zones), *check_mailboxes(health.failing_mailboxes(session))]
    findings += check_senders(health.failing_senders(session))
    return findings + check_work(health.look(session, utcnow()))


def _check_model(session: Session) -> Finding:
    """Look at the starter where it lies, at a model of the company's own in the database."""
    live = find_live_model(session)
    kept = session.get(TriageModelFiles, live.id) if live is not None else None
    if live is None or live.is_starter or kept is None:
        return check_model(live.path if live else None, live.sha256 if live else None)
    if files.sha256_of_bytes(kept.arrays, kept.described) != live.sha256:
        mend = "Put another model in use, on Settings, Sorting (AI)."
        return wrong_("classifier", f"Model {live.id} was changed after training.", mend)
    return ok("classifier", f"model {live.id}, as trained")


async def check_redis(settings: Settings) -> list[Finding]:
    """Ask the given Redis, or the one that ``kip run`` keeps."""
    if settings.redis_url is not None:
        return await _given_redis(settings.redis_url)
    try:
        path = await asyncio.to_thread(redis_server.socket_path, settings.data_dir)
        if await asyncio.to_thread(redis_server.is_ready, path):
            return [ok("Redis", f"kip run's own answers ({path})")]
        if exclusive.runs(settings.data_dir) is not None:
            mend = f"Look at {settings.data_dir / 'redis' / 'redis.log'}."
            return [wrong_("Redis", "kip run's own does not answer.", mend)]
        server = await asyncio.to_thread(redis_server.find_server)
    except (InboxError, OSError) as error:
        return [
            wrong_("Redis", str(error), "Set KIP_REDIS_URL, or follow the sentence before.")
        ]
    return [note("Redis", f"kip run starts its own ({server}); it is stopped now.")]


async def _given_redis(url: str) -> list[Finding]:
    try:
        client = connect(url)
    except ValueError as error:
        return [wrong_("Redis", f"{error}.", "Correct KIP_REDIS_URL.")]
    try:
        async with asyncio.timeout(ANSWER_S):
            said = await client.info()
    except (RedisError, OSError, TimeoutError) as error:
        mend = "Is it up, and KIP_REDIS_URL right? Without it all happens within a second."
        return [wrong_("Redis", f"It does not answer: {_said(error)}.", mend)]
    finally:
        await client.aclose()
    return judge_redis(said)


def judge_redis(said: dict[str, Any]) -> list[Finding]:
    """Say what of a Redis' INFO is not as our jobs need it."""
    findings = []
    policy = str(said.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        mend = "Set maxmemory-policy noeviction."
        findings.append(note("Redis", f"It drops jobs when memory is short ({policy}).", mend))
    if str(said.get("aof_enabled", "1")) != "1":
        mend = "Set appendonly yes; until then such jobs run at their next turn."
        findings.append(note("Redis", "It forgets queued jobs when it is killed.", mend))
    return findings or [
        ok("Redis", f"{said.get('redis_version', '?')}, keeps what it is given")
    ]


async def check_mail(settings: Settings) -> list[Finding]:
    """Connect to the mail server, encrypt and sign in as for a mail, and leave."""
    name = "outgoing mail"
    try:
        sender = SmtpSender(settings.smtp_url)
    except ValueError as error:
        return [wrong_(name, f"{error}.", "Correct KIP_SMTP_URL.")]
    if settings.smtp_url.startswith("console:"):
        mend = "Set KIP_SMTP_URL, as in smtp://user:password@host:587."
        return [note(name, "Mail is printed, nothing leaves.", mend)]
    host = (
        settings.smtp_url.rpartition("@")[2].partition("//")[2]
        or (settings.smtp_url.rpartition("@")[2])
    )
    try:
        async with asyncio.timeout(ANSWER_S), sender.session():
            pass
    except Unavailable as error:
        why = _said(error.__cause__) if error.__cause__ else ""
        text_ = f"{host}: {error.message}" + (f" ({why})" if why else "")
        return [wrong_(name, text_, "Correct KIP_SMTP_URL, or mend that server.")]
    except TimeoutError:
        mend = "Correct KIP_SMTP_URL, or let this machine through to that port."
        return [wrong_(name, f"{host} did not answer within {ANSWER_S:g} s.", mend)]
    return [ok(name, f"{host} takes our connection and sign-in")]


async def gather(checks: Sequence[Awaitable[list[Finding]]]) -> list[Finding]:
    """Ask all of them at once; findings come in the order given."""
    return [one for found in await asyncio.gather(*checks) for one in found]
