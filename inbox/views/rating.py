"""The customer says how we did: a page behind the link, where one click more is the answer.

Whatever only follows links, as the scanners of mail do, says nothing: a page that is looked at
changes nothing.
"""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import InboxError, NotFound
from inbox.satisfaction import answering
from inbox.store import conversations as rows
from inbox.store import satisfaction
from inbox.templating import N_, translator
from inbox.views.customer import NO_PAGE, private, whole_of
from inbox.views.forms import check_page_token, page_token, posted_fields
from inbox.views.render import language, page, words
from inbox.views.site import HttpRequest, read, site, write
from models import Conversation, Satisfaction, Score

KNOWN = frozenset({"token", "score", "comment", "website"})
SCORES = (
    (Score.GOOD.value, N_("Yes, that helped"), "circle-check"),
    (Score.FAIR.value, N_("In part"), "circle-dashed"),
    (Score.BAD.value, N_("No, that did not help"), "triangle-alert"),
)


def _find(session: Session, token: str) -> Conversation:
    conversation = rows.find_by_public_token(session, token)
    if conversation is None:
        raise NotFound(NO_PAGE)
    return whole_of(session, conversation)


def _load(session: Session, token: str) -> tuple[Conversation, Satisfaction | None]:
    conversation = _find(session, token)
    return conversation, satisfaction.find(session, conversation.id)


@get("/s/{token:str}/rating", opt={"access": "link"})
async def show_rating(request: HttpRequest, token: FromPath[str]) -> Response[Any]:
    """Ask how we did; ``score`` in the address is only proposed."""
    return await _rating_page(request, token, request.query_params.get("score", ""))


async def _rating_page(
    request: HttpRequest,
    token: str,
    score: str,
    comment: str | None = None,
    error: str = "",
    code: int = 200,
) -> Response[Any]:
    conversation, known = await read(request, _load, token)
    company = await site(request).company()
    if company is None:
        raise NotFound(NO_PAGE)
    spoken = language(request, company.language)
    if "lang" not in request.query_params:
        spoken = conversation.language
    say = translator(spoken).gettext
    said = known.score.value if known is not None and known.score is not None else ""
    response = await page(
        request,
        "public/rating.html",
        code=code,
        company=company.name,
        spoken=spoken,
        hours_text="",
        number=conversation.id,
        token=token,
        scores=[(key, say(text), sign) for key, text, sign in SCORES],
        chosen=score or said,
        said=said,
        comment=comment if comment is not None else known.comment if known else "",
        error=error,
        form_token=page_token(request, f"rating:{token}"),
    )
    return private(response)


@post("/s/{token:str}/rating", opt={"access": "link"})
async def rate(request: HttpRequest, token: FromPath[str]) -> Response[Any]:
    """Keep what the customer says."""
    fields, _ = await posted_fields(request, KNOWN)
    score, comment = fields.get("score", ""), fields.get("comment", "").strip()
    if not fields.get("website"):
        try:
            check_page_token(request, f"rating:{token}", fields.get("token", ""))
            await write(request, _rate, token, score, comment)
        except NotFound:
            raise
        except InboxError as error:
            said = words(request)(error.message)
            return await _rating_page(request, token, score, comment, said, error.status)
    return Redirect(f"/s/{token}/rating?said=1", status_code=303)


def _rate(session: Session, token: str, score: str, comment: str) -> None:
    answering.rate(session, _find(session, token), score, comment, utcnow())
