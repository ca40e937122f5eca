"""Two installations that acknowledge each other, with every mark stripped on the way."""

import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlmodel import Session

from inbox import delivery
from inbox.acknowledgement import House
from inbox.channels.compose import build
from inbox.channels.machinewords import says_so
from inbox.channels.mime import parse
from inbox.db import Database
from models import Inbox
from tests.conftest import Clock
from tests.factories import NOW, SUPPORT, Firm, arrive, make_message

OTHER = "help@other.example"
STRIPPED = re.compile(
    rb"^(?:Auto-Submitted|X-[\w-]+|Precedence|In-Reply-To|References|Message-ID|Reply-To):"
    rb".*\r\n(?:[ \t].*\r\n)*",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass
class Installation:
    """A company with its own database, key and address."""

    database: Database
    firm: Firm
    house: House
    address: str

    async def take(self, mail: bytes, sender: str) -> None:
        """Take in what came over a relay that strips every mark."""
        message = parse(STRIPPED.sub(b"", mail), sender, self.house.instance_id)
        meta = {"rcpt": [self.address], "from": sender}
        await self.database.write(arrive, self.firm, message, meta=meta, house=self.house)

    async def give(self, clock: Clock) -> list[tuple[str, bytes]]:
        """Return what it sends now: to whom, and the mail."""
        jobs = await self.database.write(delivery.claim, clock.now, 20)
        mails = []
        for job in jobs:
            message = delivery.compose(job.mail)
            await self.database.write(delivery.fence, job, message, None)
            sent = delivery.Sent(job, "250", clock.now)
            await self.database.write(delivery.settle, sent)
            mails.append((message.to, build(message)))
        return mails


@pytest.fixture
async def both(
    database: Database, firm: Firm, sqlite_firm: tuple[Path, Firm], tmp_path: Path
) -> AsyncIterator[tuple[Installation, Installation]]:
    """Return two companies that know nothing of each other."""
    folder = tmp_path / "other"
    folder.mkdir()
    shutil.copyfile(sqlite_firm[0], folder / "kip.db")
    second = Database(f"sqlite+aiosqlite:///{folder / 'kip.db'}")
    theirs = sqlite_firm[1]

    def move(session: Session) -> None:
        session.get_one(Inbox, theirs.mail).handle = OTHER

    await second.write(move)
    house = replace(
        theirs.house,
        secret=b"the other installation's own secret",
        instance_id="other",
        own_addresses=(OTHER,),
    )
    yield (
        Installation(database, firm, firm.house, SUPPORT),
        Installation(second, theirs, house, OTHER),
    )
    await second.close()


async def test_they_stop_after_two_mails(
    both: tuple[Installation, Installation], clock: Clock
) -> None:
    """F20, R30: nothing in the headers says what it is; what they write does."""
    here, there = both
    first = make_message("Could you tell me your opening hours?", from_address=OTHER)
    await here.database.write(arrive, here.firm, first, house=here.house)
    total = 0
    for _ in range(10):
        for giver, taker in ((here, there), (there, here)):
            for to, mail in await giver.give(clock):
                assert to == taker.address
                total += 1
                await taker.take(mail, giver.address)
        clock.forward(seconds=20)

    assert 1 <= total <= 2
    assert clock.now > NOW


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Thư này được gửi tự động.", True),
        ("This is an automated response, do not reply to this email.", True),
        ("Xin vui lòng không trả lời thư này.", True),
        ("Máy bán hàng tự động nhà mình hỏng rồi, ai sửa giúp?", False),
        ("Sao không ai trả lời thư của tôi?", False),
        ("Please do not send it automatically, I want to see it first.", False),
        ("My vending machine sends a message every night, how do I stop it?", False),
    ],
)
@pytest.mark.one_database
def test_a_machine_is_known_by_its_words(text: str, is_one: bool) -> None:
    assert says_so(f"Hello,\n\n{text}\n") is is_one


@pytest.mark.one_database
def test_what_is_quoted_is_another_s() -> None:
    """No false alarm: a person may quote our own automatic answer."""
    quoted = "On Monday, Help wrote:\n> This message was sent automatically.\n"
    signed = "-- \nHelp\nThis message was sent automatically.\n"

    assert not says_so("Is anybody there?", f"Is anybody there?\n\n{quoted}")
    assert says_so("Is anybody there?", f"Is anybody there?\n\n{signed}")
