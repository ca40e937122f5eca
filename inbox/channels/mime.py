"""RFC 5322 bytes to ``InboundMessage``.

Total: whatever a stranger sends, something readable comes back, and what could not be read is
said in ``notes``. Linear in the size of the mail. Still meant to run in the child process of
``inbox.channels.reader``, where time and memory have hard limits.
"""

import hashlib
import re
from dataclasses import dataclass, field

from inbox.channels import automatic, filenames, htmltext, language, tnef
from inbox.channels.addresses import Address, normalise
from inbox.channels.base import InboundAttachment, InboundMessage
from inbox.channels.bounces import delivery_report
from inbox.channels.charsets import decode
from inbox.channels.flowed import unflow
from inbox.channels.headers import Headers, find_ids, split_head
from inbox.channels.invitation import describe
from inbox.channels.parts import Part, cut_uuencoded, read_tree
from inbox.channels.quotes import visible_reply
from inbox.channels.safehtml import clean
from inbox.channels.words import one_line

MAX_ATTACHMENT_BYTES = 20 * 1024 * 1024
MAX_TEXT_CHARS = 1024 * 1024
MAX_SUBJECT_CHARS = 1000
MAX_NAME_CHARS = 200

NOTE_LIMITS = "Some headers or parts were over the limits and were left out."
NOTE_ATTACHMENT = "An attachment over 20 MiB was left out: "  # its file name follows
NOTE_AS_TEXT = "The HTML was too large or too complex and is shown as text."
NOTE_TEXT_CUT = "The text was cut after 1 MiB."

_NO_ID = "@no-message-id.invalid"
# The same words once more, for programs of one kind.
_OTHER_FORMS = ("text/x-amp-html", "text/watch-html", "text/enriched", "text/richtext")
_WORDS = ("text/plain", "text/html", "multipart/")
_CALENDARS = ("text/calendar", "application/ics")
_META_CHARSET = re.compile(
    rb"charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE
)
# Added or changed on the way; everything else is part of the mail's identity.
_TRACE = (
    "received",
    "return-path",
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "authentication-results",
    "dkim-",
    "arc-",
    "x-received",
    "x-spam",
    "x-virus",
    "x-google-",
    "x-gm-",
    "x-forefront-",
    "x-microsoft-",
    "x-ms-exchange-",
)


@dataclass(slots=True)
class _Segment:
    """A stretch of the body, as plain text, as HTML, or both."""

    plain: str = ""
    html: str = ""


@dataclass(slots=True)
class _Content:
    segments: list[_Segment] = field(default_factory=list)
    attachments: list[InboundAttachment] = field(default_factory=list)
    winmail: list[_Segment] = field(default_factory=list)  # words in winmail.dat
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Add a note once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def parse(
    raw: bytes, envelope_from: str | None = None, instance_id: str = ""
) -> InboundMessage:
    """Read a mail.

    ``envelope_from`` is the SMTP sender, "" or "<>" for a null one, None if not known;
    ``instance_id`` is our own, to know our own mail when it comes back.
    """
    if envelope_from is not None:
        envelope_from = envelope_from.strip().strip("<>")
    root, over = read_tree(raw)
    root.headers.charset = _text_charset(root)
    content = _Content()
    if over or root.headers.cut:
        content.note(NOTE_LIMITS)
    _collect(root, content, alone=True)
    _drop_second_calendar(content)
    headers = root.headers
    subject = headers.text("subject")[:MAX_SUBJECT_CHARS]
    text, html = _body(content)
    sender = _sender(headers)
    from_address = normalise(sender.address)
    report = delivery_report(root, envelope_from, from_address, subject, text)
    reply = visible_reply(text)
    designed = clean(html)
    nature = automatic.judge(
        headers,
        kind=root.kind,
        from_address=from_address,
        subject=subject,
        is_bounce=report.is_bounce,
        envelope_from=envelope_from,
        instance_id=instance_id,
        reply=reply,
    )
    return InboundMessage(
        subject=subject,
        text=text,
        visible_reply=reply,
        html=html,
        from_address=from_address,
        from_name=sender.name[:MAX_NAME_CHARS],
        reply_to=_first(headers, "reply-to"),
        to=_addresses(headers, "to"),
        cc=_addresses(headers, "cc"),
        message_id=_message_id(headers) or stable_message_id(raw),
        in_reply_to=next(iter(headers.ids("in-reply-to")), ""),
        references=headers.ids("references"),
        sent_at=headers.date(),
        attachments=tuple(content.attachments),
        is_automatic=nature.automatic,
        is_auto_reply=nature.auto_reply,
        is_bounce=report.is_bounce,
        bounced_recipients=report.recipients,
        bounce_code=report.code,
        bounce_said=report.said,
        shown_html=designed.html,
        remote_images=designed.remote,
        suppress_auto_response=nature.suppress,
        language=language.detect(f"{reply}\n{subject}"),
        notes=tuple(content.notes),
    )


