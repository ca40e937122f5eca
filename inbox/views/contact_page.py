"""One person's page: the same as an account's, of all that they wrote on any channel."""

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from inbox.store.accountpage import whose_contact
from inbox.views.account_files import keep_files, show_files_of
from inbox.views.account_page import keep_note, show_page
from inbox.views.extras import MAX_FORM_BYTES
from inbox.views.site import HttpRequest


@get("/contacts/{contact_id:int}", opt={"access": "agent"})
async def show_contact(request: HttpRequest, contact_id: FromPath[int]) -> Response[Any]:
    """Show everything of a person in one place."""
    return await show_page(request, whose_contact, contact_id)


@post("/contacts/{contact_id:int}/notes", opt={"access": "agent", "fields": ("text",)})
async def add_note(request: HttpRequest, contact_id: FromPath[int]) -> Response[Any]:
    """Keep a note on a person."""
    return await keep_note(request, whose_contact, contact_id)


@get("/contacts/{contact_id:int}/files", opt={"access": "agent"})
async def show_files(request: HttpRequest, contact_id: FromPath[int]) -> Response[Any]:
    """List a person's files."""
    return await show_files_of(request, whose_contact, contact_id)


@post(
    "/contacts/{contact_id:int}/files",
    opt={"access": "agent", "fields": ("files",)},
    request_max_body_size=MAX_FORM_BYTES,
)
async def add_files(request: HttpRequest, contact_id: FromPath[int]) -> Response[Any]:
    """Put files on a person's page."""
    return await keep_files(request, whose_contact, contact_id)
