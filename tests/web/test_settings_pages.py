"""The pages of the first day, the company, its hours and its ways in; without a script."""

import re
from typing import Any

import pytest

from inbox.company import boxes, open_work
from inbox.company.boxes import NO_SIGN_IN, TestFailed
from inbox.store.audit import add_entry
from models import (
    AuditAction,
    AuditEntry,
    AuditThing,
    Calendar,
    ChannelKind,
    Company,
    Inbox,
    Mailbox,
    Outbox,
)
from models.base import columns
from tests.web.scene import NOW, Browser, Scene

inboxes = columns(Inbox)
PASSWORD = "canary-7f3a"
BOX = {
    "host": "imap.congty.example",
    "tls": "tls",
    "port": "",
    "username": "help@congty.example",
    "password": PASSWORD,
    "folder": "INBOX",
    "days": "7",
}
WEEK = {
    "name": "Office hours",
    "time_zone": "Asia/Ho_Chi_Minh",
    **{f"{day}_open": "1" for day in ("mon", "tue", "wed", "thu", "fri")},
    **{f"{day}_from_0": "08:00" for day in ("mon", "tue", "wed", "thu", "fri")},
    **{f"{day}_to_0": "17:00" for day in ("mon", "tue", "wed", "thu", "fri")},
}


async def said_next(browser: Browser, answer: Any) -> str:
    """Follow an answer to its page and return what that says."""
    assert answer.status_code == 303, answer.text
    return (await browser.get(answer.headers["location"].partition("#")[0])).text


async def test_settings_begin_with_the_first_day(scene: Scene) -> None:
    """The menu shows to each what they may open."""
    admin, supervisor = await scene.signed_in("viet"), await scene.signed_in("ha")
    page = await said_next(admin, await admin.get("/settings"))
    assert 'href="/settings/start" aria-current="page"' in page
    assert 'href="/settings/inboxes"' in page
    hers = await said_next(supervisor, await supervisor.get("/settings"))
    assert 'href="/settings/hours"' in hers
    assert 'href="/settings/company"' not in hers
    assert "Skip for now" not in hers


async def test_the_company_changes_at_once(scene: Scene) -> None:
    browser = await scene.signed_in("viet")
    fields = {"name": "Ổn hơn", "time_zone": "Asia/Bangkok", "language": "vi"}
    page = await said_next(browser, await browser.post("/settings/company", fields))
    assert "Saved." in page
    assert 'value="Ổn hơn"' in page
    assert "Ổn hơn" in (await scene.browser().get("/f/support")).text
    wrong = await browser.post("/settings/company", {**fields, "time_zone": "Moon"})
    assert wrong.status_code == 422
    assert "This time zone is not known" in wrong.text
    unknown = await browser.post("/settings/company", {**fields, "instance_id": "x"})
    assert unknown.status_code == 422
    (company,) = await scene.all(Company)
    assert (company.name, company.time_zone) == ("Ổn hơn", "Asia/Bangkok")


async def test_the_checklist_on_the_empty_inbox(scene: Scene) -> None:
    """F135: addresses for all, steps for those who lead, until they are done or dismissed."""
    admin, agent = await scene.signed_in("viet"), await scene.signed_in("binh")
    for browser, leads in ((admin, True), (await scene.signed_in("ha"), True), (agent, False)):
        page = (await browser.get("/inbox")).text
        assert "help@congty.example" in page
        assert "/f/support" in page
        assert ('href="/settings/start#hours"' in page) is leads
    skipped = await admin.post("/settings/start/steps/paste", {"said": "skipped"})
    assert "Skipped. You can come back" in await said_next(admin, skipped)
    await admin.post("/settings/start/dismissal")
    page = (await admin.get("/inbox")).text
    assert "/settings/start#hours" not in page
    assert "help@congty.example" in page


async def test_a_test_message_arrives_with_owner_and_due_time(scene: Scene) -> None:
    """The page waits by asking again; it says number, owner and deadline in the end."""
    browser = await scene.signed_in("viet")
    scene.worker_is_up = False
    page = await said_next(browser, await browser.post("/settings/start/message"))
    assert 'hx-trigger="every 2s' in page
    scene.worker_is_up = True
    await scene.announce(["ring:intake"])
    part = (await browser.get("/settings/start?part=message", htmx=True)).text
    assert "<html" not in part
    number = re.search(r'href="/inbox/(\d+)"', part)
    assert number
    assert "Trần Thanh Bình" in part
    assert "by Wed 10:00" in part, "its due time"
    assert "every 2s" not in part
    assert (await scene.get(int(number[1]))).owner_id is not None


