"""Accounts, their people and milestones by REST: as on the pages, and at most once."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from inbox.views.api.account_operations import ACCOUNT_OPERATIONS
from models import Account, AuditAction, AuditEntry, AuditThing, Contact, Milestone
from models.base import columns
from tests.web.accounts import make_account
from tests.web.scene import OUTSIDE_TOKEN, READ_TOKEN, WRITE_TOKEN, Scene, address, bearer
from tests.web.scripts import problem
from tests.web.test_openapi import check

URL = "/api/v1/accounts"
entries = columns(AuditEntry)
NEW: dict[str, Any] = {
    "name": "Nội thất Trúc An",
    "reference": "TA-1",
    "owner": address("binh"),
    "value": "A",
    "product_groups": ["Tủ bếp"],
    "since": "2026-03-31",
    "fields": {"Mã số thuế": "0312"},
}


async def call(
    scene: Scene,
    method: str,
    path: str,
    body: Any = None,
    *,
    token: str = WRITE_TOKEN,
    key: str | None = None,
) -> httpx.Response:
    """Ask as a script does."""
    headers = {**bearer(token), **({"idempotency-key": key} if key is not None else {})}
    client = scene.browser().client
    return await client.request(method, path, headers=headers, json=body)


async def entered(scene: Scene, **values: Any) -> dict[str, Any]:
    """Enter an account of Bình's; return it."""
    answer = await call(scene, "POST", URL, {**NEW, **values})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_one_is_entered_read_and_changed(scene: Scene) -> None:
    """F100: what is not given stays; the trail says whose token it was."""
    answer = await call(scene, "POST", URL, NEW)
    made = answer.json()
    path = f"{URL}/{made['id']}"
    assert answer.headers["location"].endswith(path)
    assert made["owner"] == address("binh")
    assert (made["value"], made["status"], made["since"]) == ("A", "new", "2026-03-31")
    assert (await call(scene, "GET", path, token=READ_TOKEN)).json() == made

    change = {"status": "at_risk", "backup": address("ha"), "since": None, "version": 1}
    changed = await call(scene, "PUT", path, change)

    assert changed.status_code == 200, changed.text
    assert changed.json() == {
        **made,
        **{"status": "at_risk", "backup": address("ha"), "since": None, "version": 2},
    }
    late = problem(await call(scene, "PUT", path, {"name": "X", "version": 1}), 409)
    assert "just changed" in late.detail
    (row,) = await scene.all(Account)
    assert (row.fields, row.since) == ({"Mã số thuế": "0312"}, None)
    done = await scene.all(AuditEntry, entries.thing == AuditThing.ACCOUNT)
    assert [one.action for one in done] == [AuditAction.CREATED, AuditAction.CHANGED]
    assert {one.actor_id for one in done} == {(await scene.agent("binh")).id}
    assert date.fromisoformat(str(done[0].after["since"])) == date(2026, 3, 31)


