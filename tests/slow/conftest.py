"""What several modules share: one running sample company and one browser a module."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.machine import chromium
from tests.slow.product import PATIENCE_S, Product, running

expect.set_options(timeout=1000 * PATIENCE_S)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """`kip run --demo --no-traffic` on a fresh folder."""
    with running(tmp_path_factory.mktemp("product") / "data") as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module."""
    program = chromium()
    assert program is not None
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(program))
        yield started
        started.close()


@pytest.fixture(scope="module")
def cookies(product: Product) -> dict[str, list[dict[str, Any]]]:
    """Sign each person in once."""
    found: dict[str, list[dict[str, Any]]] = {}
    for who in ("agent", "supervisor"):
        with product.signed_in(who) as client:
            found[who] = [
                {"name": one.name, "value": one.value, "url": product.base_url}
                for one in client.cookies.jar
            ]
    return found
