"""Tell likely spam from a customer's message: what it says, and what is known of its sender.

Written evidence, added up in log-odds, so that every sign can be named. Whoever we know or
who answers us is hardly ever spam, whatever the words.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from inbox.triage.text import Document

SPAM_FROM = 0.9  # set apart from here; below, a person reads it like any other
_START = -3.9  # one in fifty
_MOST_OF_A_KIND = 2  # signs of one kind that count, so that one habit cannot convict
_LINKS = 0.5, 3
_SHOUTED_FROM = 0.6


@dataclass(frozen=True, slots=True)
class SpamFacts:
    """What is known of a message besides its words.

    ``is_known``: the sender has been a customer or has written before. ``is_reply``: it
    answers a message of ours. ``is_bulk``: its headers say mailing list or bulk mail.
    ``is_forged``: the sender's domain disowns it (SPF, DKIM or DMARC failed).
    ``n_copies``: how many other people's messages of the last day have the same text.
    """

    is_known: bool = False
    is_reply: bool = False
    is_bulk: bool = False
    is_forged: bool = False
    n_copies: int = 0


@dataclass(frozen=True, slots=True)
class SpamSign:
    """One reason, and its weight in log-odds (negative speaks against spam)."""

    reason: str
    weight: float


# Folded phrases: kind, weight of each hit, and the phrases as one pattern of whole words.
_KINDS: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    (
        "search_engine_pitch",
        3.6,
        (
            r"seo (?:services?|expert|agency|audit|package|proposal)|rank (?:higher|better|#?"
            r" ?\w+)"
            r" on google|(?:first|top) page of google|page one of google|google ranking",
            r"increase (?:your )?(?:traffic|sales|leads|followers|ranking)|more (?:traffic"
            r"|leads)"
            r" (?:to|for) your|backlinks?|guest post(?:ing|s)?|link (?:insertion|exchange)",
            r"dofollow|domain authority|sponsored (?:post|article)|write for your (?:blog"
            r"|site)",
            r"dich vu seo|len top google|day (?:web|tu khoa|trang) len (?:top|trang nhat)"
            r"|backlink"
            r"|tang (?:follow|like|sub|tuong tac|mat)|mua like|seeding|chay quang cao gia re",
        ),
    ),
    (
        "unasked_offer",
        3.1,
        (
            r"we (?:offer|provide|specialize|specialise|are a leading|design|develop)"
            r"|our (?:team|agency|company) (?:can help|specializes|specialises|offers"
            r"|provides)",
            r"came across your (?:website|site|page|profile|company|business)|visited your"
            r" website"
            r"|noticed (?:that )?your (?:website|site)|redesign your (?:website|site)",
            r"free (?:audit|consultation|quote|mockup|proposal|sample pack)|no obligation"
            r"|limited time (?:offer|only)|special offer for you|act now|don t miss out",
            r"interested in (?:a )?(?:quick call|our services|buying leads)|book a (?:quick"
            r" )?call"
            r"|email lists?|leads? (?:list|database)|verified (?:emails|contacts)|b2b (?:data"
            r"|leads)",
            r"affordable price|lowest rates?|grow your business|boost your (?:business|sales)"
            r"|outsourc(?:e|ing)|mobile app development|web design(?:er|ing)? services",
            r"ben em (?:chuyen )?(?:cung cap|nhan|ban) (?:data|du lieu|danh sach|dich vu"
            r"|giai phap)|data khach hang|danh sach khach hang|tele ?sale|chao (?:anh chi"
            r" )?dich vu",
            r"cam ket (?:hieu qua|len top|loi nhuan|ra don)|uu dai (?:duy nhat|co han)"
            r"|dang ky ngay|lien he ngay|nhanh tay|so luong co han|chi con \w+ suat",
        ),
    ),
    (
        "easy_money",
        3.6,
        (
            r"crypto(?:currency)?|bitcoin|usdt|ethereum|forex|binary options|trading signals?"
            r"|guaranteed (?:profit|return|income)s?|passive income|double your (?:money"
            r"|income)",
            r"earn (?:up to )?(?:_money|_num)(?: [a-z]+){0,3} (?:per|a|every) (?:day|week|hour)"
            r"|make money (?:online|from home|fast)|work(?:ing)? from home(?: and earn)?|no"
            r" experience needed|be your own boss",
            r"instant loans?|loan offer|loans? (?:at|from) (?:_num|\d+)|bad credit|no credit"
            r" check"
            r"|business funding|investment (?:opportunity|proposal|partner)|apply for funding",
            r"vay (?:tien )?(?:nhanh|nong|online)(?: [a-z]+){0,4} (?:khong (?:the chap|tham"
            r" dinh)"
            r"|trong ngay|_num phut|giai ngan)|giai ngan trong|bao no xau|khong check cic|ho"
            r" tro no xau",
            r"viec nhe luong cao|viec lam online tai nha|kiem (?:tien|them)(?: [a-z]+){0,3}"
            r" (?:moi ngay|tai nha|online)|(?:thu nhap|luong) (?:_money|tu _money|tu _num)(?:"
            r" [a-z_]+){0,3}"
            r" (?:ngay|tuan)|chot don cho shopee|lam nhiem vu",
            r"dau tu (?:sinh loi|co loi|forex|crypto|coin|tai chinh)|loi nhuan (?:_num|\d+|cao"
            r"|hang ngay)"
            r"|nhom keo|hoan von|nap _money nhan|san giao dich",
        ),
    ),
    (
        "gambling_or_adult",
        6.2,
        (
            r"free spins|online casino|casino online|slot machines?|viagra|cialis|enlargement"
            r"|weight loss (?:pills?|secret)|(?:hot|sexy) (?:girls|singles|photos)|escorts?"
            r"|porn|cheap meds",
            r"nha cai|ca do|no hu|xoc dia|tai xiu|danh bai|game bai|keo bong|soi keo|lo de|nap"
            r" dau",
            r"gai goi|gai xinh|phim sex|thuoc kich duc|tang kich thuoc|clip nong",
        ),
    ),
    (
        "gambling_words",
        2.2,
        (
            r"casino|betting|sports ?book|poker|jackpot|lottery|replica watches|online"
            r" pharmacy|xxx",
            r"ca cuoc|hen ho|sugar (?:baby|daddy)|rut tien _num phut",
        ),
    ),
    (
        "windfall_or_phishing",
        3.9,
        (
            r"you (?:have|ve) (?:won|been selected)|claim your (?:prize|reward|gift|refund"
            r"|funds?)"
            r"|inheritance|next of kin|beneficiary of|dormant account|million (?:dollars|usd"
            r"|euros)",
            r"(?:your )?(?:mailbox|account|password|domain|parcel|package) (?:will (?:be"
            r"|expire)|is about"
            r" to|has been (?:limited|suspended|held))|verify your (?:account|mailbox"
            r"|identity) (?:now"
            r"|here|below|by clicking|to avoid)|click (?:here|below|the link|on the link)",
            r"dear (?:friend|beneficiary|winner|user|webmaster|business owner|site owner)"
            r"|confidential (?:business|proposal|transaction)|urgent response needed|barrister"
            r"|diplomat",
            r"ban (?:da )?trung (?:thuong|giai)|qua tang tri an|nhan thuong tai|trung xe sh"
            r"|tai khoan (?:cua ban )?(?:se bi khoa|bi tam khoa)(?: [a-z]+){0,6} (?:link|duong"
            r" dan|xac minh tai)"
            r"|bam vao (?:link|day|duong dan)(?: de)? (?:nhan|xac minh|nhan thuong|xac nhan)"
            r"|truy cap (?:link|ngay|_url)|click (?:vao|link)",
        ),
    ),
    (
        "leave_the_list",
        1.6,
        (
            r"(?:to )?unsubscribe (?:here|click|reply|from (?:this|these))|opt out|reply stop"
            r"|remove me"
            r" in the subject|if you (?:do not|don t) (?:want|wish) to receive",
            r"(?:de )?(?:tu choi|huy) nhan (?:tin|email|thu)(?: [a-z]+){0,3} (?:soan|bam|nhan"
            r" vao|tai day)",
        ),
    ),
)
# What only somebody with a matter of their own writes.
_OWN_MATTER = re.compile(
    r"(?<![^ ])(?:(?:my|our) (?:order|account|invoice|parcel|package|bill|booking|refund|card"
    r"|contract"
    r"|mailbox|payment|subscription|laptop|phone)|i (?:ordered|bought|paid|received|signed up"
    r"|can t"
    r"|cannot)|your (?:invoice|delivery) of|don (?:hang )?(?:cua )?(?:em|minh|toi|tui|_code)"
    r"|(?:toi|em|minh"
    r"|tui) (?:da )?(?:mua|dat|nhan|thanh toan|chuyen khoan|bi)|tai khoan (?:cua )?(?:em|minh"
    r"|toi)"
    r"|ma (?:don|khach hang|hop dong)|shop oi|con hang khong|is this (?:spam|a scam|fake|real"
    r"|from you)"
    r"|lua dao|scam)(?![^ ])"
)
_CAPITALS_AT_LEAST = 20


def spam_likelihood(document: Document, facts: SpamFacts) -> float:
    """Return how likely a message is spam, between 0 and 1; set apart from SPAM_FROM on."""
    odds = _START + sum(sign.weight for sign in spam_signs(document, facts))
    return 1 / (1 + math.exp(-odds))


def with_copies(likelihood: float, n_copies: int) -> float:
    """Return the likelihood once it is known how many others sent the same text."""
    if not n_copies or not 0 < likelihood < 1:
        return likelihood
    odds = math.log(likelihood / (1 - likelihood)) + _of_copies(n_copies)
    return 1 / (1 + math.exp(-odds))


def _of_copies(n_copies: int) -> float:
    return min(n_copies, 3) * 1.0


def spam_signs(document: Document, facts: SpamFacts) -> tuple[SpamSign, ...]:
    """Return what speaks for and against spam, the weightiest first: for the page's why."""
    found = [*_of_facts(facts), *_of_words(document)]
    return tuple(sorted(found, key=lambda sign: -abs(sign.weight)))


