"""The ``kip`` command. Each group is loaded only when it is called, so that all start fast."""

import importlib
import os
import sys

import click

from inbox import __version__
from inbox.errors import InboxError
from inbox.processes import loading

# command -> the module of inbox.commands that has it, and its help line
COMMANDS = {
    "run": ("run", "Everything on this machine, supervised."),
    "web": ("roles", "The web role alone."),
    "worker": ("roles", "The worker role alone."),
    "smtp": ("roles", "The mail-receiving role alone."),
    "migrate": ("roles", "Bring the database up to date."),
    "check": ("check", "Test every connection and setting."),
    "receive": ("receive", "Store one raw mail from a mail server's pipe."),
    "backup": ("backup", "Back up the whole installation into one file."),
    "restore": ("backup", "Put a backup back."),
    "copy": ("copy", "Move the installation to another database."),
    "user": ("people", "People who sign in."),
    "token": ("people", "Tokens for the API."),
    "mailbox": ("mailbox", "Mailboxes that are looked into (IMAP)."),
    "key": ("key", "Replace the key that seals and signs."),
    "privacy": ("privacy", "What is kept of a person: export, erasure, restriction."),
    "audit": ("audit", "Who changed what, and proof of it."),
    "import": ("importing", "Bring in earlier mail (mbox, .eml)."),
    "mail": ("mail", "Read mail as intake does."),
    "sla": ("sla", "Due times."),
    "report": ("report", "How promises were kept."),
    "retrain": ("retrain", "Train a model from what people confirmed and corrected."),
    "triage": ("triage", "Train, measure and ask the classifier."),
}


class Lazy(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order above."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        with loading():
            module = importlib.import_module(f"inbox.commands.{COMMANDS[cmd_name][0]}")
        name = "imports" if cmd_name == "import" else cmd_name
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=Lazy)
@click.version_option(__version__, prog_name="kip")
def kip() -> None:
    """Kịp keeps a company's promises: every customer message is answered in time."""


def main() -> None:
    """Run the command; a failure we know is one sentence on stderr and exit code 1."""
    os.umask(0o077)  # what we keep is nobody else's on this machine
    try:
        kip.main(prog_name="kip")
    except InboxError as error:
        click.echo(f"kip: {error.message}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
