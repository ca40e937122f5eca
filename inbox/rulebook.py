"""The company's rules, ready to be asked: which targets, which calendar, and by which rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlmodel import Session

from inbox.errors import Invalid
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.policy import Targets, shorten, strictest
from inbox.store.setup import Type, load_rules
from models import SLAPolicy


@dataclass(frozen=True, slots=True)
class Promise:
    """What the policies say of one conversation."""

    targets: Targets
    calendar_id: int
    calendar: WorkingCalendar
    policy: str  # the names of the rules that matched
    version: int = 0  # of the calendar's content
    resumes: bool = True  # see ``models.SLAPolicy``


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The company's rules, loaded once per unit of work."""

    types: dict[str, Type]
    rules: tuple[SLAPolicy, ...]
    calendars: dict[int, WorkingCalendar]
    default_calendar_id: int
    teams: dict[int, str]  # id -> name, of those that get work
    versions: Mapping[int, int] = field(default_factory=dict)  # of the calendars, as of now

    def promise(self, candidates: tuple[str, ...], urgency: str) -> Promise:
        """Return targets and calendar for the request types it may be (usually one).

        Several candidates get the strictest of their targets, and the first one's calendar.
        """
        found = [self._one(key, urgency) for key in candidates]
        if len(found) == 1:
            return found[0]
        targets = strictest([promise.targets for promise in found])
        return replace(found[0], targets=targets)

    def _one(self, key: str, urgency: str) -> Promise:
        matching = [
            rule
            for rule in self.rules
            if rule.request_type in (None, key) and rule.urgency in (None, urgency)
        ]
        with_targets = next(
            (rule for rule in matching if rule.first_response_s is not None), None
        )
        if with_targets is None:
            raise Invalid(f"No policy gives a time for {key}. Add one under Settings.")
        with_calendar = next((rule for rule in matching if rule.calendar_id is not None), None)
        calendar_id = self.default_calendar_id
        if with_calendar is not None and with_calendar.calendar_id is not None:
            calendar_id = with_calendar.calendar_id
        plain = Targets(
            with_targets.first_response_s,
            with_targets.next_response_s,
            with_targets.resolution_s,
        )
        names = dict.fromkeys(
            rule.name for rule in (with_calendar, with_targets) if rule is not None
        )
        return Promise(
            shorten(plain, urgency),
            calendar_id,
            self.calendars[calendar_id],
            " · ".join(names),
            self.versions.get(calendar_id, 0),
            with_targets.resumes,
        )


def load_rulebook(session: Session) -> Rulebook:
    """Load the company's rules, ready to be asked."""
    rules = load_rules(session)
    return Rulebook(
        types=rules.types,
        rules=tuple(sorted(rules.policies, key=_rank)),
        calendars={
            number: WorkingCalendar.from_spec(spec) for number, spec in rules.calendars.items()
        },
        default_calendar_id=rules.default_calendar_id,
        teams=rules.teams,
        versions=rules.versions,
    )


def _rank(rule: SLAPolicy) -> tuple[int, int]:
    """Order rules: type and urgency, urgency, type, any."""
    asks = (rule.urgency is not None, rule.request_type is not None)
    return {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}[
        asks
    ], rule.id
