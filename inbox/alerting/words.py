"""What an alert says, as facts: templates make words of them when they are sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from inbox.acknowledgement import House
from inbox.alerting.taking import Group, make_token
from inbox.sla.promise import spoken_moment
from inbox.store.conversations import SHOWN_NAME
from inbox.store.people import list_colleagues
from inbox.templating import render
from models import Contact, Conversation
from models.base import columns, core

conversations = columns(Conversation)
contacts = columns(Contact)

MOST_LINES = 100  # of a digest; the rest is counted
MOST_BUTTONS = 8
LEFT_STEP = "handed_over"  # stands for several conversations
MOST_CHARS = 4096  # of one message, as Telegram takes it
MOST_TITLE, MOST_PUSHED = 80, 600  # characters; in UTF-8 they fit into one push message


@dataclass(frozen=True, slots=True)
class Facts:
    """What goes out to one person: a mail's template and facts, and a message's."""

    template: str
    number: int | None  # of the conversation, when it is about one
    mail: dict[str, Any]
    message: dict[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """What alerts say of the conversations that they are about."""

    subjects: Mapping[int, tuple[str, str, str]]  # subject, contact, owner
    names: Mapping[int, str]  # of colleagues


def load_about(session: Session, rows: Sequence[Any]) -> About:
    """Load what is said of these alerts' conversations, in two queries."""
    if not rows:
        return About({}, {})
    names = {one.id: one.name for one in list_colleagues(session).values()}
    numbers = sorted({row.conversation_id for row in rows if row.conversation_id is not None})
    found = session.execute(
        select(conversations.id, conversations.subject, SHOWN_NAME, conversations.owner_id)
        .join(core(Contact), contacts.id == conversations.contact_id)
        .where(conversations.id.in_(numbers))
    )
    subjects = {
        number: (subject, contact, names.get(owner or 0, ""))
        for number, subject, contact, owner in found
    }
    return About(subjects, names)


def facts_of(
    rows: Sequence[Any],
    about: About,
    house: House,
    agent_id: int,
    language: str,
    now: datetime,
) -> Facts:
    """Return what one person hears: one alert, or several as one, the first due first."""
    lines = [_line(row, about, house, language, now) for row in rows[:MOST_LINES]]
    first = lines[0]
    group = Group(agent_id, rows[0].mailed_at)
    taking = f"{house.base_url}/notices/open/{make_token(house.secret, group)}"
    one = len(rows) == 1
    message = {
        "lines": lines,
        "more": len(rows) - len(lines),
        "taking": taking,
        "link": house.base_url + (first["page"] if one else "/notices"),
    }
    if not one:
        return Facts("digest", None, message, message)
    if "count" in first:  # of all that somebody who left had
        mine = {"count": first["count"], "before": first["before"]}
        link = f"{house.base_url}/inbox?for=mine"
        return Facts(
            LEFT_STEP,
            None,
            {**mine, "link": link, "taking": taking},
            {**message, "link": link},
        )
    mail = {"notice": first, "link": message["link"], "taking": taking}
    return Facts("notice", first["number"], mail, message)


def page_of(number: int | None, data: Mapping[str, Any]) -> str:
    """Return the path of the page that a notice is about."""
    link = str(data.get("link") or "/notices")
    if number is None or link.startswith(f"/inbox/{number}#"):
        return link
    return f"/inbox/{number}"


def _line(row: Any, about: About, house: House, language: str, now: datetime) -> dict[str, Any]:
    subject, contact, owner = about.subjects.get(row.conversation_id, ("", "", ""))
    line = {
        "notice": row.id,
        "kind": row.kind,
        "number": row.conversation_id,
        "page": page_of(row.conversation_id, row.data),
        "time_text": spoken_moment(row.due_at, house.time_zone, now, language),
        "contact_name": contact,
        "subject": subject,
        "owner_name": owner,
        "reason": str(row.data.get("reason", "")),
    }
    if row.step.startswith(LEFT_STEP) and "count" in row.data:
        line["count"] = row.data["count"]
        line["before"] = about.names.get(row.data.get("before", 0), "")
    return line


def push_words(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return an alert's title and text for a browser, no longer than it shows."""
    spoken = str(facts["language"])
    title = " ".join(render(spoken, "emails/push.subject", **facts).split())
    text = render(spoken, "emails/push.text", **facts).strip()
    return _cut(title, MOST_TITLE), _cut(text, MOST_PUSHED)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def message_text(facts: Mapping[str, Any]) -> str:
    """Return an alert's words for Telegram, no longer than it takes."""
    text = render(str(facts["language"]), "emails/message.text", **facts).strip()
    return _cut(text, MOST_CHARS)
