"""Accounts and contacts out of a sheet: looked at row by row, brought in; and given out."""

from collections.abc import AsyncIterator
from typing import Any

from litestar import get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import Struct
from sqlalchemy import select
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Conflict, Invalid, TooLarge
from inbox.sheets import choosing, export, work
from inbox.sheets.fields import OWN
from inbox.sheets.reading import ENCODINGS
from inbox.sheets.words import FIELD_NAMES, field_name, file_sentence, row_sentence
from inbox.spreadsheet import BOM, as_csv
from inbox.staging import demand_room
from inbox.store.people import list_colleagues
from inbox.templating import N_
from inbox.views.formdata import fields_of, read_as
from inbox.views.inbox import speaker_for
from inbox.views.render import page, words
from inbox.views.security import form_fields, read_form
from inbox.views.settings_form import AnyResponse, done, spoken_errors
from inbox.views.site import HttpRequest, number_of, person, read, site, write
from models import RowOutcome, SheetImport, SheetRow, SheetState
from models.base import columns

IMPORT = "/accounts/import"
ONE = IMPORT + "/{import_id:int}"
ACCESS = "supervisor"
MOST_MIB = 32
MAX_BYTES = (MOST_MIB + 1) * 1024 * 1024  # what is more is not even read
A_PAGE = 50
NO_FILE = N_("Choose a file.")
SHOWN = ("account", "contact", "email", "phone")
OWN_FIELD = "own"  # what a form says of a column that is a field of the company's own

imports = columns(SheetImport)
sheet_rows = columns(SheetRow)


class Agreed(Struct):
    """The form of a yes."""

    anyway: str = ""


def _list(session: Session) -> list[Any]:
    query = select(
        *(imports.id, imports.filename, imports.state, imports.created_at, imports.total),
        imports.made_by_id,
    )
    return list(session.execute(query.order_by(imports.id.desc()).limit(20)))


@get(IMPORT, opt={"access": ACCESS})
async def show_imports(request: HttpRequest) -> AnyResponse:
    """Offer to bring a sheet in, and list those of the last days."""
    return await _form(request, {}, 200)


async def _form(request: HttpRequest, errors: dict[str, str], code: int) -> AnyResponse:
    speak = await speaker_for(request)
    who = await read(request, list_colleagues)
    found = [
        {
            "id": row.id,
            "name": row.filename,
            "state": row.state.value,
            "at": f"{speak.date(row.created_at)} {speak.clock(row.created_at)}",
            "by": who[row.made_by_id].name if row.made_by_id in who else "kip import",
            "total": row.total,
        }
        for row in await read(request, _list)
    ]
    return await page(
        request,
        "accounts/import.html",
        code=code,
        active="accounts",
        errors=errors,
        encodings=ENCODINGS,
        found=found,
        fields=[speak.say(text) for text in FIELD_NAMES.values()],
        most_mib=MOST_MIB,
    )


@post(
    IMPORT,
    opt={"access": ACCESS, "fields": ("file", "encoding")},
    request_max_body_size=MAX_BYTES,
)
async def upload(request: HttpRequest) -> AnyResponse:
    """Store a sheet; the worker reads it and says what each row would do."""
    texts: dict[str, str] = {}
    file: UploadFile | None = None
    for name, value in await read_form(request):
        if isinstance(value, UploadFile):
            file = value
        else:
            texts[name] = value
    try:
        if file is None or not file.filename:
            raise Invalid(NO_FILE, {"file": NO_FILE})
        encoding = texts.get("encoding") or ENCODINGS[0]
        if encoding not in ENCODINGS:
            raise Invalid(NO_FILE, {"encoding": NO_FILE})
        body = await file.read()
        demand_room(site(request).settings.data_dir)
        me = person(request).id
        number = await write(
            request, work.begin, body, file.filename, encoding, by=me, now=utcnow()
        )
    except (Invalid, TooLarge) as error:
        return await _form(request, spoken_errors(request, error), 422)
    return done(request, f"{IMPORT}/{number}", N_("The file is here and is being read."))


def _may_choose(session: Session, number: int) -> bool:
    return choosing.may_choose(session, work.get_import(session, number))


def _load(
    session: Session, number: int, show: str, after: int
) -> tuple[SheetImport, list[SheetRow]]:
    found = work.get_import(session, number)
    query = select(SheetRow).where(sheet_rows.import_id == number, sheet_rows.id > after)
    if show in list(RowOutcome):
        query = query.where(sheet_rows.outcome == RowOutcome(show))
    rows = session.execute(query.order_by(sheet_rows.id).limit(A_PAGE + 1)).scalars()
    return found, list(rows)


@get(ONE, opt={"access": ACCESS})
async def show_import(request: HttpRequest, import_id: FromPath[int]) -> AnyResponse:
    """Show what a sheet would do, how far it is, or what came of it."""
    return await _one(request, import_id, {}, 200)


async def _one(
    request: HttpRequest, number: int, errors: dict[str, str], code: int
) -> AnyResponse:
    show = request.query_params.get("show", "")
    after = number_of(request.query_params.get("after", "")) or 0
    found, rows = await read(request, _load, number, show, after)
    say = words(request)
    is_known = found.state in (SheetState.READY, SheetState.RUNNING, SheetState.DONE)
    counts = {one.value: found.counts.get(one.value, 0) for one in RowOutcome}
    return await page(
        request,
        "accounts/import_one.html",
        code=code,
        active="accounts",
        number=number,
        name=found.filename,
        state=found.state.value,
        total=found.total,
        done=found.done,
        counts=counts,
        to_do=found.total - counts["wrong"] if is_known else found.total,
        problem=file_sentence(found.error, say) if found.error else "",
        can_go_on=found.state is SheetState.FAILED and found.after > 0,
        left_out=[heading for heading, name in found.columns if not name and heading],
        choices=_choices(found) if await read(request, _may_choose, number) else [],
        meanings=_meanings(say),
        columns=[(heading, field_name(name, say)) for heading, name in found.columns if name],
        rows=[_row(one, say) for one in rows[:A_PAGE]],
        show=show if show in list(RowOutcome) else "",
        next_after=rows[A_PAGE - 1].id if len(rows) > A_PAGE else 0,
        is_first=after == 0,
        errors=errors,
    )


