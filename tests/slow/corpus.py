"""Twenty mails of the corpus beside the project, always the same; none of it is part of it."""

import email
import email.policy
import email.utils
import json
import re
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "mail" / "dev"

# Who gets an automatic answer, and how many of each kind make twenty.
PEOPLE = {"plain": 5, "attachment": 4, "charset": 4, "html_only": 2}
MACHINES = {"auto_reply": 2, "bounce": 2, "loop": 1}
SENT_BY_MACHINES = ("auto-", "precedence", "list-", "x-auto", "feedback-id")
ADDRESS = re.compile(r"[a-z0-9._+-]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


def choose_twenty() -> list[tuple[str, bytes, str, bool]]:
    """Choose twenty mails: name, bytes, who sends it, and whether it deserves an answer."""
    chosen: list[tuple[str, bytes, str, bool]] = []
    senders: set[str] = set()
    for category, wanted in (PEOPLE | MACHINES).items():
        left = wanted
        for path in sorted(CORPUS.glob(f"{category}-*.json")):
            expected = json.loads(path.read_text())
            if left == 0 or not _fits(expected, category):
                continue
            raw = path.with_suffix(".eml").read_bytes()
            mail = email.message_from_bytes(raw, policy=email.policy.compat32)
            _, sender = email.utils.parseaddr(str(mail["From"]))
            if not ADDRESS.fullmatch(sender) or sender in senders or len(raw) > 500_000:
                continue
            if category in PEOPLE and any(
                name.lower().startswith(SENT_BY_MACHINES) for name in mail
            ):
                continue
            senders.add(sender)
            envelope = "" if category == "bounce" else sender
            chosen.append((expected["name"], raw, envelope, category in PEOPLE))
            left -= 1
    return chosen


def _fits(expected: dict[str, Any], category: str) -> bool:
    if category in PEOPLE:
        return "from_email" in expected
    wanted = {"auto_reply": "is_auto_reply", "bounce": "is_bounce"}
    return expected.get(wanted.get(category, "suppress_auto_response")) is True
