"""Which own fields a form asks for, and of whom."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session

from inbox.errors import Invalid, NotFound
from inbox.store.audit import add_entry
from inbox.store.ownfields import list_asked, list_fields
from inbox.store.people import Person
from inbox.store.setup import named_types
from inbox.templating import N_
from models import AuditAction, AuditThing, ChannelKind, FormField, Inbox
from models.base import columns

asked = columns(FormField)

NO_TOPIC = N_("There is no such topic.")
NO_FORM = N_("There is no such form.")
EVERY = "*"


def save_questions(
    session: Session,
    inbox_id: int,
    wanted: Mapping[int, tuple[str, bool]],
    *,
    by: Person,
    now: datetime,
) -> None:
    """Say what a form asks: own field's id to request type (``EVERY``: all) and if it must.

    Raises
    ------
    NotFound
        If it is no form.
    Invalid
        If there is no such request type.
    """
    inbox = session.get(Inbox, inbox_id, with_for_update=True)
    if inbox is None or inbox.kind is not ChannelKind.FORM:
        raise NotFound(NO_FORM)
    types, known = named_types(session), {one.id: one.name for one in list_fields(session)}
    if any(key != EVERY and key not in types for key, _ in wanted.values()):
        raise Invalid(NO_TOPIC)
    before = _said(session, inbox_id)
    session.execute(delete(FormField).where(asked.inbox_id == inbox_id))
    session.add_all(
        FormField(
            inbox_id=inbox_id,
            field_id=field_id,
            request_type="" if key == EVERY else key,
            is_required=must,
        )
        for field_id, (key, must) in wanted.items()
        if field_id in known
    )
    session.flush()
    after = _said(session, inbox_id)
    if after != before:
        what = (session, AuditThing.INBOX, inbox_id, AuditAction.CHANGED, now)
        add_entry(*what, by=by.id, before={"asks": before}, after={"asks": after})


def _said(session: Session, inbox_id: int) -> list[list[object]]:
    return [
        [one.field.name, one.request_type, one.is_required]
        for one in list_asked(session, inbox_id)
    ]
