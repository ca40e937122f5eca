"""What a person waits for in the browser: first paint, keys, shifts of the page, bytes.

Chromium with its processor slowed down four times, an empty cache for each page, `kip run` as
a whole beside it. Where Chromium is not installed, one line says so.
"""

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.bench_run import free_ports, product
from benchmarks.measure import figure
from tests.machine import chromium
from tests.slow.product import PASSWORD

SLOWER = 4  # times
LOADS = 5  # of each page
SIZES = (("wide", 1440, 900), ("phone", 390, 844))
# Told by the browser itself; it begins to listen before the page does anything.
LISTEN = """
window.seen = {shift: 0, slowest: 0};
new PerformanceObserver((list) => list.getEntries().forEach((one) => {
  if (!one.hadRecentInput) window.seen.shift += one.value;
})).observe({type: "layout-shift", buffered: true});
new PerformanceObserver((list) => list.getEntries().forEach((one) => {
  window.seen.slowest = Math.max(window.seen.slowest, one.duration);
})).observe({type: "event", buffered: true, durationThreshold: 16});
"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
ASSETS = """performance.getEntriesByType('resource')
  .filter((one) => /\\.(css|js)(\\?|$)/.test(new URL(one.name).pathname))
  .reduce((sum, one) => sum + one.encodedBodySize, 0)"""
KEYS = ("j", "j", "j", "k", "Enter", "c", "Escape", "Control+k", "Escape", "r", "a", "Escape")


def main() -> None:
    """Print a figure for each size and page."""
    program = chromium()
    if program is None:
        sys.stdout.write("bench_browser needs Chromium\n")
        return
    http_port, smtp_port = free_ports(2)
    with (
        tempfile.TemporaryDirectory() as folder,
        product(Path(folder), http_port, smtp_port, "--no-traffic"),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=str(program), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, width, height in SIZES:
            _measure(browser, f"http://127.0.0.1:{http_port}", name, (width, height))
        browser.close()


def _measure(browser: Browser, base: str, size: str, view: tuple[int, int]) -> None:
    context = browser.new_context(
        base_url=base, viewport={"width": view[0], "height": view[1]}, locale="vi-VN"
    )
    context.add_init_script(LISTEN)
    elsewhere: list[str] = []
    page = context.new_page()
    page.on("request", lambda one: elsewhere.append(one.url) if base not in one.url else None)
    page.goto("/login")
    page.fill("#email", "agent@demo.example")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/inbox")
    number = page.locator("a.item").first.get_attribute("href")
    line = context.new_cdp_session(page)
    line.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    for title, path in (("list", "/inbox"), ("conversation", str(number))):
        loads = [_load(page, line, path) for _ in range(LOADS)]
        paints = [paint for paint, _ in loads]
        figure(f"browser_{title}_{size}_first_paint", statistics.median(paints), "ms", "1000")
        figure(f"browser_{title}_{size}_shift", max(shift for _, shift in loads), "CLS", "0")
    figure(f"browser_css_js_{size}", page.evaluate(ASSETS), "bytes", "60000")
    figure(f"browser_key_{size}", _press(page), "ms", "100")
    figure(f"browser_other_origins_{size}", len(elsewhere), "requests", "0")
    context.close()


def _load(page: Page, line: Any, path: str) -> tuple[float, float]:
    """Return first contentful paint, in ms from the navigation's start, and the shift."""
    line.send("Network.clearBrowserCache")
    page.goto(path, wait_until="load")
    expect(page.locator("html[data-js]")).to_be_attached()
    page.wait_for_timeout(500)  # what moves the page late
    return page.evaluate(PAINT), page.evaluate("window.seen.shift")


def _press(page: Page) -> float:
    """Return the longest time from a key to the picture after it, to 8 ms, in milliseconds."""
    page.goto("/inbox", wait_until="load")
    page.wait_for_timeout(500)
    for key in KEYS:
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    longest: float = page.evaluate("window.seen.slowest")
    return longest


if __name__ == "__main__":
    main()
