"""The browsers that show somebody's alerts: entered by their person, sealed, forgotten."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import delete, func, select
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.channels.webpush import Browser, Signer, from_base64, host_of, to_base64
from inbox.db import after_commit
from inbox.errors import Conflict, NotFound
from inbox.queue import PUSH
from inbox.store import staff
from inbox.store.audit import add_entry
from inbox.templating import N_
from inbox.vault import Vault
from models import AlertMessage, AuditAction, AuditThing, PushBrowser
from models.base import columns, core

browsers = columns(PushBrowser)
messages = columns(AlertMessage)

WAY = "push"
MOST = 10  # of one person
MOST_NAME = 60
TOO_MANY = N_("There are ten browsers already. Switch one off first.")
NONE = N_("This browser is not in your list any more.")


def mark_of(endpoint: str) -> str:
    """Return what names a browser without saying where it is reached."""
    return hashlib.sha256(endpoint.encode()).hexdigest()


def signer_of(house: House) -> Signer:
    """Return who signs what goes to push services, with an address for their complaints."""
    mail = f"mailto:{house.own_addresses[0]}" if house.own_addresses else house.base_url
    return Signer(house.secret, mail)


def place_of(mark: str) -> str:
    """Return what the address of a browser is sealed for."""
    return f"push_browsers:{mark}"


def enter(
    session: Session, agent_id: int, browser: Browser, name: str, vault: Vault, now: datetime
) -> int:
    """Let a browser show somebody's alerts, and nobody else's; return its row's id.

    Raises
    ------
    Conflict
        If they have ten already.
    """
    staff.get_agent(session, agent_id, to_change=True)  # one at a time
    mark = mark_of(browser.endpoint)
    session.execute(delete(PushBrowser).where(browsers.mark == mark))
    own = (
        select(func.count()).select_from(core(PushBrowser)).where(browsers.agent_id == agent_id)
    )
    if session.execute(own).scalar_one() >= MOST:
        raise Conflict(TOO_MANY)
    keys = [browser.endpoint, to_base64(browser.public), to_base64(browser.auth)]
    row = PushBrowser(
        agent_id=agent_id,
        mark=mark,
        sealed=vault.seal(msgspec.json.encode(keys).decode(), place_of(mark)),
        service=host_of(browser.endpoint),
        name=name[:MOST_NAME],
        created_at=now,
    )
    session.add(row)
    session.flush()
    _note(session, agent_id, now, agent_id, before="", after=row.name)
    return row.id


def open_browser(row: PushBrowser, vault: Vault) -> Browser:
    """Return where a browser is reached; raises ``Sealed`` if it cannot be opened."""
    kept = vault.open(row.sealed, place_of(row.mark))
    endpoint, public, auth = msgspec.json.decode(kept, type=tuple[str, str, str])
    return Browser(endpoint, from_base64(public), from_base64(auth))


@dataclass(frozen=True, slots=True)
class Entered:
    """A browser of a list, with the last message to it, if there was one."""

    id: int
    mark: str
    name: str
    service: str
    created_at: datetime
    state: str
    sent_at: datetime | None


def list_own(session: Session, agent_id: int) -> list[Entered]:
    """Return somebody's browsers, the oldest first."""
    rows = session.execute(
        select(PushBrowser).where(browsers.agent_id == agent_id).order_by(browsers.id)
    ).scalars()
    last = {
        one.address: one
        for one in session.execute(
            select(AlertMessage).where(
                messages.id.in_(
                    select(func.max(messages.id))
                    .where(messages.agent_id == agent_id, messages.way == WAY)
                    .group_by(messages.address)
                )
            )
        ).scalars()
    }
    found = []
    for row in rows:
        one = last.get(str(row.id))
        said = (one.state.value, one.sent_at) if one else ("", None)
        found.append(Entered(row.id, row.mark, row.name, row.service, row.created_at, *said))
    return found


def list_browsers(session: Session, agent_ids: Iterable[int]) -> dict[int, Sequence[int]]:
    """Return the browsers of people, by person."""
    ids = list(agent_ids)
    if not ids:
        return {}
    found: dict[int, list[int]] = {}
    query = select(browsers.agent_id, browsers.id).where(browsers.agent_id.in_(ids))
    for agent_id, number in session.execute(query.order_by(browsers.id)):
        found.setdefault(agent_id, []).append(number)
    return dict(found)


def find_browser(session: Session, browser_id: int, agent_id: int) -> PushBrowser | None:
    """Return a browser of somebody's, or None if it was switched off, or is another's now."""
    row = session.get(PushBrowser, browser_id)
    return row if row is not None and row.agent_id == agent_id else None


def _own(session: Session, agent_id: int, browser_id: int) -> PushBrowser:
    row = session.get(PushBrowser, browser_id, with_for_update=True)
    if row is None or row.agent_id != agent_id:
        raise NotFound(NONE)
    return row


def remove(session: Session, agent_id: int, browser_id: int, *, by: int, now: datetime) -> None:
    """Send somebody's alerts to a browser no more.

    Raises
    ------
    NotFound
        If it is not theirs.
    """
    row = _own(session, agent_id, browser_id)
    session.delete(row)
    _note(session, agent_id, now, by, before=row.name, after="")


def forget(session: Session, browser_id: int, agent_id: int, now: datetime) -> bool:
    """Forget a browser that cannot be reached; True if it was its person's last one."""
    row = find_browser(session, browser_id, agent_id)
    if row is None:
        return False
    gone = session.execute(delete(PushBrowser).where(browsers.id == row.id))
    if gone.rowcount != 1:  # type: ignore[attr-defined]  # another worker was faster
        return False
    _note(session, agent_id, now, None, before=row.name, after="")
    return not list_browsers(session, [agent_id])


def forget_all(session: Session, agent_id: int) -> None:
    """Forget somebody's browsers: they were signed out everywhere."""
    session.execute(delete(PushBrowser).where(browsers.agent_id == agent_id))


def write_test(session: Session, agent_id: int, browser_id: int, now: datetime) -> None:
    """Have something shown in a browser, so that its person sees that it works.

    Raises
    ------
    NotFound
        If it is not theirs.
    """
    row = _own(session, agent_id, browser_id)
    language = staff.get_agent(session, agent_id).language
    session.add(
        AlertMessage(
            way=WAY,
            agent_id=agent_id,
            address=str(row.id),
            facts={"language": language, "is_test": True},
            created_at=now,
            leased_until=now,
        )
    )
    after_commit(session, PUSH)


def _note(
    session: Session, agent_id: int, now: datetime, by: int | None, *, before: str, after: str
) -> None:
    add_entry(
        session,
        AuditThing.PERSON,
        agent_id,
        AuditAction.CHANGED,
        now,
        by=by,
        before={"alerts_browser": before},
        after={"alerts_browser": after},
    )
