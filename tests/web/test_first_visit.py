"""The first visit to an empty installation."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from inbox.company import installation
from models import Agent, ChannelKind, Company, Inbox, Role, Team
from tests.web.scene import NOW, PASSWORD, Browser, Scene, hidden

ANSWERS = {
    "company": "Nội thất An",
    "time_zone": "Asia/Ho_Chi_Minh",
    "language": "en",
    "support_address": "Help@An.example",
    "name": "Đỗ Thị An",
    "email": "An@An.example",
    "password": PASSWORD,
}


async def link(scene: Scene) -> str:
    """Return the token of a fresh link."""
    token = await scene.write(installation.offer_setup, scene.clock.now)
    assert token
    return token


async def send(browser: Browser, token: str, **changes: str) -> Any:
    """Fill in the form and send it."""
    return await browser.post("/setup", {**ANSWERS, "token": token, **changes})


async def test_the_link_works_once(start: Callable[..., Any]) -> None:
    """The company, its people, doors and types are there after one form."""
    scene: Scene = await start("empty")
    browser = scene.browser()
    token = await link(scene)
    page = await browser.get(f"/setup?token={token}")
    assert page.status_code == 200
    assert hidden(page.text, "token") == token
    answer = await send(browser, token)
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
    assert (await browser.get("/inbox")).status_code == 200, "signed in at once"
    (company,) = await scene.all(Company)
    assert (company.name, company.language) == ("Nội thất An", "en")
    (admin,) = await scene.all(Agent)
    assert (admin.email, admin.role) == ("an@an.example", Role.ADMIN)
    assert PASSWORD not in admin.password_hash
    assert [team.name for team in await scene.all(Team)] == ["Support"]
    doors = {door.kind: door.handle for door in await scene.all(Inbox)}
    assert doors[ChannelKind.EMAIL] == "help@an.example"
    assert doors[ChannelKind.FORM] == "support"
    # What is set up can take in and owe an answer.
    number = await scene.arrive()
    assert (await scene.get(number)).next_due_at is not None
    assert (await browser.get(f"/setup?token={token}")).status_code == 404
    assert (await send(scene.browser(), token)).status_code == 404
    assert len(await scene.all(Company)) == 1
    assert await scene.write(installation.offer_setup, NOW) is None


async def test_wrong_and_expired_links(start: Callable[..., Any]) -> None:
    """A link that is not ours, missing, or a day old opens nothing and creates nothing."""
    scene: Scene = await start("empty")
    token = await link(scene)
    browser = scene.browser()
    for path in ("/setup", "/setup?token=", f"/setup?token={token}x"):
        assert (await browser.get(path)).status_code == 404
    assert (await send(browser, "made-up")).status_code == 404
    scene.clock.now += timedelta(days=1, seconds=1)
    assert (await browser.get(f"/setup?token={token}")).status_code == 404
    assert (await send(browser, token)).status_code == 404
    assert await scene.all(Company) == []


async def test_wrong_answers_are_shown_back(start: Callable[..., Any]) -> None:
    """422 with every value kept but the password, and the link still works."""
    scene: Scene = await start("empty")
    token = await link(scene)
    browser = scene.browser()
    answer = await send(
        browser, token, password="short", email="no-address", time_zone="Moon/Sea"
    )
    assert answer.status_code == 422
    assert "The password needs at least 10 characters." in answer.text
    assert "This time zone is not known" in answer.text
    assert "This is not an e-mail address" in answer.text
    for kept in ("Nội thất An", "Help@An.example", "no-address", "Moon/Sea", "Đỗ Thị An"):
        assert f'value="{kept}"' in answer.text
    assert "short" not in answer.text.replace("shortcuts", "")
    assert hidden(answer.text, "token") == token
    assert await scene.all(Company) == []
    assert (await send(browser, token)).status_code == 303


async def test_zone_names_cannot_leave_the_zone_folder(start: Callable[..., Any]) -> None:
    """A zone is a name, never a path."""
    scene: Scene = await start("empty")
    token = await link(scene)
    for zone in ("../../etc/passwd", "/etc/passwd", "Asia/../Asia/Hanoi", "\0", "Asia", ""):
        answer = await send(scene.browser(), token, time_zone=zone)
        assert answer.status_code == 422, zone


async def test_pages_before_the_first_visit(start: Callable[..., Any]) -> None:
    """Nothing breaks while there is no company."""
    scene: Scene = await start("empty")
    browser = scene.browser()
    login = await browser.get("/login")
    assert login.status_code == 200
    assert "open the link that kip run printed" in login.text
    assert (await browser.get("/f/support")).status_code == 404
    assert (await browser.get("/s/anything")).status_code == 404
    assert (await browser.get("/health/ready")).status_code == 200
    vietnamese = await browser.get("/login?lang=vi")
    assert 'lang="vi"' in vietnamese.text


async def test_what_setup_takes_the_settings_take_too(start: Callable[..., Any]) -> None:
    """A name that is too long, and a time zone that each machine reads otherwise."""
    scene: Scene = await start("empty")
    browser, token = scene.browser(), await link(scene)
    for wrong in ({"company": "An " * 60}, {"time_zone": "localtime"}):
        answer = await send(browser, token, **wrong)
        assert answer.status_code == 422, wrong
    assert (await send(browser, token, time_zone="America/New_York")).status_code == 303
    page = (await browser.get("/settings/start")).text
    assert "no public holiday is entered yet" in page
    assert "with the public holidays" not in page
