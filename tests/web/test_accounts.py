"""My customers, the matrix, the form, handing over, and who may be one person."""

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from inbox.accounts import figures
from inbox.store import accounts as rows
from inbox.store import joins
from inbox.store.joins import Why
from models import Account, Contact, ContactJoin, Conversation
from models.base import columns
from tests.web.scene import Browser, Scene

FORM: dict[str, Any] = {
    "name": "Nội thất Trúc An",
    "kind": "company",
    "value": "A",
    "status": "active",
    "tier": "vip",
    "product_groups": "Bàn, Ghế",
    "since": "2024-05-01",
    "fields": "Mã số thuế: 0312345678\nKho: Bình Dương",
    "language": "vi",
}


async def _enter(scene: Scene, browser: Browser, owner: str = "binh", **values: str) -> int:
    agent = await scene.agent(owner)
    answer = await browser.post("/accounts", {**FORM, "owner": str(agent.id), **values})
    assert answer.status_code == 303, answer.text
    return int(answer.headers["location"].rpartition("/")[2])


async def _place(scene: Scene, browser: Browser, number: int, account: int) -> int:
    """Put who wrote a conversation into an account; return who that is."""
    contact = (await scene.get(number)).contact_id
    answer = await browser.post(f"/contacts/{contact}/account", {"account": str(account)})
    assert answer.status_code == 303, answer.text
    return contact


async def test_an_account_is_entered_found_and_changed(scene: Scene) -> None:
    """F129: what is typed is kept; what is wrong is said beside its field, and stays."""
    browser = await scene.signed_in("binh")
    account = await _enter(scene, browser)

    page = await browser.get("/accounts")
    assert "Nội thất Trúc An" in page.text
    assert "Trúc An" in (await browser.get("/accounts?words=TRUC+an")).text
    nobody = (await browser.get("/accounts?words=t%C3%BAc")).text
    assert "No customer fits" in nobody
    form = await browser.get(f"/accounts/{account}/edit")
    assert "Kho: Bình Dương" in form.text
    assert 'value="2024-05-01"' in form.text

    wrong = {**FORM, "version": "1", "since": "hôm qua", "fields": "không có gì"}
    answer = await browser.post(f"/accounts/{account}", wrong)
    assert answer.status_code == 422
    assert answer.text.count('aria-invalid="true"') == 2
    assert "không có gì" in answer.text

    mine = {**FORM, "version": "1", "owner": str((await scene.agent("binh")).id)}
    good = await browser.post(f"/accounts/{account}", {**mine, "value": "B"})
    late = await browser.post(f"/accounts/{account}", {**mine, "value": "C"})
    assert (good.status_code, late.status_code) == (303, 409)
    (row,) = await scene.all(Account)
    assert (row.value.value, row.fields["Mã số thuế"]) == ("B", "0312345678")


async def test_only_keepers_see_it_among_theirs(scene: Scene) -> None:
    """F129: a supervisor asks for everybody's; an agent has their own, whatever they ask."""
    binh, dung = await scene.signed_in("binh"), await scene.signed_in("dung")
    account = await _enter(scene, binh)
    lead = await scene.signed_in("ha")

    assert "Trúc An" not in (await dung.get("/accounts?owner=all")).text
    assert (await dung.get(f"/accounts/{account}/edit")).status_code == 404
    assert (await dung.post(f"/accounts/{account}", FORM)).status_code == 404
    assert "Trúc An" not in (await lead.get("/accounts")).text
    assert "Trúc An" in (await lead.get("/accounts?owner=all")).text
    assert "Trúc An" in (await lead.get("/accounts/matrix?owner=all&place=A0")).text


async def test_work_says_that_it_went_to_who_looks_after_the_account(scene: Scene) -> None:
    """F122: Dũng of another team gets it, sees it, and the page says why."""
    lead = await scene.signed_in("ha")
    account = await _enter(scene, lead, "dung")
    await _place(scene, lead, await scene.arrive(), account)
    number = await scene.arrive("Còn bàn màu gỗ óc chó không?", subject="Bàn")

    dung = await scene.signed_in("dung")
    page = await dung.get(f"/inbox/{number}")
    assert page.status_code == 200
    said = "Given to Phạm Hùng Dũng, who looks after this customer."
    assert said in page.text
    vietnamese = await dung.get(f"/inbox/{number}?lang=vi")
    assert "người phụ trách khách hàng này" in vietnamese.text


async def test_the_list_and_the_matrix_say_why(scene: Scene) -> None:
    """F89, F129: each point with its reasons; each cell opens its accounts."""
    binh = await scene.signed_in("binh")
    account = await _enter(scene, binh)
    await _place(scene, binh, await scene.arrive(), account)
    later = scene.clock.now + timedelta(days=2)
    await scene.write(figures.count, [account], later)

    listed = (await binh.get("/accounts?sort=need")).text
    assert "1 late, 1 waits for an answer" in listed
    assert 'aria-sort="descending"' in listed
    matrix = (await binh.get("/accounts/matrix")).text
    (cell,) = re.findall(r'href="(/accounts/matrix\?place=[^"]+)"', matrix)
    assert cell == "/accounts/matrix?place=A2"
    assert "1 late, 1 waits for an answer" in matrix
    assert "Nội thất Trúc An" in (await binh.get(cell)).text
    assert (await binh.get("/accounts/matrix?place=Z9")).status_code == 404


