"""The menu of the settings pages, by what they are about: a new page gets a line here."""

from collections.abc import Callable
from typing import NamedTuple

from inbox.templating import N_
from models import Role


class SettingsPage(NamedTuple):
    """A page of the menu and whom it is shown to; its route says the same in ``access``."""

    address: str
    label: str
    least: Role


class NavItem(NamedTuple):
    """A line of the menu as one person sees it."""

    address: str
    label: str
    is_current: bool


class NavGroup(NamedTuple):
    """Lines of the menu about one matter."""

    title: str
    items: list[NavItem]


GROUPS: tuple[tuple[str, tuple[SettingsPage, ...]], ...] = (
    (
        N_("Company"),
        (
            SettingsPage("/settings/start", N_("First day"), Role.SUPERVISOR),
            SettingsPage("/settings/company", N_("Company"), Role.ADMIN),
            SettingsPage("/settings/people", N_("People"), Role.ADMIN),
            SettingsPage("/settings/teams", N_("Teams"), Role.ADMIN),
            SettingsPage("/settings/hours", N_("Working hours"), Role.SUPERVISOR),
            SettingsPage("/settings/absences", N_("Absences"), Role.SUPERVISOR),
        ),
    ),
    (
        N_("Deadlines"),
        (
            SettingsPage("/settings/policies", N_("Deadlines (SLA)"), Role.SUPERVISOR),
            SettingsPage("/settings/ladders", N_("Warnings"), Role.SUPERVISOR),
            SettingsPage("/settings/routes", N_("Routes"), Role.SUPERVISOR),
            SettingsPage("/settings/milestones", N_("Milestones"), Role.SUPERVISOR),
        ),
    ),
    (
        N_("Sorting"),
        (
            SettingsPage("/settings/triage", N_("Sorting (AI)"), Role.SUPERVISOR),
            SettingsPage("/settings/types", N_("Topics"), Role.SUPERVISOR),
            SettingsPage("/settings/products", N_("Products"), Role.SUPERVISOR),
            SettingsPage("/settings/marks", N_("Tags and own fields"), Role.SUPERVISOR),
            SettingsPage("/settings/spam", N_("Spam"), Role.SUPERVISOR),
            SettingsPage("/settings/blocks", N_("Blocked senders"), Role.SUPERVISOR),
        ),
    ),
    (
        N_("Writing"),
        (
            SettingsPage("/settings/replies", N_("Saved replies"), Role.AGENT),
            SettingsPage("/settings/macros", N_("Macros"), Role.AGENT),
            SettingsPage("/settings/mails", N_("Mails to customers"), Role.SUPERVISOR),
        ),
    ),
    (
        N_("Connections"),
        (
            SettingsPage("/settings/inboxes", N_("Ways in"), Role.ADMIN),
            SettingsPage("/settings/telegram", N_("Telegram"), Role.ADMIN),
            SettingsPage("/settings/webhooks", N_("Webhooks"), Role.ADMIN),
            SettingsPage("/settings/tokens", N_("API tokens"), Role.ADMIN),
        ),
    ),
    (
        N_("Upkeep"),
        (
            SettingsPage("/settings/mail", N_("Mail ledger"), Role.SUPERVISOR),
            SettingsPage("/settings/quarantine", N_("Quarantine"), Role.SUPERVISOR),
            SettingsPage("/settings/privacy", N_("Personal data"), Role.ADMIN),
            SettingsPage("/settings/audit", N_("Audit trail"), Role.ADMIN),
            SettingsPage("/settings/health", N_("Health"), Role.ADMIN),
        ),
    ),
)
_ORDER = list(Role)


def first_page(role: Role) -> str:
    """Return the address of the first page that a role may open."""
    return nav_groups(role, "", str)[0].items[0].address


def nav_groups(role: Role, path: str, say: Callable[[str], str]) -> list[NavGroup]:
    """Return the menu for a role; the page that ``path`` belongs to is the current one."""
    shown = _ORDER[: _ORDER.index(role) + 1]
    found = [
        NavGroup(
            say(title),
            [
                NavItem(
                    page.address,
                    say(page.label),
                    (path + "/").startswith(page.address + "/"),
                )
                for page in pages
                if page.least in shown
            ],
        )
        for title, pages in GROUPS
    ]
    return [group for group in found if group.items]
