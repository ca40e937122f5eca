"""What is said about the reading of a message, in the reader's language."""

from inbox.channels.messengers import readable
from inbox.templating import N_
from inbox.views.words import Speaker

# As ``inbox.channels.mime`` and ``inbox.channels.invitation`` write them: the part before a
# colon is ours, what follows it came with the message.
SAID = (
    N_("Some headers or parts were over the limits and were left out."),
    N_("The HTML was too large or too complex and is shown as text."),
    N_("The text was cut after 1 MiB."),
    N_("An attachment over 20 MiB was left out"),
    N_("Invitation"),
    N_("Event"),
    N_("Invitation taken back"),
    N_("Answer to an invitation"),
    N_("Answer to an invitation (accepted)"),
    N_("Answer to an invitation (declined)"),
    N_("Answer to an invitation (tentative)"),
    N_("Another time proposed"),
    *readable.NOTES,
)


def say_note(note: str, speak: Speaker) -> str:
    """Return a note in the reader's language; one that we do not know, as it is."""
    head, colon, rest = note.partition(": ")
    if head in SAID:
        return f"{speak.say(head)}{colon}{rest}"
    return note
