"""A small company with two teams behind a real application, and browsers to visit it with."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
from litestar import Litestar
from sqlalchemy import event, select, update
from sqlmodel import Session

from inbox import auth
from inbox.channels.webform import Posted, pack
from inbox.company import installation
from inbox.db import Database
from inbox.loops import TakeIn
from inbox.queue import INTAKE
from inbox.staging import Arrival, stage
from inbox.store import sessions
from inbox.store.company import list_doors
from inbox.views.security import csrf_cookie, csrf_token, session_cookie
from inbox.views.site import Site
from models import (
    Agent,
    ApiToken,
    Calendar,
    ChannelKind,
    Company,
    Conversation,
    Role,
    Scope,
    Team,
    TeamMember,
)
from models.base import columns

T = TypeVar("T")

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)  # a Tuesday, 10:00 in Ho Chi Minh City
BASE = "http://testserver.example"
CHAT_KEY = "cua-hang"
SECRET = "a secret of the tests, long enough"
PASSWORD = "đúng mật khẩu 1"
READ_TOKEN, WRITE_TOKEN, OUTSIDE_TOKEN = "read-token", "write-token", "outside-token"
ORDERS_TYPES = ("order_delivery", "complaint", "return_refund", "product_advice", "general")
# key -> name, role, team; the address is key@congty.example
PEOPLE = {
    "binh": ("Trần Thanh Bình", Role.AGENT, "Orders"),
    "dung": ("Phạm Hùng Dũng", Role.AGENT, "Technics"),
    "ha": ("Lê Thu Hà", Role.SUPERVISOR, ""),
    "viet": ("Nguyễn Hoàng Việt", Role.ADMIN, ""),
}

agents = columns(Agent)
teams = columns(Team)
conversations = columns(Conversation)


def address(person: str) -> str:
    """Return the address somebody signs in with."""
    return f"{person}@congty.example"


def create_company(session: Session, password_hash: str) -> None:
    """Create the company: two teams with an agent each, a supervisor, an admin, tokens."""
    installation.create_company(session, "Công ty Ổn", "Asia/Ho_Chi_Minh", "en", NOW)
    session.flush()
    # The tests write from one place, more often than a person would.
    caps = {"caps": {"per_ip_an_hour": 1000, "strangers_an_hour": 1000}, "undo_send_s": 0}
    session.execute(update(Company).values(settings=caps))
    made = {name: Team(name=name) for name in ("Orders", "Technics")}
    staff = {
        key: Agent(
            email=address(key),
            name=name,
            role=role,
            password_hash=password_hash,
            language="en",
            open_cap=1000,
            created_at=NOW,
        )
        for key, (name, role, _) in PEOPLE.items()
    }
    spec = installation.office_hours(
        "Asia/Ho_Chi_Minh", [["08:00", "12:00"], ["13:00", "17:00"]], 5, []
    )
    hours = Calendar(name="Office hours", spec=spec, is_default=True)
    session.add_all([*made.values(), *staff.values(), hours])
    session.flush()
    for key, (_, _, team) in PEOPLE.items():
        if team:
            session.add(TeamMember(team_id=made[team].id, agent_id=staff[key].id))
    team_of = {
        key: made["Orders" if key in ORDERS_TYPES else "Technics"].id
        for key, _, _ in installation.STARTER_TYPES
    }
    installation.create_starter_types(session, hours.id, team_of)
    installation.create_doors(
        session, "help@congty.example", "support", team_of["general"], NOW, CHAT_KEY
    )
    for token, person, scope in (
        (READ_TOKEN, "binh", Scope.READ),
        (WRITE_TOKEN, "binh", Scope.WRITE),
        (OUTSIDE_TOKEN, "dung", Scope.WRITE),
    ):
        session.add(
            ApiToken(
                name=token,
                token_hash=auth.hash_token(token),
                agent_id=staff[person].id,
                scope=scope,
                created_at=NOW,
            )
        )


@dataclass(slots=True)
class Clock:
    """What time it is; a test may move it."""

    now: datetime = NOW


@dataclass(slots=True)
class Scene:
    """The running application with its database, its worker's take-in, and its clock."""

    app: Litestar
    site: Site
    take_in: TakeIn
    clock: Clock
    names: list[str] = field(default_factory=list)  # what was announced
    worker_is_up: bool = True
    _count: int = 0

    @property
    def database(self) -> Database:
        """The application's database."""
        return self.site.database

    async def announce(self, names: list[str]) -> None:
        """Stand where Redis stands: write the names down and let the worker hear its bell."""
        self.names += names
        if INTAKE in names and self.worker_is_up:
            while await self.take_in.once():
                pass

    async def write(self, work: Callable[..., T], *args: Any, **named: Any) -> T:
        """Run ``work(session, ...)`` and commit it."""
        return await self.database.write(work, *args, **named)

    async def all(self, table: type[T], *conditions: Any) -> list[T]:
        """Return a table's rows."""

        def load(session: Session) -> list[T]:
            rows = columns(table)  # type: ignore[arg-type]
            key = next(iter(rows))
            found = session.execute(select(table).where(*conditions).order_by(key))
            return list(found.scalars())

        return await self.database.read(load)

    async def get(self, number: int) -> Conversation:
        """Return a conversation as it is in the database."""
        (found,) = await self.all(Conversation, conversations.id == number)
        return found

    async def change(self, number: int, **values: Any) -> None:
        """Change a conversation's columns behind the application's back."""

        def work(session: Session) -> None:
            query = update(Conversation).where(conversations.id == number)
            session.execute(query.values(**values))

        await self.write(work)

    async def agent(self, person: str) -> Agent:
        """Return somebody's row."""
        (found,) = await self.all(Agent, agents.email == address(person))
        return found

    async def team(self, name: str) -> int:
        """Return a team's id."""
        (found,) = await self.all(Team, teams.name == name)
        return found.id

    async def arrive(
        self,
        text: str = "Đơn hàng của tôi chưa giao.",
        *,
        subject: str = "Đơn 1234",
        email: str = "khach@vidu.example",
        name: str = "Chị Mai",
        request_type: str = "order_delivery",
        **more: Any,
    ) -> int:
        """Let a message come in by the form; return its conversation's number (0: it waits)."""
        self._count += 1
        posted = Posted(
            name=name,
            email=email,
            subject=subject,
            body=text,
            request_type=request_type,
            **more,
        )
        key = f"test:{self._count}"

        def work(session: Session) -> int:
            door = list_doors(session, ChannelKind.FORM)[0]
            token = auth.random_token()
            arrival = Arrival(door.id, ChannelKind.FORM, key, pack(posted), {}, token)
            return stage(session, arrival, self.clock.now).id

        await self.write(work)
        newest = (await self.all(Conversation))[-1:]
        return newest[0].id if newest else 0

    def browser(self, language: str = "en") -> "Browser":
        """Open a fresh browser; closed with the scene's event loop."""
        transport = httpx.ASGITransport(app=self.app)  # type: ignore[arg-type]
        client = httpx.AsyncClient(
            transport=transport,
            base_url=self.site.settings.base_url,
            headers={"accept-language": language},
        )
        return Browser(self, client)

    async def signed_in(self, person: str, language: str = "en") -> "Browser":
        """Open a browser in which somebody has signed in."""
        browser = self.browser(language)
        token = auth.random_token()
        agent = await self.agent(person)
        await self.write(
            sessions.open_session,
            auth.hash_token(token),
            agent.id,
            epoch=agent.epoch,
            now=self.clock.now,
        )
        browser.client.cookies.set(session_cookie(self.site), token)
        return browser


