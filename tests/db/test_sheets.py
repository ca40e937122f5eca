"""Accounts and contacts out of sheets: judged row by row, brought in whole, and only once."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import Conflict, Invalid
from inbox.sheets import work
from inbox.sheets.command import bring_file
from inbox.sheets.export import HEADINGS, list_lines
from inbox.spreadsheet import as_csv
from models import (
    Account,
    AccountFigures,
    AuditEntry,
    AuditThing,
    Contact,
    ContactIdentity,
    Conversation,
    SheetFile,
    SheetImport,
    SheetRow,
    SheetState,
)
from models.base import columns
from tests.factories import CUSTOMER, NOW, Firm, arrive, everything

SHEET = """Account,Reference,Owner,Status,Value,Tier,Field: Ngành,Contact,E-mail,Phone,Chức vụ
Thép Việt,TV-1,an@congty.example,active,A,vip,Thép,Trần Lan,lan@khach.example,0901 234 567,Mua
Thép Việt,TV-1,,,,,,Hoa,hoa@khach.example,,
Gỗ Á,,,moi,B,,,Ai,ai@khac.example,,
,,,,,,,Một mình,minh@rieng.example,,
Không ai,,,,C,,,,,,
"""


async def bring(
    database: Database, folder: Path, text: str | bytes, **how: Any
) -> dict[str, Any]:
    path = folder / "sheet.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return await bring_file(database, path, how.pop("encoding", "utf-8"), **how)


async def counts(database: Database) -> tuple[int, ...]:
    """Return how many accounts, contacts, addresses and audit entries of accounts there are."""

    def count(session: Session) -> tuple[int, ...]:
        entry = columns(AuditEntry)
        return (
            *(
                int(session.execute(select(func.count()).select_from(one)).scalar_one())
                for one in (Account, Contact, ContactIdentity, AccountFigures)
            ),
            int(
                session.execute(
                    select(func.count()).where(entry.thing == AuditThing.ACCOUNT)
                ).scalar_one()
            ),
        )

    return await database.read(count)


async def test_a_sheet_brings_accounts_with_their_contacts_and_twice_changes_nothing(
    database: Database, firm: Firm, tmp_path: Path
) -> None:
    """F87, F122: who it belongs to, by whom it is looked after; no doubles."""
    number = await database.write(arrive, firm)  # of CUSTOMER, who is known already
    first = await bring(database, tmp_path, SHEET)
    before = await counts(database)
    second = await bring(database, tmp_path, SHEET)

    assert (first["rows"], first["new"], first["changed"], first["wrong"]) == (5, 5, 0, 0)
    assert (second["same"], second["new"], second["changed"]) == (5, 0, 0)
    assert await counts(database) == before == (3, 4, 5, 3, 3)
    accounts = {one.name: one for one in await database.read(everything, Account)}
    steel = accounts["Thép Việt"]
    assert (steel.reference, steel.owner_id, steel.tier) == ("TV-1", firm.an.id, "vip")
    assert (steel.folded, steel.fields) == ("thep viet", {"Ngành": "Thép"})
    contacts = {one.name: one for one in await database.read(everything, Contact)}
    lan = contacts["Trần Lan"]
    assert (lan.account_id, lan.position, lan.tier) == (steel.id, "Mua", "vip")
    assert contacts["Hoa"].tier == "vip"
    assert contacts["Một mình"].account_id is None
    found = await database.read(lambda s: s.get(Conversation, number))
    assert found is not None
    assert found.account_id == steel.id


async def test_a_changed_row_changes_just_that(
    database: Database, firm: Firm, tmp_path: Path
) -> None:
    await bring(database, tmp_path, SHEET)
    changed = SHEET.replace("moi,B", "moi,A").replace("Hoa,hoa", "Hoà,hoa")

    facts = await bring(database, tmp_path, changed)

    assert (facts["changed"], facts["same"], facts["new"]) == (2, 3, 0)
    entries = await database.read(everything, AuditEntry)
    assert entries[-2].after == {"value": "A"}
    assert (entries[-1].thing, entries[-1].after) == (AuditThing.CONTACT, {"name": "Hoà"})


WRONG = {
    "email,owner\nkhông phải,an@congty.example": "is no e-mail address",
    "account,owner\nThép,ai@khong.example": "Nobody who works here",
    "account,since\nThép,31/02/2026": "is no date",
    "account,value\nThép,D": "is not known as value",
    "account,product groups\nThép,Tên lửa": "product group that there is not",
    "account,owner,backup\nThép,an@congty.example,an@congty.example": "the same person",
    "account,contact\nThép,An": "needs an e-mail address or a phone number",
    "account,value,email\n,A,a@b.example": "without naming it",
    "reference,account\nK-9,": "No account has the reference",
    "email,contact\na@b.example,An\na@b.example,Bình": "Line 2 has the same contact",
    "account,value\nThép,A\nThép,B": "Line 2 says another value",
    "account,email\nThép,a@b.example,thừa": "more cells than there are columns",
    "email,phone\na@b.example,123": "is no phone number",
    "account,field: Ghi chú\nThép," + "x" * 201: "longer than 200",
}


async def test_a_wrong_row_is_said_and_nothing_at_all_is_written(
    database: Database, firm: Firm, tmp_path: Path
) -> None:
    before = await counts(database)
    for text, said in WRONG.items():
        facts = await bring(database, tmp_path, text + "\n")

        assert said in facts["wrong_rows"][0]["why"], text
        assert not facts["written"]
    assert await counts(database) == before


NO_SHEETS = {
    b"": "no rows",
    b"email,contact\n": "no rows",
    "email,contact\na@b.example,Ti\xean".encode("latin-1"): "Line 2 is not written in utf-8",
    b"a,b\n1,2\n": "names no column",
    b"contact,position\nAn,x\n": "is needed",
    b"email,mail\na@b.example,c@d.example\n": "Two columns are called e-mail",
    b'email,contact\na@b.example,"An\nb@b.example,Chi\n': "quotation mark",
    b"PK\x03\x04\0\0email\n": "is no text",
}


async def test_a_file_that_is_none_is_refused_as_a_whole(
    database: Database, firm: Firm, tmp_path: Path
) -> None:
    before = await counts(database)
    for body, said in NO_SHEETS.items():
        with pytest.raises(Invalid, match=said):
            await bring(database, tmp_path, body)

    assert await counts(database) == before
    assert await database.read(everything, SheetImport) == []
    file = select(func.count()).select_from(SheetFile)
    assert await database.read(lambda session: session.execute(file).scalar_one()) == 0


async def test_other_encodings_and_separators_are_read(
    database: Database, firm: Firm, tmp_path: Path
) -> None:
    for number, encoding in enumerate(("utf-8-sig", "utf-16", "utf-8")):
        body = f"Công ty;E-mail\nThép Á {number};a{number}@b.example\n".encode(encoding)
        await bring(database, tmp_path, body)
    old = "account\temail\nTh\u00e9p\tx@b.example\n".encode("cp1258")
    await bring(database, tmp_path, old, encoding="windows-1258")

    found = [one.name for one in await database.read(everything, Account)]
    assert found == ["Thép Á 0", "Thép Á 1", "Thép Á 2", "Thép"]


async def test_rows_of_one_account_add_to_each_other(
    database: Database, firm: Firm, tmp_path: Path
) -> None:
    text = (
        "account,reference,owner,value,email\n"
        "Thép,,,A,a@b.example\n"
        "THÉP,T-1,an@congty.example,,b@b.example\n"
        ",T-1,,A,c@b.example\n"
    )
    await bring(database, tmp_path, text)

    (found,) = await database.read(everything, Account)
    assert (found.reference, found.owner_id, found.value) == ("T-1", firm.an.id, "A")
    everybody = await database.read(everything, Contact)
    assert [one.account_id for one in everybody] == [found.id] * 3


async def _begun(database: Database, text: str) -> int:
    now = utcnow()
    return await database.write(
        work.begin, text.encode(), "sheet.csv", "utf-8", by=None, now=now
    )


def _many(count: int) -> str:
    return "email\n" + "".join(f"a{n}@b.example\n" for n in range(count))


async def test_nothing_is_written_before_the_yes_and_a_death_in_between_loses_nothing(
    database: Database, firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "TOGETHER", 4)
    number = await _begun(database, _many(10))
    await work.Bring(database).once()
    assert (await database.read(work.get_import, number)).state is SheetState.READY
    assert not await work.Bring(database).once()
    assert await database.read(everything, Contact) == []

    await database.write(work.accept, number, anyway=False, by=firm.an.id, now=NOW)
    assert await work.Bring(database).once()
    assert len(await database.read(everything, Contact)) == 4  # and here it dies
    other = work.Bring(database)
    while await other.once():
        pass

    found = await database.read(work.get_import, number)
    assert (found.state, found.done, found.total) == (SheetState.DONE, 10, 10)
    assert len(await database.read(everything, Contact)) == 10
    assert await database.read(everything, SheetRow) == []


async def test_a_check_that_died_is_begun_again_by_another(
    database: Database, firm: Firm
) -> None:
    number = await _begun(database, _many(3))
    later = utcnow() + work.LEASE
    body, _ = await database.write(work._claim, number, later)
    assert body
    assert not await work.Bring(database).once()  # it is another's turn
    overdue = update(SheetImport).values(leased_until=NOW)
    await database.write(lambda session: session.execute(overdue) and None)

    await work.Bring(database).once()

    assert len(await database.read(everything, SheetRow)) == 3


async def test_wrong_rows_need_a_word_and_stay_for_their_owner(
    database: Database, firm: Firm
) -> None:
    number = await _begun(database, "email\na@b.example\nkhông\n")
    bring_in = work.Bring(database)
    await bring_in.once()
    with pytest.raises(Conflict, match="Some rows"):
        await database.write(work.accept, number, anyway=False, by=None, now=NOW)

    await database.write(work.accept, number, anyway=True, by=None, now=NOW)
    while await bring_in.once():
        pass

    assert len(await database.read(everything, Contact)) == 1
    (left,) = await database.read(everything, SheetRow)
    assert (left.line, left.wrong) == (3, [["email", "no_email", "không"]])
    assert await database.write(work.forget_old, utcnow() + timedelta(days=8)) == 1
    assert await database.read(everything, SheetRow) == []


async def test_what_was_given_out_comes_in_again_as_it_is(
    database: Database, firm: Firm, tmp_path: Path
) -> None:
    odd = SHEET.replace("Gỗ Á", '=SUM(1)"Á"').replace("0901 234 567", "+84901234567")
    await bring(database, tmp_path, odd.replace('=SUM(1)"Á"', '"=SUM(1)""Á"""'))
    before = await counts(database)
    lines: list[list[str]] = []
    after: tuple[int, int] | None = (0, 0)
    while after is not None:
        some, after = await database.read(list_lines, after, limit=2)
        lines += some

    given = as_csv([[str(one) for one in HEADINGS], *lines])
    assert "'=SUM" in given
    facts = await bring(database, tmp_path, given)

    assert (facts["same"], facts["wrong"], facts["rows"]) == (5, 0, 5)
    assert await counts(database) == before


async def test_a_restricted_contact_is_left_alone(
    database: Database, firm: Firm, tmp_path: Path
) -> None:
    await database.write(arrive, firm)
    held = update(Contact).values(restricted_at=NOW)
    await database.write(lambda session: session.execute(held) and None)

    facts = await bring(database, tmp_path, f"email,contact\n{CUSTOMER},Tên mới\n")

    assert "kept as it is" in facts["wrong_rows"][0]["why"]
