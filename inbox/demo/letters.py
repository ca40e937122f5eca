"""Customers' mails and forms, made, read and sorted as real ones are; in no transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Self

from inbox.auth import random_token
from inbox.channels import chat, mime, webform
from inbox.channels.base import InboundMessage
from inbox.channels.webform import Posted
from inbox.demo.company import address
from inbox.demo.texts import Story
from inbox.triage.prediction import Prediction
from models import ChannelKind

Predict = Callable[[str, str], Prediction]


@dataclass(frozen=True, slots=True)
class Letter:
    """Something a customer sends, read already."""

    kind: ChannelKind
    body: bytes
    message: InboundMessage
    prediction: Prediction

    def answering(self, message_id: str) -> Self:
        """Return it as an answer to one of our mails (an id in angle brackets)."""
        head = f"In-Reply-To: {message_id}\r\nReferences: {message_id}\r\n".encode()
        plain = message_id.strip("<>")
        return replace(
            self,
            body=head + self.body,
            message=replace(self.message, in_reply_to=plain, references=(plain,)),
        )

    def dated(self, at: datetime) -> Self:
        """Return it as written at that moment."""
        if self.kind is not ChannelKind.EMAIL:
            return self
        head = f"Date: {format_datetime(at)}\r\n".encode()
        return replace(self, body=head + self.body, message=replace(self.message, sent_at=at))


def write(story: Story, predict: Predict) -> Letter:
    """Make the first message of a conversation."""
    if story.channel == "form":
        body = webform.pack(
            Posted(
                name=story.name,
                email=story.email,
                subject=story.subject,
                body=story.text,
                language=_language(story),
            )
        )
        return _read(ChannelKind.FORM, body, webform.read(body), predict)
    if story.channel == "chat":
        return _line(story, story.text, predict)
    return _mail(story, story.subject, story.text, predict)


def write_again(story: Story, text: str, predict: Predict) -> Letter:
    """Make a later message: in a chat a line, else an answer to a mail of ours."""
    if story.channel == "chat":
        return _line(story, text, predict)
    return _mail(story, f"Re: {story.subject}", text, predict)


def _line(story: Story, text: str, predict: Predict) -> Letter:
    body = chat.pack(chat.Line(text, story.name, story.email, _language(story)))
    return _read(ChannelKind.CHAT, body, chat.read(body), predict)


def _language(story: Story) -> str:
    return "vi" if story.email.endswith("khach.example") else "en"


def _mail(story: Story, subject: str, text: str, predict: Predict) -> Letter:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = formataddr((story.name, story.email))
    mail["To"] = address("support")
    mail["Subject"] = subject
    mail["Message-ID"] = f"<{random_token()}@{story.email.partition('@')[2]}>"
    mail.set_content(text + "\n", cte="8bit")
    body = mail.as_bytes()
    return _read(ChannelKind.EMAIL, body, mime.parse(body), predict)


def _read(kind: ChannelKind, body: bytes, message: InboundMessage, predict: Predict) -> Letter:
    said = predict(message.subject, message.visible_reply or message.text)
    return Letter(kind, body, message, said)
