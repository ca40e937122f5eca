"""What addresses name, made anew for whoever visits them."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.auth import random_token
from inbox.channels.webform import pack_file
from inbox.channels.webhook import make_secret
from inbox.dates import milestones
from inbox.dates.milestones import Said
from inbox.hooks.managing import place_of
from inbox.store.dates import Place
from inbox.vault import Vault
from models import (
    Absence,
    AccountFile,
    AccountNote,
    ApiToken,
    Ask,
    Attachment,
    Blob,
    Message,
    MessageHtml,
    RawMessage,
    RawState,
    Swap,
    Webhook,
)
from models.base import columns
from tests.web.accounts import make_account
from tests.web.scene import CHAT_KEY, SECRET, Scene


@dataclass
class Things:
    """What the addresses name; made anew for each visitor."""

    number: int
    raw_id: int
    blob_id: str
    token: str
    agent_id: int
    team_id: int
    token_id: int
    ask_id: int
    absence_id: int
    swap_id: int

    message_id: int = 0
    account_id: int = 0
    milestone_id: int = 0  # of the conversation
    contact_id: int = 0
    note_id: int = 0  # of the account's page, by another
    file_id: int = 0
    hook_id: int = 0

    def path(self, pattern: str) -> str:
        """Fill in an address."""
        known = {
            "slug": "support",
            "name": "app.js",
            "key": "none",
            "script": f"{CHAT_KEY}.js",
            **vars(self),
        }
        known |= {"calendar_id": 1, "inbox_id": 1, "mailbox_id": 1, "kind": "form"}
        known["position"] = 0
        known["planned_id"] = 999
        known |= {
            "mail": "late",
            "language": "vi",
            "reply_id": 999,
            "macro_id": 999,
            "run_id": 999,
        }
        known |= {"block_id": 999, "view_id": 999, "deed_id": 999}
        known |= {"tag_id": 999, "field_id": 999}
        known |= {"reminder_id": 999, "template_id": 999}
        known |= {
            "entry_id": 999,
            "rule_id": 999,
            "export_id": 999,
            "run_id": 999,
            "hold_id": 999,
        }
        known |= {"step": "hours", "ladder_id": 0, "notice_id": 1}
        known |= {"mail_id": 0, "key_id": 999, "import_id": 999, "join_id": 999}
        known |= {"policy_id": 1, "rehearsal_id": 1, "delivery_id": 999}
        known |= {"browser_id": 1, "version_id": 999, "type_key": "general", "group_id": 999}
        return re.sub(r"{(\w+)}", lambda found: str(known[found[1]]), pattern)


async def make_things(scene: Scene) -> Things:
    """Make a conversation that another agent of the team owns, and a message held back."""
    number = await scene.arrive(files=(pack_file("a.txt", "text/plain", b"hello"),))
    row = await scene.get(number)
    supervisor = await scene.agent("ha")
    await scene.change(number, owner_id=supervisor.id)
    assert row.team_id == await scene.team("Orders")
    scene.worker_is_up = False
    await scene.arrive("held")
    scene.worker_is_up = True
    held = (await scene.all(RawMessage))[-1]

    def hold(session: Any) -> None:
        session.get_one(RawMessage, held.id).state = RawState.QUARANTINED

    await scene.write(hold)
    blob = (await scene.all(Attachment))[-1].blob_id
    token_id = (await scene.all(ApiToken))[-1].id
    team_id = await scene.team("Orders")
    ask_id = await make_ask(scene)
    absence_id = await make_absence(scene, supervisor.id)
    swap_id = await make_swap(scene)
    ids = (supervisor.id, team_id, token_id, ask_id, absence_id, swap_id)
    made = Things(number, held.id, blob, row.public_token, *ids)
    made.message_id = await lay_out(scene, number)
    made.contact_id = row.contact_id
    made.account_id = await make_account(scene, number)
    await put_on_page(scene, made)
    made.milestone_id = await make_milestone(scene, made)
    made.hook_id = await make_hook(scene)
    return made


async def make_hook(scene: Scene) -> int:
    """Let another system hear of what happens."""

    def work(session: Session) -> int:
        url = "https://crm.example/hear"
        hook = Webhook(
            name="CRM", url=url, kinds=["reply.sent"], secret="", created_at=scene.clock.now
        )
        session.add(hook)
        session.flush()
        sealed = Vault(SECRET.encode()).seal(make_secret(b"x" * 32), place_of(hook.id))
        hook.secret = sealed
        return hook.id

    return await scene.write(work)


async def make_milestone(scene: Scene, things: Things) -> int:
    """Let the conversation have to reach something next week."""

    def work(session: Session) -> int:
        place = Place(things.account_id, things.number)
        said = Said("Delivery", scene.clock.now + timedelta(days=7), things.agent_id)
        by = things.agent_id
        return milestones.plan(session, place, said, by=by, now=scene.clock.now).id

    return await scene.write(work)


async def put_on_page(scene: Scene, things: Things) -> None:
    """Let the supervisor put a note and a file on the account's page."""

    def work(session: Session) -> tuple[int, int]:
        own: dict[str, Any] = {
            "account_id": things.account_id,
            "author_id": things.agent_id,
            "created_at": scene.clock.now,
        }
        blob = Blob(id=random_token(), sha256="", size_bytes=1, content=b"x")
        session.add(blob)
        session.flush()
        note = AccountNote(text="A note", **own)
        kind: dict[str, Any] = {"filename": "x", "content_type": "text/plain", "size_bytes": 1}
        file = AccountFile(blob_id=blob.id, **kind, **own)
        session.add_all([note, file])
        session.flush()
        return note.id, file.id

    things.note_id, things.file_id = await scene.write(work)


