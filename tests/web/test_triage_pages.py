"""Settings of the sorting: trainings asked for, models compared, used, put back; topics."""

import re
from typing import Any

import pytest
from sqlmodel import Session

from inbox.learning import versions
from inbox.learning.costs import costs_of
from inbox.learning.versions import CHANGED
from inbox.triage.prediction import UrgencyCosts
from inbox.views import settings_triage
from models import AuditEntry, Company, RequestType, TriageModelVersion, TriageTraining
from models.base import columns
from tests.web.scene import NOW, Scene

rows = columns(TriageModelVersion)
HOLDOUT: dict[str, Any] = {
    "messages": 40,
    "accuracy": 0.9,
    "calibration_error": 0.031,
    "calibration": [
        {"from": 0.5, "to": 0.6, "messages": 10, "confidence": 0.55, "accuracy": 0.6},
        {"from": 0.9, "to": 1.0, "messages": 30, "confidence": 0.95, "accuracy": 1.0},
    ],
    "by_type": {
        "complaint": {"precision": 0.8, "recall": 0.75, "f1": 0.77, "support": 12},
    },
    "urgency": None,
}
PRODUCTS: dict[str, Any] = {
    "groups": 1,
    "reason": "not_worse",
    "accepted": True,
    "measured_on": "holdout",
    "by_group": {
        "": {"precision": 0.9, "recall": 0.95, "f1": 0.92, "support": 20},
        "Nồi chiên": {"precision": 0.85, "recall": 0.6, "f1": 0.7, "support": 11},
    },
}
FIGURES = {
    "messages": 40,
    "champion": 0.8,
    "challenger": 0.9,
    "bound": 0.02,
    "urgent": 3,
    "urgent_champion": 3,
    "urgent_challenger": 1,
    "worst_type": None,
    "worst_before": None,
    "worst_after": None,
}


def add_model(session: Session, reason: str, outcomes: list[Any] | None = None) -> int:
    """Keep a model as training leaves it."""
    gate = {"accepted": reason == "not_worse", "reason": reason, "figures": FIGURES}
    made = versions.Made(
        sha256=f"{reason:0<64}",
        path="/nowhere",
        arrays=b"x",
        described=b"{}",
        data_sha256="ab" * 32,
        made_by_id=None,
        metrics={
            "kind": "own",
            "gate": gate,
            "holdout": HOLDOUT,
            "candidates": [],
            "products": PRODUCTS,
        },
        outcomes=outcomes or [],
    )
    return versions.add_version(session, made, NOW)


async def test_the_button_asks_for_a_training_and_the_page_shows_how_far_it_is(
    scene: Scene,
) -> None:
    """DESIGN 34: a row, worked elsewhere; asked for twice it is one."""
    browser = await scene.signed_in("ha")
    assert (
        "No trained model: written rules sort." in (await browser.get("/settings/triage")).text
    )
    for _ in range(2):
        asked = await browser.post("/settings/triage/trainings")
        assert asked.status_code == 303
    (row,) = await scene.all(TriageTraining)
    assert (row.reason, row.asked_by_id) == ("button", (await scene.agent("ha")).id)

    def work(session: Session) -> None:
        one = session.get_one(TriageTraining, row.id)
        one.step, one.done = "judging", 85

    await scene.write(work)
    page = (await browser.get("/settings/triage")).text
    assert "Comparing with the model in use" in page
    assert 'value="85"' in page
    assert 'hx-trigger="every 1s"' in page


async def test_a_model_that_was_refused_says_why_and_needs_a_reason(scene: Scene) -> None:
    """F60: in a sentence, in both languages; an override is a person's, with a reason."""
    number = await scene.write(add_model, "urgent_missed")
    browser = await scene.signed_in("ha")
    path = f"/settings/triage/versions/{number}"
    page = (await browser.get(path)).text
    assert "Not used: it finds 1 of 3 urgent messages, the model in use 3." in page
    spoken = (await (await scene.signed_in("ha", "vi")).get(path + "?lang=vi")).text
    assert "Không dùng: chỉ nhận ra 1 trong 3 tin khẩn" in spoken
    refused = await browser.post(f"{path}/promotion", {"reason": " "})
    assert refused.status_code == 422
    assert "Write why it shall be used" in refused.text
    taken = await browser.post(f"{path}/promotion", {"reason": "holdout is old"})
    assert taken.status_code == 303
    (live,) = await scene.all(TriageModelVersion, rows.is_live.is_(True))
    assert live.id == number


