"""Tell a message that only thanks or confirms from one that wants something.

It counts as such only if every one of its words is known to be courtesy: one word that is not,
a question mark or a number, and a person has to read it. Words are folded, as everywhere here.
"""

import re
from collections.abc import Iterator
from functools import cache

from inbox.triage.keywords import KEYWORDS
from inbox.triage.text import Document, Token

THANKS_FROM = 0.9
_THANKS, _SETTLED, _YES = 0.99, 0.95, 0.6
_LONGEST = 40  # tokens; a longer message says more than thanks
_LONGEST_NAME = 3
_MOST_SIGNED = 12  # words below the closing line: name, post, telephone

# Phrases of folded words. What only accompanies (_BESIDE) proves nothing alone.
_THANKING = (
    "cam on|cam on nhieu|xin cam on|chan thanh cam on|cam on rat nhieu|cam on truoc|cam on lam"
    "|tks|thanks|thank|thank you|thankyou|thx|thnx|ty|tysm|thank u|many thanks|thanks a lot"
    "|thanks so much|thank you so much|thank you very much|thanks very much|cheers|much obliged"
    "|much appreciated|appreciate it|appreciated|i appreciate it|i appreciate your help"
    "|appreciate your help|thanks again|thank you again|thanks for your help"
    "|thank you for your help|thanks for the help|thanks for the quick reply"
    "|thank you for the quick reply|thanks for your quick reply|thanks for the info"
    "|thanks for the information|thank you for the information|thanks for letting me know"
    "|thank you for letting me know|thanks for the update|thank you for the update"
    "|thanks for sorting it out|thanks for sorting that out|thanks for getting back to me"
    "|thanks for your time|thanks for your reply|thank you for your reply|thanks for confirming"
    "|thank you for confirming|many thanks for your help|biet on|da ta|doi on|mang on"
)
_SETTLING = (
    "ok|oke|okie|okay|okey|okla|okela|okie dokie|oki|okii|kk|da nhan|da nhan duoc|nhan duoc roi"
    "|nhan roi|da nhan duoc hang|nhan duoc hang roi|nhan duoc tien roi|da nhan duoc tien"
    "|da nhan duoc mail|da nhan duoc thong tin|nhan duoc mail roi|da ro|ro roi|hieu roi|da hieu"
    "|biet roi|duoc roi|dc roi|xong roi|giai quyet xong roi|het loi roi|da xu ly xong"
    "|vao duoc roi|dang nhap duoc roi|lam duoc roi|chay duoc roi|noted|got it|received"
    "|well received|received with thanks|i got it|got that|understood|all good|all good now"
    "|all set|all sorted|sorted|it works|it works now|works now|it s working now|working now"
    "|it is working now|that worked|that works|that solved it|that fixed it|problem solved"
    "|solved|it s solved|it is solved now|fine|perfect|great|that s great|that s fine"
    "|that is fine|sounds good|will do|will try|i will try that|i ll try that|no problem"
    "|no worries|no further questions|nothing else|that s all|that is all|roger"
)
_YES_WORDS = "da|vang|u|uh|um|uhm|yes|yep|yeah|yup|sure|dung roi|chuan|chinh xac|duoc|dc|right"
_BESIDE = (
    "shop|ad|admin|anh|chi|em|e|a|c|ac|ban|b|minh|toi|tui|ben|ben minh|ben em|ben ban|chau|bac"
    "|co|chu|thay|ong|ba|moi nguoi|cac ban|cac em|anh chi|team|nha|nhe|nhen|nhoa|nh|nhaa|nhee"
    "|nhi|hen|ah|nhieu|rat nhieu|lam|nhieu lam|that nhieu|nhieu nhieu|that su|qua|luon"
    "|oi|dum|roi|r|ne|do|day|vay|thoi|the|ha|xin|de|thi|hihi|hehe|haha|hi|hello|dear|chao|kinh"
    "|kinh gui|tran trong|than men|than|men|thanh|and|so much|very much|a lot|again|guys|team"
    "|all|everyone|sir|madam|mam|bro|mate|for your help|for the help|for your support|for"
    "|your|the|quick|reply|support|help|kind|prompt|very|really|many|so|much"
    "|you|well|best|regards|kind regards|best regards|warm regards|sincerely|yours|bye|goodbye"
    "|bb|pp|have a nice day|have a good day|have a great day|have a nice weekend|have a good"
    " one"
    "|have a lovely weekend|enjoy your weekend|good night|tam biet|chuc ngu ngon"
    "|chuc shop dat hang|chuc shop buon may ban dat|chuc mot ngay tot lanh|chuc ngay moi vui"
    " ve|chuc chi ngay moi vui ve|chuc anh ngay moi vui ve"
    "|chuc ban mot ngay vui|chuc suc khoe|ngay tot lanh|with|quy|oh|wow|lol"
    "|super|awesome|excellent|wonderful|amazing|brilliant|lovely|cool|nice|good|happy|tot|tot"
    " qua"
    "|tuyet|tuyet voi|tuyet qua|hay qua|dinh|xuat sac|nhiet tinh|nhiet tinh qua|da ho tro"
    "|ho tro nhanh|ho tro nhiet tinh|da giup|da giup do|giup do|da phan hoi|da tra loi"
    "|vi da ho tro|vi da giup|vi su ho tro|da bao|da thong bao|da tu van|tu van nhiet tinh"
    "|rat hai long|hai long|on roi|on|tot roi|de thuong|de thuong qua|shop de thuong|hang dep"
    "|hang dep lam|dep lam|giao nhanh|giao hang nhanh|ung lam|khong co gi|ko co gi|k co gi"
    "|khong sao|ko sao|k sao|khong co chi|hong sao|hong co chi|khong can gi nua|khong con gi"
    " nua"
    "|minh cho nhe|em cho nhe|em cho a|minh doi nhe|em doi nhe|i ll wait|i will wait"
    "|ung ho shop|se ung ho|se ung ho shop|lan sau ung ho tiep|se quay lai|sent from my iphone"
    "|sent from my phone|sent from my android|dung roi|phan hoi nhanh|phan hoi|ho tro|nhanh"
)
_CHEERS = (  # thumbs up, hand, folded hands, hearts, smiles, tick, skins
    "\U0001f44d\U0001f44c\U0001f64f\u2764\U0001f44f\U0001f60a\U0001f642\U0001f970\U0001f60d"
    "\U0001f495\U0001f496\U0001f497\U0001f499\U0001f49c\U0001fae1\U0001f91d\u263a\u2705"
    "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
)
_SIGNS = frozenset({".", ",", ";", ":", "!", "_dots"})  # a comma or dots say nothing here
_SAYS = {
    "_glad": 0.0,
    **dict.fromkeys(_CHEERS, 0.0),
    **dict.fromkeys(_BESIDE.split("|"), 0.0),
    **dict.fromkeys(_YES_WORDS.split("|"), _YES),
    **dict.fromkeys(_SETTLING.split("|"), _SETTLED),
    **dict.fromkeys(_THANKING.split("|"), _THANKS),
}
_MOST_WORDS = max(phrase.count(" ") + 1 for phrase in _SAYS)
# A name may follow these: "cảm ơn chị Lan", "Thanks Minh".
_BEFORE_NAME = frozenset(
    "anh chi em ban chau bac co chu thay a c e thanks thank thx tks cheers you regards hi"
    " dear hello mr ms mrs sincerely on minh".split()
)
_BREAK = re.compile(r"[.;:!\n]")


