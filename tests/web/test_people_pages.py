"""Pages about people, teams and tokens, and coming in by a link, all by plain forms."""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session

from inbox.auth import hash_token
from inbox.queue import Announcer
from models import Agent, ApiToken, AuditEntry, LoginSession, Outbox, Role, Team, TeamMember
from tests.web.scene import BASE, PASSWORD, Browser, Scene, address, bearer
from tests.web.test_live import events, open_session, redis_url, stream

__all__ = ["redis_url"]  # a fixture

NEW = "một mật khẩu mới"
SENDING = {"smtp_url": "smtp://127.0.0.1:9"}
Start = Callable[..., Any]


def link_in(html: str, page: str) -> str:
    """Return the path of the link that a page shows once."""
    found = re.search(rf'value="{re.escape(BASE)}(/{page}/[\w-]+)"', html)
    assert found, f"no link to {page}"
    return found[1]


async def invite(admin: Browser, **fields: Any) -> str:
    """Invite Minh; return the link's path."""
    known = {
        "name": "Minh",
        "email": "Minh@Congty.example",
        "role": "agent",
        "language": "en",
        "teams": str(await admin.scene.team("Orders")),
    }
    answer = await admin.post("/settings/people", {**known, **fields})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return link_in(answer.text, "join")


async def sign_in(browser: Browser, email: str, password: str) -> int:
    answer = await browser.post("/login", {"email": email, "password": password})
    return answer.status_code


async def test_from_invitation_to_first_sign_in(scene: Scene) -> None:
    """F135: shown once, opened without being used up, joined once, signed in at once."""
    admin = await scene.signed_in("viet")
    path = await invite(admin)
    listed = (await admin.get("/settings/people")).text
    assert "Invited" in listed
    assert path not in listed, "shown only once"
    guest = scene.browser()
    for _ in range(2):  # a mail scanner looks first
        assert "minh@congty.example" in (await guest.get(path)).text
    assert await sign_in(guest, "minh@congty.example", "") == 422, "nobody yet"
    short = await guest.post(path, {"name": "Minh", "language": "vi", "password": "short"})
    assert short.status_code == 422
    fields = {"name": "Lê Minh", "language": "vi", "password": NEW}
    joined = await guest.post(path, fields)
    assert (joined.status_code, joined.headers["location"]) == (303, "/inbox")
    assert (await guest.get("/inbox")).status_code == 200
    again = await scene.browser().post(path, fields)
    assert again.status_code == 404
    assert "expired" in again.text
    assert await sign_in(scene.browser(), "MINH@congty.example", NEW) == 303


async def test_an_invitation_is_taken_back(scene: Scene) -> None:
    admin = await scene.signed_in("viet")
    first = await invite(admin)
    number = (await scene.agent("minh")).id
    again = await admin.post(f"/settings/people/{number}/invitation")
    second = link_in(again.text, "join")
    assert (await scene.browser().get(first)).status_code == 404
    assert (await scene.browser().get(second)).status_code == 200
    done = await admin.post(f"/settings/people/{number}/invitation/withdrawal")
    assert done.status_code == 303
    assert (await scene.browser().get(second)).status_code == 404


@pytest.mark.parametrize("token", ["", "%20", "x", "null", "%E1%BB%95", "a" * 300])
@pytest.mark.parametrize("page", ["join", "reset"])
async def test_what_is_no_link_is_not_found(scene: Scene, page: str, token: str) -> None:
    """S21: 404 with a sentence, before and after posting."""
    await invite(await scene.signed_in("viet"))
    browser = scene.browser()
    assert (await browser.get(f"/{page}/{token}")).status_code == 404
    fields = {"password": NEW, **({"name": "X", "language": "vi"} if page == "join" else {})}
    assert (await browser.post(f"/{page}/{token}", fields)).status_code in (404, 405)
    assert (await scene.agent("minh")).password_hash == ""


