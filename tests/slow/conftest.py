"""One running sample company a module."""

from collections.abc import Iterator

import pytest

from tests.slow.product import Product, running


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """`kip run --demo --no-traffic` on a fresh folder."""
    with running(tmp_path_factory.mktemp("product") / "data") as started:
        yield started
