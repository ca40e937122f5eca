"""Alerts in a real browser: switched on, sent by the worker, decrypted, shown.

The push services of browser makers are not reached from a test: the page's ``subscribe`` is
given a browser of ours, and what the worker sends it is handed to the script as a push.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from inbox.channels.webpush import Signer, to_base64
from inbox.clock import utcnow
from tests.machine import needs_chromium
from tests.pushserver import PushService, Window, start_push_service
from tests.slow.product import PATIENCE_S, Product, running, until

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
]

SUBSCRIBE = """
const said = %s;
const plain = (text) => atob(text.replace(/-/g, "+").replace(/_/g, "/"));
const bytes = (text) => Uint8Array.from(plain(text), (c) => c.charCodeAt(0)).buffer;
const held = () => localStorage.getItem("t");
PushManager.prototype.getSubscription = async () => held() && make();
const make = () => ({
  endpoint: said.endpoint,
  getKey: (name) => bytes(said[name]),
  options: { applicationServerKey: bytes(said.key) },
  unsubscribe: async () => { localStorage.removeItem("t"); return true; },
});
PushManager.prototype.subscribe = async (options) => {
  localStorage.setItem("t", "1");
  return make();
};
"""
SHOWN = """async () => {
  const all = await navigator.serviceWorker.getRegistrations();
  const shown = (await Promise.all(all.map((one) => one.getNotifications()))).flat();
  return shown.map((one) => ({ title: one.title, body: one.body, tag: one.tag, data: one.data,
    actions: (one.actions || []).map((a) => a.action) }));
}"""


@pytest.fixture(scope="module")
def service() -> Iterator[PushService]:
    with start_push_service() as started:
        started.now = utcnow()
        yield started


@pytest.fixture(scope="module")
def product(
    tmp_path_factory: pytest.TempPathFactory, service: PushService
) -> Iterator[Product]:
    data = tmp_path_factory.mktemp("push") / "data"
    with running(data, env={"KIP_PUSH_SERVICES": service.origin}) as started:
        started.speaks("agent", "en")
        yield started


@pytest.fixture
def window(product: Product, service: PushService) -> Window:
    secret = (Path(product.data) / "secret.key").read_bytes().strip()
    return service.open_window(Signer(secret, "").public)


@pytest.fixture
def page(
    browser: Browser, product: Product, cookies: dict[str, list[dict[str, Any]]], window: Window
) -> Iterator[Page]:
    context = browser.new_context(base_url=product.base_url, locale="en-GB")
    context.grant_permissions(["notifications"], origin=product.base_url)
    context.add_cookies(cookies["agent"])  # type: ignore[arg-type]
    said = window.said
    facts = {
        "endpoint": said.endpoint,
        "p256dh": to_base64(said.public),
        "auth": to_base64(said.auth),
        "key": window.signer,
    }
    context.add_init_script(SUBSCRIBE % json.dumps(facts))
    page = context.new_page()
    page.goto("/me/alerts")
    yield page
    context.close()


def _show(page: Page, origin: str, *messages: str) -> list[dict[str, Any]]:
    """Hand pushes to the page's worker script as a browser does that got them; what it shows.

    The browser's tool says "delivered" before it tries, and drops what comes while the script
    is not ready, without a word; a push that is delivered twice shows one alert, by its tag.
    """
    session = page.context.new_cdp_session(page)
    found: list[dict[str, Any]] = []
    session.on(
        "ServiceWorker.workerVersionUpdated", lambda said: found.extend(said["versions"])
    )
    session.send("ServiceWorker.enable")

    def look() -> list[dict[str, Any]]:
        page.wait_for_timeout(500)  # hears what the browser says meanwhile
        ready = {one["registrationId"] for one in found if one["status"] == "activated"}
        shown: list[dict[str, Any]] = page.evaluate(SHOWN)
        if len(shown) == len(messages):
            return shown
        for registration in ready:
            for message in messages:
                told = {"origin": origin, "registrationId": registration, "data": message}
                session.send("ServiceWorker.deliverPushMessage", told)
        return []

    return until(look, PATIENCE_S, "all of them are shown")


def test_a_browser_is_switched_on_and_shows_what_is_sent(
    page: Page, product: Product, service: PushService, window: Window
) -> None:
    """F131: subscribed, encrypted, signed, decrypted and shown; then switched off."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: complaints.append(said.text) if said.type == "error" else None,
    )

    page.get_by_role("button", name="Show my alerts in this browser").click()

    expect(page.locator(".flash")).to_contain_text("This browser shows your alerts now.")
    expect(page.get_by_text("(this browser)")).to_be_visible()
    expect(page.locator("#push-form")).to_be_hidden()
    page.get_by_role("button", name="Test").click()
    (sent,) = until(lambda: list(window.shown), PATIENCE_S, "the worker sends the test")
    assert service.complaints == []
    (shown,) = _show(page, product.base_url, json.dumps(sent))
    assert shown["title"] == sent["title"]
    assert shown["data"]["url"].startswith(product.base_url)

    page.get_by_role("button", name="Switch off").click()

    expect(page.locator(".flash")).to_contain_text("The browser is switched off.")
    expect(page.locator("#push-form")).to_be_visible()
    assert page.evaluate("localStorage.getItem('t')") is None
    assert complaints == []


def test_an_alert_has_its_button_and_leads_nowhere_else(
    page: Page, product: Product, window: Window
) -> None:
    """F131: "I have it" only by an address of ours."""
    page.get_by_role("button", name="Show my alerts in this browser").click()
    expect(page.locator("#push-form")).to_be_hidden()
    base = product.base_url
    own = {"title": "Late", "tag": "a", "url": f"{base}/inbox/1", "have": "I have it"}
    own["have_url"] = f"{base}/notices/open/x"
    foreign = {"title": "Odd", "tag": "b", "url": "https://evil.example/", "have": "I have it"}
    foreign["have_url"] = "https://evil.example/"

    shown = _show(page, base, json.dumps(own), json.dumps(foreign), "not JSON")

    assert {one["title"]: one["actions"] for one in shown} == {
        "Late": ["have"],
        "Odd": [],
        "Kịp": [],
    }