def _of_facts(facts: SpamFacts) -> Iterator[SpamSign]:
    said = (
        ("known_sender", -12.0, facts.is_known),
        ("answers_us", -12.0, facts.is_reply),
        ("bulk_mail", 1.5, facts.is_bulk),
        ("forged_sender", 2.0, facts.is_forged),
        ("sent_to_many", _of_copies(facts.n_copies), facts.n_copies > 0),
    )
    yield from (SpamSign(reason, weight) for reason, weight, holds in said if holds)


def _of_words(document: Document) -> Iterator[SpamSign]:
    plain = document.plain
    for reason, weight, pattern in _patterns():
        hits = len({match.group() for match in pattern.finditer(plain)})
        if hits:
            yield SpamSign(reason, weight * min(hits, _MOST_OF_A_KIND))
    links = sum(token.form == "_url" for token in document.tokens)
    if links:
        each, most = _LINKS
        yield SpamSign("links", each * min(links, most))
    if _is_shouted(document.original):
        yield SpamSign("shouted", 0.7)
    if _OWN_MATTER.search(plain):
        yield SpamSign("own_matter", -2.5)


def _is_shouted(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    if len(letters) < _CAPITALS_AT_LEAST:
        return False
    return sum(map(str.isupper, letters)) / len(letters) >= _SHOUTED_FROM


@cache
def _patterns() -> tuple[tuple[str, float, re.Pattern[str]], ...]:
    return tuple(
        (reason, weight, re.compile(rf"(?<![^ ])(?:{'|'.join(alternatives)})(?![^ ])"))
        for reason, weight, alternatives in _KINDS
    )
