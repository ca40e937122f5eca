"""Routes: which team gets what, before the request type is asked."""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from inbox.errors import Conflict, Invalid
from inbox.routing import LANGUAGES
from inbox.store.audit import add_entry
from inbox.store.routes import Rule, list_rules, save_rules
from inbox.store.setup import list_types
from inbox.store.teams import active_team_names
from inbox.templating import N_
from models import AuditAction, AuditThing, Inbox, Team
from models.base import columns

inboxes = columns(Inbox)
teams = columns(Team)

MOST_ROUTES = 100
MOST_NAME = 80
ASKS_NOTHING = N_(
    "Say what it asks for: a request type, product group, department, language or inbox."
)


def add(session: Session, rule: Rule, *, by: int, now: datetime) -> None:
    """Add a route as the last one.

    Raises
    ------
    Invalid
        If it asks for nothing, or for what there is not.
    Conflict
        If there are a hundred already.
    """
    rules = list_rules(session)
    if len(rules) >= MOST_ROUTES:
        raise Conflict("There are too many already. Take one out first.")
    _check(session, rule)
    _save(session, [*rules, rule], by, now)


def remove(session: Session, position: int, *, by: int, now: datetime) -> None:
    """Take a route out.

    Raises
    ------
    Conflict
        If there is none at this place any more.
    """
    rules = list_rules(session)
    _at(rules, position)
    _save(session, rules[:position] + rules[position + 1 :], by, now)


def move_up(session: Session, position: int, *, by: int, now: datetime) -> None:
    """Let a route be asked before the one above it.

    Raises
    ------
    Conflict
        If there is none at this place any more, or none above it.
    """
    rules = list(list_rules(session))
    _at(rules, position)
    _at(rules, position - 1)
    rules[position - 1], rules[position] = rules[position], rules[position - 1]
    _save(session, rules, by, now)


def _at(rules: list[Rule], position: int) -> None:
    if not 0 <= position < len(rules):
        raise Conflict("The list has changed meanwhile. Load the page again.")


def _check(session: Session, rule: Rule) -> None:
    wrong = {}
    asked = (rule.request_type, rule.product_group, rule.language, rule.inbox_id)
    if all(one is None for one in (*asked, rule.department)):
        wrong["request_type"] = ASKS_NOTHING
    wrong |= _check_place(session, rule)
    if not 1 <= len(rule.name) <= MOST_NAME:
        wrong["name"] = N_("Give it a name.")
    if rule.team_id not in active_team_names(session):
        wrong["team_id"] = N_("There is no such team.")
    known = {one.key for one in list_types(session)}
    if rule.request_type is not None and rule.request_type not in known:
        wrong["request_type"] = N_("There is no such request type.")
    if rule.language is not None and rule.language not in LANGUAGES:
        wrong["language"] = N_("Choose Vietnamese or English.")
    if wrong:
        raise Invalid("Please look at the marked answers.", wrong)


def _check_place(session: Session, rule: Rule) -> dict[str, str]:
    """Return what is wrong with where it is to have come to."""
    wrong = {}
    found = session.execute(select(inboxes.id).where(inboxes.id == (rule.inbox_id or 0)))
    if rule.inbox_id is not None and found.first() is None:
        wrong["inbox_id"] = N_("There is no such inbox.")
    if rule.department is not None and rule.department not in team_departments(session):
        wrong["department"] = N_("No team is of this department.")
    return wrong


def team_departments(session: Session) -> list[str]:
    """Return the departments of the open teams, each once, as they are written first."""
    named = session.execute(
        select(teams.department)
        .where(teams.is_active.is_(True), teams.department != "")
        .order_by(teams.id)
    ).scalars()
    return list({one.casefold(): one for one in reversed(named.all())}.values())[::-1]


def _save(session: Session, rules: list[Rule], by: int, now: datetime) -> None:
    before, after = save_rules(session, rules)
    add_entry(
        session,
        AuditThing.COMPANY,
        1,
        AuditAction.CHANGED,
        now,
        by=by,
        before={"routes": before},
        after={"routes": after},
    )
