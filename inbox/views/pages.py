"""The smaller pages: notices, review, quarantine, files, and the demo's sent mail."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlalchemy import select
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.db import after_commit
from inbox.errors import NotFound
from inbox.queue import INTAKE
from inbox.store import looks
from inbox.store import raw as raws
from inbox.store.files import get_file
from inbox.templating import N_
from inbox.views import looking
from inbox.views.flash import flash
from inbox.views.inbox import speaker_for
from inbox.views.render import page
from inbox.views.security import page_policy
from inbox.views.site import HttpRequest, person, read, site, write
from models import RawMessage, SinkMail
from models.base import columns

sink = columns(SinkMail)

SHOWN_RAW_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Held:
    """A message in quarantine as shown."""

    id: int
    received_text: str
    channel: str
    from_text: str
    reason: str
    attempts: int
    size_text: str
    raw_text: str = ""
    truncated: bool = False


@get("/settings/quarantine", opt={"access": "supervisor"})
async def show_quarantine(request: HttpRequest) -> Response[Any]:
    """List the messages that could not be taken in."""
    found = await read(request, raws.list_quarantined)
    speak = await speaker_for(request)
    items = [
        Held(
            row.id,
            speak.clock(row.received_at),
            row.kind,
            str(row.meta.get("from") or row.meta.get("peer") or ""),
            row.error,
            row.attempts,
            "",
        )
        for row in found
    ]
    return await page(request, "settings/quarantine.html", active="settings", items=items)


def _held(session: Session, raw_id: int) -> RawMessage:
    found = raws.find_quarantined(session, raw_id)
    if found is None:
        raise NotFound("It is not in quarantine any more.")
    return found


@get("/settings/quarantine/{raw_id:int}", opt={"access": "supervisor"})
async def show_held(request: HttpRequest, raw_id: FromPath[int]) -> Response[Any]:
    """Show one held message as it came."""
    row = await read(request, _held, raw_id)
    speak = await speaker_for(request)
    item = Held(
        row.id,
        speak.clock(row.received_at),
        row.kind,
        str(row.meta.get("from") or row.meta.get("peer") or ""),
        row.error,
        row.attempts,
        speak.size(len(row.body)),
        row.body[:SHOWN_RAW_BYTES].decode("utf-8", "replace"),
        len(row.body) > SHOWN_RAW_BYTES,
    )
    return await page(request, "settings/quarantine_item.html", active="settings", item=item)


@post("/settings/quarantine/{raw_id:int}/retry", opt={"access": "supervisor", "fields": ()})
async def retry_held(request: HttpRequest, raw_id: FromPath[int]) -> Response[Any]:
    """Put a held message back into the line."""
    if not await write(request, _retry, raw_id, person(request).id):
        raise NotFound("It is not in quarantine any more.")
    back = Redirect("/settings/quarantine", status_code=303)
    return flash(request, back, N_("It is back in the line."))


def _retry(session: Session, raw_id: int, by: int) -> bool:
    after_commit(session, INTAKE)
    return raws.try_again(session, raw_id, utcnow(), by=by)


@get("/files/{blob_id:str}", opt={"access": "agent"})
async def download(request: HttpRequest, blob_id: FromPath[str]) -> Response[bytes]:
    """Give an attachment, always as a download: it was written by a stranger."""
    file = await read(request, get_file, blob_id, person(request))
    if file.contact_id is not None:
        await looking.note(request, looks.FILE, file.contact_id, file.number)
    return as_download(file.filename, file.content)


def as_download(filename: str, content: bytes) -> Response[bytes]:
    """Return a stranger's file in a way that no browser shows or runs it."""
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "content-disposition": f"attachment; filename*=UTF-8''{_quoted(filename)}",
            "content-security-policy": "sandbox; default-src 'none'",
            "cache-control": "private, no-store",
        },
    )


def _quoted(name: str) -> str:
    plain = "".join(letter for letter in name if letter.isprintable() and letter not in '/\\"')
    return quote(plain[:150] or "file", safe="")


@dataclass(frozen=True, slots=True)
class Sunk:
    """A mail in the sink as shown."""

    to: str
    from_: str
    subject: str
    text: str
    at_text: str
    at_iso: str
    headers: list[tuple[str, str]]


def _sunk(session: Session, limit: int) -> Sequence[SinkMail]:
    return (
        session.execute(select(SinkMail).order_by(sink.id.desc()).limit(limit)).scalars().all()
    )


def _opened_mail(body: bytes) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Return From, subject, text and headers of a mail of our own."""
    mail = BytesParser(policy=policy.default).parsebytes(body)
    part = mail.get_body(("plain",))
    text = part.get_content() if part is not None else ""
    headers = [(name, str(value)) for name, value in mail.items()]
    return str(mail["From"] or ""), str(mail["Subject"] or ""), text, headers


@get("/demo/mail", opt={"access": "agent"})
async def show_sink(request: HttpRequest) -> Response[Any]:
    """Show the mail that the sample company would have sent."""
    _demo_only(request)
    speak = await speaker_for(request)
    shown = []
    for mail in await read(request, _sunk, 50):
        sender, subject, text, headers = _opened_mail(mail.body)
        shown.append(
            Sunk(
                mail.to_address,
                sender,
                subject,
                text,
                speak.clock(mail.at),
                mail.at.isoformat(),
                headers,
            )
        )
    return await page(request, "demo/mail.html", active="demo", mails=shown)


@get("/demo/mail.json", opt={"access": "link"})
async def sink_json(request: HttpRequest) -> list[dict[str, Any]]:
    """Give the same to scripts."""
    _demo_only(request)
    found = await read(request, _sunk, 1000)
    return await asyncio.to_thread(lambda: [_as_json(mail) for mail in found])


def _as_json(mail: SinkMail) -> dict[str, Any]:
    sender, subject, text, headers = _opened_mail(mail.body)
    return {
        "to": mail.to_address,
        "from": sender,
        "subject": subject,
        "headers": dict(headers),
        "text": text,
        "at": mail.at.isoformat(),
    }


@get("/demo/shop", opt={"access": "public"})
async def show_shop(request: HttpRequest) -> Response[Any]:
    """Show a page as the sample company's own shop might, with the chat on it."""
    _demo_only(request)
    company = await site(request).company()
    shown = await page(
        request, "demo/shop.html", company=company.name if company is not None else ""
    )
    base = site(request).origin(request.headers.get("host", ""))
    shown.headers["content-security-policy"] = page_policy(base, "widget")
    return shown


def _demo_only(request: HttpRequest) -> None:
    if not site(request).settings.demo:
        raise NotFound("There is nothing here.")
