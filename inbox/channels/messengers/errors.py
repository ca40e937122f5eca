"""Why a messenger does not take a message, in words for whoever wrote it.

The sentences are message keys: they are translated where they are shown
(``inbox.views.present_mail``), and a row of the outbox keeps them as they are.
"""

from inbox.errors import Rejected, Unavailable
from inbox.templating import N_

WINDOW_CLOSED = N_("The time in which the customer can be answered here is over.")
BLOCKED = N_("The customer does not take messages from us here any more.")
BAD_TOKEN = N_(
    "The provider does not accept our access any more. An administrator can renew it."
)
SLOW_DOWN = N_("The provider wants us to write more slowly.")
NO_QUOTA = N_("The provider’s allowance for messages is used up.")
NOT_CONNECTED = N_("This messenger is not connected. An administrator can do that.")
RENEWING = N_("The access is being renewed just now.")
BAD_FILE = N_("This messenger does not take such a file: %(name)s")
TOO_LONG = N_("This messenger does not take so long a text.")


class WindowClosed(Rejected):
    """The customer wrote too long ago: only another channel reaches them, or they write."""

    def __init__(self, said: str = "") -> None:
        super().__init__(WINDOW_CLOSED)
        self.said = said


class Blocked(Rejected):
    """The customer has blocked us, left, or is gone."""

    def __init__(self, said: str = "") -> None:
        super().__init__(BLOCKED)
        self.said = said


class BadToken(Unavailable):
    """Our access is wrong, ended or was taken away: nothing of one message.

    Where the token can be renewed it is, once; what was to be sent waits.
    """

    def __init__(self, said: str = "") -> None:
        super().__init__(BAD_TOKEN)
        self.said = said


class SlowDown(Unavailable):
    """Too much at once: nothing goes out by this account for ``wait_s``."""

    code = 421  # what ``courier`` takes for "later, and not only this one"

    def __init__(self, wait_s: int, message: str = SLOW_DOWN, said: str = "") -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.said = said
