"""Each way of doing something up to a death at a failpoint, and again after it."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx
from sqlalchemy import delete, select, update
from sqlmodel import Session
from websockets.exceptions import ConnectionClosed

from inbox import delivery
from inbox.alerting.gathering import Alerts
from inbox.amends import Amends
from inbox.clock import utcnow
from inbox.company.covering import Cover
from inbox.dates.firing import Dates
from inbox.db import Database
from inbox.drift import Drift
from inbox.giving import Give
from inbox.loops import Send, TakeIn, Watch
from inbox.settings import Settings
from inbox.sla.history import Wait
from inbox.telling import Alert, Telling, tell_all
from inbox.waits import wait
from models import (
    Absence,
    Agent,
    Conversation,
    EscalationStep,
    Mailbox,
    MailboxTls,
    Outbox,
    RawMessage,
)
from models.base import columns
from tests.chatclient import ChatClient
from tests.factories import (
    SECRET,
    SUPPORT,
    Firm,
    arrive,
    clocks_of,
    make_message,
    stage_mail,
)
from tests.slow.product import free_port, hidden, until
from tests.weather.ends import End
from tests.weather.ledger import Ledger
from tests.weather.place import TOKEN, Place, died, mail_from
from tests.weather.sink import Sink

_numbers = count(1)
LOOPS: tuple[type[Any], ...] = (Watch, Drift, Amends, Alerts, Cover, Dates)  # what falls due


@dataclass
class Trial:
    """One death: at the ``passage``-th time that a process comes by ``failpoint``."""

    place: Place  # with ports of its own for what dies
    plain: Place  # the same company; its web and smtp roles run
    sink: Sink
    failpoint: str
    passage: int
    end: End

    def __post_init__(self) -> None:
        self.mark = f"t{next(_numbers)}"
        self.token = ""  # a visitor's, once it was welcomed
        self.kept = self.passage - 1 + self.end.kept

    @property
    def armed(self) -> str:
        """What ``KIP_FAILPOINT`` is to be."""
        return f"{self.failpoint}:{self.passage}"

    def raws(self) -> int:
        """Count the stored messages of this trial."""
        found: int = self.place.ledger.one(
            "SELECT count(*) FROM raw_messages WHERE CAST(body AS TEXT) LIKE :mark",
            mark=f"%{self.mark}.%",
        )
        return found

    def sender(self, number: int) -> str:
        """Return the address that one message of this trial comes from."""
        return f"{self.mark}.{number}@khach.example"


def settle(place: Place) -> None:
    """Do what the next worker does until nothing is left; dead workers' leases are over."""

    async def run() -> None:
        database = Database(place.url)
        settings = Settings.model_construct(
            data_dir=place.data, base_url=place.base_url, smtp_url=place.smtp_url
        )
        take_in = TakeIn(database, settings, SECRET)
        try:
            await database.write(_end_leases)
            ours = (one(database, settings, SECRET) for one in LOOPS)
            for loop in (take_in, Send(database, settings), *ours, Give(database)):
                while await loop.once():
                    pass
            while await database.read(delivery.waits, utcnow()):
                await Send(database, settings).once()
        finally:
            await take_in.close()
            await database.close()

    asyncio.run(run())


def _end_leases(session: Session) -> None:
    raws, outbox, then = columns(RawMessage), columns(Outbox), columns(Mailbox).created_at
    session.execute(update(RawMessage).values(leased_until=raws.received_at))
    session.execute(update(Outbox).values(leased_until=outbox.created_at))
    session.execute(update(Mailbox).values(leased_until=then, next_at=then))


# ---- a message comes in -------------------------------------------------------


def smtp(trial: Trial) -> None:
    """Send mails over SMTP."""
    mails = [mail_from(trial.sender(n)) for n in range(trial.passage)]
    with trial.place.role("smtp", trial.armed) as role:
        codes = [trial.place.send(mail) for mail in mails]
        assert died(role)
    assert codes == [250] * (trial.passage - 1) + [0]
    assert trial.raws() == trial.kept
    assert [trial.plain.send(mail) for mail in mails] == [250] * len(mails)
    assert trial.raws() == trial.passage


