"""What the benchmarks share: figures, letters, and what processes cost.

Processor time and memory come from ``/proc``, so the benchmarks need Linux.
"""

import os
import statistics
import time
from collections.abc import Iterable
from email.message import EmailMessage
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


LOOPS = 200_000
PIECE = 10_000  # of them between two measured pieces of work
QUIET_MS = 31  # what the loop takes where nobody disturbs, and a tenth
ENOUGH = 20  # moments


def loop_ms(loops: int = LOOPS) -> float:
    """Return the processor time of a fixed piece of Python, to compare runs by.

    Where the cores are shared, everything here costs more in the same proportion.
    """
    start = time.process_time()
    found: dict[str, int] = {}
    for n in range(loops):
        key = f"{n % 5000}"
        found[key] = found.get(key, 0) + 1
    return (time.process_time() - start) * 1000 * LOOPS / loops


class Costs:
    """Processor times of one thing done again and again, in milliseconds.

    A piece of the loop is run between every two, so that the machine of that very moment is
    known: neighbours come and go within a second.
    """

    def __init__(self) -> None:
        self._took: list[float] = []
        self._loops: list[float] = []

    def begin(self) -> None:
        """Note where the next one begins."""
        self._loops.append(loop_ms(PIECE))
        self._begun = time.process_time()

    def end(self) -> None:
        """Note where it ends."""
        self._took.append((time.process_time() - self._begun) * 1000)

    @property
    def median(self) -> float:
        """What one costs."""
        return statistics.median(self._took)

    @property
    def quiet(self) -> float | None:
        """What one costs at moments when nobody disturbs; None where there were too few."""
        some = [
            took for took, loop in zip(self._took, self._loops, strict=True) if loop < QUIET_MS
        ]
        return statistics.median(some) if len(some) >= ENOUGH else None

    def tell(self, name: str, unit: str, goal: str = "-") -> None:
        """Print the median, the loop as it was meanwhile, and what quiet moments say."""
        figure(
            name,
            self.median,
            unit,
            f"{goal} (python_loop {statistics.median(self._loops):.0f})",
        )
        if self.quiet is not None:
            figure(f"{name}_undisturbed", self.quiet, unit, goal)


def figure(name: str, value: float, unit: str, goal: str = "-") -> None:
    """Print one figure as every benchmark does."""
    print(f"{name} {value:.4g} {unit} {goal}", flush=True)


def children_of(pid: int) -> list[int]:
    """Return a process's children."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text("ascii").split()]


def family_of(pid: int) -> list[int]:
    """Return a process and everything it started."""
    return [pid, *(one for child in children_of(pid) for one in family_of(child))]


def cpu_s(pids: Iterable[int], *, ended: bool = False) -> float:
    """Return the processor time that processes have used, to a hundredth of a second.

    ``ended`` adds that of their children which have ended.
    """
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        total += sum(map(int, fields[11 : 15 if ended else 13]))
    return total / _TICKS_PER_S


def pss_mib(pid: int) -> float:
    """Return a process's memory, its share of what it shares with others included."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no Pss in /proc/{pid}/smaps_rollup")


LETTERS = (
    ("Đơn hàng chưa giao", "Mình đặt hàng từ tuần trước mà đến giờ vẫn chưa nhận được."),
    ("Hỏi về máy lọc nước", "Nhà mình bốn người thì nên mua loại nào, giá bao nhiêu ạ?"),
    ("Cannot sign in", "The page says my password is wrong, although I changed it today."),
    ("Hoàn tiền", "Hàng bị vỡ khi nhận, mình muốn trả lại và nhận lại tiền."),
    ("Invoice", "We were charged twice for last month. Please check and correct it."),
    ("Máy báo lỗi E04", "Máy chạy được một lúc thì báo lỗi rồi tắt, gấp lắm ạ."),
)
SIGNATURE = "\n\nTrân trọng,\nNguyễn Thị Lan\n0900 000 000\n"


def letter(number: int, to: str) -> tuple[str, bytes]:
    """Write a customer's mail; every third writer has written before. Sender and bytes."""
    sender = f"customer{number - number % 3}@customers.example"
    subject, text = LETTERS[number % len(LETTERS)]
    mail = EmailMessage()
    mail["From"] = f"Customer {number} <{sender}>"
    mail["To"] = to
    mail["Subject"] = f"{subject} #{number}"
    mail["Date"] = "Sat, 21 Nov 2026 09:00:00 +0700"
    mail["Message-ID"] = f"<bench-{number}@customers.example>"
    mail.set_content(f"{text} Mã của mình là {number}.{SIGNATURE}")
    html = "".join(f"<p>{line}</p>" for line in (text, f"Mã: {number}", SIGNATURE))
    mail.add_alternative(f"<html><body>{html}</body></html>", subtype="html")
    return sender, mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
