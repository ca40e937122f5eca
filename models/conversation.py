"""A conversation and what happened to it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field

from models.base import Table, json_column, stored_as_value
from models.inbox import ChannelKind


class Status(StrEnum):
    """Where a conversation stands."""

    OPEN = "open"
    WAITING = "waiting"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    SPAM = "spam"
    MERGED = "merged"


class Urgency(StrEnum):
    """How soon it hurts; P4 to P1 on screen."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


URGENCY_RANK = {Urgency.URGENT: 0, Urgency.HIGH: 1, Urgency.NORMAL: 2, Urgency.LOW: 3}
"""The order inside one due time; one more is the priority on screen (P1 to P4)."""


class Triage(StrEnum):
    """Who says what type and urgency it is: the model, or a person."""

    AUTO = "auto"
    NEEDS_REVIEW = "needs_review"
    CONFIRMED = "confirmed"
    CORRECTED = "corrected"


class SLAState(StrEnum):
    """How the promise stands."""

    ON_TIME = "on_time"
    WARNED = "warned"
    BREACHED = "breached"
    PAUSED = "paused"
    NONE = "none"


class EventKind(StrEnum):
    """What can happen to a conversation."""

    RECEIVED = "received"
    SORTED = "sorted"
    ASSIGNED = "assigned"
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGEMENT_WITHHELD = "acknowledgement_withheld"
    REPLIED = "replied"
    REPLY_FAILED = "reply_failed"
    NOTED = "noted"
    CORRECTED = "corrected"
    CONFIRMED = "confirmed"
    CLASSED = "classed"  # the customer's tier or the product group was said
    PROMISED_AGAIN = "promised_again"
    PROMISE_BROKEN = "promise_broken"  # the time passed, and the customer was told so
    CLOCK_STARTED = "clock_started"
    CLOCK_MET = "clock_met"
    WARNED = "warned"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    HINTED = "hinted"
    THANKED = "thanked"  # a message only thanked; or a person said that it did not
    MARKED_SPAM = "marked_spam"
    RESTORED = "restored"  # it was no spam
    REREAD = "reread"  # a later message reads as another type; or what a person said of that
    RULED = "ruled"  # which rule holds from now on: policy, calendar, targets
    ASKED = "asked"  # the customer wrote again
    WAITED = "waited"  # a wait or snooze began: reason, until
    RESUMED = "resumed"
    EXCUSED = "excused"  # no answer is owed, for a stated reason
    FOLLOWED_UP = "followed_up"
    COVERED = "covered"  # the backup took over, or it was given back
    PASSED_ON = "passed_on"
    DEPARTMENT_ASKED = "department_asked"
    DEPARTMENT_ANSWERED = "department_answered"
    MERGED = "merged"  # one with another: on both
    UNMERGED = "unmerged"
    SPLIT = "split"  # messages went into another (into), or came from one (number)
    KEPT_APART = "kept_apart"  # two matters, a person said: not proposed as one again
    TAKEN_NOTE = "taken_note"  # "I have it": an alert was taken note of
    RESCHEDULED = "rescheduled"  # the working hours changed under it
    MAIL_STOPPED = "mail_stopped"  # an automatic mail did not leave: kind, reason
    MAIL_RETRIED = "mail_retried"  # a person had it sent again, or taken back
    ADDRESS_BOUNCED = "address_bounced"  # nothing automatic goes there any more
    IMPORTED = "imported"  # from a file of earlier mail; starts no clock
    ADDRESS_CLEARED = "address_cleared"  # a person said that it works again
    REPLY_UNDONE = "reply_undone"  # an answer was taken back before it left: it was never given
    TAGGED = "tagged"
    UNTAGGED = "untagged"
    FILLED = "filled"  # an own field was given a value
    UNDONE = "undone"  # what was done at a moment (of) was taken back: action
    REPLY_PLANNED = "reply_planned"  # it is to leave later (at), or not any more (what)
    REPLY_HELD = "reply_held"  # one that was to leave now did not: why
    FORWARDED = "forwarded"  # to somebody outside: to, mail
    MENTIONED = "mentioned"  # in a note: whom it told, and whom it could not
    RATED = "rated"  # the customer said how we did: score
    BEGUN = "begun"  # one of us wrote first: no first answer is owed
    GAVE_WORD = "gave_word"  # an answer named a time for the next one: until


SIGNS = "status = 'open' AND (asked_again > 0 OR reopened > 0 OR passed_on > 1)"
"""Open, and something went wrong before: what ``ix_conversations_signs`` holds."""


