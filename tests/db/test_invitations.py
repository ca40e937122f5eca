"""Links for coming in: an invitation, a reset; each works once and is kept only as a hash."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from inbox import accountmail, courier, delivery
from inbox.accountmail import INVITATION, LIVES, RESET
from inbox.accounts import leaving
from inbox.auth import hash_token
from inbox.channels.base import OutboundMessage, Receipt
from inbox.company import invitations
from inbox.company.handover import Heir, Plan
from inbox.company.invitations import Guest
from inbox.db import Database
from inbox.duty import list_team_on_duty
from inbox.errors import Conflict, InboxError, Invalid, NotFound
from inbox.store import sessions, staff
from models import (
    Agent,
    AuditAction,
    AuditEntry,
    DeliveryState,
    OneTimeToken,
    Outbox,
    OutboxKind,
    Role,
)
from tests.conftest import Clock
from tests.factories import NOW, Firm, everything

SECOND = timedelta(seconds=1)


def guest(firm: Firm, **values: Any) -> Guest:
    known: dict[str, Any] = {
        "name": "Minh",
        "email": " Minh@CongTy.example ",
        "role": Role.AGENT,
        "language": "vi",
        "team_ids": frozenset({firm.sales}),
    }
    return Guest(**{**known, **values})


async def invite(database: Database, firm: Firm, *, mail: bool = False) -> tuple[int, str]:
    house = firm.house if mail else None
    return await database.write(
        invitations.invite, guest(firm), house, by=firm.admin.id, now=NOW
    )


async def agent(database: Database, agent_id: int) -> Agent | None:
    return await database.read(lambda session: session.get(Agent, agent_id))


async def test_invited_joined_once(database: Database, firm: Firm) -> None:
    """F135: nobody before they join, somebody after; the link is used up then."""
    number, token = await invite(database, firm)
    row = await agent(database, number)
    assert row is not None
    assert (row.email, row.is_active, row.password_hash) == ("minh@congty.example", False, "")
    on_duty = await database.read(list_team_on_duty, firm.sales, NOW)
    assert number not in on_duty, "no work before they have come"
    assert (await database.read(invitations.find_guest, token, NOW)).id == number

    joined = await database.write(invitations.join, token, "Minh Lê", "en", "hash", NOW)

    assert (joined.id, joined.is_active, joined.language) == (number, True, "en")
    assert number in await database.read(list_team_on_duty, firm.sales, NOW)
    with pytest.raises(NotFound):
        await database.write(invitations.join, token, "X", "en", "other", NOW)
    trail: list[AuditEntry] = await database.read(lambda s: everything(s, AuditEntry))
    assert [one.action for one in trail] == [AuditAction.INVITED, AuditAction.JOINED]
    assert token not in str([(one.before, one.after) for one in trail])


async def test_two_use_one_link_at_the_same_moment(database: Database, firm: Firm) -> None:
    """S21: exactly one of them is in."""
    _, token = await invite(database, firm)
    done = await asyncio.gather(
        *(
            database.write(invitations.join, token, "Minh", "vi", f"hash {n}", NOW)
            for n in range(4)
        ),
        return_exceptions=True,
    )
    assert [type(one) for one in done].count(NotFound) == 3


@pytest.mark.parametrize("purpose", [INVITATION, RESET])
async def test_a_link_ends(database: Database, firm: Firm, purpose: str) -> None:
    """S21: seven days for an invitation, an hour for a reset; kept as a hash."""
    find = invitations.find_guest if purpose == INVITATION else invitations.find_forgetful
    if purpose == INVITATION:
        _, token = await invite(database, firm)
    else:
        token = await database.write(
            invitations.send_reset, firm.an.id, None, by=firm.admin.id, now=NOW
        )
    await database.read(find, token, NOW + LIVES[purpose] - SECOND)
    with pytest.raises(NotFound):
        await database.read(find, token, NOW + LIVES[purpose])
    (row,) = await database.read(
        lambda session: list(session.execute(select(OneTimeToken)).scalars())
    )
    assert row.token_hash == hash_token(token)
    assert token not in str(row)


@pytest.mark.parametrize("token", ["", " ", "0", "None", "null", "x" * 44, "%00", "ổ"])
async def test_what_is_no_link_of_ours_opens_nothing(
    database: Database, firm: Firm, token: str
) -> None:
    """S21: neither with an account that waits, nor with one that has an empty hash."""
    await invite(database, firm)
    for find in (invitations.find_guest, invitations.find_forgetful):
        with pytest.raises(NotFound):
            await database.read(find, token, NOW)
    for work in (
        lambda s: invitations.join(s, token, "X", "vi", "h", NOW),
        lambda s: invitations.reset(s, token, "h", NOW),
    ):
        with pytest.raises(NotFound):
            await database.write(work)


async def test_a_link_is_for_its_purpose(database: Database, firm: Firm) -> None:
    _, token = await invite(database, firm)
    with pytest.raises(NotFound):
        await database.write(invitations.reset, token, "hash", NOW)
    reset = await database.write(invitations.send_reset, firm.an.id, None, by=1, now=NOW)
    with pytest.raises(NotFound):
        await database.write(invitations.join, reset, "X", "vi", "hash", NOW)


async def test_invited_again_and_taken_back(database: Database, firm: Firm) -> None:
    number, first = await invite(database, firm)
    second = await database.write(
        invitations.invite_again, number, None, by=firm.admin.id, now=NOW
    )
    with pytest.raises(NotFound):
        await database.read(invitations.find_guest, first, NOW)
    assert (await database.read(invitations.find_guest, second, NOW)).id == number

    await database.write(invitations.withdraw, number, by=firm.admin.id, now=NOW)

    assert await agent(database, number) is None
    with pytest.raises(NotFound):
        await database.read(invitations.find_guest, second, NOW)
    with pytest.raises(Conflict):
        await database.write(invitations.withdraw, firm.an.id, by=firm.admin.id, now=NOW)
    with pytest.raises(Conflict):
        await database.write(invitations.invite_again, firm.an.id, None, by=1, now=NOW)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"email": "no address"}, "email"),
        ({"email": "AN@CONGTY.example"}, "email"),
        ({"language": "fr"}, "language"),
        ({"team_ids": frozenset({999})}, "teams"),
    ],
)
async def test_what_cannot_be_invited(
    database: Database, firm: Firm, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await database.write(
            invitations.invite, guest(firm, **values), None, by=firm.admin.id, now=NOW
        )
    assert field in refused.value.fields


async def test_the_same_address_twice_at_once(database: Database, firm: Firm) -> None:
    """However it is written."""
    done = await asyncio.gather(
        *(
            database.write(invitations.invite, guest(firm, email=email), None, by=None, now=NOW)
            for email in ("minh@congty.example", "MINH@congty.example", "minh@CongTy.example")
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, tuple) for one in done) == 1
    assert all(isinstance(one, tuple | InboxError) for one in done)


async def test_a_reset_signs_everybody_out(database: Database, firm: Firm) -> None:
    """R46: and the person's other links with it."""
    await database.write(sessions.open_session, "desk", firm.an.id, epoch=0, now=NOW)
    links = [
        await database.write(invitations.send_reset, firm.an.id, None, by=1, now=NOW)
        for _ in range(2)
    ]
    await database.write(invitations.reset, links[0], "new hash", NOW)

    row = await agent(database, firm.an.id)
    assert row is not None
    assert (row.password_hash, row.epoch) == ("new hash", 1)
    assert not await database.read(sessions.is_session_live, "desk", NOW)
    for used in links:
        with pytest.raises(NotFound):
            await database.write(invitations.reset, used, "again", NOW)


