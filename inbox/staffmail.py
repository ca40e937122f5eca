"""Mail to the people inside: as facts in the outbox, put into words when it is sent."""

from datetime import datetime
from typing import Any

from inbox.acknowledgement import House, sender_of
from inbox.auth import random_token
from inbox.channels.addresses import is_strict
from inbox.channels.base import OutboundMessage, as_facts
from models import Outbox, OutboxKind


def to_staff(
    address: str,
    house: House,
    now: datetime,
    *,
    kind: OutboxKind = OutboxKind.NOTICE,
    conversation_id: int | None = None,
    **about: Any,
) -> Outbox | None:
    """Return a mail for the outbox; None if there is no address to write to or from.

    ``about`` is what ``delivery.compose`` makes words of: ``template``, ``language``,
    ``facts``.
    """
    sender = sender_of(house, None)
    if not (is_strict(address) and is_strict(sender)):
        return None
    message_id = f"<n.{random_token()}@{sender.partition('@')[2]}>"
    mail = OutboundMessage(
        message_id=message_id,
        from_address=sender,
        from_name=house.company,
        to=address,
        subject="",
        text="",
        automatic=True,
        instance_id=house.instance_id,
        date=now,
    )
    return Outbox(
        kind=kind,
        conversation_id=conversation_id,
        to_address=address,
        email_message_id=message_id,
        mail={**as_facts(mail), **about},
        created_at=now,
        leased_until=now,
    )
