"""What machines are told, and which machines."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, update
from sqlmodel import Session

from inbox.auth import hash_token
from inbox.operations.probes import _check_content
from inbox.store.health import record_backup
from models import (
    Agent,
    ApiToken,
    ChannelKind,
    Inbox,
    Mailbox,
    MailboxTls,
    MailSender,
    Messenger,
    RawMessage,
    RawState,
    Scope,
    SenderAuth,
    Webhook,
)
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


async def test_a_mailbox_and_a_sending_server_that_fail_are_named(scene: Scene) -> None:
    """F112: to whoever may see the numbers; anybody else is told how many."""

    def trouble(session: Session) -> None:
        past = scene.clock.now - timedelta(hours=2)
        door = session.execute(
            select(Inbox).where(columns(Inbox).kind == ChannelKind.EMAIL).limit(1)
        ).scalar_one()
        values = {"inbox_id": door.id, "port": 1, "created_at": past, "last_error": "No."}
        session.add(
            MailSender(
                host="smtp.congty.example",
                tls=MailboxTls.TLS,
                auth=SenderAuth.NONE,
                failing_since=scene.clock.now,
                **values,
            )
        )

    await scene.write(trouble)
    assert (await _ask(scene, "/health/ready?work=1", "127.0.0.1")).text == "ok"
    assert "kip_senders_failing 1" in (await _ask(scene, "/metrics", "127.0.0.1")).text
    scene.clock.now += timedelta(seconds=61)

    ours = await _ask(scene, "/health/ready?work=1", "127.0.0.1")
    others = await _ask(scene, "/health/ready?work=1", "203.0.113.9")
    (door,) = [one for one in await scene.all(Inbox) if one.kind is ChannelKind.EMAIL]
    assert (ours.status_code, others.status_code) == (503, 503)
    assert ours.text == f"sending server failing: {door.handle}\n"
    assert others.text == "sending server failing: 1\n"
    assert (await _ask(scene, "/health/ready", "127.0.0.1")).text == "ok"

    admin = await scene.signed_in("viet")
    page = (await admin.get("/settings/health")).text
    assert f"Sending server of {door.handle}" in page
    assert "It takes no mail since" in page
    assert f'href="/settings/inboxes/{door.id}/sending"' in page
    found = await scene.write(_check_content)
    assert [one.text for one in found if one.name == "own server"] == [f"{door.handle}: No."]


async def test_the_health_page_says_what_an_administrator_asks(scene: Scene) -> None:
    """F112: mailbox, queue, lag of clocks, model version, last backup."""
    admin = await scene.signed_in("viet")
    await scene.arrive()
    page = (await admin.get("/settings/health")).text
    assert "Everything works." not in page, "there is no Redis in this test"
    assert "Redis does not answer." in page
    assert "0 are waiting to be taken in." in page
    assert "None was made yet." in page
    assert "1 need attention." in page

    def trouble(session: Session) -> None:
        door = session.execute(
            select(Inbox).where(columns(Inbox).kind == ChannelKind.EMAIL).limit(1)
        ).scalar_one()
        past = scene.clock.now - timedelta(hours=2)
        session.add(
            Mailbox(
                inbox_id=door.id,
                host="imap.congty.example",
                port=993,
                tls=MailboxTls.TLS,
                username="support",
                password="sealed",
                since=past,
                created_at=past,
                next_at=past,
                leased_until=past,
                failing_since=past,
                last_error="They do not know the password.",
            )
        )
        record_backup(session, scene.clock.now - timedelta(hours=3))

    await scene.write(trouble)
    scene.worker_is_up = False
    await scene.arrive()
    scene.clock.now += timedelta(minutes=26)
    page = (await admin.get("/settings/health")).text
    assert "They do not know the password." in page
    assert "1 are waiting to be taken in. Nothing was done for 26 min." in page
    assert "None was made yet." not in page
    wrong = page.count("health-wrong")
    assert wrong >= 3  # Redis, the mailbox, taking in; sending and clocks need the worker too
    assert f"{wrong} need attention." in page

    # The session has a language; the address overrides it.
    page = (await admin.get("/settings/health?lang=vi")).text
    assert "1 tin đang chờ tiếp nhận. Không có gì được xử lý trong 26 phút." in page


async def test_the_health_page_names_a_webhook_and_a_messenger_that_fail(
    scene: Scene,
) -> None:
    """F112: whoever looks after the installation sees what does not arrive, and where to go."""

    def set_up(session: Session) -> tuple[int, int]:
        since = scene.clock.now - timedelta(hours=2)
        hook = Webhook(
            name="ERP",
            url="https://erp.example/kip",
            secret="sealed",
            failing_since=since,
            failures=4,
            last_error="503",
            created_at=since,
        )
        quiet = Webhook(name="Sổ", url="https://so.example/", secret="sealed", created_at=since)
        door = Inbox(
            kind=ChannelKind.ZALO, handle="zalo-key", name="Cửa hàng", created_at=since
        )
        session.add_all([hook, quiet, door])
        session.flush()
        session.add(
            Messenger(
                inbox_id=door.id,
                connected_at=since,
                failing_since=since,
                last_error="Access was taken back.",
                created_at=since,
            )
        )
        return hook.id, door.id

    hook_id, door_id = await scene.write(set_up)
    page = (await (await scene.signed_in("viet")).get("/settings/health")).text
    assert "Webhook ERP" in page
    assert "Nothing has arrived since" in page
    assert f'href="/settings/webhooks/{hook_id}"' in page
    assert "Zalo · Cửa hàng" in page
    assert "Access was taken back." in page
    assert f'href="/settings/inboxes/{door_id}"' in page
    assert "Webhook Sổ" in page
    assert "Nothing was sent yet" in page
