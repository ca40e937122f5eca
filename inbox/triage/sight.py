"""What a message's words say besides type and urgency, worked out before it is stored."""

from dataclasses import dataclass

from inbox.triage.products import Catalogue, Named
from inbox.triage.smalltalk import is_only_thanks
from inbox.triage.spam import SpamFacts, spam_likelihood, spam_signs
from inbox.triage.text import prepare


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen. ``spam`` is likelihood by words alone, as of an unknown sender."""

    only_thanks: bool = False
    spam: float = 0.0
    spam_signs: tuple[str, ...] = ()  # why, the weightiest first
    products: tuple[Named, ...] = ()


NOTHING_SEEN = Sight()


def look(
    subject: str,
    text: str,
    *,
    is_reply: bool,
    is_bulk: bool,
    has_files: bool,
    catalogue: Catalogue,
    is_forged: bool = False,
) -> Sight:
    """Read a message once more; what comes with a file never only thanks.

    ``is_reply``: the subject was ours, so that only the text is read for thanks.
    ``is_forged``: the sender's domain disowns it.
    """
    products = catalogue.find(subject, text)
    document = prepare("" if is_reply else subject, text)
    thanks = not has_files and is_only_thanks(document)
    facts = SpamFacts(is_bulk=is_bulk, is_forged=is_forged)
    spam = 0.0 if thanks else spam_likelihood(document, facts)
    signs: tuple[str, ...] = ()
    if spam >= 0.5:
        signs = tuple(sign.reason for sign in spam_signs(document, facts) if sign.weight > 0)
    return Sight(thanks, spam, signs, products)
