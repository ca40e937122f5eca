"""Likely spam: what the words say, what is known of the sender, and that customers pass."""

import pytest

from inbox.channels.authresults import is_disowned
from inbox.triage.spam import (
    SPAM_FROM,
    SpamFacts,
    spam_likelihood,
    spam_signs,
    with_copies,
)
from inbox.triage.starter import DATA, said_in
from inbox.triage.starter.corpus import LANGUAGES, read_corpus
from inbox.triage.text import fold, prepare

NOBODY = SpamFacts()


def likelihood(text: str, facts: SpamFacts = NOBODY) -> float:
    return spam_likelihood(prepare("", text), facts)


def test_most_spam_is_found() -> None:
    """F119, the classifier's part. The words and this set are by the same hand: no quality."""
    lines = said_in("spam")
    found = [line for line in lines if likelihood(line) >= SPAM_FROM]
    assert len(lines) >= 40
    assert len(found) / len(lines) >= 0.9


@pytest.mark.parametrize("set_name", ["not_spam", "thanks", "not_thanks"])
def test_a_customer_is_never_set_apart(set_name: str) -> None:
    """F119: also with the words of spam ("is this from you?")."""
    assert [line for line in said_in(set_name) if likelihood(line) >= SPAM_FROM] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_the_starter_only_sales_pitches_are_spam(language: str) -> None:
    patterns = read_corpus(DATA, language).patterns[::3]  # for time
    taken = {
        pattern.request_type
        for pattern in patterns
        if spam_likelihood(prepare(pattern.subject, pattern.text), NOBODY) >= SPAM_FROM
    }
    assert taken <= {"general"}


def test_whoever_we_know_or_who_answers_us_is_not_spam() -> None:
    pitch = "We offer SEO services, get to the first page of Google. Free audit, act now."
    assert likelihood(pitch) >= SPAM_FROM
    assert likelihood(pitch, SpamFacts(is_known=True)) < SPAM_FROM
    assert likelihood(pitch, SpamFacts(is_reply=True)) < SPAM_FROM


def test_facts_of_the_mail_raise_it() -> None:
    offer = "We offer cleaning services for offices."
    plain = likelihood(offer)
    assert plain < SPAM_FROM
    assert likelihood(offer, SpamFacts(is_bulk=True)) > plain
    assert likelihood(offer, SpamFacts(is_forged=True, n_copies=5)) > plain


def test_copies_counted_later_say_the_same() -> None:
    """They are known only when the message is taken in."""
    offer = "We offer cleaning services for offices."
    for n_copies in (0, 1, 3, 9):
        whole = likelihood(offer, SpamFacts(n_copies=n_copies))
        assert with_copies(likelihood(offer), n_copies) == pytest.approx(whole)
    assert with_copies(0.0, 3) == 0.0


@pytest.mark.parametrize(
    ("found", "forged"),
    [
        ({}, False),
        ({"dmarc": "fail", "spf": "pass"}, True),
        ({"dmarc": "pass", "spf": "fail"}, False),
        ({"spf": "fail", "dkim": "pass"}, False),
        ({"spf": "fail"}, True),
        ({"dmarc": "none", "spf": "softfail"}, False),
    ],
)
def test_what_a_domain_disowns_is_forged(found: dict[str, str], forged: bool) -> None:
    assert is_disowned(found) is forged


def test_facts_alone_convict_nobody() -> None:
    facts = SpamFacts(is_bulk=True, is_forged=True, n_copies=0)
    assert likelihood("đơn hàng của em tới đâu rồi ạ", facts) < SPAM_FROM
    assert likelihood("", SpamFacts(is_bulk=True, is_forged=True, n_copies=9)) < 1.0


def test_it_says_why() -> None:
    signs = spam_signs(prepare("", "my order? free spins http://x.example.com/a"), NOBODY)
    assert [sign.reason for sign in signs] == ["gambling_or_adult", "own_matter", "links"]
    assert [sign.weight > 0 for sign in signs] == [True, False, True]


def test_diacritics_do_not_matter() -> None:
    for line in said_in("spam"):
        assert likelihood(line) == pytest.approx(likelihood(fold(line)), abs=0.35)


@pytest.mark.parametrize("text", ["", "\x00", "A" * 100_000, "earn $5 " * 20_000, "👍"])
def test_odd_input_gets_an_answer(text: str) -> None:
    assert 0 <= likelihood(text) <= 1
