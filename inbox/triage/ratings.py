"""Do a company's own ratings of urgency bear out the written rules, or contradict them?"""

from collections.abc import Sequence

from inbox.triage.prediction import LEVELS, Example, UrgencyCosts
from inbox.triage.text import prepare
from inbox.triage.urgency import HARD, REASONS, findings

MOST_READ = 3000  # messages; rules take about a millisecond each
ENOUGH = 10  # messages that a rule matched; fewer contradict nothing


def contradicted(
    seen: Sequence[tuple[Example, str]], costs: UrgencyCosts, most: int = MOST_READ
) -> tuple[str, ...]:
    """Return the rules that would cost more than they save, on messages people rated.

    ``seen`` holds messages with the level that the model gave them unseen. A rule that
    matched fewer than 10 of them stays if it is about safety, money, accounts, outages or
    the law; others need the ratings' support.
    """
    step = max(len(seen) // most, 1)
    matched = dict.fromkeys(REASONS, 0)
    dearer = dict.fromkeys(REASONS, 0.0)
    for example, level in seen[::step]:
        true, said = LEVELS.index(example.urgency or "normal"), LEVELS.index(level)
        for finding in findings(prepare(example.subject, example.text)):
            matched[finding.reason] += 1
            raised = max(said, finding.level)
            dearer[finding.reason] += costs.of(raised, true) - costs.of(said, true)
    return tuple(
        reason
        for reason in REASONS
        if dearer[reason] > 0 or (matched[reason] < ENOUGH and reason not in HARD)
    )