async def test_the_test_mail_is_followed(scene: Scene) -> None:
    browser = await scene.signed_in("viet")
    page = await said_next(browser, await browser.post("/settings/start/mail"))
    assert "It waits to be sent." in page
    assert "KIP_SMTP_URL" in page, "mail is only printed"
    (mail,) = await scene.all(Outbox)
    assert mail.to_address == "viet@congty.example"


async def test_hours_are_saved_and_previewed(scene: Scene) -> None:
    """The sentence is the engine's, before and after saving."""
    browser = await scene.signed_in("ha")
    page = await said_next(browser, await browser.get("/settings/hours"))
    assert "arrives at 16:00 on Friday 27 November is due at 11:00 on Monday 30 Nov" in page
    preview = await browser.post("/settings/hours/1", {**WEEK, "do": "preview"})
    assert preview.status_code == 200
    assert "is due at 11:00 on Monday 30 November" in preview.text
    assert "Not saved yet." in preview.text
    copied = {**WEEK, "mon_from_0": "09:00", "do": "copy"}
    shown = (await browser.post("/settings/hours/1", copied)).text
    assert shown.count('value="09:00"') == 5
    (calendar,) = await scene.all(Calendar)
    assert calendar.spec["hours"]["mon"] == [["08:00", "12:00"], ["13:00", "17:00"]]

    saved = await said_next(browser, await browser.post("/settings/hours/1", WEEK))
    assert "Saved. New messages follow these hours." in saved
    assert "45 working hours" in saved
    wrong = await browser.post("/settings/hours/1", {**WEEK, "fri_to_0": "7"})
    assert wrong.status_code == 422
    assert "Write times as 08:00" in wrong.text
    assert 'value="7"' in wrong.text


