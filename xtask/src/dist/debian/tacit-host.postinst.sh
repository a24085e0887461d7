#!/bin/sh
set -e
if [ "$1" = configure ] && [ -d /run/udev ]; then
    udevadm control --reload
    udevadm trigger --subsystem-match=tpmrm
fi
