"""From rows to the list: groups in words, rows with deadline, type, owner and reasons."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from inbox.errors import NotFound
from inbox.learning.queues import Opinion
from inbox.store.conversations import LIST_SIZE, Cursor, Listed
from inbox.store.people import Colleague
from inbox.store.setup import Type
from inbox.views.models import Group, ListPage, Owner, Row, ScopeCounts
from inbox.views.render import initial
from inbox.views.site import MOST_INT
from inbox.views.words import PRIORITY, SOON, URGENCY_NAMES, Speaker

SURE, LIKELY = 0.85, 0.60


def read_cursor(text: str | None) -> Cursor | None:
    """Read where a page of the list begins; a place that cannot be is not found."""
    if not text:
        return None
    after = Cursor.read(text)
    if (
        not 1900 < after.order_at.year < 9900
        or max(abs(after.id), abs(after.urgency_rank)) > MOST_INT
    ):
        raise NotFound("This page of the list is not known. Start at its top.")
    return after


def sureness(confidence: float) -> str:
    """Return the word for a probability: sure, likely or unsure."""
    if confidence >= SURE:
        return "sure"
    return "likely" if confidence >= LIKELY else "unsure"


def type_name(types: Mapping[str, Type], key: str | None, language: str) -> str:
    """Return a type's name; a key that is no longer active shows as itself."""
    if not key:
        return ""
    found = types.get(key)
    return found.name(language) if found else key


def present_opinions(
    found: Sequence[Opinion], types: Mapping[str, Type], language: str
) -> list[tuple[str, str]]:
    """Return who says what."""
    return [(one.name, type_name(types, one.request_type, language)) for one in found]


def owner_of(
    owner_id: int | None, colleagues: Mapping[int, Colleague], me: int
) -> Owner | None:
    """Return an owner as shown."""
    found = colleagues.get(owner_id or 0)
    if found is None:
        return None
    return Owner(initial(found.name), found.name, found.id == me)


def present_row(
    row: Listed,
    speak: Speaker,
    types: Mapping[str, Type],
    colleagues: Mapping[int, Colleague],
    *,
    me: int,
    current: int = 0,
    excerpt: str = "",
    draft: bool = False,
) -> Row:
    """Return a row as shown."""
    deadline = speak.until(row.next_due_at)
    level = "sure" if row.triage in ("confirmed", "corrected") else ""
    return Row(
        number=row.id,
        channel=row.channel,
        contact_name=row.contact_name or speak.say("Unknown"),
        subject=row.subject,
        sla=deadline,
        request_type_name=type_name(types, row.request_type, speak.language),
        triage=row.triage,
        sureness=level or sureness(row.request_type_confidence),
        second_type_name=type_name(types, row.second_type, speak.language),
        priority=PRIORITY[row.urgency],
        owner=owner_of(row.owner_id, colleagues, me),
        unread=_unread(row) and row.id != current,
        current=row.id == current,
        reasons=_reasons(row, speak, deadline.text),
        asked_again=row.asked_again,
        excerpt=excerpt,
        draft=draft,
        account_name="" if row.account_name == row.contact_name else row.account_name or "",
    )


def _unread(row: Listed) -> bool:
    if row.last_inbound_at is None:
        return False
    return row.read_at is None or row.read_at < row.last_inbound_at


def _reasons(row: Listed, speak: Speaker, deadline: str) -> str:
    """Say why the row stands where it stands (its place in the one order)."""
    parts = [deadline] if deadline else []
    parts.append(speak.say(URGENCY_NAMES[row.urgency]))
    if row.contact_tier not in ("", "standard"):
        parts.append(row.contact_tier)
    if row.waiting_until is not None:
        parts.append(speak.say("until %(time)s") % {"time": speak.clock(row.waiting_until)})
    if row.asked_again:
        parts.append(speak.say("asked again: %(n)s") % {"n": row.asked_again})
    since = row.last_inbound_at or row.created_at
    parts.append(speak.say("waiting since %(time)s") % {"time": speak.clock(since)})
    return " · ".join(parts)


def group_key(row: Listed, now: datetime, midnight: datetime) -> str:
    """Return the heading a row stands under."""
    if row.status in ("waiting", "snoozed", "resolved"):
        return row.status
    if row.next_due_at is None:
        return "answered"
    if row.next_due_at <= now:
        return "late"
    if row.next_due_at <= now + SOON:
        return "soon"
    return "today" if row.next_due_at < midnight else "later"


def present_list(  # noqa: PLR0913
    rows: Sequence[Listed],
    speak: Speaker,
    types: Mapping[str, Type],
    colleagues: Mapping[int, Colleague],
    *,
    me: int,
    scope: str,
    counts: ScopeCounts,
    current: int = 0,
    after: str | None = None,
    next_page: Cursor | None = None,
    is_partial: bool = False,
    begun: Collection[int] = (),
) -> ListPage:
    """Return the list as shown; the rows come in order and are only put under headings."""
    say = speak.say
    titles = {
        "late": say("Late"),
        "soon": say("Within the hour"),
        "today": say("Later today"),
        "later": say("Tomorrow and later"),
        "answered": say("Answered"),
        "waiting": say("Waiting"),
        "snoozed": say("Snoozed"),
        "resolved": say("Done"),
    }
    here = speak.local(speak.now)
    midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    found: dict[str, list[Row]] = {}
    for row in rows:
        shown = present_row(
            row, speak, types, colleagues, me=me, current=current, draft=row.id in begun
        )
        found.setdefault(group_key(row, speak.now, midnight), []).append(shown)
    more = len(rows) == LIST_SIZE or next_page is not None
    groups = []
    for n, (key, items) in enumerate(found.items(), 1):
        # The last heading of a full page may go on behind it.
        count = f"{len(items)}+" if more and n == len(found) else str(len(items))
        groups.append(Group(key, titles[key], items, count))
    if more and next_page is None:
        next_page = Cursor(rows[-1].order_at, rows[-1].urgency_rank, rows[-1].id)
    cursor = next_page.text() if next_page is not None else None
    version = str(hash(tuple((row.id, row.version) for row in rows)) & 0xFFFFFFFF)
    at = speak.now.isoformat()
    page = ListPage(scope, counts, groups, cursor, version, after)
    return replace(page, at=at, is_partial=is_partial)
