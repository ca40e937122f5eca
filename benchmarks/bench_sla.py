"""How many due times `kip sla due` computes per second of processor time, its start included.

Prints ``name value unit goal`` for cases that share one calendar, as a company's do, and for
cases that each bring a calendar of their own.
"""

import json
import random
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta

N_CASES = 40_000
GOAL_PER_S = 20_000
RUN = "from inbox.commands.sla import sla; sla(['due'], standalone_mode=True)"


def make_case(rng: random.Random, calendars: int) -> str:
    """Write one case of up to 40 working hours with up to two pauses, as JSON."""
    opens, closes = rng.randrange(calendars) % 240, rng.randrange(calendars) // 240
    morning = [f"{7 + opens // 60:02}:{opens % 60:02}", "12:00"]
    afternoon = ["13:30", f"{17 + closes // 60:02}:{closes % 60:02}"]
    days = ("mon", "tue", "wed", "thu", "fri", "sat")
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(300 * 86400))
    pauses = [start + timedelta(hours=rng.randrange(1, 40)) for _ in range(rng.randrange(3))]
    case = {
        "calendar": {
            "timezone": rng.choice(["Asia/Ho_Chi_Minh", "Europe/London", "America/New_York"]),
            "hours": {**{day: [morning, afternoon] for day in days}, "sun": []},
            "holidays": ["2026-01-01", "2026-02-16", "2026-02-17", "2026-02-18", "2026-09-02"],
            "special_days": {"2026-08-22": [["08:00", "12:00"]]},
        },
        "start": start.isoformat(),
        "target_seconds": rng.choice([1800, 3600, 14400, 57600, 144000]),
        "pauses": [[p.isoformat(), (p + timedelta(hours=5)).isoformat()] for p in pauses],
    }
    return json.dumps(case)


def cases_per_cpu_second(calendars: int) -> float:
    """Pipe the cases through the command and divide by the processor time that it took."""
    rng = random.Random(2026)
    cases = "\n".join(make_case(rng, calendars) for _ in range(N_CASES)) + "\n"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=cases, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.count("due_at") == N_CASES
    return N_CASES / (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> None:
    """Print one line for each mix of calendars."""
    for name, calendars in (("sla_due_one_calendar", 1), ("sla_due_many_calendars", 10_000)):
        rate = cases_per_cpu_second(calendars)
        goal = GOAL_PER_S if calendars == 1 else "-"
        print(f"{name} {rate:.0f} cases/cpu_s {goal}")


if __name__ == "__main__":
    main()
