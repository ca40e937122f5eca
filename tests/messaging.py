"""An account with a messenger behind a real database, and a stand-in for its provider."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox import conversations
from inbox.db import Database
from inbox.house import load_house
from inbox.loops import Send, TakeIn
from inbox.messaging import bringing, connecting, links, receiving, renewing
from inbox.messaging.bringing import Gather
from inbox.messaging.connecting import Probe
from inbox.outgoing.letters import NOTHING_MORE, Extras
from inbox.sending import messengers
from inbox.settings import Settings
from inbox.store.conversations import get_to_change
from inbox.vault import Vault
from models import ChannelKind, Conversation, Inbox, Message, Messenger, Outbox
from models.base import columns
from tests.conftest import Clock
from tests.factories import NOW, SECRET, Firm, everything
from tests.standins import facebook, telegram, whatsapp, zalo
from tests.standins.calls import Delivery


def stop_clocks(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stop the clock of what asks providers, too."""
    for module in (messengers, bringing, connecting, renewing):
        monkeypatch.setattr(module, "utcnow", clock)
    return clock


KEY = "mo-ki-ta"
ENTERED: dict[ChannelKind, dict[str, str]] = {
    ChannelKind.ZALO: {
        "app_id": zalo.APP,
        "app_secret": zalo.APP_SECRET,
        "oa_secret": zalo.OA_SECRET,
        "refresh_token": zalo.REFRESH,
        "window": "168",
    },
    ChannelKind.MESSENGER: {
        "app_id": facebook.APP,
        "app_secret": facebook.APP_SECRET,
        "page_token": facebook.TOKEN,
        "human_agent": "",
    },
    ChannelKind.TELEGRAM: {"token": telegram.TOKEN},
    ChannelKind.WHATSAPP: {
        "number_id": whatsapp.NUMBER,
        "account_id": whatsapp.ACCOUNT,
        "token": whatsapp.TOKEN,
        "app_secret": whatsapp.APP_SECRET,
    },
}


@dataclass
class Shop:
    """The company's side: what it keeps, takes in and sends."""

    database: Database
    settings: Settings
    firm: Firm
    kind: ChannelKind
    inbox_id: int = 0
    now: datetime = NOW

    @property
    def ms(self) -> int:
        """What time it is, as providers say it."""
        return int(self.now.timestamp() * 1000)

    async def open(self, **entered: str) -> Probe:
        """Open the inbox, enter the account and try it."""
        given = {**ENTERED[self.kind], **entered}

        def work(session: Session) -> int:
            door = Inbox(kind=self.kind, handle=KEY, name="Nhắn tin", created_at=NOW)
            door.team_id = self.firm.sales
            session.add(door)
            session.flush()
            vault, by = Vault(SECRET), self.firm.admin.id
            connecting.save(session, door.id, given, vault, by=by, now=NOW)
            return door.id

        self.inbox_id = await self.database.write(work)
        return await self.test()

    async def test(self) -> Probe:
        """Ask the provider whose access it is."""
        webhook = f"https://kip.example/hooks/{self.kind.value}/{KEY}"
        vault = Vault(SECRET)
        return await connecting.test(
            self.database, self.settings, vault, self.inbox_id, webhook
        )

    async def hear(self, *told: Delivery) -> list[str]:
        """Take what a provider tells, as its door does; return how it was answered."""
        return [await self._one(headers, body) for headers, body in told]

    async def _one(self, headers: dict[str, str], body: bytes) -> str:
        stored = await self.database.read(links.find_by_key, self.kind, KEY)
        assert stored is not None
        account = links.opened(stored, Vault(SECRET))
        if not stored.provider.is_genuine(headers, body, account):
            return "not genuine"
        found = receiving.read(stored, account, body, "192.0.2.1", self.now)
        if found.stale:
            return "stale"
        await self.database.write(receiving.keep, stored, found, self.now)
        return "kept"

    async def take_in(self) -> None:
        """Take in what waits."""
        loop = TakeIn(self.database, self.settings, SECRET)
        try:
            while await loop.once():
                pass
        finally:
            await loop.close()

    async def send(self) -> None:
        """Send what waits."""
        await Send(self.database, self.settings, SECRET).once()

    async def gather(self) -> None:
        """Fetch files and names."""
        await Gather(self.database, self.settings, SECRET).once()

    async def answer(self, text: str, extras: Extras = NOTHING_MORE) -> int:
        """Have An answer the newest conversation; return the message's id."""

        def work(session: Session) -> int:
            number = max(one.id for one in everything(session, Conversation))
            conversation = get_to_change(session, number)
            house = load_house(session, self.settings, SECRET)
            assert conversation is not None
            assert house is not None
            by, now = self.firm.an, self.now
            said = conversations.reply(
                session, conversation, text, house, by=by, now=now, extras=extras
            )
            return said.id

        return await self.database.write(work)

    async def rows(self, table: Any) -> list[Any]:
        """Return all rows of a table, in their order."""
        return await self.database.read(lambda session: everything(session, table))

    async def mail_of(self, message_id: int) -> Outbox:
        """Return the outbox row of a message."""

        def work(session: Session) -> Outbox:
            of_it = columns(Outbox).message_id == message_id
            found: Outbox = session.execute(select(Outbox).where(of_it)).scalar_one()
            return found

        return await self.database.read(work)

    async def account(self) -> Messenger:
        """Return the account's row."""
        (found,) = await self.rows(Messenger)
        assert isinstance(found, Messenger)
        return found

    async def said(self) -> list[tuple[str, str]]:
        """Return what was said: directions and texts."""
        return [(str(one.direction), one.text) for one in await self.rows(Message)]
