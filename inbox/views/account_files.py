"""Every file of an account or a person: received, sent, or put there by a colleague."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlmodel import Session

from inbox.channels.filenames import clean_filename
from inbox.clock import utcnow
from inbox.errors import Invalid, NotFound, TooLarge
from inbox.store import keeping
from inbox.store.accountline import Place
from inbox.store.accountpage import Whose, list_known_as, whose_account
from inbox.store.files import FileRow, list_files
from inbox.store.people import Colleague, Person, list_colleagues
from inbox.templating import N_
from inbox.triage.text import fold
from inbox.views import present_account as show
from inbox.views import present_line as lines
from inbox.views.account_page import Which
from inbox.views.extras import MAX_FORM_BYTES, read_files
from inbox.views.inbox import speaker_for
from inbox.views.render import page
from inbox.views.settings_form import done, spoken_errors
from inbox.views.site import HttpRequest, person, read, write
from models import ContactIdentity

PAGE = 40
MOST_SEARCHED = 5000  # of the newest files
LONGEST_SEARCH = 100  # characters


@dataclass(frozen=True, slots=True)
class Found:
    """A page of files as rows."""

    whose: Whose
    known_as: list[ContactIdentity]
    files: list[FileRow]  # one more than a page, where there are more
    colleagues: Mapping[int, Colleague]


def load_files(
    session: Session,
    which: Which,
    number: int,
    who: Person,
    source: str,
    words: str,
    after: Place | None,
) -> Found:
    """Load a page of files; ``words`` are looked for in names, subjects and people's names."""
    whose = which(session, number, who)
    colleagues = list_colleagues(session)
    most = MOST_SEARCHED if words else PAGE + 1
    rows = list_files(session, whose, who, most, source=source, after=after)
    if words:
        wanted = fold(words).split()
        rows = [row for row in rows if _fits(row, wanted, colleagues)]
    known_as = list(list_known_as(session, whose)) if whose.contact is not None else []
    return Found(whose, known_as, rows[: PAGE + 1], colleagues)


def _fits(row: FileRow, wanted: list[str], colleagues: Mapping[int, Colleague]) -> bool:
    author = colleagues.get(row.author_id or 0)
    said = f"{row.filename} {row.subject} {author.name if author else row.who} #{row.number}"
    text = fold(said)
    return all(word in text for word in wanted)


async def show_files_of(
    request: HttpRequest,
    which: Which,
    number: int,
    *,
    errors: dict[str, str] | None = None,
    code: int = 200,
) -> Response[Any]:
    """Show the files of an account or a person."""
    who, asked = person(request), request.query_params
    source, words = asked.get("source", ""), asked.get("q", "").strip()[:LONGEST_SEARCH]
    if source not in lines.SOURCES:
        raise NotFound("There is nothing here.")
    after = Place.read(asked["after"]) if asked.get("after") else None
    found = await read(request, load_files, which, number, who, source, words, after)
    whose = found.whose
    if whose.contact_id not in (None, number):
        return Redirect(f"{whose.path}/files", status_code=303)
    speak = await speaker_for(request)
    files = lines.present_files(
        found.files[:PAGE], speak, found.colleagues, me=who.id, role=who.role
    )
    return await page(
        request,
        "accounts/files.html",
        code=code,
        active="accounts",
        path=whose.path,
        title=show.title_of(whose, found.known_as, speak),
        files=files,
        source=source,
        sources=[(key, speak.say(name)) for key, name in lines.SOURCES.items()],
        words=words,
        is_first=after is None,
        next_place=found.files[PAGE - 1].place.text() if len(found.files) > PAGE else "",
        errors=errors or {},
    )


@get("/accounts/{account_id:int}/files", opt={"access": "agent"})
async def show_files(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """List an account's files."""
    return await show_files_of(request, whose_account, account_id)


@post(
    "/accounts/{account_id:int}/files",
    opt={"access": "agent", "fields": ("files",)},
    request_max_body_size=MAX_FORM_BYTES,
)
async def add_files(request: HttpRequest, account_id: FromPath[int]) -> Response[Any]:
    """Put files on an account's page."""
    return await keep_files(request, whose_account, account_id)


async def keep_files(request: HttpRequest, which: Which, number: int) -> Response[Any]:
    """Keep the files that were sent; what is wrong is said beside the form."""
    try:
        files = await read_files(request)
        if not files:
            sentence = N_("Choose a file first.")
            raise Invalid(sentence, {"files": sentence})
        uploads = [
            keeping.Upload(clean_filename(one.filename) or "file", one.content_type, one.data)
            for one in files
        ]
        whose = await write(request, _keep, which, number, person(request), uploads)
    except (Invalid, TooLarge) as error:
        errors = {"files": next(iter(spoken_errors(request, error).values()))}
        return await show_files_of(request, which, number, errors=errors, code=error.status)
    return done(request, f"{whose.path}/files", N_("Kept."))


def _keep(
    session: Session, which: Which, number: int, who: Person, uploads: list[keeping.Upload]
) -> Whose:
    whose = which(session, number, who)
    now = utcnow()
    for upload in uploads:
        keeping.add_file(session, whose, upload, by=who.id, now=now)
    return whose


@post("/accounts/files/{file_id:int}/removal", opt={"access": "agent", "fields": ()})
async def remove_file(request: HttpRequest, file_id: FromPath[int]) -> Response[Any]:
    """Take a file away that a colleague put on a page."""
    whose = await write(request, keeping.remove_file, file_id, person(request), utcnow())
    return done(request, f"{whose.path}/files", N_("The file is taken away."))
