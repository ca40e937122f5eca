"""Macros: several things at once, said beforehand, done together, taken back together."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import Session

from inbox.marking import tags
from inbox.store.people import Person
from models import (
    Conversation,
    ConversationTag,
    Correction,
    DeliveryState,
    Macro,
    MacroRun,
    Message,
    Outbox,
    OutboxKind,
    Role,
    Status,
    Urgency,
)
from tests.web.scene import Browser, Scene

TEXT = "Chào {{customer.name}}, {{7*7}}."
ALL = {
    "name": "Khiếu nại",
    "whose": "company",
    "text_vi": TEXT,
    "request_type": "complaint",
    "urgency": "high",
    "owner": "me",
    "then": "wait",
}


async def keep(browser: Browser, **does: str) -> int:
    """Add a macro by its form; return its id."""
    answer = await browser.post("/settings/macros", does)
    assert answer.status_code == 303, answer.text
    return int(answer.headers["location"].rpartition("/")[2])


async def ready(scene: Scene) -> tuple[int, Browser, Browser]:
    """Return a conversation in Vietnamese, an agent of its team and a supervisor."""
    number = await scene.arrive()
    await scene.change(number, language="vi")
    return number, await scene.signed_in("binh"), await scene.signed_in("ha")


async def run(browser: Browser, number: int, macro_id: int, **more: str) -> Any:
    """Run a macro by its page; return the path of the run."""
    path = f"/inbox/{number}/macros/{macro_id}"
    page = (await browser.get(path)).text
    assert "This will happen" in page
    return await browser.post(path, more)


def _tag(session: Session, scene: Scene, who: Any) -> int:
    by = Person(who.id, who.name, who.email, Role.SUPERVISOR, "en", "", True, frozenset())
    return tags.create(session, "VIP", by=by, now=scene.clock.now)


async def test_all_parts_are_said_done_and_taken_back(scene: Scene) -> None:
    """F81: an answer, type, urgency, tag, owner and wait in one go; one undo for all."""
    number, binh, ha = await ready(scene)
    me = await scene.agent("binh")
    tag = await scene.write(_tag, scene, await scene.agent("ha"))
    await scene.change(number, owner_id=None)
    before = await scene.get(number)
    macro_id = await keep(ha, **ALL, tag=str(tag))
    page = (await binh.get(f"/inbox/{number}/macros/{macro_id}")).text
    for sentence in (
        *("The topic becomes “Complaint”", "The priority becomes “High”"),
        *("the tag “VIP”", "It becomes yours", "is sent to Chị Mai"),
        "waits for the customer",
    ):
        assert sentence in page
    assert "<mark>Chị Mai</mark>" in page
    done = await run(binh, number, macro_id, body="Chào Chị Mai, {{7*7}}.", seen="")
    assert done.status_code == 303
    row = await scene.get(number)
    assert (row.request_type, row.urgency) == ("complaint", Urgency.HIGH)
    assert (row.owner_id, row.status) == (me.id, Status.WAITING)
    assert len(await scene.all(ConversationTag)) == 1
    mails = await scene.all(Outbox, Outbox.conversation_id == number)
    (sent,) = [one for one in mails if one.kind is OutboxKind.REPLY]
    assert "Chào Chị Mai, {{7*7}}." in sent.mail["text"]
    assert (await scene.all(Macro))[0].used == 1
    back = await binh.post(f"{done.headers['location']}/undo")
    assert back.headers["location"] == f"/inbox/{number}"
    row = await scene.get(number)
    assert (row.request_type, row.urgency) == (before.request_type, before.urgency)
    assert (row.owner_id, row.team_id) == (before.owner_id, before.team_id)
    assert (row.status, row.triage) == (Status.OPEN, before.triage)
    assert row.next_due_at == before.next_due_at
    assert await scene.all(ConversationTag) == []
    assert await scene.all(Correction) == []
    assert (await binh.post(f"{done.headers['location']}/undo")).status_code == 409


async def test_nothing_is_done_where_one_part_cannot_be(scene: Scene) -> None:
    """One transaction: somebody wrote meanwhile, so the topic stays too."""
    number, binh, ha = await ready(scene)
    macro_id = await keep(ha, **ALL)
    first = (await scene.get(number)).last_message_id
    await ha.post(f"/inbox/{number}/messages", {"kind": "reply", "body": "Dạ.", "key": "x"})
    done = await run(binh, number, macro_id, body="Chào.", seen=str(first))
    assert done.status_code == 409
    assert "Chào." in done.text
    row = await scene.get(number)
    assert (row.request_type, row.urgency) == ("order_delivery", Urgency.NORMAL)
    assert await scene.all(MacroRun) == []
    assert (await run(binh, number, macro_id, body=" ")).status_code == 422


async def test_done_without_an_answer_says_why_and_opens_again(scene: Scene) -> None:
    number, binh, _ = await ready(scene)
    macro_id = await keep(binh, name="Xong", whose="me", then="done")
    page = (await binh.get(f"/inbox/{number}/macros/{macro_id}")).text
    assert "no answer needed" in page
    done = await run(binh, number, macro_id)
    assert (await scene.get(number)).status is Status.RESOLVED
    assert "Undo" in (await binh.get(done.headers["location"])).text
    await binh.post(f"{done.headers['location']}/undo")
    row = await scene.get(number)
    assert row.status is Status.OPEN
    assert row.next_due_at is not None


@pytest.mark.parametrize("what", ["late", "changed", "another"])
async def test_it_is_not_taken_back(scene: Scene, what: str) -> None:
    """After a minute, after somebody else's change, by somebody else."""
    number, binh, ha = await ready(scene)
    macro_id = await keep(ha, name="Ngủ", whose="company", then="snooze", until="week")
    done = await run(binh, number, macro_id)
    assert (await scene.get(number)).status is Status.SNOOZED
    if what == "late":
        scene.clock.now += timedelta(seconds=61)
    if what == "changed":
        await ha.post(f"/inbox/{number}/urgency", {"urgency": "low"})
    who = ha if what == "another" else binh
    answer = await who.post(f"{done.headers['location']}/undo")
    assert answer.status_code == (404 if what == "another" else 409)
    assert (await scene.get(number)).status is Status.SNOOZED


