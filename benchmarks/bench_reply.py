"""What sending an answer from a page costs the web process, and what keeping a draft does."""

import asyncio
import itertools

from litestar import Litestar
from sqlalchemy import select
from sqlmodel import Session

from benchmarks.bench_list import COOKIE, fill, sign_in
from benchmarks.company import Browser, sample_company
from benchmarks.measure import Costs
from inbox.app import create_app
from inbox.views.security import csrf_cookie, csrf_token, session_cookie
from models import Contact, ContactIdentity, Conversation, SLAClock
from models.base import columns

ROUNDS, WARM = 150, 15
EMAIL = "supervisor@demo.example"
conversations = columns(Conversation)


def answerable(session: Session) -> list[int]:
    """Return mails of the sample company that have clocks and an address."""
    query = (
        select(conversations.id)
        .join(Contact, columns(Contact).id == conversations.contact_id)
        .where(
            conversations.channel == "email",
            conversations.status == "open",
            columns(ContactIdentity).contact_id == conversations.contact_id,
            columns(ContactIdentity).kind == "email",
            columns(SLAClock).conversation_id == conversations.id,
        )
        .distinct()
    )
    return list(session.execute(query).scalars())


class Sender:
    """Posts forms as a browser does; what it costs is the product's work alone."""

    def __init__(self, app: Litestar) -> None:
        site = app.state.site
        session = f"{COOKIE}{EMAIL}"
        self._token = csrf_token(site, "bench", session)
        cookies = {session_cookie(site): session, csrf_cookie(site): "bench"}
        self._browser = Browser(
            app, "; ".join(f"{name}={value}" for name, value in cookies.items())
        )

    async def post(
        self, path: str, fields: dict[str, str], headers: dict[bytes, bytes], costs: Costs
    ) -> None:
        """Send one, and note what it costs."""
        costs.begin()
        sent = {"_csrf_token": self._token, **fields}
        status, body = await self._browser.post(path, sent, headers)
        costs.end()
        assert status < 400, body[:400]


async def main() -> None:
    """Print the median cost of an answer, with htmx and without, and of a draft's save."""
    async with sample_company() as (database, settings):
        await database.write(fill)
        numbers = await database.read(answerable)
        app = create_app(settings)
        async with app.lifespan():
            await database.write(sign_in, EMAIL)
            sender, keys = Sender(app), itertools.count()
            numbers_ = itertools.cycle(numbers)
            script = {b"accept": b"application/json"}
            ways: tuple[tuple[str, str, dict[bytes, bytes]], ...] = (
                ("draft", "drafts", script),
                ("reply", "messages", {}),
                ("reply_htmx", "messages", {b"hx-request": b"true"}),
            )
            for name, path, headers in ways:
                warm, costs = Costs(), Costs()
                for n in range(WARM + ROUNDS):
                    key = f"k{next(keys)}"
                    fields = {"kind": "reply", "body": "Dạ, mai giao ạ.", "key": key}
                    where = f"/inbox/{next(numbers_)}/{path}"
                    await sender.post(where, fields, headers, costs if n >= WARM else warm)
                costs.tell(name, "cpu_ms/request", "<=6")


if __name__ == "__main__":
    asyncio.run(main())
