"""A form asks for other fields per request type; they are stored, shown and found (F16)."""

from inbox.marking import ownfields
from inbox.marking.ownfields import Draft
from inbox.store.people import Person
from models import ChannelKind, FormField, Inbox, OwnValue, Role
from models.base import columns
from tests.factories import NOW
from tests.web.scene import Browser, Scene, hidden

inboxes = columns(Inbox)
values = columns(OwnValue)


async def _fields(scene: Scene) -> tuple[Browser, int, dict[str, int]]:
    """Make three own fields; return an administrator, the form's id and the fields' ids."""
    admin = await scene.agent("viet")
    who = Person(*(admin.id, admin.name, admin.email, Role.ADMIN, "en", "", True, frozenset()))
    made = {}
    for name, kind, choices in (
        ("Mã đơn", "text", ""),
        ("Ngày mua", "date", ""),
        ("Mức độ", "choice", "Nhẹ\nNặng"),
    ):
        draft = Draft(name, kind, choices)
        made[name] = await scene.write(ownfields.add, draft, by=who, now=NOW)
    (form,) = await scene.all(Inbox, inboxes.kind == ChannelKind.FORM)
    return await scene.signed_in("viet"), form.id, made


async def test_each_topic_has_its_questions(scene: Scene) -> None:
    """F16: asked by topic, checked, kept with the request, and nothing typed is lost."""
    browser, form, made = await _fields(scene)
    order, day, level = made.values()
    wanted = {f"for_{order}": "order_delivery", f"must_{order}": "1"}
    wanted |= {f"for_{day}": "*", f"for_{level}": "complaint", f"must_{level}": "1"}
    saved = await browser.post(f"/settings/inboxes/{form}/questions", wanted)
    assert saved.status_code == 303
    assert len(await scene.all(FormField)) == 3
    shown = (await browser.get(f"/settings/inboxes/{form}")).text
    assert "Mã đơn" in shown

    visitor = scene.browser()
    page = (await visitor.get("/f/support")).text
    assert all(name in page for name in made)
    sent = {
        "token": hidden(page, "token"),
        "email": "mai@khach.example",
        "body": "Chưa thấy hàng.",
        "request_type": "order_delivery",
        f"own_{order}": "",
        f"own_{day}": "yesterday",
    }
    refused = await visitor.client.post("/f/support", data=sent)
    assert refused.status_code == 422
    assert "Please fill this in." in refused.text
    assert "This is no date." in refused.text
    assert 'value="yesterday"' in refused.text

    right = {**sent, f"own_{order}": " ML-2041 ", f"own_{day}": "2026-02-27"}
    # What another topic asks is not of this one.
    right[f"own_{level}"] = "Nặng"
    assert (await visitor.client.post("/f/support", data=right)).status_code == 303
    kept = {one.field_id: one.text for one in await scene.all(OwnValue)}
    assert kept == {order: "ML-2041", day: "2026-02-27"}
    (number,) = {one.conversation_id for one in await scene.all(OwnValue)}
    binh = await scene.signed_in("binh")
    assert "ML-2041" in (await binh.get(f"/inbox/{number}")).text


async def test_questions_are_refused_that_make_no_sense(scene: Scene) -> None:
    browser, form, made = await _fields(scene)
    path = f"/settings/inboxes/{form}/questions"
    for wrong in ({f"for_{made['Mã đơn']}": "no_such"}, {"for_x": "*"}, {"name": "x"}):
        assert (await browser.post(path, wrong)).status_code == 422
    (mail,) = await scene.all(Inbox, inboxes.kind == ChannelKind.EMAIL)
    other = f"/settings/inboxes/{mail.id}/questions"
    assert (await browser.post(other, {f"for_{made['Mã đơn']}": "*"})).status_code == 404
    assert await scene.all(FormField) == []
    assert (await browser.post(path, {"for_99": "*"})).status_code == 303
    assert await scene.all(FormField) == []
