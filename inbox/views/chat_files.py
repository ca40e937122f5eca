"""Files of the chat: sent by a visitor, and given to whom we told their address."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, FromQuery
from sqlmodel import Session

from inbox import chat as service
from inbox.auth import signed
from inbox.channels.chat import Code, Line, may_show
from inbox.channels.chatfiles import MOST_AN_HOUR, MOST_BYTES, is_taken, kind_of
from inbox.channels.webform import pack_file
from inbox.chat import ChatDoor, NewLine
from inbox.chatting.identity import Who, identify
from inbox.clock import utcnow
from inbox.db import DatabaseGone
from inbox.errors import Forbidden, Invalid, NotFound
from inbox.staging import has_room
from inbox.store import chat as rows
from inbox.store import people
from inbox.views.chat import MAX_EMAIL, MAX_NAME, keep
from inbox.views.chat_frames import Accepted, Sorry
from inbox.views.forms import peer
from inbox.views.pages import as_download
from inbox.views.security import read_form
from inbox.views.site import HttpRequest, read, site, write

TEXTS = ("token", "id", "name", "email", "language", "identity")
HOUR = timedelta(hours=1)
STATUS: dict[str, int] = {"too_large": 413, "bad_file": 415, "too_fast": 429, "try_later": 503}
NO_FILE = "There is no such file."


async def _door(request: HttpRequest, key: str) -> ChatDoor:
    found = await read(request, service.find_chat_door, key)
    if found is None:
        raise NotFound("There is nothing here.")
    return found


@post("/chat/{key:str}/files", opt={"access": "link"}, request_max_body_size=MOST_BYTES * 2)
async def upload(request: HttpRequest, key: FromPath[str]) -> Response[Any]:
    """Take one file of a visitor's as a line; only for a page that may show the chat."""
    found, where = await _door(request, key), site(request)
    origin = request.headers.get("origin", "")
    own = where.origin(request.headers.get("host", ""))
    if not may_show(origin, own, list(found.sites)):
        raise Forbidden("This site may not show this chat.")
    texts, file = await _read(request)
    number = UUID(texts["id"])
    try:
        refused = await _take(request, key, found, texts, file)
    except DatabaseGone:
        refused = "try_later"
    body = Sorry(refused, number) if refused else Accepted(number)
    return Response(
        msgspec.json.encode(body),
        status_code=STATUS.get(refused, 422) if refused else 201,
        media_type="application/json",
        headers={
            "access-control-allow-origin": origin,
            "vary": "origin",
            "cache-control": "no-store",
        },
    )


async def _read(request: HttpRequest) -> tuple[dict[str, str], UploadFile]:
    texts, file = dict.fromkeys(TEXTS, ""), None
    for name, value in await read_form(request):
        if isinstance(value, UploadFile) and name == "file":
            file = value
        elif isinstance(value, str) and name in texts:
            texts[name] = value
        else:
            file = None
            break
    try:
        UUID(texts["id"])
    except ValueError:
        file = None
    if file is None:
        raise Invalid("This address or form could not be read.")
    return texts, file


async def _take(
    request: HttpRequest, key: str, found: ChatDoor, texts: dict[str, str], file: UploadFile
) -> Code | None:
    where, door = site(request), found.door
    visitor = service.visitor_of(where.secret, door.id, texts["token"])
    if visitor is None:
        return "say_hello"
    who: Who | None = Who(visitor, texts["name"], texts["email"])
    if texts["identity"]:
        given = (where.secret, texts["identity"], texts["token"], utcnow())
        who = await read(request, identify, door.id, *given)
    if who is None or who.visitor != visitor:
        return "bad_identity"
    data = await file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        return "too_large"
    if not is_taken(file.filename, data):
        return "bad_file"
    if not has_room(where.settings.data_dir):
        return "try_later"
    line = Line(
        name=who.name[:MAX_NAME],
        email=who.email[:MAX_EMAIL],
        language=texts["language"] if texts["language"] in ("vi", "en") else "",
        files=(pack_file(file.filename, kind_of(data), data),),
    )
    new = NewLine(door.id, visitor, texts["id"], line, peer(request), who.vouched)
    return await write(request, _keep, key, new)


def _keep(session: Session, key: str, new: NewLine) -> Code | None:
    now = utcnow()
    value = rows.visitor_value(new.inbox_id, new.visitor)
    window = f"chat-files:{value}:{int(now.timestamp() // 3600)}"
    if not people.take_turn(session, window, MOST_AN_HOUR, expires_at=now + HOUR, now=now):
        return "too_fast"
    return keep(session, key, new, now)


@get("/chat/{key:str}/files/{blob_id:str}", opt={"access": "link"})
async def download(
    request: HttpRequest, key: FromPath[str], blob_id: FromPath[str], mark: FromQuery[str] = ""
) -> Response[bytes]:
    """Give a file of a chat, always as a download, to whoever was told its address."""
    found, where = await _door(request, key), site(request)
    text = f"{found.door.id}:{blob_id}"
    if not mark.isascii() or not signed(where.secret, "chat-file", text, mark):
        raise NotFound(NO_FILE)
    file = await read(request, rows.find_file, found.door.id, blob_id)
    if file is None:
        raise NotFound(NO_FILE)
    return as_download(*file)
