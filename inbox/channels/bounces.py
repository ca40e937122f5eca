"""Delivery reports: RFC 3464 by its fields, everything older by its wording."""

import re
from dataclasses import dataclass

from inbox.channels.addresses import find_addresses, normalise
from inbox.channels.headers import Headers, split_head
from inbox.channels.parts import Part
from inbox.channels.words import one_line

MAX_REPORT_BYTES = 64 * 1024
MAX_RECIPIENTS = 100
MAX_SAID_CHARS = 300
_MACHINE = re.compile(
    r"(?:mailer[-_.]?daemon|mdaemon|post[-_.]?master|mail-?(?:er|system|daemon)|"
    r"mail[-_.]?(?:delivery(?:-?system)?|router|server|gateway|scanner)|daemon|bounces?|"
    r"double-bounce|uucp|smtpd?|autoreply-bounce|microsoftexchange[0-9a-f]{8,40})\b"
)
_MACHINE_NAME = re.compile(
    r"mail delivery|mailer-daemon|mail administrator|mail system|system administrator|"
    r"postmaster|internet mail|delivery subsystem|delivery status|returned mail|"
    r"microsoft outlook|gửi thư|mail-zustell",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|undelivered|delivery (?:status notification|failure|has failed|report|"
    r"notification|problem|unsuccessful|incomplete)|returned (?:e-?)?mail|failure notice|"
    r"(?:mail|message) delivery (?:failed|failure|error|system|status|problem|has failed)|"
    r"mail (?:system error|could not be)|message (?:could )?not (?:be )?deliver|"
    r"message you sent (?:could not|blocked)|return(?:ed)? to sender|non.?delivery|"
    r"warning: (?:could not send|message)|delivery error|user unknown|unknown user|bounced|"
    r"failed (?:e-?)?mail|reject(?:ed)? (?:e-?)?mail|mail rejected|error sending|"
    r"nondeliverable|"
    r"failed delivery|delivery to .{1,80} (?:failed|delayed)|delayed mail|mail failure|"
    r"unable to deliver|could ?n.t (?:be )?deliver|email status|mail delivery status|"
    r"permanent error|mail error|email error|message delay|address.{0,80} not found|"
    r"không (?:thể )?gửi được|thư bị trả|không thể gửi|gửi thư không thành công|thư không đến|"
    r"unzustellbar|nicht zustellbar|unzugestellt|zustellung fehlgeschlagen|"
    r"non remis|échec|non distribu|no se puede entregar|no entregado|error de entrega|"
    r"não é possível entregar|não entregue|falha na entrega|non recapitabile|mancato recapito|"
    r"onbestelbaar|niet bezorgd|olevererbar|kan inte leverera|kan ikke leveres|ikke leveret|"
    r"ei voi toimittaa|toimittaminen epäonnistui|nie można dostarczyć|niedostarczon|"
    r"nedoručiteln|nedoručen|kézbesíthetetlen|nelivrat|не удается доставить|не доставлено|"
    r"недоставлен|не вдалося доставити|teslim edilemedi|iletilemedi|αδυναμία παράδοσης|"
    r"לא ניתן למסור|تعذر التسليم|ไม่สามารถส่ง|tidak terkirim|tidak dapat dikirim|"
    r"配信不能|配達不能|配信エラー|送信エラー|未传递|无法传递|退信|"
    r"無法傳遞|傳送失敗|배달되지|전송 실패|반송",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"could not be (?:delivered|sent)|(?:wasn't|weren't) able to deliver|unable to deliver|"
    r"(?:was|were) not (?:be )?delivered|delivery to the following|undeliverable|"
    r"permanent (?:fatal )?(?:errors?|failure)|could not deliver|couldn't be delivered|"
    r"did not reach|message .{0,40}(?:undeliver|returned)|user unknown|failed permanently|"
    r"no such (?:user|recipient|mailbox)|mailbox (?:is )?(?:full|unavailable|not found)|"
    r"return(?:ed|ing)? (?:it |the message )?to sender|unrouteable address|invalid user|"
    r"not be delivered|(?:delivery|message|sending) (?:has )?failed|cannot be delivered|"
    r"following (?:address|recipient)(?:es|s|\(e?s\))? had|problems? delivering|"
    r"trouble delivering|does(?: not|n't) exist|unknown user|not found|"
    r"over (?:its |the )?quota|"
    r"user is inactive|account (?:has been |is )?(?:disabled|suspended|inactive)|"
    r"không (?:thể )?gửi được|không tồn tại|hộp thư (?:đã )?đầy|konnte nicht zugestellt|"
    r"n'a pas pu être|no se pudo entregar|não pôde ser entregue|impossibile recapitare|"
    r"kon niet worden|kunde inte levereras|kunne ikke leveres|не удалось доставить|"
    r"送信できません|配信できません|无法投递|無法投遞|退回|退信",
    re.IGNORECASE,
)
# Where the failed message's own text begins; recipients stand before it.
_COPY = re.compile(
    r"^(?:-{2,80}.{0,40}(?:copy|original|returned|undelivered|below this line|unsent|"
    r"transcript of session follows).{0,80}|.{0,40}below this line is a copy.{0,60}|"
    r"original message follows.{0,60}|below is a copy of .{0,60}|"
    r"received: from .{0,200}|return-path: ?<.{0,200})$",
    re.IGNORECASE | re.MULTILINE,
)
_CUES = (
    # "… was not delivered to:" and the address below it or behind it.
    re.compile(
        r"(?:not (?:be )?delivered to|unable to deliver (?:it|message|your message) to|"
        r"delivery to|failed recipient|following recipients?(?: were affected)?|addressed to|"
        r"recipient(?: address)?|unknown user|không gửi được tới|gửi được đến|"
        r"following address(?:es)?[^\n:]{0,40})[ (es):]{0,8}[ \t\n>*-]{0,20}"
        r"[<\"'(]?([^<>\s:\"'(),]{1,64}@[^<>\s:\"'(),]{1,190})",
        re.IGNORECASE,
    ),
    re.compile(r"rcpt to: ?<?([^<>\s]{1,64}@[^<>\s]{1,190})", re.IGNORECASE),
    re.compile(
        r"^\s{0,8}[<\"']?([^<>\s:\"']{1,64}@[^<>\s:\"']{1,190}?)[>\"']?:?\s{0,4}$", re.MULTILINE
    ),
    re.compile(r"^\s{0,8}<([^<>\s]{3,250})>[ :.(]", re.MULTILINE),
    re.compile(
        r"^[ *>]{0,8}([^<>\s:\"'*]{1,64}@[^<>\s:\"']{1,190}) (?:on |<mailto:|<|\(|invalid|:)",
        re.IGNORECASE | re.MULTILINE,
    ),
)
# A service that tells of a bounce as JSON.
_JSON_RECIPIENT = re.compile(r'"emailAddress"\s{0,3}:\s{0,3}"([^"\s]{3,250})"')
_CODE = re.compile(r"(?<![\d.])([245]\.\d{1,2}\.\d{1,3})(?![\d.])")
_OLD_CODE = re.compile(r"(?:^|[\s:(#])([45])\d\d[ -](?=\S)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery report; without ``is_bounce`` it is none and the rest is empty.

    ``code`` is a status of RFC 3463 ("5.1.1"), "" where nothing is known; "4.…" where mail is
    only late. ``said`` is the other server's own words, one line.
    """

    is_bounce: bool = False
    recipients: tuple[str, ...] = ()
    code: str = ""
    said: str = ""


def delivery_report(
    root: Part, envelope_from: str | None, from_address: str, subject: str, text: str
) -> Report:
    """Tell whether this is a delivery report, whom it could not reach, and why."""
    status = _find(root, "message/delivery-status") or _find(
        root, "message/global-delivery-status"
    )
    headers = root.headers
    if status is not None:
        named, code, said = _from_status(status)
        return Report(True, named or _from_text(headers, text), code or _code(text), said)
    if text.lstrip()[:1] == "{" and "bouncedRecipients" in text:
        named = _from_json(text[:MAX_REPORT_BYTES])
        return Report(True, named, _code(text), "")
    report = root.kind == "multipart/report" and "disposition" not in root.params.get(
        "report-type", ""
    )
    machine = envelope_from == "" or _is_machine(headers, from_address)
    told = headers.has("x-failed-recipients")
    likely = told or (machine and bool(_SUBJECT.search(subject) or _WORDS.search(text[:4000])))
    if not likely and not (report and machine):
        return Report()
    return Report(True, _from_text(headers, text), _code(text), _said(text))


def _from_json(text: str) -> tuple[str, ...]:
    """Read the recipients of a notice that may be JSON within JSON, its long lines cut."""
    plain = text.replace("!\n ", "").replace('\\"', '"')
    found = (normalise(item) for item in _JSON_RECIPIENT.findall(plain))
    return tuple(dict.fromkeys(found))[:MAX_RECIPIENTS]


def _code(text: str) -> str:
    """Return the first status that a text tells of; from a bare reply code, its class."""
    text = text[:MAX_REPORT_BYTES]
    if found := _CODE.search(text):
        return found[1]
    old = _OLD_CODE.search(text)
    return f"{old[1]}.0.0" if old else ""


def _said(text: str) -> str:
    """Return the line in which the other server says why."""
    for line in text[:MAX_REPORT_BYTES].splitlines()[:MAX_SAID_CHARS]:
        if _CODE.search(line) or _OLD_CODE.search(line):
            return one_line(line)[:MAX_SAID_CHARS]
    return ""


def _find(part: Part, kind: str) -> Part | None:
    if part.kind == kind:
        return part
    for inner in part.parts:
        found = _find(inner, kind)
        if found is not None:
            return found
    return None


def _is_machine(headers: Headers, from_address: str) -> bool:
    local = from_address.rpartition("@")[0] or from_address
    if _MACHINE.match(local.lower()) or not from_address:
        return True
    if headers.get("return-path").replace(" ", "") == "<>":
        return True
    return _MACHINE_NAME.match(headers.text("from").lstrip('"')) is not None


def _from_status(status: Part) -> tuple[tuple[str, ...], str, str]:
    """Read an RFC 3464 report: the recipients, failed ones if any failed; status and words."""
    failed: dict[str, None] = {}
    others: dict[str, None] = {}
    code = said = ""
    rest = status.decoded()[:MAX_REPORT_BYTES].replace(b"\r\n", b"\n")
    for block in rest.split(b"\n\n")[: MAX_RECIPIENTS + 1]:
        headers, _ = split_head(block + b"\n\n")
        address = _typed(headers, "original-recipient") or _typed(headers, "final-recipient")
        address = address or _typed(headers, "x-actual-recipient")
        if not address:
            continue
        action = headers.get("action").lower().strip()
        arrived = action in ("delivered", "relayed", "expanded")
        (others if arrived else failed)[address] = None
        if not arrived and not code:
            words = headers.text("diagnostic-code").partition(";")
            said = (words[2] or words[0]).strip()[:MAX_SAID_CHARS]
            code = _code(headers.get("status")) or _code(said)
            if action == "delayed":
                code = "4" + (code[1:] or ".0.0")
    return tuple(failed or others), code, said


def _typed(headers: Headers, name: str) -> str:
    """Read ``rfc822; user@host``."""
    value = headers.get(name)
    kind, semicolon, address = value.partition(";")
    if not semicolon:
        address = kind
    found = find_addresses(address.replace("<", " ").replace(">", " "), 1)
    return found[0] if found else ""


def _from_text(headers: Headers, text: str) -> tuple[str, ...]:
    told = find_addresses(" ".join(headers.all("x-failed-recipients")), MAX_RECIPIENTS)
    if told:
        return tuple(told)
    text = text[:MAX_REPORT_BYTES]
    copy = _COPY.search(text)
    before = text[: copy.start()] if copy and copy.start() else text
    own = {normalise(item.address) for item in headers.addresses("to")}
    own |= {normalise(item.address) for item in headers.addresses("from")}
    for cue in _CUES:
        found = dict.fromkeys(normalise(match) for match in cue.findall(before) if "@" in match)
        named = [address for address in found if address and address not in own]
        if named:
            return tuple(named[:MAX_RECIPIENTS])
    for source in (before, text):
        named = [
            item
            for item in find_addresses(source)
            if item not in own and not _MACHINE.match(item)
        ]
        if named:
            return (named[0],)
    return ()
