#!/bin/sh
set -e
if [ "$1" = purge ]; then
    # The organisation's keys: purging says that they are not wanted any more, removing keeps them.
    rm -rf /var/lib/tacit
    if getent passwd tacit >/dev/null; then
        userdel tacit
    fi
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
