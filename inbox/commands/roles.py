"""``kip web``, ``kip worker``, ``kip smtp``: one role each; ``kip migrate``."""

import asyncio
import socket

import click

from inbox.logs import start_logging
from inbox.processes import leave_within, loading, may_open_files
from inbox.settings import Settings, get_settings

STOP_S = 4.0  # after being told to stop
MOST_CONNECTIONS = 2048  # a stream for each of 1,000 browsers, and room for pages


def _begin() -> Settings:
    """Do what every role begins with: log, and have a data directory."""
    settings = get_settings()
    start_logging(settings.log_format)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
def web(host: str, port: int) -> None:
    """Serve the pages and the API."""
    with loading():
        import uvicorn

        from inbox.app import create_app

        app = create_app(_begin())
    may_open_files(2 * MOST_CONNECTIONS)

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """End the event streams first: they would wait for ever."""
            leave_within(STOP_S)
            app.state["site"].hub.end_streams()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=16384,
        ws_max_size=65536,  # a chat answers what is over its own 16 KiB in words
        ws_per_message_deflate=False,  # chat lines are short; each connection saves its buffers
    )
    Server(config).run()


@click.command()
def worker() -> None:
    """Take messages in, send what waits, watch the clocks."""
    with loading():
        import uvloop

        from inbox.worker import run_worker

    settings = _begin()
    uvloop.run(run_worker(settings))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=2525, show_default=True)
@click.option("--sink-port", default=None, type=int, hidden=True)
def smtp(host: str, port: int, sink_port: int | None) -> None:
    """Receive mail for the company's inboxes."""
    with loading():
        import uvloop

        from inbox.smtpd import run_smtp

    settings = _begin()
    uvloop.run(run_smtp(settings, host, port, sink_port))


@click.command()
def migrate() -> None:
    """Bring the database up to date; doing it again changes nothing."""
    from inbox.db import Database
    from inbox.migrations import migrate as bring_up_to_date

    settings = _begin()

    async def work() -> None:
        database = Database(settings.database)
        try:
            await bring_up_to_date(database)
        finally:
            await database.close()

    asyncio.run(work())
