"""HTML mail in a real browser: on a page with our policy, in the frame as it is served."""

import json

import pytest
from playwright.sync_api import Browser, Page, Route

from inbox.channels.mime import parse
from inbox.store.designs import Design
from inbox.views.designed import _ALL_PICTURES, _OWN_PICTURES, _POLICY, document
from inbox.views.security import page_policy
from tests.hostile_html import SPY, fetching, running

pytestmark = pytest.mark.slow

OURS = "http://kip.example"
# so that none of them swallows those after it
CLOSED = (
    "--></style></script></title></textarea></noscript></template></select></svg></math><p>"
)
SETTLE = "() => new Promise(done => setTimeout(done, 150))"
PAGE = (
    '<!doctype html><title>kip</title><div id="toasts"></div>{named}'
    '<iframe name="mail-1" src="/html" sandbox="allow-popups allow-popups-to-escape-sandbox">'
    "</iframe>"
)


class Stage:
    """A page of ours with one mail on it, and a list of what the browser asked others for."""

    def __init__(self, browser: Browser, html: str, named: str = "") -> None:
        raw = f"From: a@x.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}"
        self.mail = parse(raw.encode("utf-8", "replace"))
        self.named = named
        self.asked: list[str] = []
        self.page: Page = browser.new_page()
        self.page.on("dialog", lambda dialog: self.asked.append(dialog.message))
        self.page.route("**/*", self._answer)
        self.page.goto(f"{OURS}/")
        self.page.evaluate(SETTLE)

    def _answer(self, route: Route) -> None:
        url = route.request.url
        if url == f"{OURS}/":
            body = PAGE.format(named=self.named)
            policy = page_policy(OURS)
        elif url.startswith(f"{OURS}/html"):
            remote = url.endswith("images=1")
            body = document(Design(self.mail.shown_html, {}), "vi", remote=remote).decode()
            policy = _POLICY.format(_ALL_PICTURES if remote else _OWN_PICTURES)
        else:
            self.asked.append(url)
            route.abort()
            return
        headers = {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": policy,
        }
        route.fulfill(body=body, headers=headers)

    def pwned(self) -> bool:
        """Whether anything ran, in the page or in the frame."""
        return any(bool(frame.evaluate("window.__pwn")) for frame in self.page.frames)


def test_no_payload_runs_and_none_asks_anybody(browser: Browser) -> None:
    """R34, R35, S1, S3: more than 300 that would run and 60 that would fetch, by dozens."""
    payloads = running() + fetching()
    size = 30
    for start in range(0, len(payloads), size):
        stage = Stage(browser, CLOSED.join(payloads[start : start + size]))
        assert stage.mail.shown_html
        assert stage.asked == []
        assert not stage.pwned()
        stage.page.close()


def test_even_what_was_not_cleaned_can_do_nothing(browser: Browser) -> None:
    """The frame alone holds: its policy and sandbox, should the cleaning ever miss one."""
    stage = Stage(browser, "<p>hello")
    object.__setattr__(stage.mail, "shown_html", "\n".join(running() + fetching()[:40]))
    stage.page.reload()
    stage.page.evaluate(SETTLE)
    assert [url for url in stage.asked if SPY in url] == []
    assert stage.page.evaluate("window.__pwn") is None
    stage.page.close()


def test_pictures_come_after_a_click(browser: Browser) -> None:
    """R35: the link above the frame loads it again, with them."""
    stage = Stage(
        browser,
        f'<p>hello<img src="{SPY}/p.gif">',
        '<a href="/html?images=1" target="mail-1">load</a>',
    )
    assert stage.asked == []
    stage.page.get_by_text("load").click()
    frame = stage.page.frame(name="mail-1")
    assert frame is not None
    frame.wait_for_url("**/html?images=1")
    frame.wait_for_load_state("load")
    assert stage.asked == [f"{SPY}/p.gif"], json.dumps(stage.asked)
    stage.page.close()
