"""Notices, review, quarantine, the demo's pages, health, and what is shown when it fails."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.db import DatabaseGone
from models import EscalationStep, Notice, RawMessage, RawState, SinkMail, SLAClock, Triage
from models.base import columns
from tests.web.scene import NOW, READ_TOKEN, Scene, bearer

notices = columns(Notice)
raws = columns(RawMessage)


async def tell(scene: Scene, number: int, person: str, step: str = "due") -> None:
    """Tell somebody about a conversation."""
    agent = await scene.agent(person)
    clock = (await scene.all(SLAClock))[0]

    def work(session: Session) -> None:
        session.add(
            Notice(
                agent_id=agent.id,
                conversation_id=number,
                clock_id=clock.id,
                generation=clock.generation,
                step=step,
                audience="owner",
                due_at=clock.due_at,
                created_at=scene.clock.now,
            )
        )

    await scene.write(work)


async def test_notices(scene: Scene) -> None:
    """Each person sees the own notices; the bell counts them until the page was seen."""
    number = await scene.arrive()
    await tell(scene, number, "binh")
    await tell(scene, number, "ha", "overdue")
    mine, hers = await scene.signed_in("binh"), await scene.signed_in("ha")
    bell = await mine.get("/notices?part=count", htmx=True)
    assert bell.status_code == 200
    assert "<html" not in bell.text
    assert "The deadline has passed" in bell.text, "a toast for what has just happened"
    assert 'id="nav-count-notices"' in bell.text or "notices" in bell.text
    scene.clock.now += timedelta(minutes=1)
    assert "The deadline has passed" not in (await mine.get("/notices?part=count")).text
    scene.names.clear()
    page = await mine.get("/notices")
    assert f'href="/inbox/{number}"' in page.text
    assert page.text.count('class="unread"') == 1
    assert "Still no answer" not in page.text
    assert scene.names == [f"notices-{(await scene.agent('binh')).id}"]
    again = await mine.get("/notices")
    assert 'class="unread"' not in again.text
    assert f'href="/inbox/{number}"' in again.text
    assert "Still no answer" in (await hers.get("/notices")).text
    assert "No notices" in (await (await scene.signed_in("dung")).get("/notices")).text


@pytest.mark.parametrize("at", ["x", "-1", "²", "9" * 30, "9" * 5000, "0"])
async def test_review_at_odd_places(scene: Scene, at: str) -> None:
    """A made-up place is the beginning."""
    number = await scene.arrive(request_type="")
    await scene.change(number, triage=Triage.NEEDS_REVIEW)
    page = await (await scene.signed_in("ha")).get("/review", params={"at": at})
    assert page.status_code == 200
    assert f'action="/review/{number}"' in page.text


async def test_quarantine_and_again(scene: Scene) -> None:
    """What could not be read is listed with its reason, shown as text, and tried again."""
    scene.worker_is_up = False
    await scene.arrive("x")
    (row,) = await scene.all(RawMessage)
    body = row.body

    def hold(session: Session) -> None:
        held = session.get_one(RawMessage, row.id)
        held.state, held.body = RawState.QUARANTINED, b"<script>alert(1)</script>\xff"
        held.error, held.attempts, held.failures = "It is not what our form sends.", 3, 3
        held.meta = {"peer": "<i>10.0.0.1"}

    await scene.write(hold)
    browser = await scene.signed_in("ha")
    page = (await browser.get("/settings/quarantine")).text
    assert "It is not what our form sends." in page
    assert "&lt;i&gt;10.0.0.1" in page
    shown = (await browser.get(f"/settings/quarantine/{row.id}")).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown

    def mend(session: Session) -> None:
        session.get_one(RawMessage, row.id).body = body

    await scene.write(mend)
    scene.worker_is_up = True
    scene.names.clear()
    answer = await browser.post(f"/settings/quarantine/{row.id}/retry")
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings/quarantine")
    assert "ring:intake" in scene.names
    (now,) = await scene.all(RawMessage)
    assert now.state is RawState.DONE
    assert (await browser.post(f"/settings/quarantine/{row.id}/retry")).status_code == 404
    assert (await browser.get(f"/settings/quarantine/{row.id}")).status_code == 404
    assert "Nothing is held back" in (await browser.get("/settings/quarantine")).text


MAIL = b"""\
From: =?utf-8?q?C=C3=B4ng_ty?= <help@congty.example>\r
To: mai@vidu.example\r
Subject: =?utf-8?q?S=E1=BA=BD_tr=E1=BA=A3_l=E1=BB=9Di?=\r
Auto-Submitted: auto-replied\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
\r
Ch\xc3\xa0o <b>anh</b>\r
"""


async def test_the_demos_mail(start: Callable[..., Any]) -> None:
    """Decision 41: pages for people and JSON for scripts, and only in the demo."""
    demo: Scene = await start(demo=True)

    def sink(session: Session) -> None:
        session.add(
            SinkMail(
                to_address="mai@vidu.example",
                from_address="help@congty.example",
                body=MAIL,
                at=NOW,
            )
        )

    await demo.write(sink)
    (mail,) = (await demo.browser().get("/demo/mail.json")).json()
    assert mail["to"] == "mai@vidu.example"
    assert mail["from"] == "Công ty <help@congty.example>"
    assert mail["subject"] == "Sẽ trả lời"
    assert mail["headers"]["Auto-Submitted"] == "auto-replied"
    assert mail["text"].strip() == "Chào <b>anh</b>"
    assert mail["at"] == "2026-11-24T03:00:00+00:00"
    page = await (await demo.signed_in("binh")).get("/demo/mail")
    assert "Sẽ trả lời" in page.text
    assert "Chào &lt;b&gt;anh&lt;/b&gt;" in page.text
    assert "kip-demo" in (await demo.browser().get("/login")).text


async def test_no_demo_elsewhere(scene: Scene) -> None:
    """A real installation has no open mail and no known password on its sign-in page."""
    assert (await scene.browser().get("/demo/mail.json")).status_code == 404
    assert (await (await scene.signed_in("viet")).get("/demo/mail")).status_code == 404
    assert "kip-demo" not in (await scene.browser().get("/login")).text


async def test_health(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alive is alive; ready needs the database."""
    browser = scene.browser()
    assert (await browser.get("/health/live")).text == "ok"
    assert (await browser.get("/health/ready")).status_code == 200

    async def gone(*_: Any) -> None:
        raise DatabaseGone("The database cannot be reached just now.")

    monkeypatch.setattr(scene.database, "read", gone)
    assert (await browser.get("/health/live")).status_code == 200
    assert (await browser.get("/health/ready")).status_code == 503


