"""Doors of messengers in a scene: connected accounts, and what their providers deliver."""

from dataclasses import dataclass

import httpx
from sqlmodel import Session

from inbox.messaging import connecting, links
from inbox.vault import Vault
from models import ChannelKind, Inbox, Messenger
from models.base import columns
from tests.messaging import ENTERED
from tests.standins.calls import Delivery
from tests.web.scene import NOW, SECRET, Scene


@dataclass(frozen=True)
class MessengerDoor:
    """An inbox of a messenger whose account was entered; ``word`` is of our making."""

    scene: Scene
    kind: ChannelKind
    id: int
    word: str

    @property
    def path(self) -> str:
        """Where the provider delivers."""
        return f"/hooks/{self.kind.value}/{self.kind.value}-key"

    async def deliver(self, told: Delivery) -> httpx.Response:
        """Deliver as the provider does; take-in follows."""
        headers, body = told
        return await self.scene.browser().client.post(self.path, content=body, headers=headers)


async def open_door(scene: Scene, kind: ChannelKind) -> MessengerDoor:
    """Open an inbox of a messenger, and enter its account."""
    vault = Vault(SECRET.encode())

    def work(session: Session) -> tuple[int, str]:
        row = Inbox(kind=kind, handle=f"{kind.value}-key", name="Shop", created_at=NOW)
        session.add(row)
        session.flush()
        connecting.save(session, row.id, ENTERED[kind], vault, by=1, now=NOW)
        stored = links.find(session, row.id)
        assert stored is not None
        return row.id, links.opened(stored, vault).webhook

    return MessengerDoor(scene, kind, *(await scene.write(work)))


async def account_of(scene: Scene, door: MessengerDoor) -> Messenger:
    """Return the row behind a door."""
    (found,) = await scene.all(Messenger, columns(Messenger).inbox_id == door.id)
    return found