async def test_figures_chart_and_confusion_lead_to_the_messages(scene: Scene) -> None:
    """F59, F63: by type, calibration as a chart with readable text, every number a link."""
    first = await scene.arrive("Ghế lung lay.", subject="Ghế gãy chân")
    outcomes = [[first, "complaint", "return_refund", 0.71]]
    number = await scene.write(add_model, "not_worse", outcomes)
    browser = await scene.signed_in("ha")
    page = (await browser.get(f"/settings/triage/versions/{number}")).text
    assert re.search(r"Complaint</th><td[^>]*>80.0%</td><td[^>]*>75.0%</td><td[^>]*>12<", page)
    chart = re.search(r"<svg class=\"plot\".*?</svg>", page, re.DOTALL)
    assert chart
    assert "55.0% stated, 60.0% right, 10 messages" in chart[0]
    assert chart[0].count("<circle") == 2
    assert ">100%</text>" in chart[0]
    guessed = r"Nồi chiên</th><td[^>]*>85.0%</td><td[^>]*>60.0%</td><td[^>]*>11<"
    assert re.search(guessed, page)
    products = (await browser.get("/settings/products")).text
    assert "Measured on 31 messages kept aside." not in products, "it does not answer yet"
    await browser.post(f"/settings/triage/versions/{number}/promotion", {"reason": ""})
    products = (await browser.get("/settings/products")).text
    assert re.search(guessed, products), "F123: of the model that answers, by group"
    assert "Measured on 31 messages kept aside." in products
    link = re.search(r'href="(/settings/triage/versions/\d+/messages[^"]*)">1<', page)
    assert link
    listed = (await browser.get(link[1].replace("&amp;", "&"))).text
    assert f'href="/inbox/{first}"' in listed
    assert "71.0% sure" in listed


async def test_roll_back_is_one_action(scene: Scene) -> None:
    """F61: one post, at once."""
    old, new = [await scene.write(add_model, "not_worse") for _ in range(2)]
    browser = await scene.signed_in("ha")
    for number in (old, new):
        await browser.post(f"/settings/triage/versions/{number}/promotion", {"reason": ""})
    page = (await browser.get("/settings/triage")).text
    assert f"Back to: Model {old}" in page
    done = await browser.post("/settings/triage/rollback")
    assert done.status_code == 303
    (live,) = await scene.all(TriageModelVersion, rows.is_live.is_(True))
    assert live.id == old


async def test_a_page_from_before_is_told_that_nothing_came_before(scene: Scene) -> None:
    """Nobody was faster: there is only one model."""
    refused = await (await scene.signed_in("ha")).post("/settings/triage/rollback")
    assert refused.status_code == 409
    assert "There is no former model to go back to." in refused.text
    assert "Somebody was faster" not in refused.text
    assert 'id="training-h"' in refused.text, "it is the page itself"


async def test_changed_files_are_said_on_the_page(scene: Scene) -> None:
    number = await scene.write(add_model, "not_worse")
    browser = await scene.signed_in("ha")
    await browser.post(f"/settings/triage/versions/{number}/promotion", {"reason": ""})
    await scene.write(versions.refuse, number, CHANGED, NOW)
    page = (await browser.get("/settings/triage")).text
    assert "Its files were changed after training, so it does not answer." in page
    assert "Written rules sort instead." in page
    await browser.post(f"/settings/triage/versions/{number}/shadow", {"on": "1"})


