"""The report's page, the lists behind its numbers, its files (F93, F95-F97, DESIGN 36-37)."""

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest

from inbox.reporting.closing import close_next
from models import Conversation, ReportDay
from tests.web.scene import Scene


async def _some_work(scene: Scene) -> list[int]:
    """Three come in; one is answered in time, one solved, and a day later two are late."""
    numbers = [
        await scene.arrive(subject=f"Đơn {n}", email=f"khach{n}@vidu.example") for n in range(2)
    ]
    numbers.append(
        await scene.arrive(subject="=1+1", email="c@vidu.example", request_type="complaint")
    )
    agent = await scene.signed_in("binh")
    scene.clock.now += timedelta(minutes=20)
    answer = {"body": "Vâng ạ.", "kind": "reply"}
    assert (await agent.post(f"/inbox/{numbers[0]}/messages", answer)).status_code == 303
    assert (await agent.post(f"/inbox/{numbers[0]}/resolution")).status_code == 303
    scene.clock.now += timedelta(days=1, hours=3)
    return numbers


async def test_every_number_opens_a_list_of_that_many(scene: Scene) -> None:
    """F93: bars, heat, shares, counts and causes, before and after the day is closed."""
    await _some_work(scene)
    ha = await scene.signed_in("ha")
    for closed in (False, True):
        if closed:
            assert await close_next(scene.database, scene.clock.now)
        page = (await ha.get("/reports/sla?by=type")).text
        links = {unescape(one) for one in re.findall(r'href="(/reports/sla/list[^"]*)"', page)}
        assert len(links) > 15
        for link in links:
            listed = await ha.get(link)
            assert listed.status_code == 200, link
            count = int(re.findall(r'<span class="num">(\d+)</span>', listed.text)[0])
            assert len(re.findall(r'<th scope="row">', listed.text)) == count
        happened = re.findall(r'"(/reports/sla/list\?[^"]*)">(\d+)</a>', page)
        assert happened
        for link, number in happened:
            behind = (await ha.get(unescape(link))).text
            assert f'<span class="num">{number}</span>' in behind, link


SHARE = re.compile(
    r'<span class="num(?: bad)?">(?:<a href="(/reports/sla/list\?[^"]*)">)?'
    r"(–|\d+\.\d% \((\d+), few\))"
)


async def test_a_share_opens_what_it_is_of(scene: Scene) -> None:
    """F93: in time and late, not what is no longer owed; a dash opens nothing."""
    numbers = await _some_work(scene)
    for n in range(2):
        numbers.append(await scene.arrive(subject=f"Nhầm {n}", email=f"n{n}@vidu.example"))
        agent = await scene.signed_in("binh")
        done = {"reason": "no_answer_needed"}
        answer = await agent.post(f"/inbox/{numbers[-1]}/resolution", done)
        assert answer.status_code == 303
    ha = await scene.signed_in("ha")
    for closed in (False, True):
        if closed:
            scene.clock.now += timedelta(days=2)
            while await close_next(scene.database, scene.clock.now):
                pass
        page = (await ha.get("/reports/sla?by=type")).text
        shares = SHARE.findall(page)
        assert ("", "–", "") in shares
        decided = [(unescape(link), int(n)) for link, _, n in shares if n]
        assert len(decided) >= 4
        for link, n in decided:
            listed = (await ha.get(link)).text
            assert f'<span class="num">{n}</span>' in listed, link
            assert ": in time or late</h1>" in listed
            assert "no longer owed" not in listed
            (csv_link,) = re.findall(r'href="(/reports/sla/list.csv[^"]*)"', listed)
            assert len(_rows((await ha.get(unescape(csv_link))).text)) == n + 1, link
        assert not [link for link, text, _ in shares if text == "–" and link]
        bars = re.findall(r'<li><a href="([^"]*)">.*?: (\d+) in time, (\d+) late', page)
        assert bars
        for link, met, late in bars:
            listed = (await ha.get(unescape(link))).text
            assert f'<span class="num">{int(met) + int(late)}</span>' in listed
        excused = (await ha.get("/reports/sla/list?what=first_response&outcome=excused")).text
        assert '<span class="num">2</span>' in excused


@pytest.mark.parametrize("language", ["en", "vi"])
async def test_no_two_columns_are_called_the_same(scene: Scene, language: str) -> None:
    """A promise to the customer and a time that an answer named are not one thing."""
    ha = await scene.signed_in("ha")
    page = (await ha.get(f"/reports/sla?lang={language}")).text
    table = page[page.index('id="c3"') :]
    heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]*)</th>", table[: table.index("</thead>")])
    assert len(heads) > 15
    assert len(set(heads)) == len(heads), heads
    kpis = re.findall(r"<dt>([^<]*)</dt>", page)
    assert len(set(kpis)) == len(kpis), kpis
    file_heads = _rows((await ha.get(f"/reports/sla.csv?lang={language}")).text)[0]
    assert len(set(file_heads)) == len(file_heads), file_heads


@pytest.mark.parametrize(
    ("asked", "first", "last", "ahead"),
    [
        ("from=2026-11-20&to=2026-11-10", "2026-11-10", "2026-11-20", ""),
        ("from=2026-11-10&to=2026-11-20", "2026-11-10", "2026-11-20", ""),
        ("from=2026-11-10&to=2026-12-05", "2026-11-10", "2026-11-24", "05/12/2026"),
        ("from=2026-12-05&to=2026-11-10", "2026-11-10", "2026-11-24", "05/12/2026"),
        ("from=2026-12-01&to=2026-12-05", "2026-11-24", "2026-11-24", "05/12/2026"),
        ("from=2026-12-01", "2026-11-24", "2026-11-24", "01/12/2026"),
        ("p=7", "2026-11-18", "2026-11-24", ""),
    ],
)
async def test_the_days_between_two_are_shown(
    scene: Scene, asked: str, first: str, last: str, ahead: str
) -> None:
    """Whichever came first; and a day that is still to come is said, not put aside."""
    page = (await (await scene.signed_in("ha")).get(f"/reports/sla?{asked}")).text
    assert f'name="from" value="{first}"' in page
    assert f'name="to" value="{last}"' in page
    said = re.findall(r">([\d/]+) is still to come: the report ends today, 24/11/2026\.", page)
    assert said == ([ahead] if ahead else [])