async def test_days_off_and_holidays(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    first = {"first": "2026-12-24", "last": "2026-12-25", "hours": ""}
    page = await said_next(browser, await browser.post("/settings/hours/1/days", first))
    assert "24/12 – 25/12/2026" in page
    half = {"first": "2026-12-26", "last": "", "hours": "08:00-12:00"}
    page = await said_next(browser, await browser.post("/settings/hours/1/days", half))
    assert "08:00–12:00" in page
    year = await browser.post("/settings/hours/1/holidays", {"year": "2027"})
    page = await said_next(browser, year)
    assert "/02/2027" in page, "Tết"
    assert "Add Vietnam’s holidays for 2028" in page
    gone = {"first": "2026-12-24", "last": "2026-12-25"}
    page = await said_next(browser, await browser.post("/settings/hours/1/days/removal", gone))
    assert "24/12" not in page
    wrong = await browser.post("/settings/hours/1/days", {"first": "soon"})
    assert (wrong.status_code, "no date of these years" in wrong.text) == (422, True)


async def test_open_work_follows_after_a_preview(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DECISIONS 29: nothing moves before the tick; a preview of a part says that it is one."""
    browser = await scene.signed_in("ha")
    number = await scene.arrive(request_type="complaint")
    before = (await scene.get(number)).next_due_at
    page = await said_next(browser, await browser.post("/settings/hours/1", WEEK))
    assert "1 open conversation still has the deadline" in page
    preview = (await browser.get("/settings/hours/1/open")).text
    assert f'href="/inbox/{number}"' in preview
    assert "Only the first of" not in preview
    with monkeypatch.context() as patch:
        patch.setattr(open_work, "MOST_SHOWN", 1)
        for path in ("/settings/hours/1", "/settings/hours/1/open"):
            said = (await browser.get(path)).text
            assert "Only the first of 1 that are open were looked at" in said
        assert "Apply to all that are open" in said
    assert (await browser.post("/settings/hours/1/open")).headers["location"].endswith("/open")
    assert (await scene.get(number)).next_due_at == before
    done = await browser.post("/settings/hours/1/open", {"apply": "1"})
    assert "1 open conversations follow" in await said_next(browser, done)
    assert (await scene.get(number)).next_due_at != before
    assert (
        "let it follow the changed working hours"
        in (await browser.get(f"/inbox/{number}")).text
    )


async def test_a_form_of_its_own_language_and_title(scene: Scene) -> None:
    browser = await scene.signed_in("viet")
    fields = {"name": "Sales", "handle": "mua-hang", "title": "Mua sỉ", "language": "vi"}
    page = await said_next(browser, await browser.post("/settings/inboxes/new/form", fields))
    assert "/f/mua-hang" in page
    form = (await scene.browser("en").get("/f/mua-hang")).text
    assert "<h1>Mua sỉ</h1>" in form
    assert '<html lang="vi"' in form
    assert '<html lang="en"' in (await scene.browser("en").get("/f/mua-hang?lang=en")).text
    again = await browser.post("/settings/inboxes/new/form", fields)
    assert (again.status_code, "There is one already" in again.text) == (409, True)


async def test_a_chat_lists_its_sites_and_its_snippet(scene: Scene) -> None:
    browser = await scene.signed_in("viet")
    fields = {"name": "Shop", "sites": "https://shop.example\nhttps://b.example"}
    page = await said_next(browser, await browser.post("/settings/inboxes/new/chat", fields))
    chat = (await scene.all(Inbox, inboxes.kind == ChannelKind.CHAT))[-1]
    assert f"/widget/{chat.handle}.js" in page
    assert "&lt;script src=" in page
    wrong = {**fields, "sites": "shop.example"}
    answer = await browser.post(f"/settings/inboxes/{chat.id}", wrong)
    assert (answer.status_code, "Write each site as" in answer.text) == (422, True)
    await browser.post(f"/settings/inboxes/{chat.id}/key")
    (renewed,) = await scene.all(Inbox, inboxes.id == chat.id)
    assert renewed.handle != chat.handle
    assert renewed.settings["sites"] == ["https://shop.example", "https://b.example"]


async def test_closing_says_what_happens_and_opening_takes_back(scene: Scene) -> None:
    browser = await scene.signed_in("viet")
    (form,) = await scene.all(Inbox, inboxes.kind == ChannelKind.FORM)
    assert (
        "are held and taken in when it is opened again"
        in (await browser.get(f"/settings/inboxes/{form.id}")).text
    )
    await browser.post(f"/settings/inboxes/{form.id}/closing")
    assert (await scene.browser().get("/f/support")).status_code == 404
    assert "Closed" in (await browser.get("/settings/inboxes")).text
    await browser.post(f"/settings/inboxes/{form.id}/opening")
    assert (await scene.browser().get("/f/support")).status_code == 200


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stand where the mail server stands; returns what was tried."""
    tried: list[Any] = []

    async def look(server: Any, folder: str) -> Any:
        tried.append((server, folder))
        if server.password != PASSWORD:
            raise TestFailed(NO_SIGN_IN)
        return type("Folder", (), {"exists": 7})()

    monkeypatch.setattr(boxes, "look", look)
    return tried


async def test_a_mailbox_is_stored_only_when_it_works(scene: Scene, looks: list[Any]) -> None:
    """What is wrong is a sentence and how to mend it; the password is in no answer."""
    browser = await scene.signed_in("viet")
    where = "/settings/inboxes/1/mailboxes"
    wrong = await browser.post(where, {**BOX, "password": "wrong-one", "do": "save"})
    assert wrong.status_code == 422
    assert "does not accept this user name and password" in wrong.text
    assert "app password" in wrong.text
    assert "wrong-one" not in wrong.text
    assert 'value="imap.congty.example"' in wrong.text
    tested = await browser.post(where, {**BOX, "do": "test"}, htmx=True)
    assert "There are 7 mails" in tested.text
    assert "<html" not in tested.text
    assert await scene.all(Mailbox) == []
    plain = await browser.post(where, {**BOX, "tls": "none", "do": "save"})
    assert "Without encryption only a server on this machine" in plain.text
    assert len(looks) == 2, "what cannot be is not tried"

    page = await said_next(browser, await browser.post(where, {**BOX, "do": "save"}))
    assert "every 30 seconds" in page
    assert PASSWORD not in page
    (box,) = await scene.all(Mailbox)
    assert (box.port, box.inbox_id) == (993, 1)
    assert PASSWORD not in box.password


@pytest.mark.usefixtures("looks")
async def test_a_stored_mailbox_is_tested_changed_and_removed(scene: Scene) -> None:
    """A new password is stored only when it works; each change is in the trail."""
    browser = await scene.signed_in("viet")
    await browser.post("/settings/inboxes/1/mailboxes", {**BOX, "do": "save"})
    (box,) = await scene.all(Mailbox)
    base = f"/settings/mailboxes/{box.id}"
    assert "There are 7 mails" in (await browser.post(f"{base}/test")).text
    refused = await browser.post(f"{base}/password", {"password": "no"})
    assert refused.status_code == 422
    assert (await scene.all(Mailbox))[0].password == box.password
    await browser.post(f"{base}/password", {"password": PASSWORD})
    assert (await scene.all(Mailbox))[0].password != box.password
    await browser.post(f"{base}/pause", {"paused": "1"})
    assert "Paused: nothing is fetched." in (await browser.get("/settings/inboxes/1")).text
    await browser.post(f"{base}/removal")
    assert await scene.all(Mailbox) == []
    trail = [row for row in await scene.all(AuditEntry) if row.thing is AuditThing.MAILBOX]
    assert [row.action for row in trail] == [
        AuditAction.CREATED,
        AuditAction.PASSWORD_SET,
        AuditAction.CHANGED,
        AuditAction.REMOVED,
    ]


@pytest.mark.usefixtures("looks")
async def test_tests_are_limited(scene: Scene) -> None:
    """Nobody scans a network through us: twenty tests a minute."""
    browser = await scene.signed_in("viet")
    codes = [
        (
            await browser.post(
                "/settings/inboxes/1/mailboxes", {**BOX, "password": "no", "do": "test"}
            )
        ).status_code
        for _ in range(21)
    ]
    assert (codes[:20], codes[20]) == ([422] * 20, 429)


async def test_a_step_done_shows_as_done(scene: Scene) -> None:
    def note(session: Any) -> None:
        add_entry(
            session,
            AuditThing.CALENDAR,
            1,
            AuditAction.CHANGED,
            NOW,
            by=None,
            after={"name": "x"},
        )

    browser = await scene.signed_in("viet")
    before = (await browser.get("/settings/start")).text.count('class="card is-done"')
    await scene.write(note)
    after = (await browser.get("/settings/start")).text.count('class="card is-done"')
    assert after == before + 1


async def test_a_day_that_cannot_be_is_shown_as_typed(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    day = {"first": "2027-02-06", "last": "2027-02-03", "hours": "08:00-11:30"}
    wrong = await browser.post("/settings/hours/1/days", day)
    assert wrong.status_code == 422
    assert "It lies before the first day" in wrong.text
    for name, value in day.items():
        assert re.search(rf'name="{name}"[^>]* value="{value}"', wrong.text), name


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (" ", "Please fill this in."),
        ("x" * 300, "This is too long."),
        ("Office hours", "There is a calendar of this name already."),
    ],
)
async def test_a_calendar_that_cannot_be_is_said_at_its_name(
    scene: Scene, name: str, sentence: str
) -> None:
    browser = await scene.signed_in("ha")
    answer = await browser.post("/settings/hours", {"name": name, "copy_of": "1"})
    assert answer.status_code == 422
    form = answer.text[answer.text.index('action="/settings/hours"') :]
    assert f'name="name" value="{name}"' in form
    error = form[form.index('class="error" id="new-name-about"') :]
    assert sentence in error[: error.index("</span>")]
    assert '<details class="card" open>' in answer.text
    assert "Somebody was faster" not in answer.text
    assert len(await scene.all(Calendar)) == 1


async def test_the_name_of_another_calendar_is_refused_at_its_field(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    await browser.post("/settings/hours", {"name": "Hotline", "copy_of": "1"})
    answer = await browser.post("/settings/hours/1", {**WEEK, "name": "Hotline"})
    assert answer.status_code == 422
    error = answer.text[answer.text.index('class="error" id="name-about"') :]
    assert "There is a calendar of this name already." in error[: error.index("</span>")]
    assert 'name="name" type="text" value="Hotline"' in answer.text
