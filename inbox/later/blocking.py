"""Blocked senders: what they write later waits apart, as spam does; nothing is ever dropped."""

from datetime import datetime

from sqlalchemy import bindparam, delete, select, update
from sqlmodel import Session

from inbox.channels.addresses import is_strict
from inbox.db import insert_into
from inbox.errors import Conflict, Invalid, NotFound
from inbox.later import spam
from inbox.later.incoming import Incoming
from inbox.store.audit import add_entry
from inbox.store.people import Person
from inbox.templating import N_
from models import (
    Agent,
    AuditAction,
    AuditThing,
    Block,
    BlockKind,
    ChannelKind,
    Conversation,
    Direction,
    Inbox,
    Message,
    Status,
)
from models.base import columns

blocks = columns(Block)
messages = columns(Message)

NO_SENDER = N_("There is no address of a sender to block.")
OURS = N_("This is an address or a domain of ours.")
OF_MANY = N_("Many people write from this domain. Block the address.")
ALREADY = N_("It is blocked already.")
GONE = N_("It is not blocked any more.")
# Where anybody has an address: one sender is no reason not to hear the others.
PUBLIC = frozenset(
    {
        *("gmail.com", "googlemail.com", "yahoo.com", "yahoo.com.vn", "ymail.com"),
        *("outlook.com", "outlook.com.vn", "hotmail.com", "live.com", "msn.com"),
        *("icloud.com", "me.com", "mac.com", "aol.com", "proton.me", "protonmail.com"),
        *("gmx.com", "gmx.net", "gmx.de", "web.de", "mail.com", "zoho.com", "yandex.com"),
        *("mail.ru", "qq.com", "163.com", "126.com", "naver.com", "vnn.vn", "fpt.vn"),
    }
)

_FIND = (  # asked for each mail: written once
    select(blocks.id)
    .where(blocks.value.in_(bindparam("values", expanding=True)))
    .order_by(blocks.id)
    .limit(1)
)


def sender_of(session: Session, conversation: Conversation) -> str:
    """Return the address that wrote last, in small letters; "" if there is none to block."""
    if conversation.channel not in spam.BY_ITSELF:
        return ""
    found = session.execute(
        select(messages.sender_address)
        .where(
            messages.conversation_id == conversation.id,
            messages.direction == Direction.INBOUND,
            messages.contact_id.is_not(None),
        )
        .order_by(messages.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    address = (found or "").strip().lower()
    return address if is_strict(address) else ""


def domain_of(address: str) -> str:
    """Return what stands behind the at sign."""
    return address.rpartition("@")[2]


def block(
    session: Session,
    conversation: Conversation,
    *,
    kind: BlockKind,
    by: Person,
    now: datetime,
) -> str:
    """Block who wrote this, or everybody at their domain; the conversation is set apart too.

    Returns what is blocked.

    Raises
    ------
    Invalid
        If there is no address, it is ours, or the domain is one of many people.
    Conflict
        If it is blocked already.
    """
    address = sender_of(session, conversation)
    if not address:
        raise Invalid(NO_SENDER, {"": NO_SENDER})
    value = address if kind is BlockKind.ADDRESS else domain_of(address)
    if kind is BlockKind.DOMAIN and value in PUBLIC:
        raise Invalid(OF_MANY, {"kind": OF_MANY})
    if _is_ours(session, kind, value):
        raise Invalid(OURS, {"kind": OURS})
    made = session.execute(
        insert_into(session, Block)
        .values(kind=kind, value=value, agent_id=by.id, caught=0, created_at=now)
        .on_conflict_do_nothing()
        .returning(blocks.id)
    ).scalar_one_or_none()
    if made is None:
        raise Conflict(ALREADY)
    add_entry(
        session,
        AuditThing.BLOCK,
        made,
        AuditAction.CREATED,
        now,
        by=by.id,
        after={"kind": kind.value, "value": value, "conversation": conversation.id},
    )
    if conversation.status in spam.IN_WORK:
        spam.mark(session, conversation, by=by, now=now)
    return value


def _is_ours(session: Session, kind: BlockKind, value: str) -> bool:
    own = {
        one.lower()
        for one in session.execute(
            select(columns(Inbox).handle).where(columns(Inbox).kind == ChannelKind.EMAIL)
        ).scalars()
    }
    own |= set(session.execute(select(columns(Agent).email)).scalars())
    return value in (own if kind is BlockKind.ADDRESS else {domain_of(one) for one in own})


def lift(session: Session, block_id: int, *, by: Person, now: datetime) -> str:
    """Hear a sender again; what was set apart stays so until somebody brings it back.

    Raises
    ------
    NotFound
        If it is not blocked any more.
    """
    row = session.get(Block, block_id)
    gone = session.execute(
        delete(Block).where(blocks.id == block_id).returning(blocks.value)
    ).scalar_one_or_none()
    if row is None or gone is None:
        raise NotFound(GONE)
    before = {"kind": row.kind.value, "value": row.value, "caught": row.caught}
    entry = AuditThing.BLOCK, block_id, AuditAction.REMOVED
    add_entry(session, *entry, now, by=by.id, before=before)
    return str(gone)


def _find(session: Session, address: str) -> int | None:
    address = address.strip().lower()
    if "@" not in address:
        return None
    found: int | None = session.execute(
        _FIND, {"values": [address, domain_of(address)]}
    ).scalar_one_or_none()
    return found


def is_blocked(session: Session, address: str) -> bool:
    """Tell whether what this address writes waits apart."""
    return _find(session, address) is not None


def catch(session: Session, address: str, now: datetime) -> int | None:
    """Count a message of a blocked sender; return the block's id, None if none is blocked."""
    found = _find(session, address)
    if found is not None:
        session.execute(
            update(Block)
            .where(blocks.id == found)
            .values(caught=blocks.caught + 1, last_at=now)
        )
    return found


def find(
    session: Session, incoming: Incoming, joined: Conversation | None, now: datetime
) -> int | None:
    """Return the block by which a message waits apart, if its sender is blocked.

    What belongs to a conversation that waits apart already goes there, and stays there. What
    is written behind a customer's own link is heard.
    """
    raw, message = incoming.raw, incoming.message
    by_link = "conversation" in raw.meta
    if raw.kind not in spam.BY_ITSELF or by_link or message.is_bounce:
        return None
    block = catch(session, message.from_address, now)
    is_apart = joined is not None and joined.status is Status.SPAM
    return None if is_apart else block


def list_blocks(session: Session) -> list[Block]:
    """Return all that is blocked, the latest first."""
    return list(session.execute(select(Block).order_by(blocks.id.desc()).limit(500)).scalars())
