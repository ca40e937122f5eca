"""The company's own page, and where the settings begin."""

from datetime import datetime

from litestar import get, post
from litestar.response import Redirect
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.company import profile
from inbox.company.installation import list_zones
from inbox.company.profile import Profile
from inbox.errors import Invalid
from inbox.house import undo_seconds
from inbox.templating import N_
from inbox.views.render import page
from inbox.views.security import form_fields
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.settings_nav import first_page
from inbox.views.site import HttpRequest, person, site, write

FIELDS = ("name", "time_zone", "language")
UNDO = "undo_send_s"


@get("/settings", opt={"access": "supervisor"})
async def show_settings(request: HttpRequest) -> Redirect:
    """Lead to the first page that this person may open."""
    return Redirect(first_page(person(request).role), status_code=303)


@get("/settings/company", opt={"access": "admin"})
async def show_company(request: HttpRequest) -> AnyResponse:
    """Show name, time zone and language."""
    company = await site(request).company()
    values = {field: getattr(company, field) for field in FIELDS} if company else {}
    if company is not None:
        values[UNDO] = str(undo_seconds(company, site(request).settings))
    return await _company_page(request, values, {}, 200)


async def _company_page(
    request: HttpRequest, values: dict[str, str], errors: dict[str, str], code: int
) -> AnyResponse:
    return await page(
        request,
        "settings/company.html",
        code=code,
        active="settings",
        values=values,
        errors=errors,
        time_zones=list_zones(),
    )


def _save(
    session: Session, wanted: Profile, undo: str | None, *, by: int, now: datetime
) -> None:
    profile.save_profile(session, wanted, by=by, now=now)
    if undo is not None:
        profile.save_undo(session, undo, by=by, now=now)


@post("/settings/company", opt={"access": "admin", "fields": (*FIELDS, UNDO)})
async def save_company(request: HttpRequest) -> AnyResponse:
    """Change them."""
    values = await texts_of(request, FIELDS)
    undo = (await form_fields(request)).get(UNDO)
    try:
        await write(
            request,
            _save,
            Profile(**values),
            undo,
            by=person(request).id,
            now=utcnow(),
        )
    except Invalid as error:
        values[UNDO] = undo or ""
        return await _company_page(request, values, spoken_errors(request, error), 422)
    site(request).forget_company()
    return done(request, "/settings/company", N_("Saved."))
