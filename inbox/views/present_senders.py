"""What is known of who really sent a mail, in words."""

from collections.abc import Mapping

from inbox.templating import N_
from inbox.views.words import Speaker
from models import Direction, Message

CONFIRMED = N_("The sender’s address is confirmed.")
FORGED = N_("The sender’s address may be forged.")
VOUCHED = N_("Your site vouches for this visitor: user %(id)s.")
SIGNED = N_("Signed by %(domain)s.")
UNFIT = N_("Neither the signature nor the server fits the sender.")
NOTHING = N_("Nothing confirms the sender.")
BY_SERVER = N_("It came from a server of the sender’s.")
ELSEWHERE = N_("sent from a mail program")
_NAMES = {"dkim": "DKIM", "spf": "SPF", "dmarc": "DMARC", "arc": "ARC"}
_BAD = ("fail", "softfail", "permerror")


def sender_words(found: Mapping[str, str], speak: Speaker) -> tuple[str, bool]:
    """Return what the receiving server says of a sender, and whether to beware; or ""."""
    if not found:
        return "", False
    if "site" in found:
        return speak.say(VOUCHED) % {"id": found["site"]}, False
    dmarc, dkim, spf = (found.get(name, "") for name in ("dmarc", "dkim", "spf"))
    beware = dmarc == "fail" or (not dmarc and dkim in _BAD and spf in _BAD)
    if dmarc == "pass":
        text = speak.say(CONFIRMED)
    elif dmarc == "fail":
        text = speak.say(FORGED)
    elif dkim == "pass":
        text = speak.say(SIGNED) % {"domain": found.get("dkim_domain", "DKIM")}
    elif beware:
        text = speak.say(UNFIT)
    else:
        text = speak.say(BY_SERVER if spf == "pass" else NOTHING)
    said = [f"{_NAMES[name]} {found[name]}" for name in _NAMES if name in found]
    return f"{text} ({', '.join(said)}; {found.get('by', '')})", beware


def is_from_elsewhere(message: Message) -> bool:
    """Tell whether one of ours sent it from a mail program."""
    return message.direction is Direction.OUTBOUND and message.raw_id is not None