async def test_a_reset_by_an_administrator(scene: Scene) -> None:
    """R46: used once within the hour; the old password and the old sessions are over."""
    here = await scene.signed_in("binh")
    admin = await scene.signed_in("viet")
    number = (await scene.agent("binh")).id
    answer = await admin.post(f"/settings/people/{number}/reset-link")
    path = link_in(answer.text, "reset")
    assert (await scene.browser().get(path)).status_code == 200
    browser = scene.browser()
    assert (await browser.post(path, {"password": "short"})).status_code == 422
    done = await browser.post(path, {"password": NEW})
    assert (done.status_code, done.headers["location"]) == (303, "/login")
    assert (await here.get("/inbox")).status_code == 303
    assert (await browser.post(path, {"password": NEW})).status_code == 404
    assert await sign_in(scene.browser(), address("binh"), PASSWORD) == 422
    assert await sign_in(scene.browser(), address("binh"), NEW) == 303
    late = link_in((await admin.post(f"/settings/people/{number}/reset-link")).text, "reset")
    scene.clock.now += timedelta(hours=1)
    assert (await scene.browser().get(late)).status_code == 404


async def test_forgot_is_the_same_for_everybody(start: Start) -> None:
    """R52, S21: known, unknown, invited, gone: same status, page, statements and limits."""
    scene: Scene = await start(**SENDING)
    await invite(await scene.signed_in("viet"))
    seen: dict[str, tuple[Any, ...]] = {}
    for email in (address("binh"), "nobody@congty.example", "minh@congty.example"):
        browser = scene.browser()
        ran: list[str] = []

        def note(*given: Any, ran: list[str] = ran) -> None:
            ran.append(given[2])

        database = scene.database
        engine = database.engine if database.is_sqlite else database.async_engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        answers = [await browser.post("/forgot", {"email": email}) for _ in range(4)]
        event.remove(engine, "before_cursor_execute", note)
        page = await browser.get("/forgot?sent=1")
        seen[email] = (
            [(one.status_code, one.headers.get("location"), one.text) for one in answers],
            page.text,
            ran,
        )
    first, *others = seen.values()
    assert all(other == first for other in others)
    assert [status for status, _, _ in first[0]] == [303, 303, 303, 429]
    rows = await scene.all(Outbox)
    assert len([row for row in rows if row.to_address == "nobody@congty.example"]) == 3
    assert all("/reset/" not in str(row.mail) for row in rows)


async def test_forgot_from_one_place_is_limited(start: Start) -> None:
    """S22: whatever addresses are tried."""
    scene: Scene = await start(**SENDING)
    browser = scene.browser()
    seen = [
        (await browser.post("/forgot", {"email": f"a{n}@congty.example"})).status_code
        for n in range(32)
    ]
    assert seen == [303] * 30 + [429] * 2


async def test_without_mail_the_page_says_whom_to_ask(scene: Scene) -> None:
    page = await scene.browser().get("/forgot")
    assert "administrator" in page.text
    assert 'action="/forgot"' not in page.text
    assert (
        await scene.browser().post("/forgot", {"email": address("binh")})
    ).status_code == 303
    assert await scene.all(Outbox) == []


@pytest.mark.parametrize("host", ["evil.example", "testserver.example.evil.example"])
async def test_links_follow_the_base_url(scene: Scene, host: str) -> None:
    """S23: whatever Host and X-Forwarded-Host say."""
    admin = await scene.signed_in("viet")
    number = (await scene.agent("binh")).id
    answer = await admin.post(
        f"/settings/people/{number}/reset-link",
        headers={"host": host, "x-forwarded-host": host},
    )
    assert host not in answer.text
    assert link_in(answer.text, "reset")


