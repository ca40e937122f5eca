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


def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be() -> None:
    """1,000 streams need more sockets than the usual 1,024 files leave."""
    code = (
        "import resource; from inbox.processes import may_open_files as may;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 900));"
        "print(may(100), may(512), may(5000), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    said = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert said.stdout.split("\n")[0] == "256 512 900 (900, 900)"
