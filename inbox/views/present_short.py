"""A conversation's customer in short, for the panel beside it."""

from collections.abc import Mapping, Sequence

from inbox.store.accountpage import Short
from inbox.store.files import FileRow
from inbox.store.people import Colleague
from inbox.views.models import CustomerShort
from inbox.views.present_account import STATUS_TEXT
from inbox.views.present_accounts import reasons_of
from inbox.views.present_line import name_of, when
from inbox.views.words import Speaker
from models import AccountNote

NOTE_CHARS = 160


def present_short(
    short: Short,
    files: Sequence[FileRow],
    speak: Speaker,
    colleagues: Mapping[int, Colleague],
) -> CustomerShort:
    """Return a customer in short."""
    notes = [_note(one, speak, colleagues) for one in short.notes]
    shown = [(one.blob_id, one.filename, when(one.place.at, speak)) for one in files]
    path = f"/contacts/{short.contact_id}"
    account = short.account
    if account is None:
        return CustomerShort(path, notes=notes, files=shown)
    keepers = (name_of(one, colleagues) for one in (account.owner_id, account.backup_id))
    return CustomerShort(
        path,
        account_path=f"/accounts/{account.id}",
        account_name=account.name,
        status=speak.say(STATUS_TEXT[account.status]),
        keepers=", ".join(filter(None, keepers)),
        care=reasons_of(short.figures.reasons, speak) if short.figures is not None else "",
        notes=notes,
        files=shown,
    )


def _note(
    note: AccountNote, speak: Speaker, colleagues: Mapping[int, Colleague]
) -> tuple[str, str]:
    text = note.text if len(note.text) <= NOTE_CHARS else note.text[:NOTE_CHARS].rstrip() + "…"
    return text, f"{name_of(note.author_id, colleagues)}, {when(note.created_at, speak)}"
