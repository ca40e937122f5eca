"""What My customers costs with 500 accounts, the matrix with 50,000, and counting them."""

import asyncio
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, text
from sqlmodel import Session

from benchmarks import bench_list
from benchmarks.company import Browser, page_costs, sample_company
from benchmarks.measure import figure
from inbox.accounts import figures
from inbox.accounts.figures import band_of, need_of
from inbox.app import create_app
from inbox.clock import utcnow
from inbox.store.people import find_agent_by_email
from inbox.triage.text import fold
from models import Account, AccountFigures, AccountKind, AccountStatus, AccountValue, Agent
from models.base import columns, core

ALL = 50_000
MINE = 500
AT_ONCE = 10_000
PAGES = 60
ROW = b'href="/accounts/'
AGENT, SUPERVISOR = "agent@demo.example", "supervisor@demo.example"


def fill(session: Session) -> None:
    """Write accounts with figures of every kind; 500 are one agent's."""
    now = utcnow()
    mine = find_agent_by_email(session, AGENT)
    assert mine is not None
    others = [
        one for one in session.execute(select(columns(Agent).id)).scalars() if one != mine.id
    ]
    first = session.execute(text("SELECT coalesce(max(id), 0) FROM accounts")).scalar_one() + 1
    for start in range(0, ALL, AT_ONCE):
        some = range(start, start + AT_ONCE)
        owners = [mine.id if n < MINE else others[n % len(others)] for n in some]
        session.execute(
            insert(core(Account)),
            [_account(first + n, owner, now) for n, owner in zip(some, owners, strict=True)],
        )
        session.execute(insert(core(AccountFigures)), [_figures(first + n, now) for n in some])
    session.execute(text("ANALYZE"))


def _account(n: int, owner: int, now: Any) -> dict[str, Any]:
    name = f"Công ty Nội thất {n}"
    return {
        "id": n,
        "name": name,
        "folded": fold(name),
        "kind": AccountKind.COMPANY,
        "reference": f"KH-{n}",
        "owner_id": owner,
        "backup_id": None,
        "status": AccountStatus.ACTIVE,
        "value": list(AccountValue)[n % 3],
        "tier": "",
        "product_groups": [],
        "language": "vi",
        "since": None,
        "fields": {},
        "created_at": now,
        "changed_at": now,
        "version": 1,
    }


def _figures(n: int, now: Any) -> dict[str, Any]:
    reasons = {"late": n % 4, "waiting": n % 3, "again": n % 2 if n % 7 else 0}
    reasons = {name: count for name, count in reasons.items() if count}
    need = need_of(reasons) if n % 3 else 0
    return {
        "account_id": n,
        "need": need,
        "place": f"{list(AccountValue)[n % 3].value}{band_of(need)}",
        "reasons": reasons if need else {},
        "open_count": n % 9,
        "late_count": n % 4,
        "oldest_waiting_at": now - timedelta(minutes=n % 900),
        "last_contact_at": now - timedelta(hours=n % 400),
        "next_milestone_at": now + timedelta(days=n % 30),
        "promises_kept": n % 20,
        "promises_missed": n % 3,
        "counted_at": now,
        "stale_at": now + timedelta(days=1),
    }


async def main() -> None:
    """Print what the pages and the sweep cost."""
    async with sample_company() as (database, settings):
        await database.write(fill)
        for email in (AGENT, SUPERVISOR):
            await database.write(bench_list.sign_in, email)
        app = create_app(settings)
        async with app.lifespan():
            agent = Browser(app, f"kip={bench_list.COOKIE}{AGENT}")
            for sort in ("need", "waiting", "name"):
                costs = await page_costs(agent, f"/accounts?sort={sort}", PAGES, ROW, 50)
                costs.tell(f"my_customers_{sort}", "cpu_ms/page", "<=10")
            leads = Browser(app, f"kip={bench_list.COOKIE}{SUPERVISOR}")
            costs = await page_costs(leads, "/accounts/matrix?owner=all", PAGES, ROW, 20)
            costs.tell("matrix_of_50000", "cpu_ms/page", "<=20")
            costs = await page_costs(
                leads, "/accounts/matrix?owner=all&place=B2", PAGES, ROW, 50
            )
            costs.tell("matrix_cell", "cpu_ms/page", "<=20")
            costs = await page_costs(leads, "/accounts?owner=all", PAGES, ROW, 50)
            costs.tell("all_customers", "cpu_ms/page", "<=20")
        now = utcnow() + timedelta(days=2)
        start = time.process_time()
        counted = await database.write(figures.count_stale, now)
        figure("count", (time.process_time() - start) * 1000 / counted, "cpu_ms/account")


if __name__ == "__main__":
    asyncio.run(main())
