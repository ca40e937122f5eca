"""How the work stands, in lines that an administrator reads: what, how, and what to do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from inbox.store.health import (
    LATE_S,
    MailboxState,
    MessengerState,
    Numbers,
    SenderState,
    Ways,
    WebhookState,
)
from inbox.templating import N_
from inbox.views.present_hooks import state_of
from inbox.views.words import MESSENGER_NAMES, Speaker
from models import HookOff

OLD_BACKUP = timedelta(hours=36)  # a nightly one, and room for a slow night


class Health(StrEnum):
    """How a line is shown: all is well, worth knowing, somebody has to act."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at; ``mend`` says what to do, ``href`` where."""

    name: str
    state: Health
    text: str
    mend: str = ""
    href: str = ""


def lines(numbers: Numbers, ways: Ways, redis: bool, speak: Speaker) -> list[Line]:
    """Return every line, in the order of a message's way."""
    return [
        *(_mailbox(one, speak) for one in ways.mailboxes),
        *(_messenger(one, speak) for one in ways.messengers),
        _work(
            N_("Taking messages in"),
            numbers.waiting,
            N_("%(n)s are waiting to be taken in."),
            numbers.waiting_s,
            speak,
        ),
        _quarantine(numbers, speak.say),
        _work(
            N_("Sending mail"),
            sum(numbers.sending.values()),
            N_("%(n)s are waiting to be sent."),
            numbers.sending_s,
            speak,
        ),
        *(_sender(one, speak) for one in ways.senders),
        _sent(numbers, speak.say),
        _work(
            N_("Clocks"),
            numbers.late,
            N_("%(n)s open requests are past their time."),
            numbers.steps_s,
            speak,
        ),
        *(_webhook(one, speak) for one in ways.webhooks),
        _model(numbers, speak.say),
        _backup(numbers, speak),
        _redis(redis, speak.say),
    ]


def _mailbox(box: MailboxState, speak: Speaker) -> Line:
    name = speak.say("Mailbox %(address)s") % {"address": box.address}
    if not box.is_active:
        return Line(
            name,
            Health.NOTE,
            speak.say("It is paused."),
            "",
            f"/settings/inboxes/{box.inbox_id}",
        )
    if box.failing_since is not None:
        since = speak.say("It cannot be read since %(time)s.")
        text = since % {"time": speak.clock(box.failing_since)}
        return Line(
            name,
            Health.WRONG,
            f"{text} {box.error}".strip(),
            "",
            f"/settings/inboxes/{box.inbox_id}",
        )
    if box.last_ok_at is None:
        return Line(
            name,
            Health.NOTE,
            speak.say("It was not looked into yet."),
            "",
            f"/settings/inboxes/{box.inbox_id}",
        )
    text = speak.say("Last looked into at %(time)s.") % {"time": speak.clock(box.last_ok_at)}
    return Line(name, Health.OK, text, "", f"/settings/inboxes/{box.inbox_id}")


def _sender(server: SenderState, speak: Speaker) -> Line:
    name = speak.say("Sending server of %(address)s") % {"address": server.address}
    href = f"/settings/inboxes/{server.inbox_id}/sending"
    if server.failing_since is not None:
        since = speak.say("It takes no mail since %(time)s.")
        text = since % {"time": speak.clock(server.failing_since)}
        mend = speak.say("Its mail waits. Test the connection to see what is wrong.")
        return Line(name, Health.WRONG, f"{text} {server.error}".strip(), mend, href)
    if server.last_ok_at is None:
        return Line(name, Health.NOTE, speak.say("No mail went out by it yet."), "", href)
    text = speak.say("Last reached at %(time)s.") % {"time": speak.clock(server.last_ok_at)}
    return Line(name, Health.OK, text, "", href)