async def test_the_page_says_what_was_in_time_and_what_was_late(scene: Scene) -> None:
    """DESIGN 36: in time + late = decided, in the bars as in the table."""
    await _some_work(scene)
    ha = await scene.signed_in("ha")
    page = (await ha.get("/reports/sla")).text
    said = [(int(a), int(b)) for a, b in re.findall(r": (\d+) in time, (\d+) late", page)]
    assert (sum(a for a, _ in said), sum(b for _, b in said)) == (1, 2)
    assert "33.3% (3, few)" in page
    heat = page[page.index('class="heat"') :]
    late = sum(int(n) for n in re.findall(r'<td class="h\d"><a[^>]*>(\d+)</a>', heat))
    assert late == 2
    assert "Nobody answered in time" in page
    assert "mostly with the owner" in page
    assert "style=" not in page


async def test_in_vietnamese_with_its_numbers(scene: Scene) -> None:
    await _some_work(scene)
    ha = await scene.signed_in("ha")
    page = (await ha.get("/reports/sla?lang=vi")).text
    assert "33,3% (3, ít)" in page
    assert "Báo cáo SLA" in page
    assert "đúng hạn" in page


@pytest.mark.parametrize(
    "query",
    [
        "?p=0",
        "?p=99999999999",
        "?from=nonsense&to=2026-13-01",
        "?from=9999-12-31&to=0001-01-01",
        "?from=0001-01-01",
        "?team=abc&channel=pigeon&by=x",
        "?team=99999999999999999999",
        "/list?what=x&outcome=y&slot=-1&agent=zz",
        "/list?skip=9999999999999&cause=no",
        "/list?slot=99999999999&agent=99999999999",
        "/list.csv?what=passed_on&from=0001-01-01",
    ],
)
async def test_an_address_that_makes_no_sense_narrows_nothing(scene: Scene, query: str) -> None:
    ha = await scene.signed_in("ha")
    assert (await ha.get(f"/reports/sla{query}")).status_code == 200


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


async def test_the_file_of_figures_has_every_chart_s_numbers(scene: Scene) -> None:
    """F97, DESIGN 37."""
    await _some_work(scene)
    ha = await scene.signed_in("ha")
    answer = await ha.get("/reports/sla.csv?lang=en")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, *rows = _rows(answer.text)
    place = head.index("First reply in time: late")
    for table in ("Topic", "Person", "Team name", "Channel", "Customer tier", "Day", "Cause"):
        late = [int(row[place]) for row in rows if row[0] == table]
        assert sum(late) == 2, table
    assert sum(int(r[place]) for r in rows if r[0] == "Hour of the deadline") == 2


async def test_the_file_of_a_list_has_every_line_and_no_formula(scene: Scene) -> None:
    """F97, R56: more lines than a page; a subject that is a formula is text."""
    numbers = await _some_work(scene)
    for n in range(60):
        await scene.arrive(subject=f"Đơn hàng {n}", email=f"k{n}@vidu.example")
    ha = await scene.signed_in("ha")
    page = (await ha.get("/reports/sla/list?what=received")).text
    assert '<span class="num">63</span>' in page
    assert page.count('<th scope="row">') == 50
    older = re.search(r'href="([^"]*)" rel="next"', page)
    assert older
    rest = (await ha.get(unescape(older[1]))).text
    assert rest.count('<th scope="row">') == 13
    rows = _rows((await ha.get("/reports/sla/list.csv?what=received")).text)
    assert len(rows) == 64
    subjects = {int(row[0]): row[1] for row in rows[1:]}
    assert subjects[numbers[2]] == "'=1+1"
    assert subjects[numbers[0]] == "Đơn 0"
    scene.clock.now += timedelta(days=2)
    while await close_next(scene.database, scene.clock.now):
        pass
    again = _rows((await ha.get("/reports/sla/list.csv?what=received&p=30")).text)
    assert sorted(again[1:]) == sorted(rows[1:])


async def test_a_closed_day_is_read_from_its_sums(scene: Scene) -> None:
    """F94: the page shows the same before and after, and nothing of the conversations."""
    await _some_work(scene)
    ha = await scene.signed_in("ha")
    day = "?from=2026-11-24&to=2026-11-24"
    before = (await ha.get(f"/reports/sla.csv{day}")).text
    assert await close_next(scene.database, scene.clock.now)
    assert await scene.all(ReportDay)
    for row in await scene.all(Conversation):
        await scene.change(row.id, request_type="billing_payment", owner_id=None, team_id=None)
    after = (await ha.get(f"/reports/sla.csv{day}")).text
    place = _rows(before)[0].index("Open now")
    for old, new in zip(_without_now(before, place), _without_now(after, place), strict=True):
        assert old == new


def _without_now(text: str, place: int) -> list[list[str]]:
    """Return the lines of what was counted, without the one figure that is of this moment."""
    rows = [row[:place] + row[place + 1 :] for row in _rows(text)]
    return [
        rows[0],
        *(row for row in rows[1:] if any(c not in ("0", "–", "0.0") for c in row[2:])),
    ]
