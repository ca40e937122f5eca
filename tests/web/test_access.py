"""Who may open and do what; made from the list of routes, so that none is forgotten."""

import re
from datetime import timedelta

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler

from inbox.channels.messengers.providers import PROVIDERS
from inbox.views.routes import ROUTES
from inbox.views.security import session_cookie
from tests.web.access import (
    ACCOUNTS,
    ADMINS,
    AGENTS,
    LOGIN,
    OPEN,
    PREPARED,
    SETTINGS,
    SUPERVISORS,
    Row,
)
from tests.web.scene import OUTSIDE_TOKEN, READ_TOKEN, WRITE_TOKEN, Scene, bearer
from tests.web.things import Things, make_things

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
AT_THE_DOOR = {LOGIN, 401, 403}  # told before anything is looked at


TABLE = {
    **PREPARED,
    **SETTINGS,
    **ACCOUNTS,
    "GET /": Row(LOGIN, 303, 303, 303, 303),
    "GET /login": Row(200, 303, 303, 303, 303),
    "POST /login": Row(422, 422, 422, 422, 422),
    "POST /logout": Row(303, 303, 303, 303, 303),
    "POST /me/on-duty": Row(LOGIN, 303, 303, 303, 303, body={"on_duty": "1"}),
    "GET /setup": Row(404, 404, 404, 404, 404),
    "POST /setup": Row(422, 422, 422, 422, 422),
    "GET /forgot": OPEN,
    "POST /forgot": Row(303, 303, 303, 303, 303, body={"email": "no address"}),
    "GET /reset/{token}": Row(404, 404, 404, 404, 404),  # no such link
    "POST /reset/{token}": Row(404, 404, 404, 404, 404, body={"password": "ten letters"}),
    "GET /join/{token}": Row(404, 404, 404, 404, 404),
    "POST /join/{token}": Row(404, 404, 404, 404, 404, body={"password": "ten letters"}),
    "GET /me": AGENTS,
    "POST /me": Row(LOGIN, 303, 303, 303, 303, body={"name": "Ai", "language": "en"}),
    "POST /me/switches": Row(LOGIN, 303, 303, 303, 303, body={"theme": "dark"}),
    "POST /me/signature": Row(LOGIN, 303, 303, 303, 303, body={"signature": "An"}),
    "POST /me/password": Row(LOGIN, 422, 422, 422, 422, body={"old": "x", "password": "short"}),
    "GET /me/calendar": AGENTS,
    "POST /me/calendar/feed": Row(LOGIN, 200, 200, 200, 200),
    "POST /me/calendar/feed/removal": Row(LOGIN, 303, 303, 303, 303),
    "POST /me/calendar/own": Row(LOGIN, 422, 422, 422, 422),  # no address
    "POST /me/calendar/own/removal": Row(LOGIN, 303, 303, 303, 303),
    "GET /calendar/{token}": Row(404, 404, 404, 404, 404),  # nobody's
    "GET /inbox": AGENTS,
    "GET /search": AGENTS,
    "GET /palette": AGENTS,
    "GET /inbox/new": AGENTS,
    "POST /inbox/new": Row(LOGIN, 422, 422, 422, 422),  # to nobody
    "GET /inbox/{number}/call": Row(LOGIN, 200, 404, 200, 200),
    "POST /inbox/{number}/calls": Row(
        LOGIN, 303, 404, 303, 303, body={"direction": "outbound", "outcome": "answered"}
    ),
    "GET /calls/new": AGENTS,
    "POST /calls": Row(LOGIN, 422, 422, 422, 422),  # says nothing
    "GET /inbox/{number}": Row(LOGIN, 200, 404, 200, 200),
    "GET /inbox/{number}/messages/{message_id}/html": Row(LOGIN, 200, 404, 200, 200),
    "POST /inbox/{number}/messages": Row(
        LOGIN, 303, 404, 303, 303, body={"body": "Vâng ạ.", "kind": "reply"}
    ),
    "POST /inbox/{number}/messages/{message_id}/undo": Row(LOGIN, 404, 404, 404, 404),
    "POST /inbox/{number}/planned/{planned_id}": Row(LOGIN, 404, 404, 404, 404),
    "POST /inbox/{number}/drafts": Row(
        LOGIN, 303, 404, 303, 303, body={"body": "Vâng", "kind": "reply"}
    ),
    "POST /inbox/{number}/files": Row(LOGIN, 201, 404, 201, 201),
    "GET /inbox/{number}/people": Row(LOGIN, 200, 404, 200, 200),
    "GET /inbox/{number}/forward": Row(LOGIN, 200, 404, 200, 200),
    "POST /inbox/{number}/forward": Row(
        LOGIN, 303, 404, 303, 303, body={"to": "xuong@hang.example", "body": "Nhờ xem."}
    ),
    "POST /inbox/{number}/claim": Row(LOGIN, 303, 404, 303, 303),
    "POST /inbox/{number}/owner": Row(LOGIN, 303, 404, 303, 303, body={"owner": "0"}),
    "POST /inbox/{number}/resolution": Row(
        LOGIN, 303, 404, 303, 303, body={"reason": "duplicate"}
    ),
    "POST /here": Row(LOGIN, 422, 422, 422, 422),  # nowhere
    "GET /here": AGENTS,
    "POST /inbox/{number}/tags": Row(LOGIN, 422, 404, 422, 422),  # no name
    "POST /inbox/{number}/tags/removal": Row(LOGIN, 422, 404, 422, 422),
    "POST /inbox/{number}/following": Row(LOGIN, 303, 404, 303, 303),
    "POST /inbox/{number}/following/undo": Row(LOGIN, 303, 404, 303, 303),
    "POST /inbox/{number}/fields": Row(LOGIN, 422, 404, 422, 422, body={"field": "9"}),
    "GET /views/list.csv": AGENTS,
    "GET /views": AGENTS,
    "POST /views": Row(LOGIN, 422, 422, 422, 422),  # no name
    "POST /views/{view_id}/removal": Row(LOGIN, 404, 404, 404, 404),  # no such view
    "POST /views/{view_id}/first": Row(LOGIN, 404, 404, 404, 404),
    "POST /inbox/bulk": Row(LOGIN, 422, 422, 422, 422),  # nothing is chosen
    "POST /inbox/undo/{deed_id}": Row(LOGIN, 404, 404, 404, 404),  # nothing was done
    "GET /waiting": Row(LOGIN, 200, 200, 200, 200),
    "POST /inbox/{number}/wait": Row(LOGIN, 303, 404, 303, 303),
    "POST /inbox/{number}/wait/undo": Row(LOGIN, 409, 404, 409, 409),
    "POST /inbox/{number}/snooze": Row(LOGIN, 422, 404, 422, 422),
    "POST /inbox/{number}/resolution/undo": Row(LOGIN, 409, 404, 409, 409),
    "POST /inbox/{number}/request-type": Row(
        LOGIN, 303, 404, 303, 303, body={"request_type": "complaint"}
    ),
    "POST /inbox/{number}/urgency": Row(LOGIN, 303, 404, 303, 303, body={"urgency": "high"}),
    "POST /inbox/{number}/tier": Row(LOGIN, 303, 404, 303, 303, body={"value": "vip"}),
    "POST /inbox/{number}/product-group": Row(LOGIN, 303, 404, 303, 303, body={"value": "x"}),
    "POST /inbox/{number}/agreement": Row(LOGIN, 303, 404, 303, 303),
    "POST /inbox/{number}/merge": Row(LOGIN, 404, 404, 404, 404, body={"other": "1"}),
    "POST /inbox/{number}/merge/dismissal": Row(LOGIN, 404, 404, 404, 404, body={"other": "1"}),
    "POST /inbox/{number}/merge/undo": Row(LOGIN, 409, 404, 409, 409),  # it is on its own
    "POST /inbox/{number}/draft": Row(LOGIN, 404, 404, 404, 404),  # of no request
    "POST /chat/{key}/files": Row(404, 404, 404, 404, 404),  # no such key
    "GET /chat/{key}/files/{blob_id}": Row(404, 404, 404, 404, 404),
    "POST /inbox/{number}/mails/{mail_id}/retry": Row(
        LOGIN, 404, 404, 404, 404
    ),  # no such mail
    "POST /inbox/{number}/mails/{mail_id}/cancel": Row(LOGIN, 404, 404, 404, 404),
    "POST /inbox/{number}/address": Row(  # it is not marked
        LOGIN, 409, 404, 409, 409, body={"address": "a@b.example", "reason": "phoned"}
    ),
    "POST /inbox/{number}/thanks/undo": Row(LOGIN, 409, 404, 409, 409),  # nobody thanked
    "POST /inbox/{number}/spam": Row(LOGIN, 303, 404, 303, 303),
    "POST /inbox/{number}/spam/undo": Row(LOGIN, 409, 404, 409, 409),  # it is none
    "POST /inbox/{number}/proposal": Row(LOGIN, 409, 404, 409, 409),  # nothing is proposed
    "POST /inbox/{number}/proposal/dismissal": Row(LOGIN, 409, 404, 409, 409),
    "GET /inbox/{number}/split": Row(LOGIN, 200, 404, 200, 200),
    "POST /inbox/{number}/split": Row(LOGIN, 422, 404, 422, 422),  # no such message
    "POST /inbox/{number}/split/undo": Row(LOGIN, 409, 404, 409, 409),  # it was not
    "GET /inbox/{number}/block": Row(LOGIN, 200, 404, 200, 200),
    "POST /inbox/{number}/block": Row(  # the same sender again
        LOGIN, 303, 404, 409, 409, body={"kind": "address"}
    ),
    "GET /apart": AGENTS,
    "GET /products": AGENTS,
    "GET /reports/products": SUPERVISORS,
    "GET /reports/satisfaction": SUPERVISORS,
    "POST /reports/satisfaction": Row(LOGIN, 403, 403, 303, 303, body={"after_hours": "24"}),
    "GET /asks": AGENTS,
    "GET /inbox/{number}/asks": Row(LOGIN, 200, 404, 200, 200),
    "POST /inbox/{number}/asks": Row(LOGIN, 422, 404, 422, 422),  # no question
    "GET /inbox/{number}/passing": Row(LOGIN, 200, 404, 200, 200),
    "POST /inbox/{number}/passing": Row(LOGIN, 422, 404, 422, 422),  # no reason
    # It is asked of the outsider's team, about another conversation of those inside.
    "GET /asks/{ask_id}": AGENTS,
    "POST /asks/{ask_id}/answer": Row(
        LOGIN, 409, 303, 303, 303, body={"answer": "Two years, also for the battery."}
    ),
    "POST /asks/{ask_id}/taking": Row(LOGIN, 409, 303, 303, 303),
    "POST /asks/{ask_id}/withdrawal": Row(LOGIN, 303, 404, 303, 303),
    "GET /notices": AGENTS,
    "POST /notices/{notice_id}/taking": Row(LOGIN, 404, 404, 404, 404),  # nobody's
    "POST /inbox/{number}/taking": Row(LOGIN, 303, 404, 303, 303),
    "GET /notices/open/{token}": Row(404, 404, 404, 404, 404),  # not signed
    "POST /notices/open/{token}": Row(404, 404, 404, 404, 404),  # not signed
    "GET /me/absences": AGENTS,
    "POST /me/absences": Row(LOGIN, 422, 422, 422, 422),  # no times
    "GET /me/shifts": AGENTS,
    "POST /me/shifts": Row(LOGIN, 422, 422, 422, 422),  # to nobody
    # It is offered to the outsider, by one inside.
    "POST /me/shifts/{swap_id}/acceptance": Row(LOGIN, 404, 303, 404, 404),
    "POST /me/shifts/{swap_id}/refusal": Row(LOGIN, 404, 303, 404, 404),
    "POST /me/shifts/{swap_id}/withdrawal": Row(LOGIN, 303, 404, 404, 404),
    "POST /me/covered": Row(LOGIN, 303, 303, 303, 303),
    "POST /absences/{absence_id}": Row(LOGIN, 422, 422, 422, 422),
    "POST /absences/{absence_id}/end": Row(LOGIN, 403, 403, 303, 303),  # a supervisor's
    "GET /me/alerts": AGENTS,
    "POST /me/alerts": Row(LOGIN, 303, 303, 303, 303, body={"mail": "1"}),
    "POST /me/alerts/browsers": Row(LOGIN, 422, 422, 422, 422),  # says nothing of itself
    "POST /me/alerts/browsers/{browser_id}/test": Row(LOGIN, 404, 404, 404, 404),  # nobody's
    "POST /me/alerts/browsers/{browser_id}/removal": Row(LOGIN, 404, 404, 404, 404),
    "POST /me/alerts/telegram": Row(LOGIN, 409, 409, 409, 409),  # no bot
    "POST /me/alerts/telegram/removal": Row(LOGIN, 303, 303, 303, 303),
    "GET /contacts/{contact_id}/privacy": ADMINS,
    "POST /contacts/{contact_id}/export": Row(LOGIN, 403, 403, 403, 303),
    "GET /exports/{export_id}": Row(LOGIN, 403, 403, 403, 404),  # none is made
    "POST /contacts/{contact_id}/erasure": ADMINS,  # counts
    "POST /contacts/{contact_id}/restriction": Row(LOGIN, 403, 403, 403, 409),  # none to lift
    "POST /contacts/{contact_id}/holds": Row(LOGIN, 403, 403, 403, 422),  # no reason
    "POST /holds/{hold_id}/removal": Row(LOGIN, 403, 403, 403, 409),  # none
    "GET /review": SUPERVISORS,
    "POST /review/{number}": Row(LOGIN, 403, 403, 303, 303, body={"skip": "1"}),
    "POST /review/undo": Row(LOGIN, 403, 403, 303, 303),
    "GET /review/{number}/outcome": SUPERVISORS,
    "GET /now": SUPERVISORS,
    "GET /now/list": SUPERVISORS,
    "GET /reports": Row(LOGIN, 403, 403, 303, 303),
    "GET /reports/forgotten": SUPERVISORS,
    "GET /reports/sla": SUPERVISORS,
    "GET /reports/sla.csv": SUPERVISORS,
    "GET /reports/sla/list": SUPERVISORS,
    "GET /reports/sla/list.csv": SUPERVISORS,
    "GET /settings": Row(LOGIN, 403, 403, 303, 303),
    "GET /dates": AGENTS,
    "GET /accounts/silent": AGENTS,
    "GET /accounts/{account_id}/dates": Row(LOGIN, 200, 404, 200, 200),
    "POST /accounts/{account_id}/milestones": Row(LOGIN, 422, 404, 422, 422),  # no title
    "POST /accounts/{account_id}/reminders": Row(LOGIN, 422, 404, 422, 422),  # no time
    "GET /inbox/{number}/dates": Row(LOGIN, 200, 404, 200, 200),
    "POST /inbox/{number}/milestones": Row(LOGIN, 422, 404, 422, 422),
    "POST /inbox/{number}/reminders": Row(LOGIN, 422, 404, 422, 422),
    "GET /milestones/{milestone_id}": Row(LOGIN, 200, 404, 200, 200),
    "POST /milestones/{milestone_id}": Row(LOGIN, 422, 404, 422, 422),
    "POST /milestones/{milestone_id}/state": Row(LOGIN, 303, 404, 303, 303),
    "POST /reminders/{reminder_id}/end": Row(LOGIN, 404, 404, 404, 404),  # none of theirs
    "GET /accounts/{account_id}": Row(LOGIN, 200, 404, 200, 200),
    "POST /accounts/{account_id}/notes": Row(LOGIN, 303, 404, 303, 303, body={"text": "x"}),
    "POST /accounts/notes/{note_id}/removal": Row(LOGIN, 404, 404, 303, 303),  # another's
    "GET /accounts/{account_id}/files": Row(LOGIN, 200, 404, 200, 200),
    "POST /accounts/{account_id}/files": Row(LOGIN, 422, 404, 422, 422),  # no file
    "POST /accounts/files/{file_id}/removal": Row(LOGIN, 404, 404, 303, 303),
    "GET /accounts/import": SUPERVISORS,
    "POST /accounts/import": Row(LOGIN, 403, 403, 422, 422),  # no file
    "GET /accounts/import/{import_id}": Row(LOGIN, 403, 403, 404, 404),
    "GET /accounts/import/{import_id}/wrong.csv": Row(LOGIN, 403, 403, 404, 404),
    "POST /accounts/import/{import_id}/start": Row(LOGIN, 403, 403, 404, 404),
    "POST /accounts/import/{import_id}/removal": Row(LOGIN, 403, 403, 404, 404),
    "GET /accounts/export.csv": SUPERVISORS,
    "GET /contacts/{contact_id}": Row(LOGIN, 200, 404, 200, 200),
    "POST /contacts/{contact_id}/notes": Row(LOGIN, 303, 404, 303, 303, body={"text": "x"}),
    "GET /contacts/{contact_id}/files": Row(LOGIN, 200, 404, 200, 200),
    "POST /contacts/{contact_id}/files": Row(LOGIN, 422, 404, 422, 422),
    "GET /files/{blob_id}": Row(LOGIN, 200, 404, 200, 200),
    "GET /demo/mail": Row(LOGIN, 404, 404, 404, 404),  # no demo
    "GET /demo/mail.json": Row(404, 404, 404, 404, 404),
    "GET /demo/shop": Row(404, 404, 404, 404, 404),
    "GET /live": Row(LOGIN, 204, 204, 204, 204),  # no Redis
    "GET /f/{slug}": OPEN,
    "POST /f/{slug}": Row(403, 403, 403, 403, 403, body={"body": "x", "email": "a@b.example"}),
    **{
        f"{method} /hooks/{kind}/{{key}}": Row(404, 404, 404, 404, 404)  # none there
        for method in ("GET", "POST")
        for kind in PROVIDERS
    },
    "POST /hooks/phone/{key}": Row(404, 404, 404, 404, 404),  # none there
    "POST /hooks/generic/{key}": Row(404, 404, 404, 404, 404),  # none there
    "GET /s/{token}": OPEN,
    "GET /s/{token}/rating": OPEN,
    "POST /s/{token}/rating": Row(403, 403, 403, 403, 403, body={"score": "good"}),
    "POST /s/{token}/messages": Row(403, 403, 403, 403, 403, body={"body": "x"}),
    "GET /api/v1/conversations": Row(401, 401, 401, 401, 401, 200, 200),
    "GET /api/v1/conversations/{number}": Row(401, 401, 401, 401, 401, 200, 200),
    "POST /api/v1/conversations": Row(
        401, 401, 401, 401, 401, 403, 201, {"email": "a@b.example", "text": "x"}
    ),
    "PUT /api/v1/conversations/{number}/request-type": Row(
        401, 401, 401, 401, 401, 403, 200, {"request_type": "complaint"}
    ),
    "PUT /api/v1/conversations/{number}/urgency": Row(
        401, 401, 401, 401, 401, 403, 200, {"urgency": "high"}
    ),
    "PUT /api/v1/conversations/{number}/tier": Row(
        401, 401, 401, 401, 401, 403, 200, {"tier": "vip"}
    ),
    "PUT /api/v1/conversations/{number}/product-group": Row(
        401, 401, 401, 401, 401, 403, 200, {"product_group": "Beds"}
    ),
    "PUT /api/v1/conversations/{number}/owner": Row(
        401, 401, 401, 401, 401, 403, 200, {"owner": None}
    ),
    "PUT /api/v1/conversations/{number}/status": Row(
        401, 401, 401, 401, 401, 403, 200, {"status": "resolved", "reason": "spam"}
    ),
    "POST /api/v1/conversations/{number}/merge": Row(
        401, 401, 401, 401, 401, 403, 404, {"other": 1}
    ),
    "DELETE /api/v1/conversations/{number}/merge": Row(401, 401, 401, 401, 401, 403, 409),
    "POST /api/v1/conversations/{number}/replies": Row(
        401, 401, 401, 401, 401, 403, 201, {"text": "x"}
    ),
    "POST /api/v1/conversations/{number}/notes": Row(
        401, 401, 401, 401, 401, 403, 201, {"text": "x"}
    ),
    "GET /api/v1/openapi.json": OPEN,
    "GET /static/{name}": OPEN,
    "GET /widget/{script}": OPEN,
    "GET /health/live": OPEN,
    "GET /health/ready": OPEN,
    "GET /metrics": Row(200, 200, 200, 200, 200, 403, 403, link=401),  # from this machine
}


