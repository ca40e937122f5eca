"""The review page: three queues, one answer after another, undone, shared by supervisors."""

import re

import pytest
from sqlmodel import Session

from inbox.learning import queues
from inbox.store.people import Person
from models import Correction, Triage, TriageReview
from models.base import columns
from tests.web.scene import NOW, Browser, Scene, hidden

reviews = columns(TriageReview)
said = columns(Correction)


async def waiting(scene: Scene, *texts: str) -> list[int]:
    """Let messages come in that a person has to look at."""
    numbers = []
    for place, text in enumerate(texts):
        number = await scene.arrive(text, subject=text[:20], request_type="")
        worth = float(len(texts) - place)
        values = {"request_type": "complaint", "review_worth": worth}
        await scene.change(number, triage=Triage.NEEDS_REVIEW, urgency="normal", **values)
        numbers.append(number)
    return numbers


async def answer(browser: Browser, number: int, *, htmx: bool = True, **given: str) -> str:
    """Answer as the page does."""
    page = (await browser.get(f"/review?at={number}")).text
    fields = {"version": hidden(page, "version"), "queue": "unsure", "skipped": ""}
    fields |= {"request_type": "complaint", "urgency": "normal"} | given
    done = await browser.post(f"/review/{number}", fields, htmx=htmx)
    if htmx:
        assert done.status_code == 200
        return done.text
    assert done.status_code == 303
    return str(done.headers["location"])


def shown(page: str) -> int:
    """Return which conversation is to be decided."""
    found = re.search(r'action="/review/(\d+)"', page)
    return int(found[1]) if found else 0


async def test_the_most_valuable_comes_first_and_each_answer_brings_the_next(
    scene: Scene,
) -> None:
    """DESIGN 33: no page load, no other way than the form; and without scripts a 303."""
    first, second, third = await waiting(
        scene, "Ghế lung lay <b>quá</b>.", "Bàn bị xước.", "Đèn không sáng."
    )
    browser = await scene.signed_in("ha")
    page = (await browser.get("/review")).text
    assert shown(page) == first
    assert "Ghế lung lay &lt;b&gt;quá&lt;/b&gt;." in page
    assert f'at={second}"' in page
    part = await answer(browser, first)
    assert "<html" not in part
    assert shown(part) == second
    assert f"#{first} is checked." in part
    location = await answer(browser, second, htmx=False, request_type="return_refund")
    assert location == "/review?q=unsure"
    assert shown((await browser.get(location)).text) == third
    part = await answer(browser, third, request_type="other", other="account_access")
    assert "All checked" in part
    rows = [await scene.get(number) for number in (first, second, third)]
    assert [row.triage for row in rows] == ["confirmed", "corrected", "corrected"]
    kinds = ["complaint", "return_refund", "account_access"]
    assert [row.request_type for row in rows] == kinds
    words = await scene.all(Correction, said.conversation_id == second)
    assert {(one.field, one.new) for one in words} == {
        ("request_type", "return_refund"),
        ("urgency", "normal"),
    }


async def test_urgency_by_the_matrix_alone_confirms_the_type(scene: Scene) -> None:
    (number,) = await waiting(scene, "Nhà máy dừng vì máy này.")
    await answer(await scene.signed_in("ha"), number, urgency="urgent")
    row = await scene.get(number)
    assert (row.urgency, row.triage, row.request_type) == ("urgent", "confirmed", "complaint")


async def test_skipped_comes_last(scene: Scene) -> None:
    first, second = await waiting(scene, "Ghế lung lay.", "Bàn bị xước.")
    browser = await scene.signed_in("ha")
    part = await answer(browser, first, skip="1")
    assert shown(part) == second
    assert hidden(part, "skipped") == str(first)
    assert (await scene.get(first)).triage == "needs_review"


