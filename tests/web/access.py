"""What each kind of visitor gets, in rows; and the rows of some rooms."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """What each kind of visitor gets: a status; LOGIN is being led to sign in."""

    anonymous: int
    inside: int  # an agent of the conversation's team, not its owner
    outside: int  # an agent of another team
    supervisor: int
    admin: int
    read_token: int = 0  # 0: as anonymous
    write_token: int = 0
    body: dict[str, Any] | None = None
    link: int = 0  # whoever has the link of one conversation, and nothing else


LOGIN = 303_000  # led to the sign-in page
OPEN = Row(200, 200, 200, 200, 200)
AGENTS = Row(LOGIN, 200, 200, 200, 200)
SUPERVISORS = Row(LOGIN, 403, 403, 200, 200)
ADMINS = Row(LOGIN, 403, 403, 403, 200)

PREPARED = {
    "GET /inbox/{number}/saved": Row(LOGIN, 200, 404, 200, 200),
    "POST /inbox/{number}/saved": Row(LOGIN, 404, 404, 404, 404, body={"use": "999"}),
    "POST /inbox/{number}/saved/{reply_id}": Row(LOGIN, 404, 404, 404, 404),  # none of this id
    "GET /settings/replies": AGENTS,
    "GET /settings/replies/{reply_id}": Row(LOGIN, 404, 404, 404, 404),
    "POST /settings/replies": Row(LOGIN, 422, 422, 422, 422),  # no name
    "POST /settings/replies/{reply_id}": Row(LOGIN, 404, 404, 404, 404),
    "POST /settings/replies/{reply_id}/removal": Row(LOGIN, 404, 404, 404, 404),
    "GET /inbox/{number}/macros": Row(LOGIN, 200, 404, 200, 200),
    "GET /inbox/{number}/macros/{macro_id}": Row(LOGIN, 404, 404, 404, 404),
    "POST /inbox/{number}/macros/{macro_id}": Row(LOGIN, 404, 404, 404, 404),
    "GET /macros/runs/{run_id}": Row(LOGIN, 404, 404, 404, 404),
    "POST /macros/runs/{run_id}/undo": Row(LOGIN, 404, 404, 404, 404),  # none of theirs
    "GET /settings/macros": AGENTS,
    "GET /settings/macros/{macro_id}": Row(LOGIN, 404, 404, 404, 404),
    "POST /settings/macros": Row(LOGIN, 422, 422, 422, 422),  # no name
    "POST /settings/macros/{macro_id}": Row(LOGIN, 404, 404, 404, 404),
    "POST /settings/macros/{macro_id}/removal": Row(LOGIN, 404, 404, 404, 404),
    "GET /settings/mails": SUPERVISORS,
    "GET /settings/mails/{inbox_id}/{mail}/{language}": SUPERVISORS,
    "POST /settings/mails/{inbox_id}/{mail}/{language}": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/mails/{inbox_id}/{mail}/{language}/restoration": Row(
        LOGIN, 403, 403, 303, 303
    ),
    "POST /settings/mails/{inbox_id}/{mail}/{language}/preview": Row(LOGIN, 403, 403, 200, 200),
    "GET /settings/mails/{inbox_id}/{mail}/{language}/frame": SUPERVISORS,
}
"""Saved replies, macros and the words of our own mails."""
_API = (401, 401, 401, 401, 401)
ACCOUNTS = {
    "GET /api/v1/accounts": Row(*_API, 200, 200),
    "POST /api/v1/accounts": Row(*_API, 403, 201, {"name": "x"}),
    "GET /api/v1/accounts/{account_id}": Row(*_API, 200, 200),
    "PUT /api/v1/accounts/{account_id}": Row(*_API, 403, 404, {"name": "x"}),  # only looked at
    "GET /api/v1/accounts/{account_id}/contacts": Row(*_API, 200, 200),
    "POST /api/v1/accounts/{account_id}/contacts": Row(
        *_API, 403, 404, {"email": "a@b.example"}
    ),
    "GET /api/v1/contacts/{contact_id}": Row(*_API, 200, 200),
    "PUT /api/v1/contacts/{contact_id}": Row(*_API, 403, 404, {"position": "x"}),
    "GET /api/v1/accounts/{account_id}/milestones": Row(*_API, 200, 200),
    "POST /api/v1/accounts/{account_id}/milestones": Row(
        *_API, 403, 404, {"title": "x", "due_at": "2026-12-24T03:00:00Z"}
    ),
    "PUT /api/v1/milestones/{milestone_id}": Row(*_API, 403, 200, {"title": "x"}),
    "POST /accounts/import/{import_id}/columns": Row(LOGIN, 403, 403, 404, 404),
    "GET /accounts": AGENTS,
    "POST /accounts": Row(LOGIN, 303, 303, 303, 303, body={"name": "x"}),
    "POST /accounts/hand-over": Row(LOGIN, 422, 422, 422, 422, body={"to": "1"}),  # nothing
    "GET /accounts/matrix": AGENTS,
    "GET /accounts/joins": SUPERVISORS,
    "POST /accounts/joins/{join_id}": Row(LOGIN, 404, 404, 404, 404, body={"decision": "one"}),
    "GET /accounts/new": AGENTS,
    "GET /accounts/{account_id}/edit": Row(LOGIN, 404, 404, 200, 200),  # another looks after it
    "POST /accounts/{account_id}": Row(LOGIN, 404, 404, 303, 303, body={"name": "x"}),
    "POST /accounts/{account_id}/people": Row(
        LOGIN, 404, 404, 303, 303, body={"email": "moi@khach.example"}
    ),
    "POST /contacts/{contact_id}/account": Row(LOGIN, 404, 404, 303, 303, body={"account": ""}),
    "POST /contacts/{contact_id}/ways": Row(
        LOGIN, 303, 404, 303, 303, body={"kind": "phone", "value": "0901234567"}
    ),
    "POST /contacts/{contact_id}/joins": Row(LOGIN, 404, 404, 404, 404, body={"other": "999"}),
}
"""Accounts and the people of them."""

SETTINGS = {
    "GET /settings/marks": SUPERVISORS,
    "POST /settings/marks/tags": Row(LOGIN, 403, 403, 422, 422),  # no name
    "POST /settings/marks/tags/{tag_id}": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/marks/tags/{tag_id}/removal": Row(LOGIN, 403, 403, 404, 404),
    "POST /settings/marks/fields": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/marks/fields/{field_id}": Row(LOGIN, 403, 403, 404, 404),
    "POST /settings/marks/fields/{field_id}/removal": Row(LOGIN, 403, 403, 404, 404),
    "GET /settings/inboxes/{inbox_id}/sending": ADMINS,
    "POST /settings/inboxes/{inbox_id}/sending": Row(LOGIN, 403, 403, 403, 422),  # no server
    "POST /settings/inboxes/{inbox_id}/sending/removal": Row(LOGIN, 403, 403, 403, 404),
    "POST /settings/inboxes/{inbox_id}/sending/signature": Row(LOGIN, 403, 403, 403, 303),
    "POST /settings/inboxes/{inbox_id}/sending/keys": Row(LOGIN, 403, 403, 403, 303),
    "POST /settings/inboxes/{inbox_id}/sending/keys/{key_id}/look": Row(
        LOGIN, 403, 403, 403, 404
    ),
    "POST /settings/inboxes/{inbox_id}/sending/keys/{key_id}": Row(LOGIN, 403, 403, 403, 404),
    "POST /settings/inboxes/{inbox_id}/sending/keys/{key_id}/removal": Row(
        LOGIN, 403, 403, 403, 404
    ),
    "GET /settings/blocks": SUPERVISORS,
    "POST /settings/blocks/{block_id}/removal": Row(LOGIN, 403, 403, 404, 404),
    "GET /settings/spam": SUPERVISORS,
    "POST /settings/spam": Row(LOGIN, 403, 403, 422, 422),  # no likelihood
    "GET /settings/products": SUPERVISORS,
    "POST /settings/products": Row(LOGIN, 403, 403, 422, 422),  # no name
    "POST /settings/products/{group_id}": Row(LOGIN, 403, 403, 404, 404, body={"name": "x"}),
    "POST /settings/products/{group_id}/removal": Row(LOGIN, 403, 403, 404, 404),
    "GET /settings/routes": SUPERVISORS,
    "POST /settings/routes": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/routes/{position}/removal": Row(LOGIN, 403, 403, 409, 409),  # there is none
    "POST /settings/routes/{position}/up": Row(LOGIN, 403, 403, 409, 409),
    "GET /settings/absences": SUPERVISORS,
    "POST /settings/absences": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/absences/{agent_id}/return": Row(LOGIN, 403, 403, 303, 303),
    "GET /settings/privacy": ADMINS,
    "POST /settings/privacy/rules": Row(LOGIN, 403, 403, 403, 422),  # no days
    "POST /settings/privacy/rules/{rule_id}/removal": Row(LOGIN, 403, 403, 403, 404),
    "POST /settings/privacy/runs/{run_id}/stop": Row(LOGIN, 403, 403, 403, 409),  # none
    "POST /settings/privacy/person": Row(LOGIN, 403, 403, 403, 422),  # no address
    "GET /settings/telegram": ADMINS,
    "POST /settings/telegram": Row(LOGIN, 403, 403, 403, 422),
    "POST /settings/telegram/test": Row(LOGIN, 403, 403, 403, 409),  # none entered
    "POST /settings/telegram/removal": Row(LOGIN, 403, 403, 403, 303),
    "GET /settings/triage": SUPERVISORS,
    "POST /settings/triage/trainings": Row(LOGIN, 403, 403, 303, 303),
    "POST /settings/triage/habits": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/triage/costs": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/triage/rollback": Row(LOGIN, 403, 403, 409, 409),  # no former model
    "GET /settings/triage/versions/{version_id}": Row(LOGIN, 403, 403, 404, 404),
    "GET /settings/triage/versions/{version_id}/messages": Row(LOGIN, 403, 403, 404, 404),
    "POST /settings/triage/versions/{version_id}/promotion": Row(LOGIN, 403, 403, 404, 404),
    "POST /settings/triage/versions/{version_id}/shadow": Row(LOGIN, 403, 403, 404, 404),
    "GET /settings/types": SUPERVISORS,
    "POST /settings/types": Row(LOGIN, 403, 403, 422, 422),
    "GET /settings/types/{type_key}": SUPERVISORS,
    "POST /settings/types/{type_key}": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/types/{type_key}/merger": Row(
        LOGIN, 403, 403, 404, 404, body={"into": "none"}
    ),
    "POST /settings/types/{type_key}/state": Row(LOGIN, 403, 403, 409, 409),  # general stays
    "GET /settings/audit": Row(LOGIN, 403, 403, 403, 200),
    "GET /settings/audit.csv": Row(LOGIN, 403, 403, 403, 200),
    "GET /settings/start": SUPERVISORS,
    "POST /settings/start/steps/{step}": Row(
        LOGIN, 403, 403, 403, 303, body={"said": "skipped"}
    ),
    "POST /settings/start/dismissal": Row(LOGIN, 403, 403, 403, 303),
    "POST /settings/start/mail": Row(LOGIN, 403, 403, 403, 303),
    "POST /settings/start/message": Row(LOGIN, 403, 403, 403, 303),
    "GET /settings/company": ADMINS,
    "POST /settings/company": Row(LOGIN, 403, 403, 403, 422),
    "GET /settings/ladders": SUPERVISORS,
    "POST /settings/ladders": Row(
        LOGIN, 403, 403, 303, 422, body={"name": "Gold", "copy_of": "0"}
    ),
    "GET /settings/ladders/{ladder_id}": SUPERVISORS,
    "POST /settings/ladders/{ladder_id}": Row(LOGIN, 403, 403, 422, 422, body={"do": "save"}),
    "POST /settings/ladders/{ladder_id}/usual": Row(LOGIN, 403, 403, 303, 303),
    "POST /settings/ladders/{ladder_id}/removal": Row(LOGIN, 403, 403, 409, 409),
    "GET /settings/policies": SUPERVISORS,
    "GET /settings/policies/new": SUPERVISORS,
    "GET /settings/policies/{policy_id}": SUPERVISORS,
    "POST /settings/policies": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/policies/{policy_id}": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/policies/{policy_id}/activity": Row(
        LOGIN, 403, 403, 303, 303, body={"active": "1"}
    ),
    "POST /settings/policies/{policy_id}/removal": Row(LOGIN, 403, 403, 409, 409),
    "GET /settings/policies/{policy_id}/open": SUPERVISORS,
    "POST /settings/policies/{policy_id}/open": Row(
        LOGIN, 403, 403, 303, 303, body={"apply": "1"}
    ),
    "GET /settings/rehearsals": SUPERVISORS,
    "POST /settings/rehearsals": Row(LOGIN, 403, 403, 422, 422),
    "GET /settings/rehearsals/{rehearsal_id}": Row(LOGIN, 403, 403, 404, 404),
    "GET /settings/hours": Row(LOGIN, 403, 403, 303, 303),
    "POST /settings/hours": Row(
        LOGIN, 403, 403, 303, 422, body={"name": "Hotline", "copy_of": "1"}
    ),
    "GET /settings/hours/{calendar_id}": SUPERVISORS,
    "POST /settings/hours/{calendar_id}": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/hours/{calendar_id}/days": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/hours/{calendar_id}/days/removal": Row(
        LOGIN, 403, 403, 303, 303, body={"first": "2026-12-01", "last": "2026-12-02"}
    ),
    "POST /settings/hours/{calendar_id}/holidays": Row(
        LOGIN, 403, 403, 303, 303, body={"year": "2027"}
    ),
    "GET /settings/hours/{calendar_id}/open": SUPERVISORS,
    "POST /settings/hours/{calendar_id}/open": Row(
        LOGIN, 403, 403, 303, 303, body={"apply": "1"}
    ),
    "GET /settings/inboxes": ADMINS,
    "GET /settings/inboxes/new/{kind}": ADMINS,
    "POST /settings/inboxes/new/{kind}": Row(
        LOGIN, 403, 403, 403, 303, body={"name": "Sales", "handle": "sales"}
    ),
    "GET /settings/inboxes/{inbox_id}": ADMINS,
    "POST /settings/inboxes/{inbox_id}": Row(LOGIN, 403, 403, 403, 303, body={"name": "Help"}),
    "POST /settings/inboxes/{inbox_id}/closing": Row(LOGIN, 403, 403, 403, 409),  # the only one
    "POST /settings/inboxes/{inbox_id}/opening": Row(LOGIN, 403, 403, 403, 303),
    "POST /settings/inboxes/{inbox_id}/questions": Row(LOGIN, 403, 403, 403, 404),  # no form
    "POST /settings/inboxes/{inbox_id}/key": Row(LOGIN, 403, 403, 403, 404),  # no chat
    "POST /settings/inboxes/{inbox_id}/secret": Row(LOGIN, 403, 403, 403, 404),  # no webhook
    "POST /settings/inboxes/{inbox_id}/reading": Row(LOGIN, 403, 403, 403, 404),  # no phone
    "POST /settings/inboxes/{inbox_id}/messenger": Row(LOGIN, 403, 403, 403, 404),  # it is mail
    "POST /settings/inboxes/{inbox_id}/messenger/test": Row(LOGIN, 403, 403, 403, 404),
    "POST /settings/inboxes/{inbox_id}/test-call": Row(LOGIN, 403, 403, 403, 404),
    "POST /settings/inboxes/{inbox_id}/mailboxes": Row(LOGIN, 403, 403, 403, 422),
    "GET /settings/mail": SUPERVISORS,
    "GET /settings/mail/rules": SUPERVISORS,
    "POST /settings/mail/rules": Row(LOGIN, 403, 403, 422, 422),  # nothing typed
    "POST /settings/mail/rules/{rule_id}/removal": Row(LOGIN, 403, 403, 404, 404),
    "POST /settings/mail/mailboxes/{mailbox_id}/count": Row(LOGIN, 403, 403, 404, 404),
    "GET /settings/mail/{entry_id}": Row(LOGIN, 403, 403, 404, 404),
    "POST /settings/mail/{entry_id}/taking": Row(LOGIN, 403, 403, 404, 404),
    "POST /settings/mail/{entry_id}/retry": Row(LOGIN, 403, 403, 404, 404),
    "POST /settings/mailboxes/{mailbox_id}/habits": Row(LOGIN, 403, 403, 403, 404),
    "POST /settings/mailboxes/{mailbox_id}/test": Row(LOGIN, 403, 403, 403, 404),  # none there
    "POST /settings/mailboxes/{mailbox_id}/password": Row(LOGIN, 403, 403, 403, 404),
    "POST /settings/mailboxes/{mailbox_id}/pause": Row(LOGIN, 403, 403, 403, 404),
    "POST /settings/mailboxes/{mailbox_id}/removal": Row(LOGIN, 403, 403, 403, 404),
    "GET /settings/quarantine": SUPERVISORS,
    "GET /settings/quarantine/{raw_id}": SUPERVISORS,
    "POST /settings/quarantine/{raw_id}/retry": Row(LOGIN, 403, 403, 303, 303),
    "GET /settings/people": ADMINS,
    "POST /settings/people": Row(LOGIN, 403, 403, 403, 422, body={"role": "agent"}),
    "GET /settings/people/{agent_id}": ADMINS,
    "POST /settings/people/{agent_id}": Row(LOGIN, 403, 403, 403, 422, body={"role": "agent"}),
    "POST /settings/people/{agent_id}/invitation": Row(LOGIN, 403, 403, 403, 409),  # joined
    "POST /settings/people/{agent_id}/invitation/withdrawal": Row(LOGIN, 403, 403, 403, 409),
    "POST /settings/people/{agent_id}/reset-link": Row(LOGIN, 403, 403, 403, 200),
    "GET /settings/people/{agent_id}/departure": ADMINS,
    "POST /settings/people/{agent_id}/departure": Row(LOGIN, 403, 403, 403, 422),
    "POST /settings/people/{agent_id}/return": Row(LOGIN, 403, 403, 403, 409),  # never left
    "GET /settings/teams": ADMINS,
    "POST /settings/teams": Row(LOGIN, 403, 403, 403, 303, body={"name": "Evening"}),
    "GET /settings/teams/{team_id}": ADMINS,
    "POST /settings/teams/{team_id}": Row(LOGIN, 403, 403, 403, 422),
    "POST /settings/teams/{team_id}/closure": Row(LOGIN, 403, 403, 403, 422),
    "POST /settings/teams/{team_id}/reopening": Row(LOGIN, 403, 403, 403, 409),
    "GET /settings/health": ADMINS,
    "GET /settings/tokens": ADMINS,
    "POST /settings/tokens": Row(LOGIN, 403, 403, 403, 422),
    "POST /settings/tokens/{token_id}/revocation": Row(LOGIN, 403, 403, 403, 303),
    "GET /settings/webhooks": ADMINS,
    "POST /settings/webhooks": Row(LOGIN, 403, 403, 403, 422),  # nothing typed
    "GET /settings/webhooks/{hook_id}": ADMINS,
    "POST /settings/webhooks/{hook_id}": Row(LOGIN, 403, 403, 403, 422),
    "POST /settings/webhooks/{hook_id}/secret": Row(LOGIN, 403, 403, 403, 200),
    "POST /settings/webhooks/{hook_id}/activity": Row(LOGIN, 403, 403, 403, 303),
    "POST /settings/webhooks/{hook_id}/removal": Row(LOGIN, 403, 403, 403, 303),
    "POST /settings/webhooks/{hook_id}/test": Row(LOGIN, 403, 403, 403, 303),
    "POST /settings/webhooks/{hook_id}/events/{delivery_id}/again": Row(
        LOGIN, 403, 403, 403, 404
    ),
    "GET /settings/milestones": SUPERVISORS,
    "POST /settings/milestones": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/milestones/{template_id}": Row(LOGIN, 403, 403, 422, 422),
    "POST /settings/milestones/usual": Row(LOGIN, 403, 403, 303, 303),
    "POST /settings/milestones/silence": Row(LOGIN, 403, 403, 422, 422),
}
"""The pages of settings."""
