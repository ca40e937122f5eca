"""Take a picture of every page: light and dark, wide and narrow, Vietnamese and English.

They are for people to look at, in ``var/screenshots/LOOK/PAGE.png``. ``make screenshots`` runs
it; ``make screenshots ARGS="inbox me"`` takes only addresses that hold one of these words.
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.machine import chromium
from tests.slow.product import Product, running
from tests.slow.test_every_page import WHO, address_of, make_places, pages
from tests.web.test_access import list_routes

FOLDER = Path("var/screenshots")
LOOKS = list(itertools.product((1440, 390), ("light", "dark"), ("vi", "en")))
HEIGHT = {1440: 900, 390: 844}
MOST_HIGH = 6000
# Pages scroll inside their frame: the window is made as high as what is in it.
TALL = (
    """Math.max(0, ...[...document.querySelectorAll("main.page")].map((e) => e.scrollHeight))"""
)
# What no address shows by itself: a name, a page, and the keys that are pressed on it.
OPENED = (
    ("palette", "GET /inbox/{number}", ("Control+k",)),
    ("keys", "GET /inbox/{number}", ("?",)),
    ("menu-topics", "GET /inbox/{number}", ("c",)),
    ("menu-owners", "GET /inbox/{number}", ("a",)),
    ("menu-snooze", "GET /inbox/{number}", ("h",)),
    ("details", "GET /inbox/{number}", ("d",)),
)


def main() -> int:
    """Start the sample company, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only addresses that hold one of these")
    parser.add_argument("--into", type=Path, default=FOLDER)
    wanted = parser.parse_args()
    program = chromium()
    if program is None:
        sys.stderr.write("Pictures need Chromium: make machine installs it, or says how.\n")
        return 1
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        product = stack.enter_context(running(Path(folder) / "data"))
        places = make_places(product)
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=str(program), args=["--no-sandbox", "--disable-gpu"]
        )
        shots = list(_shots(wanted.words, places))
        for width, theme, language in LOOKS:
            into = wanted.into / f"{width}-{theme}-{language}"
            into.mkdir(parents=True, exist_ok=True)
            _take(browser, product, shots, into, (width, theme, language))
            sys.stdout.write(f"{into}: {len(shots)} pictures\n")
    return 0


def _shots(
    words: list[str], places: dict[str, Any]
) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Yield file name, who looks, address, and keys."""
    routes = list_routes()
    for name in pages():
        path = name.partition(" ")[2]
        file = path.strip("/").replace("/", "-").replace("{", "").replace("}", "") or "start"
        who = WHO.get(str(routes[name].opt["access"]), "")
        if not words or any(word in path for word in words):
            yield file, who, address_of(name, places), ()
    for file, name, keys in OPENED:
        if not words or any(word in file or word in name for word in words):
            yield file, "supervisor", address_of(name, places), keys


def _take(
    browser: Browser,
    product: Product,
    shots: list[tuple[str, str, str, tuple[str, ...]]],
    into: Path,
    look: tuple[int, str, str],
) -> None:
    width, theme, language = look
    windows: dict[str, Page] = {}
    for file, who, path, keys in shots:
        if who not in windows:
            windows[who] = _context(browser, product, who, width, theme).new_page()
        page = windows[who]
        page.set_viewport_size({"width": width, "height": HEIGHT[width]})
        page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
        page.wait_for_load_state("load")
        for key in keys:
            page.keyboard.press(key)
        if not keys:
            tall = int(page.evaluate(TALL)) + (80 if width < 600 else 0)  # the bar below
            high = min(max(HEIGHT[width], tall), MOST_HIGH)
            page.set_viewport_size({"width": width, "height": high})
        page.screenshot(path=into / f"{file}.png", full_page=not keys, animations="disabled")
    for page in windows.values():
        page.context.close()


def _context(
    browser: Browser, product: Product, who: str, width: int, theme: Any
) -> BrowserContext:
    context = browser.new_context(
        base_url=product.base_url,
        color_scheme=theme,
        has_touch=width < 600,
    )
    if who:
        with product.signed_in(who) as client:
            context.add_cookies(
                [
                    {"name": one.name, "value": one.value or "", "url": product.base_url}
                    for one in client.cookies.jar
                ]
            )
    return context


if __name__ == "__main__":
    sys.exit(main())
