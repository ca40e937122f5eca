"""How long 200,000 contacts of 20,000 accounts take from a CSV file to rows, start to end."""

import asyncio
import io
import tempfile
import time
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.company import databases
from benchmarks.measure import figure
from inbox.db import Database
from inbox.migrations import migrate
from inbox.processes import keep_loaded
from inbox.sheets.command import bring_file
from models import Contact
from tests.factories import make_firm

CONTACTS = 200_000
OF_ONE = 10  # contacts of an account
MOST_S = 60.0


def make_sheet(count: int) -> str:
    """Return a sheet as a company has it."""
    out = io.StringIO()
    out.write("account,reference,owner,value,contact,email,phone,position\n")
    for n in range(count):
        account = n // OF_ONE
        out.write(
            f"Công ty {account},KH-{account},an@congty.example,{'ABC'[account % 3]},"
            f"Nguyễn Văn {n},lien.he.{n}@khach{account}.example,09{n:08},Mua hàng\n"
        )
    return out.getvalue()


async def measure(name: str, database: Database, folder: Path) -> None:
    """Bring the sheet in twice on one database."""
    await migrate(database)
    await database.write(make_firm)
    keep_loaded()  # as a role does, once it is loaded
    path = folder / "sheet.csv"
    path.write_text(make_sheet(CONTACTS), encoding="utf-8")
    for what in ("new", "again"):
        started, cpu = time.perf_counter(), time.process_time()
        facts = await bring_file(database, path, "utf-8")
        took = time.perf_counter() - started
        figure(f"import_{what}_{name}", took, "s", f"<={MOST_S:.0f}")
        figure(f"import_{what}_{name}_cpu", time.process_time() - cpu, "s")
        assert facts["new" if what == "new" else "same"] == CONTACTS, facts
    count = select(func.count()).select_from(Contact)
    assert await database.read(lambda s: s.execute(count).scalar_one()) == CONTACTS


async def main() -> None:
    """Measure on both databases."""
    with databases() as found:
        for name, target in found.items():
            with tempfile.TemporaryDirectory(prefix="kip-bench-") as folder:
                url = target.url or f"sqlite+aiosqlite:///{Path(folder) / 'kip.db'}"
                database = Database(url)
                try:
                    await measure(name, database, Path(folder))
                finally:
                    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
