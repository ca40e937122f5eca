"""How somebody likes their pages: kept with the person, on the next page, in every browser."""

import pytest

from tests.web.scene import Browser, Scene

CHOICES = {"name": "Bình Trần", "language": "vi", "theme": "dark", "density": "compact"}


async def _html(browser: Browser, path: str = "/inbox") -> str:
    return (await browser.get(path)).text.partition("<head>")[0]


async def test_choices_are_kept_with_the_person(scene: Scene) -> None:
    """Another browser of theirs follows; the cookie is only for the page before signing in."""
    here, phone = await scene.signed_in("binh"), await scene.signed_in("binh")
    assert 'data-keys="off"' not in await _html(phone)

    assert (await here.post("/me", CHOICES)).status_code == 303

    first = await _html(phone)
    assert 'lang="vi"' in first
    assert 'data-theme="dark"' in first
    assert 'data-density="compact"' in first
    assert 'data-keys="off"' in first, "a switch that is not sent is off"
    await phone.post("/logout", {})
    before = await _html(phone, "/login")
    assert 'lang="vi"' in before
    other = await scene.signed_in("dung")
    assert "data-theme" not in await _html(other)


async def test_a_menu_changes_one_thing_and_leads_back(scene: Scene) -> None:
    here = await scene.signed_in("binh")
    await here.post("/me", {**CHOICES, "single_keys": "1"})

    light = await here.post("/me/switches", {"theme": "light", "next": "/waiting"})

    assert (light.status_code, light.headers["location"]) == (303, "/waiting")
    first = await _html(here)
    assert 'data-theme="light"' in first
    assert 'data-density="compact"' in first
    assert "data-keys" not in first
    off = await here.post("/me/switches", {"single_keys": "0"}, htmx=True)
    assert off.status_code == 204
    assert 'data-keys="off"' in await _html(here)
    away = await here.post("/me/switches", {"language": "en", "next": "//evil.example"})
    assert away.headers["location"] == "/inbox"


@pytest.mark.parametrize(
    "wrong", [{"theme": "pink"}, {"density": "tiny"}, {"language": "xx"}, {"time_zone": "Mars"}]
)
async def test_what_nobody_offers_is_refused(scene: Scene, wrong: dict[str, str]) -> None:
    here = await scene.signed_in("binh")
    answer = await here.post("/me", {**CHOICES, **wrong})
    assert answer.status_code == 422
    assert "data-theme" not in await _html(here)


async def test_times_are_said_and_typed_where_somebody_sits(scene: Scene) -> None:
    """The page says so; the company's days and everybody else's pages stay as they are."""
    number = await scene.arrive()
    here, colleague = await scene.signed_in("binh"), await scene.signed_in("binh")
    path = f"/inbox/{number}"
    at_home = (await here.get(path)).text
    await here.post("/me", {**CHOICES, "language": "en", "time_zone": "Europe/Paris"})

    abroad = (await here.get(path)).text

    assert "Times are those of Europe/Paris." in abroad
    assert "Times are those" not in at_home
    slept = await here.post(f"{path}/snooze", {"at": "2026-11-25T09:07"})
    assert slept.status_code == 303
    assert "09:07" in (await here.get(path)).text, "read back as it was typed"
    await colleague.post("/me", {**CHOICES, "language": "en", "time_zone": "Asia/Ho_Chi_Minh"})
    home = (await colleague.get(path)).text
    assert "Times are those" not in home, "the company's own zone is nobody's own"
    assert "15:07" in home
