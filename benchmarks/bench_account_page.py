"""What an account's page costs whose people wrote 2,000 messages, beside 50 other accounts."""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlmodel import Session

from benchmarks.bench_list import COOKIE, sign_in, watch_plans
from benchmarks.company import Browser, page_costs, sample_company
from benchmarks.measure import LETTERS, figure
from inbox.app import create_app
from inbox.clock import utcnow
from models import (
    Account,
    AccountFigures,
    AccountNote,
    Agent,
    Attachment,
    Blob,
    ChannelKind,
    Contact,
    ContactIdentity,
    Conversation,
    Direction,
    Message,
    Status,
    Team,
)
from models.base import columns

MESSAGES = 2_000  # of the account that is looked at
TALKS = 250
PEOPLE = 12
FILES = 300
OTHERS = 50  # accounts with as many messages as this one has talks
PAGES = 150
DIRECTIONS = (Direction.INBOUND, Direction.OUTBOUND, Direction.INBOUND, Direction.NOTE)
GROWING = ("conversations", "messages", "attachments", "account_notes", "account_files")

agents = columns(Agent)


def fill(session: Session) -> tuple[int, int, str]:
    """Write the accounts; return the one, a person of it, and a place in its middle."""
    now = utcnow()
    keeper = session.execute(
        select(agents.id).where(agents.email == "agent@demo.example")
    ).scalar_one()
    team = session.execute(select(columns(Team).id)).scalars().first()
    for number in range(OTHERS):
        _account(session, f"Công ty {number}", keeper, team, now, 20, TALKS)
    account, person = _account(session, "Nội thất Trúc An", keeper, team, now, TALKS, MESSAGES)
    session.add_all(
        AccountNote(
            account_id=account,
            author_id=keeper,
            text=f"Ghi chú {n}",
            created_at=now - timedelta(hours=9 * n),
        )
        for n in range(60)
    )
    session.execute(text("ANALYZE"))
    middle = now - timedelta(hours=MESSAGES // 2)
    return account, person, f"{middle.isoformat()}~message~1"


def _account(
    session: Session,
    name: str,
    keeper: int,
    team: int | None,
    now: datetime,
    talks: int,
    messages: int,
) -> tuple[int, int]:
    account = Account(
        name=name, folded=name, owner_id=keeper, created_at=now, changed_at=now, tier="gold"
    )
    session.add(account)
    session.flush()
    session.add(AccountFigures(account_id=account.id, reasons={"late": 1}, need=5))
    people = [
        Contact(name=f"Nguyễn Thị {n}", account_id=account.id, created_at=now)
        for n in range(PEOPLE)
    ]
    session.add_all(people)
    session.flush()
    session.add_all(
        ContactIdentity(
            contact_id=one.id, kind="email", value=f"c{one.id}@khach.example", created_at=now
        )
        for one in people
    )
    first = (session.execute(text("SELECT max(id) FROM conversations")).scalar() or 0) + 1
    session.add_all(
        _talk(first + n, account.id, people[n % PEOPLE].id, keeper, team, now, n)
        for n in range(talks)
    )
    session.flush()
    session.add_all(_message(n, first + n % talks, keeper, now) for n in range(messages))
    session.flush()
    if messages == MESSAGES:
        _files(session, first, talks)
    return account.id, people[0].id


def _talk(
    number: int,
    account_id: int,
    contact_id: int,
    owner: int,
    team: int | None,
    now: datetime,
    n: int,
) -> Conversation:
    is_open = n % 20 == 0
    due = now + timedelta(minutes=37 * n - 60)
    return Conversation(
        id=number,
        public_token=f"bench-{number}",
        inbox_id=1,
        contact_id=contact_id,
        account_id=account_id,
        channel=(ChannelKind.EMAIL, ChannelKind.FORM, ChannelKind.CHAT)[n % 3],
        subject=f"{LETTERS[n % len(LETTERS)][0]} #{n}",
        status=Status.OPEN if is_open else Status.RESOLVED,
        request_type="general",
        team_id=team,
        owner_id=owner,
        next_due_at=due if is_open else None,
        order_at=due,
        created_at=now - timedelta(hours=8 * n),
        last_inbound_at=now - timedelta(hours=8 * n),
    )


def _message(n: int, number: int, keeper: int, now: datetime) -> Message:
    words = LETTERS[n % len(LETTERS)][1]
    return Message(
        conversation_id=number,
        direction=(Direction.INBOUND, Direction.OUTBOUND, Direction.INBOUND, Direction.NOTE)[
            n % 4
        ],
        channel=ChannelKind.EMAIL,
        author_id=keeper if n % 2 else None,
        text=f"{words} {n}\n\nTrân trọng\n" * 6,
        visible_text=f"{words} {n}",
        created_at=now - timedelta(hours=n),
    )


def _files(session: Session, first: int, talks: int) -> None:
    rows = columns(Message)
    query = select(rows.id).where(rows.conversation_id.between(first, first + talks))
    some = session.execute(query.limit(FILES)).scalars().all()
    session.add_all(
        Blob(id=f"bench-{one}", sha256="", size_bytes=1, content=b"x") for one in some
    )
    session.flush()
    session.add_all(
        Attachment(
            message_id=one,
            blob_id=f"bench-{one}",
            filename=f"Hợp đồng {one}.pdf",
            content_type="application/pdf",
            size_bytes=1,
        )
        for one in some
    )
    session.flush()


async def main() -> None:
    """Print what the pages cost who looks after the account, and a supervisor."""
    async with sample_company() as (database, settings):
        account, person, middle = await database.write(fill)
        middle = middle.replace("+", "%2B")
        paths = {
            "account": (f"/accounts/{account}", b"Tr\xc3\xbac An", "<=8"),
            "account_older": (f"/accounts/{account}?after={middle}", b'rel="next"', "<=8"),
            "account_one_channel": (f"/accounts/{account}?only=email", b"#m-", "<=8"),
            "account_notes": (f"/accounts/{account}?only=notes", b"Ghi ch", "-"),
            "person": (f"/contacts/{person}", b"khach.example", "<=8"),
            "files": (f"/accounts/{account}/files", b"/files/bench-", "-"),
            "files_search": (f"/accounts/{account}/files?q=hop+dong+1", b"/files/bench-", "-"),
        }
        app = create_app(settings)
        async with app.lifespan():
            for role in ("agent", "supervisor"):
                email = f"{role}@demo.example"
                await database.write(sign_in, email)
                browser = Browser(app, f"kip={COOKIE}{email}")
                for name, (path, sign, goal) in paths.items():
                    await page_costs(browser, path, 10, sign)
                    costs = await page_costs(browser, path, PAGES, sign)
                    costs.tell(f"{name}_{role}", "cpu_ms/page", goal)
            bad = watch_plans(app.state.site.database, GROWING, sorts=False)
            for path, sign, _ in paths.values():
                await page_costs(browser, path, 1, sign)
            figure("account_scans", len(bad), "queries", "0")
            for plan in sorted(bad):
                print("#", plan)


if __name__ == "__main__":
    asyncio.run(main())