def _post_form(client: httpx.Client, fields: dict[str, str]) -> str:
    answer = client.post("/f/support", data=fields)
    assert answer.status_code == 303
    return str(answer.headers["location"])


@contextmanager
def dies_on_the_web(trial: Trial) -> Iterator[httpx.Client]:
    with trial.place.role("web", trial.armed) as role, trial.place.client() as client:
        yield client
        assert died(role)


def form(trial: Trial) -> None:
    """Post the hosted form, each time with its one token."""
    told = []
    with dies_on_the_web(trial) as client:
        for number in range(trial.passage):
            token = hidden(client.get("/f/support").text)["token"]
            fields = {"token": token, "email": trial.sender(number), "body": "Còn hàng không?"}
            try:
                told.append(_post_form(client, fields))
            except httpx.TransportError:
                break
    assert len(told) == trial.passage - 1
    assert trial.raws() == trial.kept
    with trial.plain.client() as client:
        first = _post_form(client, fields)
        assert _post_form(client, fields) == first
    assert trial.raws() == trial.passage


def _call(client: httpx.Client, trial: Trial, number: int, path: str, body: Any) -> Any:
    headers = {
        "authorization": f"Bearer {TOKEN}",
        "idempotency-key": f"{trial.mark}-{number}",
    }
    answer = client.post(f"/api/v1/{path}", json=body, headers=headers)
    assert answer.status_code in (201, 202), answer.text
    return answer


def api(trial: Trial) -> None:
    """File conversations as a script does, each under its key."""
    _file(trial)


def filed(trial: Trial) -> None:
    """Do the same with a worker, up to the number that the script is told."""
    with trial.plain.role("worker"):
        _file(trial)


def _file(trial: Trial) -> None:
    bodies = [
        {"email": trial.sender(n), "text": "Còn hàng không?"} for n in range(trial.passage)
    ]
    with dies_on_the_web(trial) as client:
        for number, body in enumerate(bodies):
            try:
                _call(client, trial, number, "conversations", body)
            except httpx.TransportError:
                assert number == trial.passage - 1
    assert trial.raws() == trial.kept
    with trial.plain.client() as client:
        for number, body in enumerate(bodies):
            _call(client, trial, number, "conversations", body)
    assert trial.raws() == trial.passage


def chat(trial: Trial) -> None:
    """Say a line in the chat, each with its one id."""
    key = trial.place.ledger.one("SELECT handle FROM inboxes WHERE kind = 'chat'")
    with dies_on_the_web(trial):
        accepted = asyncio.run(_chat(trial, trial.place, key))
    assert accepted == trial.passage - 1
    assert trial.raws() == trial.kept
    assert asyncio.run(_chat(trial, trial.plain, key)) == trial.passage
    assert trial.raws() == trial.passage


async def _chat(trial: Trial, place: Place, key: str) -> int:
    """Say every line, as far as it goes; return how many were accepted."""
    accepted = 0
    try:
        # Both ports are the same company's: its own pages may show the widget.
        client = ChatClient(place.base_url, key, token=trial.token)
        async with client:
            await client.hello()
            trial.token = client.token
            for number in range(trial.passage):
                line = uuid5(NAMESPACE_URL, trial.sender(number))
                await client.say(trial.sender(number), str(line))
                accepted += 1
    except (OSError, ConnectionClosed):
        assert place is trial.place
    return accepted


def pipe(trial: Trial) -> None:
    """Hand over a mail through another mail server's pipe."""
    mail = mail_from(trial.sender(0))
    codes = []
    for armed in (trial.armed, "", ""):
        process = trial.place.start(
            "receive", "--to", SUPPORT, failpoint=armed, stdin=subprocess.PIPE
        )
        process.communicate(mail, timeout=60)
        codes.append(process.returncode)
        if armed:
            assert trial.raws() == trial.kept
    assert codes == [137, 0, 0]
    assert trial.raws() == 1