def _drop_second_calendar(content: _Content) -> None:
    """Leave out an invitation's nameless copy where a file has the same in it."""
    calendars = [item for item in content.attachments if item.content_type in _CALENDARS]
    named = [item for item in calendars if not filenames.is_made_up(item.filename)]
    if named:
        content.attachments = [
            item for item in content.attachments if item in named or item not in calendars
        ]


def _text_charset(part: Part) -> str:
    """Return the charset of the first text that names one."""
    if part.kind.startswith("text/") and part.params.get("charset"):
        return part.params["charset"]
    return next((found for found in map(_text_charset, part.parts) if found), "")


def _sender(headers: Headers) -> Address:
    for name in ("from", "sender", "reply-to", "return-path"):
        found = headers.addresses(name)
        with_address = [item for item in found if item.address]
        if with_address:
            return with_address[0]
        if found and name == "from":
            return found[0]
    return Address("", "")


def _addresses(headers: Headers, name: str) -> tuple[str, ...]:
    found = (normalise(item.address) for item in headers.addresses(name))
    return tuple(dict.fromkeys(address for address in found if address))


def _first(headers: Headers, name: str) -> str:
    return next(iter(_addresses(headers, name)), "")


def _message_id(headers: Headers) -> str:
    value = headers.get("message-id")
    found = find_ids(value)
    return found[0] if found else one_line(value).strip("<> ")[:250]


def _collect(part: Part, content: _Content, *, alone: bool = False) -> None:
    if part.kind.startswith("multipart/") and part.parts:
        if part.kind == "multipart/alternative":
            _collect_alternative(part, content)
        else:
            _collect_each(part, content)
        return
    if _is_body(part, alone=alone):
        _add_text(part, content)
    else:
        _attach(part, content)


def _collect_each(part: Part, content: _Content) -> None:
    """Take part after part; what goes with an HTML text (RFC 2387) is a file, also HTML."""
    documents = 0
    for inner in part.parts:
        if part.kind == "multipart/related" and documents and inner.kind == "text/html":
            _attach(inner, content)
        else:
            _collect(inner, content, alone=len(part.parts) == 1)
        documents += "text/html" in (inner.kind, *(one.kind for one in inner.parts))


def _collect_alternative(part: Part, content: _Content) -> None:
    """Take the same words in two forms as one segment."""
    inside = _Content()
    read = [inner for inner in part.parts if inner.kind not in _OTHER_FORMS or inner.filename]
    if not any(inner.kind.startswith(_WORDS) for inner in read):
        read = part.parts
    for inner in read:
        _collect(inner, inside)
    content.winmail += inside.winmail
    content.attachments += inside.attachments
    for sentence in inside.notes:
        content.note(sentence)
    html = "\n".join(item.html for item in inside.segments if item.html)
    plain = "\n".join(item.plain for item in inside.segments if item.plain and not item.html)
    content.segments.append(_Segment(plain, html))


def _is_body(part: Part, *, alone: bool) -> bool:
    if part.kind.startswith("multipart/"):
        return True  # without parts it is text with a wrong label
    if part.kind not in ("text/plain", "text/html"):
        return False
    if part.disposition == "attachment":
        return False
    return not part.filename or (alone and part.disposition != "inline")


