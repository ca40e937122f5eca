"""The files of deploy/: programs accept them, and web servers do what docs/deploy.md says."""

import asyncio
import json
import queue
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.slow.product import (
    PASSWORD,
    PATIENCE_S,
    SUPPORT,
    Product,
    hidden,
    make_mail,
    running,
    until,
)
from tests.slow.proxies import (
    DEPLOY,
    FILES,
    NAME,
    Certificate,
    make_certificate,
    program,
    proxy,
)

pytestmark = pytest.mark.slow

BASE = f"https://{NAME}"
CUSTOMER = "127.0.0.2"  # an address that is not the proxy's
FORGED = {
    "x-forwarded-for": "203.0.113.7",
    "x-real-ip": "203.0.113.7",
    "forwarded": "for=203.0.113.7",
    "x-forwarded-host": "evil.example",
}
MIB = 1024 * 1024
KINDS = [
    pytest.param(
        kind, marks=pytest.mark.skipif(program(kind) is None, reason=f"{kind} is not here")
    )
    for kind in FILES
]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Run a company whose pages are at https://inbox.congty.example."""
    data = tmp_path_factory.mktemp("behind") / "data"
    with running(data, env={"KIP_BASE_URL": BASE}) as started:
        yield started


@dataclass(frozen=True)
class Front:
    """A web server before the product, and how to reach it as a customer does."""

    port: int
    known: Certificate
    product: Product

    def browser(self, **headers: str) -> httpx.Client:
        """Return a browser that finds the name at our port, from an address of its own."""
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}",
            headers={"host": NAME, **headers},
            transport=_Named(self.known),
            timeout=20,
        )


class _Named(httpx.HTTPTransport):
    """Connects from the customer's address and asks for the name."""

    def __init__(self, known: Certificate) -> None:
        super().__init__(verify=known.trusting(), local_address=CUSTOMER)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = NAME
        return super().handle_request(request)


@pytest.fixture(scope="module", params=KINDS)
def front(
    product: Product, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Front]:
    """Each of the web servers in turn."""
    folder = tmp_path_factory.mktemp(request.param)
    known = make_certificate(folder)
    with proxy(request.param, folder, product.port, known) as port:
        yield Front(port, known, product)


