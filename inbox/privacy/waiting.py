"""What somebody sent that is not taken in yet: it is theirs all the same."""

import logging
from collections.abc import Collection, Iterator

from sqlalchemy import bindparam, select
from sqlmodel import Session

from inbox.channels.adapters import read_stored
from inbox.later.knowing import writer_of
from inbox.staging import head_words
from models import ChannelKind, RawMessage, RawState
from models.base import columns

log = logging.getLogger(__name__)

raws = columns(RawMessage)

AT_ONCE = 50  # with their bodies

_NEXT = (
    select(RawMessage)
    .where(
        raws.state.in_((RawState.PENDING, RawState.QUARANTINED)), raws.id > bindparam("after")
    )
    .order_by(raws.id)
    .limit(AT_ONCE)
)


def list_sent(
    session: Session, identities: Collection[tuple[str, str]], numbers: Collection[int]
) -> list[int]:
    """Return what waits or is held of whoever has one of these identities (kind, value).

    Also what goes on in one of the conversations ``numbers``. What cannot be read is nobody's.
    """
    return [
        row.id for row in _waiting(session) if _is_theirs(session, row, identities, numbers)
    ]


def _waiting(session: Session) -> Iterator[RawMessage]:
    after = 0
    while some := session.execute(_NEXT, {"after": after}).scalars().all():
        after = some[-1].id
        for row in some:
            yield row
            session.expunge(row)  # with its body


def _is_theirs(
    session: Session,
    row: RawMessage,
    identities: Collection[tuple[str, str]],
    numbers: Collection[int],
) -> bool:
    if row.meta.get("conversation") in numbers:
        return True
    if row.kind is ChannelKind.EMAIL:  # read in full it may cost more than we have here
        return ("email", head_words(row.body)["sender"]) in identities
    try:
        return writer_of(session, row, read_stored(row.kind, row.body)) in identities
    except ValueError:  # of JSON that no channel of ours wrote
        log.info("message %d as it came cannot be read", row.id)
        return False
