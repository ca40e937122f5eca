"""Without a script, the page after an action says once how it ended."""

import base64
import html
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from models import RawMessage, RawState
from models.base import columns
from tests.web.scene import Browser, Scene

raws = columns(RawMessage)


def said(page: httpx.Response) -> str:
    """Return the status line at the top of a page, "" without one."""
    found = re.search(r'<p class="flash[^"]*" role="status"><svg.*?</svg>(.*?)</p>', page.text)
    return html.unescape(found[1]) if found else ""


async def follow(browser: Browser, path: str, fields: dict[str, Any] | None = None) -> str:
    """Send a form, follow where it leads, and return what the page says about it."""
    answer = await browser.post(path, fields)
    assert answer.status_code == 303
    return said(await browser.get(answer.headers["location"]))


ACTIONS: list[tuple[str, dict[str, str], str, str]] = [
    ("messages", {"body": "Vâng ạ.", "kind": "reply"}, "Sent.", "Đã gửi."),
    ("messages", {"body": "x", "kind": "note"}, "Note kept.", "Đã lưu ghi chú."),
    ("claim", {}, "It is yours.", ""),
    ("owner", {"owner": "0"}, "It has no owner now.", "Yêu cầu hiện chưa giao cho ai."),
    ("request-type", {"request_type": "complaint"}, "Moved. AI will learn from this.", ""),
    ("urgency", {"urgency": "high"}, "Changed. AI will learn from this.", ""),
    ("agreement", {}, "Thank you. AI will learn from this.", ""),
]


@pytest.mark.parametrize(("action", "fields", "english", "vietnamese"), ACTIONS)
async def test_an_action_is_confirmed_once(
    scene: Scene, action: str, fields: dict[str, str], english: str, vietnamese: str
) -> None:
    """F103: at the top of the next page, in its language, and gone with the one after."""
    number = await scene.arrive()
    browser = await scene.signed_in("ha")
    assert await follow(browser, f"/inbox/{number}/{action}", fields) == english
    assert said(await browser.get(f"/inbox/{number}")) == ""
    if vietnamese:
        await browser.post(f"/inbox/{number}/{action}", fields)
        assert said(await browser.get(f"/inbox/{number}?lang=vi")) == vietnamese


async def test_done_and_opened_again(scene: Scene) -> None:
    """F103."""
    number = await scene.arrive()
    browser = await scene.signed_in("ha")
    done = await follow(browser, f"/inbox/{number}/resolution", {"reason": "spam"})
    again = await follow(browser, f"/inbox/{number}/resolution/undo")
    assert (done, again) == (f"#{number} is done.", "It is open again.")


async def test_a_message_put_back(scene: Scene) -> None:
    """F103: quarantine."""
    scene.worker_is_up = False
    await scene.arrive()
    held = (await scene.all(RawMessage))[-1].id

    def hold(session: Any) -> None:
        session.get_one(RawMessage, held).state = RawState.QUARANTINED

    await scene.write(hold)
    browser = await scene.signed_in("ha")
    line = await follow(browser, f"/settings/quarantine/{held}/retry")
    assert line == "It is back in the line."


async def test_a_name_is_only_text(scene: Scene) -> None:
    """What people call themselves is escaped, and cut to what a cookie holds."""
    name = "<b>%(x)s Bình" + "ờ" * 2000

    def rename(session: Any) -> None:
        session.get_one(type(binh), binh.id).name = name

    number = await scene.arrive()
    binh = await scene.agent("binh")
    await scene.write(rename)
    browser = await scene.signed_in("ha")
    fields = {"owner": str(binh.id)}
    answer = await browser.post(f"/inbox/{number}/owner", fields)
    assert max(map(len, answer.headers.get_list("set-cookie"))) < 4096
    page = await browser.get(answer.headers["location"])
    assert said(page) == f"It is with {name[:120]} now."
    assert "<b>" not in page.text


async def test_partials_leave_it_and_do_not_send_it(scene: Scene) -> None:
    """With htmx there is a toast; what waits stays for a whole page."""
    number = await scene.arrive()
    browser = await scene.signed_in("ha")
    answer = await browser.post(f"/inbox/{number}/claim", htmx=True)
    assert "flash" not in browser.client.cookies
    assert "It is yours." in answer.text
    await browser.post(f"/inbox/{number}/claim")
    await browser.get("/notices?part=count", htmx=True)
    assert said(await browser.get(f"/inbox/{number}")) == "It is yours."


async def test_nobody_else_puts_words_there(scene: Scene) -> None:
    """Forged, foreign, cut or odd cookies say nothing and break nothing."""
    number = await scene.arrive()
    browser, other = await scene.signed_in("ha"), await scene.signed_in("ha")
    await browser.post(f"/inbox/{number}/claim")
    own = browser.client.cookies["flash"].strip('"')
    forged = base64.urlsafe_b64encode(json.dumps(["Pay evil.example", {}]).encode()).decode()
    other.client.cookies.set("csrf", "another-browser")
    odd = ["", ".", "x", "ổ", own[:-1], own.replace(".", ""), f"{forged}.{own.split('.')[1]}"]
    for value in (own, *odd):
        jar = "; ".join(f"{name}={kept}" for name, kept in other.client.cookies.items())
        sent = f"{jar}; flash={value}".encode()
        page = await other.client.get("/inbox", headers=[(b"cookie", sent)])
        assert (page.status_code, said(page)) == (200, ""), value


async def test_it_is_as_strict_as_the_other_cookies(start: Callable[..., Any]) -> None:
    """S18: under https its name keeps other hosts of the domain from setting it."""
    scene: Scene = await start(base_url="https://desk.example")
    number = await scene.arrive()
    browser = await scene.signed_in("ha")
    answer = await browser.post(f"/inbox/{number}/claim")
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-flash=")
    for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/", "Max-Age=60"):
        assert part in cookie
    assert said(await browser.get(f"/inbox/{number}")) == "It is yours."
