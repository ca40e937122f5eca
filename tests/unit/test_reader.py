"""The reading processes: cheap, and no mail can hurt the one that waits for them."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from inbox.channels.reader import MailReader, ReadFailed
from tests.unit.test_mime import BOMBS

GOOD = b"From: An <an@x.example>\r\nSubject: hi\r\n\r\nhello"

# A stand-in for the reading function, so that a mail can do what a bug might.
POISONED = """
import os, sys, time
from inbox.channels.mime import parse
from inbox.channels.reader_child import serve

def read(raw, envelope_from, instance_id):
    if b"KILL" in raw:
        os.kill(os.getpid(), 9)
    if b"RAISE" in raw:
        raise RuntimeError("secret words of the mail")
    if b"SPIN" in raw:
        while True:
            pass
    if b"SLEEP" in raw:
        time.sleep(60)
    if b"EAT" in raw:
        return bytearray(2 * 1024 * 1024 * 1024)
    if b"PRINT" in raw:
        print("noise between the frames")
    if b"WHO" in raw:
        raw = b"Subject: %d\\r\\n\\r\\n" % os.getpid() + str(sorted(os.environ)).encode()
    return parse(raw, envelope_from, instance_id)

serve(read)
"""


@pytest.fixture
def poisoned(tmp_path: Path) -> tuple[str, str]:
    script = tmp_path / "poisoned.py"
    script.write_text(POISONED, "utf-8")
    return sys.executable, str(script)


async def test_mail_is_read_in_another_process() -> None:
    async with MailReader() as reader:
        message = await reader.read(GOOD, "", "")
        assert (message.subject, message.text) == ("hi", "hello")
        assert message.is_automatic  # the null sender came through


async def test_large_mail_goes_there_and_back() -> None:
    blob = os.urandom(3 * 1024 * 1024)
    raw = b"Content-Type: application/octet-stream; name=a.bin\n\n" + blob
    async with MailReader() as reader:
        message = await reader.read(raw)
    assert message.attachments[0].data == blob


@pytest.mark.parametrize("word", ["KILL", "RAISE", "EAT"])
async def test_poison_fails_alone_and_the_next_mail_is_read(
    poisoned: tuple[str, str], word: str
) -> None:
    """R38 and S5: the next item is unaffected."""
    async with MailReader(poisoned, processes=1) as reader:
        with pytest.raises(ReadFailed) as failure:
            await reader.read(b"Subject: " + word.encode() + b"\n\n")
        assert "secret" not in failure.value.reason
        assert (await reader.read(GOOD)).text == "hello"


async def test_a_mail_that_takes_too_long_is_given_up(poisoned: tuple[str, str]) -> None:
    async with MailReader(poisoned, processes=1, wall_s=1.0) as reader:
        await reader.read(GOOD)
        began = time.monotonic()
        with pytest.raises(ReadFailed, match="more than 1 seconds"):
            await reader.read(b"SLEEP")
        assert time.monotonic() - began < 5
        assert (await reader.read(GOOD)).text == "hello"


@pytest.mark.slow
async def test_the_processor_limit_ends_a_loop(poisoned: tuple[str, str]) -> None:
    async with MailReader(poisoned, processes=1, wall_s=60) as reader:
        with pytest.raises(ReadFailed, match="died"):
            await reader.read(b"SPIN")
        assert (await reader.read(GOOD)).text == "hello"


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
async def test_bombs_stay_within_memory(poisoned: tuple[str, str]) -> None:
    """R38 (256 MiB): the peak of one process that reads all of them, one after the other."""
    async with MailReader(poisoned, processes=1) as reader:
        for bomb in BOMBS.values():
            await reader.read(bomb)
        pid = (await reader.read(b"WHO")).subject
        status = Path(f"/proc/{pid}/status").read_text("ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    assert int(peak.split()[1]) < 256 * 1024


async def test_what_is_printed_does_not_get_between_the_frames(
    poisoned: tuple[str, str],
) -> None:
    async with MailReader(poisoned, processes=1) as reader:
        assert "PRINT" in (await reader.read(b"Subject: PRINT\n\n")).subject


async def test_the_process_gets_no_secrets_and_is_replaced(
    poisoned: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIP_SECRET_KEY", "s")
    async with MailReader(poisoned, processes=1, mails_per_process=2) as reader:
        first = await reader.read(b"WHO")
        second = await reader.read(b"WHO")
        third = await reader.read(b"WHO")
    assert "KIP_SECRET_KEY" not in first.text
    assert first.subject == second.subject != third.subject


async def test_closing_ends_the_processes(poisoned: tuple[str, str]) -> None:
    reader = MailReader(poisoned, processes=1)
    pid = int((await reader.read(b"WHO")).subject)
    await reader.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ReadFailed):
        await reader.read(GOOD)


async def test_a_cancelled_read_leaves_a_working_reader(poisoned: tuple[str, str]) -> None:
    async with MailReader(poisoned, processes=1) as reader:
        await reader.read(GOOD)
        task = asyncio.create_task(reader.read(b"SLEEP"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await reader.read(GOOD)).text == "hello"


async def test_children_die_with_their_parent(
    poisoned: tuple[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio, os, sys\n"
        "from inbox.channels.reader import MailReader\n"
        "async def main():\n"
        f"    reader = MailReader({poisoned!r}, processes=1)\n"
        "    print((await reader.read(b'WHO')).subject, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n",
        "utf-8",
    )
    root = str(Path(__file__).resolve().parents[2])
    parent = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": root}
    )
    output, _ = await parent.communicate()
    child = Path(f"/proc/{int(output)}")
    for _ in range(100):
        if not child.exists() or " Z " in (child / "stat").read_text():
            return
        await asyncio.sleep(0.02)
    pytest.fail("the reading process outlived its parent")