def mailbox(trial: Trial) -> None:
    """Fetch mails over IMAP: marked as read only once stored."""
    marks = trial.place.data / f"marks-{trial.mark}"
    marks.mkdir()
    ledger = trial.place.ledger
    fetched = "SELECT count(*) FROM raw_messages WHERE meta LIKE '%mailbox%'"
    before = ledger.one(fetched)
    ledger.write(_add_mailbox, trial.place.firm.mail)
    script = str(Path(__file__).with_name("mailbox_child.py"))
    line = [sys.executable, script, trial.place.url, str(marks), str(trial.passage)]
    root = str(Path(__file__).parents[2])
    for armed in (trial.armed, ""):
        env = {**trial.place.environment(armed), "PYTHONPATH": root}
        done = subprocess.run(line, env=env, check=False, timeout=120)
        stored = ledger.one(fetched) - before
        seen = len(list(marks.iterdir()))
        if armed:
            assert done.returncode == 137
            assert stored == trial.kept
            assert seen <= stored  # nothing is marked that is not kept
            ledger.write(_end_leases)
    assert (done.returncode, stored, seen) == (0, trial.passage, trial.passage)
    ledger.write(lambda it: it.execute(delete(Mailbox)))  # else later workers tell of it


def _add_mailbox(session: Session, inbox_id: int) -> None:
    """Enter a mailbox in place of an earlier trial's."""
    session.execute(delete(Mailbox))
    now = utcnow()
    session.add(
        Mailbox(
            inbox_id=inbox_id,
            host="imap.congty.example",
            port=993,
            tls=MailboxTls.TLS,
            username="hotro",
            password="sealed",
            since=now - timedelta(days=1),
            created_at=now - timedelta(days=1),
            next_at=now - timedelta(days=1),
            leased_until=now - timedelta(days=1),
        )
    )


# ---- the worker's work ---------------------------------------------------------


def worker(trial: Trial) -> None:
    """Take messages in and acknowledge them, one after the other."""
    ledger = trial.place.ledger
    taken = "SELECT count(*) FROM contact_identities WHERE value LIKE :mark"
    sent = "SELECT count(*) FROM outbox WHERE state = 'sent' AND to_address LIKE :mark"
    mark = f"{trial.mark}.%"
    with trial.place.role("worker", trial.armed) as role:
        for number in range(1, trial.passage + 1):
            sender = trial.sender(number)
            mail = mail_from(sender)
            ledger.write(_stage_from, trial, sender, mail)
            until(
                partial(_is_over, role, ledger, number, sent, mark),
                60,
                f"message {number} is acknowledged, or the worker dead",
                0.1,
            )
        assert died(role)
    assert ledger.one(taken, mark=mark) == trial.kept
    settle(trial.place)
    assert ledger.one(taken, mark=mark) == trial.passage
    states = ledger.rows(
        "SELECT to_address, state FROM outbox WHERE to_address LIKE :mark", mark=mark
    )
    last = trial.sender(trial.passage)
    assert dict(states)[last] == trial.end.state
    assert len(states) == trial.passage
    arrived = [to for to, _ in trial.sink.received if to.startswith(f"{trial.mark}.")]
    assert arrived.count(last) == trial.end.arrived
    assert len(arrived) == trial.passage - 1 + trial.end.arrived


def batch(trial: Trial, mails: int) -> tuple[dict[str, int], int]:
    """Let a worker die while several acknowledgements wait, and another one go on.

    Returns how many mails ended in each state, and how many different ones arrived; none
    arrives twice.
    """
    ledger = trial.place.ledger
    mark = f"{trial.mark}.%"
    for number in range(1, mails + 1):
        ledger.write(_stage_from, trial, trial.sender(number), mail_from(trial.sender(number)))
    _take_in(trial.place)
    with trial.place.role("worker", trial.armed) as role:
        assert died(role)
    settle(trial.place)
    rows = ledger.rows("SELECT state FROM outbox WHERE to_address LIKE :mark", mark=mark)
    arrived = [to for to, _ in trial.sink.received if to.startswith(f"{trial.mark}.")]
    assert len(arrived) == len(set(arrived))
    return Counter(state for (state,) in rows), len(arrived)


def _take_in(place: Place) -> None:
    """Take in what waits, and send nothing."""

    async def run() -> None:
        database = Database(place.url)
        settings = Settings.model_construct(
            data_dir=place.data, base_url=place.base_url, smtp_url=place.smtp_url
        )
        take_in = TakeIn(database, settings, SECRET)
        try:
            while await take_in.once():
                pass
        finally:
            await take_in.close()
            await database.close()

    asyncio.run(run())


