"""Signing in and out."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import update
from sqlmodel import Session

from models import Agent, LoginSession
from models.base import columns
from tests.web.scene import BASE, PASSWORD, Browser, Scene, address, hidden

agents = columns(Agent)


async def log_in(
    browser: Browser, email: str, password: str = PASSWORD, **more: str
) -> tuple[int, str, str]:
    """Try to sign in; return status, where it leads and the page."""
    fields = {"email": email, "password": password, **more}
    answer = await browser.post("/login", fields)
    return answer.status_code, answer.headers.get("location", ""), answer.text


async def test_the_forms_own_token_signs_in(scene: Scene) -> None:
    """R47: the token in the page is the one that is asked for."""
    browser = scene.browser()
    page = await browser.get("/login")
    assert page.status_code == 200
    fields = {
        "email": f" {address('binh').upper()} ",
        "password": PASSWORD,
        "next": "/notices",
        "_csrf_token": hidden(page.text, "_csrf_token"),
    }
    answer = await browser.client.post("/login", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/notices")
    assert (await browser.get("/inbox")).status_code == 200
    # Who is signed in already is led on.
    again = await browser.get("/login?next=/review")
    assert (again.status_code, again.headers["location"]) == (303, "/review")


async def test_wrong_and_unknown_get_the_same_page(scene: Scene) -> None:
    """R52: nobody can tell which addresses have an account."""
    pages = []
    for email, password in ((address("binh"), "wrong"), ("nobody@congty.example", PASSWORD)):
        status, _, page = await log_in(scene.browser(), email, password)
        assert status == 422
        assert email in page, "the address is kept"
        pages.append(page.replace(email, "EMAIL"))
    assert pages[0] == pages[1]
    assert "do not fit together" in pages[0]
    assert PASSWORD not in pages[1]


async def test_a_deactivated_account_is_like_an_unknown_one(scene: Scene) -> None:
    """R52."""

    def leave(session: Session) -> None:
        session.execute(update(Agent).values(is_active=False))

    await scene.write(leave)
    assert (await log_in(scene.browser(), address("binh")))[0] == 422


async def test_each_login_has_a_new_session(scene: Scene) -> None:
    """R45: an id we did not issue never becomes valid, and logging in changes the id."""
    browser = scene.browser()
    browser.client.cookies.set("kip", "chosen-by-an-attacker", domain="testserver.example")
    assert (await browser.get("/inbox")).status_code == 303
    seen = {"chosen-by-an-attacker"}
    for _ in range(2):
        status, _, _ = await log_in(browser, address("binh"))
        assert status == 303
        jar = {cookie.name: cookie.value or "" for cookie in browser.client.cookies.jar}
        assert jar["kip"] not in seen
        seen.add(jar["kip"])
    assert len(await scene.all(LoginSession)) == 1, "the older session of this browser ended"
    ids = {row.id for row in await scene.all(LoginSession)}
    assert not ids & seen, "a row that is read signs nobody in"
    stranger = scene.browser()
    stranger.client.cookies.set("kip", "chosen-by-an-attacker")
    assert (await stranger.get("/inbox")).status_code == 303


async def test_five_checks_a_minute(scene: Scene) -> None:
    """R53: whatever X-Forwarded-For says; other accounts are not held up."""
    browser = scene.browser()
    seen = []
    for n in range(7):
        fields = {"email": address("binh"), "password": "wrong"}
        forwarded = {"x-forwarded-for": f"10.0.0.{n}", "forwarded": f"for=10.0.1.{n}"}
        seen.append((await browser.post("/login", fields, headers=forwarded)).status_code)
    assert seen == [422] * 5 + [429] * 2
    right, _, page = await log_in(scene.browser(), address("binh"))
    assert right == 429, "the right password is not checked either"
    assert "Wait a minute" in page
    assert (await log_in(scene.browser(), address("dung")))[0] == 303
    scene.clock.now += timedelta(seconds=61)
    assert (await log_in(scene.browser(), address("binh")))[0] == 303


async def test_unknown_addresses_are_held_up_alike(scene: Scene) -> None:
    """R52: the sixth try says nothing about the account."""
    browser = scene.browser()
    seen = [(await log_in(browser, "nobody@congty.example", "x"))[0] for _ in range(6)]
    assert seen == [422] * 5 + [429]


async def test_logout(scene: Scene) -> None:
    """The session's row goes, so that a copied cookie is worth nothing."""
    browser = await scene.signed_in("binh")
    jar = {cookie.name: cookie.value or "" for cookie in browser.client.cookies.jar}
    answer = await browser.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert await scene.all(LoginSession) == []
    copied = scene.browser()
    copied.client.cookies.set("kip", jar["kip"])
    assert (await copied.get("/inbox")).status_code == 303


async def test_a_new_epoch_ends_sessions(scene: Scene) -> None:
    """R46: changing password or role raises the epoch."""
    here, other = await scene.signed_in("binh"), await scene.signed_in("dung")
    assert (await here.get("/inbox")).status_code == 200

    def change(session: Session) -> None:
        session.execute(
            update(Agent).where(agents.email == address("binh")).values(epoch=agents.epoch + 1)
        )

    await scene.write(change)
    assert (await here.get("/inbox")).status_code == 303
    assert (await other.get("/inbox")).status_code == 200


