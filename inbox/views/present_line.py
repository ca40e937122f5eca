"""From rows to a customer's time line and files, each with where it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from inbox.store.accountline import NOTES, Line, Said
from inbox.store.accountpage import State
from inbox.store.files import FileRow
from inbox.store.people import Colleague
from inbox.templating import N_
from inbox.views.present import CHANNEL_ICON, CHANNEL_TEXT, KIND
from inbox.views.present_notes import say_note
from inbox.views.render import initial
from inbox.views.words import MESSENGER_NAMES, Speaker, paragraphs
from models import AccountFile, AccountNote, ChannelKind, Direction, Role

CHANNEL_NAMES = {
    "email": N_("E-mail"),
    "form": N_("Web form"),
    "chat": N_("Chat"),
    "api": N_("API"),
    "webhook": N_("Webhook"),
    "phone": N_("Phone"),
    **{kind.value: name for kind, name in MESSENGER_NAMES.items()},
}
SOURCES = {
    "": N_("All"),
    "received": N_("Received"),
    "sent": N_("Sent"),
    "uploaded": N_("Put here"),
}
LINES_SHOWN = 8  # of a message before it is cut


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing of the time line: kind in, out, auto or note, with its conversation; or file.

    ``number`` is 0 of what stands on the page alone; ``remove`` where it is taken away.
    """

    id: str
    kind: str
    icon: str
    via: str
    author: str
    initial: str
    at_text: str
    at_iso: str
    number: int = 0
    href: str = ""
    subject: str = ""
    paragraphs: list[list[str]] = field(default_factory=list)
    is_cut: bool = False
    notes: list[str] = field(default_factory=list)
    files: list[tuple[str, str, str]] = field(default_factory=list)
    remove: str = ""


@dataclass(frozen=True, slots=True)
class FileShown:
    """A file with where it comes from."""

    blob_id: str
    name: str
    size: str
    icon: str
    source: str
    who: str
    at_text: str
    at_iso: str
    number: int
    subject: str
    remove: str = ""


def when(at: datetime, speak: Speaker) -> str:
    """Say when something was: of another year with the year."""
    other = speak.here(at).year != speak.here(speak.now).year
    return speak.date(at) if other else speak.clock(at)


def present_line(
    line: Line,
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
    *,
    me: int,
    role: Role,
    is_account: bool,
) -> list[Happened]:
    """Return the time line as shown; on an account's page with who of its people wrote."""
    sees_all = role is not Role.AGENT
    found = []
    for item in line.items:
        if isinstance(item, Said):
            found.append(_said(item, line, speak, colleagues, is_account))
        else:
            removable = sees_all or item.author_id == me
            found.append(_put_here(item, speak, colleagues, removable))
    return found


def _said(
    item: Said,
    line: Line,
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
    is_account: bool,
) -> Happened:
    kind = KIND[item.direction]
    author = name_of(item.author_id, colleagues)
    if item.direction is Direction.AUTOMATIC:
        author = speak.say("Automatic reply")
    elif not author:
        author = item.contact_name or item.sender_address or speak.say("Unknown")
    via = speak.say(CHANNEL_TEXT[item.channel])
    by_phone = item.channel is ChannelKind.PHONE
    if kind == "note":
        note = speak.say("internal note")
        via = f"{via}, {note}" if by_phone else note
    elif is_account and item.direction is Direction.OUTBOUND:
        via += " " + speak.say("to %(who)s") % {"who": item.contact_name}
    if item.is_machine:
        via += ", " + speak.say("automatic mail")
    lines = [line for block in paragraphs(item.text) for line in (*block, "")][:-1]
    return Happened(
        id=f"m{item.id}",
        kind=kind,
        icon="lock" if kind == "note" and not by_phone else CHANNEL_ICON[item.channel],
        via=via,
        author=author,
        initial=initial(author),
        at_text=when(item.created_at, speak),
        at_iso=item.created_at.isoformat(),
        number=item.number,
        href=f"/inbox/{item.number}#m-{item.id}",
        subject=item.subject,
        paragraphs=paragraphs("\n".join(lines[:LINES_SHOWN])),
        is_cut=len(lines) > LINES_SHOWN or item.chars > len(item.text),
        notes=[say_note(note, speak) for note in item.notes],
        files=[
            (blob, name, speak.size(size)) for blob, name, size in line.files.get(item.id, [])
        ],
    )


def _put_here(
    item: AccountNote | AccountFile,
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
    removable: bool,
) -> Happened:
    author = name_of(item.author_id, colleagues)
    is_note = isinstance(item, AccountNote)
    what = "notes" if is_note else "files"
    return Happened(
        id=f"{what[0]}{item.id}",
        kind="note" if is_note else "file",
        icon="sticky-note" if is_note else "paperclip",
        via=speak.say("note on this customer") if is_note else speak.say("put here"),
        author=author,
        initial=initial(author),
        at_text=when(item.created_at, speak),
        at_iso=item.created_at.isoformat(),
        paragraphs=paragraphs(item.text) if isinstance(item, AccountNote) else [],
        files=(
            [(item.blob_id, item.filename, speak.size(item.size_bytes))]
            if isinstance(item, AccountFile)
            else []
        ),
        remove=f"/accounts/{what}/{item.id}/removal" if removable else "",
    )


def present_filters(
    state: State, only: str, path: str, speak: Speaker
) -> list[tuple[str, str, bool]]:
    """Return the channels there are as links: label, address, whether it is the one."""
    keys = ["", *(one for one in CHANNEL_NAMES if one in state.channels), NOTES]
    names = {**CHANNEL_NAMES, "": N_("All"), NOTES: N_("Notes")}
    return [
        (speak.say(names[key]), f"{path}?only={key}" if key else path, key == only)
        for key in keys
    ]


def present_files(
    rows: Sequence[FileRow],
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
    *,
    me: int,
    role: Role,
) -> list[FileShown]:
    """Return files as shown, each with who it is from."""
    found = []
    for row in rows:
        source = "uploaded" if row.is_upload else "sent" if row.is_ours else "received"
        removable = row.is_upload and (role is not Role.AGENT or row.author_id == me)
        found.append(
            FileShown(
                blob_id=row.blob_id,
                name=row.filename,
                size=speak.size(row.size_bytes),
                icon={"received": "download", "sent": "send", "uploaded": "paperclip"}[source],
                source=speak.say(SOURCES[source]),
                who=name_of(row.author_id, colleagues) or row.who,
                at_text=when(row.place.at, speak),
                at_iso=row.place.at.isoformat(),
                number=row.number,
                subject=row.subject,
                remove=f"/accounts/files/{row.place.id}/removal" if removable else "",
            )
        )
    return found


def name_of(agent_id: int | None, colleagues: Mapping[int, Colleague]) -> str:
    """Return a colleague's name, or ""."""
    found = colleagues.get(agent_id or 0)
    return found.name if found else ""
