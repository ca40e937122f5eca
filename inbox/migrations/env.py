"""Run migrations on the connection handed over in the configuration's attributes."""

from typing import Any

from alembic import context
from sqlmodel import SQLModel

import models  # noqa: F401  (fills the metadata)
from inbox.failpoints import failpoint


def after_step(*_: Any, **__: Any) -> None:
    """Alembic ran one version's step."""
    failpoint("migration.step")


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    transactional_ddl=True,
    on_version_apply=after_step,
)
context.run_migrations()
