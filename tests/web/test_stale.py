"""Two people change the same thing: who comes second is told both values, and loses nothing."""

from datetime import timedelta

import pytest

from inbox.conversations import NewerMessage
from inbox.templating import translator
from inbox.views.extras import NEWER
from inbox.views.stale import WROTE, who_wrote
from models import Status
from tests.web.scene import Scene
from tests.web.test_later import write_more


@pytest.mark.parametrize(
    ("path", "field", "was", "first", "second", "told"),
    [
        (
            "request-type",
            "request_type",
            "order_delivery",
            "complaint",
            "billing_payment",
            "to “Complaint”. You saw “Order and delivery”",
        ),
        ("urgency", "urgency", "normal", "urgent", "low", "to “Urgent”. You saw “Normal”"),
        ("product-group", "value", "", "Lọc nước", "Bếp", "to “Lọc nước”. You saw “–”"),
        ("tier", "value", "", "vip", "gold", "to “vip”. You saw “–”"),
    ],
)
async def test_a_change_in_between_is_said(
    scene: Scene, path: str, field: str, was: str, first: str, second: str, told: str
) -> None:
    number = await scene.arrive()
    here, there = await scene.signed_in("binh"), await scene.signed_in("ha")
    page = (await here.get(f"/inbox/{number}")).text
    assert f'name="was" value="{was}"' in page
    url = f"/inbox/{number}/{path}"
    assert (await there.post(url, {field: first, "was": was})).status_code == 303
    before = await scene.get(number)

    late = await here.post(url, {field: second, "was": was}, htmx=True)

    assert late.status_code == 409
    assert told in late.text
    assert (await scene.get(number)).version == before.version
    same = await here.post(url, {field: first, "was": was})
    assert same.status_code == 303, "both want the same"
    again = await here.post(url, {field: second, "was": first})
    assert again.status_code == 303


@pytest.mark.parametrize(
    "form", [("wait", {"reason": "customer"}), ("snooze", {"until": "days"})]
)
async def test_nobody_waits_for_who_has_just_written(
    scene: Scene, form: tuple[str, dict[str, str]]
) -> None:
    """What the page showed as the last message is not the last any more."""
    number = await scene.arrive()
    agent = await scene.signed_in("binh")
    page = (await agent.get(f"/inbox/{number}")).text
    seen = page.split('data-seen="')[1].split('"')[0]
    await write_more(scene, number, "Tôi cần gấp!")
    path, fields = form
    scene.clock.now += timedelta(hours=15)
    late = await agent.post(f"/inbox/{number}/{path}", {**fields, "seen": seen}, htmx=True)
    assert late.status_code == 409
    assert "wrote 15 h ago." in late.text
    assert "Not changed: " in late.text
    assert (await scene.get(number)).status is Status.OPEN
    newer = (await agent.get(f"/inbox/{number}")).text.split('data-seen="')[1].split('"')[0]
    done = await agent.post(f"/inbox/{number}/{path}", {**fields, "seen": newer})
    assert done.status_code == 303


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(7, "7 giây"), (59, "59 giây"), (600, "10 phút"), (53866, "14 giờ"), (400000, "4 ngày")],
)
def test_how_long_ago_is_said_as_everywhere(seconds: int, said: str) -> None:
    """Nobody reads 53866 seconds."""
    say = translator("vi").gettext
    newer = NewerMessage("Hà", seconds, 1)
    assert who_wrote(NEWER, newer, say) == f"Chưa gửi: Hà đã viết {said} trước."
    assert who_wrote(WROTE, newer, say) == f"Chưa đổi: Hà đã viết {said} trước."