async def test_an_answer_that_has_left_stays_and_the_rest_is_taken_back(scene: Scene) -> None:
    number, binh, ha = await ready(scene)
    macro_id = await keep(ha, **{**ALL, "then": "done"})
    done = await run(binh, number, macro_id, body="Chào.")

    def leave(session: Session) -> None:
        session.execute(update(Outbox).values(state=DeliveryState.SENT, attempts=1))

    await scene.write(leave)
    page = await binh.post(f"{done.headers['location']}/undo")
    assert page.status_code == 303
    row = await scene.get(number)
    assert (row.status, row.request_type) == (Status.OPEN, "order_delivery")
    assert [one.text for one in await scene.all(Message) if one.author_id] == ["Chào."]


async def test_rights_and_teams(scene: Scene) -> None:
    """Passing to another team counts as passing on; others' macros are nobody's."""
    number, binh, ha = await ready(scene)
    technics = await scene.team("Technics")
    macro_id = await keep(ha, name="Kỹ thuật", whose="company", team=str(technics))
    own = await keep(ha, name="Riêng", whose="me", then="wait")
    assert (await binh.get(f"/inbox/{number}/macros/{own}")).status_code == 404
    assert (await binh.post(f"/inbox/{number}/macros/{own}")).status_code == 404
    listed = (await binh.get(f"/inbox/{number}/macros?words=ky", htmx=True)).text
    assert f"/inbox/{number}/macros/{macro_id}" in listed
    assert "Riêng" not in listed
    before: Conversation = await scene.get(number)
    done = await run(binh, number, macro_id)
    row = await scene.get(number)
    assert (row.team_id, row.passed_on) == (technics, before.passed_on + 1)
    await binh.post(f"{done.headers['location']}/undo")
    assert (await scene.get(number)).team_id == before.team_id
    dung = await scene.signed_in("dung")
    assert (await dung.post(f"/inbox/{number}/macros/{macro_id}")).status_code == 404


WRONG: tuple[dict[str, str], ...] = (
    *({"urgency": "most"}, {"request_type": "none"}, {"owner": "999"}, {"team": "x"}),
    *({"then": "later"}, {"tag": "7"}, {"owner": "1e3"}, {}),
)


@pytest.mark.one_database
async def test_what_cannot_be_chosen_is_refused(scene: Scene) -> None:
    ha = await scene.signed_in("ha")
    for wrong in WRONG:
        answer = await ha.post("/settings/macros", {"name": "X", "whose": "me", **wrong})
        assert answer.status_code == 422, wrong
    assert await scene.all(Macro) == []


async def test_a_topic_that_is_gone_is_said_before_anybody_runs_the_macro(
    scene: Scene,
) -> None:
    """F66: nor does it go from the macro without a word."""
    number, binh, ha = await ready(scene)
    macro_id = await keep(ha, **ALL)
    admin = await scene.signed_in("viet")
    off = await admin.post("/settings/types/complaint/state", {"on": ""})
    assert off.status_code == 303, off.text
    page = (await binh.get(f"/inbox/{number}/macros/{macro_id}")).text
    assert "cannot be chosen any more" in page
    assert "The topic becomes" not in page
    shown = (await ha.get(f"/settings/macros/{macro_id}")).text
    assert '<option value="complaint" selected>(cannot be chosen any more)</option>' in shown
