"""Blocked senders: blocked from a conversation, listed and lifted among the settings."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from sqlmodel import Session

from inbox.clock import utcnow
from inbox.errors import Forbidden, Invalid
from inbox.later import blocking
from inbox.store import conversations as rows
from inbox.store import people
from inbox.store.people import Person
from inbox.templating import N_
from inbox.views.inbox import speaker_for
from inbox.views.render import page
from inbox.views.settings_form import AnyResponse, done, spoken_errors, texts_of
from inbox.views.site import HttpRequest, person, read, write
from models import Block, BlockKind, Role

BLOCKS = "/settings/blocks"
ONLY_SUPERVISORS = N_("Only a supervisor can block a whole domain.")


def _sender(session: Session, number: int, who: Person) -> tuple[str, str]:
    conversation = rows.get_for_agent(session, number, who)
    return blocking.sender_of(session, conversation), conversation.subject


async def _block_form(
    request: HttpRequest, number: int, kind: str, errors: dict[str, str], code: int
) -> Response[Any]:
    who = person(request)
    address, subject = await read(request, _sender, number, who)
    kinds = [(BlockKind.ADDRESS.value, address)] if address else []
    if address and who.role is not Role.AGENT:
        kinds.append((BlockKind.DOMAIN.value, f"@{blocking.domain_of(address)}"))
    return await page(
        request,
        "inbox/block.html",
        code=code,
        active="inbox",
        number=number,
        subject=subject,
        kinds=kinds,
        kind=kind,
        errors=errors,
    )


@get("/inbox/{number:int}/block", opt={"access": "agent"})
async def show_block(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Show who would be blocked."""
    return await _block_form(request, number, BlockKind.ADDRESS.value, {}, 200)


def _block(session: Session, number: int, who: Person, kind: BlockKind) -> str:
    conversation = rows.get_for_agent(session, number, who, to_change=True)
    return blocking.block(session, conversation, kind=kind, by=who, now=utcnow())


@post("/inbox/{number:int}/block", opt={"access": "agent", "fields": ("kind",)})
async def block(request: HttpRequest, number: FromPath[int]) -> Response[Any]:
    """Block who wrote, or their domain, and set the conversation apart."""
    typed, who = (await texts_of(request, ("kind",)))["kind"], person(request)
    kind = BlockKind.DOMAIN if typed == BlockKind.DOMAIN.value else BlockKind.ADDRESS
    if kind is BlockKind.DOMAIN and who.role is Role.AGENT:
        raise Forbidden(ONLY_SUPERVISORS)
    try:
        value = await write(request, _block, number, who, kind)
    except Invalid as error:
        wrong = spoken_errors(request, error)
        return await _block_form(request, number, kind.value, wrong, error.status)
    sentence = N_("%(sender)s is blocked. What comes from there waits under Set apart.")
    return done(request, f"/inbox/{number}", sentence, sender=value)


def _blocks(session: Session) -> tuple[list[Block], Mapping[int, people.Colleague]]:
    return blocking.list_blocks(session), people.list_colleagues(session)


@get(BLOCKS, opt={"access": "supervisor"})
async def show_blocks(request: HttpRequest) -> AnyResponse:
    """List who is blocked, by whom, and how much was kept apart for it."""
    found, colleagues = await read(request, _blocks)
    speak = await speaker_for(request)
    return await page(
        request,
        "settings/blocks.html",
        active="settings",
        blocks=[
            (
                one.id,
                one.value if one.kind is BlockKind.ADDRESS else f"@{one.value}",
                colleagues[one.agent_id].name if one.agent_id in colleagues else "",
                speak.clock(one.created_at),
                one.caught,
                speak.clock(one.last_at) if one.last_at is not None else "",
            )
            for one in found
        ],
    )


def _lift(session: Session, block_id: int, who: Person) -> str:
    return blocking.lift(session, block_id, by=who, now=utcnow())


@post(BLOCKS + "/{block_id:int}/removal", opt={"access": "supervisor", "fields": ()})
async def lift_block(request: HttpRequest, block_id: FromPath[int]) -> AnyResponse:
    """Hear somebody again."""
    value = await write(request, _lift, block_id, person(request))
    return done(request, BLOCKS, N_("%(sender)s is heard again."), sender=value)


HANDLERS = (show_block, block, show_blocks, lift_block)