async def test_sessions_end(scene: Scene) -> None:
    """R46: after two weeks without a sign-in."""
    browser = await scene.signed_in("binh")
    scene.clock.now += timedelta(days=13)
    assert (await browser.get("/notices")).status_code == 200
    scene.clock.now += timedelta(days=30)
    assert (await browser.get("/notices")).status_code == 303


async def test_cookies_over_http_and_https(start: object, scene: Scene) -> None:
    """Flags of the cookies where the base URL is plain http."""
    answer = await scene.browser().post(
        "/login", {"email": address("binh"), "password": PASSWORD}
    )
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("kip=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert "Domain" not in cookie


async def test_to_login_and_back(scene: Scene) -> None:
    """Anonymous people come back to where they wanted to go; htmx is told by a header."""
    browser = scene.browser()
    answer = await browser.get("/inbox/1001?for=mine")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Finbox%2F1001%3Ffor%3Dmine"
    page = await browser.get(answer.headers["location"])
    assert hidden(page.text, "next") == "/inbox/1001?for=mine"
    partial = await browser.get("/inbox", htmx=True)
    assert partial.status_code == 401
    assert partial.headers["hx-redirect"] == "/login?next=%2Finbox"
    posted = await browser.post("/inbox/1001/claim")
    assert posted.headers["location"] == "/login?next=%2Finbox"


ELSEWHERE = [
    "http://evil.example",
    "https://evil.example/inbox",
    "HTTPS://evil.example",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "\t//evil.example",
    "\n//evil.example",
    " //evil.example",
    " https://evil.example",
    "/ /evil.example",
    "\x00//evil.example",
    "/\x00/evil.example",
    "\x01https://evil.example",
    "/\x0b/evil.example",
    "/\x0c/evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "mailto:a@evil.example",
    "http:evil.example",
    "https:/evil.example",
    "http:///evil.example",
    "http:\\\\evil.example",
    "//user@evil.example",
    "//evil.example:80",
    "//evil.example\\@testserver.example",
    "//testserver.example@evil.example",
    "//[::1]/",
    "///[",
    "//evil.example/%2e%2e",
    "/\\/evil.example",
    "/inbox\\..\\//evil.example",
    "/inbox\r\nLocation: https://evil.example",
    "evil.example",
    "inbox",
    "",
    "?next=//evil.example",
    "#//evil.example",
    "．．//evil.example",
    "／／evil.example",
]


async def test_next_never_leaves_the_site(scene: Scene) -> None:
    """R54: neither after signing in nor where somebody is signed in already."""
    browser = await scene.signed_in("binh")
    for target in ELSEWHERE:
        shown = await browser.get(f"/login?next={quote(target)}")
        assert (shown.status_code, shown.headers["location"]) == (303, "/inbox"), target
    for target in ("/inbox/1001?for=mine", "/review?at=1001", "/", "/a//b"):
        shown = await browser.get(f"/login?next={quote(target)}")
        assert (shown.status_code, shown.headers["location"]) == (303, target)


async def test_next_after_a_login_is_checked_too(scene: Scene) -> None:
    """R54: the same rule where the form is posted."""
    status, where, _ = await log_in(scene.browser(), address("binh"), next="//evil.example")
    assert (status, where) == (303, "/inbox")
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    answer = await browser.post(f"/inbox/{number}/claim", {"next": "https://evil.example"})
    assert answer.headers["location"] == "/inbox"


HOSTS = (
    *("evil.example", "evil.example:80", "localhost", "[::1]:80", "testserver.example.evil"),
    *(
        "evil.example.",
        "EVIL.example",
        "evil-testserver.example",
        "127.0.0.1:9",
        "xn--e1a.evil",
    ),
    *("testserver.example:81", "10.0.0.1"),
)


@pytest.mark.parametrize("host", HOSTS)
async def test_host_changes_nothing(scene: Scene, host: str) -> None:
    """R54, S23: links, redirects and the policy use the base URL whatever Host says."""
    browser = scene.browser()
    given = {"host": host, "x-forwarded-host": host, "forwarded": f"host={host}"}
    for path in ("/login", "/inbox", "/f/support", "/nowhere"):
        answer = await browser.get(path, headers=given)
        assert host not in answer.text
        assert host not in answer.headers.get("location", "")
        assert host not in answer.headers["content-security-policy"]
        assert BASE in answer.headers["content-security-policy"]
    links = re.findall(r'(?:href|src|action)="([^"]+)"', (await browser.get("/login")).text)
    assert links
    assert all(re.match(r"[/?#](?!/)", link) for link in links)
    data = {"email": address("binh"), "password": PASSWORD}
    answer = await browser.post(
        "/login", data, headers={"host": host, "x-forwarded-host": host}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")


async def test_on_duty_switch(scene: Scene) -> None:
    """Whoever goes off duty is given nothing new."""
    browser = await scene.signed_in("binh")
    assert (await browser.post("/me/on-duty", {"on_duty": "0"})).status_code == 303
    assert not (await scene.agent("binh")).on_duty
    assert (await scene.get(await scene.arrive())).owner_id is None
    await browser.post("/me/on-duty", {"on_duty": "1"})
    assert (await scene.agent("binh")).on_duty
