"""The browsers that show one's alerts, on one's own page."""

import re

import pytest

from inbox.channels.webpush import Signer, to_base64
from inbox.views.me_push import name_of
from models import AlertMessage, AuditEntry, PushBrowser
from tests.pushserver import Window
from tests.web.scene import Scene

ENDPOINT = "https://push.example/p/a-secret-of-forty-letters-or-so"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def form_of(endpoint: str = ENDPOINT, **more: str) -> dict[str, str]:
    """Return what the page's script fills in."""
    said = Window("", endpoint, "").said
    keys = {"public": to_base64(said.public), "auth": to_base64(said.auth)}
    return {"endpoint": endpoint, **keys, **more}


async def test_one_switches_a_browser_on_tests_it_and_switches_it_off(scene: Scene) -> None:
    """F131."""
    browser = await scene.signed_in("binh")
    browser.client.headers["user-agent"] = AGENT
    page = (await browser.get("/me/alerts")).text
    assert f'data-key="{Signer(scene.site.secret, "").public}"' in page
    assert "data-browser" not in page

    answer = await browser.post("/me/alerts/browsers", form_of())

    assert answer.headers["location"] == "/me/alerts"
    (row,) = await scene.all(PushBrowser)
    page = (await browser.get("/me/alerts")).text
    assert f'data-browser="{row.mark}"' in page
    assert "Firefox, Linux" in page
    assert ENDPOINT not in page
    assert ENDPOINT not in str([entry.after for entry in await scene.all(AuditEntry)])
    await browser.post(f"/me/alerts/browsers/{row.id}/test")
    assert "an alert waits to be sent" in (await browser.get("/me/alerts")).text
    (message,) = await scene.all(AlertMessage)
    assert (message.way, message.address, message.facts["is_test"]) == (
        "push",
        str(row.id),
        True,
    )
    await browser.post(f"/me/alerts/browsers/{row.id}/removal")
    assert await scene.all(PushBrowser) == []
    assert "Firefox, Linux" not in (await browser.get("/me/alerts")).text


async def test_nothing_else_is_entered(scene: Scene) -> None:
    """S15: what leads inside is refused when it is entered already."""
    browser = await scene.signed_in("binh")
    for form in (
        form_of("http://push.example/p"),
        form_of("https://127.0.0.1/p"),
        form_of("https://169.254.169.254/latest"),
        form_of("https://push.example:22/p"),
        form_of(public="AAAA"),
        form_of(auth=""),
        form_of(agent_id="1"),
    ):
        answer = await browser.post("/me/alerts/browsers", form)
        assert answer.status_code == 422
    assert await scene.all(PushBrowser) == []


async def test_anothers_browser_is_not_there(scene: Scene) -> None:
    """S16."""
    own, other = await scene.signed_in("binh"), await scene.signed_in("ha")
    await own.post("/me/alerts/browsers", form_of())
    (row,) = await scene.all(PushBrowser)
    for action in ("test", "removal"):
        answer = await other.post(f"/me/alerts/browsers/{row.id}/{action}")
        assert answer.status_code == 404
    assert len(await scene.all(PushBrowser)) == 1
    assert await scene.all(AlertMessage) == []
    assert row.mark not in (await other.get("/me/alerts")).text


async def test_the_worker_script_is_ours_and_controls_no_page(scene: Scene) -> None:
    """Its scope is the folder that it lies in; the policy of the pages stays as it is."""
    browser = await scene.signed_in("binh")
    page = await browser.get("/me/alerts")
    found = re.search(r'data-worker="(/static/push\.js\?[0-9a-f]+)"', page.text)
    assert found
    script = await browser.get(found[1])
    assert script.headers["content-type"].startswith("text/javascript")
    assert "service-worker-allowed" not in script.headers
    assert "worker-src" not in page.headers["content-security-policy"]
    assert "fetch" not in script.text


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (AGENT, "Firefox, Linux"),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome, Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge, Windows",
        ),
        ("curl/8", ""),
    ],
)
def test_what_a_browser_is_called(said: str, name: str) -> None:
    assert name_of(said) == name
