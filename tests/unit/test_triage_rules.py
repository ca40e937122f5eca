"""Written rules: the least urgency of a message, and answers without any model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.triage.keywords import KEYWORDS
from inbox.triage.prediction import LEVELS
from inbox.triage.rules import predict_by_rules
from inbox.triage.text import fold, prepare
from inbox.triage.urgency import floor

RAISED = [
    ("Máy giặt bị rò điện, tê cả tay", "safety", "urgent"),
    ("The charger caught fire last night", "safety", "urgent"),
    ("Sạc xong thì phát nổ luôn", "safety", "urgent"),
    ("My daughter had an allergic reaction to the cream", "safety", "urgent"),
    ("tài khoản của em bị hack rồi", "account_taken_over", "urgent"),
    ("Có người lạ đăng nhập vào tài khoản của tôi", "account_taken_over", "urgent"),
    ("Someone else changed my password", "account_taken_over", "urgent"),
    ("giao dịch này không phải tôi thực hiện", "money_leaving", "urgent"),
    ("There are unauthorised charges on my card", "money_leaving", "urgent"),
    ("a payment I did not make", "money_leaving", "urgent"),
    ("Cả công ty em không vào được hệ thống", "outage", "urgent"),
    ("Our whole office cannot log in since this morning", "outage", "urgent"),
    ("nobody can access the shared drive", "outage", "urgent"),
    ("Tôi sẽ nhờ luật sư và khởi kiện", "legal_or_press", "urgent"),
    ("my lawyer will contact you", "legal_or_press", "urgent"),
    ("2 tiếng nữa em phải nộp rồi", "deadline", "urgent"),
    ("we need it delivered by 5pm", "deadline", "urgent"),
    ("cần hỗ trợ khẩn cấp", "stated_urgent", "urgent"),
    ("shop xử lý gấp giúp mình", "stated_urgent", "high"),
    ("em cần gấp ạ", "stated_urgent", "high"),
    ("Please reply asap", "stated_urgent", "high"),
    ("URGENT: invoice", "stated_urgent", "high"),
    ("em nhắn lần thứ ba rồi mà chưa thấy ai trả lời", "repeated_contact", "high"),
    ("I have emailed you three times", "repeated_contact", "high"),
    ("Still no reply from your side", "repeated_contact", "high"),
    ("mình chờ 10 ngày rồi", "waiting", "high"),
    ("I have been waiting for two weeks", "waiting", "high"),
    ("khi nào rảnh shop trả lời giúp em", "stated_low", "low"),
    ("No rush, just wondering about the colour", "stated_low", "low"),
]
CALM = [
    "em gặp lỗi khi cài đặt",
    "cho em gặp nhân viên tư vấn",
    "đang gặp 1 vấn đề nhỏ",
    "máy không chạy",
    "khăn tắm còn hàng không",
    "phát hoá đơn giúp em",
    "giày chạy bộ size 40 giá bao nhiêu",
    "Good morning, how much is the blue one?",
    "everyone can use the discount, right?",
    "",
]
TAKEN_BACK = [
    "không gấp đâu ạ",
    "không cần gấp, mai cũng được",
    "em chưa cần gấp lắm",
    "It is not urgent",
    "not very urgent, thanks",
    "This isn't urgent",
]


@pytest.mark.parametrize(("text", "reason", "level"), RAISED)
def test_a_rule_sets_the_floor_and_says_which(text: str, reason: str, level: str) -> None:
    finding = floor(prepare("", text))
    assert finding is not None
    assert (finding.reason, LEVELS[finding.level]) == (reason, level)


@pytest.mark.parametrize(("text", "reason", "level"), RAISED)
def test_rules_hold_without_diacritics(text: str, reason: str, level: str) -> None:
    assert floor(prepare("", fold(text))) == floor(prepare("", text))


@pytest.mark.parametrize("text", CALM)
def test_ordinary_messages_touch_no_rule(text: str) -> None:
    assert floor(prepare("", text)) is None


@pytest.mark.parametrize("text", TAKEN_BACK)
def test_a_negated_word_does_not_raise(text: str) -> None:
    finding = floor(prepare("", text))
    assert finding is None or finding.reason == "stated_low"


def test_danger_outranks_a_polite_no_rush() -> None:
    finding = floor(prepare("", "No rush, but the battery is swollen and smells of burning"))
    assert finding is not None
    assert finding.reason == "safety"


def test_the_subject_counts() -> None:
    finding = floor(prepare("KHẨN CẤP", "xem file đính kèm"))
    assert finding is not None
    assert finding.level == LEVELS.index("urgent")


@pytest.mark.parametrize(
    ("text", "request_type"),
    [
        ("Cho mình hỏi giá bao nhiêu, còn size 40 không ạ", "product_advice"),
        ("Đơn hàng của em khi nào giao tới", "order_delivery"),
        ("I want a refund, how do I return it?", "return_refund"),
        ("The app shows an error and crashes", "technical_support"),
        ("quên mật khẩu không đăng nhập được", "account_access"),
        ("xuất hoá đơn VAT giúp công ty em", "billing_payment"),
        ("Tôi muốn khiếu nại thái độ nhân viên", "complaint"),
        ("bên mình có tuyển dụng không", "general"),
        ("zzz qqq", "general"),
    ],
)
def test_keywords_answer_where_no_model_is(text: str, request_type: str) -> None:
    """F64: with no trained model the product works by keyword rules and says so."""
    said = predict_by_rules("", text)
    assert said.request_type == request_type
    assert said.needs_review
    assert said.request_type_confidence <= 0.75


def test_keywords_show_the_words_as_written() -> None:
    said = predict_by_rules("", "Quên  mật khẩu rồi, OTP không về")
    assert said.why[0].term == "Quên mật khẩu"
    assert any(term.term.startswith("OTP") for term in said.why)


def test_keywords_keep_to_the_types_in_use() -> None:
    said = predict_by_rules("", "hoàn tiền cho em", allowed_types={"general", "complaint"})
    assert said.request_type in {"general", "complaint"}
    other = predict_by_rules("", "hoàn tiền", allowed_types={"tickets", "rooms"})
    assert (other.request_type, other.request_type_confidence) == ("rooms", 0.0)


@given(st.text(max_size=300))
def test_any_text_gets_an_answer(text: str) -> None:
    said = predict_by_rules(text[:20], text)
    assert said.request_type in KEYWORDS
    assert said.urgency in LEVELS
    assert said.clock_candidates[0] == said.request_type
