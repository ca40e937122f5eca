"""What our own mails to customers say: as shipped, or as the company wrote it.

A mail's facts are the only words that it can repeat, and none of them was typed by the sender:
whoever puts somebody else's address into a form could otherwise have us send what they like.
"""

from collections.abc import Mapping
from typing import Any

from inbox.channels.fields import fill, fill_lines
from inbox.channels.paper import as_html
from inbox.channels.words import one_line
from inbox.templating import N_, render, translator

TEMPLATES = {
    "acknowledgement": "acknowledgement",
    "promise": "acknowledgement",  # an earlier time than the first one
    "late": "late",
    "follow_up": "follow_up",
    "closing": "closing",
    "survey": "survey",
}
"""The words of each kind of mail to a customer."""

_ALWAYS = {"conversation.number": "number", "company.name": "company", "link": "link"}
VARIABLES: Mapping[str, Mapping[str, str]] = {
    "acknowledgement": {
        **_ALWAYS,
        "promise": "promise_text",
        "closed": "closed_text",
        "hours": "hours_text",
    },
    "late": {**_ALWAYS, "promise": "time_text", "promised": "said_text"},
    "follow_up": _ALWAYS,
    "closing": _ALWAYS,
    "survey": {**_ALWAYS, "yes": "good", "partly": "fair", "no": "bad"},
}
"""The variables of each kind, and the facts that they stand for."""

AUTOMATIC = N_("This message was sent automatically.")
NO_TIME = N_("A person will answer you as soon as we can.")
MUST_SAY = {
    "acknowledgement": ("promise",),
    "late": ("promise",),
    "survey": ("yes", "partly", "no"),
}
"""What the text of a kind cannot do without: the honest time, the links of the answers."""


def values_of(kind: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of a kind with their values; "" is one that has none now."""
    return {name: str(facts.get(fact, "")) for name, fact in VARIABLES[kind].items()}


def shipped(kind: str, language: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return subject and text as they are shipped."""
    subject = render(language, f"emails/{kind}.subject", **facts).strip()
    return subject, render(language, f"emails/{kind}.text", **facts).strip()


def as_variables(kind: str, language: str) -> tuple[str, str]:
    """Return what is shipped as somebody who changes it sees it: with variables."""
    facts = {fact: f"{{{{{name}}}}}" for name, fact in VARIABLES[kind].items()}
    return shipped(kind, language, facts)


def fill_words(
    kind: str, language: str, facts: Mapping[str, Any], subject: str, text: str
) -> tuple[str, str]:
    """Return a company's own words for these facts; that a machine sent it is always said."""
    say = translator(language).gettext
    values = values_of(kind, facts)
    instead = {"promise": say(NO_TIME)} if kind == "acknowledgement" else {}
    said = fill_lines(text, values, instead).strip()
    if say(AUTOMATIC) not in said:
        foot = "" if "\n-- \n" in said else f"\n-- \n{facts['company']}"
        said = f"{said}\n{foot}\n{say(AUTOMATIC)}".replace("\n\n\n", "\n\n")
    heading = one_line(fill_lines(subject, values, {}))
    return heading or shipped(kind, language, facts)[0], said


def write(mail: Mapping[str, Any]) -> dict[str, str]:
    """Return subject, text and, for a customer, HTML of a mail that is kept as facts."""
    template, language, facts = mail["template"], mail["language"], mail["facts"]
    kind = TEMPLATES.get(template)
    if kind is None:
        subject, text = shipped(template, language, facts)
        return {"subject": subject, "text": text + "\n"}
    own = mail.get("words")
    if own:
        subject, text = fill_words(kind, language, facts, own["subject"], own["text"])
    else:
        subject, text = shipped(kind, language, facts)
    html = as_html(subject, text, str(facts.get("company", "")), language)
    return {"subject": subject, "text": text + "\n", "html": html}


def closed_sentence(text: str, opens: str) -> str:
    """Return the company's own sentence for when nobody is there."""
    return one_line(fill(text, {"opens": opens}))
