"""Splitting and blocking on the pages, without JavaScript."""

from models import Block, Status
from tests.web.scene import Scene
from tests.web.test_later import write_more


async def test_split_and_made_one_again(scene: Scene) -> None:
    """F79: chosen from the customer's messages, with a subject of its own; taken back."""
    number = await scene.arrive("Đơn của tôi đâu?", subject="Đơn hàng")
    agent = await scene.signed_in("binh")
    page = await agent.get(f"/inbox/{number}/split")
    assert "There is nothing to split" in page.text
    assert f'href="/inbox/{number}/split"' not in (await agent.get(f"/inbox/{number}")).text
    await write_more(scene, number, "Còn máy lọc nước thì hỏng.")
    assert 'id="split"' in (await agent.get(f"/inbox/{number}")).text
    page = await agent.get(f"/inbox/{number}/split")
    assert "Còn máy lọc nước" in page.text
    assert page.text.count('type="radio" name="message"') == 1
    chosen = page.text.split('name="message" value="')[1].split('"')[0]
    wrong = await agent.post(f"/inbox/{number}/split", {"message": "1x", "subject": "Máy"})
    assert wrong.status_code == 422
    assert 'value="Máy"' in wrong.text

    done = await agent.post(
        f"/inbox/{number}/split", {"message": chosen, "subject": "Máy lọc nước"}
    )

    assert done.status_code == 303
    new = int(done.headers["location"].rpartition("/")[2])
    theirs, old = await scene.get(new), await scene.get(number)
    assert (theirs.subject, theirs.split_from_id) == ("Máy lọc nước", number)
    page = await agent.get(f"/inbox/{new}")
    assert "split it from #" in page.text
    assert "Còn máy lọc nước" in page.text
    assert f'href="/inbox/{number}"' in page.text
    first = (await agent.get(f"/inbox/{number}")).text
    assert f"it goes on as #{new}" in first
    assert "Còn máy lọc nước" not in first
    status = await scene.browser().get(f"/s/{old.public_token}")
    assert "Còn máy lọc nước" in status.text, "the customer sees one talk"

    back = await agent.post(f"/inbox/{new}/split/undo")
    assert (back.status_code, back.headers["location"]) == (303, f"/inbox/{number}")
    assert (await scene.get(new)).status is Status.MERGED
    assert "Còn máy lọc nước" in (await agent.get(f"/inbox/{number}")).text


async def test_a_sender_is_blocked_and_heard_again(scene: Scene) -> None:
    """Set apart at once and later, listed with what it caught, lifted by one click."""
    number = await scene.arrive("Mua danh sách khách hàng?")
    agent, ha = await scene.signed_in("binh"), await scene.signed_in("ha")
    assert 'id="block-sender"' in (await agent.get(f"/inbox/{number}")).text
    page = (await agent.get(f"/inbox/{number}/block")).text
    sender = page.split('value="address" checked> <span>')[1].split("<")[0]
    assert "@" in sender
    assert 'value="domain"' not in page
    assert 'value="domain"' in (await ha.get(f"/inbox/{number}/block")).text
    refused = await agent.post(f"/inbox/{number}/block", {"kind": "domain"})
    assert refused.status_code == 403

    done = await agent.post(f"/inbox/{number}/block", {"kind": "address"})

    assert done.status_code == 303
    assert (await scene.get(number)).status is Status.SPAM
    later = await scene.arrive("Chào anh chị lần nữa.")
    assert (await scene.get(later)).status is Status.SPAM
    shown = (await agent.get(f"/inbox/{later}")).text
    assert "Its sender is blocked" in shown
    assert "Set apart: the sender is blocked" in shown
    assert f"/inbox/{later}" in (await agent.get("/apart")).text
    listed = (await ha.get("/settings/blocks")).text
    assert sender in listed
    assert '<td class="num">1 ' in listed
    (row,) = await scene.all(Block)
    lifted = await ha.post(f"/settings/blocks/{row.id}/removal")
    assert lifted.status_code == 303
    assert "Nobody is blocked." in (await ha.get("/settings/blocks")).text
    heard = await scene.arrive("Xin lỗi, cho hỏi đơn hàng?")
    assert (await scene.get(heard)).status is Status.OPEN
