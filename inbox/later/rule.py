"""A rule about mail that is kept away, as take-in needs it."""

from dataclasses import dataclass

from inbox.channels.base import InboundMessage
from models import RuleField


@dataclass(frozen=True, slots=True)
class Ignored:
    """A rule as take-in needs it."""

    inbox_id: int | None
    field: RuleField
    pattern: str  # lower case
    reason: str

    def fits(self, inbox_id: int, message: InboundMessage) -> bool:
        """Tell whether a mail to an inbox is meant."""
        if self.inbox_id is not None and self.inbox_id != inbox_id:
            return False
        if self.field is RuleField.SUBJECT:
            return self.pattern in " ".join(message.subject.lower().split())
        address = message.from_address.lower()
        if not self.pattern.startswith("@"):
            return address == self.pattern
        domain = address.rpartition("@")[2]
        return domain == self.pattern[1:] or domain.endswith("." + self.pattern[1:])
