"""The company's rules, ready to be asked: which targets, which calendar, and by which rule.

Rules are asked in the order of ``inbox.sla.policy.rank``, those switched off never. The first
that matches and states a target gives all three targets (one that it leaves empty means: no
such clock), the first that names a calendar gives the hours, the first that names a ladder
gives the ladder.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlmodel import Session

from inbox.errors import Invalid
from inbox.sla.calendar import WorkingCalendar
from inbox.sla.policy import Case, Targets, matches, rank, shorten, strictest
from inbox.store.setup import Type, load_rules
from inbox.triage.prediction import Thresholds
from models import Contact, Conversation, SLAPolicy, Triage, TriagePrediction
from models.base import columns

BETWEEN = " · "  # names of rules that share a promise

contacts = columns(Contact)
predictions = columns(TriagePrediction)


@dataclass(frozen=True, slots=True)
class Promise:
    """What the policies say of one conversation."""

    targets: Targets
    calendar_id: int
    calendar: WorkingCalendar
    policy: str  # the names of the rules that matched
    version: int = 0  # of the calendar's content
    resumes: bool = True  # see ``models.SLAPolicy``
    ladder_id: int | None = None  # None: the company's usual one
    rules: tuple[int, ...] = ()  # the ids of the rules that matched


@dataclass(frozen=True, slots=True)
class About:
    """What rules ask of a conversation besides its type and urgency."""

    tier: str = ""
    channel: str = ""
    product_group: str | None = None
    inbox_id: int | None = None


NOTHING = About()


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The company's rules, loaded once per unit of work."""

    types: Mapping[str, Type]
    rules: tuple[SLAPolicy, ...]  # in the order in which they are asked
    calendars: dict[int, WorkingCalendar]
    default_calendar_id: int
    teams: Mapping[int, str]  # id -> name, of those that get work
    versions: Mapping[int, int] = field(default_factory=dict)  # of the calendars, as of now

    def promise(
        self, candidates: Sequence[str], urgency: str, about: About = NOTHING
    ) -> Promise:
        """Return targets and calendar for the request types it may be (usually one).

        Several candidates get the strictest of their targets, and all else of the first.

        Raises
        ------
        Invalid
            If no rule states a target.
        """
        found = [self._one(key, urgency, about) for key in candidates]
        if len(found) == 1:
            return found[0]
        targets = strictest([promise.targets for promise in found])
        gave = [found[0], *(one for one in found[1:] if _gives(one.targets, targets))]
        names = dict.fromkeys(name for one in gave for name in one.policy.split(BETWEEN))
        rules = dict.fromkeys(rule for one in gave for rule in one.rules)
        return replace(
            found[0], targets=targets, policy=BETWEEN.join(names), rules=tuple(rules)
        )

    def with_rules(self, rules: Iterable[SLAPolicy]) -> "Rulebook":
        """Return the same company with other rules, such as a draft's."""
        active = (rule for rule in rules if rule.is_active)
        ordered = sorted(active, key=lambda rule: (*rank(rule), rule.id))
        return replace(self, rules=tuple(ordered))

    def _one(self, key: str, urgency: str, about: About) -> Promise:
        case = Case(
            *(key, urgency, about.tier, about.channel, about.product_group, about.inbox_id)
        )
        matching = [rule for rule in self.rules if matches(rule, case)]
        with_targets = next((rule for rule in matching if states_targets(rule)), None)
        if with_targets is None:
            raise Invalid(f"No policy gives a time for {key}. Add one under Settings.")
        with_calendar = next((rule for rule in matching if rule.calendar_id is not None), None)
        with_ladder = next((rule for rule in matching if rule.ladder_id is not None), None)
        calendar_id = self.default_calendar_id
        if with_calendar is not None and with_calendar.calendar_id is not None:
            calendar_id = with_calendar.calendar_id
        # A rule that only names the hours which hold anyway decides nothing.
        says_hours = calendar_id != self.default_calendar_id
        used = [with_calendar, with_targets] if with_calendar and says_hours else [with_targets]
        return Promise(
            shorten(targets_of(with_targets), urgency),
            calendar_id,
            self.calendars[calendar_id],
            BETWEEN.join(dict.fromkeys(rule.name for rule in used)),
            self.versions.get(calendar_id, 0),
            with_targets.resumes,
            with_ladder.ladder_id if with_ladder is not None else None,
            tuple(dict.fromkeys(rule.id for rule in used)),
        )


def _gives(targets: Targets, strict: Targets) -> bool:
    """Tell whether one of the strictest times is this candidate's."""
    pairs = (
        (targets.first_response_s, strict.first_response_s),
        (targets.next_response_s, strict.next_response_s),
        (targets.resolution_s, strict.resolution_s),
    )
    return any(own is not None and own == strictest_s for own, strictest_s in pairs)


def states_targets(rule: SLAPolicy) -> bool:
    """Tell whether a rule says how long anything may take."""
    return targets_of(rule) != Targets(None, None, None)


def targets_of(rule: SLAPolicy) -> Targets:
    """Return a rule's times, for normal urgency."""
    return Targets(rule.first_response_s, rule.next_response_s, rule.resolution_s)


def load_rulebook(session: Session) -> Rulebook:
    """Load the company's rules, ready to be asked."""
    rules = load_rules(session)
    book = Rulebook(
        types=rules.types,
        rules=(),
        calendars={
            number: WorkingCalendar.from_spec(spec) for number, spec in rules.calendars.items()
        },
        default_calendar_id=rules.default_calendar_id,
        teams=rules.teams,
        versions=rules.versions,
    )
    return book.with_rules(rules.policies)


# ---- what rules ask of a conversation ------------------------------------------------


def load_about(session: Session, conversation: Conversation) -> About:
    """Return what rules ask of a conversation."""
    tier = session.execute(
        select(contacts.tier).where(contacts.id == conversation.contact_id)
    ).scalar_one()
    return about_of(conversation, tier)


def about_of(conversation: Conversation, tier: str) -> About:
    """Do what ``load_about`` does where the customer's tier is at hand."""
    return About(
        tier, conversation.channel.value, conversation.product_group, conversation.inbox_id
    )


def promise_of(session: Session, book: Rulebook, conversation: Conversation) -> Promise:
    """Return what the rules say of a conversation as it stands.

    While the sorting is unsure, that is the strictest of its candidates.
    """
    kinds = load_candidates(session, [conversation])[conversation.id]
    kinds = tuple(key for key in kinds if key in book.types) or (conversation.request_type,)
    return book.promise(kinds, conversation.urgency, load_about(session, conversation))


def load_candidates(
    session: Session, found: Sequence[Conversation]
) -> dict[int, tuple[str, ...]]:
    """Return, by number, the types that each may be: one, unless its sorting is unsure."""
    unsure = [
        one.id
        for one in found
        if one.triage in (Triage.AUTO, Triage.NEEDS_REVIEW) and one.second_type is not None
    ]
    rows = session.execute(
        select(predictions.conversation_id, predictions.candidates)
        .where(predictions.conversation_id.in_(unsure))
        .order_by(predictions.id)
    )
    said = {row.conversation_id: row.candidates for row in rows} if unsure else {}
    clocks = Thresholds().clocks
    kinds: dict[int, tuple[str, ...]] = {one.id: (one.request_type,) for one in found}
    for one in found:
        candidates = said.get(one.id)
        if candidates and candidates[0][0] == one.request_type:
            kinds[one.id] = clocks([(key, share) for key, share in candidates])
        if one.proposed_type is not None and one.proposed_type not in kinds[one.id]:
            kinds[one.id] += (one.proposed_type,)  # a later message reads as that
    return kinds
