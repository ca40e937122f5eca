"""Absences on their pages: one's own, and everybody's for supervisors."""

from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.company import covering
from inbox.house import load_house
from models import Absence, Agent, Conversation
from models.base import columns
from tests.web.scene import Scene

agents = columns(Agent)
conversations = columns(Conversation)

ALL, OWN = "/settings/absences", "/me/absences"
FORM = "%Y-%m-%dT%H:%M"
HERE = timedelta(hours=7)  # the company's zone


def span(scene: Scene, starts_h: float, ends_h: float, **values: str) -> dict[str, str]:
    """Return a form; hours from now, in the company's time."""
    here = scene.clock.now + HERE
    times = {
        "starts_at": (here + timedelta(hours=starts_h)).strftime(FORM),
        "ends_at": (here + timedelta(hours=ends_h)).strftime(FORM),
    }
    return {**times, "gives_back": "1", **values}


async def back(scene: Scene, who: str, whom: str) -> None:
    """Make somebody the backup of another."""
    backup = (await scene.agent(whom)).id
    query = update(Agent).where(agents.id == (await scene.agent(who)).id)
    await scene.write(lambda session: session.execute(query.values(backup_id=backup)))


async def sweep(scene: Scene) -> None:
    """Do what the worker does until there is nothing left to do."""

    def house(session: Session) -> House:
        found = load_house(session, scene.site.settings, scene.site.secret)
        assert found is not None
        return found

    known = await scene.write(house)
    now = scene.clock.now
    while await scene.write(lambda session: covering.is_due(session, now)):
        await scene.write(lambda session: covering.go_on(session, known, now))


async def absences(scene: Scene) -> list[Absence]:
    found: list[Absence] = await scene.all(Absence)
    return found


async def test_one_enters_ones_own_and_takes_back(scene: Scene) -> None:
    """F49, F51, F71: the header and the history say who covers, in words."""
    await back(scene, "binh", "dung")
    number = await scene.arrive()
    binh = await scene.signed_in("binh")
    assert (await binh.get(OWN)).status_code == 200

    form = span(scene, -1, 24, note="Gọi khách trước.")
    form.pop("gives_back")
    assert (await binh.post(OWN, form)).status_code == 303
    await sweep(scene)

    row = await scene.get(number)
    dung = (await scene.agent("dung")).id
    assert row.owner_id == dung
    shown = (await binh.get(f"/inbox/{number}")).text
    assert "Phạm Hùng Dũng covers for Trần Thanh Bình, who is away until" in shown
    assert "Phạm Hùng Dũng has it now, and covers for Trần Thanh Bình" in shown
    assert "and says: Gọi khách trước." in shown
    page = (await binh.get(OWN)).text
    assert "Colleagues cover 1 request of yours" in page
    assert "disabled" in page  # while away

    (absence,) = await absences(scene)
    assert (await binh.post(f"/absences/{absence.id}/end", {})).status_code == 303
    await sweep(scene)
    assert (await scene.get(number)).owner_id == dung  # not by itself
    assert (await binh.post("/me/covered", {})).status_code == 303
    row = await scene.get(number)
    assert (row.owner_id, row.covered_for_id) == ((await scene.agent("binh")).id, None)
    assert "Trần Thanh Bình took it back" in (await binh.get(f"/inbox/{number}")).text


async def test_the_rest_stays_and_says_so(scene: Scene) -> None:
    """F49: what falls due later stays with the owner, and says when they are back."""
    await back(scene, "binh", "dung")
    number = await scene.arrive()
    far = scene.clock.now + timedelta(days=9)
    later = update(Conversation).where(conversations.id == number)
    values = {"next_due_at": far, "resolution_due_at": far}
    await scene.write(lambda session: session.execute(later.values(**values)))
    binh = await scene.signed_in("binh")
    await binh.post(OWN, span(scene, -1, 24))
    await sweep(scene)
    assert (await scene.get(number)).owner_id == (await scene.agent("binh")).id
    shown = (await binh.get(f"/inbox/{number}")).text
    assert "Trần Thanh Bình is away until" in shown
    assert "goes to Phạm Hùng Dũng" in shown


