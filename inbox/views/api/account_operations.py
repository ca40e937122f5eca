"""Accounts, their people and milestones in the OpenAPI document."""

from typing import Any

from inbox.views.api import account_shapes as shapes
from inbox.views.api.described import BASE, Operation
from models import AccountStatus

_ACCOUNTS = f"{BASE}/accounts"
_ONE = _ACCOUNTS + "/{account_id}"
_PAGE: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    "after": {"type": "string", "description": "`next` of the page before."},
}
LOCATED = (shapes.Account, shapes.Person)
"""What is made with an address of its own."""

ACCOUNT_OPERATIONS: dict[str, Operation] = {
    f"GET {_ACCOUNTS}": Operation(
        "listAccounts",
        "List the accounts that the token's person looks after (a supervisor's: all)",
        {200: shapes.AccountList},
        refuses=(404,),
        query={
            **_PAGE,
            "reference": {"type": "string", "description": "The one with this reference."},
            "q": {"type": "string", "description": "Words in the name, accents or not."},
            "status": {"type": "string", "enum": [one.value for one in AccountStatus]},
        },
    ),
    f"POST {_ACCOUNTS}": Operation(
        "postAccount",
        "Enter an account",
        {201: shapes.Account},
        takes=shapes.NewAccount,
        refuses=(403, 413),
        once=True,
    ),
    f"GET {_ONE}": Operation(
        "getAccount", "Give one account", {200: shapes.Account}, refuses=(404,)
    ),
    f"PUT {_ONE}": Operation(
        "putAccount",
        "Change an account; what is not given stays as it is",
        {200: shapes.Account},
        takes=shapes.AccountChange,
        refuses=(403, 404, 409, 413),
    ),
    f"GET {_ONE}/contacts": Operation(
        "listContacts",
        "List an account's people, a page at a time",
        {200: shapes.PersonList},
        refuses=(404,),
        query=_PAGE,
    ),
    f"POST {_ONE}/contacts": Operation(
        "postContact",
        "Enter somebody at an account, known already by their address or new",
        {201: shapes.Person},
        takes=shapes.NewPerson,
        refuses=(403, 404, 409, 413),
        once=True,
    ),
    f"GET {BASE}/contacts/{{contact_id}}": Operation(
        "getContact", "Give one contact", {200: shapes.Person}, refuses=(404,)
    ),
    f"PUT {BASE}/contacts/{{contact_id}}": Operation(
        "putContact",
        "Say at which account somebody is, and by what else they are known",
        {200: shapes.Person},
        takes=shapes.PersonChange,
        refuses=(403, 404, 409, 413),
    ),
    f"GET {_ONE}/milestones": Operation(
        "listMilestones",
        "List an account's milestones",
        {200: shapes.MilestoneList},
        refuses=(404,),
    ),
    f"POST {_ONE}/milestones": Operation(
        "postMilestone",
        "Plan a milestone of an account",
        {201: shapes.Milestone},
        takes=shapes.NewMilestone,
        refuses=(403, 404, 413),
        once=True,
    ),
    f"PUT {BASE}/milestones/{{milestone_id}}": Operation(
        "putMilestone",
        "Change a milestone, or say that it is reached, dropped, or planned after all",
        {200: shapes.Milestone},
        takes=shapes.MilestoneChange,
        refuses=(403, 404, 409, 413),
    ),
}
