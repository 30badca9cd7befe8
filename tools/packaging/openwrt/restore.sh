#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run once at the first boot of a new firmware, as /etc/uci-defaults/90-varve, before varved starts:
# restores what upgrade.sh kept. An archive that cannot be restored stays where it is.
archive=${VARVE_ARCHIVE:-/etc/varve/history.tar.gz}
conf=${VARVE_CONF:-/etc/varve/varve.ini}

[ -e "$archive" ] || exit 0
varve backup unpack "$archive" -c "$conf" || exit 1
rm "$archive"
