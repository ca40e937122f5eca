"""Keys that sign the mail of our domains (DKIM): made, looked up in the DNS, switched."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from inbox.channels import dkim
from inbox.channels.addresses import is_strict
from inbox.channels.dns import look_up_txt
from inbox.errors import Conflict, Invalid, NotFound
from inbox.sending.servers import key_place
from inbox.store.audit import add_entry
from inbox.vault import Vault
from models import AuditAction, AuditThing, ChannelKind, DkimKey, Inbox
from models.base import columns

keys = columns(DkimKey)
inboxes = columns(Inbox)


def list_keys(session: Session, domain: str) -> list[DkimKey]:
    """Return a domain's keys, newest first."""
    rows = session.execute(
        select(DkimKey).where(keys.domain == domain).order_by(keys.id.desc())
    )
    return list(rows.scalars())


def add_key(
    session: Session, domain: str, made: tuple[str, str], vault: Vault, now: datetime,
    *, by: int | None,
) -> DkimKey:  # fmt: skip
    """Store a fresh key (``dkim.make_key``) of a domain that mail is sent from.

    It signs once its record was found, or somebody says so.

    Raises
    ------
    Invalid
        If no inbox of ours is of this domain.
    """
    if not _is_ours(session, domain):
        raise Invalid("No address of ours is of this domain.")
    private, public = made
    number = len(list_keys(session, domain)) + 1
    selector = f"kip{now:%Y%m}" + (f"-{number}" if number > 1 else "")
    row = DkimKey(
        domain=domain,
        selector=selector,
        private_key=vault.seal(private, key_place(domain, selector)),
        public_key=public,
        created_at=now,
    )
    session.add(row)
    session.flush()
    _note(session, row, AuditAction.CREATED, by, now, after={"selector": selector})
    return row


def _is_ours(session: Session, domain: str) -> bool:
    handles = session.execute(
        select(inboxes.handle).where(inboxes.kind == ChannelKind.EMAIL)
    ).scalars()
    return any(is_strict(one) and one.endswith(f"@{domain}") for one in handles)


def get_key(session: Session, key_id: int) -> DkimKey:
    """Return a key; raises ``NotFound``."""
    found = session.get(DkimKey, key_id, populate_existing=True)
    if found is None:
        raise NotFound("There is no such key.")
    return found


def note_record(
    session: Session, key_id: int, problem: str, now: datetime, *, by: int | None
) -> None:
    """Write down how its DNS record was found; a right one has the key sign from now on."""
    row = get_key(session, key_id)
    row.checked_at, row.problem = now, problem
    if not problem:
        row.found_at = now
    session.add(row)
    session.flush()
    if not problem and not row.signs and row.id == list_keys(session, row.domain)[0].id:
        switch(session, key_id, True, by=by, now=now)


def switch(
    session: Session, key_id: int, signs: bool, *, by: int | None, now: datetime
) -> None:
    """Let a key sign, in place of the domain's others, or no more."""
    row = get_key(session, key_id)
    if row.signs is signs:
        return
    session.execute(update(DkimKey).where(keys.domain == row.domain).values(signs=False))
    session.refresh(row)
    row.signs = signs
    session.add(row)
    _note(
        session,
        row,
        AuditAction.ACTIVATED if signs else AuditAction.DEACTIVATED,
        by,
        now,
        before={"signs": not signs},
        after={"signs": signs, "selector": row.selector},
    )


def remove_key(session: Session, key_id: int, *, by: int | None, now: datetime) -> None:
    """Forget a key; raises ``Conflict`` while it signs."""
    row = get_key(session, key_id)
    if row.signs:
        raise Conflict("It signs mail. Let another sign first, or stop signing.")
    _note(session, row, AuditAction.REMOVED, by, now, before={"selector": row.selector})
    session.delete(row)


def _note(
    session: Session, row: DkimKey, action: AuditAction, by: int | None, now: datetime,
    **facts: Any,
) -> None:  # fmt: skip
    add_entry(session, AuditThing.DKIM_KEY, row.domain, action, now, by=by, **facts)


def record_of(row: DkimKey) -> tuple[str, str]:
    """Return name and text of the TXT record that a key needs."""
    return dkim.record_name(row.domain, row.selector), dkim.record_text(row.public_key)


async def look_up(row: DkimKey) -> str:
    """Return what is wrong with a key's record in the DNS: "", ``none`` or ``other``.

    Raises
    ------
    Unavailable
        If no name server answers.
    """
    name, _ = record_of(row)
    return dkim.record_problem(await look_up_txt(name), row.public_key)
