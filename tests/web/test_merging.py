"""Merging on the pages: proposed, by number, taken back; and answers that helped before."""

from sqlalchemy import insert
from sqlmodel import Session

from models import SimilarMessage, Status
from models.base import core
from tests.web.scene import Scene, hidden
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
