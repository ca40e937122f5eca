"""Logging, set up once a process."""

import json
import logging
import sys

CHATTY = ("mail.log", "aiosmtplib", "arq.worker", "alembic")


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
