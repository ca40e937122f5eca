"""How far each mail has come, in words; and addresses that take none."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from inbox.store.chat import SPOKEN
from inbox.store.deliveries import Delivery
from inbox.store.messengers import Progress
from inbox.store.pages import Thread
from inbox.templating import N_
from inbox.views import present_chat
from inbox.views.models import Banner, Entry, MailShown
from inbox.views.words import Speaker
from models import ChannelKind, EventKind, Message, OutboxKind

STATES = {
    "queued": N_("waiting to be sent"),
    "claimed": N_("waiting to be sent"),
    "sending": N_("being sent"),
    "sent": N_("sent"),
    "failed": N_("not sent: %(reason)s"),
    "unconfirmed": N_("may have been sent: the connection broke at the end. Ask the customer."),
    "cancelled": N_("taken back"),
}
ARRIVED, READ = N_("arrived at %(time)s"), N_("read at %(time)s")
TRIED = N_("not sent yet, tried again at %(time)s: %(reason)s")
KINDS = {
    OutboxKind.REPLY: N_("Answer"),
    OutboxKind.ACKNOWLEDGEMENT: N_("Automatic reply"),
    OutboxKind.PROMISE: N_("A new time"),
    OutboxKind.LATE: N_("Late, and a new time"),
    OutboxKind.FOLLOW_UP: N_("Asked once more"),
    OutboxKind.CLOSING: N_("Closed with notice"),
    OutboxKind.SURVEY: N_("Asked how we did"),
    OutboxKind.FORWARD: N_("Forwarded"),
}
ICONS = {
    "queued": "clock",
    "sending": "send",
    "sent": "check",
    "failed": "triangle-alert",
    "unconfirmed": "circle-help",
    "cancelled": "undo-2",
}
STOPPED = {
    "bounced": N_("Not sent (%(kind)s): this address takes no mail."),
    "too_many": N_("Not sent (%(kind)s): this address got enough automatic mail for an hour."),
    "restricted": N_("Not sent (%(kind)s): this person’s data is restricted."),
}
AGAIN, BACK = (
    N_("%(name)s had it sent again (%(kind)s)"),
    N_("%(name)s took it back (%(kind)s)"),
)
BOUNCED = N_("Mail to %(address)s came back: %(said)s")
CLEARED = N_("%(name)s says that mail arrives at %(address)s again: %(reason)s")
EVENTS = (
    *(EventKind.MAIL_STOPPED, EventKind.MAIL_RETRIED),
    *(EventKind.ADDRESS_BOUNCED, EventKind.ADDRESS_CLEARED),
)
RETRIABLE = ("failed", "unconfirmed", "cancelled")


def delivery_of(message: Message, thread: Thread, speak: Speaker) -> MailShown | None:
    """Return how far an answer has come."""
    if message.channel == ChannelKind.CHAT and message.direction in SPOKEN:
        mail = present_chat.by_mail(message, thread)
        if mail is not None and message.delivered_at is None:
            shown = present_delivery(mail, speak)
            values = {"address": mail.to_address, "state": shown.text}
            return replace(shown, text=speak.say(present_chat.BY_MAIL) % values)
        state, text = present_chat.delivery(message, thread, speak)
        return MailShown(0, 0, state, text)
    found = thread.deliveries.get(message.id)
    if found is None:
        return None
    shown = present_delivery(found, speak)
    if found.state == "sent" and found.id in thread.progress:
        return replace(shown, text=_progress(thread.progress[found.id], shown.text, speak))
    if found.state != "queued" or found.attempts:
        return shown
    text = shown.text
    if found.leased_until > speak.now:
        text = speak.say("leaves in a moment")
    address = f"/inbox/{message.conversation_id}/messages/{message.id}/undo"
    return replace(shown, text=text, undo=address, undo_by=message.author_id or 0)


def _progress(known: Progress, text: str, speak: Speaker) -> str:
    """Say how far an answer has come by a messenger, where its provider tells that."""
    if known.read_at is not None:
        return speak.say(READ) % {"time": speak.clock(known.read_at)}
    if known.delivered_at is not None:
        return speak.say(ARRIVED) % {"time": speak.clock(known.delivered_at)}
    return text


def present_delivery(mail: Delivery, speak: Speaker) -> MailShown:
    """Return a mail as shown: its state in a line, the rest behind it."""
    state = "queued" if mail.state == "claimed" else mail.state
    waits = state == "queued" and mail.attempts > 0 and bool(mail.error)
    text = speak.say(TRIED if waits else STATES[mail.state])
    values = {
        "reason": speak.say(mail.error) if mail.error else "",
        "time": speak.clock(mail.leased_until),
    }
    if "%(" in text:
        text = text % values
    return MailShown(
        id=mail.id,
        number=mail.conversation_id,
        state=state,
        text=text,
        lines=_lines(mail, state, speak),
        may_retry=state in RETRIABLE or waits,
        may_cancel=state == "queued",
        is_doubtful=state == "unconfirmed",
    )


def _lines(mail: Delivery, state: str, speak: Speaker) -> list[str]:
    to = speak.say("To: %(who)s") % {"who": mail.to_address}
    lines = [] if mail.by_messenger else [to]
    for name, label in (("cc", N_("Cc: %(who)s")), ("bcc", N_("Bcc: %(who)s"))):
        if mail.copies.get(name):
            lines.append(speak.say(label) % {"who": ", ".join(mail.copies[name])})
    if mail.sent_at is not None:
        lines.append(speak.say("Sent at %(time)s") % {"time": speak.clock(mail.sent_at)})
    if mail.receipt:
        said = {"words": mail.receipt}
        lines.append(speak.say("The server’s answer: %(words)s") % said)
    if mail.error and state == "sent":
        lines.append(speak.say("Not taken for a copy: %(words)s") % {"words": mail.error})
    elif mail.error and state in ("unconfirmed", "cancelled"):
        lines.append(speak.say(mail.error))
    if mail.attempts > 1 or state != "sent":
        lines.append(speak.say("Tries: %(n)s") % {"n": mail.attempts})
    return lines


def automatic_mails(thread: Thread, speak: Speaker) -> list[tuple[datetime, Entry]]:
    """Return the mails that we sent by ourselves, as lines of the thread."""
    found = []
    for mail in thread.mails:
        shown = present_delivery(mail, speak)
        kind = speak.say(KINDS.get(mail.kind, KINDS[OutboxKind.ACKNOWLEDGEMENT]))
        at = mail.sent_at or mail.created_at
        entry = Entry(
            kind="event",
            id="",
            at_text=speak.clock(at),
            at_iso=at.isoformat(),
            icon=ICONS[shown.state],
            level="late" if shown.state in ("failed", "unconfirmed") else "",
            text=f"{kind}: {shown.text}",
            mail=shown,
        )
        found.append((at, entry))
    return found


def event_line(kind: EventKind, data: Mapping[str, str], name: str, speak: Speaker) -> str:
    """Return what happened to a mail or an address (``EVENTS``) as one line."""
    mail_kind = speak.say(KINDS[OutboxKind(data["kind"])]) if "kind" in data else ""
    values = {**data, "name": name, "kind": mail_kind}
    if kind is EventKind.MAIL_STOPPED:
        text = STOPPED[data["reason"]]
    elif kind is EventKind.MAIL_RETRIED:
        text = AGAIN if data.get("what") == "again" else BACK
    elif kind is EventKind.ADDRESS_BOUNCED:
        text, values["said"] = BOUNCED, data.get("said") or data.get("code", "")
    else:
        text = CLEARED
    return speak.say(text) % values


def banners(thread: Thread, speak: Speaker) -> list[Banner]:
    """Return a warning for each of the contact's addresses that takes no mail."""
    text = speak.say("Mail to %(address)s came back. Nothing automatic is sent there.")
    return [
        Banner(row.address, text % {"address": row.address}, row.said or row.code)
        for row in thread.marks
    ]
