"""One command for a small machine; PostgreSQL where a company outgrows it."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.measure import family_of, pss_mib
from tests.postgres import start_postgres
from tests.slow.product import Product, composer, make_mail, running, until

pytestmark = pytest.mark.slow

WITHIN_S = 5.0


def _ask_and_answer(product: Product, address: str) -> None:
    """Let somebody write and an agent answer, as on any day."""
    product.send_mail(make_mail(f"Vy <{address}>", "Máy giặt không vắt"), address)
    number = product.conversation_of(address)["number"]
    with product.signed_in() as browser:
        fields = composer(browser.get(f"/inbox/{number}").text)
        said = {**fields, "kind": "reply", "body": "Em cho thợ qua chiều nay ạ."}
        browser.post(f"/inbox/{number}/messages", data=said).raise_for_status()

    def subjects() -> list[str] | None:
        found = [mail["subject"] for mail in product.sink(address)]
        return found if len(found) == 2 else None

    assert any(one.startswith("Re:") for one in until(subjects, WITHIN_S, "both mails"))


def test_one_command_on_a_small_machine(product: Product) -> None:
    """F109: sample data, a trained model and live clocks, far below 2 GB."""
    listed = product.conversations()
    assert len(listed) > 50
    assert any(one["next_due_at"] for one in listed)
    live = product.rows("SELECT name FROM triage_model_versions WHERE is_live")
    assert live == [("starter",)]
    _ask_and_answer(product, "vy@khach.example")

    assert sum(pss_mib(pid) for pid in family_of(product.process.pid)) < 500


def test_the_same_on_postgresql(tmp_path: Path) -> None:
    """F110: web, worker and receiver with PostgreSQL and Redis, and nothing else."""
    with start_postgres() as server:
        asyncio.run(server.execute("CREATE DATABASE whole"))
        env = {"KIP_DATABASE_URL": server.url("whole")}
        with running(tmp_path / "data", env=env) as product:
            _ask_and_answer(product, "vy@khach.example")
            assert not (tmp_path / "data" / "kip.db").exists()
