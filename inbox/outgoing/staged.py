"""Files that were chosen for an answer which was not sent: put by, to be chosen only once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlmodel import Session

from inbox.auth import random_token
from inbox.channels.filenames import clean_filename
from inbox.errors import Invalid
from inbox.outgoing.letters import File
from inbox.templating import N_
from models import StagedFile
from models.base import columns

staged = columns(StagedFile)

KEPT_FOR = timedelta(days=1)
GONE = N_("A file that was put by is not there any more. Choose it again.")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was put by, and by which token its form names it."""

    token: str
    file: File


def put_by(
    session: Session, agent_id: int, number: int, files: Sequence[File], now: datetime
) -> list[Kept]:
    """Store files of a person's answer to a conversation for a day."""
    kept = [Kept(random_token(), file) for file in files]
    for one in kept:
        session.add(
            StagedFile(
                token=one.token,
                agent_id=agent_id,
                conversation_id=number,
                filename=clean_filename(one.file.filename),
                content_type=one.file.content_type[:100],
                size_bytes=len(one.file.data),
                content=one.file.data,
                created_at=now,
            )
        )
    return kept


def find(session: Session, agent_id: int, number: int, tokens: Iterable[str]) -> list[Kept]:
    """Return what a person has put by for an answer to a conversation, in their order.

    Raises
    ------
    Invalid
        If one is gone, or somebody else's.
    """
    wanted = list(dict.fromkeys(tokens))
    if not wanted:
        return []
    rows = session.execute(
        select(staged.token, staged.filename, staged.content_type, staged.content).where(
            staged.token.in_(wanted),
            staged.agent_id == agent_id,
            staged.conversation_id == number,
        )
    ).all()
    found = {row.token: File(row.filename, row.content_type, row.content) for row in rows}
    if len(found) < len(wanted):
        raise Invalid(GONE)
    return [Kept(token, found[token]) for token in wanted]


def keep(
    session: Session, agent_id: int, number: int, tokens: Sequence[str], until: datetime
) -> None:
    """Keep files for longer: a draft or an answer that is sent later has them."""
    if tokens:
        session.execute(
            update(StagedFile)
            .where(
                staged.token.in_(list(tokens)),
                staged.agent_id == agent_id,
                staged.conversation_id == number,
            )
            .values(keep_until=until)
        )


def remove(session: Session, agent_id: int, tokens: Sequence[str]) -> None:
    """Forget files that were sent, or that their writer took away."""
    if tokens:
        session.execute(
            delete(StagedFile).where(
                staged.token.in_(list(tokens)), staged.agent_id == agent_id
            )
        )


def list_named(
    session: Session, agent_id: int, number: int, tokens: Sequence[str]
) -> list[tuple[str, str, int]]:
    """Return token, name and size in bytes of those that are there, in their order."""
    if not tokens:
        return []
    rows = session.execute(
        select(staged.token, staged.filename, staged.size_bytes).where(
            staged.token.in_(list(tokens)),
            staged.agent_id == agent_id,
            staged.conversation_id == number,
        )
    )
    found = {row.token: (row.token, row.filename, row.size_bytes) for row in rows}
    return [found[one] for one in tokens if one in found]


def forget_old(session: Session, now: datetime) -> None:
    """Forget what nobody sent within a day, or within the time that a draft kept it for."""
    session.execute(
        delete(StagedFile).where(
            staged.created_at <= now - KEPT_FOR,
            or_(staged.keep_until.is_(None), staged.keep_until <= now),
        )
    )
