"""What machines are told, and which machines."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from inbox.auth import hash_token
from models import Agent, ApiToken, RawMessage, RawState, Scope
from models.base import columns
from tests.web.scene import WRITE_TOKEN, Scene, address

ADMIN_TOKEN = "admin-token"


async def _ask(scene: Scene, path: str, host: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=scene.app, client=(host, 4711))  # type: ignore[arg-type]
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.get(path, headers=named)


@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("203.0.113.9", {}, 401),
        ("", {}, 401),
        ("127.0.0.1", {"x_forwarded_for": "203.0.113.9"}, 401),
        ("127.0.0.1", {"forwarded": "for=203.0.113.9"}, 401),
        ("203.0.113.9", {"authorization": f"Bearer {ADMIN_TOKEN}"}, 200),
        ("203.0.113.9", {"authorization": f"Bearer {WRITE_TOKEN}"}, 403),
        ("203.0.113.9", {"authorization": "Bearer nobody's"}, 401),
    ],
)
async def test_metrics_are_for_this_machine_and_for_admin_tokens(
    scene: Scene, host: str, headers: dict[str, str], status: int
) -> None:
    """F112."""

    def add_token(session: Session) -> None:
        agents = columns(Agent)
        found = select(agents.id).where(agents.email == address("viet"))
        session.add(
            ApiToken(
                name="prometheus",
                token_hash=hash_token(ADMIN_TOKEN),
                agent_id=session.execute(found).scalar_one(),
                scope=Scope.ADMIN,
                created_at=scene.clock.now,
            )
        )

    await scene.write(add_token)
    answer = await _ask(scene, "/metrics", host, **headers)
    assert answer.status_code == status
    assert ("kip_conversations_open" in answer.text) == (status == 200)


async def test_metrics_count_what_waits(scene: Scene) -> None:
    await scene.arrive()
    scene.worker_is_up = False
    await scene.arrive()
    await scene.arrive()
    (first, second, third) = await scene.all(RawMessage)
    assert first.state is RawState.DONE

    def hold(session: Session) -> None:
        session.get_one(RawMessage, third.id).state = RawState.QUARANTINED

    await scene.write(hold)
    scene.clock.now += timedelta(seconds=90)
    said = (await _ask(scene, "/metrics", "127.0.0.1")).text.splitlines()
    assert "kip_intake_pending 1" in said
    assert "kip_intake_lag_seconds 90" in said
    assert "kip_intake_quarantined 1" in said
    assert "kip_conversations_open 1" in said
    assert second.state is RawState.PENDING


async def test_ready_is_about_this_process_and_work_about_the_worker(scene: Scene) -> None:
    """F112: a web process without a worker still takes messages, so it stays in rotation."""
    await scene.write(
        lambda session: session.execute(update(RawMessage).values(state=RawState.DONE))
    )
    assert (await _ask(scene, "/health/ready?work=1", "203.0.113.9")).status_code == 200
    scene.worker_is_up = False
    await scene.arrive()
    scene.clock.now += timedelta(seconds=75)

    assert (await _ask(scene, "/health/ready", "203.0.113.9")).text == "ok"
    answer = await _ask(scene, "/health/ready?work=1", "203.0.113.9")
    assert answer.status_code == 503
    assert "taking in: nothing done for 75 s" in answer.text
