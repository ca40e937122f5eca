"""The web role dies while a messenger's provider tells of messages: each is there once."""

import time

import httpx
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.messaging import connecting
from inbox.vault import Vault
from models import ChannelKind, Inbox
from tests.factories import SECRET
from tests.standins import facebook
from tests.standins.calls import Delivery
from tests.standins.facebook import Page
from tests.weather.ways import Trial, dies_on_the_web


def messenger(trial: Trial) -> None:
    """Tell of a message in each request; what was not told yes is told again."""
    key = trial.mark
    trial.place.ledger.write(_connect, key)
    page, at = Page(), int(time.time() * 1000)
    told = [
        page.tell(
            page.event(facebook.USER, at, message={"mid": name, "text": f"{name} Alo shop"})
        )
        for name in map(trial.sender, range(trial.passage))
    ]
    with dies_on_the_web(trial) as client:
        for number, one in enumerate(told):
            try:
                _tell(client, key, one)
            except httpx.TransportError:
                assert number == trial.passage - 1
    assert trial.raws() == trial.kept
    with trial.plain.client() as client:
        for one in told:
            _tell(client, key, one)
    assert trial.raws() == trial.passage


def _tell(client: httpx.Client, key: str, told: Delivery) -> None:
    headers, body = told
    answer = client.post(f"/hooks/messenger/{key}", content=body, headers=headers)
    assert answer.status_code == 200, answer.text


def _connect(session: Session, key: str) -> None:
    door = Inbox(kind=ChannelKind.MESSENGER, handle=key, name="Fanpage", created_at=utcnow())
    session.add(door)
    session.flush()
    given = {
        "app_id": facebook.APP,
        "app_secret": facebook.APP_SECRET,
        "page_token": facebook.TOKEN,
        "human_agent": "",
    }
    connecting.save(session, door.id, given, Vault(SECRET), by=1, now=utcnow())