EXTRAS = ("id", "owner_id", "is_admin", "bcc", "secret", "password_hash", "epoch", "is_active")
FORMS = {
    "/settings/people": {"name": "X", "email": "x@y.example", "role": "agent"},
    "/settings/people/{person}": {"name": "X", "role": "agent", "language": "en"},
    "/settings/people/{person}/departure": {"heir": "team"},
    "/settings/people/{person}/return": {},
    "/settings/people/{person}/reset-link": {},
    "/settings/teams": {"name": "X"},
    "/settings/teams/{team}": {"name": "X"},
    "/settings/teams/{team}/closure": {"heir": "2"},
    "/settings/tokens": {"name": "X", "email": address("binh"), "scope": "read"},
    "/me": {"name": "X", "language": "en", "theme": ""},
    "/me/password": {"old": PASSWORD, "password": NEW},
    "/forgot": {"email": "a@b.example"},
}


def fill(path: str, person: int, team: int) -> str:
    return path.replace("{person}", str(person)).replace("{team}", str(team))


@pytest.mark.parametrize("path", FORMS)
async def test_extra_fields_are_refused(scene: Scene, path: str) -> None:
    """S17: nothing is bound that the form does not have, and nothing changes."""
    admin = await scene.signed_in("viet")
    tables: tuple[Any, ...] = (Agent, Team, TeamMember, ApiToken, AuditEntry)

    async def state() -> str:
        return str([await scene.all(table) for table in tables])

    before = await state()
    where = fill(path, (await scene.agent("binh")).id, await scene.team("Orders"))
    for extra in (*EXTRAS, *(() if "role" in FORMS[path] else ("role",))):
        answer = await admin.post(where, {**FORMS[path], extra: "1"})
        assert answer.status_code == 422, extra
    assert await state() == before
    assert len(await scene.all(LoginSession)) == 1


async def test_a_role_is_changed_and_its_sessions_end(scene: Scene) -> None:
    """F103, R46: at once, for cookies; the last administrator stays one."""
    here = await scene.signed_in("binh")
    admin = await scene.signed_in("viet")
    person = await scene.agent("binh")
    form = {"name": person.name, "role": "supervisor", "language": "vi", "open_cap": "9"}
    team = str(await scene.team("Technics"))
    answer = await admin.post(
        f"/settings/people/{person.id}", {**form, "teams": team, "leads": team}
    )
    assert answer.status_code == 303
    after = await scene.agent("binh")
    assert (after.role, after.open_cap, after.language) == (Role.SUPERVISOR, 9, "vi")
    assert (await here.get("/inbox")).status_code == 303
    assert "(leads)" in (await admin.get("/settings/people")).text
    own = (await scene.agent("viet")).id
    refused = await admin.post(f"/settings/people/{own}", {**form, "role": "agent"})
    assert refused.status_code == 409
    assert "last active administrator" in refused.text
    assert (await scene.agent("viet")).role is Role.ADMIN


async def test_streams_end_with_the_session(start: Start, redis_url: str) -> None:
    """R46: a socket ends at once when the password changes; nobody else's does."""
    scene: Scene = await start(redis_url=redis_url)
    scene.database.announce = Announcer(scene.site.redis)
    binh, ha = await open_session(scene, "binh"), await open_session(scene, "ha")
    async with stream(scene.app, binh) as theirs, stream(scene.app, ha) as others:
        for one in (theirs, others):
            await asyncio.wait_for(one(), 5)
            await events(one, 0.3)
        admin = await scene.signed_in("viet")
        number = (await scene.agent("binh")).id
        form = {"name": "Bình", "role": "supervisor", "language": "vi", "open_cap": "9"}
        assert (await admin.post(f"/settings/people/{number}", form)).status_code == 303

        async def until_the_end() -> None:
            while (await theirs()).get("more_body"):
                pass

        await asyncio.wait_for(until_the_end(), 5)
        await scene.database.announce(["list"])
        assert "list" in await events(others, 1)


