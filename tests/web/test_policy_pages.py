"""The pages of deadlines, rehearsals, tier and product group; without a script."""

import re
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.company import following, policy_work, rehearsals
from models import AuditEntry, AuditThing, Event, EventKind, Rehearsal, SLAPolicy
from models.base import columns
from tests.web.scene import Browser, Scene

rules = columns(SLAPolicy)
audit = columns(AuditEntry)
events = columns(Event)
NEW = {
    "name": "Key customers",
    "tier": "vip",
    "first_response_s_n": "1,5",
    "first_response_s_unit": "h",
    "resolution_s_n": "90",
    "resolution_s_unit": "m",
}


async def said_next(browser: Browser, answer: Any) -> str:
    """Follow an answer to its page and return what that says."""
    assert answer.status_code == 303, answer.text
    return (await browser.get(answer.headers["location"].partition("#")[0])).text


async def rule_of(scene: Scene, **conditions: Any) -> SLAPolicy:
    """Return the rule that asks for something."""
    wanted = [rules[name] == value for name, value in conditions.items()]
    (found,) = await scene.all(SLAPolicy, *wanted)
    return found


def text_of(page: str) -> str:
    """Return a page's words."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


async def test_the_list_is_in_the_order_in_which_rules_are_asked(scene: Scene) -> None:
    """F34: the rule with the heavier condition stands above; each row says all it has."""
    browser = await scene.signed_in("ha")
    page = await said_next(browser, await browser.post("/settings/policies", NEW))
    assert "The rule is there" in page
    page = (await browser.get("/settings/policies")).text
    assert page.index("Key customers") < page.index("Khiếu nại")
    assert "tier vip" in text_of(page)
    assert "1 h 30 min – 1 h 30 min" in text_of(page)
    (entry,) = await scene.all(AuditEntry, audit.thing == AuditThing.POLICY)
    assert entry.after["tier"] == "vip"
    assert entry.actor_id == (await scene.agent("ha")).id


async def test_an_example_says_when_a_complaint_of_friday_is_due(scene: Scene) -> None:
    """F31, F34: 16:00 on a Friday and three and a half hours of work is Monday 10:30."""
    browser = await scene.signed_in("ha")
    rule = await rule_of(scene, request_type="complaint")
    fields = {
        "name": rule.name,
        "request_type": "complaint",
        "first_response_s_n": "3.5",
        "do": "preview",
        "at": "2026-11-27T16:00",
    }
    answer = await browser.post(f"/settings/policies/{rule.id}", fields)
    assert answer.status_code == 200
    said = text_of(answer.text)
    assert "Not saved yet." in said
    assert "Arriving at 16:00 on Friday 27 November" in said
    assert "due 10:30 on Monday 30 November" in said
    assert (await rule_of(scene, request_type="complaint")).first_response_s == 14400


async def test_which_rule_answers_for_a_case(scene: Scene) -> None:
    """F34: type, urgency, tier, channel, product group, inbox and an arrival are chosen."""
    browser = await scene.signed_in("ha")
    await browser.post("/settings/policies", NEW)
    page = await browser.get(
        "/settings/policies?request_type=complaint&tier=VIP&urgency=high&at=2026-11-27T16:00"
    )
    said = text_of(page.text)
    assert "it is answered for by: Key customers." in said
    assert "First reply: 45 min of working time due 16:45 on Friday" in said
    page = await browser.get("/settings/policies?request_type=complaint&at=nonsense")
    assert "it is answered for by: Khiếu nại." in text_of(page.text)


async def test_what_is_wrong_stays_in_the_form(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    for fields in (
        {**NEW, "name": ""},
        {**NEW, "first_response_s_n": "soon"},
        {**NEW, "first_response_s_n": "nan"},
        {**NEW, "request_type": "nothing"},
        {**NEW, "calendar_id": "99"},
        {"name": "Empty"},
    ):
        answer = await browser.post("/settings/policies", fields)
        assert answer.status_code == 422, fields
        assert 'aria-invalid="true"' in answer.text
        assert fields["name"] in answer.text
    assert (await browser.post("/settings/policies", {**NEW, "id": "3"})).status_code == 422


async def test_open_work_changes_only_where_it_is_ticked(scene: Scene) -> None:
    """F35, DESIGN 20, DECISIONS 29: a preview of what is open, then applied once."""
    number = await scene.arrive(request_type="complaint")
    browser = await scene.signed_in("ha")
    rule = await rule_of(scene, request_type="complaint")
    fields = {
        "name": rule.name,
        "request_type": "complaint",
        "first_response_s_n": "30",
        "first_response_s_unit": "m",
        "next_response_s_n": "4",
        "resolution_s_n": "24",
        "calendar_id": str(rule.calendar_id),
    }
    before = (await scene.get(number)).next_due_at
    saved = await browser.post(f"/settings/policies/{rule.id}", fields)
    page = await said_next(browser, saved)
    assert "1 open conversation still has the times of before" in text_of(page)
    assert (await scene.get(number)).next_due_at == before
    address = f"/settings/policies/{rule.id}/open"
    assert f'href="/inbox/{number}"' in (await browser.get(address)).text
    assert (await browser.post(address, {})).status_code == 303
    assert (await scene.get(number)).next_due_at == before, "nothing was ticked"
    page = await said_next(browser, await browser.post(address, {"apply": "1"}))
    assert "1 open conversations follow the rules now" in page
    row = await scene.get(number)
    assert before is not None
    assert row.next_due_at is not None
    assert row.next_due_at < before
    assert "Nothing would change" in (await browser.get(address)).text
    shown = (await browser.get(f"/inbox/{number}")).text
    assert "let it follow the changed rules: Khiếu nại" in text_of(shown)
    assert "Rule: Khiếu nại" in text_of(shown), "F34: the why-panel names the rule"


async def test_much_open_work_follows_in_the_background(scene: Scene, monkeypatch: Any) -> None:
    """F36: the page shows how far it is, also without a script."""
    for _ in range(3):
        await scene.arrive(request_type="complaint")
    monkeypatch.setattr(following, "AT_ONCE", 2)
    rule = await rule_of(scene, request_type="complaint")
    browser = await scene.signed_in("ha")
    fields = {"name": rule.name, "request_type": "complaint", "first_response_s_n": "1"}
    await browser.post(f"/settings/policies/{rule.id}", fields)
    address = f"/settings/policies/{rule.id}/open"
    with monkeypatch.context() as patch:  # beyond what is looked at: never "nothing changes"
        patch.setattr(policy_work, "MOST_LOOKED_AT", 0)
        for path in (f"/settings/policies/{rule.id}", address):
            said = (await browser.get(path)).text
            assert "Only the first of 3 that are open were looked at" in said
        assert "Apply to all that are open" in said
    page = await said_next(browser, await browser.post(address, {"apply": "1"}))
    assert "0 of 3 are looked at" in text_of(page)
    follow = following.Follow(scene.database)
    while await follow.once():
        pass
    assert "Nothing would change" in (await browser.get(address)).text


async def test_a_rule_goes_in_two_steps(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    await browser.post("/settings/policies", NEW)
    rule = await rule_of(scene, name="Key customers")
    address = f"/settings/policies/{rule.id}"
    assert (await browser.post(f"{address}/removal")).status_code == 409
    page = await said_next(browser, await browser.post(f"{address}/activity", {"active": "0"}))
    assert "This rule is switched off" in page
    assert "Remove for good" in page
    page = await said_next(browser, await browser.post(f"{address}/removal"))
    assert "The rule is gone." in page
    assert (await browser.get(address)).status_code == 404
    needed = await rule_of(scene, request_type="complaint")
    answer = await browser.post(f"/settings/policies/{needed.id}/activity", {"active": "0"})
    assert answer.status_code == 422
    assert "no rule would give a time for “Complaint”" in text_of(answer.text)


async def test_an_agent_says_tier_and_product_group(scene: Scene) -> None:
    """F34, F35: on the conversation's own page; who did it stands in its history."""
    number = await scene.arrive()
    supervisor, browser = await scene.signed_in("ha"), await scene.signed_in("binh")
    await supervisor.post("/settings/policies", NEW)
    page = await said_next(
        browser, await browser.post(f"/inbox/{number}/tier", {"value": "vip"})
    )
    assert "set the customer’s tier: vip" in text_of(page)
    row = await scene.get(number)
    assert row.first_response_due_at is not None
    assert (row.first_response_due_at - row.created_at).total_seconds() == 5400
    answer = await browser.post(f"/inbox/{number}/product-group", {"value": "Beds"}, htmx=True)
    assert answer.status_code == 200
    assert (await scene.get(number)).product_group == "Beds"
    assert (await browser.post(f"/inbox/{number}/tier", {"value": "x" * 61})).status_code == 422


