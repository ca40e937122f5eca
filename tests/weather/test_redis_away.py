"""Redis loses its data, hangs, or is not there: it costs a moment, and nothing else."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.factories import make_mail as company_mail
from tests.slow.product import TOKEN as DEMO_TOKEN
from tests.slow.product import Product, make_mail, running, until
from tests.weather.killer import Killer
from tests.weather.place import TOKEN, Place, new_place

pytestmark = pytest.mark.slow

DELAY_S = 2.0
GENEROUS_S = 30.0


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Run the sample company, with its own Redis."""
    with running(tmp_path_factory.mktemp("redis") / "data") as started:
        yield started


def _delay(product: Product, address: str) -> float:
    """Send a mail; return how long after its 250 the conversation was there."""
    product.send_mail(make_mail(address), address)
    began = time.monotonic()
    taken = "SELECT 1 FROM contact_identities WHERE value = ?"
    until(lambda: product.rows(taken, address), GENEROUS_S, f"{address} is taken in", 0.02)
    return time.monotonic() - began


def test_its_data_deleted_while_running_costs_two_seconds_at_most(product: Product) -> None:
    """R7, F45, F111: files removed and everything flushed, again and again."""
    killer = Killer(product, 0, time.time())
    delays = []
    for number in range(5):
        shutil.rmtree(product.data / "redis" / "appendonlydir", ignore_errors=True)
        killer.do("redis-flushed")
        delays.append(_delay(product, f"flushed{number}@khach.example"))
    assert median(delays) <= DELAY_S, delays
    assert [deed for _, deed in killer.did] == ["redis-flushed"] * 5


def test_it_may_hang(product: Product) -> None:
    """R8: SIGSTOPped, not even refusing. Work goes on at the next tick."""
    redis = product.pid("redis")
    os.kill(redis, signal.SIGSTOP)
    try:
        delays = [_delay(product, f"hangs{n}@khach.example") for n in range(3)]
        number = product.conversations_of("hangs0@khach.example")[0]["number"]
        with product.signed_in() as browser:
            assert browser.get(f"/inbox/{number}").status_code == 200
        began = time.monotonic()
        product.http.post(
            f"/api/v1/conversations/{number}/replies",
            json={"text": "Em trả lời ngay ạ."},
            headers={"authorization": f"Bearer {DEMO_TOKEN}"},
        ).raise_for_status()
        took = time.monotonic() - began
        until(
            lambda: len(product.sink("hangs0@khach.example")) == 2,
            GENEROUS_S,
            "both mails",
            0.2,
        )
    finally:
        os.kill(redis, signal.SIGCONT)
    assert median(delays) <= DELAY_S, delays
    assert took < 5.0
    assert _delay(product, "again@khach.example") < GENEROUS_S


def _assigned(place: Place, number: int) -> bool:
    owner = place.ledger.one("SELECT owner_id FROM conversations WHERE id = :n", n=number)
    return bool(owner == place.firm.an.id)


def test_without_it_agents_read_reply_and_assign(sqlite_template: Path, tmp_path: Path) -> None:
    """R8: the address of a Redis that nobody answers at."""
    nobody = f"unix://{tmp_path / 'nobody.sock'}"
    place = new_place(tmp_path, sqlite_template, redis_url=nobody)
    with place.role("web"), place.role("smtp"), place.role("worker"):
        assert place.send(company_mail("Còn hàng không ạ?")) == 250
        taken = "SELECT id FROM conversations"
        ((number,),) = until(
            lambda: place.ledger.rows(taken), GENEROUS_S, "it is taken in", 0.1
        )
        with place.signed_in() as browser:
            assert "Còn hàng không ạ?" in browser.get(f"/inbox/{number}").text
        headers = {"authorization": f"Bearer {TOKEN}"}
        where = f"/api/v1/conversations/{number}"
        with place.client() as client:
            owner = {"owner": "an@congty.example"}
            client.put(f"{where}/owner", json=owner, headers=headers).raise_for_status()
            said = {"text": "Dạ còn ạ."}
            client.post(f"{where}/replies", json=said, headers=headers).raise_for_status()
        sent = "SELECT count(*) FROM outbox WHERE kind = 'reply' AND state = 'sent'"
        until(lambda: place.ledger.one(sent) == 1, GENEROUS_S, "the reply has left", 0.2)
        assert _assigned(place, number)
