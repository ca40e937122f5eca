"""What templates receive: everything decided and formatted, nothing left to look up."""

from dataclasses import dataclass, field

from inbox.store.counts import NavCounts
from inbox.store.marks import NO_MARKS, Marks
from inbox.views.models_views import CallShown, ViewItem


@dataclass(frozen=True, slots=True)
class Sla:
    """A deadline as shown; ``state`` is ok, soon, late, paused, met, met-late or none."""

    state: str
    text: str
    iso: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """A colleague as shown."""

    initial: str
    name: str
    is_me: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation in a list."""

    number: int
    channel: str
    contact_name: str
    subject: str
    sla: Sla
    request_type_name: str
    triage: str
    sureness: str
    second_type_name: str
    priority: int
    owner: Owner | None
    unread: bool
    current: bool
    reasons: str
    asked_again: int
    excerpt: str = ""
    account_name: str = ""  # where it is not the contact's own
    draft: bool = False  # whoever looks has begun to write in it


@dataclass(frozen=True, slots=True)
class Present:
    """Colleagues who are before a conversation just now."""

    number: int
    text: str
    initial: str  # of the first of them
    writes: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A heading of the list with its rows."""

    key: str
    title: str
    items: list[Row]
    count: str


@dataclass(frozen=True, slots=True)
class ScopeCounts:
    """How many are mine, how many the team's."""

    mine: str
    team: str
    asked: str = "0"  # questions of other teams to ours


@dataclass(frozen=True, slots=True)
class ListPage:
    """The list."""

    scope: str
    counts: ScopeCounts
    groups: list[Group]
    next_cursor: str | None
    version: str
    after: str | None = None
    dates: "Dates | None" = None  # of one's own until the end of the day, above one's list
    query: str = ""  # "?…" of its first page, or ""
    at: str = ""  # when it was made, ISO
    name: str = ""  # of the saved view that it is
    state: str = ""  # waiting, snoozed or resolved, where it is asked for
    is_filtered: bool = False
    is_partial: bool = False  # it stopped looking before it was full
    views: list[ViewItem] = field(default_factory=list)
    rail: NavCounts | None = None  # for the page around it, read with the list


@dataclass(frozen=True, slots=True)
class MailShown:
    """How far a mail has come: a state as a key and in words, and what else is known.

    ``number`` is of the conversation whose mail it is; 0 for what is no mail.
    """

    id: int
    number: int
    state: str
    text: str
    lines: list[str] = field(default_factory=list)
    may_retry: bool = False
    may_cancel: bool = False
    is_doubtful: bool = False  # it may have arrived: sending it again may double it
    undo: str = ""  # where its writer, ``undo_by``, takes it back before it leaves
    undo_by: int = 0


@dataclass(frozen=True, slots=True)
class Banner:
    """An address that mail cannot be delivered to, and what the server said."""

    address: str
    text: str
    said: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One message (kind in, out, note, auto) or event of a conversation."""

    kind: str
    id: str
    at_text: str
    at_iso: str
    author: str = ""
    initial: str = ""
    via_icon: str = ""
    via_text: str = ""
    paragraphs: list[list[str]] = field(default_factory=list)
    hidden: list[list[str]] = field(default_factory=list)
    hidden_lines: int = 0
    files: list[tuple[str, str, str]] = field(default_factory=list)
    delivery: str | None = None
    delivery_text: str = ""
    icon: str = ""
    level: str = ""
    text: str = ""
    is_chat: bool = False
    call: CallShown | None = None
    design: str = ""  # where the mail is shown as its sender laid it out
    remote_images: int = 0
    mail: MailShown | None = None
    sender: str = ""  # what the receiving server says of who sent it
    beware: bool = False  # it says that it may be forged


@dataclass(frozen=True, slots=True)
class Deadline:
    """A clock of the side panel."""

    label: str
    sla: Sla
    percent: int | None
    detail: str
    why_steps: list[str]
    coming: list[str] = field(default_factory=list)  # what the ladder will still do
    fired: list[str] = field(default_factory=list)  # what it did, and whom it told


@dataclass(frozen=True, slots=True)
class ContactCard:
    """Who writes."""

    name: str
    initial: str
    address: str
    phone: str
    language_name: str
    since_text: str
    other_open: list[tuple[int, str, bool]]  # the last: it looks like the same matter
    address_note: str = ""
    dial: str = ""  # what a link to the number takes
    tier: str = ""  # empty: the standard one


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody to give a conversation to; ``open_text`` is how much they have."""

    id: int
    name: str
    initial: str
    on_duty: bool
    open_text: str
    current: bool
    is_me: bool


@dataclass(frozen=True, slots=True)
class Hint:
    """Perhaps it belongs to another conversation."""

    number: int
    text: str
    may_merge: bool = False  # with that one; a form for it is shown


@dataclass(frozen=True, slots=True)
class Alike:
    """An answered conversation that began much the same, with the answer that helped."""

    number: int
    subject: str
    likeness: int  # percent
    answer: str


@dataclass(frozen=True, slots=True)
class AskItem:
    """A question to another team as shown; ``state`` says in words how it stands."""

    id: int
    number: int
    subject: str
    team: str
    asker: str
    question: str
    due: Sla
    state: str
    answer: str
    is_open: bool
    is_ours: bool  # to answer
    is_taken: bool
    may_withdraw: bool


