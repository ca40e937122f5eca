"""Logging, set up once a process."""

import logging
import sys


def start_logging(log_format: str) -> None:
    """Log to stderr, as lines for people or as JSON for machines."""
    form = (
        '{"at":"%(asctime)s","level":"%(levelname)s","name":"%(name)s","text":"%(message)s"}'
        if log_format == "json"
        else "%(asctime)s %(levelname)-7s %(name)s  %(message)s"
    )
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=form)
    for chatty in ("mail.log", "aiosmtplib", "arq.worker", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
