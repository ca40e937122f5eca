"""Was this written by a machine, and would it be wrong to answer it by machine?

Marks: RFC 3834 (Auto-Submitted), RFC 5230, RFC 2919/2369 (List-*), Precedence, null
senders, reports, and the headers and subjects of well-known responders.
"""

import re
from dataclasses import dataclass

from inbox.channels.headers import Headers

MAX_HOPS = 50

_RESPONDER_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply-from",
    "x-autoreply-from",
    "x-mail-autoreply",
    "x-vacation",
    "x-kip-auto-reply",
)
_BULK = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply", "autoreply"})
_LIST_HEADERS = ("list-id", "list-unsubscribe", "list-post", "list-help", "mailing-list")
_CAMPAIGN_HEADERS = (
    "feedback-id",
    "x-campaign",
    "x-mailgun-tag",
    "x-csa-complaints",
    "x-mc-user",
)
_MACHINE_LOCALS = re.compile(
    r"(?:mailer[-_.]?daemon|postmaster|no[-_.]?reply|do[-_.]?not[-_.]?reply|noreply|donotreply|"
    r"bounces?|auto[-_.]?(?:reply|responder|mailer)|notifications?|khong[-_.]?tra[-_.]?loi)"
    r"(?:[-+_.=].*)?"
)
_SUPPRESS = frozenset({"all", "autoreply", "oof", "dr", "rn", "nrn"})
# What responders put in front of the subject they answer.
_REPLY_SUBJECT = re.compile(
    r"(?:auto(?:matic|mated|matisk)?[ -]?(?:reply|response|svar|antwort|antwoord)|"
    r"autoreply|autosvar|out of (?:the )?office|away from (?:the )?office|ooto?\b|"
    r"i am (?:away|out of)|on (?:vacation|annual leave|holiday)|vacation (?:reply|"
    r"response|notice)|abwesend|abwesenheits|automatische antwort|réponse automatique|"
    r"absence du bureau|respuesta automática|fuera de (?:la )?oficina|resposta automática|"
    r"risposta automatica|fuori ufficio|automatisch antwoord|afwezig|automatiskt svar|"
    r"frånvaro|automaattinen vastaus|poissa|automatyczna odpowiedź|automatická odpověď|"
    r"автоответ|автоматический ответ|otomatik yanıt|balasan otomatis|"
    r"自動応答|自动回复|自動回覆|자동 회신|"
    r"trả lời tự động|thư trả lời tự động|phản hồi tự động|vắng mặt|tu dong tra loi|"
    r"tra loi tu dong)",
    re.IGNORECASE,
)
_REPLY_ANSWERING = re.compile(r"auto:|auto ?re:", re.IGNORECASE)
_TICKET_ANSWER = re.compile(
    r"^(?:re: *)?\[?(?:auto|automatic)[ -]?(?:ack|acknowledg)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Nature:
    """What a mail is, so far as its headers tell."""

    auto_reply: bool
    automatic: bool
    suppress: bool


def judge(
    headers: Headers,
    *,
    kind: str,
    from_address: str,
    subject: str,
    is_bounce: bool,
    envelope_from: str | None,
    instance_id: str,
) -> Nature:
    """Judge a mail by its headers; ``kind`` is its content type.

    ``envelope_from`` is "" for a null sender and None when it is not known.
    """
    submitted = _submitted(headers)
    auto_reply = not is_bounce and (
        submitted.startswith("auto-replied") or _from_responder(headers, subject, kind)
    )
    ours = bool(instance_id) and any(
        value.strip() == instance_id
        for name in ("x-kip-instance", "x-loop")
        for value in headers.all(name)
    )
    null = envelope_from == "" or headers.get("return-path").replace(" ", "") == "<>"
    automatic = (
        auto_reply
        or is_bounce
        or ours
        or null
        or submitted not in ("", "no")
        or _is_bulk(headers)
        or kind == "multipart/report"
    )
    suppress = automatic or _asks_for_silence(headers, from_address)
    return Nature(auto_reply=auto_reply, automatic=automatic, suppress=suppress)


def _submitted(headers: Headers) -> str:
    return headers.get("auto-submitted").partition(";")[0].partition("(")[0].strip().lower()


def _from_responder(headers: Headers, subject: str, kind: str) -> bool:
    if any(
        headers.has(name) and headers.get(name).lower() not in ("no", "false", "none", "0")
        for name in _RESPONDER_HEADERS
    ):
        return True
    if headers.get("precedence").lower() in ("auto_reply", "auto-reply"):
        return True
    if _from_product(headers):
        return True
    if kind == "multipart/report" and "disposition" in headers.get("content-type").lower():
        return True  # a reading receipt
    subject = subject.strip(" [(*-")
    if _REPLY_SUBJECT.match(subject) or _TICKET_ANSWER.match(subject):
        return True
    # "Auto:" alone may be about a car; as an answer to us it is a responder.
    return bool(_REPLY_ANSWERING.match(subject)) and headers.has("in-reply-to")


def _from_product(headers: Headers) -> bool:
    """Know the answering rules of Exchange, MessageLabs and others by their own headers."""
    return (
        headers.get("x-post-messageclass").lower().startswith("9; autoresponder")
        or "rules.oofreply" in headers.get("x-ms-exchange-generated-message-source").lower()
        or (
            headers.has("x-ms-exchange-inbox-rules-loop")
            and bool(_asked(headers) & {"all", "oof"})
        )
        or headers.get("delivered-to").lower() == "autoresponder"
    )


def _is_bulk(headers: Headers) -> bool:
    return headers.get("precedence").lower() in _BULK or any(
        headers.has(name) for name in _LIST_HEADERS
    )


def _asked(headers: Headers) -> set[str]:
    value = headers.get("x-auto-response-suppress")
    return {word.strip().lower() for word in value.split(",")}


def _asks_for_silence(headers: Headers, from_address: str) -> bool:
    if _asked(headers) & _SUPPRESS or headers.has("x-loop") or headers.has("x-kip-instance"):
        return True
    if any(headers.has(name) for name in _CAMPAIGN_HEADERS):
        return True
    if sum(1 for name, _ in headers.fields if name == "received") > MAX_HOPS:
        return True
    return bool(_MACHINE_LOCALS.fullmatch(from_address.rpartition("@")[0].lower()))
