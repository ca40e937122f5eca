"""Settings: what our own mails to customers say, by inbox and language, with a preview."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Invalid
from inbox.store.company import Door, find_company, list_doors
from inbox.store.wordings import COMPANY, KINDS, Words, load_words
from inbox.templating import LANGUAGES, N_, translator
from inbox.views.render import page, wants_partial, words
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from inbox.wording import mails
from inbox.wording.mails import Preview, Shown
from models import ChannelKind

ADDRESS = "/settings/mails"
ONE = ADDRESS + "/{inbox_id:int}/{mail:str}/{language:str}"
FIELDS = ("subject", "text")
ACCESS = "supervisor"
NAMES = {
    "acknowledgement": N_("Acknowledgement"),
    "closed": N_("Closed now (a sentence)"),
    "late": N_("Promise changed: we are late"),
    "follow_up": N_("Do you still need us?"),
    "closing": N_("Closed for want of an answer"),
    "survey": N_("Asked how we did"),
}
WHEN = {
    "acknowledgement": N_("Goes out at once for a new request, and again for an earlier time."),
    "closed": N_("Stands in acknowledgements, also in a chat, while nobody works."),
    "late": N_("Goes out when the promised time has passed without an answer."),
    "follow_up": N_("Goes out when a wait for the customer has ended."),
    "closing": N_("Goes out when nobody answered that, and the request is closed."),
    "survey": N_("Goes out once, some time after a request was done."),
}
MEANS = {
    "conversation.number": N_("the request’s number"),
    "company.name": N_("our company’s name"),
    "link": N_("the address of the customer’s page of this request"),
    "promise": N_("the time before which we answer"),
    "promised": N_("the time that we had promised"),
    "closed": N_("the sentence that we are closed; its line leaves while we are open"),
    "hours": N_("our working hours"),
    "opens": N_("when we are there again"),
    "yes": N_("the link for: you helped"),
    "partly": N_("the link for: you helped in part"),
    "no": N_("the link for: you did not help"),
}
STAYS = {
    "acknowledgement": mails.PROMISE_STAYS,
    "late": mails.PROMISE_STAYS,
    "survey": mails.LINKS_STAY,
}
_FRAME_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)


def _doors(session: Session) -> list[Door]:
    """Return the ways in whose customers get mails."""
    return [one for one in list_doors(session) if one.kind is not ChannelKind.CHAT]


def _overview(session: Session, inbox_id: int) -> tuple[list[Door], list[list[Shown]]]:
    rows = [
        [mails.show(session, inbox_id, kind, language) for language in LANGUAGES]
        for kind in KINDS
    ]
    return _doors(session), rows


@get(ADDRESS, opt={"access": ACCESS})
async def show_mails(request: HttpRequest) -> AnyResponse:
    """List the kinds of mail and whose words each says, for one inbox or for all."""
    inbox_id = number_of(request.query_params.get("inbox", "")) or COMPANY
    doors, rows = await read(request, _overview, inbox_id)
    say = words(request)
    return await page(
        request,
        "settings/mails.html",
        active="settings",
        inbox_id=inbox_id,
        doors=[(one.id, one.name or one.handle) for one in doors],
        rows=[
            (row[0].kind, say(NAMES[row[0].kind]), say(WHEN[row[0].kind]), row) for row in rows
        ],
    )


def _load(
    session: Session, inbox_id: int, kind: str, language: str
) -> tuple[Shown, str, str, bool]:
    """Return what goes out, the company's name, the inbox's, and whether it is its own."""
    shown = mails.show(session, inbox_id, kind, language)
    company = find_company(session)
    names = {door.id: door.name or door.handle for door in list_doors(session)}
    own = (inbox_id, kind, language) in load_words(session)
    return shown, company.name if company is not None else "", names.get(inbox_id, ""), own


def sample_facts(language: str, company: str, base_url: str) -> dict[str, str]:
    """Return what the preview fills in."""
    say = translator(language).gettext
    return {
        "number": "1042",
        "company": company,
        "link": f"{base_url.rstrip('/')}/s/…",
        "promise_text": say(N_("16:00 today")),
        "time_text": say(N_("16:00 today")),
        "said_text": say(N_("11:00 today")),
        "closed_text": "",
        "hours_text": say(N_("Mon–Fri 08:00–17:30")),
        **{name: f"{base_url.rstrip('/')}/s/…?{name}" for name in ("good", "fair", "bad")},
        "opens": say(N_("8:00 tomorrow")),
    }


def _previewed(
    request: HttpRequest, kind: str, language: str, company: str, given: Mapping[str, str]
) -> Preview:
    facts = sample_facts(language, company, site(request).settings.base_url)
    said = Words(given["subject"][:500], given["text"][:10_000].replace("\r\n", "\n"))
    return mails.preview(kind, language, said, facts, company)


async def _page(
    request: HttpRequest,
    place: tuple[int, str, str],
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> AnyResponse:
    inbox_id, kind, language = place
    shown, company, inbox, own = await read(request, _load, *place)
    given = typed or {"subject": shown.subject, "text": shown.text}
    say = words(request)
    return await page(
        request,
        "settings/mail_words.html",
        code=422 if errors else 200,
        active="settings",
        address=f"{ADDRESS}/{inbox_id}/{kind}/{language}",
        inbox_id=inbox_id,
        inbox=inbox,
        kind=kind,
        language=language,
        name=say(NAMES[kind]),
        when=say(WHEN[kind]),
        of=shown.of,
        own=own,
        given=given,
        errors=errors or {},
        stays=say(STAYS[kind]) if kind in STAYS else "",
        variables=[(name, say(MEANS[name])) for name in mails.fields_of(kind)],
        preview=_previewed(request, kind, language, company, given),
    )


@get(ONE, opt={"access": ACCESS})
async def show_mail_words(
    request: HttpRequest, inbox_id: FromPath[int], mail: FromPath[str], language: FromPath[str]
) -> AnyResponse:
    """Show what one mail says, to be changed."""
    return await _page(request, (inbox_id, mail, language))


@post(ONE, opt={"access": ACCESS, "fields": FIELDS})
async def save_mail_words(
    request: HttpRequest, inbox_id: FromPath[int], mail: FromPath[str], language: FromPath[str]
) -> AnyResponse:
    """Say what one mail says from now on."""
    given = await texts_of(request, FIELDS)
    place = (inbox_id, mail, language)
    by, now = person(request).id, utcnow()
    try:
        await write(
            request, mails.save, *place, given["subject"], given["text"], by=by, now=now
        )
    except Invalid as error:
        return await _page(request, place, given, spoken_errors(request, error))
    return done(request, f"{ADDRESS}/{inbox_id}/{mail}/{language}", N_("Saved."))


@post(ONE + "/restoration", opt={"access": ACCESS, "fields": ()})
async def restore_mail_words(
    request: HttpRequest, inbox_id: FromPath[int], mail: FromPath[str], language: FromPath[str]
) -> AnyResponse:
    """Go back to what was shipped; of an inbox, to the company's words."""
    by, now = person(request).id, utcnow()
    await read(request, mails.show, inbox_id, mail, language)
    await write(request, mails.restore, inbox_id, mail, language, by=by, now=now)
    return done(request, f"{ADDRESS}/{inbox_id}/{mail}/{language}", N_("As it was shipped."))