async def test_who_left_or_never_came_gets_no_reset(database: Database, firm: Firm) -> None:
    number, _ = await invite(database, firm)
    token = await database.write(invitations.send_reset, firm.an.id, None, by=1, now=NOW)
    await leaving.leave(database, firm.an.id, Plan(Heir.TEAM), firm.house, by=None)
    for nobody in (number, firm.an.id):
        with pytest.raises(Conflict):
            await database.write(invitations.send_reset, nobody, None, by=1, now=NOW)
    with pytest.raises(NotFound):
        await database.write(invitations.reset, token, "hash", NOW)


class Post:
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        self.sent: list[OutboundMessage] = []

    async def send(self, message: OutboundMessage, fence: Any) -> Receipt | None:
        """Take a mail, once it is fenced."""
        assert await fence()
        self.sent.append(message)
        return Receipt("ok")


async def send_all(database: Database, clock: Clock) -> Post:
    post = Post()
    for job in await database.write(delivery.claim, clock.now, 20):
        await courier.deliver(database, post, job)
    return post


def _ask(session: Session, address: str, firm: Firm) -> None:
    accountmail.queue_mail(session, RESET, address, firm.house, NOW)


async def test_the_worker_makes_the_link_when_it_sends(
    database: Database, firm: Firm, clock: Clock
) -> None:
    """S21, S30: no row of the outbox ever holds a link; unknown addresses leave no trace."""
    await invite(database, firm, mail=True)
    for address in (firm.an.email, "nobody@congty.example"):
        await database.write(_ask, address, firm)
    waiting: list[Outbox] = await database.read(lambda s: everything(s, Outbox))
    assert {row.kind for row in waiting} == {OutboxKind.ACCOUNT}
    assert len(waiting) == 3
    assert len({len(str(sorted(row.mail))) for row in waiting}) == 1, "they are alike"

    post = await send_all(database, clock)

    assert {mail.to for mail in post.sent} == {firm.an.email, "minh@congty.example"}
    after: list[Outbox] = await database.read(lambda s: everything(s, Outbox))
    assert [row.state for row in after] == [DeliveryState.SENT] * 2
    for mail in post.sent:
        (link,) = [word for word in mail.text.split() if "://" in word]
        page, token = link.rsplit("/", 2)[1:]
        assert link.startswith(firm.house.base_url + "/")
        assert token not in str([row.mail for row in after])
        find = {"join": invitations.find_guest, "reset": invitations.find_forgetful}[page]
        assert (await database.read(find, token, clock.now)).email == mail.to


async def test_a_mail_for_who_left_meanwhile_is_not_sent(
    database: Database, firm: Firm, clock: Clock
) -> None:
    number, _ = await invite(database, firm, mail=True)
    await database.write(invitations.withdraw, number, by=firm.admin.id, now=NOW)
    post = await send_all(database, clock)
    assert post.sent == []
    assert await database.read(lambda s: everything(s, Outbox)) == []
    assert number not in {row.id for row in await database.read(staff.list_staff)}