async def test_a_supervisor_enters_changes_and_gives_back(scene: Scene) -> None:
    """F49, F51, F105: for anybody, with the weeks ahead."""
    await back(scene, "binh", "dung")
    number = await scene.arrive()
    binh = (await scene.agent("binh")).id
    ha = await scene.signed_in("ha")
    assert "Nobody is away" in (await ha.get(ALL)).text

    form = span(scene, 48, 72, agent_id=str(binh))
    assert (await ha.post(ALL, form)).status_code == 303
    (absence,) = await absences(scene)
    listed = (await ha.get(ALL)).text
    assert "Trần Thanh Bình" in listed
    assert "away-bar" in listed
    now = {**span(scene, -1, 24), "agent_id": str(binh), "back": "all"}
    now.pop("gives_back")
    changed = await ha.post(f"/absences/{absence.id}", now)
    assert (changed.status_code, changed.headers["location"]) == (303, ALL)
    await sweep(scene)
    assert (await scene.get(number)).owner_id == (await scene.agent("dung")).id

    scene.clock.now += timedelta(hours=25)
    await sweep(scene)
    assert "Give back 1 request" in (await ha.get(ALL)).text
    assert (await ha.post(f"/settings/absences/{binh}/return", {})).status_code == 303
    assert (await scene.get(number)).owner_id == binh


async def test_what_is_wrong_is_said(scene: Scene) -> None:
    """F50: a circle is refused in words, at the field."""
    binh, dung = (await scene.agent("binh")).id, (await scene.agent("dung")).id
    ha = await scene.signed_in("ha")
    form = span(scene, 1, 24, agent_id=str(binh), backup_id=str(dung))
    assert (await ha.post(ALL, form)).status_code == 303
    other = span(scene, 2, 20, agent_id=str(dung), backup_id=str(binh))
    refused = await ha.post(ALL, other)
    assert refused.status_code == 422
    assert "This is a circle" in refused.text
    assert f'value="{other["starts_at"]}"' in refused.text, "what was typed is still there"
    twice = await ha.post(ALL, form)
    assert "There is an absence at this time already" in twice.text
    nonsense = await ha.post(ALL, {**form, "starts_at": "soon"})
    assert nonsense.status_code == 422
    nobody = await ha.post(ALL, {**other, "agent_id": ""})
    assert "Choose somebody who works here" in nobody.text
    backwards = await ha.post(OWN, span(scene, 5, 1))
    assert backwards.status_code == 422
    assert "ends after it begins" in backwards.text


async def test_a_circle_of_standing_backups_is_refused(scene: Scene) -> None:
    """F50: on the person's page and on the team's."""
    await back(scene, "binh", "dung")
    binh, dung = (await scene.agent("binh")).id, (await scene.agent("dung")).id
    viet = await scene.signed_in("viet")
    person: dict[str, Any] = {
        "name": "Dũng",
        "role": "agent",
        "language": "en",
        "open_cap": "10",
        "backup_id": str(binh),
        "teams": str(await scene.team("Technics")),
    }
    refused = await viet.post(f"/settings/people/{dung}", person)
    assert refused.status_code == 422
    assert "This is a circle" in refused.text
    team = {
        "name": "Technics",
        "members": [str(binh), str(dung)],
        "backups": [f"{binh}:{dung}", f"{dung}:{binh}"],
    }
    number = await scene.team("Technics")
    refused = await viet.post(f"/settings/teams/{number}", team)
    assert refused.status_code == 422
    turned = {**team, "backups": [f"{dung}:{binh}", f"{binh}:"]}
    assert (await viet.post(f"/settings/teams/{number}", turned)).status_code == 303


async def test_how_work_is_given_is_set_on_the_pages(scene: Scene) -> None:
    """F68, F105: department and way of giving at the team, weight and skills at the person."""
    viet = await scene.signed_in("viet")
    team, binh = await scene.team("Orders"), (await scene.agent("binh")).id
    form = {
        "name": "Orders",
        "members": str(binh),
        "department": "Bán hàng",
        "gives_by": "round_robin",
    }
    assert (await viet.post(f"/settings/teams/{team}", form)).status_code == 303
    assert (
        await viet.post(f"/settings/teams/{team}", {**form, "gives_by": "x"})
    ).status_code == 422
    person: dict[str, Any] = {
        "name": "Bình",
        "role": "agent",
        "language": "en",
        "open_cap": "10",
        "teams": str(team),
        "weight": "3",
        "skills": ["vi", "order_delivery"],
        "products": "Máy lọc nước, Nệm",
        "calendar_id": "1",
    }
    assert (await viet.post(f"/settings/people/{binh}", person)).status_code == 303
    row = await scene.agent("binh")
    assert (row.weight, row.calendar_id) == (3, 1)
    assert set(row.skills) == {"vi", "order_delivery", "Máy lọc nước", "Nệm"}
    shown = (await viet.get(f"/settings/teams/{team}")).text
    assert 'value="Bán hàng"' in shown
    assert 'value="round_robin" selected' in shown
    assert "Máy lọc nước" in shown
    again = (await viet.get(f"/settings/people/{binh}")).text
    assert 'value="Máy lọc nước, Nệm"' in again
    for wrong in ({"weight": "0"}, {"calendar_id": "999"}, {"products": "x" * 99}):
        refused = await viet.post(f"/settings/people/{binh}", {**person, **wrong})
        assert refused.status_code == 422
    trail = (await viet.get("/settings/audit")).text
    assert "round_robin" in trail


