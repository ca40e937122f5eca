"""A process dies at each named point: what is left is what the table says (G3)."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.failpoints import failpoint, read_variable
from models import Agent
from tests.slow.product import free_port
from tests.weather.dates import milestone, reminder
from tests.weather.ends import DANGEROUS, ENDS
from tests.weather.learning import learning
from tests.weather.messengers import messenger
from tests.weather.place import Place, new_place
from tests.weather.planned import planned
from tests.weather.sink import Sink
from tests.weather.ways import WAYS as MOST_WAYS
from tests.weather.ways import Trial, batch, settle

WAYS = {
    **MOST_WAYS,
    "learning": learning,
    "messenger": messenger,
    "milestone": milestone,
    "planned": planned,
    "reminder": reminder,
}
SOURCES = Path(__file__).parents[2] / "inbox"


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    """Receive what leaves."""
    with Sink().open() as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(
    sink: Sink, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """Run a company whose web and mail receiver stay alive."""
    folder = tmp_path_factory.mktemp("failpoints")
    place = new_place(folder, sqlite_template, smtp_url=sink.url)
    place.ledger.write(_no_day_mails)
    with place.role("web"), place.role("smtp"):
        yield place


def _no_day_mails(session: Session) -> None:
    """Let nothing leave but what a trial is about, whatever the time of day."""
    session.execute(update(Agent).values(day_mail_on="9999-12-31"))


def _die_at(name: str, passage: int, plain: Place, sink: Sink) -> None:
    end = ENDS[name]
    dying = replace(plain, web_port=free_port(), smtp_port=free_port())
    WAYS[end.way](Trial(dying, plain, sink, name, passage, end))
    settle(plain)  # nothing is left for the next one


@pytest.mark.slow
@pytest.mark.parametrize("name", DANGEROUS)
def test_the_first_time(name: str, plain: Place, sink: Sink) -> None:
    """G3, R1, R2, R4, R5, R12, R18, F111."""
    _die_at(name, 1, plain, sink)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in ENDS if name not in DANGEROUS])
def test_the_first_time_of_all_others(name: str, plain: Place, sink: Sink) -> None:
    """G3."""
    _die_at(name, 1, plain, sink)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", [name for name, end in ENDS.items() if end.again])
def test_the_tenth_time(name: str, plain: Place, sink: Sink) -> None:
    """G3."""
    _die_at(name, 10, plain, sink)


# How one mail went is committed with the fence of the next: the third of six is on its way.
IN_A_BATCH = {
    "outbox.fencing": (1, 6),  # the second had arrived, which was not committed yet
    "outbox.fenced": (1, 5),
    "outbox.handed_over": (1, 6),
    "outbox.settling": (1, 6),
    "outbox.settled": (1, 5),  # the same commit has fenced the fourth
}


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_A_BATCH)
def test_in_the_midst_of_a_batch(name: str, plain: Place, sink: Sink) -> None:
    """G3, R19, F77: at most one fate a death is unknown, and nothing is sent twice."""
    unknown, arrived = IN_A_BATCH[name]
    trial = Trial(replace(plain), plain, sink, name, 3, ENDS[name])

    assert batch(trial, 6) == ({"sent": 6 - unknown, "unconfirmed": unknown}, arrived)


def test_every_point_in_the_product_has_its_line_in_the_table() -> None:
    passed = {
        name
        for path in SOURCES.rglob("*.py")
        for name in re.findall(r'\bfailpoint\("([^"]+)"\)', path.read_text())
    }
    assert passed == ENDS.keys()
    assert len(passed) >= 24
    assert set(DANGEROUS) <= passed
    assert {end.way for end in ENDS.values()} == WAYS.keys()


def test_without_the_variable_nothing_happens() -> None:
    for name in ENDS:
        failpoint(name)


@pytest.mark.parametrize("text", ["outbox.fenced", "outbox.fenced:0", ":1", "x:1", "A.b:1"])
def test_a_variable_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"looks like outbox\.fenced:1"):
        read_variable(text)


def test_the_variable_names_point_and_passage() -> None:
    assert read_variable("outbox.fenced:10") == ("outbox.fenced", 10)
    assert read_variable("") == ("", 0)
