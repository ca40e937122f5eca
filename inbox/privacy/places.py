"""Where people's words are kept: one line for each column that may hold any.

Erasure walks through ``PLACES``. A column of text, JSON or bytes that is in neither ``PLACES``
nor ``FREE`` fails ``tests/unit/test_places.py``: whoever adds one says here what becomes of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlmodel import SQLModel

import models as m
from models import EventKind


class Whose(StrEnum):
    """By which of a person's keys a place's rows are found (``subjects.Subject``)."""

    CONTACTS = "contacts"
    NUMBERS = "numbers"  # of their conversations
    TOUCHED = "touched"  # those, and other people's in which they wrote
    MESSAGES = "messages"  # of their conversations, and theirs elsewhere
    QUOTING = "quoting"  # others' messages where they wrote, which may quote them
    RAWS = "raws"
    ADDRESSES = "addresses"
    BLOBS = "blobs"
    ACCOUNTS = "accounts"  # that are nobody but this person
    EXPORTS = "exports"


@dataclass(frozen=True, slots=True)
class Place:
    """Columns that hold people's words, and what is put there instead.

    ``by`` is the column that says whose a row is, and by which keys. Nothing in ``put``: the
    whole row goes. ``by`` empty: ``words`` are taken out by a function of ``inbox.privacy``,
    which ``how`` names.
    """

    table: type[SQLModel]
    words: tuple[str, ...]
    by: tuple[tuple[str, Whose], ...] = ()
    put: Mapping[str, Any] = field(default_factory=dict)
    how: str = ""

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.__tablename__)


def _gone(table: type[SQLModel], *by: tuple[str, Whose], words: tuple[str, ...] = ()) -> Place:
    return Place(table, words, by)


def _emptied(table: type[SQLModel], by: tuple[str, Whose], **put: Any) -> Place:
    return Place(table, tuple(put), (by,), put)


def _apart(table: type[SQLModel], how: str, *words: str) -> Place:
    return Place(table, words, how=how)


# In the order of walking: what refers to a row goes before it.
PLACES: tuple[Place, ...] = (
    _gone(m.PersonExportPart, ("export_id", Whose.EXPORTS), words=("content",)),
    _gone(
        m.Attachment,
        ("message_id", Whose.MESSAGES),
        words=("blob_id", "filename", "content_type", "content_id"),
    ),
    _gone(
        m.AccountFile,
        ("contact_id", Whose.CONTACTS),
        ("account_id", Whose.ACCOUNTS),
        words=("blob_id", "filename", "content_type"),
    ),
    _gone(m.Blob, ("id", Whose.BLOBS), words=("id", "sha256", "content")),
    _gone(
        m.StagedFile,
        ("conversation_id", Whose.NUMBERS),
        words=("token", "filename", "content_type", "content"),
    ),
    _gone(
        m.Draft,
        ("conversation_id", Whose.NUMBERS),
        words=("text", "cc", "bcc", "to_address", "files", "other_text"),
    ),
    _gone(
        m.PlannedAnswer,
        ("conversation_id", Whose.NUMBERS),
        words=("text", "cc", "bcc", "files", "to_address"),
    ),
    _gone(
        m.AccountNote,
        ("contact_id", Whose.CONTACTS),
        ("account_id", Whose.ACCOUNTS),
        words=("text",),
    ),
    _gone(
        m.Reminder,
        ("conversation_id", Whose.NUMBERS),
        ("account_id", Whose.ACCOUNTS),
        words=("text",),
    ),
    _emptied(m.Satisfaction, ("conversation_id", Whose.NUMBERS), comment=""),
    _gone(
        m.Call,
        ("message_id", Whose.MESSAGES),
        words=("call_id", "number", "recording", "note"),
    ),
    _emptied(m.Milestone, ("conversation_id", Whose.NUMBERS), title=""),
    _emptied(m.Milestone, ("account_id", Whose.ACCOUNTS), title=""),
    _gone(m.MessageHtml, ("message_id", Whose.MESSAGES), words=("html",)),
    _gone(m.MessageHtml, ("message_id", Whose.QUOTING)),
    _emptied(
        m.Message,
        ("id", Whose.MESSAGES),
        text="",
        visible_text="",
        notes=[],
        authentication={},
        sender_address="",
        email_message_id=None,
        client_key=None,
    ),
    _emptied(m.RawMessage, ("id", Whose.RAWS), body=b"", meta={}, public_token=None, error=""),
    _emptied(m.Ask, ("conversation_id", Whose.NUMBERS), question="", answer=""),
    _emptied(m.Conversation, ("id", Whose.NUMBERS), subject=""),
    _gone(m.OwnValue, ("conversation_id", Whose.NUMBERS), words=("text", "folded")),
    _gone(m.SearchDoc, ("conversation_id", Whose.TOUCHED), words=("words",)),
    _gone(
        m.SearchName,
        ("contact_id", Whose.CONTACTS),
        ("account_id", Whose.ACCOUNTS),
        words=("words",),
    ),
    _gone(
        m.MessengerFile,
        ("message_id", Whose.MESSAGES),
        words=("reference", "filename", "content_type"),
    ),
    _gone(m.MessengerPerson, ("value", Whose.ADDRESSES), words=("value",)),
    _gone(
        m.MessengerPiece,
        ("value", Whose.ADDRESSES),
        words=("value", "reference", "failed"),
    ),
    _gone(m.ContactIdentity, ("contact_id", Whose.CONTACTS), words=("kind", "value")),
    _emptied(m.Contact, ("id", Whose.CONTACTS), name="", language="", position=""),
    _emptied(
        m.Account,
        ("id", Whose.ACCOUNTS),
        name="",
        folded="",
        reference=None,
        language="",
        fields={},
    ),
    _gone(m.ContactJoin, ("kept_id", Whose.CONTACTS), words=("state", "reason", "moved")),
    _gone(m.ContactJoin, ("joined_id", Whose.CONTACTS)),
    _gone(
        m.AddressMark,
        ("address", Whose.ADDRESSES),
        words=("address", "code", "said", "lift_reason"),
    ),
    _gone(m.MailRule, ("pattern", Whose.ADDRESSES), words=("pattern", "reason")),
    _apart(m.RawMessage, "raws", "dedupe_key"),
    _apart(m.Message, "quotes", "text"),
    _apart(m.Conversation, "links", "public_token"),
    _apart(m.Outbox, "mails", "to_address", "mail", "error", "receipt", "copies"),
    _apart(m.SinkMail, "sink", "to_address", "from_address", "body"),
    _apart(m.LedgerEntry, "ledger", "sender", "subject", "reason"),
    _apart(m.AlertMessage, "alerts", "facts", "error"),
    _apart(m.Notice, "notices", "data"),
    _apart(m.IdempotencyKey, "answers", "path", "body", "location"),
    _apart(m.Event, "trail", "data"),
    _apart(m.AuditEntry, "trail", "thing_id", "before", "after"),
    _apart(m.SheetRow, "sheets", "cells", "says", "wrong"),
    _apart(m.SheetFile, "sheets", "body"),
    _apart(m.SheetImport, "sheets", "filename", "error"),
    _apart(m.TriagePrediction, "learning", "why", "product_why"),
    _apart(m.MessageCode, "learning", "code"),
    _apart(m.TriageModelVersion, "models", "path", "sha256"),
    _apart(m.TriageModelFiles, "models", "arrays", "described"),
)

FREE: Mapping[str, frozenset[str]] = {
    "form_fields": frozenset({"request_type"}),
    "satisfaction": frozenset({"request_type"}),
    # What is ours: names of people inside, settings, keys, sealed secrets, hashes, codes.
    "accounts": frozenset({"tier", "product_groups"}),  # a company's name is no person's
    "account_figures": frozenset({"reasons", "place"}),
    "absences": frozenset({"note"}),
    "agents": frozenset(
        {"email", "name", "password_hash", "language", "theme", "skills", "alerts"}
        | {"day_mail_on", "signature", "time_zone", "density"}
    ),
    "alert_messages": frozenset({"way", "address"}),
    "api_tokens": frozenset({"name", "token_hash"}),
    "audit_seals": frozenset({"source", "rows", "hash"}),
    "blocks": frozenset({"value"}),  # whom we do not hear is kept, as an objection is
    "calendar_feeds": frozenset({"token_hash"}),
    "calendar_versions": frozenset({"spec"}),
    "calendars": frozenset({"name", "spec"}),
    "chat_letters": frozenset({"reason"}),
    "company": frozenset({"name", "time_zone", "language", "instance_id", "settings"}),
    "contacts": frozenset({"tier"}),
    "conversations": frozenset(
        {"language", "request_type", "second_type", "product_group", "wait_reason"}
        | {"proposed_type"}
    ),
    "corrections": frozenset({"field", "old", "new"}),
    "counters": frozenset({"key"}),  # hashes and places in the net, for two days at most
    "deeds": frozenset({"action", "did", "said"}),  # numbers, ids and names of ours
    "dkim_keys": frozenset({"domain", "selector", "private_key", "public_key", "problem"}),
    "drafts": frozenset({"kind", "page"}),
    "planned_answers": frozenset({"then", "held_why"}),
    "domain_paces": frozenset({"domain"}),  # for as long as its servers are slow
    "erased_addresses": frozenset({"mark"}),
    "erasures": frozenset({"reason", "error", "counts", "checked"}),
    "escalation_steps": frozenset({"step", "audience"}),
    "house_edition": frozenset({"word"}),
    "idempotency_keys": frozenset({"key", "fingerprint"}),
    "inboxes": frozenset({"handle", "name", "settings"}),
    "ladders": frozenset({"name", "steps"}),
    "legal_holds": frozenset({"reason"}),
    "login_sessions": frozenset({"id"}),
    "looks": frozenset({"what"}),
    "macro_runs": frozenset({"before"}),  # codes and ids, for a day at most
    "macros": frozenset({"name", "folded", "texts", "does"}),
    "mail_words": frozenset({"kind", "language", "subject", "text"}),
    "mail_senders": frozenset({"host", "username", "password", "last_error"}),
    "mailboxes": frozenset(
        {"host", "username", "password", "folder", "left", "last_error", "token_url"}
        | {"client_id", "client_secret", "scope", "access_token", "sent_folder", "sent"}
        | {"tally"}
    ),
    "message_labels": frozenset({"request_type"}),
    "messengers": frozenset(
        {"account", "account_name", "facts", "secrets", "access_token", "last_error"}
    ),
    "milestone_steps": frozenset({"step", "audience"}),
    "milestone_templates": frozenset({"title"}),
    "notices": frozenset({"step", "audience", "kind", "told_by"}),
    "one_time_tokens": frozenset({"token_hash", "purpose"}),
    "outbox": frozenset({"email_message_id"}),  # ours, random
    "outlooks": frozenset({"data"}),
    "own_fields": frozenset({"name", "folded", "choices"}),
    "own_calendars": frozenset({"sealed", "host", "error"}),
    "person_exports": frozenset({"sha256", "error", "counts"}),
    "product_groups": frozenset({"name", "terms"}),
    "push_browsers": frozenset({"mark", "sealed", "service", "name"}),
    "redactions": frozenset({"source", "before_hash", "after_hash"}),
    "rehearsals": frozenset({"draft", "error", "result"}),
    "report_days": frozenset({"dimension", "value", "channel", "answered_in", "solved_in"}),
    "report_facts": frozenset({"request_type", "channel", "tier", "cause"}),
    "reminders": frozenset({"ended_as"}),
    "request_types": frozenset({"key", "name_vi", "name_en", "heir_key"}),
    "retention_runs": frozenset({"numbers"}),
    "saved_views": frozenset({"name", "filters"}),
    "saved_replies": frozenset({"name", "shortcut", "folded", "texts"}),
    "shadow_predictions": frozenset({"request_type", "urgency", "live_type", "live_urgency"}),
    "sheet_imports": frozenset({"encoding", "columns", "counts"}),
    "sla_clocks": frozenset({"policy", "pauses", "excuse"}),
    "sla_policies": frozenset({"name", "request_type", "tier", "channel", "product_group"}),
    "swaps": frozenset({"note"}),
    "tags": frozenset({"name", "folded"}),
    "teams": frozenset({"name", "department", "gives_by"}),
    "triage_model_versions": frozenset(
        {"name", "metrics", "data_sha256", "outcomes", "problem"}
    ),
    "triage_predictions": frozenset(
        {"request_type", "urgency", "urgency_reason", "candidates"}
    ),
    "triage_reviews": frozenset({"undo"}),
    "triage_samples": frozenset({"language"}),
    "triage_trainings": frozenset({"reason", "step", "lease", "error", "result"}),
    "webhooks": frozenset({"name", "url", "kinds", "secret", "old_secret", "last_error"}),
    # Codes and numbers (inbox.hooks.payload), and what another system said to them; a week.
    "webhook_deliveries": frozenset({"event_id", "kind", "details", "body", "answer", "error"}),
}

# ---- the trail -------------------------------------------------------------------------

_STATED = frozenset({"reason"})
WORDS_OF_EVENTS: Mapping[EventKind, frozenset[str]] = {
    EventKind.NOTED: frozenset({"text"}),
    EventKind.COVERED: frozenset({"text"}),
    EventKind.PASSED_ON: frozenset({"text"}),
    EventKind.CLASSED: frozenset({"term"}),
    EventKind.REPLY_FAILED: _STATED,
    EventKind.MAIL_RETRIED: _STATED,
    EventKind.ADDRESS_BOUNCED: frozenset({"address", "said"}),
    EventKind.ADDRESS_CLEARED: frozenset({"address", "reason"}),
    EventKind.FILLED: frozenset({"new"}),
    EventKind.FORWARDED: frozenset({"to"}),
}
"""Which entries of an event's data people wrote. Everything else of it is ours: codes, names
of rules, teams and types, numbers and times, from which clocks and reports follow."""

PLAIN_EVENTS = frozenset(
    {
        *(EventKind.RECEIVED, EventKind.SORTED, EventKind.ASSIGNED, EventKind.ACKNOWLEDGED),
        *(EventKind.ACKNOWLEDGEMENT_WITHHELD, EventKind.REPLIED, EventKind.CORRECTED),
        *(EventKind.CONFIRMED, EventKind.PROMISED_AGAIN, EventKind.PROMISE_BROKEN),
        *(EventKind.CLOCK_STARTED, EventKind.CLOCK_MET, EventKind.WARNED),
        *(EventKind.ESCALATED, EventKind.RESOLVED, EventKind.REOPENED, EventKind.HINTED),
        *(EventKind.THANKED, EventKind.MARKED_SPAM, EventKind.RESTORED, EventKind.REREAD),
        *(EventKind.RULED, EventKind.ASKED, EventKind.WAITED, EventKind.RESUMED),
        *(EventKind.EXCUSED, EventKind.FOLLOWED_UP, EventKind.DEPARTMENT_ASKED),
        *(EventKind.DEPARTMENT_ANSWERED, EventKind.MERGED, EventKind.UNMERGED),
        *(EventKind.SPLIT, EventKind.KEPT_APART, EventKind.TAKEN_NOTE, EventKind.RESCHEDULED),
        *(EventKind.MAIL_STOPPED, EventKind.IMPORTED, EventKind.GAVE_WORD),
        *(EventKind.REPLY_UNDONE, EventKind.REPLY_PLANNED, EventKind.REPLY_HELD),
        EventKind.MENTIONED,
        EventKind.BEGUN,
        *(EventKind.UNDONE, EventKind.TAGGED, EventKind.UNTAGGED, EventKind.RATED),
    }
)
"""Kinds whose data nobody outside wrote."""
