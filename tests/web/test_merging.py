"""Merging on the pages: proposed, by number, taken back; and answers that helped before."""

import msgspec
from sqlalchemy import insert
from sqlmodel import Session

from inbox.views.api import shapes
from models import SimilarMessage, Status
from models.base import core
from tests.web.scene import OUTSIDE_TOKEN, WRITE_TOKEN, Scene, bearer, hidden
from tests.web.scripts import URL, problem, send
from tests.web.test_later import write_more

COMPLAINT = "Tôi muốn khiếu nại: hàng giao sai và không ai trả lời."


async def two(scene: Scene) -> tuple[int, int]:
    """Return the numbers of two requests of one customer, neither answered."""
    first = await scene.arrive(COMPLAINT, subject="Khiếu nại", request_type="complaint")
    second = await scene.arrive("Sao vẫn im lặng?", subject="", request_type="complaint")
    return first, second


async def test_who_asks_again_is_merged_by_one_button_and_taken_out_again(scene: Scene) -> None:
    """F120, F79: without JavaScript; both messages on one page, late words too."""
    first, second = await two(scene)
    agent = await scene.signed_in("binh")
    page = (await agent.get(f"/inbox/{second}")).text
    assert f"still waits for an answer in #{first}" in page
    assert f'form="merge-{second}" name="other" value="{first}"' in page

    done = await agent.post(f"/inbox/{second}/merge", {"other": f"#{first}"})

    assert (done.status_code, done.headers["location"]) == (303, f"/inbox/{first}")
    page = (await agent.get(f"/inbox/{first}")).text
    assert "hàng giao sai" in page
    assert "Sao vẫn im lặng?" in page
    assert f"merged #{second} into it" in page
    assert f'<a href="/inbox/{second}">' in page
    part = (await agent.get(f"/inbox/{second}")).text
    assert f"It goes on in #{first}" in part
    assert 'id="unmerge" aria-keyshortcuts="z"' in part
    assert f"/inbox/{second}" not in (await agent.get("/inbox")).text
    refused = await agent.post(f"/inbox/{second}/urgency", {"urgency": "high"})
    assert refused.status_code == 409

    await write_more(scene, second, "Alo, có ai không?")
    await scene.announce(["intake"])
    assert "Alo, có ai không?" in (await agent.get(f"/inbox/{first}")).text
    theirs = await scene.get(second)
    status = await scene.browser().get(f"/s/{theirs.public_token}")
    assert f" {first}</p></header>" in status.text
    assert "hàng giao sai" in status.text
    assert "Alo, có ai không?" in status.text

    back = await agent.post(f"/inbox/{second}/merge/undo", htmx=True)
    assert back.headers["hx-redirect"] == f"/inbox/{second}"
    assert (await scene.get(second)).status is Status.OPEN
    assert "Alo, có ai không?" not in (await agent.get(f"/inbox/{first}")).text
    page = (await agent.get(f"/inbox/{second}")).text
    assert f"still waits for an answer in #{first}" not in page, "it was just taken out"


async def test_two_matters_are_not_proposed_again(scene: Scene) -> None:
    """F120: one button says so, on both; the history shows who; merging by hand stays."""
    first, second = await two(scene)
    agent = await scene.signed_in("binh")
    page = (await agent.get(f"/inbox/{second}")).text
    assert f'form="apart-{second}" name="other" value="{first}"' in page

    for _ in range(2):
        done = await agent.post(f"/inbox/{second}/merge/dismissal", {"other": str(first)})
        assert (done.status_code, done.headers["location"]) == (303, f"/inbox/{second}")

    page = (await agent.get(f"/inbox/{second}")).text
    assert f"still waits for an answer in #{first}" not in page
    assert f": #{first} is another matter" in page
    other = (await agent.get(f"/inbox/{first}")).text
    assert other.count(f": #{second} is another matter") == 1, "said twice is said once"
    itself = await agent.post(f"/inbox/{second}/merge/dismissal", {"other": str(second)})
    assert itself.status_code == 422
    merged = await agent.post(f"/inbox/{second}/merge", {"other": str(first)})
    assert merged.status_code == 303
    gone = await agent.post(f"/inbox/{second}/merge/dismissal", {"other": str(first)})
    assert gone.status_code == 409, "they are one now"


async def test_likely_twins_are_two_matters_from_either_side(scene: Scene) -> None:
    first, second = await two(scene)

    def alike(session: Session) -> None:
        rows = [{"conversation_id": first, "other_id": second, "likeness": 0.7}]
        session.execute(insert(core(SimilarMessage)), rows)

    await scene.write(alike)
    agent = await scene.signed_in("binh")
    assert "perhaps the same matter" in (await agent.get(f"/inbox/{first}")).text

    done = await agent.post(
        f"/inbox/{second}/merge/dismissal", {"other": str(first)}, htmx=True
    )

    assert done.headers["hx-redirect"] == f"/inbox/{second}"
    page = (await agent.get(f"/inbox/{first}")).text
    assert "perhaps the same matter" not in page
    assert f'href="/inbox/{second}"' in page, "it is still one of the customer's"


