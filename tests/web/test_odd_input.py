"""What people and browsers type half or wrongly: it is said, and what was typed stays."""

from typing import Any

import pytest

from tests.web.accounts import make_account
from tests.web.scene import WRITE_TOKEN, Scene, bearer

EDGES = ("0001-01-01T00:00", "9999-12-31T23:59")
TOO_LARGE = "9" * 20


@pytest.mark.parametrize("at", EDGES)
async def test_a_time_at_the_calendars_edge_is_refused(scene: Scene, at: str) -> None:
    """A browser sends the year 1 while a year is typed; other zones leave the calendar."""
    number = await scene.arrive()
    browser = await scene.signed_in("binh")
    forms: dict[str, dict[str, str]] = {
        "messages": {"kind": "reply", "body": "Dạ.", "word": at},
        "milestones": {"title": "Gia hạn", "due": at},
        "reminders": {"at": at, "text": "Gọi lại"},
        "wait": {"for": "customer", "until": at},
    }
    for path, fields in forms.items():
        answer = await browser.post(f"/inbox/{number}/{path}", fields)
        assert answer.status_code == 422, (path, answer.text)
    for zone in ("+07:00", "-07:00"):
        answer = await browser.client.post(
            f"/api/v1/conversations/{number}/replies",
            json={"text": "Dạ.", "word": f"{at}:00{zone}"},
            headers=bearer(WRITE_TOKEN),
        )
        assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "31/12/9999"])
async def test_a_day_at_the_calendars_edge_breaks_no_page(scene: Scene, day: str) -> None:
    await scene.arrive()
    browser = await scene.signed_in("ha")
    for query in ("/search?q=before:", "/search?q=after:"):
        answer = await browser.get(query + day)
        assert answer.status_code == 422
        assert "needs a date such as" in answer.text
    assert (await browser.get(f"/palette?q=after:{day}")).status_code < 500


async def test_the_audit_trail_from_the_first_day_on(scene: Scene) -> None:
    browser = await scene.signed_in("viet")
    for query in ("?from=0001-01-01", "?after=0001-01-01T00:00:00%2B07:00~event~1"):
        assert (await browser.get(f"/settings/audit{query}")).status_code == 200, query
    assert (await browser.get("/settings/audit.csv?from=0001-01-01")).status_code == 200


async def test_an_account_of_a_filter_is_typed_by_its_name(scene: Scene) -> None:
    """A name is what people know; a form that does not fit comes back as it was."""
    account = await make_account(scene, name="Cong ty May Tre")
    browser = await scene.signed_in("binh")
    shown = await browser.post("/views", {"account": "cong ty may tre", "then": "show"})
    assert shown.headers["location"] == f"/inbox?account={account}"
    refused: tuple[tuple[dict[str, str], str], ...] = (
        ({"account": "Ai đó"}, "There is no account of this name"),
        ({"since": "0026-01-01"}, "This filter does not fit"),
        ({"tier": "x" * 500}, "This filter does not fit"),
    )
    for fields, said in refused:
        answer = await browser.post("/views", {"name": "Của tôi", **fields})
        assert answer.status_code == 422
        assert said in answer.text
        assert "Của tôi" in answer.text
        assert next(iter(fields.values())) in answer.text


async def test_a_number_that_no_database_holds(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    forms: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/accounts/hand-over", {"to": TOO_LARGE, "accounts": "1"}),
        ("/accounts/hand-over", {"to": "1", "accounts": TOO_LARGE}),
        ("/contacts/1/joins", {"other": TOO_LARGE}),
    )
    for path, fields in forms:
        assert (await browser.post(path, fields)).status_code == 422, path
