"""From values to HTML: pages, partials, error pages and toasts."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from litestar import Litestar, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect
from litestar.routes import HTTPRoute
from markupsafe import Markup

from inbox.clock import utcnow
from inbox.errors import InboxError, Invalid
from inbox.store import counts
from inbox.store.people import Person
from inbox.templating import LANGUAGES, N_, environment, render, translator
from inbox.views import flash, security
from inbox.views.api.shapes import Problem
from inbox.views.models import Row
from inbox.views.settings_nav import NavGroup, nav_groups
from inbox.views.site import HttpRequest, site

log = logging.getLogger(__name__)

UI_COOKIE = "kip-ui"  # the language, for pages before signing in
THEME_COOKIE = "theme"  # the same of the theme
_SORRY = {
    400: N_("This address or form could not be read."),
    404: N_("There is nothing here."),
    405: N_("That cannot be done here."),
    413: N_("That is more than we take."),
    500: N_("Something of ours broke. It is written down; please try again."),
}


@dataclass(frozen=True, slots=True)
class Toast:
    """A sentence that appears after an action; ``undo_url`` is posted to take it back."""

    text: str
    kind: str = "done"
    undo_url: str | None = None
    href: str | None = None
    link_text: str | None = None
    stays_s: int = 0  # how long it is shown; 0: as long as others


@dataclass(frozen=True, slots=True)
class Me:
    """The signed-in person as templates show them."""

    id: int
    name: str
    short_name: str
    initial: str
    role: str
    on_duty: bool
    density: str = ""  # compact, or ""
    single_keys: bool = True
    zone: str = ""  # where they read times, if that is not the company's zone


def short_name(name: str) -> str:
    """Return what colleagues call someone: the last word of a Vietnamese name or of any."""
    return name.rsplit(maxsplit=1)[-1] if name.split() else name


def initial(name: str) -> str:
    """Return the letter of an avatar, from the last word (Nguyễn Văn Phúc is P)."""
    return short_name(name)[:1].upper() or "?"


def language(request: HttpRequest, fallback: str = "vi") -> str:
    """Return the page's language: asked for now, the person's, chosen before, the browser's.

    Whoever has signed in has chosen: the cookie speaks only on pages before that.
    """
    asked = request.query_params.get("lang", "")
    who: Person | None = request.scope.get("user")
    chosen = request.cookies.get(UI_COOKIE, "")
    for candidate in (asked, who.language if who else "", chosen):
        if candidate in LANGUAGES:
            return candidate
    for part in request.headers.get("accept-language", "").split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return fallback if fallback in LANGUAGES else "vi"


def words(request: HttpRequest) -> Any:
    """Return gettext for the page's language."""
    return translator(language(request)).gettext


def wants_partial(request: HttpRequest) -> bool:
    """Tell whether htmx asks for a part of the page."""
    return (
        request.headers.get("hx-request") == "true"
        and request.headers.get("hx-history-restore-request") != "true"
    )


async def page(
    request: HttpRequest,
    template: str,
    *,
    code: int = 200,
    active: str = "",
    spoken: str = "",
    rail: counts.NavCounts | None = None,
    **values: Any,
) -> Response[str]:
    """Render a page or partial of ours, with what every template may use.

    ``rail`` is what the rail shows, where that was read already.
    """
    who: Person | None = request.scope.get("user")
    shown = rail or counts.EMPTY
    if who is not None and rail is None:
        shown = await site(request).database.read(counts.navigation, who)
    return build(
        request, template, code=code, active=active, spoken=spoken, nav_counts=shown, **values
    )


def build(
    request: HttpRequest,
    template: str,
    *,
    code: int = 200,
    active: str = "",
    spoken: str = "",
    nav_counts: counts.NavCounts = counts.EMPTY,
    **values: Any,
) -> Response[str]:
    """Do what ``page`` does, without asking the database for the numbers on the rail."""
    where = site(request)
    who: Person | None = request.scope.get("user")
    spoken = spoken or language(request)
    cookie = request.cookies.get(security.csrf_cookie(where), "") or security.new_csrf_cookie()
    session = request.cookies.get(security.session_cookie(where), "")
    token = security.csrf_token(where, cookie, session)
    field = Markup('<input type="hidden" name="_csrf_token" value="{}">').format(token)
    whole = not wants_partial(request)
    html = render(
        spoken,
        template,
        csrf_field=lambda: field,
        theme=_theme(request, who),
        me=_me(who),
        now_iso=utcnow().isoformat(),
        next_path=_next_path(request),
        nav_counts=nav_counts,
        active=active,
        settings_nav=_settings_nav(request, who, spoken) if active == "settings" else [],
        demo=where.settings.demo,
        flash_line=flash.waiting(request, spoken) if whole else "",
        row_html=lambda row, query, oob=False: _row_html(spoken, row, query, oob),
        **values,
    )
    response = Response(
        html,
        status_code=code,
        media_type="text/html",
        headers={"vary": "HX-Request, Cookie", "cache-control": "private, no-cache"},
    )
    _set_cookie(request, response, security.csrf_cookie(where), cookie)
    if whole:
        flash.forget(request, response)
    kept = who.language if who else request.query_params.get("lang", "")
    if kept in LANGUAGES:  # for the page on which they sign in again
        _set_cookie(request, response, UI_COOKIE, kept)
    if who is not None:
        _set_cookie(request, response, THEME_COOKIE, who.theme)
    return response


