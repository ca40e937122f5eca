"""Forms and links of other sites: nothing happens without a token of ours and our origin."""

import pytest

from tests.web.scene import WRITE_TOKEN, Scene, bearer
from tests.web.test_access import PORTIONS, TABLE, UNSAFE, list_routes
from tests.web.things import make_things


def cookie_routes() -> list[str]:
    """Return the unsafe routes that our cookie authenticates."""
    return [
        name
        for name, handler in list_routes().items()
        if name.split()[0] in UNSAFE and handler.opt["access"] not in ("token", "link")
    ]


def test_there_are_cookie_routes() -> None:
    """The next test would pass on an empty list."""
    assert len(cookie_routes()) >= 12


def foreign_forms(
    origin: dict[str, str], own: str, foreign: str
) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Return fields and headers that a form of ours never has together."""
    return [
        ({}, origin),
        ({"_csrf_token": ""}, origin),
        ({"_csrf_token": "0" * 64}, origin),
        ({"_csrf_token": "ổ"}, origin),
        ({"_csrf_token": foreign}, origin),
        ({}, {**origin, "x-csrftoken": foreign}),
        ({"_csrf_token": own}, {"origin": "http://evil.example"}),
        ({"_csrf_token": own}, {"origin": "null"}),
        ({"_csrf_token": own}, {"origin": ""}),
        ({"_csrf_token": own}, {"origin": "https://testserver.example"}),
        ({"_csrf_token": own}, {"origin": "http://testserver.example.evil.example"}),
        ({"_csrf_token": own}, {"sec-fetch-site": "cross-site"}),
        ({"_csrf_token": own}, {"sec-fetch-site": "same-site"}),
    ]


@pytest.mark.one_database
@pytest.mark.parametrize("portion", PORTIONS)
async def test_foreign_forms_are_refused(scene: Scene, portion: int) -> None:
    """R47: no token, a foreign one, a foreign origin, no cookie: 403 and nothing happens."""
    things = await make_things(scene)
    before = await scene.get(things.number)
    for name in cookie_routes()[portion :: len(PORTIONS)]:
        method, _, pattern = name.partition(" ")
        path, body = things.path(pattern), TABLE[name].body or {}
        browser, other = await scene.signed_in("viet"), await scene.signed_in("viet")
        own, foreign = browser.form_token, other.form_token
        origin = {"origin": scene.site.settings.base_url}
        for fields, headers in foreign_forms(origin, own, foreign):
            answer = await browser.client.request(
                method, path, data={**body, **fields}, headers=headers
            )
            assert answer.status_code == 403, (name, fields, headers)
        # JSON and plain text, which other sites can send without asking, carry no token.
        for kind in ("text/plain", "application/json"):
            answer = await browser.client.request(
                method,
                path,
                content=b'{"_csrf_token": "%s"}' % own.encode(),
                headers={"content-type": kind},
            )
            assert answer.status_code == 403, (name, kind)
        del browser.client.cookies["csrf"]
        answer = await browser.client.request(
            method, path, data={"_csrf_token": own}, headers=origin
        )
        assert answer.status_code == 403, name
        assert (await browser.get("/notices")).status_code == 200, "still signed in"
    assert (await scene.get(things.number)).version == before.version


async def test_links_change_nothing(scene: Scene) -> None:
    """R47: what changes something cannot be done by following a link."""
    things = await make_things(scene)
    browser = await scene.signed_in("viet")
    before = await scene.get(things.number)
    for name in TABLE:
        method, _, pattern = name.partition(" ")
        if method in UNSAFE and f"GET {pattern}" not in TABLE:
            path = things.path(pattern)
            answer = await browser.get(path, headers=bearer(WRITE_TOKEN))
            assert answer.status_code in (303, 404, 405), name
            above = answer.headers.get("location", "/")  # the page it hangs below
            assert path.startswith(above), name
            assert len(above) < len(path), name
    assert (await scene.get(things.number)).version == before.version


async def test_the_header_stands_for_the_field(scene: Scene) -> None:
    """R47: htmx may send the token as a header."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    answer = await browser.client.post(
        f"/inbox/{number}/claim", headers={"x-csrftoken": browser.form_token}
    )
    assert answer.status_code == 303


async def test_a_sessions_token_ends_with_it(scene: Scene) -> None:
    """R47: the token hangs on the session, so one from before the sign-in does not work."""
    browser = await scene.signed_in("binh")
    number = await scene.arrive()
    old = browser.form_token
    again = await scene.signed_in("binh")
    answer = await again.client.post(f"/inbox/{number}/claim", data={"_csrf_token": old})
    assert answer.status_code == 403