def list_routes() -> dict[str, HTTPRouteHandler]:
    """Return every handler under its method and path, parameters without their types."""
    found = {}
    for handler in ROUTES:
        if isinstance(handler, WebsocketRouteHandler):
            continue
        assert isinstance(handler, HTTPRouteHandler)
        for path in handler.paths:
            for method in handler.http_methods:
                found[f"{method} {re.sub(r':[a-z]+}', '}', path)}"] = handler
    return found


def test_the_table_names_every_route() -> None:
    """R50: a route without a row fails here; so does a row without a route."""
    assert set(TABLE) == set(list_routes())


def test_every_route_says_whom_it_is_for() -> None:
    """A route that forgot would be for admins only; better it says so."""
    assert all("access" in handler.opt for handler in list_routes().values())


def test_the_chat_is_the_only_socket() -> None:
    """A socket passes no guard of ours: what admits to this one is in test_chat.py (R48)."""
    sockets = [one for one in ROUTES if isinstance(one, WebsocketRouteHandler)]

    assert [sorted(one.paths) for one in sockets] == [["/chat/{key:str}"]]


async def visit(scene: Scene, who: str, name: str, row: Row, things: Things) -> httpx.Response:
    """Let one visitor use one route, a minute after the one before."""
    scene.clock.now += timedelta(seconds=61)
    method, _, pattern = name.partition(" ")
    path = things.path(pattern)
    tokens = {"read_token": READ_TOKEN, "write_token": WRITE_TOKEN, "link": things.token}
    people = {"inside": "binh", "outside": "dung", "supervisor": "ha", "admin": "viet"}
    browser = await scene.signed_in(people[who]) if who in people else scene.browser()
    headers = bearer(tokens[who]) if who in tokens else {}
    if who == "link":  # opens the page, then tries the link's token wherever one is asked for
        assert (await browser.get(f"/s/{things.token}")).status_code == 200
        browser.client.cookies.set(session_cookie(scene.site), things.token)
    if pattern.startswith("/api"):
        return await browser.client.request(method, path, json=row.body, headers=headers)
    if method == "GET":
        return await browser.get(path, headers=headers)
    fields = dict(row.body or {})
    if pattern.startswith(("/f/", "/s/")):
        return await browser.client.post(path, data=fields, headers=headers)
    return await browser.post(path, fields, headers=headers)