@lru_cache(maxsize=8)
def _row_macro(spoken: str) -> Callable[[Row, str, bool], Markup]:
    module = environment(spoken).get_template("inbox/_row.html").make_module({"lang": spoken})
    macro: Callable[[Row, str, bool], Markup] = module.list_row  # type: ignore[attr-defined]
    return macro


@lru_cache(maxsize=2000)  # 2 KB each: what a team's screens show, several times over
def _row_html(spoken: str, row: Row, query: str, oob: bool) -> Markup:
    """Render a row of the list, once for all who see the same of it in the same minute."""
    return _row_macro(spoken)(row, query, oob)


def _set_cookie(request: HttpRequest, response: Response[Any], name: str, value: str) -> None:
    if request.cookies.get(name, "") != value:
        response.set_cookie(
            name,
            value,
            path="/",
            secure=site(request).settings.secure,
            httponly=True,
            samesite="lax",
            max_age=365 * 24 * 3600,
        )


def _settings_nav(request: HttpRequest, who: Person | None, spoken: str) -> list[NavGroup]:
    """Return the settings' menu in the page's language."""
    if who is None:
        return []
    return nav_groups(who.role, request.scope["path"], translator(spoken).gettext)


def _next_path(request: HttpRequest) -> str:
    """Return where a menu's form leads back to: this page, in whatever language it then is."""
    if request.method != "GET":
        return "/inbox"
    query = urlencode(
        [pair for pair in request.query_params.multi_items() if pair[0] not in ("lang", "part")]
    )
    path: str = request.scope["path"]  # request.url fails on a host that is none
    return path + (f"?{query}" if query else "")


def _theme(request: HttpRequest, who: Person | None) -> str:
    """Return light, dark or "" (the system's); the cookie serves the page before signing in."""
    chosen = who.theme if who else request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in ("light", "dark") else ""


def _me(who: Person | None) -> Me | None:
    if who is None:
        return None
    return Me(
        who.id,
        who.name,
        short_name(who.name),
        initial(who.name),
        who.role.value,
        who.on_duty,
        who.density,
        who.single_keys,
        who.time_zone,
    )


def on_error(request: HttpRequest, error: Exception) -> Response[Any]:
    """Answer a failure in the form the asker understands, and log what was not on purpose."""
    status, sentence = _status_and_sentence(error)
    if status >= 500 and not isinstance(error, InboxError):
        log.error("%s %s failed", request.method, request.scope["path"], exc_info=error)
    response = _sorry(request, error, status, sentence)
    # An address that no route has is answered before our middleware is asked.
    headers = security.page_headers(site(request), request.headers.get("host", ""))
    response.headers.update(headers)
    return response


def _sorry(request: HttpRequest, error: Exception, status: int, sentence: str) -> Response[Any]:
    if request.scope["path"].startswith(("/api/", "/hooks/")):
        headers = {"www-authenticate": "Bearer"} if status == 401 else {}
        return Response(
            problem(error),
            status_code=status,
            media_type="application/problem+json",
            headers=headers,
        )
    if status == 405 and request.method == "GET" and not wants_partial(request):
        return Redirect(_page_above(request), status_code=303)
    spoken = translator(language(request)).gettext
    if wants_partial(request):
        response = build(
            request,
            "errors/_toast.html",
            code=status,
            toast=Toast(spoken(sentence), "error"),
        )
        response.headers["HX-Retarget"] = "#toasts"
        response.headers["HX-Reswap"] = "beforeend"
        return response
    return build(
        request, "errors/page.html", code=status, status=status, message=spoken(sentence)
    )


def _page_above(request: HttpRequest) -> str:
    """Return the page that a form's own address hangs below.

    A form that is refused answers at the address it was sent to; whoever loads that again
    asks for a page that is not there. Each step leads up, so that it ends.
    """
    pages = _pages(request.app)
    above: str = request.scope["path"].rpartition("/")[0]
    while above and not any(page.fullmatch(above) for page in pages):
        above = above.rpartition("/")[0]
    return above or "/"


@lru_cache(maxsize=8)
def _pages(app: Litestar) -> list[re.Pattern[str]]:
    return [
        re.compile(re.sub(r"\\\{[^/]*\\\}", "[^/]+", re.escape(route.path_format)))
        for route in app.routes
        if isinstance(route, HTTPRoute) and "GET" in route.methods
    ]


def _status_and_sentence(error: Exception) -> tuple[int, str]:
    if isinstance(error, InboxError):
        return error.status, error.message
    if isinstance(error, HTTPException):
        return error.status_code, _SORRY.get(error.status_code, _SORRY[400])
    return 500, _SORRY[500]


def problem(error: Exception) -> Problem:
    """Return an error as the API says it."""
    status, sentence = _status_and_sentence(error)
    said = Problem(
        type=error.problem_type if isinstance(error, InboxError) else "about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=sentence,
    )
    if isinstance(error, Invalid) and error.fields:
        said.errors = error.fields
    return said
