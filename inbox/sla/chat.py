"""What chat changes about a promise: somebody waits in front of a screen."""

from dataclasses import replace
from datetime import datetime, timedelta

from inbox.sla.calendar import WorkingCalendar
from inbox.sla.policy import Targets
from inbox.sla.promise import opening_sentence, promised_at, spoken_time

RESPONSE_S = 5 * 60
SLOWEST_SAID_S = 90 * 60  # whoever is slower than this says a time of day
THERE_FOR = timedelta(seconds=75)
"""A visitor is there while the last sign of the widget is no older than this."""


def is_there(seen_at: datetime | None, now: datetime) -> bool:
    """Tell whether a visitor still has the chat open."""
    return seen_at is not None and now - seen_at <= THERE_FOR


def chat_targets(targets: Targets, *, is_open: bool, on_duty: bool, there: bool) -> Targets:
    """Return a chat's targets: five minutes to each answer while both sides are there.

    ``is_open``: it is working time; ``on_duty``: somebody of the team is. Otherwise, and for
    the resolution, the policy's own. A policy that asks for less than five minutes stays.
    """
    if not (is_open and on_duty and there):
        return targets
    return replace(
        targets,
        first_response_s=min(targets.first_response_s or RESPONSE_S, RESPONSE_S),
        next_response_s=min(targets.next_response_s or RESPONSE_S, RESPONSE_S),
    )


def is_hastened(first_response_s: int | None) -> bool:
    """Tell whether a chat's first answer was to come within the five minutes."""
    return first_response_s is not None and first_response_s <= RESPONSE_S


def _at_this_pace(minutes: int, language: str) -> str:
    if language == "vi":
        return f"Hiện anh/chị được trả lời sau khoảng {minutes} phút."
    unit = "minute" if minutes == 1 else "minutes"
    return f"Just now an answer takes about {minutes} {unit}."


def answer_sentence(
    calendar: WorkingCalendar,
    now: datetime,
    *,
    on_duty: bool,
    due_at: datetime | None,
    language: str,
    pace_s: int | None = None,
) -> str | None:
    """Say honestly when a visitor gets an answer; None if nothing can be said.

    ``due_at`` is when the policies want an answer to a message of no special type; ``pace_s``
    how long answers take just now, where that is known.

    Raises
    ------
    ValueError
        If the language is neither en nor vi.
    """
    closed = opening_sentence(calendar, now, language)
    if closed is None and on_duty and (pace_s is None or pace_s <= SLOWEST_SAID_S):
        if pace_s is not None:
            return _at_this_pace(max(-(-pace_s // 60), 1), language)
        if language == "en":
            return "Somebody answers within 5 minutes."
        return "Sẽ có người trả lời anh/chị trong vòng 5 phút."
    if due_at is None:
        return closed
    when = spoken_time(promised_at(due_at), calendar.timezone, now, language)
    answer = f"You get an answer {when}."
    if language == "vi":
        answer = f"Anh/chị sẽ nhận được câu trả lời {when}."
    return f"{closed} {answer}" if closed else answer
