"""How long does triage take: loading the starter, one message, and training it?"""

import resource
import statistics
import time

from benchmarks.measure import figure
from inbox.triage import starter
from inbox.triage.model import TriageModel
from inbox.triage.starter.generate import generate

N_MESSAGES = 2000


def main() -> None:
    """Print the figures; training needs scikit-learn and comes after the memory."""
    directory = starter.ensure()
    start = time.perf_counter()
    model = TriageModel.load(directory)
    load_ms = (time.perf_counter() - start) * 1000
    took = []
    for example in generate(99, 2)[:N_MESSAGES]:
        start = time.perf_counter()
        model.predict(example.subject, example.text)
        took.append(time.perf_counter() - start)
    p50, p95 = (statistics.quantiles(took, n=100)[p - 1] * 1000 for p in (50, 95))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    from inbox.triage.starter.__main__ import train_starter  # noqa: PLC0415

    start = time.process_time()
    train_starter()
    train_s = time.process_time() - start
    figure("triage_load", load_ms, "wall_ms")
    figure("triage_message_p50", p50, "wall_ms")
    figure("triage_message_p95", p95, "wall_ms")
    figure("triage_memory_peak", peak_mb, "MiB")
    figure("triage_starter_training", train_s, "cpu_s")


if __name__ == "__main__":
    main()
