"""One's feed of what is due, and one's own calendar, on /me/calendar."""

import html
import re

from sqlalchemy import update
from sqlmodel import Session

from inbox.channels.invitation import describe
from models import Message
from models.base import columns
from tests.web.accounts import make_account
from tests.web.scene import Scene

INVITE = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:a\r\nSUMMARY:Nghiệm thu\r\n"
    "DTSTART;TZID=Asia/Ho_Chi_Minh:20261201T090000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


async def test_the_address_is_shown_once_and_read_by_whoever_has_it(scene: Scene) -> None:
    """F132: without signing in; a new address ends the old one."""
    number = await scene.arrive()
    mine = await scene.agent("binh")
    await scene.change(number, owner_id=mine.id)
    browser = await scene.signed_in("binh")
    made = await browser.post("/me/calendar/feed")
    path = re.search(r"/calendar/[\w-]+\.ics", made.text)
    assert path is not None
    assert made.headers["cache-control"] == "no-store"
    assert path[0] not in (await browser.get("/me/calendar")).text

    given = await scene.browser().get(path[0])

    assert given.headers["content-type"] == "text/calendar; charset=utf-8"
    assert f"SUMMARY:Answer #{number}" in given.text
    same = {"if-none-match": given.headers["etag"]}
    assert (await scene.browser().get(path[0], headers=same)).status_code == 304
    assert "It was last read" in (await browser.get("/me/calendar")).text
    await browser.post("/me/calendar/feed")
    assert (await scene.browser().get(path[0])).status_code == 404


async def test_an_own_address_is_checked_kept_and_never_shown(scene: Scene) -> None:
    browser = await scene.signed_in("binh")
    wrong = await browser.post("/me/calendar/own", {"address": "https://127.0.0.1/a.ics"})
    assert wrong.status_code == 422
    assert "This address leads into a private network." in wrong.text
    kept = {"address": "webcal://calendar.example/canary/basic.ics"}
    assert (await browser.post("/me/calendar/own", kept)).status_code == 303

    shown = (await browser.get("/me/calendar")).text

    assert "calendar.example" in shown
    assert "canary" not in shown
    assert (await browser.post("/me/calendar/own/removal")).status_code == 303
    assert "calendar.example" not in (await browser.get("/me/calendar")).text


async def test_an_invitation_stands_on_the_accounts_time_line(scene: Scene) -> None:
    """F132: with its title, time and place, as it was read out of the mail."""
    number = await scene.arrive()
    account_id = await make_account(scene, number)
    (line,) = describe(INVITE.encode())

    def work(session: Session) -> None:
        own = columns(Message)
        session.execute(
            update(Message).where(own.conversation_id == number).values(notes=[line])
        )

    await scene.write(work)
    browser = await scene.signed_in("ha")

    shown = html.unescape((await browser.get(f"/accounts/{account_id}")).text)

    assert "Nghiệm thu · 2026-12-01 09:00 Asia/Ho_Chi_Minh" in shown
