"""What sending an answer from a page costs the web process, and what keeping a draft does."""

import asyncio
import itertools
import statistics
import time
from urllib.parse import urlencode

import httpx
from litestar import Litestar
from sqlalchemy import select
from sqlmodel import Session

from benchmarks.bench_list import COOKIE, fill, sign_in
from benchmarks.company import sample_company
from benchmarks.measure import figure, loop_ms
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
    """Posts forms as htmx does."""

    def __init__(self, app: Litestar) -> None:
        site = app.state.site
        session = f"{COOKIE}{EMAIL}"
        self._token = csrf_token(site, "bench", session)
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),  # type: ignore[arg-type]
            base_url=site.settings.base_url,
            cookies={session_cookie(site): session, csrf_cookie(site): "bench"},
            headers={"content-type": "application/x-www-form-urlencoded"},
        )

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> float:
        """Return the processor time of one request in milliseconds."""
        body = urlencode({"_csrf_token": self._token, **fields})
        start = time.process_time()
        answer = await self._client.post(path, content=body, headers=headers)
        took = (time.process_time() - start) * 1000
        assert answer.status_code < 400, answer.text[:400]
        return took


async def main() -> None:
    """Print the median cost of an answer, with htmx and without, and of a draft's save."""
    figure("python_loop", loop_ms(), "cpu_ms")
    async with sample_company() as (database, settings):
        await database.write(fill)
        numbers = await database.read(answerable)
        app = create_app(settings)
        async with app.lifespan():
            await database.write(sign_in, EMAIL)
            sender, keys = Sender(app), itertools.count()
            numbers_ = itertools.cycle(numbers)
            script = {"accept": "application/json"}
            ways: tuple[tuple[str, str, dict[str, str]], ...] = (
                ("draft", "drafts", script),
                ("reply", "messages", {}),
                ("reply_htmx", "messages", {"hx-request": "true"}),
            )
            for name, path, headers in ways:
                took = []
                for _ in range(WARM + ROUNDS):
                    key = f"k{next(keys)}"
                    fields = {"kind": "reply", "body": "Dạ, mai giao ạ.", "key": key}
                    where = f"/inbox/{next(numbers_)}/{path}"
                    took.append(await sender.post(where, fields, **headers))
                value = statistics.median(took[WARM:])
                figure(name, value, "cpu_ms/request", "<=6")


if __name__ == "__main__":
    asyncio.run(main())
