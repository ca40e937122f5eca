"""Taking over for some hours and swapping shifts, on their pages."""

from datetime import timedelta

from sqlalchemy import update

from models import Absence, AuditEntry, AwayKind, Notice, Swap, SwapState, TeamMember
from models.base import columns
from tests.web.scene import Scene
from tests.web.test_absences import ALL, FORM, HERE, OWN, span, sweep

members = columns(TeamMember)
PAGE = "/me/shifts"


async def partners(scene: Scene) -> None:
    """Put Dũng into Bình's team."""
    team, dung = await scene.team("Orders"), await scene.agent("dung")
    await scene.write(
        lambda session: session.execute(
            update(TeamMember).where(members.agent_id == dung.id).values(team_id=team)
        )
    )


async def shift(scene: Scene, starts_h: float = 24, **values: str) -> dict[str, str]:
    """Return the form of an offer to Dũng."""
    here = scene.clock.now + HERE
    dung = await scene.agent("dung")
    times = (here + timedelta(hours=starts_h), here + timedelta(hours=starts_h + 2))
    starts, ends = (one.strftime(FORM) for one in times)
    return {"to_id": str(dung.id), "starts_at": starts, "ends_at": ends, **values}


async def test_one_lets_a_colleague_take_over(scene: Scene) -> None:
    """Without an absence; the other is told on the page, with a link to it."""
    binh, dung = await scene.signed_in("binh"), await scene.signed_in("dung")
    colleague = await scene.agent("dung")
    form = span(scene, 0, 3, kind="taken_over", backup_id=str(colleague.id))

    answer = await binh.post(OWN, form)

    assert answer.status_code == 303
    (row,) = await scene.all(Absence)
    assert (row.kind, row.backup_id) == (AwayKind.TAKEN_OVER, colleague.id)
    assert "Taken over" in (await binh.get(OWN)).text
    (notice,) = await scene.all(Notice)
    toast = (await dung.get("/notices?part=count")).text
    assert "You take over from Trần Thanh Bình" in toast
    assert 'href="/me/shifts"' in toast
    shown = (await dung.get("/notices")).text
    assert "You take over from Trần Thanh Bình" in shown
    assert "#None" not in shown
    taken = await dung.post(f"/notices/{notice.id}/taking")
    assert taken.status_code == 303
    assert "You have it since" in (await dung.get("/notices")).text


async def test_the_conversation_says_who_has_whose_work_in_words(scene: Scene) -> None:
    """F51: nobody is said to be away who is here; one cannot take it back by the way."""
    number = await scene.arrive()
    binh, dung = await scene.signed_in("binh"), await scene.signed_in("dung")
    colleague = await scene.agent("dung")
    form = span(scene, 0, 3, kind="taken_over", backup_id=str(colleague.id), note="Đang họp")
    await binh.post(OWN, form)
    await sweep(scene)

    shown = (await dung.get(f"/inbox/{number}")).text
    assert "Phạm Hùng Dũng covers for Trần Thanh Bình until" in shown
    assert "A colleague has the work of Trần Thanh Bình until" in shown
    assert "Trần Thanh Bình says: Đang họp" in shown
    assert "is away" not in shown
    claimed = await binh.post(f"/inbox/{number}/claim")
    assert claimed.status_code == 409
    assert "A colleague has your work until later." in claimed.text
    scene.clock.now += timedelta(hours=3)
    await sweep(scene)
    shown = (await binh.get(f"/inbox/{number}")).text
    assert "Trần Thanh Bình has it again: the time of cover is over" in shown


async def test_the_form_that_was_wrong_says_so(scene: Scene) -> None:
    browser = await scene.signed_in("binh")
    answer = await browser.post(OWN, span(scene, 0, 3, kind="taken_over"))
    assert answer.status_code == 422
    assert 'id="backup-over-about"' in answer.text
    assert 'id="backup-about"' not in answer.text
    odd = await browser.post(OWN, span(scene, 0, 3, kind="swap"))
    assert odd.status_code == 303
    assert [row.kind for row in await scene.all(Absence)] == [AwayKind.ABSENCE]


