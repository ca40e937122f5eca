"""What opening a conversation of 20 messages costs beside 100,000 open ones."""

import asyncio
from datetime import timedelta

from sqlalchemy import func, select, text
from sqlmodel import Session

from benchmarks.bench_list import COOKIE, fill, sign_in, watch_plans
from benchmarks.bench_reply import answerable
from benchmarks.company import Browser, page_costs, sample_company
from benchmarks.measure import figure
from inbox.app import create_app
from inbox.clock import utcnow
from models import Agent, Conversation, Direction, Message
from models.base import columns

MESSAGES = 20
MOST_MS = 6.0
PAGES = 300
SAID = (
    "Chị ơi, đơn ML-20689 giao thiếu một thùng ạ.",
    "Nhờ bên mình kiểm tra giúp, em cần trước thứ sáu.",
)
GROWING = ("conversations", "messages", "attachments", "events", "outbox", "notices")
PEOPLE = ("agent@demo.example", "supervisor@demo.example")
SHOWN = b'<article class="msg'
PARTS = {b"hx-request": b"true"}

agents = columns(Agent)
conversations = columns(Conversation)
messages = columns(Message)


def lengthen(session: Session) -> int:
    """Fill a conversation of the agent's up to ``MESSAGES``, and return its number."""
    keeper = session.execute(
        select(agents.id).where(agents.email == "agent@demo.example")
    ).scalar_one()
    number = answerable(session)[0]
    one = session.get_one(Conversation, number)
    one.owner_id = keeper
    there = session.execute(
        select(func.count()).where(messages.conversation_id == number)
    ).scalar_one()
    now = utcnow()
    for n in range(MESSAGES - there):
        ours = n % 2 == 0
        session.add(
            Message(
                conversation_id=number,
                direction=Direction.OUTBOUND if ours else Direction.INBOUND,
                channel=one.channel,
                author_id=keeper if ours else None,
                contact_id=None if ours else one.contact_id,
                sender_address="" if ours else "khach@khach.example",
                text="\n\n".join(SAID),
                visible_text="\n\n".join(SAID),
                created_at=now - timedelta(minutes=MESSAGES - n),
            )
        )
    session.execute(text("ANALYZE"))
    return number


async def main() -> None:
    """Print the cost of the whole page, of the pane that a row opens, and of a refresh."""
    async with sample_company() as (database, settings):
        await database.write(fill)
        number = await database.write(lengthen)
        app = create_app(settings)
        async with app.lifespan():
            for email in PEOPLE:
                await database.write(sign_in, email)
                cookie, who = f"kip={COOKIE}{email}", email.partition("@")[0]
                whole, part = Browser(app, cookie), Browser(app, cookie, PARTS)
                for name, browser, query in (
                    ("opened", part, ""),
                    ("refreshed", part, "?part=thread"),
                    ("page", whole, ""),
                ):
                    path = f"/inbox/{number}{query}"
                    await page_costs(browser, path, 10, SHOWN, MESSAGES)
                    costs = await page_costs(browser, path, PAGES, SHOWN, MESSAGES)
                    goal = f"<={MOST_MS:g}"
                    costs.tell(f"conversation_{name}_{who}", "cpu_ms/page", goal)
            bad = watch_plans(database, GROWING, sorts=False)
            await part.get(f"/inbox/{number}")
            figure("conversation_scans", len(bad), "queries", "0")
            for plan in sorted(bad):
                print(f"  {plan}")


if __name__ == "__main__":
    asyncio.run(main())