async def test_routes_are_added_ordered_and_taken_out(scene: Scene) -> None:
    """F68, F71, F105: and a product group that somebody sets sends it on."""
    ha = await scene.signed_in("ha")
    technics, orders = await scene.team("Technics"), await scene.team("Orders")
    pumps = {"name": "Pumps", "product_group": "Máy bơm", "team_id": str(technics)}
    english = {"name": "In English", "language": "en", "team_id": str(orders)}
    for form in (pumps, english):
        assert (await ha.post("/settings/routes", form)).status_code == 303
    for wrong in (
        {"name": "Nothing", "team_id": str(orders)},
        {**pumps, "name": ""},
        {**pumps, "team_id": "999"},
        {**pumps, "request_type": "none"},
        {**pumps, "language": "fr"},
        {**pumps, "inbox_id": "999"},
    ):
        assert (await ha.post("/settings/routes", wrong)).status_code == 422
    assert (await ha.post("/settings/routes/1/up", {})).status_code == 303
    listed = (await ha.get("/settings/routes")).text
    assert listed.index("In English") < listed.index("Pumps")
    assert (await ha.post("/settings/routes/0/removal", {})).status_code == 303
    assert "In English" not in (await ha.get("/settings/routes")).text
    assert (await ha.post("/settings/routes/5/removal", {})).status_code == 409

    number = await scene.arrive()
    assert (await scene.get(number)).team_id == orders
    set_group = {"value": "Máy bơm"}
    assert (await ha.post(f"/inbox/{number}/product-group", set_group)).status_code == 303
    row = await scene.get(number)
    assert (row.team_id, row.owner_id) == (technics, (await scene.agent("dung")).id)
    shown = (await ha.get(f"/inbox/{number}")).text
    assert "the rule “Pumps” sends it to Technics" in shown


async def test_the_forgotten_are_listed(scene: Scene) -> None:
    """F84: empty, or shown."""
    ha = await scene.signed_in("ha")
    assert "Nothing is forgotten" in (await ha.get("/reports/forgotten")).text
    number = await scene.arrive()
    scene.clock.now += timedelta(days=2)
    listed = (await ha.get("/reports/forgotten")).text
    assert f"#{number}" in listed
    assert "never" in listed
    assert "Nothing is forgotten" in (await ha.get("/reports/forgotten?hours=40")).text


async def test_a_day_on_which_nobody_is_there_raises_the_alarm(scene: Scene) -> None:
    """DESIGN 23: only the team whose people are all away, and only on its working days."""
    ha = await scene.signed_in("ha")
    assert "nobody in" not in (await ha.get(ALL)).text
    binh = str((await scene.agent("binh")).id)

    answer = await ha.post(ALL, span(scene, 24, 48, agent_id=binh))
    assert answer.status_code == 303
    assert "nobody in" not in (await ha.get(ALL)).text  # half of each day is left
    answer = await ha.post(ALL, span(scene, 48, 96, agent_id=binh))
    assert answer.status_code == 303

    page = (await ha.get(ALL)).text
    assert page.count("nobody in Orders is there.") == 2
    assert "nobody in Technics" not in page


async def test_a_change_that_cannot_be_is_shown_as_typed(scene: Scene) -> None:
    """One's own and, of two, the one that a supervisor meant; the others as they are."""
    binh, ha = await scene.signed_in("binh"), await scene.signed_in("ha")
    dung = (await scene.agent("dung")).id
    await binh.post(OWN, span(scene, 24, 48, note="Phép năm"))
    await binh.post(OWN, span(scene, 96, 120, note="Giỗ"))
    first, other = await absences(scene)
    wrong = span(scene, 30, 20, note="Việc nhà", backup_id=str(dung))
    wrong.pop("gives_back")

    for browser, where in ((binh, "own"), (ha, "all")):
        answer = await browser.post(f"/absences/{first.id}", {**wrong, "back": where})
        assert answer.status_code == 422
        page = answer.text
        line = page[page.index('<details class="absence" open>') :]
        line = line[: line.index("</details>")]
        assert f'action="/absences/{first.id}"' in line
        assert f'value="{wrong["starts_at"]}"' in line
        assert f'value="{wrong["ends_at"]}"' in line
        assert 'value="Việc nhà"' in line
        assert f'<option value="{dung}" selected>' in line
        assert 'name="gives_back" value="1">' in line
        assert f'class="error" id="ends-{first.id}-about"' in line
        assert page.count('<details class="absence" open>') == 1
        assert 'value="Giỗ"' in page
        assert f'id="ends-{other.id}-about"' not in page
        assert 'id="ends-about"' not in page, "nothing is wrong with the empty form"
