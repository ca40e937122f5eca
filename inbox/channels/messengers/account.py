"""What is known of the company's account with a provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Account:
    """The company's account: ``facts`` are shown, the rest never is.

    ``id`` is the provider's own name for it, "" until it was asked. ``webhook`` is a word of
    our making that the provider gives back to us.
    """

    id: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str = field(default="", repr=False)
    webhook: str = field(default="", repr=False)

    def fact(self, name: str) -> str:
        """Return what was entered under a name, or ""."""
        return self.facts.get(name, "")

    def secret(self, name: str) -> str:
        """Return a secret that was entered under a name, or ""."""
        return self.secrets.get(name, "")
