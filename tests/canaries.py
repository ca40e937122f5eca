"""A person whose every trace is a word that stands nowhere else: what erasure has to find."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlmodel import Session

from inbox import asks, conversations
from inbox.alerting.gathering import send_alerts
from inbox.channels.base import InboundAttachment
from inbox.later import ignoring
from inbox.learning import versions
from inbox.learning.serving import folder_of, put_files
from inbox.outgoing import marks
from inbox.store.audit import add_entry
from inbox.store.changes import add_event
from inbox.store.ledger import Sighting, sight
from inbox.triage import files
from inbox.triage.features import Features
from inbox.triage.model import Head, TriageModel
from inbox.triage.prediction import Term
from models import (
    Account,
    AccountFile,
    AccountKind,
    AccountNote,
    AlertMessage,
    AuditAction,
    AuditThing,
    Blob,
    ChannelKind,
    Contact,
    EventKind,
    IdempotencyKey,
    LedgerState,
    Notice,
    PersonExport,
    PersonExportPart,
    RowOutcome,
    SheetImport,
    SheetRow,
    SheetState,
    SinkMail,
    TaskState,
)
from tests.factories import (
    NOW,
    Firm,
    arrive,
    conversation,
    make_message,
    messages_of,
    prediction,
)

CANARIES = tuple(f"qzk{one}vrx" for one in "abcdefghijklmnopqrst")  # twenty
NAME, MAILBOX, SUBJECT, TEXT, QUOTED, HTML, FILE, CONTENT, RAW, ANSWER = CANARIES[:10]
NOTE, ASKED, BOUNCED, PASSED, WEIGHED, SHEET, ACCOUNT, UPLOAD, ALERT, SENT = CANARIES[10:]
ADDRESS = f"{MAILBOX}@khach.example"
LATER = NOW + timedelta(hours=1)


def make_person(session: Session, firm: Firm, data_dir: Path) -> int:
    """Make the person with a conversation that leaves traces everywhere; return the contact."""
    number = _write_in(session, firm)
    row = conversation(session, number)
    contact = session.get_one(Contact, row.contact_id)
    contact.position = NAME
    _work_on(session, firm, number)
    _tell(session, firm, number)
    _enter_elsewhere(session, firm, contact)
    _train(session, data_dir)
    session.flush()
    return contact.id


def _write_in(session: Session, firm: Firm) -> int:
    mail = make_message(
        f"{TEXT} cần gấp.\n> {QUOTED}",
        visible_reply=f"{TEXT} cần gấp.",
        subject=f"{SUBJECT} và máy lọc",
        from_address=ADDRESS,
        from_name=f"{NAME} Thị Lan",
        shown_html=f"<p>{HTML}</p>",
        message_id=f"{RAW}@khach.example",
        attachments=(InboundAttachment(f"{FILE}.pdf", "application/pdf", CONTENT.encode()),),
    )
    said = prediction("order_delivery", why=(Term(WEIGHED, 2.0),))
    return arrive(
        session, firm, mail, said, meta={"from": ADDRESS, "peer": RAW}, key=f"x:{RAW}"
    )


def _work_on(session: Session, firm: Firm, number: int) -> None:
    row = conversation(session, number)
    conversations.claim(session, row, by=firm.an, now=NOW)
    row = conversation(session, number)
    conversations.reply(
        session, row, f"Chào {NAME} Thị Lan, {ANSWER}.", firm.house, by=firm.an, now=LATER
    )
    row = conversation(session, number)
    conversations.note(session, row, f"Khách quen: {NOTE}", by=firm.an, now=LATER)
    asks.ask(
        session, row, firm.tech, f"{ASKED} sửa được không?", firm.house, by=firm.an, now=NOW
    )
    marks.mark(session, number, ADDRESS, "5.1.1", f"no {BOUNCED} here", LATER)
    passed = {"reason": "other", "text": PASSED, "times": 1}
    add_event(session, number, EventKind.PASSED_ON, LATER, passed, by=firm.an.id)
    failed = {"reason": f"550 <{ADDRESS}> {BOUNCED}", "message": 1}
    add_event(session, number, EventKind.REPLY_FAILED, LATER, failed)
    body = f'{{"number": {number}, "subject": "{SUBJECT}"}}'
    session.add(
        IdempotencyKey(
            agent_id=firm.an.id,
            path="/api/v1/conversations",
            key="k",
            fingerprint="0",
            status=201,
            body=body,
            location=f"/api/v1/conversations/{number}",
            created_at=LATER,
        )
    )


def _tell(session: Session, firm: Firm, number: int) -> None:
    """Let alerts go out, one for each way; the sample company's sink has a mail too."""
    for step in ("one", "two"):
        notice = Notice(
            agent_id=firm.an.id,
            conversation_id=number,
            generation=0,
            step=step,
            audience="owner",
            due_at=LATER,
            created_at=NOW,
            kind="late",
            outside_hours=True,
            data={"reason": ALERT},
        )
        session.add(notice)
    session.flush()
    send_alerts(session, firm.house, LATER)
    facts = {"lines": [{"number": number, "subject": SUBJECT, "page": f"/inbox/{number}"}]}
    alert: dict[str, Any] = {
        "way": "telegram",
        "agent_id": firm.an.id,
        "address": "1",
        "facts": facts,
    }
    session.add(AlertMessage(**alert, created_at=LATER, leased_until=LATER))
    mail = f"To: {ADDRESS}\n\n{SENT}".encode()
    session.add(SinkMail(to_address=ADDRESS, from_address="a@b.example", body=mail, at=LATER))