def _is_over(
    role: subprocess.Popen[bytes], ledger: Ledger, wanted: int, count: str, mark: str = ""
) -> bool:
    """Tell whether the worker is dead, or has done what it was given."""
    if role.poll() is not None:
        return True
    values = {"mark": mark} if mark else {}
    return bool(ledger.one(count, **values) == wanted)


def _stage_from(session: Session, trial: Trial, sender: str, mail: bytes) -> None:
    stage_mail(session, trial.place.firm, mail, utcnow(), **{"from": sender})


def ladder(trial: Trial) -> None:
    """Let steps of the ladder fall due, one after the other."""
    told = "SELECT count(*) FROM events WHERE kind IN ('warned', 'escalated')"
    worker_does(trial, told, _bring_forward)
    doubled = trial.place.ledger.rows(
        "SELECT clock_id FROM notices GROUP BY clock_id, step, agent_id HAVING count(*) > 1"
    )
    assert doubled == []


def _arrive_now(session: Session, trial: Trial) -> int:
    """Take a message in whose clock is not due for long."""
    at = utcnow()
    message = make_message(from_address=trial.sender(next(_numbers)))
    return arrive(session, trial.place.firm, message, at=at, now=at)


def _bring_forward(session: Session, number: int) -> None:
    """Let the time of a conversation's first step come; the others stay where they are."""
    steps = columns(EscalationStep)
    due = select(EscalationStep).where(steps.conversation_id == number).order_by(steps.at)
    row = session.execute(due.limit(1)).scalar_one()
    row.at = utcnow()
    session.add(row)


def worker_does(trial: Trial, counted: str, prepare: Callable[[Session, int], None]) -> None:
    """Let ``prepare`` make conversations due in turn; what is counted grows by one."""
    ledger = trial.place.ledger
    before = ledger.one(counted)
    numbers = [ledger.write(_arrive_now, trial) for _ in range(trial.passage)]
    with trial.place.role("worker", trial.armed) as role:
        for done, number in enumerate(numbers, 1):
            ledger.write(prepare, number)
            until(
                partial(_is_over, role, ledger, before + done, counted),
                60,
                "the worker did it, or is dead",
                0.1,
            )
        assert died(role)
    assert ledger.one(counted) == before + trial.kept
    settle(trial.place)
    assert ledger.one(counted) == before + trial.passage


def waiting(trial: Trial) -> None:
    """Let waits for a customer end, one after the other: each is asked once more."""
    worker_does(trial, "SELECT count(*) FROM outbox WHERE kind = 'follow_up'", _wait_no_longer)


def _wait_no_longer(session: Session, number: int) -> None:
    """Wait for the customer until now."""
    now = utcnow()
    conversation = session.get_one(Conversation, number)
    wait(session, conversation, Wait.CUSTOMER, now + timedelta(hours=1), by=None, now=now)
    _set(session, number, waiting_until=now)


def told(trial: Trial) -> None:
    """Tell a person something, one thing after the other: each is one mail."""
    counted = "SELECT count(*) FROM outbox WHERE CAST(mail AS TEXT) LIKE '%\"notice\":%'"
    worker_does(trial, counted, partial(_tell, trial.place.firm))


def _tell(firm: Firm, session: Session, number: int) -> None:
    """Tell An at any hour, who has heard nothing for long."""
    session.execute(
        update(Agent).where(columns(Agent).id == firm.an.id).values(alerted_at=None)
    )
    clock = clocks_of(session, number)[0]
    owner = {firm.an.id: "owner"}
    one = Telling(owner, number, clock, "nearly_due", Alert.WARNING, outside_hours=True)
    tell_all(session, [one], utcnow())


def giving(trial: Trial) -> None:
    """Let conversations lose their owners, one after the other: each is given out again."""
    given = "SELECT count(*) FROM events WHERE kind = 'assigned' AND data LIKE '%later%'"
    worker_does(trial, given, lambda session, number: _set(session, number, owner_id=None))


def covering(trial: Trial) -> None:
    """Let absences begin, one after the other."""

    def go_away(session: Session, _: int) -> None:
        now = utcnow()
        who, back = trial.place.firm.chi.id, now + timedelta(hours=1)
        session.add(Absence(agent_id=who, starts_at=now, ends_at=back, created_at=now))

    begun = "SELECT count(*) FROM absences WHERE begun_at IS NOT NULL"
    worker_does(trial, begun, go_away)


