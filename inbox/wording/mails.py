"""What our own mails to customers say: changed, restored and looked at beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session

from inbox.channels.fields import fill, names_in
from inbox.channels.paper import as_html
from inbox.channels.words import one_line
from inbox.errors import Invalid, NotFound
from inbox.outgoing.ownmail import MUST_SAY, VARIABLES, as_variables, fill_words
from inbox.store.audit import add_entry
from inbox.store.wordings import COMPANY, KINDS, Words, load_words
from inbox.templating import LANGUAGES, N_
from inbox.wording.keeping import clean, too_long
from models import AuditAction, AuditThing, Inbox, MailWords
from models.base import columns

mail_words = columns(MailWords)

MOST_SUBJECT, MOST_TEXT, MOST_CLOSED = 150, 4000, 300
NO_SUBJECT = N_("A mail needs a subject.")
NO_TEXT = N_("Write what the mail says.")
LONG = N_("This is too long.")
UNKNOWN = N_("Only the variables below can be filled in here.")
PROMISE_STAYS = N_(
    "The line with {{promise}} stays: the customer has to see the honest time of the answer."
)
LINKS_STAY = N_("The three links stay: without one of them a customer cannot say it.")
CLOSED_FIELDS = {"opens": "opens"}
_CLOSED = {
    "en": "We are closed now and open again at {{opens}}.",
    "vi": "Hiện chúng tôi đang nghỉ và sẽ làm việc lại lúc {{opens}}.",
}
NO_KIND = N_("There is no such mail.")


@dataclass(frozen=True, slots=True)
class Shown:
    """One kind of mail in one language, as it goes out: ``of`` says whose words these are."""

    kind: str
    language: str
    subject: str
    text: str
    of: str  # "inbox", "company" or "shipped"


@dataclass(frozen=True, slots=True)
class Preview:
    """What a customer would get."""

    subject: str
    text: str
    html: str


def fields_of(kind: str) -> Mapping[str, str]:
    """Return the variables of a kind, each with the fact that it stands for."""
    return CLOSED_FIELDS if kind == "closed" else VARIABLES[kind]


def shipped_words(kind: str, language: str) -> Words:
    """Return what is shipped, with variables."""
    if kind == "closed":
        return Words("", _CLOSED[language])
    return Words(*as_variables(kind, language))


def show(session: Session, inbox_id: int, kind: str, language: str) -> Shown:
    """Return what goes out now for an inbox, or (``COMPANY``) for those without own words.

    Raises
    ------
    NotFound
        If there is no such kind, language or inbox.
    """
    _demand(session, inbox_id, kind, language)
    found = load_words(session)
    for key, of in ((inbox_id, "inbox" if inbox_id else "company"), (COMPANY, "company")):
        said = found.get((key, kind, language))
        if said is not None:
            return Shown(kind, language, said.subject, said.text, of)
    plain = shipped_words(kind, language)
    return Shown(kind, language, plain.subject, plain.text, "shipped")


def _demand(session: Session, inbox_id: int, kind: str, language: str) -> None:
    known = inbox_id == COMPANY or session.get(Inbox, inbox_id) is not None
    if kind not in KINDS or language not in LANGUAGES or not known:
        raise NotFound(NO_KIND)


def check(kind: str, subject: str, text: str) -> Words:
    """Return the words as they are kept.

    Raises
    ------
    Invalid
        If something is missing, too long, no text or no variable, or if the promise is gone.
    """
    if kind == "closed":
        said = Words("", one_line(text))
        found = {"text": _wrong(kind, said.text, MOST_CLOSED) if said.text else NO_TEXT}
    else:
        said = Words(one_line(subject), clean(text))
        found = {
            "subject": _wrong(kind, said.subject, MOST_SUBJECT) if said.subject else NO_SUBJECT,
            "text": _wrong(kind, said.text, MOST_TEXT) if said.text else NO_TEXT,
        }
    if not found["text"] and not set(MUST_SAY.get(kind, ())) <= set(names_in(said.text)):
        found["text"] = LINKS_STAY if kind == "survey" else PROMISE_STAYS
    wrong = {name: sentence for name, sentence in found.items() if sentence}
    if wrong:
        raise Invalid(next(iter(wrong.values())), wrong)
    return said


def _wrong(kind: str, text: str, most: int) -> str:
    known = set(names_in(text)) <= set(fields_of(kind))
    return too_long(text, most, LONG) or ("" if known else UNKNOWN)


def save(
    session: Session,
    inbox_id: int,
    kind: str,
    language: str,
    subject: str,
    text: str,
    *,
    by: int,
    now: datetime,
) -> None:
    """Say what a mail says from now on; one that waits to leave keeps its words.

    Raises
    ------
    Invalid
        As ``check``.
    NotFound
        If there is no such kind, language or inbox.
    """
    _demand(session, inbox_id, kind, language)
    said = check(kind, subject, text)
    row = _row(session, inbox_id, kind, language)
    before = Words(row.subject, row.text) if row is not None else None
    if before == said:
        return
    if row is None:
        row = MailWords(
            inbox_id=inbox_id or None,
            inbox_key=inbox_id,
            kind=kind,
            language=language,
            subject="",
            text="",
            changed_at=now,
        )
    row.subject, row.text, row.changed_at, row.changed_by_id = said.subject, said.text, now, by
    session.add(row)
    _write_down(session, inbox_id, kind, language, before, said, by, now)


def restore(
    session: Session, inbox_id: int, kind: str, language: str, *, by: int, now: datetime
) -> None:
    """Go back to what is shipped (of an inbox: to the company's); nothing if it is that."""
    row = _row(session, inbox_id, kind, language)
    if row is None:
        return
    before = Words(row.subject, row.text)
    session.execute(delete(MailWords).where(mail_words.id == row.id))
    _write_down(session, inbox_id, kind, language, before, None, by, now)


def _row(session: Session, inbox_id: int, kind: str, language: str) -> MailWords | None:
    return session.execute(
        select(MailWords)
        .where(
            mail_words.inbox_key == inbox_id,
            mail_words.kind == kind,
            mail_words.language == language,
        )
        .with_for_update()
    ).scalar_one_or_none()


def _write_down(
    session: Session,
    inbox_id: int,
    kind: str,
    language: str,
    before: Words | None,
    after: Words | None,
    by: int,
    now: datetime,
) -> None:
    action = AuditAction.CHANGED
    if before is None or after is None:
        action = AuditAction.CREATED if before is None else AuditAction.REMOVED
    add_entry(
        *(session, AuditThing.MAIL_WORDS, f"{inbox_id}:{kind}:{language}", action, now),
        by=by,
        before={"subject": before.subject, "text": before.text} if before else {},
        after={"subject": after.subject, "text": after.text} if after else {},
    )


def preview(
    kind: str, language: str, said: Words, facts: Mapping[str, str], company: str
) -> Preview:
    """Return a mail with sample facts; of the sentence for closed hours only its text."""
    if kind == "closed":
        return Preview("", fill(said.text, facts), "")
    subject, text = fill_words(kind, language, facts, said.subject, said.text)
    return Preview(subject, text, as_html(subject, text, company, language))
