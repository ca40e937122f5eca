"""Signed-in browsers and tokens: who they belong to, and when they end."""

from datetime import timedelta

from sqlalchemy import update
from sqlmodel import Session

from inbox.auth import hash_token
from inbox.db import Database
from inbox.duty import list_team_on_duty
from inbox.store import people, sessions
from inbox.store.sessions import SESSION_LIFE, TOUCH_EVERY, find_session_person
from models import Agent, ApiToken, LoginSession, Scope
from models.base import columns
from tests.factories import NOW, Firm

agents = columns(Agent)
SECOND = timedelta(seconds=1)


def _change(session: Session, agent_id: int, **values: object) -> None:
    session.execute(update(Agent).where(agents.id == agent_id).values(**values))


async def test_a_session_is_its_person_until_it_ends(database: Database, firm: Firm) -> None:
    await database.write(sessions.open_session, "id", firm.an.id, epoch=0, now=NOW)

    person = await database.read(find_session_person, "id", NOW)

    assert person is not None
    assert (person.id, person.team_ids, person.session_id) == (
        firm.an.id,
        frozenset({firm.sales}),
        "id",
    )
    assert not person.sees_all
    assert await database.read(find_session_person, "other", NOW) is None
    assert await database.read(find_session_person, "id", NOW + SESSION_LIFE) is None


async def test_a_changed_account_ends_all_its_sessions(database: Database, firm: Firm) -> None:
    """R46: a new password or role grows the epoch; who has left is out at once."""
    for who, values in ((firm.an, {"epoch": 1}), (firm.binh, {"is_active": False})):
        await database.write(sessions.open_session, who.name, who.id, epoch=0, now=NOW)
        await database.write(_change, who.id, **values)

        assert await database.read(find_session_person, who.name, NOW) is None


async def test_signing_out_ends_one_browser(database: Database, firm: Firm) -> None:
    for one in ("desk", "phone"):
        await database.write(sessions.open_session, one, firm.an.id, epoch=0, now=NOW)
    await database.write(sessions.close_session, "desk")

    assert await database.read(find_session_person, "desk", NOW) is None
    assert await database.read(find_session_person, "phone", NOW) is not None


async def test_use_keeps_a_session_alive_with_few_writes(
    database: Database, firm: Firm
) -> None:
    """Touched at most every five minutes."""
    await database.write(sessions.open_session, "id", firm.an.id, epoch=0, now=NOW)

    async def expiry() -> timedelta:
        def work(session: Session) -> timedelta:
            return session.get_one(LoginSession, "id").expires_at - NOW

        return await database.read(work)

    await database.write(sessions.touch_session, "id", NOW + TOUCH_EVERY)
    early = await expiry()
    await database.write(sessions.touch_session, "id", NOW + TOUCH_EVERY + SECOND)

    assert early == SESSION_LIFE
    assert await expiry() == SESSION_LIFE + TOUCH_EVERY + SECOND


async def test_a_new_session_sweeps_out_old_ones(database: Database, firm: Firm) -> None:
    await database.write(sessions.open_session, "old", firm.an.id, epoch=0, now=NOW)
    later = NOW + SESSION_LIFE
    await database.write(sessions.open_session, "new", firm.an.id, epoch=0, now=later)

    assert await database.read(lambda s: s.get(LoginSession, "old")) is None
    assert await database.read(lambda s: s.get(LoginSession, "new")) is not None


async def test_a_token_acts_for_its_person_until_revoked(
    database: Database, firm: Firm
) -> None:

    def issue(session: Session) -> None:
        session.add(
            ApiToken(
                name="máy",
                token_hash=hash_token("t"),
                agent_id=firm.chi.id,
                scope=Scope.WRITE,
                created_at=NOW,
            )
        )

    await database.write(issue)
    person = await database.read(sessions.find_token_person, hash_token("t"))
    await database.write(
        lambda session: session.execute(update(ApiToken).values(revoked_at=NOW))
    )

    assert person is not None
    assert (person.id, person.scope) == (firm.chi.id, Scope.WRITE)
    assert await database.read(sessions.find_token_person, hash_token("t")) is None
    assert await database.read(sessions.find_token_person, "t") is None


async def test_who_signs_in_is_found_however_the_address_is_typed(
    database: Database, firm: Firm
) -> None:
    found = await database.read(people.find_agent_by_email, " AN@congty.example ")
    await database.write(_change, firm.an.id, is_active=False)

    assert found is not None
    assert found.id == firm.an.id
    assert await database.read(people.find_agent_by_email, "an@congty.example") is None


async def test_duty_and_leads(database: Database, firm: Firm) -> None:
    await database.write(people.set_on_duty, firm.an.id, False, NOW)

    on_duty = await database.read(list_team_on_duty, firm.sales, NOW)
    leads = await database.read(people.list_supervisors, firm.sales)
    anybody = await database.read(people.list_supervisors, 999)

    assert set(on_duty) == {firm.binh.id, firm.dung.id}
    assert leads == [firm.dung.id]
    assert anybody == sorted([firm.dung.id, firm.admin.id])
