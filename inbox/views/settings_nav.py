"""The menu of the settings pages, in its order: a new page gets a line here."""

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


PAGES = (
    SettingsPage("/settings/start", N_("First day"), Role.SUPERVISOR),
    SettingsPage("/settings/company", N_("Company"), Role.ADMIN),
    SettingsPage("/settings/policies", N_("Deadlines (SLA)"), Role.SUPERVISOR),
    SettingsPage("/settings/hours", N_("Working hours"), Role.SUPERVISOR),
    SettingsPage("/settings/routes", N_("Routes"), Role.SUPERVISOR),
    SettingsPage("/settings/absences", N_("Absences"), Role.SUPERVISOR),
    SettingsPage("/settings/ladders", N_("Warnings"), Role.SUPERVISOR),
    SettingsPage("/settings/milestones", N_("Milestones"), Role.SUPERVISOR),
    SettingsPage("/settings/triage", N_("Sorting (AI)"), Role.SUPERVISOR),
    SettingsPage("/settings/types", N_("Topics"), Role.SUPERVISOR),
    SettingsPage("/settings/products", N_("Products"), Role.SUPERVISOR),
    SettingsPage("/settings/marks", N_("Tags and own fields"), Role.SUPERVISOR),
    SettingsPage("/settings/spam", N_("Spam"), Role.SUPERVISOR),
    SettingsPage("/settings/blocks", N_("Blocked senders"), Role.SUPERVISOR),
    SettingsPage("/settings/replies", N_("Saved replies"), Role.AGENT),
    SettingsPage("/settings/macros", N_("Macros"), Role.AGENT),
    SettingsPage("/settings/mails", N_("Mails to customers"), Role.SUPERVISOR),
    SettingsPage("/settings/inboxes", N_("Ways in"), Role.ADMIN),
    SettingsPage("/settings/people", N_("People"), Role.ADMIN),
    SettingsPage("/settings/teams", N_("Teams"), Role.ADMIN),
    SettingsPage("/settings/telegram", N_("Telegram"), Role.ADMIN),
    SettingsPage("/settings/tokens", N_("API tokens"), Role.ADMIN),
    SettingsPage("/settings/webhooks", N_("Webhooks"), Role.ADMIN),
    SettingsPage("/settings/mail", N_("Mail ledger"), Role.SUPERVISOR),
    SettingsPage("/settings/quarantine", N_("Quarantine"), Role.SUPERVISOR),
    SettingsPage("/settings/privacy", N_("Personal data"), Role.ADMIN),
    SettingsPage("/settings/audit", N_("Audit trail"), Role.ADMIN),
    SettingsPage("/settings/health", N_("Health"), Role.ADMIN),
)
_ORDER = list(Role)


def nav_items(role: Role, path: str) -> list[NavItem]:
    """Return the menu for a role; the page that ``path`` belongs to is the current one."""
    return [
        NavItem(page.address, page.label, (path + "/").startswith(page.address + "/"))
        for page in PAGES
        if _ORDER.index(page.least) <= _ORDER.index(role)
    ]
