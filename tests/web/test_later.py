"""Thanks, spam, proposals and products on the pages: what is said, and the keys that undo."""

from datetime import timedelta

from inbox.channels.webform import Posted, pack
from inbox.company import products
from inbox.company.products import Draft
from inbox.staging import Arrival, stage
from inbox.store.company import list_doors
from models import ChannelKind, Status
from tests.web.scene import Scene, hidden

PITCH = (
    "Dear business owner, we offer SEO services and guest posts with high domain authority. "
    "Rank on the first page of Google! http://seo.example"
)


async def write_more(scene: Scene, number: int, text: str) -> None:
    """Let the customer write on the page of their request."""

    def work(session: object) -> None:
        door = list_doors(session, ChannelKind.FORM)[0]  # type: ignore[arg-type]
        body = pack(Posted(email="khach@vidu.example", body=text))
        meta = {"conversation": number}
        arrival = Arrival(door.id, ChannelKind.FORM, f"more:{text}", body, meta)
        stage(session, arrival, scene.clock.now)  # type: ignore[arg-type]

    await scene.write(work)


async def test_spam_is_apart_counted_and_back_by_one_key(scene: Scene) -> None:
    """F119."""
    number = await scene.arrive(PITCH, subject="SEO", email="x@seo.example", request_type="")
    assert (await scene.get(number)).status is Status.SPAM
    lead, agent = await scene.signed_in("ha"), await scene.signed_in("binh")
    listed = (await agent.get("/inbox")).text
    apart = (await lead.get("/apart")).text
    assert f"/inbox/{number}" not in listed
    assert f"/inbox/{number}" in apart
    assert '<td class="num">1</td><td class="num">0</td>' in apart
    shown = (await agent.get(f"/inbox/{number}")).text
    assert "offers a better place in search engines" in shown
    assert 'id="no-spam" aria-keyshortcuts="z"' in shown

    back = await agent.post(f"/inbox/{number}/spam/undo")

    assert back.status_code == 303
    row = await scene.get(number)
    assert row.status is Status.OPEN
    assert row.next_due_at is not None
    apart = (await lead.get("/apart")).text
    assert '<td class="num">1</td><td class="num">1</td>' in apart
    assert 'id="mark-spam" aria-keyshortcuts="s"' in (await agent.get(f"/inbox/{number}")).text
    assert (await agent.post(f"/inbox/{number}/spam", htmx=True)).status_code == 200
    assert (await scene.get(number)).status is Status.SPAM


async def test_what_becomes_of_spam_is_a_setting(scene: Scene) -> None:
    """F119: switched off it is a request like any other."""
    lead = await scene.signed_in("ha")
    assert (await lead.post("/settings/spam", {"least": "30"})).status_code == 422
    assert (await lead.post("/settings/spam", {"least": "90"})).status_code == 303
    assert 'name="is_on" value="1">' in (await lead.get("/settings/spam")).text
    number = await scene.arrive(PITCH, subject="SEO", email="x@seo.example", request_type="")
    assert (await scene.get(number)).status is Status.OPEN


async def test_thanks_on_the_customers_page_open_nothing(scene: Scene) -> None:
    """F119: said on the page, listed, and undone by one key from the arrival."""
    number = await scene.arrive()
    agent = await scene.signed_in("binh")
    await agent.post(f"/inbox/{number}/messages", {"body": "Đã gửi ạ.", "kind": "reply"})
    await agent.post(f"/inbox/{number}/resolution")
    scene.clock.now += timedelta(minutes=5)
    arrived = scene.clock.now
    await write_more(scene, number, "Cảm ơn shop nhiều!")
    assert (await scene.get(number)).status is Status.RESOLVED
    shown = (await agent.get(f"/inbox/{number}")).text
    assert 'id="no-thanks" aria-keyshortcuts="z"' in shown
    assert "This message only thanks or confirms" in shown
    assert f"/inbox/{number}" in (await agent.get("/apart?kind=thanks")).text
    scene.clock.now += timedelta(minutes=5)
    assert (await agent.post(f"/inbox/{number}/thanks/undo")).status_code == 303
    row = await scene.get(number)
    assert (row.status, row.last_inbound_at) == (Status.OPEN, arrived)
    assert row.next_response_due_at is not None
    assert (await agent.post(f"/inbox/{number}/thanks/undo")).status_code == 409


async def test_a_proposal_and_asking_again_are_shown_with_their_keys(scene: Scene) -> None:
    """F120, F138."""
    number = await scene.arrive()
    agent = await scene.signed_in("binh")
    await scene.change(number, proposed_type="complaint", asked_again=2)
    shown = (await agent.get(f"/inbox/{number}")).text
    assert "Now reads as: Complaint" in shown
    assert 'aria-keyshortcuts="v"' in shown
    assert "asked again 2 times" in shown
    assert (await agent.post(f"/inbox/{number}/proposal")).status_code == 303
    row = await scene.get(number)
    assert (row.request_type, row.proposed_type) == ("complaint", None)
    assert (await agent.post(f"/inbox/{number}/proposal/dismissal")).status_code == 409


async def test_product_groups_are_kept_chosen_found_listed_and_reported(scene: Scene) -> None:
    """F123."""
    lead, agent = await scene.signed_in("ha"), await scene.signed_in("binh")
    typed = {"name": "Máy lọc nước", "terms": "RO-200, máy lọc"}
    assert (await lead.post("/settings/products", typed)).status_code == 303
    again = await lead.post("/settings/products", {"name": "Khác", "terms": "ro 200"})
    assert again.status_code == 422
    assert "Another product group has this name or word: ro 200" in again.text
    dung = (await scene.agent("ha")).id
    await scene.write(products.add, Draft("Máy hút", "HB9"), by=dung, now=scene.clock.now)

    found = await scene.arrive("Cái RO 200 và HB9 nhà mình bị rò nước.")

    shown = (await agent.get(f"/inbox/{found}")).text
    assert "the message says “RO-200”" in shown
    assert 'name="value" value="Máy hút"' in shown
    customer = scene.browser()
    form = (await customer.get("/f/support")).text
    fields = {"email": "khach@vidu.example", "body": "Xin chào", "token": hidden(form, "token")}
    fields["product_group"] = "Máy hút"
    bad = await customer.client.post("/f/support", data={**fields, "product_group": "Xe"})
    assert bad.status_code == 422
    assert (await customer.client.post("/f/support", data=fields)).status_code == 303
    assert (await scene.get(found + 1)).product_group == "Máy hút"
    listed = (await agent.get("/products?name=M%C3%A1y+h%C3%BAt")).text
    assert f"/inbox/{found + 1}" in listed
    assert f'href="/inbox/{found}"' not in listed
    report = (await lead.get("/reports/products?p=7")).text
    assert report.count("Máy hút") == 1
    assert "Máy lọc nước" in report
