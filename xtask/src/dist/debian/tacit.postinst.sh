#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
if ! getent passwd tacit >/dev/null; then
    useradd --system --user-group --home-dir /var/lib/tacit --no-create-home --shell /usr/sbin/nologin tacit
fi
install -d -o tacit -g tacit -m 0700 /var/lib/tacit
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable --quiet tacit.service
    systemctl restart tacit.service
fi
if [ ! -e /var/lib/tacit/tacit.toml ]; then
    echo "tacit: next, as the user tacit: tacit init --origin https://login.example.com ... (see tacit init --help)"
fi