async def test_accounts_are_handed_over_whole(scene: Scene) -> None:
    """F129: with what is open; an agent hands over only their own."""
    binh, dung = await scene.signed_in("binh"), await scene.signed_in("dung")
    account = await _enter(scene, binh)
    number = await scene.arrive()
    await _place(scene, binh, number, account)
    to = await scene.agent("dung")
    form = {"accounts": str(account), "to": str(to.id), "next": "/accounts"}

    refused = await dung.post("/accounts/hand-over", form)
    assert refused.status_code == 404
    done = await binh.post("/accounts/hand-over", form)

    assert (done.status_code, done.headers["location"]) == (303, "/accounts")
    assert "1 customers and 1 open requests" in (await binh.get("/accounts")).text
    assert (await scene.get(number)).owner_id == to.id
    assert (await scene.all(Account))[0].owner_id == to.id
    assert "handed over by" in (await dung.get(f"/inbox/{number}")).text


async def test_people_are_entered_and_vouched_for(scene: Scene) -> None:
    """F87: an address that another has unverified proposes; verified, it joins."""
    lead = await scene.signed_in("ha")
    account = await _enter(scene, lead)
    person = {"name": "Mai", "email": "mai@trucan.example", "position": "mua hàng"}
    assert (await lead.post(f"/accounts/{account}/people", person)).status_code == 303
    wrong = await lead.post(f"/accounts/{account}/people", {"name": "Tên <b>", "email": "x"})
    assert wrong.status_code == 422
    assert "This is no e-mail address." in wrong.text
    assert 'value="Tên &lt;b&gt;"' in wrong.text  # nothing typed is lost
    assert 'aria-describedby="new-email-about"' in wrong.text
    assert '<details class="card-foot" open>' in wrong.text
    (mai,) = await scene.all(Contact)
    assert (mai.account_id, mai.position) == (account, "mua hàng")

    number = await scene.arrive(email="mai.rieng@vidu.example")
    other = (await scene.get(number)).contact_id
    way = {"kind": "email", "value": "MAI@trucan.example"}
    assert (await lead.post(f"/contacts/{other}/ways", way)).status_code == 303

    assert (await scene.get(number)).contact_id == mai.id
    again = await lead.post(f"/contacts/{mai.id}/ways", {"kind": "email", "value": "no"})
    assert again.status_code == 422


async def test_proposed_pairs_are_joined_kept_apart_and_parted(scene: Scene) -> None:
    """F87: by who may see both; the page says what they have in common."""
    first = await scene.arrive()
    second = await scene.arrive(email="khac@vidu.example", name="Chị Mai B")
    a, b = [(await scene.get(one)).contact_id for one in (first, second)]
    pair = await scene.write(joins.propose, a, b, Why.NAME, scene.clock.now)
    lead, dung = await scene.signed_in("ha"), await scene.signed_in("dung")

    page = (await lead.get("/accounts/joins")).text
    assert "They have the same name at the same customer." in page
    assert (await dung.get("/accounts/joins")).status_code == 403
    await scene.write(
        lambda session: session.execute(
            update(Conversation).values(owner_id=1)  # nobody's no longer
        )
    )
    path = f"/accounts/joins/{pair}"
    assert (await dung.post(path, {"decision": "one"})).status_code == 404

    assert (await lead.post(path, {"decision": "one"})).status_code == 303
    assert (await scene.get(second)).contact_id == a
    assert "Joined lately" in (await lead.get("/accounts/joins")).text
    assert (await lead.post(path, {"decision": "parting"})).status_code == 303
    assert (await scene.get(second)).contact_id == b
    assert (await lead.post(path, {"decision": "two"})).status_code == 409
    assert (await scene.all(ContactJoin))[0].state == "parted"

    own = await lead.post(f"/contacts/{b}/joins", {"other": str(a)})
    assert own.status_code == 303
    assert (await scene.get(first)).contact_id == b


async def test_an_unknown_field_or_answer_changes_nothing(scene: Scene) -> None:
    browser = await scene.signed_in("ha")
    account = await _enter(scene, browser)
    bad = await browser.post(f"/accounts/{account}", {**FORM, "id": "7"})
    assert bad.status_code in (400, 422)
    await scene.write(
        lambda session: session.execute(
            update(Account).where(columns(Account).id == account).values(owner_id=None)
        )
    )
    found = await scene.database.read(rows.keepers_of, [account])
    assert found[account].owner_id is None
    nothing = await browser.post("/accounts/hand-over", {"to": "1"})
    assert nothing.status_code == 422
