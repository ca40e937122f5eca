"""Vietnamese and English are told apart from each other and from the rest."""

import pytest

from inbox.channels.language import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Cho em hỏi khi nào có hàng lại ạ?", "vi"),
        ("Đơn 123 đâu rồi", "vi"),
        ("cho em hoi don hang cua em khi nao giao, em chua nhan duoc", "vi"),
        ("minh muon doi size, shop giup minh voi", "vi"),
        ("Where is my order? I have been waiting for a week.", "en"),
        ("Refund please", "en"),
        ("How long does delivery take?", "en"),
        ("vui long cho toi biet gia", "vi"),
        ("Hi, can you help me with the login of my account at Nguyễn shop?", "en"),
        ("Ich habe meine Bestellung noch nicht erhalten, bitte prüfen Sie das.", "de"),
        ("Bonjour, je ne peux pas ouvrir mon compte, merci.", "fr"),
        ("Hola, no puedo entrar en mi cuenta, gracias", "es"),
        ("Не могу войти в личный кабинет", "ru"),
        ("注文した商品が届きません", "ja"),
        ("我的订单在哪里", "zh"),
        ("주문이 아직 안 왔어요", "ko"),
        ("ฉันยังไม่ได้รับสินค้า", "th"),
        ("12345 !!!", "und"),
        ("", "und"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert detect(text) == language


def test_a_borrowed_word_does_not_make_it_vietnamese() -> None:
    assert detect("The phở at this place is the best we have had in years, thanks!") == "en"
