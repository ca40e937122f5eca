"""The OpenAPI document: made of the shapes that answers are encoded from."""

import re
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Response, get
from msgspec import Struct

from inbox import __version__
from inbox.search.query import MOST_CHARACTERS
from inbox.views.api import shapes
from inbox.views.api.account_operations import ACCOUNT_OPERATIONS, LOCATED
from inbox.views.api.described import BASE, Operation
from inbox.views.api.reading import MOST
from inbox.views.api.requests import MAX_KEY, check_query
from inbox.views.site import HttpRequest
from models import Status

ONE = f"{BASE}/conversations/{{number}}"
DESCRIPTION = (
    "What the agents' pages can do. Send a token as `Authorization: Bearer …`; it acts as the "
    "person it belongs to, and sees what that person sees: anything else is not found. Times "
    "are UTC. Unknown fields and parameters are refused."
)
ALWAYS = (401, 422, 503)

CHANGED = {200: shapes.Conversation}
OPERATIONS: dict[str, Operation] = {
    f"GET {BASE}/conversations": Operation(
        "listConversations",
        "List conversations in the agents' order, a page at a time",
        {200: shapes.ConversationList},
        refuses=(404,),
        query={
            "status": {"type": "string", "enum": [status.value for status in Status]},
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": 50},
            "after": {"type": "string", "description": "`next` of the page before."},
            "q": {
                "type": "string",
                "maxLength": MOST_CHARACTERS,
                "description": "What to look for, as on the search page; what was said last "
                "is first then, and without `status` neither spam nor merged ones are given.",
            },
        },
    ),
    f"POST {BASE}/conversations": Operation(
        "fileConversation",
        "File a conversation; 202 when it is stored and waits to be taken in",
        {201: shapes.Conversation, 202: shapes.Stored},
        takes=shapes.NewConversation,
        refuses=(403, 404, 413),
        once=True,
    ),
    f"GET {ONE}": Operation(
        "getConversation",
        "Give one conversation with its messages and events",
        {200: shapes.Conversation},
        refuses=(404,),
    ),
    f"POST {ONE}/replies": Operation(
        "postReply",
        "Send an answer to the customer",
        {201: shapes.Message},
        takes=shapes.NewReply,
        refuses=(403, 404, 409, 413),
        once=True,
    ),
    f"POST {ONE}/notes": Operation(
        "postNote",
        "Keep a note for colleagues",
        {201: shapes.Message},
        takes=shapes.NewNote,
        refuses=(403, 404, 413),
        once=True,
    ),
    f"PUT {ONE}/request-type": Operation(
        "putRequestType",
        "Correct or confirm the request type; policy, team, owner and due times follow",
        CHANGED,
        takes=shapes.NewRequestType,
        refuses=(403, 404, 413),
    ),
    f"PUT {ONE}/urgency": Operation(
        "putUrgency",
        "Correct or confirm the urgency; due times follow",
        CHANGED,
        takes=shapes.NewUrgency,
        refuses=(403, 404, 413),
    ),
    f"PUT {ONE}/tier": Operation(
        "putTier",
        "Say how much the customer counts; all their open conversations follow",
        CHANGED,
        takes=shapes.NewTier,
        refuses=(403, 404, 413),
    ),
    f"PUT {ONE}/product-group": Operation(
        "putProductGroup",
        "Say what product or service it is about; due times follow",
        CHANGED,
        takes=shapes.NewProductGroup,
        refuses=(403, 404, 413),
    ),
    f"PUT {ONE}/owner": Operation(
        "putOwner",
        "Give it to a colleague, or back to the team",
        CHANGED,
        takes=shapes.NewOwner,
        refuses=(403, 404, 409, 413),
    ),
    f"PUT {ONE}/status": Operation(
        "putStatus",
        "Mark it as done, or open it again",
        CHANGED,
        takes=shapes.NewStatus,
        refuses=(403, 404, 409, 413),
    ),
    f"POST {ONE}/merge": Operation(
        "merge",
        "Make one of two requests of a customer; the one that goes on is given",
        CHANGED,
        takes=shapes.NewPart,
        refuses=(403, 404, 409, 413),
        once=True,
    ),
    f"DELETE {ONE}/merge": Operation(
        "takeOut",
        "Let what became part of another be on its own again",
        CHANGED,
        refuses=(403, 404, 409, 413),
    ),
    **ACCOUNT_OPERATIONS,
    f"GET {BASE}/openapi.json": Operation("getDescription", "Give this document", {}),
}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
    "description": "The same request with the same key has one effect and one answer, for at "
    "least 24 hours; with another body it is refused with 422. An answer given again has the "
    "header `Idempotent-Replayed: true`. 202 is not kept: ask again.",
}


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    used: set[type[Struct]] = {shapes.Problem}
    for operation in OPERATIONS.values():
        used |= set(operation.answers.values())
        if operation.takes is not None:
            used.add(operation.takes)
    ordered = sorted(used, key=lambda shape: shape.__name__)
    _, components = msgspec.json.schema_components(
        ordered, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for name, operation in OPERATIONS.items():
        method, _, path = name.partition(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(path, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kịp", "version": __version__, "description": DESCRIPTION},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(path: str, operation: Operation) -> dict[str, Any]:
    number = {"type": "integer", "minimum": 1}
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": number}
        for name in re.findall(r"{(\w+)}", path)
    ]
    parameters += [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in operation.query.items()
    ]
    parameters += [KEY] if operation.once else []
    refused = sorted({*ALWAYS, *operation.refuses}) if operation.answers else [422]
    said: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": {
            **{str(code): _answer(code, kind) for code, kind in operation.answers.items()},
            **{str(code): _refusal(code) for code in refused},
        },
    }
    if operation.takes is not None:
        said["requestBody"] = {"required": True, "content": _json(operation.takes)}
    if not operation.answers:  # this document: anybody may read it
        said["security"] = []
        said["responses"]["200"] = {
            "description": "This document.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    return said


def _json(shape: type[Struct], kind: str = "application/json") -> dict[str, Any]:
    return {kind: {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}}


def _answer(code: int, shape: type[Struct]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "description": (shape.__doc__ or HTTPStatus(code).phrase).partition("\n")[0],
        "content": _json(shape),
    }
    where = {201: "Its address here.", 202: "The customer's page of it."}
    if code == 202 or (code == 201 and shape in (shapes.Conversation, *LOCATED)):
        text = {"type": "string", "format": "uri"}
        said["headers"] = {"Location": {"description": where[code], "schema": text}}
    return said


def _refusal(code: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(code).phrase,
        "content": _json(shapes.Problem, "application/problem+json"),
    }


@get("/api/v1/openapi.json", opt={"access": "link"})
async def get_description(request: HttpRequest) -> Response[bytes]:
    """Give the OpenAPI document; no token is needed."""
    check_query(request)
    return Response(_encoded(), media_type="application/json")


@cache
def _encoded() -> bytes:
    return msgspec.json.encode(document())
