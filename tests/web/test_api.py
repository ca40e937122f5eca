"""REST with bearer tokens."""

import math
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.views.security import csrf_token
from models import ApiToken, Conversation, RawMessage
from models.base import columns
from tests.web.scene import (
    BASE,
    NOW,
    OUTSIDE_TOKEN,
    READ_TOKEN,
    WRITE_TOKEN,
    Scene,
    bearer,
    counted,
)
from tests.web.test_list import fill

tokens = columns(ApiToken)
URL = "/api/v1/conversations"
KEYS = """number subject channel status language contact request_type request_type_confidence
urgency urgency_confidence triage product_group asked_again team owner first_response_due_at
next_response_due_at resolution_due_at next_due_at promised_at waiting_until sla_state
created_at first_responded_at resolved_at""".split()
NEW = {"email": "an@vidu.example", "text": "Where is my parcel?", "subject": "Parcel 7"}


async def call(
    scene: Scene, method: str, url: str = URL, token: str = WRITE_TOKEN, **named: Any
) -> httpx.Response:
    """Call the API as a script does."""
    headers = {**bearer(token), **named.pop("headers", {})}
    return await scene.browser().client.request(method, url, headers=headers, **named)


def problem(answer: httpx.Response) -> dict[str, Any]:
    """Return the RFC 9457 problem of an answer."""
    assert answer.headers["content-type"].startswith("application/problem+json")
    body: dict[str, Any] = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["detail"]
    return body


async def test_without_a_token(scene: Scene) -> None:
    """401 with a problem and how to sign in; a cookie is no token."""
    browser = await scene.signed_in("viet")
    for headers in (
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer unknown"},
        {"authorization": f"Basic {READ_TOKEN}"},
        {"authorization": READ_TOKEN},
        {"x-csrftoken": csrf_token(scene.site, "a", "b")},
    ):
        for method in ("GET", "POST"):
            answer = await browser.client.request(method, URL, headers=headers, json=NEW)
            assert answer.status_code == 401, headers
            assert answer.headers["www-authenticate"] == "Bearer"
            problem(answer)
    assert await scene.all(RawMessage) == []


async def test_revoked_tokens(scene: Scene) -> None:
    """A revoked token is an unknown one; so is one of somebody who left."""

    def revoke(session: Session) -> None:
        query = update(ApiToken).where(tokens.name == READ_TOKEN)
        session.execute(query.values(revoked_at=NOW))

    await scene.write(revoke)
    assert (await call(scene, "GET", token=READ_TOKEN)).status_code == 401
    assert (await call(scene, "GET", token=WRITE_TOKEN)).status_code == 200


async def test_reading_tokens_do_not_write(scene: Scene) -> None:
    """Decision 5: the scope of a token is a limit on top of its person's role."""
    number = await scene.arrive()
    answer = await call(scene, "POST", token=READ_TOKEN, json=NEW)
    assert answer.status_code == 403
    problem(answer)
    put = f"{URL}/{number}/request-type"
    answer = await call(scene, "PUT", put, READ_TOKEN, json={"request_type": "general"})
    assert answer.status_code == 403
    assert (await scene.get(number)).request_type == "order_delivery"


async def test_a_conversations_form(scene: Scene) -> None:
    """Exactly these keys, with these kinds of value."""
    number = await scene.arrive(phone="0901 234 567")
    answer = (await call(scene, "GET", token=READ_TOKEN)).json()
    assert list(answer) == ["items", "next"]
    assert answer["next"] is None
    (item,) = answer["items"]
    assert list(item) == KEYS
    row = await scene.get(number)
    assert item["contact"] == {
        "name": "Chị Mai",
        "address": "khach@vidu.example",
        "tier": "standard",
    }
    assert item["number"] == number
    assert item["channel"] == "form"
    assert item["status"] == "open"
    assert item["language"] == "vi"
    assert item["request_type"] == "order_delivery"
    assert item["triage"] in ("auto", "needs_review")
    assert item["team"] == "Orders"
    assert item["owner"] == "binh@congty.example"
    assert item["sla_state"] == "on_time"
    assert item["created_at"] == "2026-11-24T03:00:00Z"
    assert row.next_due_at is not None
    assert item["next_due_at"] == row.next_due_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert item["first_responded_at"] is None
    one = (await call(scene, "GET", f"{URL}/{number}", READ_TOKEN)).json()
    assert list(one) == [*KEYS, "messages", "events", "merged_into", "merged"]
    assert {key: one[key] for key in KEYS} == item
    (message,) = one["messages"]
    assert message["direction"] == "inbound"
    assert message["text"] == "Đơn hàng của tôi chưa giao."
    assert [event["kind"] for event in one["events"]][:2] == ["received", "sorted"]
    scene.clock.now += timedelta(days=1)
    late = (await call(scene, "GET", f"{URL}/{number}", READ_TOKEN)).json()
    assert late["sla_state"] == "breached"


