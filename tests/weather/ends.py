"""What is left when a process dies at a named point, and what it has become once it went on.

One line a failpoint. ``kept`` says whether the effect of that passage is there after the
death; ``state`` and ``arrived`` what becomes of the mail that was on its way: its row, and
how many copies of it were received. Everything is done again after the death: senders send
again, the next worker goes on. Then each thing is there exactly once, but for mails whose
fate nobody knows.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class End:
    """The end state of one failpoint."""

    way: str  # what is being done: the name of a function in test_failpoints.py
    kept: bool
    state: str = "sent"
    arrived: int = 1
    again: bool = True  # it can be passed ten times by one process


ENDS = {
    # A message comes in: told yes only after the commit, sent again it is the same row.
    "smtp.staged": End("smtp", kept=False),
    "smtp.committed": End("smtp", kept=True),
    "form.staged": End("form", kept=False),
    "form.committed": End("form", kept=True),
    "api.staged": End("api", kept=False),
    "api.committed": End("api", kept=True),
    "api.finished": End("filed", kept=True),
    "messenger.staged": End("messenger", kept=False),
    "messenger.committed": End("messenger", kept=True),
    "chat.staged": End("chat", kept=False),
    "chat.committed": End("chat", kept=True),
    "pipe.staged": End("pipe", kept=False, again=False),
    "pipe.committed": End("pipe", kept=True, again=False),
    "mailbox.staged": End("mailbox", kept=False),
    "mailbox.stored": End("mailbox", kept=True),
    "mailbox.seen": End("mailbox", kept=True),
    "mailbox.saved": End("mailbox", kept=True, again=False),  # passed twice a look
    # It is taken in: all of it or nothing.
    "intake.claimed": End("worker", kept=False),
    "intake.read": End("worker", kept=False),
    "intake.taken": End("worker", kept=False),
    "intake.committed": End("worker", kept=True),
    # Its acknowledgement leaves: at most once.
    "outbox.claimed": End("worker", kept=True),
    "outbox.fencing": End("worker", kept=True),
    "outbox.fenced": End("worker", kept=True, state="unconfirmed", arrived=0),
    "outbox.handed_over": End("worker", kept=True, state="unconfirmed"),
    "outbox.settling": End("worker", kept=True, state="unconfirmed"),
    "outbox.settled": End("worker", kept=True),
    # Its clock is due.
    "ladder.claimed": End("ladder", kept=False),
    "ladder.fired": End("ladder", kept=False),
    "ladder.committed": End("ladder", kept=True),
    # Its wait is over.
    "drift.ended": End("waiting", kept=False),
    "drift.committed": End("waiting", kept=True),
    # Somebody is told.
    "alerts.written": End("told", kept=False),
    "alerts.committed": End("told", kept=True),
    # Somebody is there to take it; an absence begins.
    "giving.committed": End("giving", kept=True),
    "cover.committed": End("covering", kept=True),
    # Its promise has passed.
    "amends.told": End("broken", kept=False),
    "amends.committed": End("broken", kept=True),
    # It is answered.
    "reply.written": End("reply", kept=False),
    "reply.committed": End("reply", kept=True),
    "planned.claimed": End("planned", kept=False),
    # The operator's work.
    "backup.copied": End("backup", kept=False, again=False),
    "backup.written": End("backup", kept=False, again=False),
    "backup.renamed": End("backup", kept=True, again=False),
    "restore.prepared": End("restore", kept=False, again=False),
    "restore.swapped": End("restore", kept=True, again=False),
    "migration.step": End("migration", kept=False, again=False),
    "migration.done": End("migration", kept=False, again=False),
    "migration.committed": End("migration", kept=True, again=False),
    # A date of an account or a conversation has come.
    "milestones.claimed": End("milestone", kept=False),
    "milestones.fired": End("milestone", kept=False),
    "reminders.claimed": End("reminder", kept=False),
    "dates.committed": End("milestone", kept=True),
    # A training is one worker's under a lease; the next one begins it anew.
    "learning.claimed": End("learning", kept=False, again=False),
    "learning.trained": End("learning", kept=False, again=False),
}

# Where a fault would cost most: between a commit and what is said of it, and around the fence.
DANGEROUS = (
    "smtp.staged",
    "smtp.committed",
    "form.committed",
    "api.committed",
    "chat.committed",
    "messenger.committed",
    "mailbox.stored",
    "intake.taken",
    "intake.committed",
    "outbox.fenced",
    "outbox.handed_over",
    "ladder.fired",
    "ladder.committed",
    "reply.committed",
    "backup.written",
    "migration.step",
)