async def test_habits_are_kept_in_their_bounds(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    wrong = {"after": "2000", "agreement_below": "0"}
    refused = await browser.post("/settings/triage/habits", wrong)
    assert refused.status_code == 422
    await browser.post("/settings/triage/habits", {"after": "40", "agreement_below": "75"})
    (company,) = await scene.all(Company)
    kept = {"after": 40, "nightly": False, "agreement_below": 0.75, "semantic": False}
    assert company.settings["learning"] == kept


async def test_the_semantic_half_is_switched_on_only_where_it_is_installed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await scene.signed_in("ha")
    wish = {"after": "25", "agreement_below": "80", "semantic": "1"}
    monkeypatch.setattr(settings_triage, "is_installed", lambda: False)
    refused = await browser.post("/settings/triage/habits", wish)
    assert refused.status_code == 422
    assert "pip install kip-inbox[semantic]" in refused.text
    monkeypatch.setattr(settings_triage, "is_installed", lambda: True)
    assert (await browser.post("/settings/triage/habits", wish)).status_code == 303
    (company,) = await scene.all(Company)
    assert company.settings["learning"]["semantic"] is True
    assert "pip install" not in (await browser.get("/settings/triage")).text
    monkeypatch.setattr(settings_triage, "is_installed", lambda: False)  # another machine
    assert "pip install kip-inbox[semantic]" in (await browser.get("/settings/triage")).text


async def test_topics_are_added_renamed_merged_and_switched(scene: Scene) -> None:
    """F66: and a page of an older request still says its name."""
    browser = await scene.signed_in("ha")
    number = await scene.arrive(request_type="product_advice")
    empty = await browser.post("/settings/types", {"name_vi": "", "name_en": "x"})
    assert empty.status_code == 422
    assert "Please fill this in." in empty.text
    names = {"name_vi": "Thuê máy", "name_en": "Rental", "team_id": ""}
    assert (await browser.post("/settings/types", names)).status_code == 303
    changed = {"name_vi": "Thuê máy", "name_en": "Hire", "team_id": ""}
    assert (await browser.post("/settings/types/rental", changed)).status_code == 303
    done = await browser.post("/settings/types/product_advice/merger", {"into": "rental"})
    assert done.status_code == 303
    page = (await browser.get("/settings/types")).text
    assert "switched off; its messages go to Hire" in page
    assert "Product advice" in (await browser.get(f"/inbox/{number}")).text
    offered = (await browser.get("/settings/types/complaint")).text
    assert 'value="product_advice"' not in offered
    again = await browser.post("/settings/types/product_advice/state", {"on": "1"})
    assert again.status_code == 303
    kinds = {one.key: one for one in await scene.all(RequestType)}
    assert kinds["product_advice"].heir_key is None
    stays = await browser.post("/settings/types/general/state", {"on": ""})
    assert stays.status_code == 409


async def test_what_a_wrong_urgency_costs_is_kept_and_audited(scene: Scene) -> None:
    """The matrix is a setting: shown with its defaults, checked, and written down."""
    browser = await scene.signed_in("ha")
    fields = ("low1", "low2", "low3", "high1", "high2", "high3")
    page = (await browser.get("/settings/triage")).text
    for name, value in zip(fields, ("3", "10", "30", "1", "2", "4"), strict=True):
        assert f'name="{name}" type="text" value="{value}"' in page
    wrong = dict(zip(fields, ("5", "4", "x", "1", "2", "nan"), strict=True))
    refused = await browser.post("/settings/triage/costs", wrong)
    assert refused.status_code == 422
    assert refused.text.count("Write a number above 0, up to 1000.") == 2
    assert 'value="x"' in refused.text
    falls = dict(zip(fields, ("5", "4", "9", "1", "2", "4"), strict=True))
    refused = await browser.post("/settings/triage/costs", falls)
    assert "Further off cannot cost less" in refused.text
    good = dict(zip(fields, ("5", "20", "60", "0,5", "2", "4"), strict=True))
    assert (await browser.post("/settings/triage/costs", good)).status_code == 303
    (company,) = await scene.all(Company)
    kept = {"too_low": [5.0, 20.0, 60.0], "too_high": [0.5, 2.0, 4.0]}
    assert company.settings["urgency_costs"] == kept
    assert costs_of(company) == UrgencyCosts((5.0, 20.0, 60.0), (0.5, 2.0, 4.0))
    written = [one.after for one in await scene.all(AuditEntry)]
    assert kept in written


async def test_habits_that_cannot_be_are_shown_as_typed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await scene.signed_in("ha")
    assert 'name="nightly" value="1" checked' in (await browser.get("/settings/triage")).text
    wish = {"after": "41", "agreement_below": "120", "semantic": "1"}

    page = (await browser.post("/settings/triage/habits", wish)).text

    assert "Write a number from 1 to 99." in page
    assert 'name="after" type="number" value="41"' in page
    assert 'name="agreement_below" type="number" value="120"' in page
    assert 'name="nightly" value="1">' in page
    assert 'name="semantic" value="1" checked' in page
    monkeypatch.setattr(settings_triage, "is_installed", lambda: False)
    missing = await browser.post("/settings/triage/habits", {**wish, "agreement_below": "70"})
    assert missing.status_code == 422
    assert 'name="agreement_below" type="number" value="70"' in missing.text
