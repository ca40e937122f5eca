"""Attacks on every route there is, made from the list of routes, so that none is forgotten."""

import inspect
import json
import random
import re
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from inbox import views
from models import Agent, Conversation
from tests.web.scene import WRITE_TOKEN, Browser, Scene, bearer, hidden
from tests.web.test_access import TABLE, UNSAFE, list_routes
from tests.web.things import Things, make_things

EXTRA = ("role", "id", "owner_id", "is_admin", "bcc", "secret", "password_hash", "__proto__")
DATA = Path(__file__).parents[1] / "data"
SEED = 20_261_124


def name_of_access(name: str) -> str:
    """Return whom a route is for."""
    return str(list_routes()[name].opt["access"])


def unsafe_routes() -> list[str]:
    """Return the routes that take something in."""
    return [name for name in TABLE if name.split()[0] in UNSAFE]


async def send(
    browser: Browser, name: str, things: Things, body: dict[str, Any]
) -> httpx.Response:
    """Send a body to a route as whoever may use it; the browser is an admin's."""
    method, _, pattern = name.partition(" ")
    path, access = things.path(pattern), name_of_access(name)
    if access == "token":
        headers = bearer(WRITE_TOKEN)
        return await browser.client.request(method, path, json=body, headers=headers)
    if access == "link":
        return await browser.client.request(method, path, data=body)
    fields = {"_csrf_token": browser.form_token, **body}
    origin = {"origin": browser.scene.site.settings.base_url}
    return await browser.client.request(method, path, data=fields, headers=origin)


@pytest.mark.one_database
async def test_unknown_fields_are_refused(scene: Scene) -> None:
    """R51, S17: a field that the form or the API does not have changes nothing and is told."""
    things = await make_things(scene)
    before, routes = await facts(scene), list_routes()
    odd = []
    for name in unsafe_routes():
        row = TABLE[name]
        refusals = {400, 422} | ({403, 404} & {row.admin, row.write_token})
        browser = await scene.signed_in("viet")
        known = routes[name].opt.get("fields", ())
        for extra in (one for one in EXTRA if one not in known):
            answer = await send(browser, name, things, {**(row.body or {}), extra: "1"})
            if answer.status_code not in refusals:
                odd.append((name, extra, answer.status_code))
                break
    assert odd == []
    assert await facts(scene) == before


async def facts(scene: Scene) -> list[dict[str, Any]]:
    """Return what nobody should have changed, without when people were last seen."""
    rows = [*await scene.all(Conversation), *await scene.all(Agent)]
    return [row.model_dump(exclude={"last_seen_at"}) for row in rows]


QUERIES = re.compile(
    r"""query(?:_params)?(?:\.get\(|\[)\s*["'](\w+)|["'](\w+)["'] in request\.q"""
)
CHECKED = re.compile(r"check_query\(([^)]*)\)")


def names_in(text: str) -> set[str]:
    """Return every name that a module looks for behind a question mark."""
    found = {first or second for first, second in QUERIES.findall(text)}
    for names in CHECKED.findall(text):
        found |= set(re.findall(r'"(\w+)"', names))
    return found


def query_names(name: str = "") -> list[str]:
    """Return the names that a route's module looks for, or any module of ours."""
    if name:
        return sorted(
            names_in(inspect.getsource(sys.modules[list_routes()[name].fn.__module__]))
        )
    files = Path(views.__file__).parent.rglob("*.py")
    return sorted(set().union(*(names_in(path.read_text("utf-8")) for path in files)))


def test_the_names_behind_question_marks_are_found() -> None:
    """The next test would pass without a name."""
    known = {"after", "at", "for", "lang", "limit", "next", "part", "status"}
    assert known <= set(query_names())
    assert set(query_names("GET /inbox")) >= {"after", "for"}


# What has confused filters before; each line is one value, written as JSON.
INJECTIONS: list[str] = [
    *map(json.loads, (DATA / "injections.jsonl").read_text("utf-8").splitlines()),
    *(part * 3000 for part in ("a", "a ", "'", '"', "(", "%", "&", "9", "🙂", "a\u0301")),
]


def gets() -> list[str]:
    """Return what can be asked for with a question mark, without a stream that does not end."""
    return [name for name in TABLE if name.startswith("GET ") and name != "GET /live"]


async def ask(
    scene: Scene, name: str, things: Things, tries: list[tuple[str, str]]
) -> list[tuple[str, str, int]]:
    """Ask one route for each parameter with its value; return what was not answered well."""
    access = name_of_access(name)
    browser = await scene.signed_in("viet")
    headers = bearer(WRITE_TOKEN) if access == "token" else {}
    path = things.path(name.split()[1])
    odd = []
    for parameter, value in tries:
        answer = await browser.get(path, params={parameter: value}, headers=headers)
        if answer.status_code >= 500:
            odd.append((parameter, value[:60], answer.status_code))
    return odd


def test_there_are_two_hundred_payloads() -> None:
    assert len(set(INJECTIONS)) >= 200


async def test_a_filter_is_only_a_filter(scene: Scene) -> None:
    """S26: a share of the payloads for each; the long version takes each with each."""
    chance = random.Random(SEED)
    things = await make_things(scene)
    odd = {}
    for name in gets():
        tries = [
            (parameter, value)
            for parameter in (*query_names(name), "lang")
            for value in chance.sample(INJECTIONS, 2)
        ]
        if found := await ask(scene, name, things, tries):
            odd[name] = found
    assert odd == {}


@pytest.mark.long
@pytest.mark.parametrize("name", gets())
async def test_two_hundred_payloads_in_each_filter(scene: Scene, name: str) -> None:
    """S26, R49: never a 5xx, whichever of its parameters it is put into."""
    things = await make_things(scene)
    names = (*query_names(name), "lang")
    tries = [(parameter, value) for parameter in names for value in INJECTIONS]
    assert await ask(scene, name, things, tries) == []


async def test_no_payload_finds_what_it_should_not(scene: Scene) -> None:
    """S26: a condition that is always true shows an outsider nothing more."""
    things = await make_things(scene)
    outsider = await scene.signed_in("dung")
    for parameter in query_names("GET /inbox"):
        for value in INJECTIONS[::3]:
            page = await outsider.get("/inbox", params={parameter: value}, htmx=True)
            assert f"/inbox/{things.number}" not in page.text, (parameter, value)


async def test_a_page_token_is_for_one_page(scene: Scene) -> None:
    """S19: a form's own token, taken from another conversation's page, opens nothing."""
    things, other = await make_things(scene), await make_things(scene)
    browser = scene.browser()
    foreign = hidden((await browser.get(f"/s/{other.token}")).text, "token")
    form = hidden((await browser.get("/f/support")).text, "token")
    before = (await scene.get(things.number)).version
    for token in ("", "x", foreign, form, foreign[:-1], "0" * 64):
        answer = await browser.client.post(
            f"/s/{things.token}/messages", data={"token": token, "body": "x"}
        )
        assert answer.status_code == 403, token
    assert (await scene.get(things.number)).version == before
