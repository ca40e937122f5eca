"""The customer's side: the hosted form, and one conversation's page. No script, no sign-in."""

import asyncio
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from litestar import Response, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Redirect
from sqlalchemy import select
from sqlmodel import Session

from inbox.auth import random_token, sign, signed
from inbox.channels.addresses import is_strict, normalise
from inbox.channels.webform import Posted, PostedFile, pack, pack_file
from inbox.clock import utcnow
from inbox.db import DatabaseGone
from inbox.errors import Forbidden, InboxError, Invalid, NotFound, TooLarge
from inbox.failpoints import failpoint
from inbox.marking.ownfields import read_value
from inbox.rulebook import About, Rulebook, load_rulebook
from inbox.sla.promise import hours_text, promised_at, spoken_moment
from inbox.staging import Arrival, NoRoom, Staged, demand_room, stage
from inbox.store.company import Door, find_door, find_settings
from inbox.store.ownfields import Asked, list_asked
from inbox.store.products import list_names
from inbox.templating import LANGUAGES, N_, translator
from inbox.views.render import UI_COOKIE, build, language, page
from inbox.views.security import read_form
from inbox.views.site import HttpRequest, number_of, read, site, write
from models import ChannelKind, RawMessage
from models.base import columns

log = logging.getLogger(__name__)

raws = columns(RawMessage)

MAX_TEXT_BYTES = 1024 * 1024
MAX_FILES_BYTES = 10 * 1024 * 1024
MAX_FILES = 20
LEAST_DIGITS = 7  # of a telephone number that stands for an address
MAX_FORM_BYTES = 16 * 1024 * 1024  # what is more is not even read
FORM_LIVES = timedelta(days=2)
WAIT_S = 2.0
FIELDS = ("name", "email", "phone", "subject", "body", "request_type")
TOO_OLD = N_("This page had been open for too long. Nothing is lost: please send it once more.")
FILES_AGAIN = N_("Choose your files once more.")
OWN = re.compile(r"own_[0-9]{1,9}")
KNOWN = frozenset({*FIELDS, "product_group", "token", "website", "files", "language"})


class TooOld(Forbidden):
    """A form that lay open too long, or that no page of ours sent; once more, it may go."""


def page_token(request: HttpRequest, purpose: str) -> str:
    """Return a one-use token for a page: random, dated, signed."""
    text = f"{int(utcnow().timestamp())}.{secrets.token_hex(12)}"
    return f"{text}.{sign(site(request).secret, purpose, text)}"


def check_page_token(request: HttpRequest, purpose: str, token: str) -> None:
    """Refuse a form that no page of ours sent, or that is too old.

    Raises
    ------
    TooOld
        If the token is missing, forged or expired.
    """
    text, _, signature = token.rpartition(".")
    at = number_of(text.partition(".")[0], most=2**53) or 0
    fresh = 0 <= utcnow().timestamp() - at < FORM_LIVES.total_seconds()
    ours = token.isascii() and signed(site(request).secret, purpose, text, signature)
    if not text or not ours or not fresh:
        raise TooOld(TOO_OLD)


async def posted_fields(
    request: HttpRequest, known: frozenset[str], *, own: bool = False
) -> tuple[dict[str, str], list[UploadFile]]:
    """Read a form; fields that we do not have are refused. ``own``: the company's are known.

    Raises
    ------
    Invalid
        If there is an unknown field.
    TooLarge
        If the text or the files are more than we take.
    """
    texts: dict[str, str] = {}
    files: list[UploadFile] = []
    for name, value in await read_form(request):
        if name not in known and not (own and OWN.fullmatch(name)):
            raise Invalid("This form has fields that we do not know. Load the page again.")
        if isinstance(value, UploadFile):
            if value.filename:
                files.append(value)
        else:
            texts[name] = str(value)
    if sum(len(text.encode()) for text in texts.values()) > MAX_TEXT_BYTES:
        raise TooLarge("The text is longer than 1 MB. Put it into a file, or send less.")
    return texts, files


async def pack_files(files: list[UploadFile]) -> tuple[PostedFile, ...]:
    """Read the files of a form.

    Raises
    ------
    TooLarge
        If they are more than 10 MB together.
    """
    packed = []
    total = 0
    if len(files) > MAX_FILES:
        raise TooLarge("At most 20 files fit into one message.")
    for file in files:
        data = await file.read()
        total += len(data)
        if total > MAX_FILES_BYTES:
            raise TooLarge("The files are larger than 10 MB together. Send fewer or smaller.")
        packed.append(pack_file(file.filename, file.content_type, data))
    return tuple(packed)