async def test_a_rehearsal_from_the_form_to_its_figures(scene: Scene) -> None:
    """F42: the worker plays it; the page shows how far it is, then both sides."""
    number = await scene.arrive(request_type="complaint")
    browser = await scene.signed_in("ha")
    rule = await rule_of(scene, request_type="complaint")
    answer = await browser.post("/settings/rehearsals", {"days": "30"})
    assert answer.status_code == 422
    assert "the draft is what the rules say already" in answer.text
    fields = {
        "days": "30",
        "rule_0": str(rule.id),
        "first_response_s_0": "1",
        "first_response_s_unit_0": "m",
        "route_0": "complaint",
        "team_0": str(await scene.team("Technics")),
    }
    before = await scene.get(number)
    wrong = await browser.post("/settings/rehearsals", fields | {"team_0": "999"})
    assert (wrong.status_code, "is gone" in wrong.text) == (422, True)
    begun = await browser.post("/settings/rehearsals", fields)
    page = await said_next(browser, begun)
    assert "0 of 1 are played" in text_of(page)
    assert 'hx-trigger="every 1s"' in page
    (row,) = await scene.all(Rehearsal)
    late = before.created_at.replace(minute=before.created_at.minute + 5)

    def later(session: Session) -> None:
        session.execute(select(Rehearsal)).scalar_one().created_at = late

    await scene.write(later)
    play = rehearsals.Rehearse(scene.database)
    while await play.once():
        pass
    said = text_of((await browser.get(f"/settings/rehearsals/{row.id}")).text)
    assert "Khiếu nại: first reply 1 min" in said
    assert "First reply – 0.0 % 0 1 more" in said
    assert "Complaint goes to Technics" in said
    teams = said[said.index("Deadlines by team") : said.index("Deadlines by hour")]
    assert "Orders 2 0" in teams
    assert "Technics 0 2" in teams
    assert f"#{number} First reply open" in said
    assert (await scene.get(number)).version == before.version, "nothing was changed"
    assert not await scene.all(
        Event, events.kind == EventKind.RULED, events.actor_id.is_not(None)
    )
