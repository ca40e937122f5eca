"""Blocked senders: later messages wait apart, are counted, and can be brought back."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.later import blocking, spam
from inbox.rulebook import load_rulebook
from inbox.store import apart
from models import AuditEntry, AuditThing, Block, BlockKind, ChannelKind, Status
from tests.db.test_later import write
from tests.factories import (
    NOW,
    Firm,
    clocks_of,
    conversation,
    everything,
    kinds_of,
    messages_of,
    outbox_of,
)

HOUR = timedelta(hours=1)
PEST = "pest@ads.example"


def block(session: Session, firm: Firm, number: int, kind: BlockKind) -> str:
    row = conversation(session, number)
    value = blocking.block(session, row, kind=kind, by=firm.dung, now=NOW)
    session.flush()
    session.expire_all()
    return value


@pytest.mark.parametrize("channel", [ChannelKind.EMAIL, ChannelKind.FORM])
async def test_what_a_blocked_sender_writes_later_waits_apart(
    database: Database, firm: Firm, channel: ChannelKind
) -> None:
    """Kept, counted, without clock or automatic reply; one key brings it back."""

    def work(session: Session) -> None:
        first = write(session, firm, "Mua danh sách khách?", from_address=PEST)
        assert block(session, firm, first, BlockKind.ADDRESS) == PEST
        assert conversation(session, first).status is Status.SPAM
        assert not [one for one in clocks_of(session, first) if one.cancelled_at is None]

        later = write(
            session, firm, "Chào lần nữa", channel=channel, at=NOW + HOUR, from_address=PEST
        )
        friend = write(session, firm, "Đơn đâu?", at=NOW + HOUR, from_address="a@ads.example")

        assert later != first
        assert conversation(session, later).status is Status.SPAM
        assert conversation(session, friend).status is Status.OPEN, "only that address"
        assert (clocks_of(session, later), outbox_of(session, later)) == ([], [])
        assert [one.id for one in apart.list_spam(session, firm.dung)] == [later, first]
        (row,) = everything(session, Block)
        assert (row.caught, row.last_at) == (1, NOW + HOUR)

        book = load_rulebook(session)
        held = conversation(session, later)
        spam.restore(session, held, book, firm.house, by=firm.dung, now=NOW + HOUR)
        assert conversation(session, later).status is Status.OPEN
        assert len(clocks_of(session, later)) == 2

    await database.write(work)


async def test_a_whole_domain_and_open_talks_with_it(database: Database, firm: Firm) -> None:
    """What answers an open conversation waits apart too; not what comes by a link."""

    def work(session: Session) -> None:
        first = write(session, firm, "Một", from_address=PEST)
        talk = write(session, firm, "Hai", from_address="boss@ads.example")
        assert block(session, firm, first, BlockKind.DOMAIN) == "ads.example"
        mail = next(one for one in outbox_of(session, talk))
        later = write(
            session, firm, "Ba", from_address="BOSS@ads.example",
            in_reply_to=mail.email_message_id, at=NOW + HOUR,
        )  # fmt: skip
        assert conversation(session, later).status is Status.SPAM
        assert len(messages_of(session, talk)) == len(messages_of(session, later)) == 1
        by_link = write(session, firm, "Bốn", to=talk, from_address="boss@ads.example")
        assert by_link == talk
        again = write(
            session, firm, "Đơn của tôi đâu rồi ạ?", to=None, from_address=PEST, at=NOW + HOUR,
            in_reply_to=next(one for one in outbox_of(session, first)).email_message_id,
        )  # fmt: skip
        assert again == first, "what is apart already is where it goes on, and stays apart"
        assert conversation(session, first).status is Status.SPAM
        assert "restored" not in kinds_of(session, first)
        assert [one.caught for one in everything(session, Block)] == [2]

    await database.write(work)


async def test_a_lifted_block_lets_them_be_heard(database: Database, firm: Firm) -> None:
    def work(session: Session) -> None:
        first = write(session, firm, "Một", from_address=PEST)
        block(session, firm, first, BlockKind.ADDRESS)
        with pytest.raises(Conflict):
            block(session, firm, first, BlockKind.ADDRESS)
        (row,) = blocking.list_blocks(session)
        assert blocking.lift(session, row.id, by=firm.dung, now=NOW + HOUR) == PEST
        with pytest.raises(NotFound):
            blocking.lift(session, row.id, by=firm.dung, now=NOW + HOUR)
        later = write(session, firm, "Hai", from_address=PEST, at=NOW + HOUR)
        assert conversation(session, later).status is Status.OPEN
        entries = session.execute(
            select(AuditEntry).where(AuditEntry.thing == AuditThing.BLOCK)  # type: ignore[arg-type]
        ).scalars()
        assert [(one.action.value, one.actor_id) for one in entries] == [
            ("created", firm.dung.id),
            ("removed", firm.dung.id),
        ]

    await database.write(work)


async def test_whom_nobody_blocks(database: Database, firm: Firm) -> None:
    """Not ourselves, not everybody at a public provider, and not who has no address."""

    def work(session: Session) -> None:
        def refused(number: int, kind: BlockKind) -> str:
            with pytest.raises(Invalid) as error:
                block(session, firm, number, kind)
            return str(error.value.message)

        public = write(session, firm, "Một", from_address="pest@gmail.com")
        assert refused(public, BlockKind.DOMAIN) == blocking.OF_MANY
        ours = write(session, firm, "Hai", from_address=firm.an.email)
        assert refused(ours, BlockKind.ADDRESS) == blocking.OURS
        assert refused(ours, BlockKind.DOMAIN) == blocking.OURS
        nobody = write(session, firm, "Ba", from_address="", channel=ChannelKind.FORM)
        assert refused(nobody, BlockKind.ADDRESS) == blocking.NO_SENDER
        assert everything(session, Block) == []

    await database.write(work)