async def test_the_same_key_enters_one(scene: Scene) -> None:
    """F100: one effect, one answer; a reference names one account."""
    first = await call(scene, "POST", URL, NEW, key="k")
    again = await call(scene, "POST", URL, NEW, key="k")
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    other = problem(await call(scene, "POST", URL, {**NEW, "name": "Khác"}, key="k"), 422)
    assert other.type == "urn:kip:problem:key-reused"
    taken = problem(await call(scene, "POST", URL, NEW), 422)
    assert set(taken.errors or ()) == {"reference"}
    assert len(await scene.all(Account)) == 1


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nobody": ({"owner": "ai@khong.example"}, "owner"),
    "both": ({"backup": address("binh")}, "backup"),
    "a language": ({"language": "xx"}, "language"),
    "blank": ({"name": " "}, "name"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_is_wrong_is_said_by_field(scene: Scene, what: str) -> None:
    more, field = WRONG[what]
    said = problem(await call(scene, "POST", URL, {**NEW, **more}), 422)
    assert set(said.errors or ()) == {field}
    assert await scene.all(Account) == []


@pytest.mark.parametrize("more", [{"fields": {"a\0": "b"}}, {"odd": 1}, {"value": "D"}])
async def test_what_cannot_be_kept_is_refused(scene: Scene, more: dict[str, Any]) -> None:
    """R51."""
    problem(await call(scene, "POST", URL, {**NEW, **more}), 422)
    assert await scene.all(Account) == []


async def test_the_list_goes_on_by_id(scene: Scene) -> None:
    names = [f"Khách {n}" for n in range(5)]
    for name in names:
        await entered(scene, name=name, reference="")
    await make_account(scene, name="Của người khác", owner="ha", reference="HA")

    found, after = [], ""
    for _ in range(3):
        answer = (await call(scene, "GET", f"{URL}?limit=2{after}")).json()
        found += [one["name"] for one in answer["items"]]
        after = f"&after={answer['next']}"

    assert found == names
    assert answer["next"] is None
    said = (await call(scene, "GET", f"{URL}?q=KHACH%203")).json()["items"]
    assert [one["name"] for one in said] == ["Khách 3"]
    assert (await call(scene, "GET", f"{URL}?reference=HA")).json()["items"] == []
    assert (await call(scene, "GET", f"{URL}?status=ended")).json()["items"] == []
    problem(await call(scene, "GET", f"{URL}?limit=201"), 422)
    problem(await call(scene, "GET", f"{URL}?status=x"), 422)
    problem(await call(scene, "GET", f"{URL}?after=x"), 404)


async def test_another_s_account_is_not_there(scene: Scene) -> None:
    """S16."""
    made = await entered(scene)
    path = f"{URL}/{made['id']}"
    due = {"title": "x", "due_at": (scene.clock.now + timedelta(days=9)).isoformat()}
    for method, where, body in (
        ("GET", path, None),
        ("PUT", path, {"name": "x"}),
        ("GET", f"{path}/contacts", None),
        ("POST", f"{path}/contacts", {"email": "a@b.example"}),
        ("GET", f"{path}/milestones", None),
        ("POST", f"{path}/milestones", due),
    ):
        problem(await call(scene, method, where, body, token=OUTSIDE_TOKEN), 404)
    assert (await call(scene, "GET", URL, token=OUTSIDE_TOKEN)).json()["items"] == []


async def test_people_come_to_an_account_and_leave_it(scene: Scene) -> None:
    made, other = await entered(scene), await entered(scene, reference="B")
    path = f"{URL}/{made['id']}/contacts"
    lan = {"name": "Lan", "email": "Lan@Khach.example", "position": "kế toán"}

    answer = await call(scene, "POST", path, lan, key="k")
    again = await call(scene, "POST", path, lan, key="k")

    assert answer.status_code == 201
    assert again.content == answer.content
    said = answer.json()
    assert (said["emails"], said["account"]) == (["lan@khach.example"], made["id"])
    one = f"/api/v1/contacts/{said['id']}"
    assert answer.headers["location"].endswith(one)
    moved = await call(scene, "PUT", one, {"account": other["id"], "phone": "0901 234 567"})
    assert moved.status_code == 200, moved.text
    (phone,) = moved.json()["phones"]
    assert phone.endswith("901234567")
    assert moved.json() == {**said, "account": other["id"], "phones": [phone]}
    assert (await call(scene, "GET", one)).json() == moved.json()
    assert (await call(scene, "GET", path)).json() == {"items": [], "next": None}
    listed = (await call(scene, "GET", f"{URL}/{other['id']}/contacts?limit=1")).json()
    assert [row["id"] for row in listed["items"]] == [said["id"]]
    alone = await call(scene, "PUT", one, {"account": None})
    assert alone.json()["account"] is None
    assert (await scene.all(Contact))[-1].position == "kế toán"


@pytest.mark.parametrize(
    "body", [{}, {"email": "x"}, {"phone": "12"}, {"email": "a@b.example", "language": "xx"}]
)
async def test_nobody_comes_without_an_address(scene: Scene, body: dict[str, Any]) -> None:
    made = await entered(scene)
    problem(await call(scene, "POST", f"{URL}/{made['id']}/contacts", body), 422)


async def test_a_milestone_is_planned_moved_and_reached(scene: Scene) -> None:
    """F126."""
    made = await entered(scene)
    path = f"{URL}/{made['id']}/milestones"
    due = (scene.clock.now + timedelta(days=30)).replace(microsecond=0)
    planned = {"title": "Nghiệm thu", "due_at": due.isoformat(), "owner": address("binh")}

    answer = await call(scene, "POST", path, planned)

    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert (said["account"], said["state"], said["warn_days"]) == (made["id"], "planned", 7)
    one = f"/api/v1/milestones/{said['id']}"
    later = (due + timedelta(days=1)).isoformat()
    moved = await call(scene, "PUT", one, {"due_at": later, "public": True})
    assert (moved.json()["public"], moved.json()["title"]) == (True, "Nghiệm thu")
    reached = await call(scene, "PUT", one, {"state": "reached"})
    assert reached.json()["state"] == "reached"
    problem(await call(scene, "PUT", one, {"title": "Khác"}), 409)
    back = await call(scene, "PUT", one, {"state": "planned", "title": "Khác"})
    assert (back.json()["state"], back.json()["title"]) == ("planned", "Khác")
    listed = (await call(scene, "GET", path)).json()["items"]
    assert [row["id"] for row in listed] == [said["id"]]
    past = {"title": "x", "due_at": "2020-01-01T00:00:00Z"}
    assert set(problem(await call(scene, "POST", path, past), 422).errors or ()) == {"due_at"}
    (row,) = await scene.all(Milestone)
    assert row.generation == 3


async def test_answers_are_as_described(scene: Scene) -> None:
    """F100: the document says what is answered, to the last field."""
    made = await entered(scene)
    account = f"{URL}/{made['id']}"
    due = {"title": "x", "due_at": (scene.clock.now + timedelta(days=9)).isoformat()}
    person = (await call(scene, "POST", f"{account}/contacts", {"email": "a@b.example"})).json()
    mile = (await call(scene, "POST", f"{account}/milestones", due)).json()
    bodies: dict[str, Any] = {
        "postAccount": {**NEW, "reference": "C"},
        "putAccount": {"tier": "vip"},
        "postContact": {"phone": "0901 234 568"},
        "putContact": {"position": "x"},
        "postMilestone": due,
        "putMilestone": {"warn_days": 3},
    }
    for name, operation in ACCOUNT_OPERATIONS.items():
        method, _, path = name.partition(" ")
        ids = {"account_id": made["id"], "contact_id": person["id"], "milestone_id": mile["id"]}
        where, body = path.format(**ids), bodies.get(operation.name)
        answer = await call(scene, method, where, body)
        assert answer.status_code in operation.answers, answer.text
        check(answer, operation)
        check(await call(scene, method, where, body, token="unknown"), operation)
        if method != "GET":
            check(await call(scene, method, where, body, token=READ_TOKEN), operation)
            check(await call(scene, method, where, {"odd": 1}), operation)
        if "{" in path:
            gone = path.format(account_id=999, contact_id=999, milestone_id=999)
            nowhere = await call(scene, method, gone, body)
            assert nowhere.status_code == 404
            check(nowhere, operation)