async def test_a_script_merges_and_takes_out(scene: Scene) -> None:
    """F79, F120 by API: the one that goes on is given; once by its key; others' stay hidden."""
    first, second = await two(scene)
    headers = bearer(WRITE_TOKEN) | {"idempotency-key": "merge-1"}
    client = scene.browser().client
    for replayed in (None, "true"):
        done = await client.post(
            f"{URL}/{second}/merge", json={"other": first}, headers=headers
        )
        assert done.status_code == 200
        assert done.headers.get("idempotent-replayed") == replayed
    whole = msgspec.convert(done.json(), shapes.Conversation)
    assert (whole.number, whole.merged, whole.merged_into) == (first, [second], None)
    assert len(whole.messages) >= 2
    read = await client.get(f"{URL}/{second}", headers=bearer(WRITE_TOKEN))
    assert (read.json()["status"], read.json()["merged_into"]) == ("merged", first)
    problem(await send(scene, "merge", first, {"other": second}), 409)
    problem(await send(scene, "merge", first, {"other": first}), 422)
    problem(await send(scene, "merge", first, {"other": 2**63}), 422)
    problem(await send(scene, "merge", first, {"other": second}, token=OUTSIDE_TOKEN), 404)

    back = await client.delete(f"{URL}/{second}/merge", headers=bearer(WRITE_TOKEN))
    assert back.status_code == 200
    part = msgspec.convert(back.json(), shapes.Conversation)
    assert (part.number, part.status, part.merged_into) == (second, Status.OPEN, None)
    assert part.first_response_due_at is not None
    again = await client.delete(f"{URL}/{second}/merge", headers=bearer(WRITE_TOKEN))
    problem(again, 409)
    outside = await client.delete(f"{URL}/{second}/merge", headers=bearer(OUTSIDE_TOKEN))
    problem(outside, 404)


async def test_nobody_merges_what_they_may_not_see(scene: Scene) -> None:
    first, second = await two(scene)
    await scene.change(second, team_id=await scene.team("Technics"), owner_id=None)
    dung = await scene.agent("dung")
    await scene.change(second, owner_id=dung.id)
    agent = await scene.signed_in("binh")
    done = await agent.post(f"/inbox/{first}/merge", {"other": str(second)})
    assert done.status_code == 404
    assert (await scene.get(second)).status is Status.OPEN
    wrong = await agent.post(f"/inbox/{first}/merge", {"other": "nonsense"})
    assert wrong.status_code == 422


async def test_an_answer_that_helped_before_is_shown_and_used(scene: Scene) -> None:
    """Only of what the agent may see; behind what is written already; also without htmx."""
    old = await scene.arrive("Bao giờ giao đơn 1?", email="cu@vidu.example")
    hidden_one = await scene.arrive("Bao giờ giao đơn 2?", email="khac@vidu.example")
    new = await scene.arrive("Bao giờ giao đơn 3?", email="moi@vidu.example")
    lead, agent = await scene.signed_in("ha"), await scene.signed_in("binh")
    for number, answer in ((old, "Dạ mai giao ạ."), (hidden_one, "Bí mật.")):
        page = (await lead.get(f"/inbox/{number}")).text
        fields = {"body": answer, "kind": "reply", "key": hidden(page, "key")}
        assert (await lead.post(f"/inbox/{number}/messages", fields)).status_code == 303
    dung = await scene.agent("dung")
    await scene.change(hidden_one, team_id=await scene.team("Technics"), owner_id=dung.id)

    def alike(session: Session) -> None:
        rows = [
            {"conversation_id": new, "other_id": other, "likeness": likeness}
            for other, likeness in ((old, 0.8), (hidden_one, 0.9))
        ]
        session.execute(insert(core(SimilarMessage)), rows)

    await scene.write(alike)
    page = (await agent.get(f"/inbox/{new}")).text
    assert "80 % alike" in page
    assert "Dạ mai giao ạ." in page
    assert "Bí mật." not in page

    used = await agent.post(
        f"/inbox/{new}/draft", {"answer_of": str(old), "body": "Chào chị,"}, htmx=True
    )
    assert used.status_code == 200
    assert "Chào chị,\n\nDạ mai giao ạ.</textarea>" in used.text
    plain = await agent.post(f"/inbox/{new}/draft", {"answer_of": str(old)})
    assert "\nDạ mai giao ạ.</textarea>" in plain.text
    assert 'id="thread-' in plain.text
    other = await agent.post(f"/inbox/{new}/draft", {"answer_of": str(hidden_one)})
    assert other.status_code == 404
