"""R56, S25: prepared texts are filled in, and nothing in them is ever computed."""

import time

import pytest

from inbox.channels.fields import Kind, fill, fill_lines, names_in, pieces
from inbox.channels.paper import as_html
from inbox.outgoing.ownmail import AUTOMATIC, VARIABLES, as_variables, fill_words, write
from inbox.templating import translator

VALUES = {"customer.name": "Lan", "agent.name": "", "due": "{{customer.name}}"}


@pytest.mark.parametrize(
    "text",
    [
        *("{{7*7}}", "{{ ''.__class__ }}", "{% for x in y %}", "${7*7}", "#{7*7}", "{# x #}"),
        *("{{customer.name.upper()}}", "{{customer.name|upper}}", "{{{{}}}}", "{{", "}}"),
        *("{{\n}}", "{{customer\n.name}}", "{customer.name}", "%(name)s", "{{config}}"),
    ],
)
def test_what_is_no_variable_comes_out_as_it_was_written(text: str) -> None:
    """R56, S25."""
    assert fill(text, VALUES) == text


def test_values_are_put_in_once_and_never_looked_at_again() -> None:
    assert fill("Chào {{customer.name}}, {{ due }}!", VALUES) == "Chào Lan, {{customer.name}}!"
    assert fill("{{{{customer.name}}}}", VALUES) == "{{Lan}}"


def test_the_preview_marks_what_is_unknown_and_what_is_empty() -> None:
    found = list(pieces("{{customer.name}} {{7*7}} {{agent.name}}.", VALUES))
    assert [one.kind for one in found] == [
        *(Kind.VALUE, Kind.TEXT, Kind.UNKNOWN, Kind.TEXT, Kind.EMPTY, Kind.TEXT),
    ]
    assert "".join(one.text for one in found) == "Lan {{7*7}} ."
    assert names_in("{{b}} {{a}} {{ b }}") == ["b", "a"]


def test_a_huge_text_takes_no_longer_than_its_length() -> None:
    """S25: a million braces and nothing that matches."""
    for text in ("{" * 1_000_000, "{{" + " " * 1_000_000 + "}}", "{{a" * 300_000):
        began = time.process_time()
        assert fill(text, VALUES) == text
        assert time.process_time() - began < 5


def test_a_line_leaves_with_its_variable() -> None:
    text = "Hello\n{{closed}}\nBefore {{promise}}.\nBye"
    assert fill_lines(text, {"closed": "", "promise": "16:00"}, {}) == (
        "Hello\nBefore 16:00.\nBye"
    )
    said = fill_lines(text, {"closed": "", "promise": ""}, {"promise": "Soon."})
    assert said == "Hello\nSoon.\nBye"


FACTS = {
    **{"number": 1042, "company": "Ổn <b>", "link": "https://h.example/s/x?a=1&b=2"},
    **{"promise_text": "16:00", "time_text": "16:00", "said_text": "11:00"},
    **{"closed_text": "", "hours_text": "Mon–Fri"},
    **{name: f"https://h.example/{name}" for name in ("good", "fair", "bad")},
}


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("kind", VARIABLES)
def test_what_is_shipped_comes_back_from_its_own_variables(kind: str, language: str) -> None:
    """Whoever saves the shipped words unchanged sends what is sent without them."""
    mail = {"template": kind, "language": language, "facts": FACTS}
    plain = write(mail)
    subject, text = as_variables(kind, language)
    own = write({**mail, "words": {"subject": subject, "text": text}})
    assert own["subject"] == plain["subject"]
    assert own["text"] == plain["text"]


def test_an_acknowledgement_without_a_time_says_so() -> None:
    subject, text = as_variables("acknowledgement", "en")
    facts = {**FACTS, "promise_text": ""}
    said = fill_words("acknowledgement", "en", facts, subject, text)
    assert said[0] == "We have your message (request 1042)"
    assert "A person will answer you as soon as we can." in said[1]


@pytest.mark.parametrize("language", ["vi", "en"])
def test_that_a_machine_sent_it_is_always_said(language: str) -> None:
    """Two inboxes that answer each other stop by that line alone."""
    _, said = fill_words("closing", language, FACTS, "Bye", "Bye {{conversation.number}}")
    assert said.endswith(translator(language).gettext(AUTOMATIC))
    assert "Bye 1042" in said


def test_a_subject_stays_one_line() -> None:
    subject, _ = fill_words("closing", "en", FACTS, "Bye\r\nBcc: x@y.example", "Bye")
    assert subject == "Bye Bcc: x@y.example"


def test_the_html_of_a_mail_escapes_everything_and_loads_nothing() -> None:
    """The company's name, a link and whatever a text holds are words, never markup."""
    text = 'Hi <img src="http://t.example/p.gif">\n\nFollow:\nhttps://h.example/?a=1&b="\n'
    html = as_html("<script>", text + "\n-- \nỔn <b>\nSmall", "Ổn <b>", "en")
    assert "<script>" not in html
    assert "<img" not in html
    assert "url(" not in html
    assert "&lt;img" in html
    assert html.count("<h1") == 1
    assert "Small" in html
    made = write({"template": "late", "language": "vi", "facts": FACTS})["html"]
    assert 'href="https://h.example/s/x?a=1&amp;b=2"' in made
    assert "Ổn &lt;b&gt;" in made