async def test_pages_in_the_agents_order(scene: Scene) -> None:
    """Each conversation once, in the list's order, whatever the size of a page."""
    made = await fill(scene, *({"due": 300 - n % 5, "urgency": "high"} for n in range(23)))
    await fill(scene, {"status": "resolved"})
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"status": "open", "limit": "5", **({"after": cursor} if cursor else {})}
        answer = (await call(scene, "GET", params=params)).json()
        assert len(answer["items"]) <= 5
        seen += [item["number"] for item in answer["items"]]
        cursor = answer["next"]
    assert sorted(seen) == made
    rows = {row.id: row for row in await scene.all(Conversation)}
    assert seen == sorted(seen, key=lambda n: (rows[n].order_at, rows[n].urgency_rank, n))
    assert len((await call(scene, "GET")).json()["items"]) == 24
    done = (await call(scene, "GET", params={"status": "resolved"})).json()
    assert len(done["items"]) == 1


async def test_no_query_per_item(scene: Scene) -> None:
    """Fifty items cost as many statements as one."""
    ran = []
    scene.site._company_until = math.inf
    for more in (1, 60):
        await fill(scene, *({} for _ in range(more)))
        await call(scene, "GET")
        with counted(scene.database) as statements:
            answer = await call(scene, "GET")
        assert len(answer.json()["items"]) == min(more, 50)
        ran.append(len(statements))
    assert ran[0] == ran[1]


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"status": "nonsense"}, 422),
        ({"limit": "0"}, 422),
        ({"limit": "201"}, 422),
        ({"limit": "-1"}, 422),
        ({"limit": "x"}, 422),
        ({"limit": "²"}, 422),
        ({"limit": "9" * 5000}, 422),
        ({"after": "x"}, 404),
        ({"after": "2026-11-24T03:00:00+00:00~2~" + "9" * 30}, 404),
        ({"limit": "200"}, 200),
    ],
)
async def test_odd_questions(scene: Scene, params: dict[str, str], status: int) -> None:
    """A question that cannot be answered says why."""
    answer = await call(scene, "GET", params=params)
    assert answer.status_code == status
    if status != 200:
        problem(answer)


async def test_filing(scene: Scene) -> None:
    """201 with the conversation and where it is; taken in like any other (F54)."""
    answer = await call(scene, "POST", json={**NEW, "name": "Mr An", "phone": "0901"})
    assert answer.status_code == 201
    body = answer.json()
    assert list(body) == [*KEYS, "messages", "events", "merged_into", "merged"]
    assert answer.headers["location"] == f"{BASE}{URL}/{body['number']}"
    assert body["channel"] == "api"
    assert body["contact"]["address"] == "an@vidu.example"
    assert body["promised_at"] is not None
    (row,) = await scene.all(Conversation)
    assert row.id == body["number"]


async def test_the_same_key_is_the_same_conversation(scene: Scene) -> None:
    """With an Idempotency-Key a repeated POST files nothing; without, it does."""
    headers = {"idempotency-key": "order-77"}
    first = await call(scene, "POST", json=NEW, headers=headers)
    second = await call(scene, "POST", json=NEW, headers=headers)
    assert first.json()["number"] == second.json()["number"]
    assert second.status_code == 201
    foreign = await call(scene, "POST", token=OUTSIDE_TOKEN, json=NEW, headers=headers)
    assert foreign.json()["number"] != first.json()["number"], "another's key is another key"
    await call(scene, "POST", json=NEW)
    await call(scene, "POST", json=NEW)
    assert len(await scene.all(Conversation)) == 4


