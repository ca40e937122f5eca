"""What goes with an answer, out of its form: copies, files; and why it was not sent."""

from collections.abc import Callable
from typing import Any

from litestar.datastructures import UploadFile

from inbox.conversations import NewerMessage, NoDelivery
from inbox.errors import InboxError, Invalid, TooLarge
from inbox.outgoing.letters import (
    MOST_FILE_BYTES,
    MOST_FILES,
    Extras,
    File,
    WrongAddress,
    read_copies,
)
from inbox.templating import N_
from inbox.views.security import read_form
from inbox.views.site import HttpRequest

MAX_FORM_BYTES = 16 * 1024 * 1024  # what is more is not even read
TOO_MANY_FILES = N_("At most 20 files fit into one message.")
TOO_LARGE_FILES = N_("The files are larger than 10 MB together. Send fewer or smaller.")
CAME_BACK = N_("Not sent: mail to %(address)s came back before. Send it there anyway?")


async def read_extras(request: HttpRequest, fields: dict[str, str]) -> Extras:
    """Read copies and files.

    Raises
    ------
    WrongAddress
        If a copy is for no address.
    TooLarge
        If there are too many files, or too large ones.
    """
    cc, bcc = read_copies(fields.get("cc", ""), fields.get("bcc", ""))
    files: list[File] = []
    total = 0
    for name, value in await read_form(request):
        if name != "files" or not isinstance(value, UploadFile) or not value.filename:
            continue
        data = await value.read()
        total += len(data)
        if len(files) == MOST_FILES:
            raise TooLarge(TOO_MANY_FILES)
        if total > MOST_FILE_BYTES:
            raise TooLarge(TOO_LARGE_FILES)
        kind = (value.content_type or "").partition(";")[0].strip()
        files.append(File(value.filename, kind or "application/octet-stream", data))
    return Extras(cc, bcc, tuple(files), fields.get("anyway") == "1")


def refuse_with_note(extras: Extras) -> None:
    """Refuse what only an answer can carry; raises ``Invalid``."""
    if extras:
        raise Invalid("Copies and files go with an answer, not with a note.")


def asks_first(error: NewerMessage | NoDelivery, say: Callable[[str], str]) -> dict[str, Any]:
    """Return what the composer says where it asks before it sends."""
    if isinstance(error, NoDelivery):
        return {"collision": say(CAME_BACK) % {"address": error.address}, "anyway": True}
    sentence = say("Not sent: %(who)s wrote %(n)s seconds ago.")
    return {"collision": sentence % {"who": error.who, "n": error.seconds_ago}}


def said_why(error: InboxError, say: Callable[[str], str]) -> str:
    """Return why it was not sent, in the page's language."""
    if isinstance(error, WrongAddress):
        text = say(error.sentence)
        return text % {"address": error.address} if "%(" in text else text
    return say(error.message)
