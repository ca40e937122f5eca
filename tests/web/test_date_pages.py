"""Milestones, reminders and our word on pages: planning, lists, what the customer sees."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models import (
    ClockKind,
    Company,
    Milestone,
    MilestoneState,
    MilestoneTemplate,
    Reminder,
    SLAClock,
)
from tests.web.accounts import make_account
from tests.web.scene import WRITE_TOKEN, Browser, Scene, bearer

FUTURE = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)  # 16:00 in Ho Chi Minh City
TYPED = "2027-03-01T16:00"
PLAN = {"title": "Gia hạn hợp đồng", "due": TYPED, "owner": "", "warn": "10"}


async def planned(browser: Browser, path: str, **more: str) -> Any:
    """Plan a milestone by the form of a page."""
    answer = await browser.post(f"{path}/milestones", {**PLAN, **more})
    assert answer.status_code == 303, answer.text
    return answer


async def test_our_word_is_chosen_when_sending(scene: Scene) -> None:
    """F127, F128: by the composer's form; the panel and the customer's page say it."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    page = (await browser.get(f"/inbox/{number}")).text
    assert 'name="word"' in page
    assert 'name="remind"' in page
    sent = {"kind": "reply", "body": "Dạ em kiểm tra ạ.", "word": TYPED, "remind": TYPED}
    assert (await browser.post(f"/inbox/{number}/messages", sent)).status_code == 303
    row = await scene.get(number)
    assert row.next_due_at == FUTURE
    (word,) = await scene.all(SLAClock, SLAClock.kind == ClockKind.WORD)
    assert word.due_at == FUTURE
    (reminder,) = await scene.all(Reminder)
    assert (reminder.due_at, reminder.if_silent) == (FUTURE, True)
    page = (await browser.get(f"/inbox/{number}")).text
    assert "Our word" in page
    assert "gave our word: an answer before 16:00" in page
    status = (await browser.get(f"/s/{row.public_token}?lang=en")).text
    assert "We will answer before 16:00" in status


async def test_a_wrong_time_is_said_and_what_was_typed_stands_there(scene: Scene) -> None:
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    for wrong in ("2020-01-01T10:00", "soon"):
        sent = {"kind": "reply", "body": "Dạ em kiểm tra ạ.", "word": wrong}
        answer = await browser.post(f"/inbox/{number}/messages", sent)
        assert answer.status_code == 422
        assert "Dạ em kiểm tra ạ." in answer.text
        assert f'value="{wrong}"' in answer.text
    note = {"kind": "note", "body": "Ghi.", "word": TYPED}
    assert (await browser.post(f"/inbox/{number}/messages", note)).status_code == 422


async def test_the_api_names_a_time_too(scene: Scene) -> None:
    """F127: in UTC, or with an offset."""
    number = await scene.arrive()
    await scene.change(number, owner_id=(await scene.agent("binh")).id)
    browser = scene.browser()
    answer = await browser.client.post(
        f"/api/v1/conversations/{number}/replies",
        json={"text": "Dạ em kiểm tra ạ.", "word": "2027-03-01T16:00:00+07:00"},
        headers=bearer(WRITE_TOKEN),
    )
    assert answer.status_code == 201, answer.text
    assert (await scene.get(number)).next_due_at == FUTURE


async def test_a_milestone_of_a_request_is_planned_shown_and_reached(scene: Scene) -> None:
    """F126, F88: beside the request, in the owner's list, and on the customer's page."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    path = f"/inbox/{number}"
    form = (await browser.get(f"{path}/dates")).text
    assert 'name="title"' in form
    await planned(browser, path, public="1")
    me = await scene.agent("binh")
    assert PLAN["title"] in (await browser.get(path)).text
    (row,) = await scene.all(Milestone)
    assert (row.due_at, row.conversation_id, row.warn_days) == (FUTURE, number, 10)
    changed = {**PLAN, "title": "Giao hàng", "owner": str(me.id), "public": "1"}
    assert (await browser.post(f"/milestones/{row.id}", changed)).status_code == 303
    mine = (await browser.get("/dates")).text
    assert "Giao hàng" in mine
    conversation = await scene.get(number)
    status = await browser.get(f"/s/{conversation.public_token}?lang=en")
    assert "Giao hàng" in status.text
    done = {"how": "reached", "next": path}
    assert (await browser.post(f"/milestones/{row.id}/state", done)).status_code == 303
    (row,) = await scene.all(Milestone)
    assert row.state is MilestoneState.REACHED
    assert "Giao hàng" not in (await browser.get("/dates")).text
    again = await browser.post(f"/milestones/{row.id}/state", done)
    assert again.status_code == 409
    back = {"how": "planned", "next": path}
    assert (await browser.post(f"/milestones/{row.id}/state", back)).status_code == 303


async def test_what_is_not_marked_stays_inside(scene: Scene) -> None:
    """F126."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    await planned(browser, f"/inbox/{number}")
    row = await scene.get(number)
    assert PLAN["title"] not in (await browser.get(f"/s/{row.public_token}")).text


