"""Headers of every answer, and cookies."""

import itertools
from collections.abc import Callable
from typing import Any

from tests.web.scene import BASE, PASSWORD, Scene, address

POLICY = (
    "default-src 'none'; script-src BASE/static/; style-src BASE/static/; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PATHS = (
    "/login",
    "/inbox",
    "/inbox/999",
    "/f/support",
    "/s/unknown",
    "/nowhere",
    "/api/v1/conversations",
    "/api/nowhere",
    "/health/live",
    "/static/app.js",
    "/static/unknown",
    "/live",
)


async def test_headers_of_every_answer(scene: Scene) -> None:
    """DESIGN 6: the policy, no sniffing, no framing: on pages, errors, JSON and files."""
    visitors = [scene.browser(), await scene.signed_in("viet")]
    for browser, path in itertools.product(visitors, PATHS):
        answer = await browser.get(path)
        assert answer.headers.get_list("content-security-policy") == [
            POLICY.replace("BASE", BASE)
        ]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] in ("same-origin", "no-referrer")
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in answer.headers["permissions-policy"]


async def test_headers_of_a_wrong_method(scene: Scene) -> None:
    """An answer that no handler gave has them too."""
    answer = await scene.browser().post("/notices")
    assert answer.status_code == 405
    assert answer.headers["content-security-policy"] == POLICY.replace("BASE", BASE)


async def test_pages_need_no_inline_code(scene: Scene) -> None:
    """The policy allows no script, style or handler inside a page."""
    number = await scene.arrive()
    browser = await scene.signed_in("viet")
    for path in ("/login", "/inbox", f"/inbox/{number}", "/notices", "/review", "/f/support"):
        page = (await browser.get(path)).text.lower()
        assert "<style" not in page
        assert " style=" not in page
        assert "<script>" not in page
        assert " onclick" not in page
        assert "javascript:" not in page


async def test_cookies_over_https(start: Callable[..., Any]) -> None:
    """Decision 11: ``__Host-`` names with Secure, Path=/ and no Domain."""
    scene: Scene = await start(base_url="https://desk.example")
    browser = scene.browser()
    browser.client.cookies.clear()
    page = await browser.get("/login?lang=en")
    set_there = {cookie.split("=")[0]: cookie for cookie in page.headers.get_list("set-cookie")}
    assert "__Host-csrf" in set_there
    answer = await browser.post("/login", {"email": address("binh"), "password": PASSWORD})
    assert answer.status_code == 303
    set_there |= {
        cookie.split("=")[0]: cookie for cookie in answer.headers.get_list("set-cookie")
    }
    assert "__Host-kip" in set_there
    for cookie in set_there.values():
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
    assert (await browser.get("/inbox")).status_code == 200
    assert (await browser.get("/inbox")).headers["content-security-policy"] == POLICY.replace(
        "BASE", "https://desk.example"
    )


async def test_loopback_knows_its_other_names(start: Callable[..., Any]) -> None:
    """A local installation works as localhost and as 127.0.0.1; a foreign name does not."""
    scene: Scene = await start(base_url="http://127.0.0.1:8000")
    browser = scene.browser()
    data = {"email": address("binh"), "password": PASSWORD}
    for host, right in (
        ("localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("localhost:9000", False),
        ("evil.example:8000", False),
    ):
        headers = {"host": host, "origin": f"http://{host}"}
        answer = await browser.post("/login", data, headers=headers)
        assert (answer.status_code == 303) is right, host
        assert (f"http://{host}/" in answer.headers["content-security-policy"]) is right, host


async def test_private_pages_are_not_kept(scene: Scene) -> None:
    """Caches keep no page; static files for ever, by their address."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    for path in ("/inbox", f"/inbox/{number}", "/notices"):
        answer = await browser.get(path)
        assert answer.headers["cache-control"].startswith("private, no-")
        assert "HX-Request" in answer.headers["vary"]
    login = await scene.browser().get("/login")
    assert login.headers["cache-control"].startswith("private, no-")
    script = scene.site.assets["app.js"]
    answer = await browser.get(script.url)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == script.plain
    plain = await browser.get(script.url, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == script.plain


ODD_FILES = [
    "/static/",
    "/static/%00",
    "/static/app.css%00.js",
    "/static/..%2f..%2fapp.py",
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/..%5c..%5capp.py",
    "/static//etc/passwd",
    "/static/%2fetc%2fpasswd",
    "/static/" + "a" * 5000,
    "/static/%ff%fe",
    "/static/%E1%BB%95",
    "/static/vendor",
    "/static/APP.JS",
]


async def test_odd_file_names_are_not_found(scene: Scene) -> None:
    """Nothing of the file system is reachable, and nothing breaks."""
    browser = scene.browser()
    for path in ODD_FILES:
        answer = await browser.get(path)
        assert answer.status_code == 404, path
        assert b"def " not in answer.content
