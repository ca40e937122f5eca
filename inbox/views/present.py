"""From rows to one conversation's page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from inbox.auth import random_token
from inbox.closing import REASONS
from inbox.later.merging import IN_WORK
from inbox.ruling import STANDARD
from inbox.sla.promise import spoken_moment
from inbox.store.merges import others_apart
from inbox.store.owners import Assignable
from inbox.store.pages import Thread
from inbox.store.people import Colleague
from inbox.store.setup import Type
from inbox.templating import N_
from inbox.timeline import Calendars
from inbox.views import (
    present_alerts,
    present_chat,
    present_later,
    present_mail,
    present_senders,
)
from inbox.views.models import (
    Choice,
    ContactCard,
    ConversationPage,
    Entry,
    Hint,
)
from inbox.views.present_calls import dial, number_text, present_call
from inbox.views.present_chat import HINT_TEXT
from inbox.views.present_deadlines import present_deadlines
from inbox.views.present_events import present_event
from inbox.views.present_list import owner_of, sureness, type_name
from inbox.views.present_notes import say_note
from inbox.views.render import initial
from inbox.views.words import (
    MESSENGER_NAMES,
    PRIORITY,
    URGENCY_NAMES,
    URGENCY_RULES,
    Speaker,
    paragraphs,
    split_visible,
)
from models import (
    MESSENGERS,
    ChannelKind,
    ClockKind,
    Direction,
    EventKind,
    Message,
    SLAClock,
    Status,
)

CHANNEL_ICON: dict[str, str] = {
    "email": "mail",
    "form": "globe",
    "chat": "message-circle",
    "api": "zap",
    "webhook": "zap",
    "phone": "phone",
    **dict.fromkeys(MESSENGERS, "message-circle"),
}
CHANNEL_TEXT = {
    "email": N_("e-mail"),
    "form": N_("web form"),
    "chat": N_("chat"),
    "api": N_("API"),
    "webhook": N_("webhook"),
    "phone": N_("phone"),
    **{kind.value: name for kind, name in MESSENGER_NAMES.items()},
}
STATUS_TEXT = {
    Status.OPEN: N_("open"),
    Status.WAITING: N_("waiting for the customer"),
    Status.SNOOZED: N_("snoozed"),
    Status.RESOLVED: N_("done"),
    Status.SPAM: N_("spam"),
    Status.MERGED: N_("merged"),
}
ASKS_AGAIN = N_("This customer still waits for an answer in #%(n)s: perhaps the same matter.")
LANGUAGE_NAMES = {"vi": "Tiếng Việt", "en": "English"}
KIND = {
    Direction.INBOUND: "in",
    Direction.OUTBOUND: "out",
    Direction.AUTOMATIC: "auto",
    Direction.NOTE: "note",
}


def present_conversation(  # noqa: PLR0913
    thread: Thread,
    speak: Speaker,
    types: Mapping[str, Type],
    colleagues: Mapping[int, Colleague],
    team_names: Mapping[int, str],
    identities: Mapping[str, Any],
    *,
    me: int,
    confirmed: int,
    calendars: Calendars | None = None,
) -> ConversationPage:
    """Return a conversation as shown to an agent."""
    row = thread.conversation
    decided = row.triage in ("confirmed", "corrected")
    owner = colleagues.get(row.owner_id or 0)
    backup = colleagues.get(owner.backup_id or 0) if owner else None
    by_chat = row.channel == ChannelKind.CHAT
    address = present_chat.address(thread, identities)
    by_messenger = row.channel in MESSENGERS
    can_reply = by_chat or by_messenger or bool(address)
    live = [clock for clock in thread.clocks if clock.met_at is None and not clock.cancelled_at]
    sureness_now = "sure" if decided else sureness(row.request_type_confidence)
    shown = ConversationPage(
        number=row.id,
        channel=row.channel,
        subject=row.subject,
        status=row.status,
        status_text=speak.say(STATUS_TEXT[row.status]),
        sla=speak.until(row.next_due_at),
        request_type_name=type_name(types, row.request_type, speak.language),
        triage=row.triage,
        sureness=sureness_now,
        second_type_name=type_name(types, row.second_type, speak.language),
        priority=PRIORITY[row.urgency],
        owner=owner_of(row.owner_id, colleagues, me),
        contact=_contact(thread, speak, identities),
        messages=_entries(thread, speak, types, colleagues),
        deadlines=present_deadlines(thread, calendars or {}, speak, colleagues, team_names),
        policy_text=_policy(live or list(thread.clocks), row.urgency, speak),
        promise_text=(
            spoken_moment(row.promised_at, speak.reader_zone.key, speak.now, speak.language)
            if row.promised_at and row.channel != ChannelKind.PHONE  # nobody told them
            else ""
        ),
        owner_reason=_owner_reason(thread, speak, colleagues),
        team_name=team_names.get(row.team_id or 0, ""),
        backup_name=backup.name if backup else "",
        types=_types(thread, types, speak.language),
        urgencies=[(key, number, key == row.urgency) for key, number in PRIORITY.items()],
        why=_why(thread) if not decided else [],
        why_rule=_why_rule(thread, speak),
        model_text=_model_text(thread, speak, confirmed),
        seen=row.last_message_id or 0,
        key=random_token(),
        hint=_hint(thread, speak),
        can_reply=can_reply,
        cannot_reply_reason=(
            ""
            if can_reply
            else speak.say("There is no address to answer to; you can keep notes.")
        ),
        reply_hint=present_chat.presence(thread, speak, address) if by_chat else address,
        by_mail=can_reply and not (by_chat or by_messenger),
        bounced=present_mail.banners(thread, speak),
        owner_id=row.owner_id or 0,
        owes=any(clock.kind is not ClockKind.RESOLUTION for clock in live),
        reasons=[(key, speak.say(text)) for key, text in REASONS.items()],
        waits=bool(row.wait_reason),
        until_text=speak.clock(row.waiting_until) if row.waiting_until else "",
        product_group=row.product_group or "",
        alerts=sum(one.agent_id == me and one.taken_at is None for one in thread.told),
    )
    present_later.fill(shown, thread, speak, types)
    return shown


def present_choices(
    assignable: Sequence[Assignable], speak: Speaker, *, owner_id: int, me: int
) -> list[Choice]:
    """Return the menu of those whom it can be given to."""
    return [
        Choice(
            id=one.id,
            name=one.name,
            initial=initial(one.name),
            on_duty=one.on_duty,
            open_text=speak.say("%(n)s open") % {"n": one.open_count},
            current=one.id == owner_id,
            is_me=one.id == me,
        )
        for one in assignable
    ]


def _contact(thread: Thread, speak: Speaker, identities: Mapping[str, Any]) -> ContactCard:
    contact = thread.contact
    since = speak.say("Customer since %(date)s") % {"date": speak.date(contact.created_at)}
    apart = others_apart(thread.events)
    address = present_chat.address(thread, identities)
    phone = (identities.get("phone") or [""])[0]
    number = number_text(phone, speak)
    return ContactCard(
        name=contact.name or address or number or speak.say("Unknown"),
        initial=initial(contact.name or address),
        address=address,
        phone=number,
        dial=dial(phone),
        language_name=LANGUAGE_NAMES.get(contact.language, contact.language),
        since_text=since,
        other_open=[(*one, one[0] in thread.twins - apart) for one in thread.other_open],
        address_note=present_chat.address_note(thread, speak) if address else "",
        tier="" if contact.tier == STANDARD else contact.tier,
    )


def _entries(
    thread: Thread,
    speak: Speaker,
    types: Mapping[str, Type],
    colleagues: Mapping[int, Colleague],
) -> list[Entry]:
    """Return messages and events in the order of time; events say only what matters to read."""
    found: list[tuple[Any, int, Entry]] = [
        (message.created_at, 0, present_message(message, thread, speak, colleagues))
        for message in thread.messages
    ]
    for event in [*thread.events, *thread.part_events]:
        entry = present_event(event, speak, types, colleagues)
        is_own = event.conversation_id == thread.conversation.id
        if entry is not None and not is_own:
            if event.kind in present_later.JOINING:
                continue
            entry = replace(entry, text=f"#{event.conversation_id}: {entry.text}")
        if entry is not None:
            told = present_alerts.with_ways(entry, event, thread.told, speak, colleagues)
            found.append((event.at, 1, told))
    found += [
        (at, 1, entry)
        for at, entry in present_alerts.other_tellings(
            thread.events, thread.told, speak, colleagues
        )
    ]
    found += [(at, 1, entry) for at, entry in present_mail.automatic_mails(thread, speak)]
    found.sort(key=lambda item: (item[0], item[1]))
    return [entry for _, _, entry in found]


def present_message(
    message: Message, thread: Thread, speak: Speaker, colleagues: Mapping[int, Colleague]
) -> Entry:
    """Return a message as shown; quotes and signature are folded, never dropped."""
    author = colleagues.get(message.author_id or 0)
    call = present_call(thread.calls.get(message.id), speak)
    known = thread.contact.name or message.sender_address or (call.number if call else "")
    stranger = known or speak.say("Unknown")
    name = author.name if author else stranger
    if message.direction == Direction.AUTOMATIC:
        name = speak.say("Automatic reply")
    shown, hidden = split_visible(message.text, message.visible_text)
    mail = present_mail.delivery_of(message, thread, speak)
    via = speak.say(CHANNEL_TEXT[message.channel])
    if message.conversation_id != thread.conversation.id:  # what became one with it
        via += f" · #{message.conversation_id}"
    if present_senders.is_from_elsewhere(message):
        name = author.name if author else message.sender_address
        via += ", " + speak.say(present_senders.ELSEWHERE)
    if message.is_machine:
        via += ", " + speak.say("automatic mail")
    sender, beware = present_senders.sender_words(message.authentication, speak)
    return Entry(
        kind=KIND[message.direction],
        id=str(message.id),
        at_text=speak.clock(message.created_at),
        at_iso=message.created_at.isoformat(),
        author=name,
        initial=initial(name),
        via_icon=CHANNEL_ICON[message.channel],
        via_text=via,
        paragraphs=paragraphs(shown)
        + [[f"({say_note(note, speak)})"] for note in message.notes],
        hidden=paragraphs(hidden),
        hidden_lines=sum(1 for line in hidden.splitlines() if line.strip()),
        files=[
            (blob, name, speak.size(size))
            for blob, name, size in thread.files.get(message.id, [])
        ],
        delivery=mail.state if mail else None,
        delivery_text=mail.text if mail else "",
        mail=mail if mail and mail.id else None,
        is_chat=message.channel == ChannelKind.CHAT,
        call=call,
        design=(
            f"/inbox/{message.conversation_id}/messages/{message.id}/html"
            if message.id in thread.designed
            else ""
        ),
        remote_images=thread.designed.get(message.id, 0),
        sender=sender,
        beware=beware,
    )


def _policy(clocks: list[SLAClock], urgency: str, speak: Speaker) -> str:
    return f"{clocks[0].policy} · {speak.say(URGENCY_NAMES[urgency])}" if clocks else ""


def _types(
    thread: Thread, types: Mapping[str, Type], language: str
) -> list[tuple[str, str, int | None, bool]]:
    """Return the menu of types: the model's candidates first, then the rest."""
    row = thread.conversation
    share = {
        key: round(100 * value)
        for key, value in (thread.prediction.candidates if thread.prediction else [])
    }
    kept = row.request_type
    offered = [kind for kind in types.values() if kind.is_active or kind.key == kept]
    order = sorted(offered, key=lambda kind: -share.get(kind.key, 0))
    return [
        (kind.key, kind.name(language), share.get(kind.key), kind.key == row.request_type)
        for kind in order
    ]


