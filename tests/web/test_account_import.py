"""Accounts brought in on a page: looked at row by row, agreed to, carried out, given out."""

import html

from inbox.sheets import work
from models import Account, Contact, SheetFile, SheetImport, SheetState
from tests.web.scene import Browser, Scene

HEAD = "account,owner,contact,email,Ghi chú\n"
SHEET = HEAD + "Thép Việt,binh@congty.example,Lan,lan@khach.example,x\n"
WRONG = SHEET + "Gỗ Á,ai@khong.example,Hoa,hoa@khach.example,x\n"


async def uploaded(scene: Scene, browser: Browser, text: str) -> str:
    """Send a sheet, let the worker look at it, and return the page's address."""
    file = {"file": ("khách.csv", text.encode(), "text/csv")}
    answer = await browser.post("/accounts/import", {"encoding": "utf-8"}, files=file)
    assert answer.status_code == 303
    await work.Bring(scene.site.database).once()
    return str(answer.headers["location"])


async def test_nothing_happens_before_the_yes_and_every_row_says_what_it_would_do(
    scene: Scene,
) -> None:
    """F122: the owner comes with the account."""
    browser = await scene.signed_in("ha")
    path = await uploaded(scene, browser, SHEET)

    shown = html.unescape((await browser.get(path)).text)

    assert "1 row: 1 new, 0 changed, 0 as they are, 0 that cannot be brought in" in shown
    assert "Account: new" in shown
    assert "Contact: new" in shown
    assert "Left out are the columns Ghi chú." in shown
    assert await scene.all(Account) == []
    assert (await browser.post(f"{path}/start")).status_code == 303
    while await work.Bring(scene.site.database).once():
        pass
    assert "What came of it" in (await browser.get(path)).text
    (account,) = await scene.all(Account)
    assert (account.name, account.owner_id) == ("Thép Việt", (await scene.agent("binh")).id)
    assert (await browser.post(f"{path}/removal")).headers["location"] == "/accounts/import"
    assert "khách.csv" not in (await browser.get("/accounts/import")).text


async def test_wrong_rows_are_said_given_back_and_left_out_only_if_one_says_so(
    scene: Scene,
) -> None:
    browser = await scene.signed_in("ha")
    path = await uploaded(scene, browser, WRONG)

    shown = html.unescape((await browser.get(f"{path}?show=wrong")).text)
    assert "Nobody who works here signs in as “ai@khong.example”." in shown
    assert "Thép Việt" not in shown
    given = (await browser.get(f"{path}/wrong.csv")).text
    assert '"Gỗ Á","ai@khong.example","Hoa","hoa@khach.example","Nobody who' in given
    refused = await browser.post(f"{path}/start")
    assert refused.status_code == 409
    assert "Some rows cannot be brought in." in refused.text
    assert (await scene.all(SheetImport))[0].state is SheetState.READY
    assert (await browser.post(f"{path}/start", {"anyway": "1"})).status_code == 303
    while await work.Bring(scene.site.database).once():
        pass
    assert [one.name for one in await scene.all(Account)] == ["Thép Việt"]


async def test_a_file_that_is_none_says_why_and_no_file_is_asked_for_again(
    scene: Scene,
) -> None:
    browser = await scene.signed_in("ha")
    path = await uploaded(scene, browser, "a;b\n1;2\n")

    shown = await browser.get(path)
    assert "names no column that we know" in shown.text
    assert 'name="column_1"' in shown.text  # somebody may say what they are
    empty = await browser.post("/accounts/import", {"encoding": "utf-8"})
    assert empty.status_code == 422
    assert "Choose a file." in empty.text


async def test_somebody_says_which_column_is_what(scene: Scene) -> None:
    """A file whose headings say nothing is read by what a person chooses for each column."""
    browser = await scene.signed_in("ha")
    sheet = "Bên A;Thư;Mã số thuế\nThép Việt;lan@khach.example;03\n"
    path = await uploaded(scene, browser, sheet)
    assert "names no column that we know" in (await browser.get(path)).text
    chosen = {"column_0": "account", "column_1": "account", "column_2": "own"}

    twice = await browser.post(f"{path}/columns", chosen)
    assert twice.status_code == 303
    await work.Bring(scene.site.database).once()
    assert "Two columns are called account." in (await browser.get(path)).text
    unknown = await browser.post(f"{path}/columns", {**chosen, "column_1": "x"})
    assert unknown.status_code == 422
    assert (await browser.post(f"{path}/columns", {"column_0": ""})).status_code == 422
    await browser.post(f"{path}/columns", {**chosen, "column_1": "email"})
    await work.Bring(scene.site.database).once()
    shown = html.unescape((await browser.get(path)).text)
    assert "1 row: 1 new" in shown
    assert '<option value="own" selected>' in shown
    assert await scene.all(Account) == []
    await browser.post(f"{path}/start")
    while await work.Bring(scene.site.database).once():
        pass

    (account,) = await scene.all(Account)
    assert (account.name, account.fields) == ("Thép Việt", {"Mã số thuế": "03"})
    assert len(await scene.all(Contact)) == 1
    assert await scene.all(SheetFile) == []
    assert (await browser.post(f"{path}/columns", chosen)).status_code == 409
    assert "Which column is what" not in (await browser.get(path)).text


async def test_all_accounts_are_given_out_as_the_import_reads_them(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    path = await uploaded(scene, browser, SHEET)
    await browser.post(f"{path}/start")
    while await work.Bring(scene.site.database).once():
        pass

    given = (await browser.get("/accounts/export.csv")).text

    assert given.startswith('\ufeff"account","reference"')
    again = await uploaded(scene, browser, given)
    assert "1 row: 0 new, 0 changed, 1 as they are" in (await browser.get(again)).text
    assert len(await scene.all(Contact)) == 1
