"""Random requests to every route, form and API call: each is answered, none breaks anything.

What is sent depends on the seed alone; a failure names it. ``KIP_TEST_SEED`` sets another.
"""

import json
import os
import random
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import msgspec
import pytest

from inbox.auth import sign
from inbox.views.api import shapes
from tests.web.scene import WRITE_TOKEN, Browser, Scene, bearer
from tests.web.test_access import TABLE
from tests.web.test_attack_routes import INJECTIONS, name_of_access, query_names
from tests.web.things import Things, make_things

SEED = int(os.environ.get("KIP_TEST_SEED", "20261124"))
SHORT, LONG = 300, 10_000  # on each of two databases
PORTION = 100  # requests to one application with one company
ANSWER_MAX_S = 5.0
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
KINDS = (
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "application/json",
    "application/json; charset=utf-16",
    "text/plain",
    "text/xml; charset=\xff",
    "application/x-www-form-urlencoded; charset=bogus",
    "x",
    "",
)
ODD_HEADERS = (
    ("host", ("evil.example", "", "a b", "[::1", "testserver.example:99999", "x" * 300)),
    ("origin", ("null", "", "http://evil.example", "http://testserver.example")),
    ("cookie", ("kip=x", "kip=\xff; csrf=\xfe", "=", ";;;", "kip", 'flash="a.b', "a=b;" * 500)),
    ("authorization", ("Bearer", "Bearer  ", "Basic x", "Bearer \xff", "bearer a b c")),
    ("idempotency-key", ("", "k" * 300, "a\x7f", "\xff", "k")),
    ("accept-language", ("*", "vi;q=x", ",,,", "\xff", "en-" * 900)),
    ("hx-request", ("true", "false", "\xff")),
    ("content-length", ("0", "1")),
    ("x-forwarded-for", ("1.2.3.4", "x", "::1, 1.1.1.1")),
    ("range", ("bytes=0-", "bytes=9-1", "x")),
    ("if-none-match", ("*", '"x"', "\xff")),
    ("webhook-id", ("e", "\xff", "")),
    ("webhook-timestamp", ("0", "x", "9" * 40)),
    ("webhook-signature", ("v1,x", "v1,", "\xff")),
)


@dataclass
class Request:
    """One request as it goes over the wire; printed when it was answered badly."""

    method: str
    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Maker:
    """Makes requests that are nearly right: what is wrong with each is chosen at random."""

    def __init__(
        self, seed: str, scene: Scene, things: Things, browsers: list[Browser]
    ) -> None:
        self.chance = random.Random(seed)
        self.scene, self.things, self.browsers = scene, things, browsers
        self.names = list(TABLE)
        self.queries = query_names()

    def text(self) -> str:
        """Return a value: a known attack, a plain one, or letters from anywhere."""
        pick = self.chance.random()
        if pick < 0.5:
            return self.chance.choice(INJECTIONS)
        if pick < 0.7:
            return self.chance.choice(
                ("0", "1", "1001", "open", "mine", "high", "general", "vi")
            )
        return "".join(
            chr(self.chance.choice((self.chance.randrange(128), self.chance.randrange(0xD800))))
            for _ in range(self.chance.randrange(12))
        )

    def value(self, depth: int = 0) -> Any:
        """Return something that JSON can say."""
        kinds: list[Any] = [None, True, 0, -1, 2**31, 2**63, 10**40, 1.5, 1e308, self.text()]
        if depth < 3:
            kinds += [[self.value(depth + 1)], {self.text(): self.value(depth + 1)}]
        return self.chance.choice(kinds)

    def path(self, pattern: str) -> str:
        """Fill in an address, seldom with what belongs there."""
        if self.chance.random() < 0.15:
            for name in ("number", "raw_id", "blob_id", "token", "slug", "name", "key"):
                odd = quote(self.text()[:300], safe="")
                pattern = pattern.replace(f"{{{name}}}", odd or "x")
        path = self.things.path(pattern)
        if self.chance.random() < 0.3:
            asked = {self.chance.choice(self.queries): self.text() for _ in range(2)}
            path += "?" + urlencode(asked, errors="replace")
        return path

    def fields(self, name: str) -> dict[str, Any]:
        """Return a route's fields with some of them spoilt, lost or too many."""
        body = dict(TABLE[name].body or {})
        for field in list(body):
            pick = self.chance.random()
            if pick < 0.1:
                del body[field]
            elif pick < 0.6:
                body[field] = self.value() if name_of_access(name) == "token" else self.text()
        if self.chance.random() < 0.1:
            body[self.text()[:40]] = self.text()
        return body

    def encoded(self, name: str, fields: dict[str, Any]) -> tuple[str, bytes]:
        """Return a content type and a body that mostly fit together."""
        kind = "application/json" if name_of_access(name) == "token" else KINDS[0]
        if self.chance.random() < 0.15:
            kind = self.chance.choice(KINDS)
        if "json" in kind:
            body = json.dumps(fields).encode("utf-16" if "16" in kind else "utf-8")
        elif kind.startswith("multipart"):
            body = b"".join(
                b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
                % (
                    key.encode(),
                    self.chance.choice((b"", b'; filename="../x\x00.htm"', b"; filename=")),
                    str(value).encode(),
                )
                for key, value in fields.items()
            ) + self.chance.choice((b"--b--\r\n", b"--b", b""))
        else:
            body = urlencode(fields, errors="replace").encode()
        if self.chance.random() < 0.08:
            cut = self.chance.randrange(len(body) + 1)
            body = body[:cut] + self.chance.randbytes(self.chance.randrange(60))
        return kind, body

    def request(self) -> tuple[Browser, Request]:
        """Return one request and who sends it."""
        name = self.chance.choice(self.names)
        method, _, pattern = name.partition(" ")
        browser = self.chance.choice(self.browsers)
        fields = self.fields(name)
        access = name_of_access(name)
        if access == "link" and self.chance.random() < 0.8:
            fields["token"] = self.link_token(pattern)
        elif access != "token" and self.chance.random() < 0.9:
            fields["_csrf_token"] = browser.form_token
        kind, body = self.encoded(name, fields)
        headers = {"content-type": kind}
        if access == "token" and self.chance.random() < 0.9:
            headers |= bearer(WRITE_TOKEN) | {"idempotency-key": self.text()[:80]}
        for header, values in self.chance.sample(ODD_HEADERS, 2):
            if self.chance.random() < 0.15:
                headers[header] = self.chance.choice(values)
        if self.chance.random() < 0.05:
            method = self.chance.choice(METHODS)
        if method == "GET" and self.chance.random() < 0.9:
            body = b""
        told = [(key.encode(), _wire(value)) for key, value in headers.items()]
        return browser, Request(method, self.path(pattern), told, body)

    def link_token(self, pattern: str) -> str:
        """Return the token of a public form's page."""
        purpose = "form:support" if pattern.startswith("/f/") else f"status:{self.things.token}"
        text = f"{int(self.scene.clock.now.timestamp())}.{self.chance.randrange(10**9)}"
        return f"{text}.{sign(self.scene.site.secret, purpose, text)}"