def is_only_thanks(document: Document) -> bool:
    """Whether the message only thanks or confirms, so that nobody has to answer it."""
    return thanks_likelihood(document) >= THANKS_FROM


def thanks_likelihood(document: Document) -> float:
    """Return how surely a message only thanks or confirms, between 0 and 1.

    A bare "yes" or "dạ" gives 0.6: it may answer a question that was asked.
    """
    said = [token for token in document.tokens if token.form not in _SIGNS]
    if not said or len(said) > _LONGEST or _has_more(document):
        return 0.0
    if all(token.form == "_glad" or token.form in _CHEERS for token in said):
        return _SETTLED
    spans = list(_spans(document, said))
    return max((says for says in spans if says is not None), default=0.0) * (None not in spans)


def _has_more(document: Document) -> bool:
    """Whether text that counts as signature holds more than a name and a number."""
    rest = document.original[document.tokens[-1].end :]
    return "?" in rest or len(rest.split()) > _MOST_SIGNED


def _spans(document: Document, words: list[Token]) -> Iterator[float | None]:
    """Walk over the message, longest phrase first: what each says, None for the unknown."""
    at = 0
    while at < len(words):
        for n in range(min(_MOST_WORDS, len(words) - at), 0, -1):
            phrase = " ".join(token.form for token in words[at : at + n])
            if phrase in _SAYS:
                yield _SAYS[phrase]
                at += n
                break
        else:
            n = _name(document, words, at)
            yield 0.0 if n else None
            at += n or 1


def _name(document: Document, words: list[Token], at: int) -> int:
    """How many words from here on are a name, 0 if it is none."""
    n = 0
    while at + n < len(words) and _is_capitalised(document, words[at + n]):
        n += 1
    if not 0 < n <= _LONGEST_NAME:
        return 0
    before = words[at - 1] if at else None
    between = document.original[before.end : words[at].start] if before else ""
    addressed = (
        before is not None and before.form in _BEFORE_NAME and not _BREAK.search(between)
    )
    signed = at + n == len(words) and ("\n" in between or "," in between)
    return n if addressed or signed else 0


def _is_capitalised(document: Document, token: Token) -> bool:
    written = document.original[token.start : token.end]
    return written.istitle() and token.form not in _business_words()


@cache
def _business_words() -> frozenset[str]:
    """Words that point at a request are no name, however they are written."""
    return frozenset(
        phrase for lines in KEYWORDS.values() for line in lines for phrase in line.split("|")
    )
