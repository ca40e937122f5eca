"""Every error this product raises on purpose, and the status the web edge gives it.

* InboxError: carries a sentence a person can be shown
  * Forbidden 403: you are known, and may not
  * NotFound 404: no such row, or not yours to see
  * Conflict 409: the row is not in the state you thought
  * TooLarge 413: more than we take
  * Invalid 422: input a form can show back
  * TooMany 429: wait a little
  * ChannelError 502: a mail server or API said no
    * Rejected: permanent, never retry
    * Unavailable: temporary, retry with back-off
    * Unconfirmed: the peer may have taken it; never retried by itself
"""


class InboxError(Exception):
    """A failure with a sentence for a person."""

    status = 500
    problem_type = "about:blank"  # RFC 9457's name for it; this one: the status says it all

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Forbidden(InboxError):
    """Known, and not allowed."""

    status = 403


class NotFound(InboxError):
    """No such thing, or not yours to see."""

    status = 404


class Conflict(InboxError):
    """Somebody was faster, or the thing is not in the state you thought."""

    status = 409


class TooLarge(InboxError):
    """More than we take."""

    status = 413


class Invalid(InboxError):
    """Input that a form can show back; ``fields`` maps a field to what is wrong with it."""

    status = 422

    def __init__(self, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = fields or {}


class TooMany(InboxError):
    """Too often; wait."""

    status = 429


class ChannelError(InboxError):
    """A mail server or API said no."""

    status = 502
    code = 0  # the server's three digits; 0: it did not say
    enhanced = ""  # its status of RFC 3463, as 5.1.1
    said = ""  # its own words, one line
    of_recipient = False  # it was the address that it would not have
    wait_s = 0  # how long it asked us to wait


class Rejected(ChannelError):
    """Refused for good."""


class Unavailable(ChannelError):
    """Not now; trying again may help."""


class Unconfirmed(ChannelError):
    """The peer may or may not have taken it; a person decides."""
