#!/usr/bin/env bash
# Make the virtual environment DIR with a Python of 3.11 or later, and the `kip` command in it.
# PYTHON=... chooses another interpreter.
set -euo pipefail
dir=$1

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
makes_venvs() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

recent=
whole=
for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    is_recent "$python" || continue
    recent=${recent:-$python}
    if makes_venvs "$python"; then
        whole=$python
        break
    fi
done

if [ -z "$recent" ]; then
    echo "Kịp needs Python 3.11 or later; this machine has none on PATH." >&2
    exit 1
fi
if [ -z "$whole" ]; then # Debian keeps ensurepip in a package of its own
    package=$("$recent" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Run this once, then make again: sudo apt-get install -y $package" >&2
        exit 1
    fi
    echo "Installing $package"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "$package" >/dev/null
    whole=$recent
fi

"$whole" -m venv "$dir"

# The project runs from where it lies; both files stay true when the folder is moved.
packages=$("$dir/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "../../../.." >"$packages/kip.pth"
cat >"$dir/bin/kip" <<'SCRIPT'
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/python" -P -m inbox.cli "$@"
SCRIPT
chmod +x "$dir/bin/kip"
