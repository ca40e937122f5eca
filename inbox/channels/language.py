"""Which language a text is written in: by letters and by frequent small words.

Made for the first lines of a customer's mail: Vietnamese with or without accents, English,
and the common neighbours well enough not to be taken for either.
"""

import re

_SAMPLE_CHARS = 4000
_WORD = re.compile(r"[^\W\d_]{1,20}")

# Letters that, among the languages met here, only Vietnamese uses.
_ONLY_VIETNAMESE = frozenset("ăắằẳẵặấầẩẫậđẹẻẽếềểễệịỉĩọỏốồổỗộơớờởỡợụủũưứừửữựỳỵỷỹạả")
_VIETNAMESE = frozenset(
    "của và không đã tôi được anh chị em đơn hàng cho với này là có rồi mình xin chào cảm ơn "
    "gửi nhưng chưa ngày tiền mua giúp hỏi đổi trả lỗi bị vẫn thì lại quý khách vui lòng nhận "
    "sản phẩm những người các một trong khi đến về việc nào bao nhiêu thế ạ nhé dạ".split()
)
# Written without accents; words that are also English or French are left out.
_VIETNAMESE_PLAIN = frozenset(
    "cua khong duoc toi minh chi hang nhung chua ngay tien giup doi tra loi bi vay thi lai quy "
    "khach vui nhan nguoi nao nhieu gui xin cam roi voi nay den viec shop muon sao cho "
    "dang ky tai khoan hoa thanh toan giao mua dat".split()
)
_STOP_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset(
        "the and to of is you for that it my have with this not your are was on we be please "
        "i can would what when been has but from thanks order hello hi regards how does did "
        "where there any they take".split()
    ),
    "de": frozenset(
        "der die das und ich nicht ist sie wir mit auf für den ein eine zu von bitte es habe "
        "haben vielen dank grüßen guten tag mein ihre wie dass".split()
    ),
    "fr": frozenset(
        "le la les et je ne pas est vous nous avec pour dans un une des du que merci bonjour "
        "votre mon ma cordialement sur ce".split()
    ),
    "es": frozenset(
        "el la los las y que de no es en por para con una un mi su gracias hola se lo pero "
        "como muy pedido saludos".split()
    ),
    "it": frozenset(
        "il lo la gli e che di non è per con una un mio grazie ciao sono ho del della saluti "
        "come anche questo".split()
    ),
    "pt": frozenset(
        "o a os as e que de não é em por para com uma um meu obrigado olá se mas como muito "
        "você seu do da no na".split()
    ),
    "nl": frozenset(
        "de het een en ik niet is van u wij met op voor dat mijn graag bedankt groet hallo "
        "hebben aan zijn maar ook".split()
    ),
    "sv": frozenset(
        "och jag att det är inte en ett på för med som tack hej vi har den".split()
    ),
    "da": frozenset("og jeg at det er ikke en et på for med som tak hej vi har den af".split()),
    "pl": frozenset(
        "i nie się na w do z jest to że jak dziękuję proszę mam dzień dobry".split()
    ),
    "id": frozenset(
        "yang dan saya tidak di ke dari untuk dengan ini itu anda sudah belum terima kasih "
        "pesanan bisa mohon".split()
    ),
}
_SCRIPTS: tuple[tuple[str, int, int], ...] = (
    ("ja", 0x3040, 0x30FF),
    ("ko", 0xAC00, 0xD7AF),
    ("zh", 0x4E00, 0x9FFF),
    ("ru", 0x0400, 0x04FF),
    ("th", 0x0E00, 0x0E7F),
    ("el", 0x0370, 0x03FF),
    ("he", 0x0590, 0x05FF),
    ("ar", 0x0600, 0x06FF),
)
_SCRIPT_SHARE = 0.3


def detect(text: str) -> str:
    """Return an ISO 639-1 code, or "und" when too little says anything."""
    sample = text[:_SAMPLE_CHARS].lower()
    script = _script(sample)
    if script:
        return script
    words = _WORD.findall(sample)
    if not words:
        return "und"
    letters = sum(1 for letter in sample if letter in _ONLY_VIETNAMESE)
    scores = {code: sum(word in stop for word in words) for code, stop in _STOP_WORDS.items()}
    accented = sum(word in _VIETNAMESE for word in words)
    plain = sum(word in _VIETNAMESE_PLAIN for word in words)
    # A letter of its own weighs as much as a word; borrowed ones (đ, ĩ) are rare elsewhere.
    scores["vi"] = max(accented + letters, plain)
    code = max(scores, key=lambda key: (scores[key], key == "en"))
    if scores[code] == 0:
        return "und"
    # One word proves nothing in a longer text of an unknown language.
    return code if scores[code] * 25 >= len(words) else "und"


def vietnamese_hits(text: str) -> int:
    """Count frequent Vietnamese words that carry accents; for judging a guessed encoding."""
    words = _WORD.findall(text.lower())
    return sum(word in _VIETNAMESE and not word.isascii() for word in words)


def _script(sample: str) -> str:
    counts = dict.fromkeys((code for code, _, _ in _SCRIPTS), 0)
    letters = 0
    for char in sample:
        if not char.isalpha():
            continue
        letters += 1
        point = ord(char)
        if point < 0x370:
            continue
        for code, low, high in _SCRIPTS:
            if low <= point <= high:
                counts[code] += 1
                break
    if counts["ja"] and counts["ja"] * 10 >= counts["zh"]:
        counts["ja"] += counts["zh"]
    code = max(counts, key=lambda key: counts[key])
    return code if counts[code] and counts[code] >= letters * _SCRIPT_SHARE else ""