UNKEPT = "status = 'open' AND first_responded_at IS NULL AND expected_at IS NULL"
"""Nobody has answered, and nobody has said sorry: what ``ix_conversations_unkept`` holds."""


class Conversation(Table, table=True):
    """Everything said with one contact about one matter, in one inbox. Its id is its number.

    A ``*_due_at`` is when the policy says a thing must have happened, a ``*_at`` when it
    did; all UTC. ``next_due_at`` is the live reply clock's due time, or None when no reply is
    owed. ``order_at`` is what the list sorts by: ``next_due_at``, else a far date, never null.
    ``promised_at`` is what the customer was told and is kept even when due moves;
    ``expected_at`` the later time that they were told once that had passed.
    ``version`` grows with each change, so that a stale page can be told.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        # team and owner at its end: what a person may not see is passed over in the index.
        Index(
            "ix_conversations_list",
            *("status", "order_at", "urgency_rank", "id", "team_id", "owner_id"),
        ),
        Index("ix_conversations_order", "order_at", "urgency_rank", "id"),
        Index("ix_conversations_team_list", "team_id", "status", "order_at", "id"),
        Index("ix_conversations_owner_list", "owner_id", "status", "order_at", "id"),
        Index("ix_conversations_contact", "contact_id", "id"),
        Index(
            "ix_conversations_account",
            *("account_id", "status", "order_at", "id"),
            sqlite_where=text("account_id IS NOT NULL"),
            postgresql_where=text("account_id IS NOT NULL"),
        ),
        Index(
            "ix_conversations_review",
            "order_at",
            "id",
            sqlite_where=text("triage = 'needs_review' AND status = 'open'"),
            postgresql_where=text("triage = 'needs_review' AND status = 'open'"),
        ),
        Index(
            "ix_conversations_resolved",
            "resolved_at",
            sqlite_where=text("status = 'resolved'"),
            postgresql_where=text("status = 'resolved'"),
        ),
        Index(
            "ix_conversations_waiting",
            "waiting_until",
            sqlite_where=text("waiting_until IS NOT NULL"),
            postgresql_where=text("waiting_until IS NOT NULL"),
        ),
        # The review page, most valuable first.
        Index(
            "ix_conversations_worth",
            *("review_worth", "id"),
            sqlite_where=text("triage = 'needs_review' AND status = 'open'"),
            postgresql_where=text("triage = 'needs_review' AND status = 'open'"),
        ),
        Index(
            "ix_conversations_spam_at",
            *("spam_at", "id"),
            sqlite_where=text("spam_at IS NOT NULL"),
            postgresql_where=text("spam_at IS NOT NULL"),
        ),
        Index(
            "ix_conversations_thanked_at",
            *("thanked_at", "id"),
            sqlite_where=text("thanked_at IS NOT NULL"),
            postgresql_where=text("thanked_at IS NOT NULL"),
        ),
        # The list of one product group.
        Index(
            "ix_conversations_product",
            *("product_group", "status", "order_at", "urgency_rank", "id"),
            sqlite_where=text("product_group IS NOT NULL"),
            postgresql_where=text("product_group IS NOT NULL"),
        ),
        # What saved views ask for most (inbox.listing.filters).
        Index(
            "ix_conversations_type_list",
            *("request_type", "status", "order_at", "urgency_rank", "id"),
        ),
        Index(
            "ix_conversations_inbox_list",
            *("inbox_id", "status", "order_at", "urgency_rank", "id"),
        ),
        Index("ix_conversations_urgency_list", "urgency_rank", "status", "order_at", "id"),
        # What waits for somebody of a team to be there.
        Index(
            "ix_conversations_unowned",
            *("team_id", "status", "order_at"),  # status: or the team's whole list is preferred
            sqlite_where=text("owner_id IS NULL AND status = 'open'"),
            postgresql_where=text("owner_id IS NULL AND status = 'open'"),
        ),
        # The list of what nobody owns.
        Index(
            "ix_conversations_unassigned",
            *("status", "order_at", "urgency_rank", "id"),
            sqlite_where=text("owner_id IS NULL"),
            postgresql_where=text("owner_id IS NULL"),
        ),
        Index(
            "ix_conversations_merged_into",
            "merged_into_id",
            sqlite_where=text("merged_into_id IS NOT NULL"),
            postgresql_where=text("merged_into_id IS NOT NULL"),
        ),
        Index(
            "ix_conversations_split_from",
            "split_from_id",
            sqlite_where=text("split_from_id IS NOT NULL"),
            postgresql_where=text("split_from_id IS NOT NULL"),
        ),
        Index(
            "ix_conversations_covered",
            "covered_for_id",
            sqlite_where=text("covered_for_id IS NOT NULL"),
            postgresql_where=text("covered_for_id IS NOT NULL"),
        ),
        Index(
            "ix_conversations_unkept",
            "promised_at",
            sqlite_where=text(UNKEPT),
            postgresql_where=text(UNKEPT),
        ),
        # Few open ones show an early sign; inbox.store.now asks by the same words.
        Index(
            "ix_conversations_signs",
            "team_id",
            "order_at",
            sqlite_where=text(SIGNS),
            postgresql_where=text(SIGNS),
        ),
        {"sqlite_autoincrement": True},
    )

    public_token: str = Field(unique=True)
    inbox_id: int = Field(foreign_key="inboxes.id")
    contact_id: int = Field(foreign_key="contacts.id")
    account_id: int | None = Field(default=None, foreign_key="accounts.id")  # the contact's
    channel: ChannelKind = Field(sa_type=stored_as_value(ChannelKind))
    subject: str = ""
    language: str = "vi"
    status: Status = Field(default=Status.OPEN, sa_type=stored_as_value(Status))

    request_type: str = Field(foreign_key="request_types.key")
    request_type_confidence: float = 0.0
    second_type: str | None = None
    urgency: Urgency = Field(default=Urgency.NORMAL, sa_type=stored_as_value(Urgency))
    urgency_rank: int = 2  # 0 urgent … 3 low: sorts inside one due time
    urgency_confidence: float = 0.0
    triage: Triage = Field(default=Triage.NEEDS_REVIEW, sa_type=stored_as_value(Triage))
    review_worth: float = 0.0  # how much it helps to ask a person (triage.worth)

    team_id: int | None = Field(default=None, foreign_key="teams.id")
    owner_id: int | None = Field(default=None, foreign_key="agents.id")

    first_response_due_at: datetime | None = None
    next_response_due_at: datetime | None = None
    resolution_due_at: datetime | None = None
    next_due_at: datetime | None = None
    order_at: datetime
    promised_at: datetime | None = None
    expected_at: datetime | None = None
    sla_state: SLAState = Field(default=SLAState.NONE, sa_type=stored_as_value(SLAState))

    product_group: str | None = None
    waiting_until: datetime | None = None  # of a wait or a snooze
    wait_reason: str = ""  # sla.history.Wait, or "" when nothing waits
    followed_up_at: datetime | None = None
    covered_for_id: int | None = Field(default=None, foreign_key="agents.id")
    passed_on: int = 0
    reopened: int = 0  # how often it was done and is open again
    asked_again: int = 0
    thanked_at: datetime | None = None  # its last message, which only thanked
    spam_at: datetime | None = None  # when it was last set apart; kept when it is restored
    proposed_type: str | None = None  # what a later message surely reads as, until decided
    last_message_id: int | None = None
    # The one that it was merged into, while its status is merged; chains are followed.
    merged_into_id: int | None = Field(default=None, foreign_key="conversations.id")
    merged_at: datetime | None = None
    # The one that its first messages came to; they are its own now.
    split_from_id: int | None = Field(default=None, foreign_key="conversations.id")
    created_at: datetime
    read_at: datetime | None = None
    last_inbound_at: datetime | None = None
    first_responded_at: datetime | None = None
    resolved_at: datetime | None = None
    erased_at: datetime | None = None  # its words were taken away (inbox.privacy)
    version: int = 1


class Event(Table, table=True):
    """One thing that happened to a conversation; never deleted, and changed by erasure only.

    That takes people's words out of ``data``, each time with a row of ``redactions``; kind,
    time and numbers stay (``inbox.privacy``). Where something changed, ``data`` has ``from``
    and ``to``: values by field.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_conversation", "conversation_id", "id"),
        Index("ix_events_at", "at", "id"),
        Index(
            "ix_events_actor",
            *("actor_id", "at", "id"),
            sqlite_where=text("actor_id IS NOT NULL"),
            postgresql_where=text("actor_id IS NOT NULL"),
        ),
    )

    conversation_id: int = Field(foreign_key="conversations.id")
    kind: EventKind = Field(sa_type=stored_as_value(EventKind))
    at: datetime
    actor_id: int | None = Field(default=None, foreign_key="agents.id")
    data: dict[str, Any] = Field(default={}, sa_column=json_column())
