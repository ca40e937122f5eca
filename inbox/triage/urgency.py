"""Written rules that set the least urgency of a message, in English and Vietnamese.

They read folded text (``Document.plain``), where gấp (urgent) and gặp (to meet) are one word,
as are cháy (fire) and chạy (to run): such words count only beside words that tell which.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from inbox.triage.prediction import LEVELS, NO_FACTS, Facts
from inbox.triage.text import Document


class Finding(NamedTuple):
    """A rule that matched: its name, its level as an index of LEVELS."""

    reason: str
    level: int


@dataclass(frozen=True, slots=True)
class _Rule:
    reason: str
    level: str
    pattern: re.Pattern[str]


def _rule(reason: str, level: str, *alternatives: str) -> _Rule:
    # A pattern that begins with a space is only tried at spaces: four times as fast.
    return _Rule(reason, level, re.compile(rf" (?:{'|'.join(alternatives)})(?= )"))


_N = r"(?:_num|\d+|mot|hai|ba|bon|nam|sau|bay|may|nhieu|vai|one|two|three|four|five|several)"
_MANY_EN = (
    r"(?:(?:the |our )?(?:whole|entire) (?:office|company|team|department|school|floor|store)"
    r"|every(?:one|body)|all (?:of )?(?:our |the )?(?:users|staff|employees|customers|teams?)"
    r"|nobody|no one)"
)
_DOWN_EN = (
    r"(?:down|offline|(?:cannot|can t|can not|unable|could not|couldn t) [a-z ]{0,20}"
    r"|(?:lost|no|without) (?:access|connection|internet|service)|locked out|stuck)"
)
_MANY_VI = (
    r"(?:ca|toan bo|tat ca|toan) (?:cong ty|van phong|phong|khu|toa nha|truong|nhan vien"
    r"|he thong|nguoi dung|khach hang|chi nhanh|cua hang|may|team|xuong|benh vien)"
)
_DOWN_VI = (
    r"(?:(?:khong|ko|k) [a-z ]{0,20}(?:duoc|dc)|(?:bi )?(?:sap|te liet|dung hoat dong|mat mang"
    r"|mat ket noi|mat dien|ngung|treo))"
)

# gấp, not gặp: what may follow "gặp" (to meet, to run into) rules the word out.
_MET = (
    r"(?! (?:loi|van de|su co|truc trac|kho|phai|nhan vien|quan ly|truong|giam doc|tu van"
    r"|ky thuat|bac si|truc tiep|mat|lai|nguoi|ai|duoc|thay|tinh|nhau|rui|xui|bug|error"
    r"|_num|mot|vai|nhieu|(?:anh|chi|em|ban|shop|ben)(?! (?:oi|a|nhe|nha|giup|voi))))"
)
_GAP = (
    r"(?:(?:can|rat|dang|viec|lam|xu ly|giup|giai quyet|giao|ho tro|tra loi|phan hoi|kiem tra"
    r"|qua|sua|gui|chuyen|hoan|check|don|hang|lay|rep|tien)"
    r"(?: (?:minh|em|anh|chi|toi|giup|dum|ho|hang|ngay|that|su|nay|luon)){0,2} gap"
    + _MET
    + r"|gap (?:gap|lam|qua|nha|nhe|voi|ah|a|!|vay|luon)"
    r"|(?<!hen )(?<!tung )(?<!dau )(?<!chua )gap(?= (?:[.?!]|$)))"
)

_RULES = (
    _rule(
        "safety",
        "urgent",
        r"(?:chay|phat) no|no (?:pin|tung)|(?:pin|may|sac)(?: [a-z]+){0,2} (?:bi|phat) no",
        r"boc (?:chay|khoi|lua)|phat hoa(?! don)",
        r"mui khet|khet let|chap dien|ro dien|ho dien|(?:bi )?dien giat|giat dien"
        r"|ro (?:ri )?gas",
        r"ngo doc|nhap vien|cap cuu|soc phan ve|kho tho|bi bong|bong (?:tay|da|nang)|chay mau",
        r"(?:bi )?di ung (?:nang|sung|noi)|noi man do|tinh mang|nguy hiem",
        r"(?:caught|catch(?:es|ing)?|set|on) fire|explod(?:ed|es|ing)|explosion|sparks"
        r"|sparking",
        r"smok(?:e|ing) (?:is |was )?(?:coming|from|out)|started smoking|burning smell",
        r"smell(?:s|ed)? (?:of )?(?:burning|gas|smoke)|electric(?:al)? shocks?|gas leak",
        r"burn(?:ed|t) (?:my|me|his|her|our)|overheat(?:s|ed|ing) badly|swollen battery",
        r"battery (?:is |has )?swoll?en|allergic reaction|food poisoning|choking|unsafe",
        r"(?:in|to) (?:the )?(?:hospital|emergency room)|injur(?:ed|y|ies)|dangerous|bleeding",
    ),
    _rule(
        "account_taken_over",
        "urgent",
        r"bi (?:hack|hach|chiem (?:doat|quyen)?|danh cap|xam nhap|lo (?:mat khau|thong tin))",
        r"(?:nguoi|ai|ke) (?:la |khac |do |gian )?(?:da )?(?:dang nhap|vao) (?:duoc )?"
        r"(?:vao )?(?:tai khoan|nick|acc)",
        r"dang nhap la|mat quyen (?:kiem soat|truy cap|quan tri)|mat (?:acc|nick|tai khoan)",
        r"(?:been|was|got|is|were|account) hacked|hacked (?:my|our|into)|hijacked|compromised",
        r"(?:someone|somebody|a stranger)(?: else)?(?: has| is| have)? (?:logg(?:ed"
        r"|ing) in(?:to)?"
        r"|got (?:in(?:to)?|access)|us(?:ed|ing) my account|changed my (?:password|e ?mail))",
        r"(?:unknown|suspicious|strange|unrecogni[sz]ed) (?:login|log in|sign in|device)s?",
        r"identity theft|phish(?:ed|ing)|stolen (?:card|account|phone|wallet|identity)",
        r"(?:card|account|phone|wallet) (?:was|were|has been|got|is) stolen|stole my [a-z]+",
    ),
    _rule(
        "money_leaving",
        "urgent",
        r"(?:bi |tu dong |tu )(?:rut|chuyen) (?:mat |het |sach )?(?:tien|khoan)",
        r"(?:bi )?mat (?:sach |het )?tien (?:trong|tu|o) (?:the|tai khoan|vi)|bi lua(?: dao)?",
        r"giao dich (?:la|khong phai (?:cua )?(?:toi|minh|em)|bat thuong|trai phep|gian lan)",
        r"(?:khong phai|ko phai|k phai) (?:toi|minh|em|do toi|do minh) (?:thuc hien|giao dich"
        r"|mua|dat|chuyen|thanh toan|rut)",
        r"(?:unauthori[sz]ed|fraudulent|unknown|unrecogni[sz]ed|suspicious) (?:charges?"
        r"|payments?"
        r"|transactions?|withdrawals?|transfers?|debits?)|fraud|scammed",
        r"(?:charge|payment|transaction|withdrawal|transfer)s? (?:that )?(?:i|we) (?:did not"
        r"|didn t|never|do not|don t) (?:make|made|recogni[sz]e|authori[sz]ed?|approved?)",
        r"money (?:is |was |has been |keeps |being )+(?:stolen|taken|withdrawn|disappearing"
        r"|gone)",
    ),
    _rule(
        "outage",
        "urgent",
        rf"{_MANY_VI}(?: [a-z]+){{0,4}} {_DOWN_VI}",
        r"he thong (?:bi |dang )*(?:sap|te liet|ngung|down)|sap (?:toan bo|he thong|mang|web)",
        rf"{_MANY_EN}(?: [a-z]+){{0,4}} {_DOWN_EN}",
        r"(?:nobody|no one)(?: in [a-z ]{1,20})? (?:can|could|is able to) (?:log|access"
        r"|work|connect"
        r"|use|get|reach|print|open|send|pay)",
        r"(?:production|servers?|systems?|site|website|network|store|checkout)"
        r" (?:is|are|has been|went) (?:completely |all |totally )?(?:down|offline)|outage",
    ),
    _rule(
        "legal_or_press",
        "urgent",
        r"khoi kien|kien (?:ra toa|cong ty|shop|ben)|luat su|cong an|to giac|len bao chi"
        r"|nha bao|phong vien",
        r"bao ve (?:quyen loi )?nguoi tieu dung|boc phot|quan ly thi truong",
        r"(?:my|our|a) (?:lawyer|solicitor|attorney)|legal action|sue (?:you|your)"
        r"|small claims",
        r"trading standards|consumer protection|ombudsman|(?:to|contact) the (?:press|media"
        r"|police)",
    ),
    _rule(
        "deadline",
        "urgent",
        rf"{_N} (?:tieng|gio|phut|h) nua(?: [a-z]+)? (?:la|minh|em|toi|phai|bay|di|hop|can"
        rf"|het)",
        r"(?:can|phai|kip|giao|xong|nhan)(?: [a-z]+){0,4} truoc"
        r" (?:trua|chieu|toi|\w+ (?:gio|h)|\d+h) (?:nay|hom nay|chieu nay|toi nay)",
        r"(?:bay|hop|thi|phong van|cuoi|su kien|len may bay) (?:toi|chieu|sang|trua) nay",
        rf"(?:in|within) (?:the )?(?:next )?(?:an|{_N}|a few|a couple of|half an) (?:hours?"
        rf"|minutes)"
        r" (?:and|or|i|we|or else|from now)",
        r"(?:need|must|have to|has to|required?)(?: [a-z]+){0,6} (?:by|before|within)"
        r" (?:noon|tonight|midnight|(?:_num|\w+) ?[ap]m|\d+[ap]m|the hour|an hour|\w+ hours)",
        r"(?:flight|meeting|event|wedding|interview|exam|train) (?:is |leaves |starts )?"
        r"(?:today|tonight|this (?:morning|afternoon|evening)|in (?:an|\w+) hours?)",
    ),
    _rule(
        "stated_urgent",
        "urgent",
        r"khan cap|(?:cuc|cuc ky|sieu|vo cung|rat rat) gap" + _MET + r"|toi khan",
        r"emergency|(?:very|extremely|super|really|most|quite) urgent(?:ly)?|critical",
    ),
    _rule(
        "stated_urgent",
        "high",
        _GAP,
        r"khan truong|rat khan|(?:cang )?som cang tot|som nhat co the|nhanh nhat co the",
        r"ngay lap tuc|(?:xu ly|giai quyet|giup|tra loi|phan hoi|kiem tra|sua) ngay"
        r"(?: (?:giup|cho|di|nhe|nha|voi|lap))?",
        r"(?:trong|can ngay|xong) (?:hom nay|chieu nay|sang nay|toi nay|dem nay)",
        r"asap|a s a p|as soon as (?:possible|you can)|urgent(?:ly)?|high priority"
        r"|top priority",
        r"immediately|right (?:now|away)|need (?:it|this|them) (?:by |before )?(?:today"
        r"|tonight)",
    ),
    _rule(
        "repeated_contact",
        "high",
        r"lan thu (?!nhat|_num ?nhat)(?:_num|\d+|ba|tu|nam|sau|bay|n|may)",
        rf"(?:goi|nhan|nhan tin|gui|lien he|hoi|mail|email|inbox|ib|bao)(?: [a-z]+){{0,5}}"
        rf" (?:{_N}|chuc|bao nhieu) lan",
        r"(?:khong|ko|k|chua|chang|chua thay|khong thay|k thay|ko thay) (?:co )?(?:ai"
        r"|thay ai|mot ai)"
        r" (?:tra loi|phan hoi|rep|lien he|giai quyet|xu ly|goi)(?: [a-z]+)?",
        r"(?:van|mai|hoai)(?: [a-z]+){0,3} (?:khong|ko|k|chua|chang)(?: [a-z]+){0,2}"
        r" (?:tra loi|phan hoi|rep|hoi am|giai quyet)",
        r"(?:third|fourth|fifth|3rd|4th|5th|nth|umpteenth) (?:time|e ?mail|message|attempt"
        r"|call)",
        rf"(?:asked|contacted|called|emailed|e ?mailed|written|messaged|phoned|reported|chased)"
        rf"(?: [a-z]+){{0,4}} (?:{_N}|many|multiple|numerous|so many|countless) times",
        r"(?:no ?body|no one)(?: has| have| ever)* (?:repl(?:ied|ies)|answer(?:ed|s)?|responded"
        r"|called|gets? back|got back)|(?:still|had|heard|got) (?:no|nothing|not had|zero)"
        r" (?:reply|answer|response|back|word)|keep (?:asking|chasing|calling)",
    ),
    _rule(
        "waiting",
        "high",
        rf"(?:cho|doi|tre)(?: (?:ca|hon|gan|duoc|da|mai|them|toi|den|roi))* {_N} (?:ngay"
        rf"|tuan|thang)"
        r"(?: [a-z]+)? (?:roi|nay|ma|van|chua|lien|troi)",
        r"(?:qua|tre|lo) hen|hua (?:[a-z]+ ){1,10}(?:nhung|ma|van)(?: [a-z]+){0,4} (?:chua"
        r"|khong)",
        rf"waiting (?:for )?(?:over |more than |almost |nearly |about )*(?:{_N}|a|many)"
        r" (?:days|weeks?|months?)",
        r"promised(?: [a-z]+){1,10} (?:still|not|never|nothing)|(?:days|weeks?) (?:late"
        r"|overdue)",
    ),
)

_LOW = _rule(
    "stated_low",
    "low",
    r"(?:khong|ko|k|kh|hong|chua|chang) (?:can |phai |co |cu )?(?:gap|voi|voi vang)(?: gi"
    r"| lam| dau| qua)?" + _MET,
    r"luc nao (?:cung duoc|cung dc|ranh|tien)|khi nao (?:ranh|tien|shop ranh)|ranh thi"
    r"|tu tu cung duoc|hoi tham khao|tham khao (?:thoi|truoc|them)|hoi (?:cho biet|choi|thu)",
    r"no (?:rush|hurry|urgency)|not (?:urgent|in a (?:rush|hurry)|time sensitive)|isn t urgent",
    r"when(?:ever)? (?:you|it)(?: is| s)? (?:have|get|can|are free|convenient|suits?)"
    r"(?: (?:a |some )?(?:moment|minute|time|chance))?|take your time|in your own time",
    r"just (?:wondering|curious|out of curiosity)|out of curiosity",
)

# What may stand between a negation and the word it takes back: "not that urgent".
_TAKEN_BACK = re.compile(
    r"(?<![^ ])(?:khong|ko|k|kh|hong|hok|chua|chang|cha|not|isn t|wasn t|no|never|nothing"
    r"|without"
    r"|don t|doesn t)(?: (?:can|phai|bi|he|qua|la|viec|co|gi|den muc|that|very|so|really|super"
    r"|terribly|particularly|an|a|at all|need|need it|be|been|any))*$"
)


REASONS = tuple(dict.fromkeys(rule.reason for rule in _RULES))
# Rules that hold whatever a company's own ratings say, unless these contradict them.
HARD = frozenset({"safety", "account_taken_over", "money_leaving", "outage", "legal_or_press"})
OF_THE_CUSTOMER = frozenset({"third_contact", "promise_missed", "valued_customer"})
_ORDINARY_TIER = "standard"
_THIRD = 2  # earlier messages nobody answered: this is the third
_MANY_MATTERS = 2  # open at once, of a customer of a higher tier


def floor(
    document: Document, facts: Facts = NO_FACTS, without: Collection[str] = ()
) -> Finding | None:
    """Return the highest rule that matches, or None; a negated word does not match.

    What is known of the customer counts beside the words. A message that says it can wait
    gives ``stated_low``, unless a rule asks for more. Rules named in ``without`` are not
    asked.
    """
    plain = document.plain
    best = of_customer(facts)
    for rule in _RULES:
        level = LEVELS.index(rule.level)
        if rule.reason in without or (best is not None and level <= best.level):
            continue
        if _holds(rule, plain):
            best = Finding(rule.reason, level)
    if best is None and _LOW.pattern.search(plain):
        return Finding(_LOW.reason, LEVELS.index(_LOW.level))
    return best


def findings(document: Document) -> list[Finding]:
    """Return every rule that matches the words, with the highest level it asks for."""
    plain = document.plain
    best: dict[str, int] = {}
    for rule in _RULES:
        level = LEVELS.index(rule.level)
        if level > best.get(rule.reason, -1) and _holds(rule, plain):
            best[rule.reason] = level
    return [Finding(reason, level) for reason, level in best.items()]


def of_customer(facts: Facts) -> Finding | None:
    """Return what the customer's history asks for, whatever this message says."""
    high = LEVELS.index("high")
    if facts.promise_missed:
        return Finding("promise_missed", high)
    if facts.asked_before >= _THIRD:
        return Finding("third_contact", high)
    if facts.tier != _ORDINARY_TIER and facts.open_matters >= _MANY_MATTERS:
        return Finding("valued_customer", high)
    return None


def _holds(rule: _Rule, plain: str) -> bool:
    return any(
        not _TAKEN_BACK.search(plain, max(match.start() - 59, 0), match.start())
        for match in rule.pattern.finditer(plain)
    )