def _sign_in(browser: httpx.Client) -> None:
    fields = hidden(browser.get("/login").text)
    fields |= {"email": "agent@demo.example", "password": PASSWORD}
    answer = browser.post("/login", data=fields, headers={"origin": BASE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox"), answer.text


def _peer(product: Product, sender: str) -> str:
    """Return the address that a form was counted for."""
    sql = "SELECT meta FROM raw_messages WHERE CAST(body AS TEXT) LIKE ?"
    (row,) = until(lambda: product.rows(sql, f"%{sender}%"), PATIENCE_S, "the form is stored")
    found: dict[str, Any] = json.loads(row[0])
    return str(found["peer"])


def test_pages_cookies_and_headers(front: Front) -> None:
    with front.browser() as browser:
        _sign_in(browser)
        page = browser.get("/inbox")
        assert page.status_code == 200
        assert "max-age" in page.headers["strict-transport-security"]
        assert f"script-src {BASE}/static/" in page.headers["content-security-policy"]
        assert {one.name for one in browser.cookies.jar} >= {"__Host-kip", "__Host-csrf"}
        assert all(one.secure for one in browser.cookies.jar)
        assert browser.get("/metrics").status_code == 404
        assert browser.get("/health/ready").text == "ok"
        style = re.search(r'href="[^"]*(/static/app[^"]*css[^"]*)"', page.text)
        assert style
        assert browser.get(style[1]).status_code == 200


def test_forged_addresses_have_no_effect(front: Front) -> None:
    """RELIABILITY 4.1: who is counted is who connected to the web server."""
    sender = f"forged.{uuid.uuid4().hex}@customer.example"
    with front.browser(**FORGED) as browser:
        page = browser.get("/f/support").text
        assert "evil.example" not in page
        fields = {"token": hidden(page)["token"], "email": sender, "body": "Hello?"}
        answer = browser.post("/f/support", data=fields)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(("/s/", f"{BASE}/s/"))
    assert _peer(front.product, sender) == CUSTOMER


def test_without_the_proxy_nobody_is_believed(product: Product) -> None:
    """Only 127.0.0.1 may say for whom it speaks."""
    sender = f"direct.{uuid.uuid4().hex}@customer.example"
    transport = httpx.HTTPTransport(local_address="127.0.0.3")
    with httpx.Client(base_url=product.base_url, headers=FORGED, transport=transport) as client:
        token = hidden(client.get("/f/support").text)["token"]
        fields = {"token": token, "email": sender, "body": "Hello?"}
        assert client.post("/f/support", data=fields).status_code == 303
    assert _peer(product, sender) == "127.0.0.3"


def test_events_come_as_they_happen(front: Front) -> None:
    """/live is not held back by the web server."""
    heard: queue.Queue[tuple[str, float]] = queue.Queue()
    opened = threading.Event()
    with front.browser() as browser:
        _sign_in(browser)
        streaming = httpx.Client(
            base_url=browser.base_url,
            headers={"host": NAME},
            transport=_Named(front.known),
            cookies=browser.cookies,
            timeout=20,
        )

        def listen() -> None:
            with suppress(httpx.HTTPError), streaming.stream("GET", "/live") as stream:
                for line in stream.iter_lines():
                    opened.set()  # the first line came before anything happened
                    if line.startswith("event: "):
                        heard.put((line, time.monotonic()))

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        assert opened.wait(10)
        sent = time.monotonic()
        front.product.send_mail(make_mail("live@customer.example"), "live@customer.example")
        name, at = heard.get(timeout=10)
        while name != "event: list":
            name, at = heard.get(timeout=10)
        assert at - sent < 3  # storing, taking in and telling, on a busy machine
        streaming.close()


@pytest.mark.parametrize(("size", "status"), [(9 * MIB, 303), (12 * MIB, 413), (30 * MIB, 413)])
def test_uploads_up_to_the_limit(front: Front, size: int, status: int) -> None:
    """9 MiB are taken, over 10 the form refuses, over 26 the web server does."""
    sender = f"upload.{uuid.uuid4().hex}@customer.example"
    with front.browser() as browser:
        token = hidden(browser.get("/f/support").text)["token"]
        fields = {"token": token, "email": sender, "body": "See the file."}
        files = {"files": ("big.bin", b"\0" * size, "application/octet-stream")}
        try:
            answer = browser.post("/f/support", data=fields, files=files)
        except (httpx.WriteError, httpx.ReadError):
            # It answers before it has read everything, and closes; not every client sees it.
            assert size > 26 * MIB
            return
    assert answer.status_code == status


def test_the_chat_goes_through(front: Front) -> None:
    """A WebSocket, kept open by both sides."""

    async def talk() -> None:
        async with connect(
            f"wss://{NAME}/chat/demo",
            host="127.0.0.1",
            port=front.port,
            ssl=front.known.trusting(),
            additional_headers={"Origin": BASE},
            proxy=None,
        ) as socket:

            async def hear(kind: str) -> dict[str, Any]:
                async with asyncio.timeout(10):
                    while True:
                        frame: dict[str, Any] = json.loads(await socket.recv())
                        if frame["type"] == kind:
                            return frame

            hello = {"type": "hello", "token": None, "email": "ws@customer.example"}
            await socket.send(json.dumps(hello))
            assert (await hear("welcome"))["token"]
            line = str(uuid.uuid4())
            await socket.send(json.dumps({"type": "message", "id": line, "text": "Xin chào"}))
            assert (await hear("accepted"))["id"] == line

    asyncio.run(talk())


def test_another_name_is_nobody_here(front: Front) -> None:
    with front.browser(host="other.example") as browser, suppress(httpx.HTTPError):
        answer = browser.get("/login")
        assert b"password" not in answer.content


# ---- what only parses -----------------------------------------------------


@pytest.mark.skipif(program("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """Paths that exist on the company's machine only are put to ours."""
    kip = Path(sys.executable).parent / "kip"
    for file in (DEPLOY / "systemd").iterdir():
        text = file.read_text("utf-8").replace("/opt/kip/.venv/bin/kip", str(kip))
        (tmp_path / file.name).write_text(text, "utf-8")
    units = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(
        [str(program("systemd-analyze")), "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "kip" in line]
    assert not ours, "\n".join(ours)


def test_units_name_commands_that_exist() -> None:
    """What stands behind /opt/kip/.venv/bin/kip is a command with these options."""
    for file in (DEPLOY / "systemd").glob("*.service"):
        for words in re.findall(
            r"^ExecStart=/opt/kip/\.venv/bin/kip (.*)$", file.read_text(), re.M
        ):
            role, *options = words.split()
            done = subprocess.run(
                [sys.executable, "-P", "-m", "inbox.cli", role, "--help"],
                capture_output=True,
                text=True,
                check=True,
            )
            for option in options:
                assert not option.startswith("--") or option in done.stdout


def test_the_pipe_script_keeps_the_mail_whatever_happens(tmp_path: Path) -> None:
    """75 where Kịp cannot even start; what Kịp decides is handed on."""
    script = (DEPLOY / "postfix" / "kip-receive").read_text("utf-8")
    for own, code in ((0, 0), (65, 65), (67, 67), (1, 75), (2, 75), (75, 75), (127, 75)):
        kip = tmp_path / "kip"
        kip.write_text(f"#!/bin/sh\nexit {own}\n")
        kip.chmod(0o755)
        (tmp_path / "env").write_text(f"KIP_DATA_DIR={tmp_path}\n")
        text = script.replace("/opt/kip/.venv/bin/kip", str(kip))
        text = text.replace("/etc/kip-receive.env", str(tmp_path / "env"))
        done = subprocess.run(
            ["/bin/sh", "-c", text, "kip-receive", "--to", SUPPORT], check=False
        )
        assert done.returncode == code
    gone = script.replace("/etc/kip-receive.env", str(tmp_path / "env"))
    done = subprocess.run(
        ["/bin/sh", "-c", gone, "kip-receive"], capture_output=True, check=False
    )
    assert done.returncode == 75
