"""The first visit: a one-time link, checked answers, and what works out of the box."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inbox.auth import hash_token
from inbox.company import installation
from inbox.company.installation import SETUP_LINK_LIVES, FirstVisit
from inbox.db import Database
from inbox.errors import Conflict, Invalid, NotFound
from inbox.rulebook import Rulebook, load_rulebook
from inbox.store import links
from inbox.store.company import find_company, find_door, list_doors
from models import Agent, ChannelKind, OneTimeToken, Role, Team
from tests.factories import NOW, everything, password_hash

ANSWERS = FirstVisit(
    company=" Công ty Thử ",
    time_zone="Asia/Ho_Chi_Minh",
    language="vi",
    support_address="HoTro@congty.example",
    name="Giang",
    email=" Giang@congty.example ",
    password="một câu dài dễ nhớ",
)


async def _offer(database: Database) -> str:
    token = await database.write(installation.offer_setup, NOW)
    assert token is not None
    return token


async def _set_up(database: Database, token: str, **values: Any) -> Agent:
    answers = replace(ANSWERS, password_hash=password_hash(), **values)
    work: Callable[..., Agent] = installation.set_up
    return await database.write(work, answers, token, holidays=["2026-04-30"], now=NOW)


async def test_the_link_sets_up_everything_for_a_first_message(database: Database) -> None:
    """F135 in part, F28."""
    token = await _offer(database)

    admin = await _set_up(database, token)

    company = await database.read(find_company)
    doors = await database.read(list_doors)
    teams: list[Team] = await database.read(lambda session: everything(session, Team))
    book: Rulebook = await database.read(load_rulebook)
    assert company is not None
    assert (company.name, company.language) == ("Công ty Thử", "vi")
    assert (admin.email, admin.role) == ("giang@congty.example", Role.ADMIN)
    (chat,) = [door for door in doors if door.kind is ChannelKind.CHAT]
    assert re.fullmatch(r"([a-z]{2}-){5}[a-z]{2}", chat.handle)
    assert {(door.kind, door.handle) for door in doors if door is not chat} == {
        (ChannelKind.EMAIL, "hotro@congty.example"),
        (ChannelKind.FORM, "support"),
        (ChannelKind.API, "api"),
    }
    assert {kind.team_id for kind in book.types.values()} == {teams[0].id}
    assert len(book.types) == 8
    promise = book.promise(("technical_support",), "normal")
    assert promise.targets.first_response_s == 2 * 3600
    assert promise.calendar.due_at(NOW, 3600) == NOW + timedelta(hours=1)
    assert await database.read(find_door, ChannelKind.FORM, "support") is not None


async def test_the_link_works_once_and_only_ours(database: Database) -> None:
    token = await _offer(database)
    with pytest.raises(NotFound):
        await _set_up(database, "not ours")
    await _set_up(database, token)

    with pytest.raises(NotFound):
        await _set_up(database, token)
    assert await database.write(installation.offer_setup, NOW) is None


async def test_two_links_make_one_company(database: Database) -> None:
    first, second = await _offer(database), await _offer(database)
    await _set_up(database, first)

    with pytest.raises(Conflict):
        await _set_up(database, second)


async def test_a_link_is_stored_as_its_hash_and_ends_after_a_day(database: Database) -> None:
    token = await _offer(database)

    (row,) = await database.read(
        lambda session: [
            {"hash": one.token_hash, "purpose": one.purpose}
            for one in session.execute(OneTimeToken.__table__.select())  # type: ignore[attr-defined]
        ]
    )
    late = NOW + SETUP_LINK_LIVES
    known = [
        await database.read(links.has_one_time_token, hash_token(token), "setup", at)
        for at in (NOW, late)
    ]
    used = await database.write(links.use_one_time_token, hash_token(token), "setup", late)

    assert row == {"hash": hash_token(token), "purpose": "setup"}
    assert known == [True, False]
    assert not used


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("company", "  "),
        ("name", ""),
        ("support_address", "ai đó"),
        ("email", "a@b@c"),
        ("password", "ngắn"),
        ("language", "fr"),
        ("time_zone", "Asia/Hà Nội"),
        ("time_zone", "../etc/passwd"),
    ],
)
def test_each_wrong_answer_is_named(field: str, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        installation.check_first_visit(replace(ANSWERS, **{field: value}))

    assert list(caught.value.fields) == [field]


def test_good_answers_pass() -> None:
    installation.check_first_visit(ANSWERS)