@dataclass(frozen=True, slots=True)
class CustomerShort:
    """A conversation's customer in short; ``files`` are (blob, name, when), the newest."""

    path: str  # of the person's page
    account_path: str = ""  # empty: of no account
    account_name: str = ""
    status: str = ""
    keepers: str = ""  # who looks after the account
    care: str = ""  # why it needs care
    notes: list[tuple[str, str]] = field(default_factory=list)  # text, by whom and when
    files: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DateItem:
    """One date; ``kind`` is milestone or reminder, ``about`` what it is about elsewhere."""

    kind: str
    id: int
    title: str
    due: Sla
    state: str  # "" while it is to come
    who: str
    about: str
    href: str
    is_public: bool
    is_open: bool
    may_change: bool


@dataclass(frozen=True, slots=True)
class Dates:
    """The dates of a place; ``path`` is its page, ``add`` the page that plans more."""

    path: str
    add: str
    items: list[DateItem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DraftShown:
    """A draft of whoever looks. ``about`` says when, and whether it is older than what came.

    ``other`` is what another of their devices had written, ``other_about`` when.
    """

    kind: str
    text: str
    version: int
    about: str
    other: str = ""
    other_about: str = ""


@dataclass(frozen=True, slots=True)
class PlannedShown:
    """An answer that leaves later; ``held`` is why it did not."""

    id: int
    text: str
    at_text: str
    at_local: str  # as a field for a time has it
    who: str
    is_mine: bool
    held: str = ""


@dataclass(slots=True)
class ConversationPage:
    """One conversation, complete."""

    number: int
    channel: str
    subject: str
    status: str
    status_text: str
    sla: Sla
    request_type_name: str
    triage: str
    sureness: str
    second_type_name: str
    priority: int
    owner: Owner | None
    contact: ContactCard
    messages: list[Entry]
    deadlines: list[Deadline]
    policy_text: str
    promise_text: str
    owner_reason: str
    team_name: str
    backup_name: str
    types: list[tuple[str, str, int | None, bool]]
    urgencies: list[tuple[str, int, bool]]
    why: list[str]
    why_rule: str
    model_text: str
    seen: int
    key: str
    hint: Hint | None
    can_reply: bool
    cannot_reply_reason: str
    draft: str = ""
    kind: str = "reply"
    error: str = ""
    collision: str = ""
    reply_hint: str = ""
    by_mail: bool = False  # an answer goes out by mail: copies and files may go with it
    cc: str = ""
    bcc: str = ""
    word: str = ""  # times as they were typed, where the composer is shown again
    remind: str = ""
    kept: list[tuple[str, str, str]] = field(default_factory=list)  # files: token, name, size
    to: str = ""  # another address of the contact's
    others: list[tuple[str, str]] = field(default_factory=list)  # other ways: value, words
    own_way: str = ""  # a messenger's: how an answer goes by itself; "" where it cannot
    closed: str = ""  # why it goes another way than by itself
    known: list[str] = field(default_factory=list)  # addresses that copies may go to
    quotes: bool = True  # what is answered stands below
    send_at: str = ""
    drafts: dict[str, DraftShown] = field(default_factory=dict)  # by kind
    planned: list[PlannedShown] = field(default_factory=list)
    marks: Marks = NO_MARKS  # tags, own fields, following
    anyway: bool = False  # it is asked whether to send to an address that takes no mail
    bounced: list[Banner] = field(default_factory=list)
    owner_id: int = 0
    choices: list[Choice] = field(default_factory=list)
    owes: bool = False  # an answer; ending that needs one of the reasons
    reasons: list[tuple[str, str]] = field(default_factory=list)
    waits: bool = False
    until_text: str = ""
    product_group: str = ""
    alerts: int = 0  # that whoever looks was told, and did not take note of
    asks: list[AskItem] = field(default_factory=list)
    dates: Dates | None = None  # milestones and reminders, where one may set them
    cover_text: str = ""  # who is away and who covers
    is_thanked: bool = False  # its last message only thanked
    is_spam: bool = False
    spam_text: str = ""  # why it is set apart
    proposal: str = ""  # the topic that a later message reads as
    again: int = 0  # how often the customer asked again
    again_since: str = ""  # since when they wait
    product_why: str = ""
    product_is_guess: bool = False  # the message names none; nobody has said so
    products: list[str] = field(default_factory=list)  # all there are
    other_products: list[str] = field(default_factory=list)  # that the message names too
    may_act: bool = True  # False: only to read and to note, for a team that is asked
    opinions: list[tuple[str, str]] = field(default_factory=list)  # who says what
    merged_into: int = 0  # the one that goes on for it
    parts: list[tuple[int, str]] = field(default_factory=list)  # what was merged into it
    may_merge: bool = False
    may_split: bool = False  # from a message on
    split_from: int = 0  # where its first messages came to
    blockable: str = ""  # who wrote it, where that can be blocked
    alike: list[Alike] = field(default_factory=list)
    customer: CustomerShort | None = None  # None: not for who looks
