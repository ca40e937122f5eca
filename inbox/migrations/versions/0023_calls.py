"""Telephone calls; numbers in E.164, so that one number is one number however it is typed."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from inbox.channels.numbers import e164, region_of_zone

revision = "0023"
down_revision = "0022"

MOMENT = sa.DateTime(timezone=True)
TABLE = "calls"
DIRECTIONS = ("inbound", "outbound")
STATES = ("ringing", "answered", "missed", "no_answer", "voicemail", "wrong_number")
BATCH = 1000


def _to(column: str, target: str, *, nullable: bool = False) -> list[Any]:
    name = op.f(f"fk_{TABLE}_{column}_{target}")
    return [
        sa.Column(column, sa.Integer(), nullable=nullable),
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name),
    ]


def _one_of(column: str, name: str, *values: str) -> sa.Column[Any]:
    kind = sa.Enum(*values, name=name, native_enum=False, length=24)
    return sa.Column(column, kind, nullable=False)


def upgrade() -> None:
    """Add a table, and write numbers that are known as all are kept from now on."""
    op.create_table(
        TABLE,
        sa.Column("id", sa.Integer(), nullable=False),
        *_to("message_id", "messages"),
        *_to("inbox_id", "inboxes", nullable=True),
        sa.Column("call_id", sa.String(), nullable=True),
        _one_of("direction", "calldirection", *DIRECTIONS),
        _one_of("state", "callstate", *STATES),
        sa.Column("number", sa.String(), nullable=False),
        *_to("agent_id", "agents", nullable=True),
        sa.Column("length_s", sa.Integer(), nullable=True),
        sa.Column("recording", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("message_id", name=op.f(f"uq_{TABLE}_message_id")),
        sa.UniqueConstraint("inbox_id", "call_id", name=op.f(f"uq_{TABLE}_inbox_id_call_id")),
    )
    _normalise()


def _normalise() -> None:
    """Write known numbers in E.164; one that somebody else has so already stays as it is."""
    known = sa.table(
        "contact_identities",
        *(sa.column(name) for name in ("id", "kind", "value")),
    )
    bind = op.get_bind()
    zone = bind.execute(sa.text("SELECT time_zone FROM company LIMIT 1")).scalar()
    region = region_of_zone(zone or "")
    last = 0
    while rows := bind.execute(
        sa.select(known.c.id, known.c.value)
        .where(known.c.kind == "phone", known.c.id > last)
        .order_by(known.c.id)
        .limit(BATCH)
    ).all():
        last = rows[-1].id
        for row in rows:
            number = e164(row.value, region)
            taken = sa.select(known.c.id).where(
                known.c.kind == "phone", known.c.value == number
            )
            if number in ("", row.value) or bind.execute(taken).first() is not None:
                continue
            bind.execute(sa.update(known).where(known.c.id == row.id).values(value=number))


def downgrade() -> None:
    """Take the table away again; numbers stay as they are, any reader understands them."""
    op.drop_table(TABLE)
