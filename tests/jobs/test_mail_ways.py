"""Mail through the worker's take-in: what its server says of it, rules, answers elsewhere."""

from collections.abc import AsyncIterator

import pytest
from sqlmodel import Session

from inbox.addressing import make_copy_address
from inbox.db import Database
from inbox.later import ignoring
from inbox.loops import TakeIn
from inbox.settings import Settings
from models import Conversation, Direction, Inbox, LedgerEntry, Message, RawMessage, RawState
from tests.conftest import Clock
from tests.factories import CUSTOMER, NOW, SUPPORT, Firm, everything, make_mail, stage_mail

MX = "mx.congty.example"
GOOD = f"{MX}; dmarc=pass header.from=khach.example; dkim=pass header.d=khach.example"


@pytest.fixture
async def take_in(
    database: Database, firm: Firm, settings: Settings, secret: bytes, clock: Clock
) -> AsyncIterator[TakeIn]:
    made = TakeIn(database, settings, secret)
    yield made
    await made.close()


async def test_what_the_receiving_server_says_is_kept_on_the_message(
    database: Database, take_in: TakeIn, firm: Firm
) -> None:
    """Only the named server's word, as anybody can write such a line."""

    def arrive(session: Session) -> None:
        session.get_one(Inbox, firm.mail).settings = {"authserv_id": MX}
        stage_mail(session, firm, make_mail(**{"authentication-results": GOOD}))
        forged = GOOD.replace(MX, "mx.evil.example")
        stage_mail(session, firm, make_mail(**{"authentication-results": forged}))

    await database.write(arrive)
    while await take_in.once():
        pass

    said = [one.authentication for one in await database.read(everything, Message)]
    good = {"dmarc": "pass", "dkim": "pass", "dkim_domain": "khach.example", "by": MX}
    assert sorted(said, key=len) == [{}, good]


async def test_a_rule_holds_in_the_worker_and_a_click_takes_it_in(
    database: Database, take_in: TakeIn, firm: Firm
) -> None:
    who = {"by": firm.admin.id, "now": NOW}
    rule = ("sender", CUSTOMER, "Bản tin", None)
    await database.write(ignoring.add_rule, *rule, **who)
    staged = await database.write(stage_mail, firm, make_mail())
    await take_in.once()
    (raw,) = await database.read(everything, RawMessage)
    assert (raw.state, await database.read(everything, Conversation)) == (RawState.IGNORED, [])

    assert await database.write(ignoring.take, staged.id, **who)
    await take_in.once()

    assert len(await database.read(everything, Conversation)) == 1
    assert [one.state for one in await database.read(everything, LedgerEntry)] == ["accepted"]


async def test_a_blind_copy_of_an_answer_that_came_with_its_question(
    database: Database, take_in: TakeIn, firm: Firm
) -> None:
    """F121."""
    copy = make_copy_address(firm.house.secret, firm.an.id, SUPPORT)

    def arrive(session: Session) -> None:
        stage_mail(session, firm, make_mail(message_id="<hoi@khach.example>"))

    await database.write(arrive)
    await take_in.once()
    answer = make_mail(
        "Dạ còn.",
        **{"from": firm.an.email, "to": CUSTOMER, "in_reply_to": "<hoi@khach.example>"},
    )
    await database.write(stage_mail, firm, answer, rcpt=[copy])
    await take_in.once()

    said = await database.read(everything, Message)
    assert [one.direction for one in said] == [Direction.INBOUND, Direction.OUTBOUND]
    assert said[1].author_id == firm.an.id
    (row,) = await database.read(everything, Conversation)
    assert row.first_responded_at == NOW
