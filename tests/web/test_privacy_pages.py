"""The pages of personal data: seen before it is done, and written down (F106, F107)."""

from inbox.privacy.working import Erase, Export
from models import (
    AccountFile,
    AuditEntry,
    AuditThing,
    Conversation,
    Erasure,
    Look,
    RetentionRule,
)
from models.base import columns
from tests.web.scene import Scene

looks = columns(Look)
entries = columns(AuditEntry)


async def _contact(scene: Scene) -> int:
    number = await scene.arrive(email="mai@khach.example")
    (row,) = await scene.all(Conversation, columns(Conversation).id == number)
    return int(row.contact_id)


async def test_an_administrator_exports_and_erases(scene: Scene) -> None:
    """F106: count, confirm, done; the export is fetched once it is made."""
    contact = await _contact(scene)
    browser = await scene.signed_in("viet")
    page = f"/contacts/{contact}/privacy"

    found = await browser.post("/settings/privacy/person", {"address": "Mai@khach.example"})
    assert (found.status_code, found.headers["location"]) == (303, page)
    assert "mai@khach.example" in (await browser.get(page)).text

    await browser.post(f"/contacts/{contact}/export", {})
    assert await Export(scene.database, scene.site.settings).once()
    shown = (await browser.get(page)).text
    link = shown.partition('href="/exports/')[2].partition('"')[0]
    fetched = await browser.get(f"/exports/{link}")
    assert fetched.content.startswith(b"PK")
    assert fetched.headers["content-type"] == "application/zip"

    counted = await browser.post(f"/contacts/{contact}/erasure", {})
    assert "Erase for good" in counted.text
    assert await scene.all(Erasure) == []
    asked = await browser.post(f"/contacts/{contact}/erasure", {"sure": "1", "reason": "mail"})
    assert asked.headers["location"] == page
    worker = Erase(scene.database, scene.site.settings)
    worker.let_go_s = worker.look_again_s = 0.0
    assert await worker.once()

    after = (await browser.get(page)).text
    assert "mai@khach.example" not in after
    assert "none was found" in after
    written = await scene.all(AuditEntry, entries.thing == AuditThing.PRIVACY)
    assert len(written) >= 4  # asked, fetched, asked, erased
    (row,) = await scene.all(Conversation, columns(Conversation).contact_id == contact)
    assert (await browser.get(f"/inbox/{row.id}")).status_code == 200
    assert (await browser.get(f"/s/{row.public_token}")).status_code == 200


async def test_who_looks_is_written_down_once_a_day(scene: Scene) -> None:
    contact = await _contact(scene)
    (row,) = await scene.all(Conversation, columns(Conversation).contact_id == contact)
    browser = await scene.signed_in("binh")
    put = {"files": ("plan.pdf", b"1", "application/pdf")}
    await browser.post(f"/contacts/{contact}/files", files=put)
    (file,) = await scene.all(AccountFile)

    for _ in range(2):
        await browser.get(f"/inbox/{row.id}")
        await browser.get(f"/contacts/{contact}")
        assert (await browser.get(f"/files/{file.blob_id}")).content == b"1"

    seen = await scene.all(Look, looks.contact_id == contact)
    agent = await scene.agent("binh")
    assert sorted((one.agent_id, one.what) for one in seen) == [
        (agent.id, "contact"),
        (agent.id, "conversation"),
        (agent.id, "file"),
    ]
    admin = await scene.signed_in("viet")
    assert "Trần Thanh Bình" in (await admin.get(f"/contacts/{contact}/privacy")).text


async def test_a_rule_is_shown_before_it_holds(scene: Scene) -> None:
    """F107."""
    browser = await scene.signed_in("viet")
    rule = {"inbox_id": "", "status": "resolved", "keep_days": "30"}

    shown = await browser.post("/settings/privacy/rules", rule)
    assert "Enter this rule" in shown.text
    assert await scene.all(RetentionRule) == []
    entered = await browser.post("/settings/privacy/rules", {**rule, "sure": "1"})
    assert entered.status_code == 303
    (made,) = await scene.all(RetentionRule)
    wrong = await browser.post("/settings/privacy/rules", {**rule, "keep_days": "0"})
    assert wrong.status_code == 422
    await browser.post(f"/settings/privacy/rules/{made.id}/removal", {})
    (made,) = await scene.all(RetentionRule)
    assert not made.is_active


async def test_a_person_is_restricted_and_held(scene: Scene) -> None:
    contact = await _contact(scene)
    browser = await scene.signed_in("viet")
    page = f"/contacts/{contact}/privacy"

    await browser.post(f"/contacts/{contact}/restriction", {"restrict": "1"})
    assert "Restricted since" in (await browser.get(page)).text
    await browser.post(f"/contacts/{contact}/holds", {"reason": "court case 12"})
    shown = (await browser.get(page)).text
    assert "court case 12" in shown
    refused = await browser.post(f"/contacts/{contact}/erasure", {"sure": "1", "reason": ""})
    assert refused.status_code == 409
    hold = shown.partition('action="/holds/')[2].partition("/")[0]
    await browser.post(f"/holds/{hold}/removal", {})
    assert "court case 12" not in (await browser.get(page)).text
    await browser.post(f"/contacts/{contact}/restriction", {"restrict": "0"})
    assert "Restricted since" not in (await browser.get(page)).text
