"""The report by product group, with the share of requests that had to ask again."""

from datetime import timedelta

from litestar import get

from inbox.reporting import words
from inbox.store.product_reports import ProductLine, list_lines
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.render import page
from inbox.views.settings_form import AnyResponse
from inbox.views.site import HttpRequest, number_of, read

PERIODS = (7, 30, 90)
NONE = N_("No product group")
ALL = N_("All")


@get("/reports/products", opt={"access": "supervisor"})
async def show_products(request: HttpRequest) -> AnyResponse:
    """Show what arrived in the last days (``p``) by product group."""
    speak = await speaker_for(request)
    days = number_of(request.query_params.get("p", "")) or 30
    days = days if days in PERIODS else 30
    today = speak.local(speak.now).replace(hour=0, minute=0, second=0, microsecond=0)
    found = await read(request, list_lines, today - timedelta(days=days - 1), speak.now)
    total = ProductLine(
        None,
        *(
            sum(getattr(one, name) for one in found)
            for name in ("received", "in_time", "late", "asked_again")
        ),
    )

    def share(part: int, whole: int) -> str:
        return words.percent(part / whole, speak.language) if whole else "–"

    rows = [
        {
            "name": name,
            "group": one.group,
            "received": one.received,
            "in_time": share(one.in_time, one.in_time + one.late),
            "decided": one.in_time + one.late,
            "again": share(one.asked_again, one.received),
            "asked": one.asked_again,
        }
        for name, one in (
            *((one.group or speak.say(NONE), one) for one in found),
            (speak.say(ALL), total),
        )
    ]
    return await page(
        request,
        "reports/products.html",
        active="reports",
        rows=rows,
        days=days,
        periods=PERIODS,
    )
