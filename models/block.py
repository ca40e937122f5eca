"""Senders from whom nothing is to be seen."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field

from models.base import Table, stored_as_value


class BlockKind(StrEnum):
    """Whose messages wait apart: one address's, or those of everybody at a domain."""

    ADDRESS = "address"
    DOMAIN = "domain"


class Block(Table, table=True):
    """A sender whose later messages wait apart, as spam does; none is ever dropped.

    ``value`` is in small letters; ``caught`` counts what was set apart for it.
    """

    __tablename__ = "blocks"

    kind: BlockKind = Field(sa_type=stored_as_value(BlockKind))
    value: str = Field(unique=True)
    agent_id: int = Field(foreign_key="agents.id")
    caught: int = 0
    last_at: datetime | None = None
    created_at: datetime
