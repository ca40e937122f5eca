"""Logging, set up once a process."""

import json
import logging
import sys

# httpx would write addresses, and a bot's address has its token in it.
CHATTY = ("mail.log", "aiosmtplib", "arq.worker", "alembic", "httpx")


class Lines(logging.Formatter):
    """One JSON object a line, for machines."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; what went wrong is in ``error``."""
        line = {
            "at": self.formatTime(record),
            "level": record.levelname,
            "name": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out that a socket came or went: each visitor of a chat would be four lines."""
    text = str(record.msg)
    return record.levelno > logging.INFO or not ("WebSocket" in text or "connection " in text)


def start_logging(log_format: str) -> None:
    """Log to stderr, as lines for people (``text``) or as JSON (``json``)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        Lines()
        if log_format == "json"
        else logging.Formatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
