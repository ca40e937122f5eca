"""The report of how we did, by person, team, topic and channel; and whether we ask."""

from datetime import timedelta

from litestar import get, post
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Invalid
from inbox.reporting import words
from inbox.satisfaction.asking import WRONG_HOURS, Survey, load_survey, save_survey
from inbox.store import people, satisfaction, setup
from inbox.store.satisfaction import DIMENSIONS, Share
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.render import page
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, write
from inbox.views.words import MESSENGER_NAMES, Speaker

ADDRESS = "/reports/satisfaction"
PERIODS = (7, 30, 90)
FIELDS = ("is_on", "after_hours")
BY = {
    "agent": N_("By person"),
    "team": N_("By team"),
    "type": N_("By topic"),
    "channel": N_("By channel"),
}
CHANNELS = {
    "email": N_("E-mail"),
    "form": N_("Form"),
    "chat": N_("Chat"),
    "api": N_("API"),
    "webhook": N_("Webhook"),
    "phone": N_("Phone"),
    **{kind.value: name for kind, name in MESSENGER_NAMES.items()},
}
ALL = N_("All")
NOBODY = N_("nobody")
SCORE_TEXT = {"good": N_("helped"), "fair": N_("in part"), "bad": N_("did not help")}


def _names(session: Session, by: str, language: str) -> dict[str, str]:
    if by == "agent":
        return {str(id): one.name for id, one in people.list_colleagues(session).items()}
    if by == "team":
        return {str(id): name for id, name in people.team_names(session).items()}
    if by == "type":
        named = setup.named_types(session)
        return {key: one.name(language) for key, one in named.items()}
    return {}


def _line(name: str, one: Share, speak: Speaker) -> dict[str, str | int]:
    def share(part: int) -> str:
        return words.percent(part / one.answered, speak.language) if one.answered else "–"

    return {
        "name": name,
        "asked": one.asked,
        "answered": one.answered,
        "good": share(one.good),
        "fair": share(one.fair),
        "bad": share(one.bad),
        "bad_count": one.bad,
    }


def _total(found: list[Share]) -> Share:
    parts = ("asked", "good", "fair", "bad")
    return Share(None, *(sum(getattr(one, part) for one in found) for part in parts))


@get(ADDRESS, opt={"access": "supervisor"})
async def show_satisfaction(request: HttpRequest) -> AnyResponse:
    """Show what customers said in the last days (``p``), by ``by``."""
    return await _page(request)


async def _page(
    request: HttpRequest,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> AnyResponse:
    speak = await speaker_for(request)
    days = number_of(request.query_params.get("p", "")) or 30
    days = days if days in PERIODS else 30
    by = request.query_params.get("by", "agent")
    by = by if by in DIMENSIONS else "agent"
    since = speak.now - timedelta(days=days)
    found = await read(request, satisfaction.sum_by, by, since)
    names = await read(request, _names, by, speak.language)
    said = await read(request, satisfaction.list_said, since)
    survey = await read(request, load_survey)
    if by == "channel":
        names = {key: speak.say(text) for key, text in CHANNELS.items()}
    lines = [
        _line(names.get(str(one.key), str(one.key or speak.say(NOBODY))), one, speak)
        for one in found
    ]
    plain = {"is_on": "1" if survey.is_on else "", "after_hours": str(survey.after_hours)}
    return await page(
        request,
        "reports/satisfaction.html",
        code=422 if errors else 200,
        active="reports",
        lines=lines,
        total=_line(speak.say(ALL), _total(found), speak),
        by=by,
        kinds=[(key, speak.say(text)) for key, text in BY.items()],
        days=days,
        periods=PERIODS,
        said=[
            {
                "number": row.conversation_id,
                "score": speak.say(SCORE_TEXT[row.score.value]),
                "is_bad": row.score.value == "bad",
                "comment": row.comment,
                "at": speak.clock(row.answered_at),
            }
            for row in said
        ],
        survey=typed or plain,
        errors=errors or {},
    )


@post(ADDRESS, opt={"access": "supervisor", "fields": FIELDS})
async def save(request: HttpRequest) -> AnyResponse:
    """Say whether customers are asked, and when."""
    given = await texts_of(request, FIELDS)
    hours = number_of(given["after_hours"].strip())
    try:
        if hours is None:
            raise Invalid(WRONG_HOURS, {"after_hours": WRONG_HOURS})
        wanted = Survey(given["is_on"] == "1", hours)
        await write(request, save_survey, wanted, by=person(request).id, now=utcnow())
    except Invalid as error:
        return await _page(request, given, spoken_errors(request, error))
    return done(request, ADDRESS, N_("Saved."))
