"""Kinds of request: added, renamed, merged and switched off, and nothing stays behind."""

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.learning import types
from inbox.learning.heirs import inherit
from inbox.learning.types import Draft
from inbox.learning.working import Rehome
from inbox.rulebook import About, load_rulebook
from inbox.store.learning import list_heirs
from inbox.store.setup import list_types, named_types
from inbox.triage.prediction import Prediction, Thresholds
from models import AuditEntry, AuditThing, RequestType
from models.base import columns
from tests.factories import (
    NOW,
    Firm,
    arrive,
    clocks_of,
    conversation,
    events_of,
    prediction,
)

audit = columns(AuditEntry)


def said(candidates: tuple[tuple[str, float], ...]) -> Prediction:
    first, confidence = candidates[0]
    return prediction(first, request_type_confidence=confidence, candidates=candidates)


def test_what_a_model_says_of_a_merged_type_counts_for_its_heir() -> None:
    """F66: shares are added up, and the zones are asked again."""
    heirs = {"warranty": "return_refund", "gone": "general"}
    before = said((("order_delivery", 0.4), ("return_refund", 0.35), ("warranty", 0.25)))
    zones = Thresholds(0.5, frozenset({"return_refund"}))

    after = inherit(before, heirs, zones)

    assert after.request_type == "return_refund"
    assert after.request_type_confidence == pytest.approx(0.6)
    assert dict(after.candidates) == pytest.approx(
        {"return_refund": 0.6, "order_delivery": 0.4}
    )
    assert not after.needs_review
    only = inherit(said((("gone", 1.0),)), heirs, zones)
    assert (only.request_type, only.candidates) == ("general", (("general", 1.0),))
    same = said((("complaint", 1.0),))
    assert inherit(same, heirs, zones) is same


async def test_a_new_type_has_times_a_team_and_a_name_of_its_own(
    database: Database, firm: Firm
) -> None:
    draft = Draft(" Bảo hành mở rộng ", "Extended warranty", firm.tech)
    made = await database.write(types.add_type, draft, by=firm.dung.id, now=NOW)
    assert made.key == "extended_warranty"

    def asked(session: Session) -> tuple[int | None, int | None]:
        book = load_rulebook(session)
        promise = book.promise(
            (made.key,), "normal", About("standard", "email", None, firm.mail)
        )
        return book.types[made.key].team_id, promise.targets.first_response_s

    assert await database.read(asked) == (firm.tech, 8 * 3600)
    with pytest.raises(Invalid) as refused:
        await database.write(types.add_type, draft, by=firm.dung.id, now=NOW)
    assert set(refused.value.fields) == {"name_vi", "name_en"}
    other = Draft("Bảo hành khác", "Extended Warranty!", None)
    assert (await database.write(types.add_type, other, by=1, now=NOW)).key.endswith("_2")


async def test_renamed_it_keeps_its_key_and_everything_learned(
    database: Database, firm: Firm
) -> None:
    draft = Draft("Than phiền", "Grievance", firm.tech)
    await database.write(types.rename, "complaint", draft, by=firm.dung.id, now=NOW)

    def look(session: Session) -> tuple[str, AuditEntry]:
        query = select(AuditEntry).where(audit.thing == AuditThing.REQUEST_TYPE)
        entry = session.execute(query.order_by(audit.id.desc())).scalars().first()
        assert entry is not None
        return named_types(session)["complaint"].name("en"), entry

    name, entry = await database.read(look)
    assert name == "Grievance"
    assert entry.after == {"name_vi": "Than phiền", "name_en": "Grievance"}


async def test_merged_its_open_work_follows_with_the_deadlines(
    database: Database, firm: Firm
) -> None:
    """F66: open requests move to the heir, owner and history stay; nobody offers it again."""
    number = await database.write(arrive, firm, None, prediction("product_advice"))
    before = await database.read(conversation, number)
    first = (await database.read(clocks_of, number))[0]
    await database.write(types.merge, "product_advice", "general", by=firm.dung.id, now=NOW)

    worker = Rehome(database)
    while await worker.once():
        pass

    after = await database.read(conversation, number)
    assert (after.request_type, after.owner_id) == ("general", before.owner_id)
    assert after.version > before.version
    clock = (await database.read(clocks_of, number))[0]
    assert clock.target_s > first.target_s
    moved = [one.data for one in await database.read(events_of, number) if "field" in one.data]
    assert (moved[-1]["old"], moved[-1]["new"]) == ("product_advice", "general")
    keys = [one.key for one in await database.read(list_types)]
    assert "product_advice" not in keys
    assert (await database.read(named_types))["product_advice"].name("vi")
    assert await database.read(list_heirs) == {"product_advice": "general"}
    with pytest.raises(Conflict):
        await database.write(types.merge, "complaint", "product_advice", by=1, now=NOW)


async def test_switched_off_and_on_again(database: Database, firm: Firm) -> None:
    by = firm.dung.id
    with pytest.raises(Conflict):
        await database.write(types.switch, "general", on=False, by=by, now=NOW)
    await database.write(types.switch, "complaint", on=False, by=by, now=NOW)
    assert await database.read(list_heirs) == {"complaint": "general"}
    await database.write(types.switch, "complaint", on=True, by=by, now=NOW)
    assert await database.read(list_heirs) == {}


async def test_a_chain_of_mergers_ends_at_a_type_in_use(database: Database, firm: Firm) -> None:
    by = firm.dung.id
    for one, other in (("complaint", "return_refund"), ("return_refund", "billing_payment")):
        await database.write(types.merge, one, other, by=by, now=NOW)
    expected = {"complaint": "billing_payment", "return_refund": "billing_payment"}
    assert await database.read(list_heirs) == expected

    def ring(session: Session) -> None:
        session.get_one(RequestType, "return_refund").heir_key = "complaint"

    await database.write(
        ring
    )  # cannot come about; and would lead to general, not round for ever
    assert set((await database.read(list_heirs)).values()) == {"general"}