def _wire(value: str) -> bytes:
    """Return a header's value as a client that cares for nothing sends it, on one line."""
    return value.replace("\r", "").replace("\n", "").encode("utf-8", "surrogatepass")


def complaint(answer: httpx.Response, sent: Request) -> str:
    """Return what is wrong with an answer, or ""."""
    if answer.status_code >= 500:
        return "5xx"
    if not answer.headers.get("content-security-policy"):
        return "without our headers"
    if sent.path.startswith("/api/") and answer.status_code >= 400 and sent.method != "HEAD":
        if answer.headers["content-type"] != "application/problem+json":
            return "not a problem document"
        said = msgspec.json.decode(answer.content, type=shapes.Problem)
        if said.status != answer.status_code or not said.title or not said.detail:
            return "an incomplete problem"
    return ""


async def fuzz(scene: Scene, seed: str, requests: int) -> None:
    """Send them, then look whether everybody can still work."""
    things = await make_things(scene)
    people = [await scene.signed_in(who) for who in ("binh", "dung", "ha", "viet")]
    maker = Maker(seed, scene, things, [scene.browser(), *people])
    for number in range(requests):
        browser, sent = maker.request()
        path = sent.path.encode("utf-8", "replace").decode()
        answer = await browser.client.request(
            sent.method, path, headers=sent.headers, content=sent.body, timeout=ANSWER_MAX_S
        )
        wrong = complaint(answer, sent)
        assert not wrong, f"seed {seed}, request {number}: {wrong}: {answer.status_code} {sent}"
    scene.worker_is_up = True
    number = await scene.arrive("Still there?")
    binh = await scene.signed_in("ha")
    assert (await binh.get(f"/inbox/{number}")).status_code == 200
    assert (await binh.post(f"/inbox/{number}/claim")).status_code == 303


@pytest.mark.parametrize("portion", range(SHORT // PORTION))
async def test_six_hundred_random_requests(scene: Scene, portion: int) -> None:
    """R49, G15: 0 × 5xx, and the API's refusals are problem documents."""
    await fuzz(scene, f"{SEED}/{portion}", PORTION)


@pytest.mark.long
@pytest.mark.parametrize("portion", range(LONG // PORTION))
async def test_twenty_thousand_random_requests(scene: Scene, portion: int) -> None:
    """R49, G15: the long version."""
    await fuzz(scene, f"{SEED}/long/{portion}", PORTION)
