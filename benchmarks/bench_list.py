"""What a page of the list costs in an inbox with 100,000 open conversations."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from litestar import Litestar
from sqlalchemy import delete, event, insert, select, text, update
from sqlmodel import Session

from benchmarks.company import Browser, page_costs, sample_company
from benchmarks.measure import LETTERS, Costs, figure
from inbox.app import create_app
from inbox.auth import hash_token
from inbox.clock import utcnow
from inbox.db import Database
from inbox.store import people, sessions
from models import (
    Agent,
    Contact,
    Conversation,
    ConversationTag,
    OwnField,
    OwnValue,
    SavedView,
    Tag,
    Team,
    TeamMember,
)
from models.base import columns, core

OPEN = 100_000
CONTACTS = 20_000
AT_ONCE = 10_000
PAGES = 150
COOKIE = "a session of this benchmark"
ROW, ROWS = b'id="conversation-row-', 50

GROWING = ("conversations", "contacts", "messages", "raw_messages", "notices", "sessions")

agents = columns(Agent)
members = columns(TeamMember)


def fill(session: Session) -> None:
    """Write conversations with deadlines from ten days ago to ten days from now."""
    now = utcnow()
    people_inside = list(session.execute(select(agents.id)).scalars())
    teams = list(session.execute(select(columns(Team).id)).scalars())
    kinds = list(session.execute(text("SELECT key FROM request_types")).scalars())
    contacts = [
        {"name": f"Nguyễn Thị {n}", "language": "vi", "tier": "standard", "created_at": now}
        for n in range(CONTACTS)
    ]
    session.execute(insert(core(Contact)), contacts)
    first = session.execute(text("SELECT max(id) FROM contacts")).scalar_one() - CONTACTS + 1
    table = core(Conversation)
    for start in range(0, OPEN, AT_ONCE):
        session.execute(
            insert(table),
            [
                _conversation(n, now, first + n % CONTACTS, people_inside, teams, kinds)
                for n in range(start, start + AT_ONCE)
            ],
        )
    session.execute(text("ANALYZE"))


def _conversation(
    n: int, now: Any, contact_id: int, owners: list[int], teams: list[int], kinds: list[str]
) -> dict[str, Any]:
    due = now + timedelta(seconds=(n * 7919) % 1_728_000 - 864_000)
    rank = n % 4
    return {
        "public_token": f"bench-{n}",
        "inbox_id": 1,
        "contact_id": contact_id,
        "channel": "email" if n % 3 else "form",
        "subject": f"{LETTERS[n % len(LETTERS)][0]} #{n}",
        "language": "vi",
        "status": "open",
        "request_type": kinds[n % len(kinds)],
        "request_type_confidence": 0.5 + (n % 50) / 100,
        "second_type": None,
        "urgency": ("urgent", "high", "normal", "low")[rank],
        "urgency_rank": rank,
        "urgency_confidence": 0.9,
        "triage": "needs_review" if n % 5 == 0 else "auto",
        "team_id": teams[n % len(teams)],
        "owner_id": owners[n % len(owners)] if n % 997 else None,
        "first_response_due_at": due,
        "next_response_due_at": None,
        "resolution_due_at": None,
        "next_due_at": due,
        "order_at": due,
        "promised_at": due,
        "sla_state": "on_time",
        "asked_again": n % 2,
        "last_message_id": None,
        "created_at": now - timedelta(days=2),
        "read_at": None,
        "last_inbound_at": now - timedelta(days=1),
        "first_responded_at": None,
        "resolved_at": None,
        "version": 1,
    }


def sign_in(session: Session, email: str) -> None:
    who = people.find_agent_by_email(session, email)
    assert who is not None
    sessions.open_session(
        session, hash_token(COOKIE + email), who.id, epoch=who.epoch, now=utcnow()
    )


def watch_plans(
    database: Database, growing: Sequence[str] = GROWING, *, sorts: bool = True
) -> set[str]:
    """Collect what SQLite would scan, or ``sorts``, of what grows, from now on.

    Walking an index is no scan: those that are walked have only what is asked for.
    """
    bad: set[str] = set()

    @event.listens_for(database.engine, "before_cursor_execute")
    def explain(_c: Any, cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if not statement.startswith("SELECT") or not any(name in statement for name in growing):
            return
        for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall():
            plan = str(row[3])
            scans = (
                plan.startswith("SCAN") and plan.split()[1] in growing and "USING" not in plan
            )
            if scans or (sorts and plan.startswith("USE TEMP B-TREE")):
                bad.add(f"{plan}: {' '.join(statement.split())[-160:]}")

    return bad


def _small_team(session: Session) -> None:
    """Leave the agent in a team that has nothing: only what has no owner is to be seen."""
    team = Team(name="A team without conversations")
    session.add(team)
    session.flush()
    agent = people.find_agent_by_email(session, "agent@demo.example")
    assert agent is not None
    session.execute(delete(TeamMember).where(members.agent_id == agent.id))
    session.execute(
        update(Conversation)
        .where(columns(Conversation).owner_id == agent.id)
        .values(owner_id=None if agent.backup_id is None else agent.backup_id)
    )
    session.add(TeamMember(team_id=team.id, agent_id=agent.id))


VIEWS = {
    "type": "type=complaint",
    "urgency_and_channel": "urgency=urgent&channel=form",
    "late_and_again": "late=1&again=1&team=1",
    "rare_tag": "tag=1",
    "common_tag": "tag=2",
    "own_field": "field=1&value=kho+7",
    "tier": "tier=vip",
    "nothing_fits": "type=complaint&urgency=urgent&product=none",
    "unassigned": "for=unassigned",
    "account": "account=1",
}


def mark(session: Session) -> None:
    """Tag 300 of them with one tag and half with another; give values, tiers and views."""
    now = utcnow()
    numbers = list(session.execute(select(columns(Conversation).id)).scalars())
    session.execute(
        insert(core(Tag)),
        [{"name": name, "folded": name, "created_at": now} for name in ("rare", "common")],
    )
    tagged = [(number, 1) for number in numbers[::333]] + [
        (number, 2) for number in numbers[::2]
    ]
    session.execute(
        insert(core(ConversationTag)),
        [{"conversation_id": number, "tag_id": tag} for number, tag in tagged],
    )
    field = {"name": "Kho", "folded": "kho", "kind": "text", "choices": [], "is_active": True}
    session.execute(insert(core(OwnField)), [{**field, "created_at": now}])
    session.execute(
        insert(core(OwnValue)),
        [
            {
                "conversation_id": n,
                "field_id": 1,
                "text": f"Kho {n % 50}",
                "folded": f"kho {n % 50}",
            }
            for n in numbers
        ],
    )
    session.execute(text("UPDATE contacts SET tier = 'vip' WHERE id % 100 = 0"))
    asked = [dict(pair.split("=") for pair in one.split("&")) for one in VIEWS.values()]
    view = {"agent_id": 1, "is_shared": True, "created_at": now, "changed_at": now}
    session.execute(
        insert(core(SavedView)),
        [{**view, "name": str(n), "filters": one} for n, one in enumerate(asked)],
    )
    session.execute(text("ANALYZE"))


async def views_ms(app: Litestar, browser: Browser) -> None:
    """Print what each view costs, with ten of them in the menu, and what a 304 does."""
    for name, query in VIEWS.items():
        await page_costs(browser, f"/inbox?{query}", 5)
        costs = await page_costs(browser, f"/inbox?{query}", 60)
        costs.tell(f"view_{name}", "cpu_ms/page", "<=8")
    app.state.site.view_counts.clear()
    costs = await page_costs(browser, "/inbox?for=team", 1, ROW, ROWS)
    costs.tell("list_that_counts_ten_views", "cpu_ms/page")
    app.state.site.lists.on = True
    again = Browser(app, browser.cookie, {b"hx-request": b"true", b"hx-trigger": b"live-list"})
    for _ in range(2):  # the first is given a cookie, so the second is another answer
        await again.get("/inbox?for=team")
    costs = Costs()
    for _ in range(500):
        costs.begin()
        status, _ = await again.get("/inbox?for=team")
        costs.end()
        assert status == 304, status
    costs.tell("list_unchanged", "cpu_ms/page", "<=0.2")


async def main() -> None:
    """Print what the list costs a supervisor and an agent, and what is scanned for it."""
    async with sample_company() as (database, settings):
        await database.write(fill)
        app = create_app(settings)
        async with app.lifespan():
            for role in ("supervisor", "agent"):
                email = f"{role}@demo.example"
                await database.write(sign_in, email)
                browser = Browser(app, f"kip={COOKIE}{email}")
                for name, path in (("", "/inbox"), ("_mine", "/inbox?for=mine")):
                    await page_costs(browser, path, 10, ROW, ROWS)
                    costs = await page_costs(browser, path, PAGES, ROW, ROWS)
                    costs.tell(f"list_{role}{name}", "cpu_ms/page", "<=8")
            await database.write(mark)
            await views_ms(app, Browser(app, f"kip={COOKIE}supervisor@demo.example"))
            await database.write(_small_team)
            costs = await page_costs(browser, "/inbox", PAGES, ROW, ROWS)
            costs.tell("list_agent_who_sees_little", "cpu_ms/page", "<=8")
            bad = watch_plans(app.state.site.database)
            await page_costs(browser, "/inbox", 1, ROW, ROWS)
            figure("list_scans_and_sorts", len(bad), "queries", "0")
            for plan in sorted(bad):
                print("#", plan)


if __name__ == "__main__":
    asyncio.run(main())
