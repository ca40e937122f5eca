"""What administrators change about people, tokens and teams, and what stays possible."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, select, update
from sqlmodel import Session

from inbox import routing
from inbox.auth import hash_token
from inbox.company import staff as service
from inbox.company import teams, tokens
from inbox.company.staff import PersonChange
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.rulebook import load_rulebook
from inbox.store import owners, sessions, staff
from inbox.store import teams as team_rows
from inbox.store.people import Person
from models import (
    Agent,
    AuditAction,
    AuditEntry,
    AuditThing,
    EventKind,
    Inbox,
    RequestType,
    Role,
    Scope,
)
from models.base import columns
from tests.conftest import Announced
from tests.factories import NOW, Firm, arrive, conversation, events_of, everything, make_message

agents = columns(Agent)


def change_of(firm: Firm, who: Person, **values: Any) -> PersonChange:
    """Return somebody as they are, with something changed."""
    now = PersonChange(
        name=who.name,
        role=who.role,
        language="vi",
        open_cap=50,
        backup_id=None,
        team_ids=who.team_ids,
        lead_ids=frozenset(),
    )
    return replace(now, **values)


async def agent(database: Database, agent_id: int) -> Agent:
    return await database.read(lambda session: session.get_one(Agent, agent_id))


async def trail(database: Database, thing: AuditThing = AuditThing.PERSON) -> list[AuditEntry]:
    rows: list[AuditEntry] = await database.read(lambda s: everything(s, AuditEntry))
    return [row for row in rows if row.thing is thing]


async def test_a_change_is_saved_with_teams_and_written_down(
    database: Database, firm: Firm
) -> None:
    wish = change_of(
        firm,
        firm.an,
        name=" An Nguyễn ",
        language="en",
        open_cap=7,
        backup_id=firm.dung.id,
        team_ids=frozenset({firm.sales, firm.tech}),
        lead_ids=frozenset({firm.tech}),
    )

    await database.write(service.change_person, firm.an.id, wish, by=firm.admin.id, now=NOW)

    row = await agent(database, firm.an.id)
    assert (row.name, row.language, row.open_cap) == ("An Nguyễn", "en", 7)
    assert row.backup_id == firm.dung.id
    mine = (await database.read(staff.list_memberships))[firm.an.id]
    assert {(one.team_id, one.leads) for one in mine} == {
        (firm.sales, False),
        (firm.tech, True),
    }
    (entry,) = await trail(database)
    assert (entry.action, entry.actor_id) == (AuditAction.CHANGED, firm.admin.id)
    assert entry.before["open_cap"] == 50
    assert entry.after["leads"] == ["Kỹ thuật"]
    assert "password" not in str(entry.after)


async def test_the_same_again_is_no_change(database: Database, firm: Firm) -> None:
    wish = change_of(firm, firm.an, backup_id=firm.chi.id)
    await database.write(service.change_person, firm.an.id, wish, by=firm.admin.id, now=NOW)
    assert await trail(database) == []


async def test_another_role_ends_sessions_and_says_so_at_once(
    database: Database, firm: Firm, announced: Announced
) -> None:
    """R46: another name does not."""
    await database.write(sessions.open_session, "desk", firm.an.id, epoch=0, now=NOW)
    for values, stays in (({"name": "An An"}, True), ({"role": Role.SUPERVISOR}, False)):
        wish = change_of(firm, firm.an, **values)
        await database.write(service.change_person, firm.an.id, wish, by=firm.admin.id, now=NOW)
        live = await database.read(sessions.is_session_live, "desk", NOW)
        assert live is stays
        assert (f"account-{firm.an.id}" in announced.names) is not stays


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"language": "fr"}, "language"),
        ({"open_cap": 0}, "open_cap"),
        ({"backup_id": 999}, "backup_id"),
        ({"team_ids": frozenset({999})}, "teams"),
        ({"lead_ids": frozenset({999})}, "teams"),
    ],
)
async def test_what_cannot_be_is_refused(
    database: Database, firm: Firm, values: dict[str, Any], field: str
) -> None:
    wish = change_of(firm, firm.an, **values)
    with pytest.raises(Invalid) as refused:
        await database.write(service.change_person, firm.an.id, wish, by=firm.admin.id, now=NOW)
    assert field in refused.value.fields
    assert await trail(database) == []


async def test_nobody_is_their_own_backup(database: Database, firm: Firm) -> None:
    wish = change_of(firm, firm.an, backup_id=firm.an.id)
    with pytest.raises(Invalid):
        await database.write(service.change_person, firm.an.id, wish, by=firm.admin.id, now=NOW)


async def test_the_last_admin_stays_one_also_when_two_step_down_at_once(
    database: Database, firm: Firm
) -> None:
    """F103: whoever is first may; the other one is left."""
    alone = change_of(firm, firm.admin, role=Role.AGENT)
    with pytest.raises(Conflict, match="last active administrator"):
        await database.write(service.change_person, firm.admin.id, alone, by=None, now=NOW)
    wish = change_of(firm, firm.dung, role=Role.ADMIN)
    await database.write(service.change_person, firm.dung.id, wish, by=None, now=NOW)

    done = await asyncio.gather(
        *(
            database.write(
                service.change_person,
                who.id,
                change_of(firm, who, role=Role.AGENT),
                by=who.id,
                now=NOW,
            )
            for who in (firm.admin, firm.dung)
        ),
        return_exceptions=True,
    )

    assert [type(one) for one in done].count(Conflict) == 1
    roles = {(await agent(database, one.id)).role for one in (firm.admin, firm.dung)}
    assert roles == {Role.ADMIN, Role.AGENT}


async def test_ones_own_password_ends_the_other_browsers(
    database: Database, firm: Firm
) -> None:
    """R46: this browser goes on under a new id; a wrong guess in between is a conflict."""
    for name in ("desk", "phone"):
        await database.write(sessions.open_session, name, firm.an.id, epoch=0, now=NOW)
    old = (await agent(database, firm.an.id)).password_hash

    await database.write(
        service.change_own_password, firm.an.id, old, "new", session_id="fresh", now=NOW
    )

    live = {
        name: await database.read(sessions.is_session_live, name, NOW)
        for name in ("desk", "phone", "fresh")
    }
    assert live == {"desk": False, "phone": False, "fresh": True}
    with pytest.raises(Conflict):
        await database.write(
            service.change_own_password, firm.an.id, old, "x", session_id="y", now=NOW
        )
    assert [row.action for row in await trail(database)] == [AuditAction.PASSWORD_SET]


def _statements(session: Session, work: Callable[..., Any], *args: Any) -> int:
    """Count the statements that a read runs."""
    seen: list[str] = []
    connection = session.connection()

    def note(*given: Any) -> None:
        seen.append(given[2])

    event.listen(connection, "before_cursor_execute", note)
    work(session, *args)
    event.remove(connection, "before_cursor_execute", note)
    return len(seen)


async def test_lists_take_two_queries_however_many_there_are(
    database: Database, firm: Firm
) -> None:
    await database.write(arrive, firm)
    for work in (staff.list_staff, team_rows.list_teams):
        assert await database.read(_statements, work) == 2
    rows = {row.id: row for row in await database.read(staff.list_staff)}
    assert (rows[firm.an.id].work_count, rows[firm.binh.id].work_count) == (1, 0)
    assert rows[firm.dung.id].teams[0].leads
    listed = {row.id: row for row in await database.read(team_rows.list_teams)}
    assert (listed[firm.sales].work_count, listed[firm.sales].member_count) == (1, 3)
    assert listed[firm.sales].leads == ("Dung",)


async def test_last_seen_follows_the_sessions(database: Database, firm: Firm) -> None:
    await database.write(sessions.open_session, "desk", firm.an.id, epoch=0, now=NOW)
    later = NOW + 2 * sessions.TOUCH_EVERY
    await database.write(sessions.touch_session, "desk", later)
    assert (await agent(database, firm.an.id)).last_seen_at == later


async def test_a_token_is_made_used_and_revoked(database: Database, firm: Firm) -> None:
    """S21: kept as a hash; each step is in the trail, the secret is not."""
    secret = await database.write(
        tokens.create_token, " shop ", "AN@congty.example", Scope.READ, by=1, now=NOW
    )
    who = await database.read(sessions.find_token_person, hash_token(secret), NOW)
    assert who is not None
    assert (who.id, who.touch) == (firm.an.id, True)
    await database.write(sessions.touch_token, hash_token(secret), NOW)
    again = await database.read(sessions.find_token_person, hash_token(secret), NOW)
    assert again is not None
    assert not again.touch
    (row,) = await database.read(tokens.list_tokens)
    assert (row.name, row.person, row.last_used_at) == ("shop", "An", NOW)

    await database.write(tokens.revoke_token, row.id, by=None, now=NOW)

    assert await database.read(sessions.find_token_person, hash_token(secret), NOW) is None
    with pytest.raises(Conflict):
        await database.write(tokens.revoke_token, row.id, by=None, now=NOW)
    written = await trail(database, AuditThing.TOKEN)
    assert [one.action for one in written] == [AuditAction.CREATED, AuditAction.REMOVED]
    assert secret not in str([(one.before, one.after) for one in written])


async def test_a_token_needs_a_name_and_somebody(database: Database, firm: Firm) -> None:
    with pytest.raises(Invalid):
        await database.write(
            tokens.create_token, " ", firm.an.email, Scope.READ, by=None, now=NOW
        )
    with pytest.raises(NotFound):
        await database.write(
            tokens.create_token, "x", "nobody@x.example", Scope.READ, by=None, now=NOW
        )


async def test_a_team_has_its_own_name(database: Database, firm: Firm) -> None:
    made = await database.write(teams.create_team, " Ca  tối ", by=firm.admin.id, now=NOW)
    assert (await database.read(team_rows.get_team, made)).name == "Ca tối"
    for name in ("ca TỐI", " ", "x" * 81):
        with pytest.raises(Invalid):
            await database.write(teams.create_team, name, by=firm.admin.id, now=NOW)


async def test_a_teams_people_leads_and_backups(database: Database, firm: Firm) -> None:
    wish = teams.TeamChange(
        name="Bán hàng mới",
        leads={firm.an.id: True, firm.chi.id: False},
        backups={firm.an.id: firm.chi.id, firm.chi.id: firm.dung.id},
    )
    await database.write(teams.change_team, firm.sales, wish, by=firm.admin.id, now=NOW)

    assert await database.read(team_rows.list_members, firm.sales) == wish.leads
    assert (await agent(database, firm.chi.id)).backup_id == firm.dung.id
    (entry,) = await trail(database, AuditThing.TEAM)
    assert entry.after["leads"] == [firm.an.id]
    for wrong in (
        replace(wish, name="Kỹ thuật"),
        replace(wish, leads={999: False}, backups={}),
        replace(wish, backups={firm.an.id: firm.an.id}),
        replace(wish, backups={firm.binh.id: None}),
        replace(wish, backups={firm.chi.id: firm.an.id}),  # An's is Chi
    ):
        with pytest.raises(Invalid):
            await database.write(teams.change_team, firm.sales, wrong, by=1, now=NOW)


async def test_a_closed_team_hands_everything_on(
    database: Database, firm: Firm, announced: Announced
) -> None:
    """Its work, doors and types go to the heir, owners stay, and nothing new comes to it."""
    number = await database.write(arrive, firm)
    before = await database.read(conversation, number)

    moved = await teams.close(
        database, firm.sales, firm.tech, with_people=True, by=firm.admin.id
    )

    assert moved == 1
    after = await database.read(conversation, number)
    assert (after.team_id, after.owner_id) == (firm.tech, before.owner_id)
    assert after.version > before.version
    last = (await database.read(events_of, number))[-1]
    assert (last.kind, last.data["reason"]) == (EventKind.ASSIGNED, "team_closed")
    assert last.data["from"] == {"team": firm.sales}
    assert {f"conv-{number}", "list"} <= set(announced.names)
    doors: list[Inbox] = await database.read(lambda s: everything(s, Inbox))
    kinds = await database.read(lambda s: list(s.execute(select(RequestType)).scalars()))
    assert {row.team_id for row in doors} == {firm.tech}
    assert {row.team_id for row in kinds} == {firm.tech}
    joined = await database.read(team_rows.list_members, firm.tech)
    assert {firm.an.id, firm.binh.id, firm.chi.id} <= joined.keys()
    assert joined[firm.dung.id], "who led it leads it still"
    new = await database.write(arrive, firm, make_message(from_address="khac@khach.example"))
    assert (await database.read(conversation, new)).team_id == firm.tech
    things = {row.action for row in await trail(database, AuditThing.TEAM)}
    assert AuditAction.DEACTIVATED in things
    assert len(await trail(database, AuditThing.REQUEST_TYPE)) >= 4
    with pytest.raises(Conflict):
        await teams.close(database, firm.sales, firm.tech, with_people=False, by=None)
    await database.write(teams.reopen_team, firm.sales, by=None, now=NOW)
    assert firm.sales in await database.read(team_rows.active_team_names)


async def test_a_team_is_closed_only_for_another_that_works(
    database: Database, firm: Firm
) -> None:
    for heir in (firm.sales, 999, 0):
        with pytest.raises(Invalid):
            await teams.close(database, firm.sales, heir, with_people=False, by=None)


async def test_routing_passes_over_a_closed_team(database: Database, firm: Firm) -> None:
    """Also where something refers to it still."""

    def close(session: Session) -> None:
        team_rows.get_team(session, firm.sales).is_active = False

    await database.write(close)

    def choose(session: Session) -> routing.Route:
        book = load_rulebook(session)
        return routing.choose(
            session,
            book,
            routing.Work("product_advice"),
            fallback_team_id=firm.sales,
            now=NOW,
        )

    route = await database.read(choose)
    assert (route.team_id, route.owner_id) == (firm.tech, firm.chi.id)
    offered = await database.read(owners.list_assignable, firm.sales, None)
    assert firm.chi.id in {one.id for one in offered}, "anybody may take what is left there"


async def test_who_comes_back_signs_in_again(database: Database, firm: Firm) -> None:
    def left(session: Session) -> None:
        values = {"is_active": False, "deactivated_at": NOW}
        session.execute(update(Agent).where(agents.id == firm.an.id).values(**values))

    with pytest.raises(Conflict):
        await database.write(service.activate, firm.an.id, by=1, now=NOW)
    await database.write(left)
    await database.write(service.activate, firm.an.id, by=firm.admin.id, now=NOW)
    row = await agent(database, firm.an.id)
    assert (row.is_active, row.deactivated_at) == (True, None)
    assert [one.action for one in await trail(database)] == [AuditAction.ACTIVATED]
