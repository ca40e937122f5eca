#!/usr/bin/env bash
# Make sure that this machine has what some of the tests need: PostgreSQL's programs, a Chromium,
# Dovecot, nginx, Caddy and strace. As root it installs them; otherwise it prints the one
# command, and those tests skip.
set -euo pipefail

missing=()
if ! command -v postgres >/dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
    missing+=(postgresql)
fi
if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null &&
    ! command -v google-chrome >/dev/null; then
    missing+=(chromium)
fi
if [ ! -x /usr/sbin/dovecot ] || [ ! -x /usr/lib/dovecot/imap-login ]; then
    missing+=(dovecot-imapd)
fi
[ -x /usr/sbin/nginx ] || missing+=(nginx-light)
command -v caddy >/dev/null || missing+=(caddy)
command -v strace >/dev/null || missing+=(strace)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Some tests will skip. To run them too, once: sudo apt-get install -y ${missing[*]}"
    exit 0
fi

# The tests start PostgreSQL themselves, on a socket of their own. Debian's package would make
# a cluster and start it on the standard port; this tells it not to, and is then put back.
no_cluster() {
    local conf=/etc/postgresql-common/createcluster.conf
    install_quietly postgresql-common
    cp -p "$conf" "$conf.kip"
    trap 'mv -f /etc/postgresql-common/createcluster.conf.kip /etc/postgresql-common/createcluster.conf' EXIT
    echo 'create_main_cluster = false' >>"$conf"
}

# Debian's servers start themselves on the standard ports; the tests start their own elsewhere.
no_service() {
    service "$1" stop || true
    ! command -v systemctl || systemctl disable --now "$1" "$1.socket" || true
} >/dev/null 2>&1

install_quietly() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

echo "Installing for the tests: ${missing[*]}"
apt-get update -qq
for package in "${missing[@]}"; do
    if [ "$package" = chromium ] && grep -q '^ID=ubuntu' /etc/os-release; then
        echo "Ubuntu has Chromium only as a snap: the browser's tests skip until there is one on PATH."
        continue
    fi
    [ "$package" != postgresql ] || no_cluster
    install_quietly "$package"
    case "$package" in
    dovecot-imapd) no_service dovecot ;;
    nginx-light) no_service nginx ;;
    caddy) no_service caddy ;;
    esac
done
