# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Sourced by sysupgrade, as /lib/upgrade/varve.sh: puts the history of this device, and its
# configuration, among the files that the new firmware gets. Restored by restore.sh.

varve_archive=${VARVE_ARCHIVE:-/etc/varve/history.tar.gz}
varve_conf=${VARVE_CONF:-/etc/varve/varve.ini}

# Called with the file that lists what is kept. Listing alone writes nothing.
varve_add_history() {
    [ -e "$varve_conf" ] || return 0
    if [ "${CONF_BACKUP_LIST:-0}" -ne 1 ]; then
        if ! varve backup archive "$varve_archive" -c "$varve_conf"; then
            echo "varve: no archive; the history does not survive this upgrade" >&2
            return 0
        fi
    fi
    echo "$varve_archive" >>"$1"
    echo "$varve_conf" >>"$1"
}

sysupgrade_init_conffiles="${sysupgrade_init_conffiles:-} varve_add_history"
