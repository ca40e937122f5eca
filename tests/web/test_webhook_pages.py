"""Webhooks' settings: added, changed, tried, switched off; the secret is shown once."""

import re
from datetime import timedelta

from sqlalchemy import select
from sqlmodel import Session

from inbox.store.hooks import hear_message
from models import AuditEntry, AuditThing, HookOff, HookState, Webhook, WebhookDelivery
from models.base import columns
from tests.web.scene import Scene

PAGE = "/settings/webhooks"
ENTERED = {"name": "CRM", "url": "https://crm.example/hear?key=canary", "hear_reply.sent": "1"}
SECRET_IN = re.compile(r'value="(whsec_[^"]+)"')
entries = columns(AuditEntry)


async def only(scene: Scene) -> Webhook:
    (found,) = await scene.all(Webhook)
    return found


async def test_one_is_added_and_its_secret_shown_once(scene: Scene) -> None:
    """F101, R59."""
    admin = await scene.signed_in("viet")
    assert "No webhooks yet" in (await admin.get(PAGE)).text

    made = await admin.post(PAGE, ENTERED)

    hook = await only(scene)
    secret = SECRET_IN.search(made.text)
    assert secret is not None
    assert made.headers["cache-control"] == "no-store"
    assert (hook.name, hook.kinds) == ("CRM", ["reply.sent"])
    assert "whsec_" not in hook.secret
    page = (await admin.get(f"{PAGE}/{hook.id}")).text
    assert secret[1] not in page
    assert "crm.example" in (await admin.get(PAGE)).text
    (entry,) = await scene.all(AuditEntry, entries.thing == AuditThing.WEBHOOK)
    assert entry.after == {"name": "CRM", "host": "crm.example", "events": ["reply.sent"]}
    assert "Webhook" in (await admin.get("/settings/audit?thing=webhook")).text


async def test_what_is_wrong_stands_at_its_field(scene: Scene) -> None:
    admin = await scene.signed_in("viet")

    page = await admin.post(PAGE, {"name": "", "url": "https://10.0.0.1/"})

    assert page.status_code == 422
    assert "Enter an https address that is on the public internet." in page.text
    assert "Choose at least one event." in page.text
    assert 'value="https://10.0.0.1/"' in page.text
    assert await scene.all(Webhook) == []
    other = await admin.post(PAGE, {**ENTERED, "hear_everything": "1"})
    assert other.status_code == 422
    for host in ("localhost", "intranet", "kip.local"):
        local = await admin.post(PAGE, {**ENTERED, "url": f"https://{host}/"})
        assert local.status_code == 422, host
        assert "Enter an https address that is on the public internet." in local.text
    assert await scene.all(Webhook) == []


async def test_it_is_changed_renewed_and_removed(scene: Scene) -> None:
    admin = await scene.signed_in("viet")
    await admin.post(PAGE, ENTERED)
    hook = await only(scene)
    one = f"{PAGE}/{hook.id}"

    changed = {**ENTERED, "name": "ERP", "hear_conversation.opened": "1"}
    assert (await admin.post(one, changed)).headers["location"] == one
    assert (await admin.post(one, {**changed, "url": "x"})).status_code == 422
    renewed = await admin.post(one + "/secret", {})

    hook = await only(scene)
    assert (hook.name, hook.kinds) == ("ERP", ["conversation.opened", "reply.sent"])
    assert SECRET_IN.search(renewed.text)
    assert "the old secret and the new one both sign" in renewed.text
    assert hook.old_until == scene.clock.now + timedelta(days=1)
    await admin.post(one + "/removal", {})
    assert await scene.all(Webhook) == []
    done = [row.after for row in await scene.all(AuditEntry)]
    assert "canary" not in str(done)


async def test_what_it_was_told_is_listed_and_sent_again(scene: Scene) -> None:
    """F101: with the response, and by hand."""
    number = await scene.arrive()
    admin = await scene.signed_in("viet")
    await admin.post(PAGE, {**ENTERED, "hear_message.received": "1"})
    hook = await only(scene)
    one = f"{PAGE}/{hook.id}"
    assert (await admin.post(one + "/test", {})).status_code == 303

    def fail(session: Session) -> None:
        hear_message(session, number, 1, scene.clock.now)
        session.flush()
        for row in session.execute(select(WebhookDelivery)).scalars():
            row.state, row.code, row.answer, row.attempts = HookState.FAILED, 500, "<b>", 9

    await scene.write(fail)

    page = (await admin.get(one)).text
    assert f'<a href="/inbox/{number}">' in page
    assert "500 &lt;b&gt;" in page
    assert "9 tries" in page
    (test, told) = await scene.all(WebhookDelivery)
    assert (test.kind, told.kind) == ("test", "message.received")
    again = f"{one}/events/{told.id}/again"
    assert (await admin.post(again, {})).status_code == 303
    assert (await admin.post(again, {})).status_code == 409  # it waits
    assert "ring:hooks" in scene.names


async def test_off_and_on(scene: Scene) -> None:
    admin = await scene.signed_in("viet")
    await admin.post(PAGE, ENTERED)
    hook = await only(scene)
    one = f"{PAGE}/{hook.id}"

    for _ in range(2):
        await admin.post(one + "/activity", {"on": "0"})
    assert (await only(scene)).off is HookOff.PERSON
    assert (await admin.post(one + "/test", {})).status_code == 409
    assert "Switch on" in (await admin.get(one)).text
    await admin.post(one + "/activity", {"on": "1"})

    assert (await only(scene)).off is HookOff.NO
    done = [row.action for row in await scene.all(AuditEntry, entries.thing == "webhook")]
    assert done == ["created", "deactivated", "activated"]
