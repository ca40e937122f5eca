"""The audit trail's page: who, when, from, to; narrowed down; as CSV without formulas."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from inbox.sealing import Seal
from inbox.spreadsheet import defused
from inbox.store.audit import add_entry
from inbox.store.changes import add_event
from inbox.views.present_audit import DONE
from models import AuditAction, AuditThing, EventKind, RawMessage, RawState
from tests.web.scene import NOW, Scene

ROWS = re.compile(r"<tr>\s*<td.*?</tr>", re.DOTALL)
TAGS = re.compile(r"<[^>]+>")


def _rows(html: str) -> list[str]:
    """Return the text of each line of the table."""
    rows = (" ".join(TAGS.sub(" ", row).split()) for row in ROWS.findall(html))
    return [row.replace(" :", ":") for row in rows]


def _entry(session: Session, by: int | None, minutes: int, **after: Any) -> None:
    at = NOW + timedelta(minutes=minutes)
    before = dict.fromkeys(after, "Cũ")
    changed = AuditAction.CHANGED
    add_entry(session, AuditThing.COMPANY, 1, changed, at, by=by, before=before, after=after)


async def test_a_change_is_shown_with_who_when_from_and_to(scene: Scene) -> None:
    """F105: conversations and settings in one list, in words, linked."""
    number = await scene.arrive()
    binh = await scene.signed_in("binh")
    await binh.post(f"/inbox/{number}/resolution", {"reason": "spam"})
    await binh.post("/me/on-duty", {"on_duty": "0"})
    admin = await scene.signed_in("viet")

    page = await admin.get("/settings/audit")

    assert page.status_code == 200
    rows = _rows(page.text)
    done = next(row for row in rows if "state: open → done" in row)
    assert done.startswith("24/11/2026 10:00:00 Trần Thanh Bình")
    assert f"Conversation #{number}: done" in done
    assert f'href="/inbox/{number}"' in page.text
    away = next(row for row in rows if "on duty: yes → no" in row)
    assert "Person Trần Thanh Bình: changed" in away
    assert any("owner: – → Trần Thanh Bình" in row and "Kịp" in row for row in rows)
    assert 'aria-current="page">Audit trail' in page.text


async def test_the_page_is_in_vietnamese_too(scene: Scene) -> None:
    number = await scene.arrive()
    admin = await scene.signed_in("viet")

    page = await admin.get("/settings/audit?lang=vi")

    assert f"Hội thoại #{number}: đã giao" in " ".join(_rows(page.text))


async def test_older_ones_follow_without_a_gap_or_a_double(scene: Scene) -> None:
    """Keyset paging over two tables, also where instants are the same."""
    number = await scene.arrive()
    viet = (await scene.agent("viet")).id

    def fill(session: Session) -> None:
        for one in range(80):
            _entry(session, viet, one // 20, name=f"Tên {one:03}")
            at = NOW + timedelta(minutes=one // 20)
            add_event(session, number, EventKind.NOTED, at, {"to": {"name": f"Ghi {one:03}"}})

    await scene.write(fill)
    admin = await scene.signed_in("viet")
    address, seen = "/settings/audit", []
    for _ in range(10):
        page = (await admin.get(address)).text
        seen += re.findall(r"(?:Tên|Ghi) \d{3}", page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        if older is None:
            break
        address = older[1].replace("&amp;", "&")

    assert len(seen) == len(set(seen)) == 160
    minutes = [int(one[-3:]) // 20 for one in seen]
    assert minutes == sorted(minutes, reverse=True)


async def test_the_filters_narrow_it_down(scene: Scene) -> None:
    number = await scene.arrive()
    viet = (await scene.agent("viet")).id
    await scene.write(_entry, viet, 0, name="Hôm nay")
    await scene.write(_entry, viet, -60 * 24 * 3, name="Trước đó")
    await scene.write(_entry, None, 0, name="Bằng lệnh")
    admin = await scene.signed_in("viet")

    async def shown(query: str) -> str:
        return " ".join(_rows((await admin.get(f"/settings/audit?{query}")).text))

    mine = await shown(f"person={viet}")
    assert "Hôm nay" in mine
    assert f"#{number}" not in mine
    assert "Bằng lệnh" not in mine
    assert "Bằng lệnh" in await shown("person=0&thing=company")
    talks = await shown("thing=conversation")
    assert f"#{number}" in talks
    assert "Hôm nay" not in talks
    days = await shown("from=2026-11-21&to=2026-11-21")
    assert "Trước đó" in days
    assert "Hôm nay" not in days
    # what is no filter narrows nothing and breaks nothing
    odd = "person=x&thing=cat&from=9999-99-99&to=9999-12-31&after=nothing~event~1"
    assert "Hôm nay" in await shown(odd)


async def test_csv_is_the_same_list_and_no_cell_is_a_formula(scene: Scene) -> None:
    """S27."""
    bad = ['=HYPERLINK("http://evil.example")', "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "\r=1"]
    for row, name in enumerate(bad):
        await scene.write(_entry, None, row, **{name: name})
    admin = await scene.signed_in("viet")

    got = await admin.get("/settings/audit.csv?thing=company")

    assert got.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in got.headers["content-disposition"]
    table = list(csv.reader(io.StringIO(got.content.decode("utf-8-sig"), newline="")))
    assert table[0] == ["When", "Who", "What", "Which", "Done", "From", "To"]
    assert len(table) == len(bad) + 1
    assert table[-1][0] == "2026-11-24T10:00:00+07:00"
    for line in table:
        for cell in line:
            assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert all(any(name in cell for line in table for cell in line) for name in bad)


@pytest.mark.parametrize("sign", list("=+-@\t\r\n＝＋－＠"))
def test_a_cell_that_begins_like_a_formula_is_text(sign: str) -> None:
    """S27."""
    assert defused(f"{sign}cmd") == f"'{sign}cmd"
    assert defused("1 + 1 = 2") == "1 + 1 = 2"


async def test_the_page_says_how_far_it_is_sealed(scene: Scene) -> None:
    await scene.arrive()
    admin = await scene.signed_in("viet")
    assert "Nothing is sealed yet" in (await admin.get("/settings/audit")).text

    worker = Seal(scene.database)
    await worker.once()
    scene.clock.now += timedelta(seconds=10)  # PostgreSQL looks twice
    await worker.once()

    page = (await admin.get("/settings/audit")).text
    assert re.search(r"Sealed up to 24/11/2026 10:00:[01]0 \(seal 1\)", page)


async def test_a_held_message_tried_again_is_on_the_list(scene: Scene) -> None:
    """F105: by whom."""
    scene.worker_is_up = False
    await scene.arrive()
    (raw,) = await scene.all(RawMessage)

    def hold(session: Session) -> None:
        session.get_one(RawMessage, raw.id).state = RawState.QUARANTINED

    await scene.write(hold)
    ha = await scene.signed_in("ha")
    await ha.post(f"/settings/quarantine/{raw.id}/retry")

    admin = await scene.signed_in("viet")
    rows = _rows((await admin.get("/settings/audit?thing=message")).text)
    assert rows == [
        f"24/11/2026 10:00:00 Lê Thu Hà Held message {raw.id}: changed "
        "state: in quarantine → in the line"
    ]


def test_every_event_has_words_in_the_trail() -> None:
    """DECISIONS 36: no word of the code stands on a page."""
    assert [one for one in EventKind if one.value not in DONE] == []
    assert [one for one in AuditAction if one.value not in DONE] == []
