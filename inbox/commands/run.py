"""``kip run``: everything on one machine."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click

from inbox import redis_server
from inbox.errors import InboxError, Invalid
from inbox.logs import start_logging
from inbox.processes import die_with_parent
from inbox.settings import Settings, ensure_secret
from inbox.supervisor import Role, answers_http, demand_free_port, hold, run_supervised

# -P: a folder called inbox where we were started must not shadow ours.
PYTHON = (sys.executable, "-P", "-m")
# Of our variables, what a role that neither signs, sends nor stores must not see.
SECRETS = frozenset({"KIP_SECRET_KEY", "KIP_SMTP_URL", "KIP_DATABASE_URL"})
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=None, help="Data directory.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--smtp-port", default=2525, show_default=True)
@click.option("--demo", is_flag=True, help="A sample company, with live traffic.")
@click.option("--no-traffic", is_flag=True, help="The sample company without the traffic.")
@click.option("--allow-demo-anywhere", is_flag=True, help="Let the demo leave loopback.")
def run(
    data: Path | None,
    host: str,
    port: int,
    smtp_port: int,
    demo: bool,
    no_traffic: bool,
    allow_demo_anywhere: bool,
) -> None:
    """Everything, supervised: Redis and SQLite unless set, web, worker and mail receiver."""
    if demo and host not in LOOPBACK and not allow_demo_anywhere:
        raise Invalid(
            "The demo's passwords are known to everybody: it only listens on 127.0.0.1. "
            "Add --allow-demo-anywhere if you mean it."
        )
    settings = _settings(data, host, port, demo)
    start_logging(settings.log_format)
    with hold(settings.data_dir):
        demand_free_port(host, port)
        demand_free_port(host, smtp_port)
        ensure_secret(settings.data_dir)
        token = _prepare()
        roles = _roles(settings, host, port, smtp_port, traffic=demo and not no_traffic)
        code = run_supervised(settings.data_dir, roles, _welcome(settings, token))
    sys.exit(code)


def _settings(data: Path | None, host: str, port: int, demo: bool) -> Settings:
    """Fill in what the options say, for us and, through the environment, for every role."""
    if data is not None:
        os.environ["KIP_DATA_DIR"] = str(data.absolute())
    if demo:
        os.environ["KIP_DEMO"] = "1"
        if "KIP_SMTP_URL" not in os.environ:  # the sample's mail stays here
            os.environ["KIP_SMTP_URL"] = f"smtp://127.0.0.1:{_free_port()}"
            os.environ["KIP_SINK"] = "1"
    if "KIP_BASE_URL" not in os.environ:
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104
        os.environ["KIP_BASE_URL"] = f"http://{shown}:{port}"
    settings = Settings()
    os.environ["KIP_DATA_DIR"] = str(settings.data_dir.absolute())
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Settings()


def _free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _prepare() -> str | None:
    """Migrate and seed in a process of its own, whose memory goes with it.

    Returns the first visit's one-time token, or None when there is a company.
    """
    done = subprocess.run(
        [*PYTHON, "inbox.prepare"],
        stdout=subprocess.PIPE,
        check=False,
        text=True,
        preexec_fn=die_with_parent(),
    )
    if done.returncode != 0:
        raise InboxError("The database could not be brought up to date; see the lines above.")
    token: str | None = json.loads(done.stdout.splitlines()[-1])["setup_token"]
    return token


def _roles(
    settings: Settings, host: str, port: int, smtp_port: int, *, traffic: bool
) -> list[Role]:
    kip = [*PYTHON, "inbox.cli"]
    roles = []
    env = {}
    if settings.redis_url is None:
        path = redis_server.socket_path(settings.data_dir)
        env = {"KIP_REDIS_URL": redis_server.url(path)}
        command = redis_server.command(settings.data_dir / "redis", path)
        roles.append(Role("redis", command, stops_last=True, hidden=SECRETS))
    web = [*kip, "web", "--host", host, "--port", str(port)]
    smtp = [*kip, "smtp", "--host", host, "--port", str(smtp_port)]
    if os.environ.get("KIP_SINK"):
        smtp += ["--sink-port", settings.smtp_url.rpartition(":")[2]]
    roles += [
        Role("web", web, env, answers_http(host, port)),
        Role("worker", [*kip, "worker"], env),
        Role("smtp", smtp, env, hidden=SECRETS - {"KIP_DATABASE_URL"}),
    ]
    if traffic:
        call = ["--base-url", settings.base_url, "--smtp", f"{host}:{smtp_port}"]
        roles.append(
            Role("traffic", [*PYTHON, "inbox.demo.traffic", *call], env, hidden=SECRETS)
        )
    return roles


def _welcome(settings: Settings, token: str | None) -> Callable[[], None]:
    def welcome() -> None:
        say = click.echo
        say(f"\nKịp is open: {settings.base_url}")
        if token:
            say("First visit (this link works once, for a day):")
            say(f"  {settings.base_url}/setup?token={token}")
        if settings.demo:
            say("Sign in as agent@demo.example, supervisor@demo.example or admin@demo.example")
            say("with the password kip-demo. Mail that goes out: /demo/mail. Stop: Ctrl-C.")

    return welcome