async def lay_out(scene: Scene, number: int) -> int:
    """Give a conversation's first message a layout, as a mail has one."""

    def work(session: Session) -> int:
        query = select(Message).where(columns(Message).conversation_id == number)
        message_id: int = session.execute(query).scalars().all()[0].id
        session.add(MessageHtml(message_id=message_id, html="<p>Hello</p>"))
        return message_id

    return await scene.write(work)


async def make_absence(scene: Scene, agent_id: int) -> int:
    """Let somebody be away next week."""
    next_week = scene.clock.now + timedelta(days=7)
    absence = Absence(
        agent_id=agent_id,
        starts_at=next_week,
        ends_at=next_week + timedelta(days=1),
        created_at=scene.clock.now,
    )

    def add(session: Any) -> int:
        session.add(absence)
        session.flush()
        return int(absence.id)

    return await scene.write(add)


async def make_swap(scene: Scene) -> int:
    """Let one inside offer a shift of tomorrow to the outsider."""
    binh, dung = await scene.agent("binh"), await scene.agent("dung")
    tomorrow = scene.clock.now + timedelta(days=1)
    swap = Swap(
        from_id=binh.id,
        to_id=dung.id,
        starts_at=tomorrow,
        ends_at=tomorrow + timedelta(hours=1),
        offered_at=scene.clock.now,
    )

    def add(session: Any) -> int:
        session.add(swap)
        session.flush()
        return int(swap.id)

    return await scene.write(add)


async def make_ask(scene: Scene) -> int:
    """Let the inside team ask the outside one something about another conversation."""
    number, binh = await scene.arrive("Bảo hành thế nào ạ?"), await scene.agent("binh")
    question = Ask(
        conversation_id=number,
        team_id=await scene.team("Technics"),
        asked_by_id=binh.id,
        question="How long is the guarantee?",
        asked_at=scene.clock.now,
        due_at=scene.clock.now + timedelta(hours=2),
    )

    def add(session: Any) -> int:
        session.add(question)
        session.flush()
        return int(question.id)

    return await scene.write(add)