async def test_filed_for_another_team(scene: Scene) -> None:
    """What was filed is answered for, even where it goes to a team that the token's is not."""
    answer = await call(scene, "POST", json={**NEW, "request_type": "account_access"})
    assert answer.status_code == 201
    assert answer.json()["team"] == "Technics"
    again = await call(scene, "GET", f"{URL}/{answer.json()['number']}")
    assert again.status_code == 404


async def test_stored_while_the_worker_is_away(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decision 18: 202 and a page to look at; the same key later finds it taken in."""
    monkeypatch.setattr("inbox.views.forms.WAIT_S", 0.05)
    scene.worker_is_up = False
    headers = {"idempotency-key": "k"}
    answer = await call(scene, "POST", json=NEW, headers=headers)
    assert answer.status_code == 202
    assert answer.json() == {"status": "stored"}
    where = answer.headers["location"]
    assert where.startswith(f"{BASE}/s/")
    assert (await scene.browser().get(where)).status_code == 200
    await scene.take_in.once()
    answer = await call(scene, "POST", json=NEW, headers=headers)
    assert answer.status_code == 201
    assert len(await scene.all(RawMessage)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"email": "a@b.example"}',
        b'{"email": "a@b.example", "text": 1}',
        b'{"email": "a@b.example", "text": "x", "owner": "binh@congty.example"}',
        b'{"email": "not an address", "text": "x"}',
        b'{"email": "a@b.example", "text": " "}',
        b'{"email": "a@b.example", "text": "x", "request_type": "nonsense"}',
        b'{"email": "a@b.example", "text": "\\ud800"}',
        b"[" * 100_000,
    ],
)
async def test_odd_bodies(scene: Scene, body: bytes) -> None:
    """R51: what is unknown, missing or wrong is 422 with a sentence, and nothing is stored."""
    answer = await call(scene, "POST", content=body)
    assert answer.status_code == 422
    problem(answer)
    assert await scene.all(RawMessage) == []


async def test_too_long_a_body(scene: Scene) -> None:
    """Decision 22: a text over 1 MB is 413 through the API too."""
    answer = await call(scene, "POST", json={**NEW, "text": "a" * 2_000_000})
    assert answer.status_code == 413
    problem(answer)
    answer = await call(scene, "POST", content=b" " * (13 * 1024 * 1024))
    assert answer.status_code == 413
    assert await scene.all(RawMessage) == []


async def test_correcting_the_type(scene: Scene) -> None:
    """F58: PUT moves it: type, policy, team, owner; the answer shows it."""
    number = await scene.arrive()
    url = f"{URL}/{number}/request-type"
    answer = await call(scene, "PUT", url, json={"request_type": "account_access"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["request_type"], body["triage"]) == ("account_access", "corrected")
    assert (body["team"], body["owner"]) == ("Technics", "dung@congty.example")
    assert body["promised_at"] == "2026-11-24T05:00:00Z", "never put off"
    assert (await scene.get(number)).team_id == await scene.team("Technics")
    # Now it is the other team's.
    assert (await call(scene, "PUT", url, json={"request_type": "general"})).status_code == 404


async def test_odd_corrections(scene: Scene) -> None:
    """422 for what is no type and for fields that are not there; 404 for unknown numbers."""
    number = await scene.arrive()
    url = f"{URL}/{number}/request-type"
    for body in ({"request_type": "nonsense"}, {}, {"request_type": "general", "x": 1}):
        answer = await call(scene, "PUT", url, json=body)
        assert answer.status_code == 422, body
        problem(answer)
    for odd in ("999", "0", "9" * 30, "-1"):
        answer = await call(scene, "GET", f"{URL}/{odd}")
        assert answer.status_code == 404
        problem(answer)
        put = f"{URL}/{odd}/request-type"
        answer = await call(scene, "PUT", put, json={"request_type": "general"})
        assert answer.status_code == 404
    assert (await scene.get(number)).request_type == "order_delivery"


async def test_unknown_addresses_and_methods(scene: Scene) -> None:
    """Problems, not pages, for everything under /api."""
    for method, url, status in (
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/api/", 404),
        ("DELETE", URL, 405),
        ("GET", f"{URL}/abc", 404),
    ):
        answer = await call(scene, method, url)
        assert answer.status_code == status, url
        problem(answer)