def visitors(row: Row) -> dict[str, int]:
    """Return what each visitor is answered."""
    told = {who: said for who, said in vars(row).items() if who != "body"}
    return {who: said or row.anonymous for who, said in told.items()}


def is_right(answer: httpx.Response, expected: int) -> bool:
    """Tell whether somebody was answered as the table says."""
    location = answer.headers.get("location", "")
    if expected == LOGIN:
        return answer.status_code == 303 and location.startswith("/login?next=")
    return answer.status_code == expected and not location.startswith("/login?")


READING = [name for name in TABLE if name.startswith("GET ")]
CHANGING = [name for name in TABLE if not name.startswith("GET ")]
PORTIONS = range(8)  # of routes that change nothing, and can share a company


@pytest.mark.parametrize("portion", PORTIONS)
async def test_who_may_read(scene: Scene, portion: int) -> None:
    """R50, F103, S16: each route for six kinds of people and two of tokens, two teams."""
    things = await make_things(scene)
    odd = []
    for name in READING[portion :: len(PORTIONS)]:
        row = TABLE[name]
        for who, expected in visitors(row).items():
            answer = await visit(scene, who, name, row, things)
            if not is_right(answer, expected):
                odd.append((name, who, expected, answer.status_code))
    assert odd == []


async def _changes(scene: Scene, name: str) -> None:
    row = TABLE[name]
    things, are_as_made = await make_things(scene), True
    for who, expected in visitors(row).items():
        if not are_as_made and expected not in AT_THE_DOOR:
            things = await make_things(scene)  # nobody finds what another has changed
            are_as_made = True
        answer = await visit(scene, who, name, row, things)
        assert is_right(answer, expected), (who, answer.status_code)
        are_as_made = are_as_made and expected >= 400


