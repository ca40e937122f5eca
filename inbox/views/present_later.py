"""What a conversation's page says of thanks, spam, proposals, asking again and products."""

from collections.abc import Mapping, Sequence

from inbox.store.conversations import Thread
from inbox.store.setup import Type
from inbox.templating import N_
from inbox.views.models import ConversationPage
from inbox.views.present_list import type_name
from inbox.views.words import Speaker
from models import ClockKind, Event, EventKind, Status

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
APART_WHY = N_("Likely spam: %(signs)s. No automatic reply and no deadline.")
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
    if row.asked_again and row.next_due_at is not None:
        shown.again, shown.again_since = row.asked_again, _since(thread, speak)
    shown.products = list(thread.products)
    named = _named(thread.events)
    if named is not None:
        is_kept = named.data.get("new") == row.product_group
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
