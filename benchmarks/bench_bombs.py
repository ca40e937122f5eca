"""Does any of 400 hostile mails cost more than two seconds or 256 MiB to read?

``python -m benchmarks.bench_bombs [FOLDER]`` reads the mails of a folder (``*.eml``) as well.
"""

import json
import subprocess
import sys

from benchmarks.measure import figure
from tests.bombs import MANY, Cost


def main() -> None:
    """Read each in a process of its own and print the worst."""
    command = [sys.executable, "-m", "tests.bombs", "1", *sys.argv[1:2]]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    costs = [Cost(**json.loads(line)) for line in done.stdout.splitlines()]
    slow = max(costs, key=lambda cost: cost.cpu_s)
    big = max(costs, key=lambda cost: cost.mib)
    wrong = [cost for cost in costs if cost.error]
    assert len(costs) >= MANY
    figure("bombs_read", len(costs), "mails", f">={MANY}")
    figure("bombs_crashed", len(wrong), "mails", "0")
    figure(f"bombs_slowest ({slow.name})", slow.cpu_s, "s_cpu", "<=2")
    figure(f"bombs_biggest ({big.name})", big.mib, "MiB", "<=256")
    for cost in wrong:
        print(cost.name, cost.error)


if __name__ == "__main__":
    main()