async def test_a_supervisor_enters_it_for_somebody(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    binh, dung = await scene.agent("binh"), await scene.agent("dung")
    whose = {"agent_id": str(binh.id), "backup_id": str(dung.id)}
    form = span(scene, 0, 3, kind="taken_over", **whose)

    answer = await browser.post(ALL, form)

    assert answer.status_code == 303
    assert {row.agent_id for row in await scene.all(Notice)} == {binh.id, dung.id}
    assert "Taken over" in (await browser.get(ALL)).text


async def test_a_shift_is_offered_seen_by_supervisors_and_accepted(scene: Scene) -> None:
    await partners(scene)
    binh, dung = await scene.signed_in("binh"), await scene.signed_in("dung")
    lead, admin = await scene.signed_in("ha"), await scene.signed_in("viet")

    answer = await binh.post(PAGE, await shift(scene, note="Con ốm"))

    assert answer.headers["location"] == PAGE
    (row,) = await scene.all(Swap)
    assert f"/me/shifts/{row.id}/withdrawal" in (await binh.get(PAGE)).text
    page = (await dung.get(PAGE)).text
    assert f"/me/shifts/{row.id}/acceptance" in page
    assert "Con ốm" in page
    assert "Trần Thanh Bình to Phạm Hùng Dũng" in (await lead.get(ALL)).text
    await dung.post(f"/me/shifts/{row.id}/acceptance")
    assert "you work for Trần Thanh Bình" in (await dung.get(PAGE)).text
    assert "Phạm Hùng Dũng works for you" in (await binh.get(PAGE)).text
    assert "Shift swapped" in (await lead.get(ALL)).text
    trail = (await admin.get("/settings/audit")).text
    assert "Shift offered" in trail
    assert "accepted" in trail
    assert len(await scene.all(AuditEntry)) == 3


async def test_declined_taken_back_and_answered_twice(scene: Scene) -> None:
    await partners(scene)
    binh, dung = await scene.signed_in("binh"), await scene.signed_in("dung")
    for starts in (24, 48):
        await binh.post(PAGE, await shift(scene, starts))
    one, other = await scene.all(Swap)

    await dung.post(f"/me/shifts/{one.id}/refusal")
    await binh.post(f"/me/shifts/{other.id}/withdrawal")

    assert [row.state for row in await scene.all(Swap)] == [
        SwapState.DECLINED,
        SwapState.WITHDRAWN,
    ]
    assert (await dung.post(f"/me/shifts/{one.id}/acceptance")).status_code == 409
    assert await scene.all(Absence) == []


async def test_what_cannot_be_offered_or_accepted_is_said_on_the_page(scene: Scene) -> None:
    binh, dung = await scene.signed_in("binh"), await scene.signed_in("dung")
    answer = await binh.post(PAGE, await shift(scene))
    assert answer.status_code == 422
    assert "Nobody else takes work of your teams." in answer.text
    await partners(scene)
    half = await binh.post(PAGE, await shift(scene, back_starts_at="2026-11-26T09:00"))
    assert half.status_code == 422
    assert 'id="back_ends_at-about"' in half.text
    await binh.post(PAGE, await shift(scene))
    (row,) = await scene.all(Swap)
    away = span(scene, 20, 40)
    assert (await dung.post(OWN, away)).status_code == 303

    refused = await dung.post(f"/me/shifts/{row.id}/acceptance")

    assert refused.status_code == 422
    assert "They are away then" in refused.text


async def test_what_is_missing_of_a_shift_is_said_at_its_field(scene: Scene) -> None:
    await partners(scene)
    binh = await scene.signed_in("binh")
    form = await shift(scene)
    sentence = "Please fill this in."

    empty = await binh.post(PAGE, {**form, "to_id": "", "starts_at": "", "ends_at": ""})
    half = await binh.post(PAGE, {**form, "back_ends_at": "2026-11-26T09:00"})
    nonsense = await binh.post(PAGE, {**form, "ends_at": "soon"})

    assert (empty.status_code, empty.text.count(sentence)) == (422, 2)
    for field in ("to_id", "starts_at", "ends_at"):
        assert f'class="error" id="{field}-about"' in empty.text
    assert (half.status_code, half.text.count(sentence)) == (422, 1)
    assert 'class="error" id="back_starts_at-about"' in half.text
    assert 'name="back_ends_at" type="datetime-local" value="2026-11-26T09:00"' in half.text
    assert nonsense.status_code == 422
    assert "A shift begins from now on" in nonsense.text
    for answer in (empty, half, nonsense):
        assert "An absence ends" not in answer.text


async def test_the_same_shift_is_offered_once(scene: Scene) -> None:
    await partners(scene)
    binh = await scene.signed_in("binh")
    form = await shift(scene, note="Con ốm")
    assert (await binh.post(PAGE, form)).status_code == 303

    twice = await binh.post(PAGE, form)

    assert twice.status_code == 422
    assert "You have offered them this shift already." in twice.text
    assert 'id="starts_at-about"' in twice.text
    assert len(await scene.all(Swap)) == 1
    other = {**await shift(scene, 48)}
    assert (await binh.post(PAGE, other)).status_code == 303