def _add_text(part: Part, content: _Content) -> None:
    data = part.decoded()
    if part.kind == "text/html":
        label = part.params.get("charset", "")
        if not label:
            meta = _META_CHARSET.search(data[:2048])
            label = meta[1].decode("ascii") if meta else ""
        content.segments.append(_Segment(html=decode(data, label)))
        return
    if b"begin" in data:
        data, files = cut_uuencoded(data)
        for name, blob in files:
            _keep(name, "application/octet-stream", blob, "", content)
    text = (
        decode(data, part.params.get("charset", "")).replace("\r\n", "\n").replace("\r", "\n")
    )
    if part.params.get("format", "").lower() == "flowed":
        text = unflow(text, delete_space=part.params.get("delsp", "").lower() == "yes")
    content.segments.append(_Segment(plain=text))


def _body(content: _Content) -> tuple[str, str]:
    """Return the text and the HTML of all segments, in order."""
    if not any(one.plain.strip() or one.html.strip() for one in content.segments):
        content.segments += content.winmail
    texts: list[str] = []
    htmls: list[str] = []
    for segment in content.segments:
        if segment.html and not htmltext.fits(segment.html):
            content.note(NOTE_AS_TEXT)
            segment.plain = segment.plain or htmltext.strip_tags(segment.html)
            segment.html = ""
        plain = segment.plain.strip() or not segment.html
        texts.append(segment.plain if plain else htmltext.to_text(segment.html))
        if segment.html:
            htmls.append(segment.html)
        elif segment.plain.strip():
            htmls.append(_as_html(segment.plain))
    text = "\n".join(texts).strip("\n")
    if len(text) > MAX_TEXT_CHARS:
        content.note(NOTE_TEXT_CUT)
        text = text[:MAX_TEXT_CHARS]
    html = "\n".join(htmls) if any(segment.html for segment in content.segments) else ""
    return text, html if htmltext.fits(html) else ""


def _as_html(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<pre>{escaped}</pre>"


def _attach(part: Part, content: _Content) -> None:
    name = part.filename
    data = part.decoded()
    if part.kind in _CALENDARS:
        for line in describe(data, part.params.get("charset", "")):
            content.note(line)
    if tnef.is_tnef(part.kind, name):
        winmail = tnef.read(data)
        for item in winmail.files:
            _keep(item.filename, item.content_type, item.data, "", content)
        content.winmail.append(_Segment(winmail.plain, winmail.html))
        if winmail.files or winmail.plain or winmail.html:
            return
    content_id = part.headers.get("content-id").strip("<> ")[:250]
    _keep(filenames.name_of(part), part.kind, data, content_id, content)


def _keep(name: str, kind: str, data: bytes, content_id: str, content: _Content) -> None:
    number = len(content.attachments) + 1
    name = filenames.clean_filename(name) or filenames.make_up(number, kind)
    if len(data) > MAX_ATTACHMENT_BYTES:
        content.note(NOTE_ATTACHMENT + name)
        return
    content.attachments.append(InboundAttachment(name, kind, data, content_id))


def dedupe_key(inbox_id: int, raw: bytes) -> str:
    """Return the same hex digest for the same mail to the same inbox, whichever way it came.

    Over the inbox, Message-ID, From, Date, body and every header that transport does not add,
    never over the Message-ID alone: that can be known and sent beforehand by somebody else.
    """
    digest = hashlib.sha256(f"mail:{inbox_id}\n".encode())
    headers, body = split_head(raw)
    if headers.cut:
        digest.update(raw)  # not all of it was read: only the very same bytes are the same
        return digest.hexdigest()
    for name, value in headers.fields:
        if not name.startswith(_TRACE):
            digest.update(name.encode() + b":" + b" ".join(value.split()) + b"\n")
    digest.update(b"\n" + body.replace(b"\r\n", b"\n").rstrip(b"\n"))
    return digest.hexdigest()


def stable_message_id(raw: bytes) -> str:
    """Make up the id of a mail that came without one; the same mail gets the same id."""
    return f"{dedupe_key(0, raw)[:40]}{_NO_ID}"


def is_made_up(message_id: str) -> bool:
    """Tell whether ``stable_message_id`` made this."""
    return message_id.endswith(_NO_ID)
