"""The browsers that show one's alerts: entered by this one, tested, switched off."""

from typing import Any

from litestar import Response, post
from litestar.params import FromPath
from msgspec import Struct

from inbox.alerting import browsers as service
from inbox.channels.webpush import read_browser
from inbox.clock import utcnow
from inbox.errors import Invalid, Rejected
from inbox.templating import N_
from inbox.vault import Vault
from inbox.views.formdata import fields_of, read_as
from inbox.views.me_alerts import ADDRESS
from inbox.views.settings_form import done
from inbox.views.site import HttpRequest, person, site, write

CANNOT = N_("This browser did not say where it can be reached. Load the page and try again.")
# What a browser calls itself in its User-Agent, the most telling first.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "Chrom": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


class Subscription(Struct):
    """What the page's script fills in."""

    endpoint: str = ""
    public: str = ""
    auth: str = ""


def name_of(user_agent: str) -> str:
    """Return what a browser and its system are called: "Firefox, Linux"; "" if unknown."""
    found = (
        next((name for sign, name in known.items() if sign in user_agent), "")
        for known in (BROWSERS, SYSTEMS)
    )
    return ", ".join(name for name in found if name)


@post("/me/alerts/browsers", opt={"access": "agent", "fields": fields_of(Subscription)})
async def enter_browser(request: HttpRequest) -> Response[Any]:
    """Let this browser show one's alerts."""
    form = await read_as(request, Subscription)
    where = site(request)
    own = where.settings.own_push_services
    try:
        browser = read_browser(form.endpoint, form.public, form.auth, own)
    except Rejected as error:
        raise Invalid(CANNOT) from error
    name = name_of(request.headers.get("user-agent", ""))
    vault, me = Vault(where.secret), person(request).id
    await write(request, service.enter, me, browser, name, vault, utcnow())
    return done(request, ADDRESS, N_("This browser shows your alerts now."))


@post("/me/alerts/browsers/{browser_id:int}/test", opt={"access": "agent", "fields": ()})
async def test_browser(request: HttpRequest, browser_id: FromPath[int]) -> Response[Any]:
    """Have something shown in a browser."""
    await write(request, service.write_test, person(request).id, browser_id, utcnow())
    return done(request, ADDRESS, N_("A test is on its way. It shows within seconds."))


@post("/me/alerts/browsers/{browser_id:int}/removal", opt={"access": "agent", "fields": ()})
async def remove_browser(request: HttpRequest, browser_id: FromPath[int]) -> Response[Any]:
    """Send one's alerts to a browser no more."""
    me = person(request).id
    await write(request, service.remove, me, browser_id, by=me, now=utcnow())
    return done(request, ADDRESS, N_("The browser is switched off."))
