"""What a person waits for in the browser: first paint, keys, shifts of the page, bytes.

Chromium with its processor slowed down four times, an empty cache for each page, `kip run` as
a whole beside it. Where Chromium is not installed, one line says so. What it shows of the
design's acceptance: nothing shifts (DESIGN 2), `j` is answered 2.5 s after the navigation began
over 1.6 Mbit/s (DESIGN 3), and, at full speed beside 10,000 open requests, a row that is opened
changes the pane within 150 ms at p95 (DESIGN 4).
"""

import sqlite3
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
LINE = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 200e3,
    "uploadThroughput": 200e3,
}
OPEN, OPENED = 10_000, 30  # requests beside it, and rows opened
LOADS = 5  # of each page
FORM = "/f/support"
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
addEventListener("focusin", (e) => {
  if (e.target.matches("a.item")) window.seen.answered ??= performance.now();
});
"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
ASSETS = """performance.getEntriesByType('resource')
  .filter((one) => /\\.(css|js)(\\?|$)/.test(new URL(one.name).pathname))
  .reduce((sum, one) => sum + one.encodedBodySize, 0)"""
# From the click until the pane shows that conversation and has been painted.
OPENING = """(row) => new Promise((done) => {
  const link = document.getElementById(row), began = performance.now();
  const watch = new MutationObserver(() => {
    if (document.querySelector("#conversation").dataset.id !== row.slice(1)) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
  });
  watch.observe(document.querySelector("main"),
    { subtree: true, childList: true, attributes: true });
  link.click();
})"""
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
        base = f"http://127.0.0.1:{http_port}"
        for name, width, height in SIZES:
            _measure(browser, base, name, (width, height))
        _fill(Path(folder) / "kip.db")
        _open_rows(browser, base)
        browser.close()


def _measure(browser: Browser, base: str, size: str, view: tuple[int, int]) -> None:
    context = browser.new_context(
        base_url=base, viewport={"width": view[0], "height": view[1]}, locale="vi-VN"
    )
    context.add_init_script(LISTEN)
    elsewhere: list[str] = []
    page = context.new_page()
    page.on("request", lambda one: elsewhere.append(one.url) if base not in one.url else None)
    _sign_in(page)
    number = page.locator("a.item").first.get_attribute("href")
    line = context.new_cdp_session(page)
    line.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    places = (("list", "/inbox"), ("conversation", str(number)), ("form", FORM))
    for title, path in places:
        loads = [_load(page, line, path) for _ in range(LOADS)]
        paints = [paint for paint, _ in loads]
        figure(f"browser_{title}_{size}_first_paint", statistics.median(paints), "ms", "1000")
        figure(f"browser_{title}_{size}_shift", max(shift for _, shift in loads), "CLS", "0")
    figure(f"browser_key_{size}", _press(page), "ms", "100")
    figure(f"browser_css_js_{size}", page.evaluate(ASSETS), "bytes", "60000")
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", LINE)
    answers = [_answers(page, line) for _ in range(LOADS)]
    figure(f"browser_answers_{size}", statistics.median(answers), "ms", "2500")
    figure(f"browser_other_origins_{size}", len(elsewhere), "requests", "0")
    context.close()


def _sign_in(page: Page) -> None:
    page.goto("/login")
    page.fill("#email", "agent@demo.example")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/inbox")


def _answers(page: Page, line: Any) -> float:
    """Press `j` until a row has the focus; return when that was, in ms from the start."""
    line.send("Network.clearBrowserCache")
    page.goto("/inbox", wait_until="commit")
    answered = None
    while answered is None:
        page.keyboard.press("j")
        answered = page.evaluate("window.seen?.answered ?? null")
    return float(answered)


def _fill(path: Path) -> None:
    """Copy one open request until there are many; all are due later than what was there."""
    connection = sqlite3.connect(path, timeout=30)
    with connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(conversations)")]
        due = "datetime('now', '+' || (10000 + i) || ' minutes') || '.000000'"
        other = {"id": "100000 + i", "public_token": "'bench-' || i", "last_message_id": "NULL"}
        other |= dict.fromkeys(("next_due_at", "first_response_due_at", "order_at"), due)
        values = ", ".join(other.get(name, f"c.{name}") for name in columns)
        connection.execute(
            f"INSERT INTO conversations ({', '.join(columns)}) WITH RECURSIVE n(i) AS "  # noqa: S608
            "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            f"SELECT {values} FROM n, (SELECT * FROM conversations "
            "WHERE status = 'open' AND next_due_at IS NOT NULL LIMIT 1) c",
            (OPEN,),
        )
    connection.close()


def _open_rows(browser: Browser, base: str) -> None:
    context = browser.new_context(
        base_url=base, viewport={"width": 1440, "height": 900}, locale="vi-VN"
    )
    page = context.new_page()
    _sign_in(page)
    rows = page.locator("#list a.item").evaluate_all("(all) => all.map((row) => row.id)")
    took = [page.evaluate(OPENING, row) for row in rows[:OPENED]]
    p95 = statistics.quantiles(took, n=20)[-1]
    figure(f"browser_open_a_row_of_{OPEN}", p95, "ms", "150")
    context.close()


def _load(page: Page, line: Any, path: str) -> tuple[float, float]:
    """Return first contentful paint, in ms from the navigation's start, and the shift."""
    line.send("Network.clearBrowserCache")
    page.goto(path, wait_until="load")
    if path != FORM:
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