async def test_streams_look_again_when_no_name_came(
    start: Start, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R46: within a re-check and a heartbeat, which are 15 s at most together."""
    from inbox.views import hub  # noqa: PLC0415

    assert hub.RECHECK_S + hub.LOOK_S < 15
    monkeypatch.setattr(hub, "RECHECK_S", 0.1)
    scene: Scene = await start(redis_url=redis_url)
    async with stream(scene.app, await open_session(scene, "binh")) as theirs:
        await asyncio.wait_for(theirs(), 5)

        def behind_its_back(session: Session) -> None:
            session.get_one(Agent, number).epoch += 1

        number = (await scene.agent("binh")).id
        await scene.write(behind_its_back)

        async def until_the_end() -> None:
            while (await theirs()).get("more_body"):
                pass

        await asyncio.wait_for(until_the_end(), 5)


async def test_ones_own_account(scene: Scene) -> None:
    """Name, language and theme follow at once; the old password is asked for the new one."""
    here, phone = await scene.signed_in("binh"), await scene.signed_in("binh")
    saved = await here.post("/me", {"name": "Bình Trần", "language": "vi", "theme": "dark"})
    assert saved.status_code == 303
    page = await here.get("/me")
    assert 'data-theme="dark"' in page.text
    assert "Tài khoản của tôi" in page.text
    assert (await here.post("/me", {"name": " ", "language": "vi"})).status_code == 422
    wrong = await here.post("/me/password", {"old": "no", "password": NEW})
    assert wrong.status_code == 422
    assert (await phone.get("/inbox")).status_code == 200
    right = await here.post("/me/password", {"old": PASSWORD, "password": NEW})
    assert (right.status_code, right.headers["location"]) == (303, "/me")
    assert (await here.get("/me")).status_code == 200, "this browser stays signed in"
    assert (await phone.get("/inbox")).status_code == 303
    assert await sign_in(scene.browser(), address("binh"), NEW) == 303


async def test_guessing_the_old_password_is_limited(scene: Scene) -> None:
    """S22: whoever sits at somebody's browser has five tries a minute."""
    here = await scene.signed_in("binh")
    fields = {"old": "no", "password": NEW}
    seen = [(await here.post("/me/password", fields)).status_code for _ in range(6)]
    assert seen == [422] * 5 + [429]


async def test_somebody_leaves_and_comes_back(scene: Scene) -> None:
    """F135: what they own goes to a colleague, they are like nobody at the door, and return."""
    number = await scene.arrive()
    here = await scene.signed_in("binh")
    admin = await scene.signed_in("viet")
    binh, dung = await scene.agent("binh"), await scene.agent("dung")
    path = f"/settings/people/{binh.id}/departure"
    page = (await admin.get(path)).text
    assert "1 unfinished request" in page
    unchosen = await admin.post(path, {"heir": "colleague"})
    assert unchosen.status_code == 422
    assert (await here.get("/inbox")).status_code == 200, "nothing has happened"
    fields = {"heir": "colleague", "colleague_id": str(dung.id), "note": "Chị Mai"}
    done = await admin.post(path, fields)
    assert (done.status_code, done.headers["location"]) == (303, "/settings/people")
    assert (await scene.get(number)).owner_id == dung.id
    assert (await here.get("/inbox")).status_code == 303
    assert (
        await here.get("/api/v1/conversations", headers=bearer("read-token"))
    ).status_code == 401
    heir = await scene.signed_in("dung")
    shown = (await heir.get(f"/inbox/{number}")).text
    assert "handed over when Trần Thanh Bình left" in shown
    assert "Chị Mai" in shown
    assert "1 requests of Trần Thanh Bình" in (await heir.get("/notices")).text
    wrong = await scene.browser().post("/login", {"email": address("binh"), "password": "no"})
    gone = await scene.browser().post(
        "/login", {"email": address("binh"), "password": PASSWORD}
    )
    assert (gone.status_code, gone.text) == (wrong.status_code, wrong.text)
    back = await admin.post(f"/settings/people/{binh.id}/return")
    assert back.status_code == 303
    assert await sign_in(scene.browser(), address("binh"), PASSWORD) == 303


async def test_a_team_is_made_filled_and_closed(scene: Scene) -> None:
    admin = await scene.signed_in("viet")
    made = await admin.post("/settings/teams", {"name": "Evening"})
    assert made.status_code == 303
    assert (await admin.post("/settings/teams", {"name": "EVENING"})).status_code == 422
    team, binh, dung = (
        await scene.team("Evening"),
        (await scene.agent("binh")).id,
        (await scene.agent("dung")).id,
    )
    form = {
        "name": "Evening shift",
        "members": [str(binh), str(dung)],
        "leads": str(dung),
        "backups": [f"{binh}:{dung}", f"{dung}:"],
    }
    assert (await admin.post(f"/settings/teams/{team}", form)).status_code == 303
    assert (await scene.agent("binh")).backup_id == dung
    orders = await scene.team("Orders")
    number = await scene.arrive()
    closed = await admin.post(f"/settings/teams/{orders}/closure", {"heir": str(team)})
    assert closed.status_code == 303
    assert (await scene.get(number)).team_id == team
    assert (await scene.get(await scene.arrive())).team_id == team
    shown = (await admin.get(f"/inbox/{number}")).text
    assert "Moved to Evening shift" in shown
    assert (await admin.post(f"/settings/teams/{orders}/reopening")).status_code == 303


async def test_a_token_is_shown_once_and_revoked(scene: Scene) -> None:
    admin = await scene.signed_in("viet")
    form = {"name": "shop", "email": address("binh"), "scope": "read"}
    made = await admin.post("/settings/tokens", form)
    (secret,) = re.findall(r'value="(kip_[\w-]+)"', made.text)
    used = await scene.browser().get("/api/v1/conversations", headers=bearer(secret))
    assert used.status_code == 200
    listed = (await admin.get("/settings/tokens")).text
    assert secret not in listed
    (row,) = [one for one in await scene.all(ApiToken) if one.name == "shop"]
    assert (row.token_hash, row.last_used_at) == (hash_token(secret), scene.clock.now)
    done = await admin.post(f"/settings/tokens/{row.id}/revocation")
    assert done.status_code == 303
    used = await scene.browser().get("/api/v1/conversations", headers=bearer(secret))
    assert used.status_code == 401
    assert (await admin.post("/settings/tokens", {**form, "scope": "all"})).status_code == 422


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Give the team a name."),
        ("name", "Technics", "There is a team of this name."),
        ("gives_by", "x", "Choose how work is given out."),
    ],
)
async def test_a_team_that_cannot_be_is_shown_as_typed(
    scene: Scene, field: str, value: str, sentence: str
) -> None:
    """Nothing of it is saved, and another Save keeps all that was typed."""
    admin, team = await scene.signed_in("viet"), await scene.team("Orders")
    binh, dung = (await scene.agent("binh")).id, (await scene.agent("dung")).id
    form: dict[str, Any] = {
        "name": "Đơn hàng",
        "members": str(dung),
        "leads": str(dung),
        "backups": [f"{binh}:", f"{dung}:{binh}"],
        "department": "Bán hàng",
        "gives_by": "weight",
    }

    answer = await admin.post(f"/settings/teams/{team}", {**form, field: value})

    assert answer.status_code == 422
    page = answer.text
    assert sentence in page
    assert f'value="{value if field == "name" else "Đơn hàng"}"' in page
    assert 'name="department" maxlength="80" autocomplete="off" value="Bán hàng"' in page
    assert ('<option value="weight" selected>' in page) is (field == "name")
    assert f'name="members" value="{dung}" checked' in page
    assert f'name="members" value="{binh}">' in page
    assert re.search(rf'name="leads" value="{dung}"[^>]* checked', page)
    assert f'<option value="{dung}:{binh}" selected>' in page
    saved = (await admin.get(f"/settings/teams/{team}")).text
    assert f'name="members" value="{binh}" checked' in saved
    assert f'name="members" value="{dung}">' in saved
    assert 'value="Orders"' in saved
