"""A mailbox's settings: OAuth2, how it is read, whose word on senders is believed."""

from typing import Any

import pytest

from inbox.channels.oauth import PRESETS, Grant, Token
from inbox.company import boxes
from inbox.company.boxes import NO_TOKEN, TestFailed
from inbox.fetching.tokens import client_place
from inbox.mailboxes import place_of
from inbox.vault import Vault
from inbox.views.present_senders import sender_words
from inbox.views.words import Speaker
from models import AuditEntry, AuditThing, Inbox, Mailbox, MailboxAuth
from tests.web.scene import SECRET, Scene
from tests.web.test_settings_pages import BOX, said_next

WHERE = "/settings/inboxes/1/mailboxes"
OAUTH = {
    **BOX,
    "auth": "google",
    "host": "",
    "password": "canary-refresh",
    "client_id": "kip-app",
    "client_secret": "canary-client",
    "token_url": "",
    "scope": "",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Grant]:
    """Let every token be given, and every token sign in, but for one refresh token."""
    grants: list[Grant] = []

    async def give(grant: Grant, _own: Any = ()) -> Token:
        grants.append(grant)
        if grant.refresh_token == "no":
            raise TestFailed(NO_TOKEN)
        return Token("canary-access", 3600)

    async def look(server: Any, folder: str) -> Any:
        assert server.token == "canary-access"
        return type("Folder", (), {"exists": 7})()

    monkeypatch.setattr(boxes, "get_token", give)
    monkeypatch.setattr(boxes, "look", look)
    return grants


async def test_a_mailbox_with_oauth2_is_entered_by_a_preset(
    scene: Scene, asked: list[Grant]
) -> None:
    browser = await scene.signed_in("viet")
    refused = await browser.post(WHERE, {**OAUTH, "password": "no", "do": "save"})
    assert refused.status_code == 422
    assert "gives no access token" in refused.text
    assert 'value="kip-app"' in refused.text
    assert "canary" not in refused.text

    page = await said_next(browser, await browser.post(WHERE, {**OAUTH, "do": "save"}))

    assert "canary" not in page
    assert asked[-1].token_url == PRESETS["google"].token_url
    (box,) = await scene.all(Mailbox)
    assert (box.auth, box.host) == (MailboxAuth.OAUTH2, "imap.gmail.com")
    assert "canary" not in box.password + box.client_secret + box.access_token
    vault = Vault(SECRET.encode())
    assert vault.open(box.password, place_of(box.id)) == "canary-refresh"
    assert vault.open(box.client_secret, client_place(box.id)) == "canary-client"

    base = f"/settings/mailboxes/{box.id}"
    assert "There are 7 mails" in (await browser.post(f"{base}/test")).text
    assert (await browser.post(f"{base}/password", {"password": "no"})).status_code == 422
    await browser.post(f"{base}/password", {"password": "canary-refresh-2"})
    (box,) = await scene.all(Mailbox)
    assert vault.open(box.password, place_of(box.id)) == "canary-refresh-2"
    assert asked[-1].client_secret == "canary-client"
    trail = [row for row in await scene.all(AuditEntry) if row.thing is AuditThing.MAILBOX]
    assert "canary" not in str([(row.before, row.after) for row in trail])


@pytest.mark.parametrize(
    "wrong",
    [{"client_id": ""}, {"auth": "oauth2", "host": "imap.x.example"}, {"auth": "none"}],
)
async def test_what_oauth2_needs_is_said(
    scene: Scene, asked: list[Grant], wrong: dict[str, str]
) -> None:
    browser = await scene.signed_in("viet")
    answer = await browser.post(WHERE, {**OAUTH, **wrong, "do": "save"})
    assert answer.status_code == 422
    assert asked == []
    assert await scene.all(Mailbox) == []


async def test_how_a_mailbox_is_read_is_set(scene: Scene, asked: list[Grant]) -> None:
    """F8: N is a setting; F121: the folder of sent mail."""
    browser = await scene.signed_in("viet")
    await browser.post(WHERE, {**OAUTH, "do": "save"})
    (box,) = await scene.all(Mailbox)
    habits = {"every": "60", "alarm": "30", "sent": "named", "sent_name": "Đã gửi"}

    where = f"/settings/mailboxes/{box.id}/habits"
    wrong = await browser.post(where, {**habits, "every": "1", "alarm": "x"})
    assert wrong.status_code == 422
    assert "From 10 seconds to an hour." in wrong.text
    page = await said_next(browser, await browser.post(where, habits))

    assert 'value="Đã gửi"' in page
    (box,) = await scene.all(Mailbox)
    assert (box.every_s, box.alarm_after_min, box.sent_folder) == (60, 30, "Đã gửi")
    await browser.post(where, {**habits, "sent": "*"})
    assert (await scene.all(Mailbox))[0].sent_folder == "*"
    await browser.post(where, {**habits, "sent": ""})
    assert (await scene.all(Mailbox))[0].sent_folder == ""


async def test_whose_word_on_senders_is_believed_is_set(scene: Scene) -> None:
    browser = await scene.signed_in("viet")
    fields = {"name": "Thư", "team": "", "authserv_id": "MX.congty.example "}
    page = await said_next(browser, await browser.post("/settings/inboxes/1", fields))
    assert 'value="mx.congty.example"' in page
    wrong = await browser.post("/settings/inboxes/1", {**fields, "authserv_id": "a b"})
    assert wrong.status_code == 422
    row = next(one for one in await scene.all(Inbox) if one.id == 1)
    assert row.settings["authserv_id"] == "mx.congty.example"


async def test_each_has_an_address_for_answers_from_a_mail_program(scene: Scene) -> None:
    """F121."""
    mine = (await (await scene.signed_in("binh")).get("/me")).text
    theirs = (await (await scene.signed_in("dung")).get("/me")).text
    own = [line for line in mine.splitlines() if "help+b" in line]
    assert len(own) == 1
    assert own[0] not in theirs


@pytest.mark.parametrize(
    ("found", "words", "beware"),
    [
        ({}, "", False),
        ({"dmarc": "pass", "dkim": "pass", "by": "mx"}, "address is confirmed", False),
        ({"dmarc": "fail", "dkim": "pass", "by": "mx"}, "may be forged", True),
        ({"dkim": "pass", "dkim_domain": "a.example"}, "Signed by a.example", False),
        ({"dkim": "fail", "spf": "softfail"}, "Neither the signature", True),
        ({"spf": "pass"}, "a server of the sender", False),
        ({"dkim": "none", "spf": "neutral"}, "Nothing confirms", False),
    ],
)
def test_results_are_said_in_words(found: dict[str, str], words: str, beware: bool) -> None:
    class Plain:
        def say(self, text: str) -> str:
            return text

    speak: Speaker = Plain()  # type: ignore[assignment]
    text, is_bad = sender_words(found, speak)
    assert words in text
    assert is_bad is beware
