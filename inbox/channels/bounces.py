"""Delivery reports: RFC 3464 by its fields, everything older by its wording."""

import re

from inbox.channels.addresses import find_addresses, normalise
from inbox.channels.headers import Headers, split_head
from inbox.channels.parts import Part

MAX_REPORT_BYTES = 64 * 1024
MAX_RECIPIENTS = 100
_MACHINE = re.compile(
    r"(?:mailer-?daemon|postmaster|mail(?:delivery)?-?(?:er|system|daemon)?)\b"
)
_SUBJECT = re.compile(
    r"undeliver|undelivered|delivery (?:status notification|failure|has failed|report|"
    r"notification|problem|unsuccessful)|returned mail|failure notice|"
    r"mail delivery (?:failed|failure|error|system)|mail (?:system error|could not be)|"
    r"message you sent (?:could not|blocked)|returned to sender|non.?delivery|"
    r"unzustellbar|nicht zustellbar|non remis|échec|no se puede entregar|không gửi được|"
    r"thư bị trả|không thể gửi|warning: could not send|delivery error|user unknown|"
    r"failed mail|rejected mail|mail rejected|error sending|nondeliverable|"
    r"address.{0,80} not found",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"could not be delivered|wasn't able to deliver|unable to deliver|was not delivered|"
    r"delivery to the following|permanent (?:fatal )?errors?|undeliverable|"
    r"could not deliver|couldn't be delivered|did not reach|message .{0,40}(?:undeliver|"
    r"returned)|user unknown|failed permanently|no such user|mailbox (?:is )?(?:full|"
    r"unavailable)|returned to sender|không (?:thể )?gửi được|unrouteable address|"
    r"not be delivered|delivery has failed|cannot be delivered|following addresses had|"
    r"delivery failed|unknown user|not found",
    re.IGNORECASE,
)
# Where the failed message's own text begins; recipients stand before it.
_COPY = re.compile(
    r"^(?:-{2,80}.{0,40}(?:copy|original|returned|undelivered|below this line|unsent|"
    r"transcript of session follows).{0,80}|.{0,40}below this line is a copy.{0,60}|"
    r"received: from .{0,200}|return-path: ?<.{0,200})$",
    re.IGNORECASE | re.MULTILINE,
)
_CUES = (
    re.compile(r"rcpt to:? ?<([^<>\s]{3,250})>", re.IGNORECASE),
    re.compile(
        r"^\s{0,8}[<\"']?([^<>\s:\"']{1,64}@[^<>\s:\"']{1,190}?)[>\"']?:?\s{0,4}$", re.MULTILINE
    ),
    re.compile(r"^\s{0,8}<([^<>\s]{3,250})>[ :.(]", re.MULTILINE),
)


def delivery_report(
    root: Part, envelope_from: str | None, from_address: str, subject: str, text: str
) -> tuple[bool, tuple[str, ...]]:
    """Tell whether this is a delivery report, and whom it could not reach."""
    status = _find(root, "message/delivery-status") or _find(
        root, "message/global-delivery-status"
    )
    headers = root.headers
    report = root.kind == "multipart/report" and "disposition" not in root.params.get(
        "report-type", ""
    )
    if status is not None:
        return True, _from_status(status) or _from_text(headers, text)
    machine = envelope_from == "" or _is_machine(headers, from_address)
    told = headers.has("x-failed-recipients")
    likely = told or (machine and bool(_SUBJECT.search(subject) or _WORDS.search(text[:4000])))
    if not likely and not (report and machine):
        return False, ()
    return True, _from_text(headers, text)


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
    return headers.get("return-path").replace(" ", "") == "<>"


def _from_status(status: Part) -> tuple[str, ...]:
    """Read the recipients of an RFC 3464 report, failed ones if any failed."""
    failed: dict[str, None] = {}
    others: dict[str, None] = {}
    rest = status.decoded()[:MAX_REPORT_BYTES].replace(b"\r\n", b"\n")
    for block in rest.split(b"\n\n")[: MAX_RECIPIENTS + 1]:
        headers, _ = split_head(block + b"\n\n")
        address = _typed(headers, "original-recipient") or _typed(headers, "final-recipient")
        address = address or _typed(headers, "x-actual-recipient")
        if not address:
            continue
        action = headers.get("action").lower().strip()
        (others if action in ("delivered", "relayed", "expanded") else failed)[address] = None
    return tuple(failed or others)


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