def _choices(found: SheetImport) -> list[tuple[str, str]]:
    """Return each column's heading, and what it is taken for."""
    return [
        (heading, OWN_FIELD if name.startswith(OWN) else name)
        for heading, name in found.columns
    ]


def _meanings(say: Any) -> list[tuple[str, str]]:
    """Return what a column can be."""
    return [
        ("", say(N_("left out"))),
        *((name, say(text)) for name, text in FIELD_NAMES.items()),
        (OWN_FIELD, say(N_("a field of our own, called as the column"))),
    ]


def _row(row: SheetRow, say: Any) -> dict[str, Any]:
    says = {
        thing: (word, ", ".join(_column(name, say) for name in names))
        for thing, (word, names) in row.says.items()
    }
    return {
        "line": row.line,
        "outcome": row.outcome.value,
        "cells": [row.cells.get(name, "") for name in SHOWN],
        "says": says,
        "wrong": row_sentence(row.wrong, say),
    }


_COLUMNS = {
    **{"name": "contact", "owner_id": "owner", "backup_id": "backup", "account_id": "account"},
    **{"fields": "", "folded": ""},
}


def _column(name: str, say: Any) -> str:
    return field_name(_COLUMNS.get(name, name), say) or say(N_("own fields"))


@post(ONE + "/columns", opt={"access": ACCESS})
async def choose_columns(request: HttpRequest, import_id: FromPath[int]) -> AnyResponse:
    """Say which column is what; the worker reads the file again."""
    given = await form_fields(request)
    known = (await read(request, work.get_import, import_id)).columns
    expected = {f"column_{place}" for place in range(len(known))}
    if set(given) - {"_csrf_token"} != expected:
        raise Invalid(choosing.NO_COLUMN)
    names = []
    for place, (heading, _) in enumerate(known):
        said = given[f"column_{place}"]
        names.append(f"{OWN}{heading}" if said == OWN_FIELD else said)
    try:
        await write(request, choosing.choose_columns, import_id, names)
    except (Conflict, Invalid) as error:
        return await _one(request, import_id, spoken_errors(request, error), error.status)
    return done(request, f"{IMPORT}/{import_id}", N_("The file is being read again."))


@post(ONE + "/start", opt={"access": ACCESS, "fields": fields_of(Agreed)})
async def start(request: HttpRequest, import_id: FromPath[int]) -> AnyResponse:
    """Say yes: the rows are brought in by the worker."""
    anyway = (await read_as(request, Agreed)).anyway == "1"
    me = person(request).id
    try:
        await write(request, work.accept, import_id, anyway=anyway, by=me, now=utcnow())
    except Conflict as error:
        return await _one(request, import_id, spoken_errors(request, error), 409)
    return done(request, f"{IMPORT}/{import_id}", N_("The rows are being brought in."))


@post(ONE + "/removal", opt={"access": ACCESS, "fields": ()})
async def remove(request: HttpRequest, import_id: FromPath[int]) -> AnyResponse:
    """Forget a sheet; what was brought in stays."""
    await write(request, work.drop, import_id)
    return done(request, IMPORT, N_("The file is forgotten."))


# ---- given out -----------------------------------------------------------------------------


def _file(lines: AsyncIterator[str], name: str) -> Stream:
    return Stream(
        lines,
        media_type="text/csv",
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "private, no-store",
        },
    )


@get(ONE + "/wrong.csv", opt={"access": ACCESS})
async def download_wrong(request: HttpRequest, import_id: FromPath[int]) -> Stream:
    """Give the rows that cannot be brought in, each with its reason, to be mended."""
    await read(request, work.get_import, import_id)
    return _file(_wrong_lines(request, import_id), f"import-{import_id}.csv")


async def _wrong_lines(request: HttpRequest, number: int) -> AsyncIterator[str]:
    say = words(request)
    found, rows = await read(request, _load, number, RowOutcome.WRONG.value, 0)
    names = [(heading, name) for heading, name in found.columns if name]
    yield BOM + as_csv([[*(heading for heading, _ in names), say(N_("What is wrong"))]])
    while rows:
        yield as_csv(
            [
                *(str(row.cells.get(name, "")) for _, name in names),
                row_sentence(row.wrong, say),
            ]
            for row in rows
        )
        wrong = RowOutcome.WRONG.value
        _, rows = await read(request, _load, number, wrong, rows[-1].id)


@get("/accounts/export.csv", opt={"access": ACCESS})
async def download_accounts(request: HttpRequest) -> Stream:
    """Give every account with its contacts, as the import reads them."""
    await write(request, export.note, by=person(request).id, now=utcnow())
    return _file(_export_lines(request), "accounts.csv")


async def _export_lines(request: HttpRequest) -> AsyncIterator[str]:
    own = tuple(await read(request, export.own_fields))
    yield BOM + as_csv([export.headings(own)])
    place: export.Place | None = (0, 0)
    while place is not None:
        lines, place = await read(request, export.list_lines, place, own=own)
        if lines:
            yield as_csv(lines)


HANDLERS = (
    show_imports,
    upload,
    show_import,
    choose_columns,
    start,
    remove,
    download_wrong,
    download_accounts,
)