class Browser:
    """A browser: keeps cookies and sends each form with its page's token."""

    def __init__(self, scene: Scene, client: httpx.AsyncClient) -> None:
        self.scene = scene
        self.client = client
        client.cookies.set(csrf_cookie(scene.site), "cookie-of-this-browser")

    @property
    def form_token(self) -> str:
        """The token that our pages put into this browser's forms."""
        site = self.scene.site
        jar = {cookie.name: cookie.value or "" for cookie in self.client.cookies.jar}
        return csrf_token(site, jar[csrf_cookie(site)], jar.get(session_cookie(site), ""))

    async def get(self, path: str, *, htmx: bool = False, **named: Any) -> httpx.Response:
        """Follow a link."""
        headers = {**named.pop("headers", {}), **({"hx-request": "true"} if htmx else {})}
        return await self.client.get(path, headers=headers, **named)

    async def post(
        self,
        path: str,
        data: dict[str, Any] | None = None,
        *,
        htmx: bool = False,
        **named: Any,
    ) -> httpx.Response:
        """Send a form of ours."""
        headers = {**named.pop("headers", {}), **({"hx-request": "true"} if htmx else {})}
        headers.setdefault("origin", self.scene.site.settings.base_url)
        fields = {"_csrf_token": self.form_token, **(data or {})}
        return await self.client.post(path, data=fields, headers=headers, **named)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the statements that run meanwhile."""
    ran: list[str] = []
    here = database.engine if database.is_sqlite else database.async_engine.sync_engine

    def write_down(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        ran.append(statement)

    event.listen(here, "before_cursor_execute", write_down)
    try:
        yield ran
    finally:
        event.remove(here, "before_cursor_execute", write_down)


def hidden(html: str, name: str) -> str:
    """Return a hidden field's value."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, f"no field {name}"
    return found[1]


def bearer(token: str) -> dict[str, str]:
    """Return the header that a script signs in with."""
    return {"authorization": f"Bearer {token}"}
