"""A worker dies while it trains: the next one trains, once, and its model is there."""

from functools import partial

from sqlalchemy import update
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.learning import trainings
from models import TriageTraining
from models.base import columns
from tests.factories import Firm
from tests.learned import confirm_many
from tests.slow.product import until
from tests.weather.place import died
from tests.weather.ways import Trial

TRAINED_S = 180.0


def learning(trial: Trial) -> None:
    """Ask for a training; after the death its lease ends and the next worker takes it."""
    ledger = trial.place.ledger
    versions = "SELECT count(*) FROM triage_model_versions"
    before = ledger.one(versions)
    ledger.write(partial(_ask, trial.place.firm))
    with trial.place.role("worker", trial.armed) as role:
        until(partial(died, role), TRAINED_S, "the worker dies while it trains")
    assert ledger.one(versions) == before
    ledger.write(_end_lease)
    with trial.place.role("worker"):
        finished = "SELECT count(*) FROM triage_trainings WHERE finished_at IS NULL"
        until(lambda: ledger.one(finished) == 0, TRAINED_S, "the next one has trained")
    assert ledger.rows("SELECT error, tries FROM triage_trainings ORDER BY id DESC")[0] == (
        "",
        2,
    )
    assert ledger.one(versions) > before


def _ask(firm: Firm, session: Session) -> None:
    confirm_many(session, firm, 24, language="vi")
    trainings.ask(session, "button", utcnow(), by=firm.dung.id)


def _end_lease(session: Session) -> None:
    lease = columns(TriageTraining)
    session.execute(
        update(TriageTraining).where(lease.finished_at.is_(None)).values(leased_until=utcnow())
    )
