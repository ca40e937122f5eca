"""Accounts for the tests of pages: a company whose people wrote, and who looks after it."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import Session

from models import (
    Account,
    AccountFigures,
    ChannelKind,
    Contact,
    Conversation,
    Direction,
    Message,
)
from models.base import columns
from tests.web.scene import Scene


async def make_account(scene: Scene, *numbers: int, owner: str = "", **values: Any) -> int:
    """Make an account of the people who wrote these conversations."""
    keeper = (await scene.agent(owner)).id if owner else None

    def work(session: Session) -> int:
        name = values.pop("name", "Nội thất Trúc An")
        account = Account(
            name=name,
            folded=name.lower(),
            owner_id=keeper,
            created_at=scene.clock.now,
            changed_at=scene.clock.now,
            **values,
        )
        session.add(account)
        session.flush()
        session.add(AccountFigures(account_id=account.id))
        made: int = account.id
        for number in numbers:
            put_into(session, number, made)
        return made

    return await scene.write(work)


def put_into(session: Session, number: int, account_id: int) -> None:
    """Let a conversation and whoever wrote it belong to an account."""
    row = session.get_one(Conversation, number)
    row.account_id = account_id
    session.execute(
        update(Contact)
        .where(columns(Contact).id == row.contact_id)
        .values(account_id=account_id)
    )


async def say(scene: Scene, number: int, text: str, *, minutes: int = 0, **values: Any) -> int:
    """Write a message into a conversation, some minutes from now; return its id."""

    def work(session: Session) -> int:
        said: dict[str, Any] = {
            "direction": Direction.INBOUND,
            "channel": ChannelKind.EMAIL,
            "text": text,
            "visible_text": text,
            "created_at": scene.clock.now + timedelta(minutes=minutes),
        }
        message = Message(conversation_id=number, **{**said, **values})
        session.add(message)
        session.flush()
        return int(message.id)

    return await scene.write(work)
