"""``kip mail``: look at mail the way the product reads it; no database is touched."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from inbox.channels.addresses import readable
from inbox.channels.base import InboundMessage
from inbox.channels.mime import is_made_up, parse


@click.group()
def mail() -> None:
    """Look at mail the way the product reads it."""


@mail.command("parse")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def parse_files(files: tuple[Path, ...]) -> None:
    """Print what is read of each raw mail FILE, one JSON object a line.

    Reads one mail from standard input when no FILE is given. Touches no database.
    """
    if not files:
        _print("-", sys.stdin.buffer.read())
    for path in files:
        _print(str(path), path.read_bytes())


def _print(name: str, raw: bytes) -> None:
    click.echo(json.dumps({"file": name, **as_dict(parse(raw))}, ensure_ascii=False))


def as_dict(message: InboundMessage) -> dict[str, Any]:
    """Return the keys the command promises, ready for JSON."""
    return {
        "subject": message.subject,
        "from_email": readable(message.from_address),
        "from_name": message.from_name,
        "to": [readable(address) for address in message.to],
        "reply_to": readable(message.reply_to),
        "message_id": "" if is_made_up(message.message_id) else message.message_id,
        "in_reply_to": message.in_reply_to,
        "references": list(message.references),
        "date": message.sent_at.isoformat() if message.sent_at else None,
        "body_text": message.text,
        "body_html": message.html,
        "visible_reply": message.visible_reply,
        "attachments": [
            {
                "filename": item.filename,
                "content_type": item.content_type,
                "size": len(item.data),
            }
            for item in message.attachments
        ],
        "is_auto_reply": message.is_auto_reply,
        "is_bounce": message.is_bounce,
        "bounced_recipient": next(iter(message.bounced_recipients), None),
        "bounced_recipients": list(message.bounced_recipients),
        "suppress_auto_response": message.suppress_auto_response,
        "language": message.language,
    }
