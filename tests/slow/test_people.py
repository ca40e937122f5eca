"""People and teams in a real browser."""

import re
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from inbox.clock import utcnow
from tests.machine import needs_chromium
from tests.slow.product import Product, hidden, until

pytestmark = pytest.mark.slow

# What these pages show only after an invitation; test_every_page.py looks at the others.
PAGES = ("/settings/people", "/settings/people/{person}")
OUTSIDE = ("/forgot?sent=1", "{join}")


@needs_chromium
def test_pages_are_for_every_eye_in_both_languages(product: Product, browser: Browser) -> None:
    """DESIGN §12: no finding of axe, light and dark, wide and narrow; nothing sticks out."""
    with product.signed_in("admin") as client:
        cookies: Any = [
            {"name": one.name, "value": one.value, "url": product.base_url}
            for one in client.cookies.jar
        ]
        listed = client.get("/settings/people").text
    places = {
        "person": re.findall(r'href="/settings/people/(\d+)"', listed)[-1],
        "join": "",
    }
    found: list[str] = []
    for language, theme, width in (("vi", "light", 1440), ("en", "dark", 390)):
        context = browser.new_context(
            base_url=product.base_url,
            viewport={"width": width, "height": 900},
            color_scheme=theme,  # type: ignore[arg-type]
        )
        context.add_cookies(cookies)
        page = context.new_page()
        page.goto(f"/settings/people?lang={language}")
        page.fill("form[action='/settings/people'] [name=name]", "Minh")
        page.fill("[name=email]", f"minh.{language}@demo.example")
        page.click("form[action='/settings/people'] button[type=submit]")
        link = page.locator("input.secret").input_value()
        places["join"] = link.removeprefix(product.base_url)
        _look(page, f"{language} link", found)
        for pattern in PAGES:
            page.goto(pattern.format(**places))
            assert page.locator("h1").count() == 1
            _look(page, f"{language} {pattern}", found)
        outside = browser.new_context(base_url=product.base_url, color_scheme=theme)  # type: ignore[arg-type]
        stranger = outside.new_page()
        for pattern in OUTSIDE:
            path = pattern.format(**places)
            sign = "&" if "?" in path else "?"
            stranger.goto(f"{path}{sign}lang={language}")
            _look(stranger, f"{language} {pattern}", found)
        outside.close()
        context.close()
    assert not found, "\n".join(found)


def _look(page: Any, where: str, found: list[str]) -> None:
    result = Axe().run(page)
    found += [
        f"{where}: {one['id']} {one['nodes'][0]['target']}"
        for one in result.response["violations"]
    ]
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    if wide:
        found.append(f"{where}: wider than the window")


@needs_chromium
def test_an_invited_person_comes_in_without_scripts(product: Product, browser: Browser) -> None:
    """F135: from the link to the inbox with JavaScript off."""
    with product.signed_in("admin") as client:
        cookies: Any = [
            {"name": one.name, "value": one.value, "url": product.base_url}
            for one in client.cookies.jar
        ]
    admin = browser.new_context(base_url=product.base_url, java_script_enabled=False)
    admin.add_cookies(cookies)
    page = admin.new_page()
    page.goto("/settings/people?lang=en")
    page.fill("form[action='/settings/people'] [name=name]", "Hoa")
    page.fill("[name=email]", "hoa@demo.example")
    page.click("text=Invite >> nth=-1")
    link = page.locator("input.secret").input_value()
    guest = browser.new_context(base_url=product.base_url, java_script_enabled=False)
    joining = guest.new_page()
    joining.goto(link)
    joining.fill("[name=password]", "một câu dài dễ nhớ")
    joining.click("button[type=submit]")
    joining.wait_for_url("**/inbox")
    joining.goto(link)
    assert joining.locator("h1").count() == 1
    assert "password" not in joining.content()
    for one in (admin, guest):
        one.close()


def test_work_of_who_is_away_is_the_backup_s_within_a_minute(product: Product) -> None:
    """F49, DESIGN 22: all that is due before they are back, with a line in its history."""
    ids = dict(product.rows("SELECT email, id FROM agents"))
    away, backup = ids["agent@demo.example"], ids["supervisor@demo.example"]
    here = utcnow() + timedelta(hours=7)  # the sample company's time
    back_at = utcnow() + timedelta(days=30)
    owned = (
        "SELECT id FROM conversations WHERE status = 'open' AND next_due_at < ? AND owner_id"
    )
    before = product.rows(f"{owned} = ?", f"{back_at:%Y-%m-%d %H:%M:%S}", away)
    assert before
    ((last,),) = product.rows("SELECT max(id) FROM events")
    with product.signed_in("supervisor") as client:
        client.post(
            "/settings/absences",
            data={
                "_csrf_token": hidden(client.get("/settings/absences").text)["_csrf_token"],
                "agent_id": str(away),
                "backup_id": str(backup),
                "starts_at": f"{here - timedelta(hours=1):%Y-%m-%dT%H:%M}",
                "ends_at": f"{here + timedelta(days=30):%Y-%m-%dT%H:%M}",
            },
        ).raise_for_status()

    def all_moved() -> bool:
        found = product.rows(
            "SELECT c.id FROM conversations c JOIN events e"
            " ON e.conversation_id = c.id AND e.kind = 'covered' AND e.id > ?"
            " WHERE c.owner_id = ?",
            last,
            backup,
        )
        return set(before) <= set(found)

    until(all_moved, 60, "the backup has it all")