@post(ONE + "/preview", opt={"access": ACCESS, "fields": FIELDS})
async def preview_mail_words(
    request: HttpRequest, inbox_id: FromPath[int], mail: FromPath[str], language: FromPath[str]
) -> Response[Any]:
    """Show the typed words as text (for htmx), or as the HTML mail that goes into the frame."""
    given = await texts_of(request, FIELDS)
    _, company, _, _ = await read(request, _load, inbox_id, mail, language)
    found = _previewed(request, mail, language, company, given)
    if not wants_partial(request):
        return _framed(found)
    errors: dict[str, str] = {}
    try:
        mails.check(mail, given["subject"], given["text"])
    except Invalid as error:
        errors = spoken_errors(request, error)
    return await page(
        request, "settings/_mail_preview.html", preview=found, language=language, errors=errors
    )


@get(ONE + "/frame", opt={"access": ACCESS})
async def frame_mail_words(
    request: HttpRequest, inbox_id: FromPath[int], mail: FromPath[str], language: FromPath[str]
) -> Response[Any]:
    """Show the mail as it goes out now, as HTML, for the page's frame."""
    shown, company, _, _ = await read(request, _load, inbox_id, mail, language)
    given = {"subject": shown.subject, "text": shown.text}
    return _framed(_previewed(request, mail, language, company, given))


def _framed(found: Preview) -> Response[Any]:
    """Return a mail's HTML under a policy that lets it do nothing but show itself."""
    return Response(
        found.html,
        media_type="text/html",
        status_code=200,
        headers={
            "content-security-policy": _FRAME_POLICY,
            "referrer-policy": "no-referrer",
            "cache-control": "private, no-store",
        },
    )


HANDLERS = (
    show_mails,
    show_mail_words,
    save_mail_words,
    restore_mail_words,
    preview_mail_words,
    frame_mail_words,
)