def _enter_elsewhere(session: Session, firm: Firm, contact: Contact) -> None:
    ignoring.add_rule(session, "sender", ADDRESS, "quá nhiều", None, by=firm.an.id, now=NOW)
    sight(
        session,
        Sighting(firm.mail, LedgerState.IGNORED, sender=ADDRESS, subject=SUBJECT, reason=SENT),
        LATER,
    )
    account = Account(
        name=ACCOUNT, folded=ACCOUNT, kind=AccountKind.PERSON, created_at=NOW, changed_at=NOW
    )
    blob = Blob(id="f" * 32, sha256="0", size_bytes=9, content=UPLOAD.encode())
    sheet = SheetImport(
        filename="khach.csv",
        encoding="utf-8",
        state=SheetState.READY,
        created_at=NOW,
        leased_until=NOW,
    )
    export = PersonExport(
        contact_id=contact.id, asked_at=NOW, leased_until=NOW, state=TaskState.DONE
    )
    session.add_all([account, blob, sheet, export])
    session.flush()
    contact.account_id = account.id
    about: dict[str, Any] = {
        "account_id": account.id,
        "contact_id": contact.id,
        "author_id": firm.an.id,
    }
    upload: dict[str, Any] = {
        "filename": f"{UPLOAD}.pdf",
        "content_type": "application/pdf",
        "size_bytes": 9,
    }
    cells = {"email": ADDRESS, "name": SHEET}
    session.add_all(
        [
            AccountNote(**about, text=f"{NOTE} thích trà", created_at=NOW),
            AccountFile(**about, blob_id=blob.id, **upload, created_at=NOW),
            SheetRow(import_id=sheet.id, line=2, cells=cells, outcome=RowOutcome.NEW),
            PersonExportPart(export_id=export.id, position=0, content=CONTENT.encode()),
        ]
    )
    for name, thing, key in (
        ("name", AuditThing.CONTACT, contact.id),
        ("name", AuditThing.ACCOUNT, account.id),
        ("pattern", AuditThing.RULE, 1),
    ):
        value = {"name": NAME, "pattern": ADDRESS}[name]
        made, by = AuditAction.CHANGED, firm.an.id
        add_entry(session, thing, key, made, NOW, by=by, after={name: value, "tier": "vip"})


def _train(session: Session, data_dir: Path) -> None:
    """Keep a model that has learned the person's words, here and in the database."""
    words = sorted({TEXT, WEIGHED, "giao", "xin", f"{TEXT} & giao", f"{TEXT} can", "~qzk"})
    head = Head(
        ("billing_payment", "order_delivery"),
        np.ones((len(words), 2), np.float32),
        np.array((1.0, 0.0), np.float32),
        1.0,
    )
    model = TriageModel(Features(words, np.ones(len(words), np.float32)), head)
    folder = data_dir / "made"
    sha256 = model.save(folder)
    arrays, described = ((folder / name).read_bytes() for name in (files.ARRAYS, files.META))
    for one in folder.iterdir():
        one.unlink()
    folder.rmdir()
    home = folder_of(data_dir, sha256)
    put_files(home, arrays, described)
    made = versions.Made(sha256, str(home), arrays, described, "0" * 64, None)
    versions.promote(
        session, versions.add_version(session, made, NOW), by=None, now=NOW, reason="thử"
    )


def make_other(session: Session, firm: Firm) -> int:
    """Let somebody else write, in whose conversation nothing may change; return its number."""
    text = "Đơn hàng 123 của tôi giao tới đâu rồi?"
    return arrive(session, firm, make_message(text, from_address="minh@khac.example"))


def join_in(session: Session, firm: Firm, number: int, contact_id: int) -> None:
    """Let the person write in somebody else's conversation, where they are quoted."""
    mail = messages_of(session, number)[0]
    plain = mail.model_dump(exclude={"id", "raw_id", "email_message_id", "client_key"})
    theirs = plain | {"contact_id": contact_id, "text": TEXT, "visible_text": TEXT}
    quoting = plain | {"text": f"Vâng.\n> {TEXT}", "visible_text": "Vâng."}
    for values in (theirs, quoting):
        session.add(type(mail)(**values))
    session.flush()


__all__ = ["CANARIES", "ChannelKind", "join_in", "make_other", "make_person"]