def broken(trial: Trial) -> None:
    """Let promises pass, one after the other: each customer is told once."""
    worker_does(trial, "SELECT count(*) FROM outbox WHERE kind = 'late'", _promised_now)


def _promised_now(session: Session, number: int) -> None:
    _set(session, number, promised_at=utcnow())


def _set(session: Session, number: int, **values: Any) -> None:
    of_it = columns(Conversation).id == number
    session.execute(update(Conversation).where(of_it).values(**values))


def reply(trial: Trial) -> None:
    """Answer as an agent does."""
    ledger = trial.place.ledger
    numbers = [ledger.write(_arrive_now, trial) for _ in range(trial.passage)]
    said = "SELECT count(*) FROM messages WHERE text LIKE :mark"
    mark = f"{trial.mark} %"
    body = {"text": f"{trial.mark} Dạ còn ạ."}
    with dies_on_the_web(trial) as client:
        for n, number in enumerate(numbers):
            try:
                _call(client, trial, n, f"conversations/{number}/replies", body)
            except httpx.TransportError:
                assert n == trial.passage - 1
    assert ledger.one(said, mark=mark) == trial.kept
    with trial.plain.client() as client:
        for n, number in enumerate(numbers):
            _call(client, trial, n, f"conversations/{number}/replies", body)
    assert ledger.one(said, mark=mark) == trial.passage


# ---- the operator's work ---------------------------------------------------------


def _kip(place: Place, *line: str, failpoint: str = "") -> int:
    return place.start(*line, failpoint=failpoint).wait(120)


def backup(trial: Trial) -> None:
    """Make a backup: it is there whole, or not at all."""
    target = trial.place.data.parent / f"{trial.mark}.kip"
    assert _kip(trial.place, "backup", str(target), failpoint=trial.armed) == 137
    assert target.exists() is trial.end.kept
    assert _kip(trial.place, "backup", str(target), "--force") == 0
    assert _restored(trial, target).ledger.one("SELECT count(*) FROM company") == 1


def _restored(trial: Trial, backup_: Path, failpoint: str = "") -> Place:
    """Restore into a new folder; what dies there is done again."""
    there = trial.place.data.parent / f"{trial.mark}-there"
    there.mkdir()
    place = replace(trial.place, data=there, url=f"sqlite+aiosqlite:///{there / 'kip.db'}")
    if failpoint:
        assert _kip(place, "restore", str(backup_), failpoint=failpoint) == 137
        assert (there / "kip.db").exists() is trial.end.kept
    force = ["--force"] if failpoint and trial.end.kept else []
    assert _kip(place, "restore", str(backup_), *force) == 0
    return place


def restore(trial: Trial) -> None:
    """Restore: it has happened, or it has not."""
    target = trial.place.data.parent / f"{trial.mark}.kip"
    assert _kip(trial.place, "backup", str(target)) == 0
    place = _restored(trial, target, trial.armed)
    assert place.ledger.one("SELECT count(*) FROM company") == 1


def migration(trial: Trial) -> None:
    """Migrate: tables are as before or as after, and the next try finishes it."""
    there = trial.place.data.parent / f"{trial.mark}-new"
    there.mkdir()
    place = replace(
        trial.place,
        data=there,
        url=f"sqlite+aiosqlite:///{there / 'kip.db'}",
        web_port=free_port(),
    )
    assert _kip(place, "migrate", failpoint=trial.armed) == 137
    tables = "SELECT count(*) FROM sqlite_master WHERE name = 'conversations'"
    assert place.ledger.one(tables) == trial.end.kept
    assert _kip(place, "migrate") == 0
    assert place.ledger.one(tables) == 1
    assert place.ledger.one("SELECT count(*) FROM conversations") == 0


WAYS: dict[str, Callable[[Trial], None]] = {
    work.__name__: work
    for work in (
        smtp,
        form,
        api,
        filed,
        chat,
        pipe,
        mailbox,
        worker,
        ladder,
        waiting,
        told,
        giving,
        covering,
        broken,
        reply,
        backup,
        restore,
        migration,
    )
}
