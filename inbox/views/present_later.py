"""What a conversation's page says of thanks, spam, proposals, asking again and products."""

from collections.abc import Mapping, Sequence

from inbox.later.merging import IN_WORK
from inbox.later.spam import BY_ITSELF
from inbox.later.splitting import may_split
from inbox.store.pages import Thread
from inbox.store.setup import Type
from inbox.templating import N_
from inbox.views.models import ConversationPage
from inbox.views.present_list import type_name
from inbox.views.words import Speaker
from models import ClockKind, Direction, Event, EventKind, Status

SIGNS = {
    "search_engine_pitch": N_("offers a better place in search engines"),
    "unasked_offer": N_("offers what nobody asked for"),
    "easy_money": N_("promises easy money"),
    "gambling_or_adult": N_("gambling or adult content"),
    "gambling_words": N_("words of gambling or dating"),
    "windfall_or_phishing": N_("a prize, an inheritance, or a trap for passwords"),
    "leave_the_list": N_("tells how to leave a mailing list"),
    "bulk_mail": N_("bulk mail"),
    "forged_sender": N_("forged sender"),
    "sent_to_many": N_("sent to many"),
    "links": N_("links"),
    "shouted": N_("nearly all in capitals"),
}
APART = N_("Set apart as spam: no automatic reply and no deadline.")
APART_BLOCKED = N_("Its sender is blocked: no automatic reply and no deadline.")
APART_WHY = N_("Likely spam: %(signs)s. No automatic reply and no deadline.")
GUESSED_BY = N_("a guess (%(share)s %%): %(words)s")
MERGED = N_("It was merged into another request: go on there.")
JOINING = (EventKind.MERGED, EventKind.UNMERGED)
NO_ANSWER_TO_SPAM = N_("It is set apart as spam. Say first that it is none.")


def fill(
    shown: ConversationPage,
    thread: Thread,
    speak: Speaker,
    types: Mapping[str, Type],
) -> None:
    """Put what was seen in the messages on the page."""
    row = thread.conversation
    shown.is_thanked = row.thanked_at is not None
    shown.proposal = type_name(types, row.proposed_type, speak.language)
    if row.status is Status.SPAM:
        shown.is_spam, shown.can_reply = True, False
        shown.cannot_reply_reason = speak.say(NO_ANSWER_TO_SPAM)
        shown.spam_text = _spam(thread.events, speak)
    _merging(shown, thread, speak)
    if row.asked_again and row.next_due_at is not None:
        shown.again, shown.again_since = row.asked_again, _since(thread, speak)
    _products(shown, thread, speak)


def _merging(shown: ConversationPage, thread: Thread, speak: Speaker) -> None:
    """Say what became part of it, or what it became part of."""
    row = thread.conversation
    if row.status is Status.MERGED:
        shown.merged_into, shown.can_reply = row.merged_into_id or 0, False
        shown.cannot_reply_reason = speak.say(MERGED)
        shown.hint = None
    shown.parts = [(one.number, one.subject) for one in thread.parts]
    if shown.hint is not None and shown.hint.number in [one.number for one in thread.parts]:
        shown.hint = None
    shown.may_merge = row.status in IN_WORK
    came = [one for one in thread.messages if one.direction is Direction.INBOUND]
    shown.may_split = may_split(row) and not thread.parts and len(came) > 1
    shown.split_from = row.split_from_id or 0
    if row.channel in BY_ITSELF and row.status is not Status.MERGED:
        shown.blockable = came[-1].sender_address if came else ""


def _products(shown: ConversationPage, thread: Thread, speak: Speaker) -> None:
    """Say what it is about, why that is thought, and what else is named."""
    row = thread.conversation
    shown.products = list(thread.products)
    named = _named(thread.events)
    if named is not None:
        is_kept = named.data.get("new") == row.product_group
        shown.product_is_guess = is_kept and "likely" in named.data
        terms = thread.prediction.product_why if thread.prediction is not None else None
        if shown.product_is_guess and terms:
            words = ", ".join(f"“{one}”" for one in terms)
            text = speak.say(GUESSED_BY)
            shown.product_why = text % {
                "share": round(100 * named.data["likely"]),
                "words": words,
            }
        if is_kept and "term" in named.data:
            text = speak.say("the message says “%(term)s”")
            shown.product_why = text % {"term": named.data["term"]}
        both = [named.data.get("new", ""), *named.data.get("others", ())]
        shown.other_products = [one for one in both if one and one != row.product_group]
        if not is_kept and row.product_group:  # somebody has decided otherwise
            shown.other_products = []


def _since(thread: Thread, speak: Speaker) -> str:
    """Say since when the customer waits for an answer."""
    owed = [
        clock.started_at
        for clock in thread.clocks
        if clock.kind is not ClockKind.RESOLUTION
        and clock.met_at is None
        and clock.cancelled_at is None
    ]
    return speak.clock(min(owed)) if owed else ""


def _spam(events: Sequence[Event], speak: Speaker) -> str:
    marked = [one for one in events if one.kind is EventKind.MARKED_SPAM]
    if marked and "block" in marked[-1].data:
        return speak.say(APART_BLOCKED)
    signs = marked[-1].data.get("signs", ()) if marked else ()
    said = [speak.say(SIGNS[one]) for one in signs if one in SIGNS]
    return speak.say(APART_WHY) % {"signs": ", ".join(said)} if said else speak.say(APART)


def _named(events: Sequence[Event]) -> Event | None:
    """Return the event of what was found on arrival."""
    return next(
        (
            one
            for one in events
            if one.kind is EventKind.CLASSED
            and one.actor_id is None
            and one.data.get("field") == "product_group"
        ),
        None,
    )
