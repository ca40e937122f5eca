"""Our own automatic answers, aimed at others or at ourselves."""

from typing import Any

from inbox.acknowledgement import Caps
from inbox.addressing import make_reply_address
from inbox.db import Database
from inbox.store import raw as raws
from inbox.store.raw import Claimed
from models import ChannelKind, Outbox
from tests.factories import (
    NOW,
    SECRET,
    SUPPORT,
    Firm,
    arrive,
    everything,
    make_message,
    stage_mail,
)

FORM: dict[str, Any] = {"channel": ChannelKind.FORM, "meta": {"peer": "192.0.2.1"}}


async def _sent(database: Database) -> list[str]:
    return [row.to_address for row in await database.read(lambda s: everything(s, Outbox))]


async def test_typed_twice_a_foreign_address_is_still_foreign(
    database: Database, firm: Firm
) -> None:
    """R31: the first form makes it a contact, which proves nothing."""
    for _ in range(3):
        for number in range(12):
            message = make_message(from_address=f"foreign{number}@khach.example")
            await database.write(arrive, firm, message, **FORM)

    assert len(await _sent(database)) == Caps().per_ip_an_hour


async def test_who_has_written_mail_gets_an_answer_from_any_machine(
    database: Database, firm: Firm
) -> None:
    known = make_message(from_address="known@khach.example")
    await database.write(arrive, firm, known)
    for number in range(Caps().per_ip_an_hour + 1):
        message = make_message(from_address=f"foreign{number}@khach.example")
        await database.write(arrive, firm, message, **FORM)

    await database.write(arrive, firm, known, **FORM)

    assert (await _sent(database)).count("known@khach.example") == 2


async def test_our_own_inbox_is_not_answered_under_any_tag(
    database: Database, firm: Firm
) -> None:
    """F20: also with every mark of ours stripped."""
    for sender in (
        SUPPORT,
        SUPPORT.replace("@", "+x@"),
        make_reply_address(SECRET, 1, SUPPORT),
    ):
        await database.write(arrive, firm, make_message(from_address=sender))

    assert await _sent(database) == []


async def test_all_tags_of_somebody_are_one_address(database: Database, firm: Firm) -> None:
    """F21: name+1@, name+2@ … are one person's letter box."""
    for number in range(9):
        message = make_message(from_address=f"victim+{number}@khach.example")
        await database.write(arrive, firm, message)

    assert len(await _sent(database)) == Caps().per_address_a_day


async def test_a_claim_takes_no_more_big_mails_than_fit(
    database: Database, firm: Firm, monkeypatch: Any
) -> None:
    """The worker's memory is bounded by bytes, not only by rows."""
    monkeypatch.setattr(raws, "BATCH_BYTES", 10_000)
    for number in range(5):
        await database.write(stage_mail, firm, b"x" * 6_000 + b"%d" % number)

    def claim(session: Any) -> list[Claimed]:
        return raws.claim(session, NOW, 20)

    assert [len(await database.write(claim)) for _ in range(4)] == [2, 2, 1, 0]