@pytest.mark.parametrize(
    "wrong", [{"title": " "}, {"due": "2020-01-01T10:00"}, {"due": ""}, {"warn": "x"}]
)
async def test_a_milestone_with_a_mistake_is_shown_again(
    scene: Scene, wrong: dict[str, str]
) -> None:
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    answer = await browser.post(f"/inbox/{number}/milestones", {**PLAN, **wrong})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert not await scene.all(Milestone)


async def test_dates_of_an_account_by_a_template(scene: Scene) -> None:
    """F126, F88: a supervisor adds the usual; the owner is reminded by whoever looks."""
    account_id = await make_account(scene, owner="binh")
    supervisor = await scene.signed_in("ha")
    assert (await supervisor.post("/settings/milestones/usual", {})).status_code == 303
    report = next(one for one in await scene.all(MilestoneTemplate) if one.every_months == 1)
    browser = await scene.signed_in("binh")
    path = f"/accounts/{account_id}"
    form = (await browser.get(f"{path}/dates")).text
    assert report.title in form
    empty = {"title": "", "due": "", "warn": ""}
    await planned(browser, path, template=str(report.id), **empty)
    (row,) = await scene.all(Milestone)
    assert (row.title, row.warn_days, row.is_public) == (report.title, 5, True)
    assert row.title in (await browser.get(path)).text
    owner = await scene.agent("binh")
    asked = {"text": "Gọi chị Lan", "at": TYPED, "who": str(owner.id)}
    assert (await supervisor.post(f"{path}/reminders", asked)).status_code == 303
    mine = (await browser.get("/dates")).text
    assert "Gọi chị Lan" in mine
    (reminder,) = await scene.all(Reminder)
    stranger = await scene.signed_in("dung")
    end = {"how": "done", "next": "/dates"}
    assert (await stranger.post(f"/reminders/{reminder.id}/end", end)).status_code == 404
    assert (await stranger.get(f"/milestones/{row.id}")).status_code == 404
    assert (await browser.post(f"/reminders/{reminder.id}/end", end)).status_code == 303
    assert "Gọi chị Lan" not in (await browser.get("/dates")).text


async def test_what_is_due_today_heads_ones_own_list(scene: Scene) -> None:
    """F88: what is to come later does not."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    me = await scene.agent("binh")
    now = scene.clock.now

    def add(session: Any) -> None:
        for text, at in (("Hôm nay", now), ("Tuần sau", now + timedelta(days=7))):
            session.add(
                Reminder(
                    agent_id=me.id,
                    conversation_id=number,
                    text=text,
                    due_at=at,
                    created_at=now - timedelta(days=1),
                )
            )

    await scene.write(add)
    mine = (await browser.get("/inbox?for=mine")).text
    assert "Hôm nay" in mine
    assert "Tuần sau" not in mine
    assert "Hôm nay" not in (await browser.get("/inbox")).text


async def test_templates_and_silence_are_settings_with_limits(scene: Scene) -> None:
    """F126, F128."""
    browser = await scene.signed_in("ha")
    new = {"title": "Kiểm kê", "days": "90", "every_months": "3", "warn_days": "7"}
    new |= {"account_kind": "company", "active": "1"}
    assert (await browser.post("/settings/milestones", new)).status_code == 303
    (row,) = await scene.all(MilestoneTemplate)
    for wrong in ({"days": "0"}, {"days": "x"}, {"every_months": "99"}, {"title": ""}):
        answer = await browser.post(f"/settings/milestones/{row.id}", {**new, **wrong})
        assert answer.status_code == 422, wrong
        assert 'aria-invalid="true"' in answer.text
    assert (await browser.get("/settings/milestones")).status_code == 200
    days = {"silence_A": "7", "silence_B": "20", "silence_C": "731"}
    answer = await browser.post("/settings/milestones/silence", days)
    assert answer.status_code == 422
    days["silence_C"] = "90"
    assert (await browser.post("/settings/milestones/silence", days)).status_code == 303
    (company,) = await scene.all(Company)
    assert company.settings["silence"] == {"A": 7, "B": 20, "C": 90}
    assert "A: longer than 7 days" in (await browser.get("/accounts/silent")).text
