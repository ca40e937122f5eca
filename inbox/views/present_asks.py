"""Questions between teams as shown."""

from collections.abc import Iterable, Mapping

from inbox.store.asks import AskRow
from inbox.store.people import Colleague, Person
from inbox.templating import N_
from inbox.views.models import AskItem, Sla
from inbox.views.words import Speaker

WAITS = N_("waits for somebody of %(team)s")
TAKEN = N_("%(name)s will answer")
ANSWERED = N_("%(name)s answered %(time)s")
WITHDRAWN = N_("withdrawn")


def present_asks(
    rows: Iterable[AskRow],
    speak: Speaker,
    who: Person,
    colleagues: Mapping[int, Colleague],
    teams: Mapping[int, str],
    *,
    may_withdraw: bool,
) -> list[AskItem]:
    """Return questions as shown to somebody."""
    return [
        AskItem(
            id=row.id,
            number=row.conversation_id,
            subject=row.subject or speak.say("(no subject)"),
            team=teams.get(row.team_id, ""),
            asker=_name(row.asked_by_id, colleagues),
            question=row.question,
            due=speak.until(row.due_at) if row.is_open else Sla("none", ""),
            state=_state(row, speak, colleagues, teams),
            answer=row.answer,
            is_open=row.is_open,
            is_ours=who.sees_all or row.team_id in who.team_ids,
            is_taken=row.taken_by_id is not None,
            may_withdraw=may_withdraw,
        )
        for row in rows
    ]


def _state(
    row: AskRow, speak: Speaker, colleagues: Mapping[int, Colleague], teams: Mapping[int, str]
) -> str:
    if row.withdrawn_at is not None:
        return speak.say(WITHDRAWN)
    if row.answered_at is not None:
        name = _name(row.answered_by_id, colleagues)
        return speak.say(ANSWERED) % {"name": name, "time": speak.clock(row.answered_at)}
    if row.taken_by_id is not None:
        return speak.say(TAKEN) % {"name": _name(row.taken_by_id, colleagues)}
    return speak.say(WAITS) % {"team": teams.get(row.team_id, "")}


def _name(agent_id: int | None, colleagues: Mapping[int, Colleague]) -> str:
    found = colleagues.get(agent_id or 0)
    return found.name if found is not None else ""