async def test_taken_back_it_is_as_it_was(scene: Scene) -> None:
    (number,) = await waiting(scene, "Ghế lung lay.")
    before = await scene.get(number)
    browser = await scene.signed_in("ha")
    await answer(browser, number, request_type="account_access", urgency="high")
    assert (await scene.get(number)).request_type == "account_access"

    part = await browser.post("/review/undo", {"queue": "unsure"}, htmx=True)

    assert shown(part.text) == number
    row = await scene.get(number)
    for name in ("request_type", "urgency", "triage", "team_id", "owner_id"):
        assert getattr(row, name) == getattr(before, name), name
    assert await scene.all(Correction, said.conversation_id == number) == []
    again = await browser.post("/review/undo", {"queue": "unsure"}, htmx=True)
    assert "nothing to take back" in again.text


async def test_two_supervisors_do_not_look_at_the_same_one(scene: Scene) -> None:
    first, second = await waiting(scene, "Ghế lung lay.", "Bàn bị xước.")
    hers, his = await scene.signed_in("ha"), await scene.signed_in("viet")
    assert shown((await hers.get("/review")).text) == first
    assert shown((await his.get("/review")).text) == second
    looked = (await his.get(f"/review?at={first}")).text
    assert "Lê Thu Hà is looking at this one just now." in looked
    await answer(hers, first, request_type="return_refund")
    late = {"version": "1", "queue": "unsure", "request_type": "general", "urgency": "low"}
    part = await his.post(f"/review/{first}", late, htmx=True)
    assert "Somebody else has decided this one meanwhile." in part.text
    assert (await scene.get(first)).request_type == "return_refund"


async def test_what_agents_changed_is_looked_at_and_both_opinions_are_shown(
    scene: Scene,
) -> None:
    (number,) = await waiting(scene, "Ghế lung lay.")
    agent = await scene.signed_in("binh")
    await agent.post(f"/inbox/{number}/request-type", {"request_type": "return_refund"})
    browser = await scene.signed_in("ha")
    assert shown((await browser.get("/review?q=changed")).text) == number
    part = await answer(browser, number, queue="changed", request_type="complaint")
    assert "All checked" in part
    page = (await browser.get(f"/review?at={number}")).text
    assert "Trần Thanh Bình says Return and refund" in page
    assert "Lê Thu Hà says Complaint" in page
    for person in (agent, browser):
        seen = (await person.get(f"/inbox/{number}")).text
        assert "Trần Thanh Bình says Return and refund" in seen


async def test_a_tenth_is_checked_at_random(scene: Scene) -> None:
    numbers = await waiting(scene, *(f"Ghế số {n} lung lay." for n in range(25)))
    for number in numbers:
        await scene.change(number, triage=Triage.AUTO)
    who = await scene.agent("ha")

    def sampled(session: Session) -> list[int]:
        person = Person(who.id, who.name, who.email, who.role, "en", "", True, frozenset())
        return queues.list_queue(session, queues.SAMPLE, person, NOW)

    found = await scene.database.read(sampled)
    expected = [n for n in numbers if n * 40503 % 65536 < 6554]
    assert sorted(found) == expected
    assert 0 < len(found) < 10


async def test_what_would_follow_is_shown_before(scene: Scene) -> None:
    (number,) = await waiting(scene, "Không đăng nhập được.")
    browser = await scene.signed_in("ha")
    asked = "request_type=account_access&urgency=urgent"
    part = (await browser.get(f"/review/{number}/outcome?{asked}", htmx=True)).text
    assert "Goes to Technics" in part
    assert re.search(r"Deadline (becomes|stays)", part)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"request_type": "nonsense", "urgency": "normal"}, 422),
        ({"request_type": "complaint", "urgency": "soon"}, 422),
        ({"request_type": "complaint", "urgency": "normal", "extra": "1"}, 422),
    ],
)
async def test_what_is_no_answer_changes_nothing(
    scene: Scene, fields: dict[str, str], code: int
) -> None:
    (number,) = await waiting(scene, "Ghế lung lay.")
    browser = await scene.signed_in("ha")
    refused = await browser.post(f"/review/{number}", fields)
    assert refused.status_code == code
    assert (await scene.get(number)).triage == "needs_review"