def _why(thread: Thread) -> list[str]:
    if thread.prediction is None:
        return []
    return [term for term, weight in thread.prediction.why if weight > 0][:3]


def _why_rule(thread: Thread, speak: Speaker) -> str:
    if thread.prediction is None or not thread.prediction.urgency_reason:
        return ""
    reason = thread.prediction.urgency_reason
    rule = speak.say(URGENCY_RULES.get(reason, reason))
    return speak.say("Priority by rule: %(rule)s") % {"rule": rule}


def _model_text(thread: Thread, speak: Speaker, confirmed: int) -> str:
    if thread.prediction is None:
        return ""
    if thread.prediction.model_version_id is None:
        return speak.say("No trained model: written rules sorted this.")
    if thread.model_is_starter and confirmed < 200:
        return speak.say(
            "A guess of the starter model. Confirm or correct it: %(n)s of 200 checked."
        ) % {"n": confirmed}
    return ""


def _owner_reason(thread: Thread, speak: Speaker, colleagues: Mapping[int, Colleague]) -> str:
    for event in reversed(thread.events):
        if event.kind in (EventKind.ASSIGNED, EventKind.COVERED):
            entry = present_event(event, speak, {}, colleagues)
            return entry.text if entry else ""
    return ""


def _hint(thread: Thread, speak: Speaker) -> Hint | None:
    apart = others_apart(thread.events)
    for event in thread.events:
        if event.kind == EventKind.HINTED and int(event.data["number"]) not in apart:
            number = int(event.data["number"])
            text = speak.say(HINT_TEXT[thread.conversation.channel == ChannelKind.CHAT])
            if event.data.get("asks_again"):
                text = speak.say(ASKS_AGAIN)
            return Hint(number, text % {"n": number}, thread.conversation.status in IN_WORK)
    return None