@pytest.mark.parametrize(
    ("language", "not_found", "wrong_method", "broken"),
    [
        ("en", "Nothing is here", "Error 405", "Something went wrong on our side"),
        ("vi", "404", "405", "500"),
    ],
)
async def test_error_pages(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    language: str,
    not_found: str,
    wrong_method: str,
    broken: str,
) -> None:
    """Every failure has a page in the reader's language, and none shows what broke."""
    browser = scene.browser(language)
    pages = [await browser.get("/nowhere"), await browser.post("/notices")]
    assert [page.status_code for page in pages] == [404, 405]
    assert not_found in pages[0].text
    assert "on our side" not in pages[1].text
    assert wrong_method in pages[1].text
    assert caplog.records == []

    async def burst(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret detail of /var/lib")

    me = await scene.signed_in("binh", language)
    monkeypatch.setattr("inbox.views.inbox.list_page", burst)
    for path, htmx in (("/inbox?lang=" + language, False), ("/inbox?lang=" + language, True)):
        page = await me.get(path, htmx=htmx)
        assert page.status_code == 500
        assert ("<html" in page.text) is not htmx
        assert "secret" not in page.text
        assert "Traceback" not in page.text
        assert "RuntimeError" not in page.text
        if htmx:
            assert page.headers["hx-retarget"] == "#toasts"
        pages.append(page)
    assert broken in pages[2].text
    for page in pages:
        if "<html" in page.text:
            assert f'lang="{language}"' in page.text
        if language == "vi":
            assert "Something" not in page.text
            assert "Nothing is here" not in page.text
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == 2, "it is written down once each"
    assert logged[0].exc_info is not None


async def test_a_database_that_is_away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 and "back in a moment", for pages and for scripts."""

    async def gone(*_: Any, **__: Any) -> None:
        raise DatabaseGone("The database cannot be reached just now.")

    browser = await scene.signed_in("binh")
    monkeypatch.setattr(scene.database, "read", gone)
    monkeypatch.setattr(scene.database, "write", gone)
    page = await browser.get("/inbox")
    assert page.status_code == 503
    assert "Back in a moment" in page.text
    api = await browser.get("/api/v1/conversations", headers=bearer(READ_TOKEN))
    assert api.status_code == 503
    assert api.headers["content-type"].startswith("application/problem+json")


async def test_steps_hang_on_clocks(scene: Scene) -> None:
    """The page of a new conversation has a ladder behind it."""
    number = await scene.arrive()
    steps = await scene.all(EscalationStep)
    assert {step.conversation_id for step in steps} == {number}
    assert len(steps) >= 3


ODD_REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/%00", {}),
    ("GET", "/%ff", {}),
    ("GET", "/inbox?after=%ff", {}),
    ("GET", "/inbox?lang=%00", {}),
    ("GET", "/inbox?" + "a=1&" * 2000, {}),
    ("GET", "/inbox/1e3", {}),
    ("GET", "/inbox/" + "9" * 4000, {}),
    ("GET", "/login?next=%ff%00", {}),
    ("GET", "/inbox", {"cookie": "kip=\xff; csrf=\xfe"}),
    ("GET", "/inbox", {"cookie": "=;;=; kip"}),
    ("GET", "/inbox", {"accept-language": ",;q=,,\xff"}),
    ("GET", "/api/v1/conversations", {"authorization": "Bearer \xff"}),
    ("GET", "/api/v1/conversations", {"authorization": "Bearer"}),
    ("POST", "/login", {"cookie": "csrf=\xff", "x-csrftoken": "\xff"}),
    ("POST", "/login", {"content-type": "multipart/form-data; boundary="}),
    ("POST", "/login", {"content-length": "x"}),
    ("PATCH", "/inbox", {}),
    ("HEAD", "/inbox", {}),
    ("OPTIONS", "/inbox", {}),
    ("OPTIONS", "/api/v1/conversations", {}),
]


async def test_odd_requests(scene: Scene) -> None:
    """Nothing that a stranger can send is answered with an error of ours."""
    browser = scene.browser()
    for method, path, headers in ODD_REQUESTS:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = await browser.client.request(method, path, headers=raw)
        assert answer.status_code < 500, (method, path[:40], headers)


async def test_what_is_foreseen_is_said_in_the_language_of_whoever_looks(scene: Scene) -> None:
    """DECISIONS 36: also where it was told to somebody in another one."""
    number = await scene.arrive()
    await tell(scene, number, "ha", "forecast")
    data = {"reason": "Không ai đang trực kịp trả lời đúng hạn.", "foreseen": ""}

    def said(session: Session) -> None:
        session.execute(update(Notice).values(kind="forecast", data=data))

    await scene.write(said)
    browser = await scene.signed_in("ha")
    for path in (f"/inbox/{number}", "/notices"):
        page = (await browser.get(path)).text
        assert "Không ai" not in page
        assert "Nobody who is on duty can answer it in time" in page


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/settings/hours/1/days", "/settings/hours/1"),
        ("/settings/triage/habits", "/settings/triage"),
        ("/settings/types/complaint/merger", "/settings/types/complaint"),
        ("/s/abc/messages", "/s/abc"),
        ("/absences/1", "/"),
        ("/inbox/bulk", "/inbox"),  # not itself, which looks like a conversation
    ],
)
async def test_a_form_s_own_address_leads_to_its_page(
    scene: Scene, path: str, page: str
) -> None:
    """A refused form answers at that address, and people load it again."""
    answer = await (await scene.signed_in("viet")).get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
