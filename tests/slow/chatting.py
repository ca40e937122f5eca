"""The chat widget as a visitor uses it, and a stranger's web site that shows it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import Locator, Page, expect

from tests.slow.product import PATIENCE_S, TOKEN, Product, until

SHOP = "/demo/shop"
ANSWERED_MS = 1000 * PATIENCE_S
STRICT = (
    "default-src 'none'; script-src {base}; connect-src {connect}; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
BLOCKED = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }});"


@dataclass
class Widget:
    """The widget on an open page; ``sockets`` are the addresses that the page connected to."""

    page: Page
    sockets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("websocket", lambda made: self.sockets.append(made.url))

    def part(self, selector: str) -> Locator:
        """Return a part of it; Playwright looks into open shadow roots."""
        return self.page.locator(f"kip-chat {selector}")

    @property
    def button(self) -> Locator:
        """The round button."""
        return self.part(".launch")

    @property
    def draft(self) -> Locator:
        """Where one writes."""
        return self.part("textarea")

    @property
    def lines(self) -> Locator:
        """What was said, without the greeting."""
        return self.part(".bub:not(:first-child) .b > span:last-child")

    def open(self) -> None:
        """Press the button and wait until the server has said who it is."""
        self.button.click()
        expect(self.part(".title")).to_have_text("Mộc Lam Home", timeout=ANSWERED_MS)

    def say(self, text: str, name: str = "") -> None:
        """Write a message, at first with a name, and wait until the server has it."""
        if name:
            self.part("[name=name]").fill(name)
        self.draft.fill(text)
        self.draft.press("Enter")
        self.taken(text)

    def taken(self, text: str) -> None:
        """Wait until a message of ours carries the mark of being stored."""
        mine = self.part(".me").filter(has_text=text)
        expect(mine).to_have_count(1)
        expect(mine.locator("small")).to_contain_text(
            self.part(".k").evaluate("(k) => (k.lang === 'vi' ? 'đã gửi' : ', sent')"),
            timeout=ANSWERED_MS,
        )

    def hears(self, text: str) -> None:
        """Wait until something is on screen, exactly once."""
        expect(self.lines.filter(has_text=text)).to_have_count(1, timeout=ANSWERED_MS)


def number_of(product: Product, name: str) -> int:
    """Wait for a visitor's only conversation and return its number."""

    def look() -> list[int]:
        return [
            int(one["number"])
            for one in product.conversations()
            if one["contact"]["name"] == name
        ]

    (number,) = until(look, PATIENCE_S, f"a conversation of {name}")
    return number


def answer(product: Product, number: int, text: str) -> None:
    """Answer as the agent."""
    said = product.http.post(
        f"/api/v1/conversations/{number}/replies",
        json={"text": text},
        headers={"authorization": f"Bearer {TOKEN}"},
    )
    said.raise_for_status()


def stored(product: Product, text: str) -> int:
    """Return how many messages with this text there are."""
    (count,) = product.rows("SELECT count(*) FROM messages WHERE text = ?", text)[0]
    return int(count)


class _Host(BaseHTTPRequestHandler):
    def __init__(self, page: bytes, policy: str, *args: object) -> None:
        self._page, self._policy = page, policy
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-security-policy", self._policy)
        self.send_header("content-length", str(len(self._page)))
        self.end_headers()
        self.wfile.write(self._page)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def host_site(
    product: Product, attributes: str = "", lines: int = 1, connect: str = "ws"
) -> Iterator[str]:
    """Serve a site of another origin that allows ours and nothing else; give its origin.

    ``connect`` holds the schemes with which our origin stands in its connect-src.
    """
    line = f'<script src="{product.base_url}/widget/demo.js" async {attributes}></script>'
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,">{line * lines}</head>'
        "<body><main><h1>A shop</h1><p>Its own words.</p></main></body></html>"
    )
    places = " ".join(product.base_url.replace("http", scheme) for scheme in connect.split())
    policy = STRICT.format(base=product.base_url, connect=places)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Host, page.encode(), f"{policy}; img-src data:")
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def allow(product: Product, *sites: str) -> None:
    """Set the sites that may show the demo's chat."""
    product.write(
        "UPDATE inboxes SET settings = json_set(settings, '$.sites', json(?)) "
        "WHERE kind = 'chat' AND handle = 'demo'",
        "[" + ",".join(f'"{site}"' for site in sites) + "]",
    )