def _messenger(account: MessengerState, speak: Speaker) -> Line:
    name = f"{MESSENGER_NAMES[account.kind]} · {account.name}"
    href = f"/settings/inboxes/{account.inbox_id}"
    if account.failing_since is not None:
        since = speak.say("It fails since %(time)s.") % {
            "time": speak.clock(account.failing_since)
        }
        said = speak.say(account.error) if account.error else ""
        return Line(name, Health.WRONG, f"{since} {said}".strip(), "", href)
    if account.connected_at is None:
        return Line(name, Health.NOTE, speak.say("It is not connected yet."), "", href)
    if account.last_ok_at is None:
        return Line(name, Health.OK, speak.say("Nothing has come or gone yet."), "", href)
    text = speak.say("Something last came or went at %(time)s.")
    return Line(name, Health.OK, text % {"time": speak.clock(account.last_ok_at)}, "", href)


def _webhook(hook: WebhookState, speak: Speaker) -> Line:
    name = speak.say("Webhook %(name)s") % {"name": hook.name}
    _, text = state_of(hook, speak)
    href, has_failed = f"/settings/webhooks/{hook.id}", hook.failing_since is not None
    if hook.off in (HookOff.GONE, HookOff.FAILING) or (hook.off is HookOff.NO and has_failed):
        mend = speak.say("What it missed leaves once it is switched on again.")
        said = f"{text}. {hook.error}".strip()
        return Line(name, Health.WRONG, said, mend if hook.off is HookOff.FAILING else "", href)
    return Line(name, Health.OK if hook.off is HookOff.NO else Health.NOTE, text, "", href)


def _work(name: str, count: int, text: str, age_s: float, speak: Speaker) -> Line:
    """Say how much waits, and whether anybody works on it."""
    said = speak.say(text) % {"n": count}
    if age_s <= LATE_S:
        return Line(speak.say(name), Health.OK, said)
    late = speak.say("Nothing was done for %(time)s.") % {"time": speak.span(age_s)}
    mend = speak.say("Start Kịp's worker; if it runs, look into its log.")
    return Line(speak.say(name), Health.WRONG, f"{said} {late}", mend)


def _quarantine(numbers: Numbers, say: Callable[[str], str]) -> Line:
    text = say("%(n)s messages could not be read.") % {"n": numbers.quarantined}
    state = Health.NOTE if numbers.quarantined else Health.OK
    return Line(say("Quarantine"), state, text, "", "/settings/quarantine")


def _sent(numbers: Numbers, say: Callable[[str], str]) -> Line:
    counts = [numbers.sent.get(state, 0) for state in ("failed", "unconfirmed")]
    values = {"all": sum(numbers.sent.values()), "failed": counts[0], "open": counts[1]}
    text = say("Of the newest %(all)s mails %(failed)s failed, %(open)s are unconfirmed.")
    mend = say("Each is marked in its request.") if sum(counts) else ""
    state = Health.NOTE if sum(counts) else Health.OK
    return Line(say("Sent mail"), state, text % values, mend)


def _model(numbers: Numbers, say: Callable[[str], str]) -> Line:
    name, page = say("Classifier"), "/settings/triage"
    if numbers.model_problem:
        mend = say("Another model or the written rules sort meanwhile.")
        return Line(name, Health.WRONG, say(numbers.model_problem), mend, page)
    if numbers.model is None:
        return Line(name, Health.NOTE, say("No model: written rules sort."))
    kind = (
        N_("Starter model, %(model)s")
        if numbers.model_is_starter
        else N_("Own model, %(model)s")
    )
    return Line(name, Health.OK, say(kind) % {"model": numbers.model}, "", page)


def _backup(numbers: Numbers, speak: Speaker) -> Line:
    name, at = speak.say("Last backup"), numbers.last_backup_at
    mend = speak.say("Run kip backup by a timer, and keep the file on another machine.")
    if at is None:
        return Line(name, Health.NOTE, speak.say("None was made yet."), mend)
    is_old = speak.now - at > OLD_BACKUP
    text = f"{speak.date(at)}, {speak.here(at):%H:%M}"
    return Line(name, Health.NOTE if is_old else Health.OK, text, mend if is_old else "")


def _redis(works: bool, say: Callable[[str], str]) -> Line:
    name = say("Live updates")
    if works:
        return Line(name, Health.OK, say("Redis is connected."))
    mend = say("Look at Redis. Nothing is lost: pages ask by themselves every 20 seconds.")
    return Line(name, Health.WRONG, say("Redis does not answer."), mend)
