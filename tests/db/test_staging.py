"""Raw first: stored once, under a key that tells the same from the other."""

import asyncio

from inbox.channels.mime import dedupe_key
from inbox.db import Database
from inbox.queue import INTAKE
from inbox.staging import Arrival, count_waiting, stage
from models import ChannelKind, RawMessage, RawState
from tests.conftest import Announced
from tests.factories import NOW, Firm, everything, make_mail, stage_mail


async def test_the_same_mail_twice_is_one_row(
    database: Database, firm: Firm, announced: Announced
) -> None:
    """F2, R2: what was sent again after a lost 250 is known again, whatever way it took."""
    mail = make_mail(message_id="<1@khach.example>")
    again = b"Received: from other (other [192.0.2.7])\r\n" + mail

    first = await database.write(stage_mail, firm, mail)
    second = await database.write(stage_mail, firm, again)

    rows = await database.read(lambda session: everything(session, RawMessage))
    assert (first.is_new, second.is_new, second.id) == (True, False, first.id)
    assert [row.body for row in rows] == [mail]
    assert rows[0].state is RawState.PENDING
    assert announced.names == [INTAKE, INTAKE]


async def test_two_mails_with_one_message_id_are_both_kept(
    database: Database, firm: Firm
) -> None:
    """F3, R3: nobody can make us drop a mail by sending its Message-ID beforehand."""
    for text in ("Của tôi.", "Của người khác."):
        mail = make_mail(text, message_id="<known@khach.example>")
        staged = await database.write(stage_mail, firm, mail)
        assert staged.is_new

    assert await database.read(count_waiting, 10) == 2


async def test_eight_at_once_are_one_row(database: Database, firm: Firm) -> None:
    """F2: the unique key decides, not a look beforehand."""
    mail = make_mail()

    staged = await asyncio.gather(*(database.write(stage_mail, firm, mail) for _ in range(8)))

    assert sorted(one.is_new for one in staged) == [*[False] * 7, True]
    assert len({one.id for one in staged}) == 1


async def test_one_mail_to_two_inboxes_is_a_row_each(database: Database, firm: Firm) -> None:
    mail = make_mail()

    assert dedupe_key(firm.mail, mail) != dedupe_key(firm.form, mail)


async def test_a_form_sent_again_with_its_token_returns_the_first_page(
    database: Database, firm: Firm
) -> None:
    """F15, R5: the second click is answered with the first one's address."""
    first, second = [
        await database.write(
            stage, Arrival(firm.form, ChannelKind.FORM, "form:t1", b"{}", {}, page), NOW
        )
        for page in ("page-one", "page-two")
    ]

    assert first.is_new
    assert not second.is_new
    assert second.public_token == "page-one"


async def test_the_backlog_is_counted_no_further_than_needed(
    database: Database, firm: Firm
) -> None:
    for number in range(4):
        arrival = Arrival(firm.api, ChannelKind.API, f"key-{number}", b"{}", {})
        await database.write(stage, arrival, NOW)

    assert await database.read(count_waiting, 3) == 3
    assert await database.read(count_waiting, 100) == 4
