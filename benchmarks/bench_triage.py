"""How long does triage take: loading the starter, one message, and training it?"""

import resource
import statistics
import time

from inbox.triage import starter
from inbox.triage.model import TriageModel
from inbox.triage.starter.generate import generate

N_MESSAGES = 2000


def main() -> None:
    """Print one line; the training line needs scikit-learn and comes after the memory."""
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
    print(
        f"triage load {load_ms:.0f} ms  message p50 {p50:.2f} ms  p95 {p95:.2f} ms"
        f"  peak {peak_mb:.0f} MB  starter training {train_s:.1f} CPU s"
    )


if __name__ == "__main__":
    main()