@pytest.mark.one_database
@pytest.mark.parametrize("name", CHANGING)
async def test_who_may_change(scene: Scene, name: str) -> None:
    """R50, F103, S16: the same of what takes something in."""
    await _changes(scene, name)


@pytest.mark.long
@pytest.mark.parametrize("database_kind", ["postgresql"], scope="session")
@pytest.mark.parametrize("name", CHANGING)
async def test_who_may_change_on_postgresql(scene: Scene, name: str) -> None:
    """R50, F103, S16: and there."""
    await _changes(scene, name)


async def test_another_teams_token(scene: Scene) -> None:
    """Another team's conversation is not there, for tokens as for people."""
    things = await make_things(scene)
    browser = scene.browser()
    base = f"/api/v1/conversations/{things.number}"
    headers = bearer(OUTSIDE_TOKEN)
    assert (await browser.get(base, headers=headers)).status_code == 404
    put = await browser.client.put(
        f"{base}/request-type", json={"request_type": "general"}, headers=headers
    )
    assert put.status_code == 404
    assert (await scene.get(things.number)).request_type == "order_delivery"
    listed = (await browser.get("/api/v1/conversations", headers=headers)).json()
    assert listed["items"] == []


async def test_a_link_opens_one_conversation(scene: Scene) -> None:
    """R50, S16: no other token, no number, no file, no note, nobody's name or address."""
    things, other = await make_things(scene), await make_things(scene)
    staff = await scene.signed_in("ha")
    note = {"kind": "note", "body": "Between ourselves."}
    assert (await staff.post(f"/inbox/{things.number}/messages", note)).status_code == 303
    browser = scene.browser()
    page = await browser.get(f"/s/{things.token}")
    assert page.status_code == 200
    for hidden in ("Between ourselves", other.token, "/files/", "/inbox/", "Lê Thu Hà", "ha@"):
        assert hidden not in page.text, hidden
    token = things.token
    guesses = [str(things.number), token[:-1], token + "0", token[::-1], token.upper() + "x"]
    for guess in (*guesses, f"{token}/../{other.token[:-1]}", f"{token}%00", f"{token}%2fx"):
        assert (await browser.get(f"/s/{guess}")).status_code == 404, guess
    for path in (f"/files/{things.blob_id}", f"/inbox/{things.number}", "/inbox", "/live"):
        answer = await browser.get(path, headers=bearer(token))
        assert answer.headers["location"].startswith("/login?next="), path
    api = f"/api/v1/conversations/{things.number}"
    assert (await browser.get(api, headers=bearer(token))).status_code == 401


async def test_outsiders_change_nothing(scene: Scene) -> None:
    """404 is the answer before anything is done."""
    things = await make_things(scene)
    before = await scene.get(things.number)
    outsider = await scene.signed_in("dung")
    for name, row in TABLE.items():
        method, _, pattern = name.partition(" ")
        if method == "POST" and pattern.startswith("/inbox/{number}"):
            answer = await outsider.post(things.path(pattern), row.body)
            assert answer.status_code == 404, name
    assert (await scene.get(things.number)).version == before.version
    listed = await outsider.get("/inbox?for=team")
    assert f"/inbox/{things.number}" not in listed.text


async def test_unowned_conversations_are_everybodys(scene: Scene) -> None:
    """Decision 4: an agent sees the own teams' conversations and the unowned ones."""
    number = await scene.arrive()
    await scene.change(number, owner_id=None)
    outsider = await scene.signed_in("dung")
    assert (await outsider.get(f"/inbox/{number}")).status_code == 200
    assert (await outsider.post(f"/inbox/{number}/claim")).status_code == 303
    assert (await scene.get(number)).owner_id == (await scene.agent("dung")).id
