"""Following a conversation: told by the page of the customer's next message, and of its end."""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session

from inbox.db import after_commit, insert_into
from inbox.queue import conversation_name
from inbox.store import followers as rows
from inbox.store.people import Person
from inbox.telling import Alert, Telling, moment, tell_all
from models import Conversation, Follower
from models.base import columns

followers = columns(Follower)

WROTE, ENDED = "followed-wrote", "followed-done"
AUDIENCE = "follower"


def follow(session: Session, conversation: Conversation, *, by: Person, now: datetime) -> None:
    """Be told of what happens to a conversation; again changes nothing."""
    row = {"conversation_id": conversation.id, "agent_id": by.id, "since": now}
    session.execute(insert_into(session, Follower).on_conflict_do_nothing(), row)
    after_commit(session, conversation_name(conversation.id))


def unfollow(
    session: Session, conversation: Conversation, *, by: Person, now: datetime
) -> None:
    """Be told no more."""
    session.execute(
        delete(Follower).where(
            followers.conversation_id == conversation.id, followers.agent_id == by.id
        )
    )
    after_commit(session, conversation_name(conversation.id))


def tell(
    session: Session,
    conversation: Conversation,
    step: str,
    mark: int,
    now: datetime,
    by: int | None = None,
) -> None:
    """Tell who follows it, but its owner and who did it (``by``), once for each ``mark``.

    ``step`` is ``WROTE`` (``mark``: the message) or ``ENDED`` (``mark``: its version).
    """
    found = rows.followers_of(session, conversation.id)
    told = {one: AUDIENCE for one in found if one not in (conversation.owner_id, by)}
    if told:
        tell_all(
            session,
            [
                Telling(
                    told,
                    conversation.id,
                    moment(now),
                    f"{step}:{conversation.id}:{mark}",
                    Alert.FOLLOWED,
                )
            ],
            now,
        )