def _load_form(session: Session, slug: str) -> tuple[Door, Rulebook, list[Asked]]:
    door = find_door(session, ChannelKind.FORM, slug)
    if door is None:
        raise NotFound("There is no such form.")
    return door, load_rulebook(session), list_asked(session, door.id)


def check_own(
    asked: Sequence[Asked], chosen: str, texts: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what was answered, by field's id, and what is wrong, by the form's field.

    What is asked of another topic than the chosen one counts as not there.
    """
    answers: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for one in asked:
        name = own_name(one)
        if one.request_type not in ("", chosen):
            continue
        try:
            value = read_value(one.field, " ".join(texts.get(name, "").split()))
        except Invalid as error:
            wrong[name] = error.message
            continue
        if value:
            answers[str(one.field.id)] = value
        elif one.is_required:
            wrong[name] = N_("Please fill this in.")
    return answers, wrong


def own_name(one: Asked) -> str:
    """Return the name of an own field in a form."""
    return f"own_{one.field.id}"


async def form_language(request: HttpRequest, own: str = "") -> str:
    """Return the form's language: chosen on the page, its own, the visitor's, the company's."""
    chosen = (request.query_params.get("lang"), request.cookies.get(UI_COOKIE))
    if own in LANGUAGES and not any(one in LANGUAGES for one in chosen):
        return own
    company = await site(request).company()
    return language(request, company.language if company else "vi")


async def _form_page(
    request: HttpRequest,
    slug: str,
    values: Mapping[str, str],
    errors: dict[str, str],
    code: int,
) -> Response[Any]:
    door, book, asked = await read(request, _load_form, slug)
    own = await read(request, find_settings, door.id)
    products = await read(request, list_names)
    company = await site(request).company()
    spoken = await form_language(request, own.get("language", ""))
    now = utcnow()
    chosen = values.get("request_type") or "general"
    about = About(channel=ChannelKind.FORM.value, inbox_id=door.id)
    promise = book.promise((chosen if chosen in book.types else "general",), "normal", about)
    target_s = promise.targets.first_response_s
    due = promise.calendar.due_at(now, target_s) if target_s is not None else None
    say = translator(spoken).gettext
    response = await page(
        request,
        "public/form.html",
        code=code,
        spoken=spoken,
        slug=slug,
        title=own.get("title", ""),
        intro="",
        types=[
            (key, kind.name(spoken)) for key, kind in book.types.items() if key != "general"
        ],
        products=products,
        asked=asked,
        values=values,
        errors={name: say(text) for name, text in errors.items()},
        token=page_token(request, f"form:{slug}"),
        promise_text=(
            spoken_moment(promised_at(due), promise.calendar.timezone, now, spoken)
            if due
            else ""
        ),
        hours_text=hours_text(promise.calendar, spoken),
        company=company.name if company else "Kịp",
    )
    response.headers["referrer-policy"] = "same-origin"
    return response


@get("/f/{slug:str}", opt={"access": "link"})
async def show_form(request: HttpRequest, slug: FromPath[str]) -> Response[Any]:
    """Show the company's form."""
    return await _form_page(request, slug, {}, {}, 200)


def _unreachable(values: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with how somebody can be reached: one of the two is enough."""
    typed = values.get("email", "").strip()
    digits = sum(one.isdigit() for one in values.get("phone", ""))
    if typed and not is_strict(normalise(typed)):
        return {"email": N_("This is not an e-mail address, such as ten@congty.vn.")}
    if typed or digits >= LEAST_DIGITS:
        return {}
    if values.get("phone", "").strip():
        return {"phone": N_("This is no phone number.")}
    return {"email": N_("Give an e-mail address or a phone number, so that we can answer.")}


def check_form(values: Mapping[str, str], types: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a form, by field."""
    wrong = {}
    if not values.get("body", "").strip():
        wrong["body"] = N_("Please tell us what it is about.")
    wrong |= _unreachable(values)
    chosen = values.get("request_type", "")
    if chosen and chosen not in types:
        wrong["request_type"] = N_("Please choose one of these.")
    for name, most in (("name", 200), ("subject", 300), ("phone", 60), ("email", 254)):
        if len(values.get(name, "")) > most:
            wrong[name] = N_("This is too long.")
    return wrong


@post("/f/{slug:str}", opt={"access": "link"}, request_max_body_size=MAX_FORM_BYTES)
async def post_form(request: HttpRequest, slug: FromPath[str]) -> Response[Any]:
    """Keep what was written, then show its page; sent twice it is the same request."""
    fields, files = await posted_fields(request, KNOWN, own=True)
    try:
        return await _keep(request, slug, fields, files)
    except (DatabaseGone, NoRoom) as error:
        log.warning("a form was refused for now: %s", error.__cause__ or error)
        return _not_now(request, slug, fields, error, had_files=bool(files))


def _not_now(
    request: HttpRequest,
    slug: str,
    fields: Mapping[str, str],
    error: InboxError,
    *,
    had_files: bool,
) -> Response[Any]:
    """Give back what was written, in a page that needs no database, to be sent again."""
    return build(
        request,
        "public/not_now.html",
        code=error.status,
        company="Kịp",
        slug=slug,
        fields={
            name: text for name, text in fields.items() if name in KNOWN or OWN.fullmatch(name)
        },
        had_files=had_files,
    )


async def _keep(
    request: HttpRequest, slug: str, fields: Mapping[str, str], files: list[UploadFile]
) -> Response[Any]:
    values = {name: fields.get(name, "") for name in FIELDS}
    product = fields.get("product_group", "")
    door, book, asked = await read(request, _load_form, slug)
    answers, wrong = check_own(asked, values["request_type"], fields)
    errors = check_form(values, book.types) | wrong
    if product and product not in await read(request, list_names):
        errors["product_group"] = N_("Please choose one of these.")
    typed = {**fields, **values, "product_group": product}
    if errors:
        return await _form_page(request, slug, typed, errors, 422)
    token = fields.get("token", "")
    try:
        check_page_token(request, f"form:{slug}", token)
    except TooOld as error:
        wrong = {"": error.message} | ({"files": FILES_AGAIN} if files else {})
        return await _form_page(request, slug, typed, wrong, error.status)
    if fields.get("website"):  # a machine filled in what nobody sees
        return Redirect(f"/f/{slug}", status_code=303)
    demand_room(site(request).settings.data_dir)
    own = await read(request, find_settings, door.id)
    spoken = await form_language(request, own.get("language", ""))
    posted = Posted(**values, language=spoken, files=await pack_files(files))
    arrival = Arrival(
        inbox_id=door.id,
        kind=ChannelKind.FORM,
        dedupe_key="form:" + hashlib.sha256(token.encode()).hexdigest(),
        body=pack(posted),
        meta={
            "peer": peer(request),
            **({"product_group": product} if product else {}),
            **({"own": answers} if answers else {}),
        },
        public_token=random_token(),
    )
    staged = await write(request, _stage, arrival)
    failpoint("form.committed")
    number = await wait_for_take_in(request, staged.id)
    if not staged.is_same and number is not None:
        # Back, edited, sent again: the same request, and what is new in it is kept.
        more = replace(
            arrival,
            dedupe_key=f"{arrival.dedupe_key}:{hashlib.sha256(arrival.body).hexdigest()}",
            meta={**arrival.meta, "conversation": number},
            public_token=None,
        )
        again = await write(request, _stage, more)
        await wait_for_take_in(request, again.id)
    return Redirect(f"/s/{staged.public_token}?new=1", status_code=303)


def _stage(session: Session, arrival: Arrival) -> Staged:
    staged = stage(session, arrival, utcnow())
    failpoint("form.staged")
    return staged


def peer(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the client's address, an IPv6 one as its /64."""
    address = request.client.host if request.client else ""
    return ":".join(address.split(":")[:4]) if ":" in address else address


async def wait_for_take_in(request: HttpRequest, raw_id: int) -> int | None:
    """Wait up to two seconds until the worker has taken it in; return the number, or None."""
    end = time.monotonic() + WAIT_S
    pause = 0.03
    while True:
        number = await read(request, _taken, raw_id)
        if number is not None or time.monotonic() > end:
            return number
        await asyncio.sleep(pause)
        pause = min(pause * 1.6, 0.3)


def _taken(session: Session, raw_id: int) -> int | None:
    found: int | None = session.execute(
        select(raws.conversation_id).where(raws.id == raw_id)
    ).scalar_one_or_none()
    return found
