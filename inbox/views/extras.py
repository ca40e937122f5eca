"""What goes with an answer, out of its form: copies, files; and why it was not sent."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from litestar.datastructures import UploadFile

from inbox.clock import read_time, utcnow
from inbox.conversations import NewerMessage, NoDelivery
from inbox.errors import InboxError, Invalid, TooLarge
from inbox.outgoing import staged
from inbox.outgoing.letters import (
    MOST_FILE_BYTES,
    MOST_FILES,
    Extras,
    File,
    WrongAddress,
    read_copies,
)
from inbox.outgoing.staged import Kept
from inbox.outgoing.word import WRONG_TIME
from inbox.templating import N_
from inbox.views.security import read_form
from inbox.views.site import HttpRequest, person, read, reader_zone, write
from inbox.views.stale import who_wrote

MAX_FORM_BYTES = 16 * 1024 * 1024  # what is more is not even read
TOO_MANY_FILES = N_("At most 20 files fit into one message.")
TOO_LARGE_FILES = N_("The files are larger than 10 MB together. Send fewer or smaller.")
NEWER = N_("Not sent: %(who)s wrote %(time)s ago.")
CAME_BACK = N_("Not sent: mail to %(address)s came back before. Send it there anyway?")


async def read_extras(request: HttpRequest, number: int, fields: dict[str, str]) -> Extras:
    """Read copies, files and times; times are the company's.

    Files are those that come with the form and those put by before, when it was refused.

    Raises
    ------
    WrongAddress
        If a copy is for no address.
    Invalid
        If a time is none, or a file that was put by is gone.
    TooLarge
        If there are too many files, or too large ones.
    """
    cc, bcc = read_copies(fields.get("cc", ""), fields.get("bcc", ""))
    files = [one.file for one in await _kept(request, number)]
    files += await read_files(request)
    check_files(files)
    word = await _time(request, fields.get("word", ""))
    remind = await _time(request, fields.get("remind", ""))
    quotes = fields.get("quotes", "1") != "0"
    to = fields.get("to", "")
    return Extras(cc, bcc, tuple(files), fields.get("anyway") == "1", word, remind, to, quotes)


async def read_files(request: HttpRequest) -> list[File]:
    """Read the files of a form's field ``files``.

    Raises
    ------
    TooLarge
        If there are too many files, or too large ones.
    """
    files: list[File] = []
    for name, value in await read_form(request):
        if name != "files" or not isinstance(value, UploadFile) or not value.filename:
            continue
        await value.seek(0)  # a form that is shown again is read twice
        data = await value.read()
        kind = (value.content_type or "").partition(";")[0].strip()
        files.append(File(value.filename, kind or "application/octet-stream", data))
        check_files(files)
    return files


def check_files(files: Sequence[File]) -> None:
    """Refuse more than goes into one message; raises ``TooLarge``."""
    if len(files) > MOST_FILES:
        raise TooLarge(TOO_MANY_FILES)
    if sum(len(file.data) for file in files) > MOST_FILE_BYTES:
        raise TooLarge(TOO_LARGE_FILES)


async def _kept(request: HttpRequest, number: int) -> list[Kept]:
    tokens = [
        value
        for name, value in await read_form(request)
        if name == "kept" and isinstance(value, str) and value
    ]
    if len(tokens) > MOST_FILES:
        raise TooLarge(TOO_MANY_FILES)
    return (
        await read(request, staged.find, person(request).id, number, tokens) if tokens else []
    )


async def put_by(request: HttpRequest, number: int) -> list[tuple[str, str, int]]:
    """Keep the files of an answer that is not sent; token, name and size of each.

    Too many or too large ones are not kept, and neither is what was put by and is gone.
    """
    try:
        kept = await _kept(request, number)
    except (Invalid, TooLarge):
        kept = []
    try:
        fresh = await read_files(request)
        check_files([*(one.file for one in kept), *fresh])
    except TooLarge:
        fresh = []
    if fresh:
        kept += await write(request, staged.put_by, person(request).id, number, fresh, utcnow())
    return [(one.token, one.file.filename, len(one.file.data)) for one in kept]


async def _time(request: HttpRequest, text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = read_time(text)
    except ValueError as error:
        raise Invalid(WRONG_TIME) from error
    return found.replace(tzinfo=await reader_zone(request)) if found.tzinfo is None else found


def refuse_with_note(extras: Extras) -> None:
    """Refuse what only an answer can carry; raises ``Invalid``."""
    if extras.word is not None or extras.remind_at is not None:
        raise Invalid("A time that is named goes with an answer, not with a note.")
    if extras:
        raise Invalid("Copies and files go with an answer, not with a note.")


def asks_first(error: NewerMessage | NoDelivery, say: Callable[[str], str]) -> dict[str, Any]:
    """Return what the composer says where it asks before it sends."""
    if isinstance(error, NoDelivery):
        return {"collision": say(CAME_BACK) % {"address": error.address}, "anyway": True}
    return {"collision": who_wrote(NEWER, error, say)}


def said_why(error: InboxError, say: Callable[[str], str]) -> str:
    """Return why it was not sent, in the page's language."""
    if isinstance(error, WrongAddress):
        text = say(error.sentence)
        return text % {"address": error.address} if "%(" in text else text
    return say(error.message)
