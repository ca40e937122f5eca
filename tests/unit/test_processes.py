"""Processes that end when they are told to."""

import subprocess
import sys
import time

HANGS = """
import threading
from inbox.processes import leave_within
threading.Thread(target=threading.Event().wait).start()
leave_within(0.3)
"""


def test_a_thread_that_waits_for_ever_keeps_no_process() -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", HANGS], timeout=20, check=False)

    assert done.returncode == 0
    assert time.monotonic() - began < 10
