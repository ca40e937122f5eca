"""What somebody types into the search box, read."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.search.asking import asked_of
from inbox.search.query import Filter, Term, Unclear, parse

TODAY = date(2026, 11, 24)


def _ways(text: str) -> list[tuple[tuple[str, ...], ...]]:
    return [term.ways for term in parse(text, TODAY).terms]


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("đơn hàng", [(("don",),), (("hang",),)]),
        ('"Đơn hàng"', [(("don", "hang"),)]),
        ("“Đơn hàng”", [(("don", "hang"),)]),
        ('"chưa đóng', [(("chua", "dong"),)]),  # a quotation mark that nobody closed
        ("DH-2041", [(("dh", "2041"), ("dh2041",))]),
        ("DH2041", [(("dh2041",), ("dh", "2041"))]),
        ("0912 345 678 a", [(("0912", "345", "678"), ("0912345678",)), (("a",),)]),
        ("+84912345678", [(("84912345678",), ("0912345678",))]),
        ("lan@example.com", [(("lan", "example", "com"),)]),
        ("#1042", [(("1042",),)]),
        ("Re: hoàn tiền", [(("re",),), (("hoan",),), (("tien",),)]),
        ("https://a.vn/x", [(("https", "a", "vn", "x"),)]),
        ("退款", [(("退", "款"),)]),
        ("🙂 - -- * \" :", []),
    ],
)  # fmt: skip
def test_words(text: str, ways: list[tuple[tuple[str, ...], ...]]) -> None:
    """F82: words, phrases, codes, telephone numbers."""
    assert _ways(text) == ways


def test_a_minus_a_star_and_a_field() -> None:
    found = parse('-hủy gia* từ:lan -"đã nhận" tep:hoadon', TODAY).terms
    assert found == (
        Term((("huy",),), negated=True),
        Term((("gia",),), prefix=True),
        Term((("lan",),), mark="f"),
        Term((("da", "nhan"),), negated=True),
        Term((("hoadon",),), mark="n"),
    )


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("is:late", "is", "late"),
        ("là:trễ", "is", "late"),
        ('la:"chưa giao"', "is", "unassigned"),
        ("loại:Khiếu", "type", "khieu"),
        ("urgency:P1", "urgency", "urgent"),
        ("khẩn:cao", "urgency", "high"),
        ("phụ-trách:Khoa", "owner", "khoa"),
        ('owner:"Trần Bình"', "owner", "tran binh"),
        ("nhóm:Orders", "team", "orders"),
        ("kênh:chat", "channel", "chat"),
        ("trạng-thái:xong", "status", "resolved"),
        ("là:tạm-gác", "is", "snoozed"),
        ("là:GÁC", "is", "snoozed"),
        ('trạng-thái:"tạm gác"', "status", "snoozed"),
        ("có:tệp", "has", "file"),
        ("nhãn:VIP", "tag", "vip"),
    ],
)
def test_operators_have_names_in_both_languages(text: str, name: str, value: str) -> None:
    (found,) = parse(text, TODAY).filters
    assert (found.name, found.value, found.negated) == (name, value, False)


def test_several_values_and_a_minus() -> None:
    found = parse("type:a,b -status:xong", TODAY).filters
    assert [(one.value, one.negated) for one in found] == [
        ("a", False),
        ("b", False),
        ("resolved", True),
    ]
    assert isinstance(found[0], Filter)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("before:2026-11-30", date(2026, 11, 30)),
        ("trước:30/11/2026", date(2026, 11, 30)),
        ("before:1.2.2026", date(2026, 2, 1)),
        ("before:today", TODAY),
        ('trước:"hôm qua"', date(2026, 11, 23)),
    ],
)
def test_dates(text: str, day: date) -> None:
    assert parse(text, TODAY).before == day


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("before:soon", "before: needs a date such as 2026-11-30 or 30/11/2026."),
        ("before: tomorrow", "before: needs a date such as 2026-11-30 or 30/11/2026."),
        ("trước:31/02/2026", "trước: needs a date such as 2026-11-30 or 30/11/2026."),
        ("has:fun", "has: needs one of: file, note, reply."),
        ("có:fun", "có: needs one of: tệp, ghi-chú, trả-lời."),
        ("khẩn:5", "khẩn: needs one of: khẩn, cao, thường, thấp."),
        ("priority:5", "priority: needs one of: urgent, high, normal, low."),
        ("from:", "from: needs a word right after the colon."),
        ("from:--", "from: needs a word right after the colon."),
        ("urgency:5", "urgency: needs one of: urgent, high, normal, low."),
        ("x" * 501, "A search takes at most 500 characters."),
        ("a " * 25, "A search takes at most 24 words."),
    ],
)
def test_what_is_unclear_is_said(text: str, sentence: str) -> None:
    with pytest.raises(Unclear) as caught:
        parse(text, TODAY)
    assert caught.value.message == sentence


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    """S26: whatever is typed, only letters and digits reach a database."""
    try:
        query = parse(text, TODAY)
    except Unclear:
        return
    asked = asked_of(query.terms)
    if asked is None:
        return
    for said, signs in ((asked.fts, '"()* :_'), (asked.vector, "'()|&!<->:* _")):
        assert all(one.isalnum() or one in signs for one in said), said


def test_both_databases_are_asked_the_same() -> None:
    asked = asked_of(parse('"đơn hàng" DH-1 gia* -hủy từ:lan', TODAY).terms)
    assert asked is not None
    assert asked.fts == (
        '(("don hang") AND ("dh 1" OR "dh1") AND ("gia" *) AND ("f:lan")) NOT (("huy"))'
    )
    assert asked.vector == (
        "(('don' <-> 'hang')) & (('dh' <-> '1') | ('dh1')) & (('gia':*)) & (('f:lan'))"
        " & !((('huy')))"
    )
