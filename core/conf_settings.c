// SPDX-License-Identifier: Apache-2.0
// Option tables of [varve], [wear], [backup] and of the keys that every instance of a kind has.
// This is the only place in which those options are described.
//
// Threading: constant data.
#include "core/conf.h"

#define SECOND INT64_C(1000)
#define HOUR   (INT64_C(3600) * SECOND)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)

// Defaults must lie within the caps of a small board.
#if VARVE_MAX_SERIES >= 1024
#define SERIES_DEFAULT "1024"
#elif VARVE_MAX_SERIES >= 256
#define SERIES_DEFAULT "256"
#elif VARVE_MAX_SERIES >= 64
#define SERIES_DEFAULT "64"
#else
#define SERIES_DEFAULT "8"
#endif
#if VARVE_MEMORY_BYTES >= 1024 * 1024
#define QUERY_CACHE_DEFAULT "512K"
#else
#define QUERY_CACHE_DEFAULT "0"
#endif
#if VARVE_MAX_WORKERS >= 2
#define WORKERS_DEFAULT "2"
#else
#define WORKERS_DEFAULT "1"
#endif

static const char *const log_levels[] = {VARVE_SEVERITY_NAMES, NULL};
static const char *const log_targets[] = {"stderr", "syslog", NULL};
static const char *const modes[] = {"0660", "0600", "0666", NULL};
static const char *const controls[] = {"owner", "group", "all", NULL};
static const char *const clocks[] = {"auto", "trust", NULL};

#define SETTING(field) offsetof(struct varve_settings, field)

const struct varve_option varve_settings_options[] = {
    {"state", VARVE_OPT_STRING, SETTING(state), "${VARVE_STATE:-/var/lib/varve}", 0, 0, NULL,
     "Directory of this device's state; relative paths of stores start here."},
    {"socket", VARVE_OPT_STRING, SETTING(socket), "varved.sock", 0, 0, NULL,
     "UNIX socket of the daemon; relative to state."},
    {"socket_mode", VARVE_OPT_CHOICE, SETTING(socket_mode), "0660", 0, 0, modes,
     "Mode of the socket: who may connect, and so read."},
    {"socket_group", VARVE_OPT_STRING, SETTING(socket_group), "", 0, 0, NULL,
     "Group of the socket, by name or number; empty: the daemon's."},
    {"control", VARVE_OPT_CHOICE, SETTING(control), "owner", 0, 0, controls,
     "Who may flush, import, prune, back up, restore: root and the daemon's user; its group; all."},
    {"user", VARVE_OPT_STRING, SETTING(user), "", 0, 0, NULL,
     "User that a daemon started as root becomes; empty: it stays root, and warns."},
    {"group", VARVE_OPT_STRING, SETTING(group), "", 0, 0, NULL,
     "Group that it takes with user; empty: the user's."},
    {"flush", VARVE_OPT_DURATION, SETTING(flush_ms), "5m", SECOND, DAY, NULL,
     "Raw samples are made durable at least this often: what a power cut may lose."},
    {"series", VARVE_OPT_INT, SETTING(series), SERIES_DEFAULT, 1, VARVE_MAX_SERIES, NULL,
     "Series that can be kept; more are refused and counted."},
    {"ring", VARVE_OPT_INT, SETTING(ring_samples), "8192", 64, 1 << 22, NULL,
     "Samples between collectors and keeper; rounded up to a power of two."},
    {"window", VARVE_OPT_INT, SETTING(window_samples), "16384", 256, 1 << 26, NULL,
     "Raw samples in RAM; a full window is closed before its time."},
    {"cells", VARVE_OPT_INT, SETTING(cell_rows), "16384", 64, 1 << 26, NULL,
     "Rollup cells in RAM for each tier, 40 bytes each, at most; a full window is closed early."},
    {"outbox", VARVE_OPT_SIZE, SETTING(outbox_bytes), "512K", 256, 1 << 30, NULL,
     "Encoded blocks in RAM that wait for a slow or failed backend, in bytes."},
    {"query_cache", VARVE_OPT_SIZE, SETTING(query_cache_bytes), QUERY_CACHE_DEFAULT, 0, 1 << 30,
     NULL, "Rows that queries have decoded, in RAM, for when they are asked again; 0: none."},
    {"workers", VARVE_OPT_INT, SETTING(workers), WORKERS_DEFAULT, 1, VARVE_MAX_WORKERS, NULL,
     "Tasks that run collectors; for each that hangs there is a further one until it returns."},
    {"stuck", VARVE_OPT_DURATION, SETTING(stuck_ms), "2m", 0, DAY, NULL,
     "A backend at one step for longer is reported, and a watchdog not fed; 0s: never."},
    {"log_level", VARVE_OPT_CHOICE, SETTING(log_level), "info", 0, 0, log_levels,
     "Least severity that is logged."},
    {"log", VARVE_OPT_CHOICE, SETTING(log_target), "stderr", 0, 0, log_targets,
     "Where log lines go."},
    {"clock", VARVE_OPT_CHOICE, SETTING(clock), "auto", 0, 0, clocks,
     "auto: samples wait in RAM until the wall clock is plausible; trust: it always is."},
    VARVE_OPTIONS_END,
};

#define WEAR(field) offsetof(struct varve_wear_conf, field)

// The default amplification: a 4 KiB page that is synced alone makes an eMMC or SD card program a
// page of 16 KiB (evidence for the page sizes is in the devices' data sheets).
const struct varve_option varve_wear_options[] = {
    {"capacity", VARVE_OPT_SIZE, WEAR(capacity), "0", 0, INT64_C(1) << 50, NULL,
     "Flash over which the device levels wear, in bytes; 0: not known, nothing is limited by it."},
    {"endurance", VARVE_OPT_INT, WEAR(endurance), "0", 0, 100000000, NULL,
     "Program/erase cycles that an erase block stands, from the data sheet; 0: not known."},
    {"page", VARVE_OPT_SIZE, WEAR(page), "4K", 256, 1 << 20, NULL,
     "Bytes that are programmed at once: what the ledger counts in; a power of two."},
    {"erase_block", VARVE_OPT_SIZE, WEAR(erase_block), "128K", 256, 1 << 28, NULL,
     "Bytes that are erased at once; a power of two, not below page."},
    {"lifetime", VARVE_OPT_DURATION, WEAR(lifetime_ms), "10y", DAY, 100 * YEAR, NULL,
     "How long the flash has to last; with capacity and endurance it gives the daily budget."},
    {"budget", VARVE_OPT_SIZE, WEAR(budget), "0", 0, INT64_C(1) << 50, NULL,
     "Bytes a day that may go to flash; 0: what follows from lifetime, capacity and endurance."},
    {"amplification", VARVE_OPT_INT, WEAR(amplification), "4", 1, 1000, NULL,
     "Bytes that the device itself writes for each byte given to it; raw flash without FTL: 1."},
    {"max_loss", VARVE_OPT_DURATION, WEAR(max_loss_ms), "0s", 0, DAY, NULL,
     "What a power cut may lose once flash must be saved; 0s: as much as [varve] flush."},
    VARVE_OPTIONS_END,
};

#define BACKUP(field) offsetof(struct varve_backup_conf, field)

const struct varve_option varve_backup_options[] = {
    {"every", VARVE_OPT_DURATION, BACKUP(every_ms), "0s", 0, YEAR, NULL,
     "Time between two backups of a store; 0s: none by itself."},
    {"at_start", VARVE_OPT_BOOL, BACKUP(at_start), "no", 0, 0, NULL,
     "A backup soon after the start, once the clock is plausible."},
    {"at_stop", VARVE_OPT_BOOL, BACKUP(at_stop), "no", 0, 0, NULL,
     "A backup at an orderly stop, with all that was in RAM."},
    {"dir", VARVE_OPT_STRING, BACKUP(dir), "backup", 0, 0, NULL,
     "Directory of the backups; relative to state."},
    {"keep", VARVE_OPT_INT, BACKUP(keep), "3", 1, 1000, NULL,
     "Backups of each store that are kept; with a further one the oldest is removed."},
    {"max_age", VARVE_OPT_DURATION, BACKUP(max_age_ms), "30d", HOUR, 100 * YEAR, NULL,
     "Age at which a backup is removed, but never the newest."},
    {"quarantine", VARVE_OPT_SIZE, BACKUP(quarantine), "16M", 0, INT64_C(1) << 50, NULL,
     "Bytes that damaged stores may take which were salvaged and set aside; the oldest go."},
    VARVE_OPTIONS_END,
};

const struct varve_option conf_file_options[] = {
    {"include", VARVE_OPT_STRING, offsetof(struct conf_state, include), "", 0, 0, NULL,
     "Directory of further *.ini, read in name order after this file; relative to it."},
    VARVE_OPTIONS_END,
};

#define COMMON(field) offsetof(struct varve_instance_conf, field)

#define ENABLED_OPTION                                                                             \
    {                                                                                              \
        "enabled", VARVE_OPT_BOOL, COMMON(enabled), "yes", 0, 0, NULL,                             \
            "Whether the instance runs; its other keys are checked either way."                    \
    }

const struct varve_option conf_collector_options[] = {
    ENABLED_OPTION,
    {"interval", VARVE_OPT_DURATION, COMMON(interval_ms), "0s", 0, DAY, NULL,
     "Time between two runs; 0s: the collector's own, else the raw tier's step."},
    {"deadline", VARVE_OPT_DURATION, COMMON(deadline_ms), "10s", 100, HOUR, NULL,
     "A run that takes longer is reported as hung, and the next one comes later."},
    {"max_series", VARVE_OPT_INT, COMMON(max_series), "0", 0, VARVE_MAX_SERIES, NULL,
     "Series that it may have, so that some are left for others; 0: three quarters of `series`."},
    {"max_samples", VARVE_OPT_INT, COMMON(max_samples), "0", 0, 1 << 30, NULL,
     "Samples that it may push in one run; 0: as many as the `ring` holds."},
    VARVE_OPTIONS_END,
};

const struct varve_option conf_backend_options[] = {
    ENABLED_OPTION,
    {"tiers", VARVE_OPT_STRING, COMMON(tier_list), "all", 0, 0, NULL,
     "Tiers that it keeps, by name, separated by blanks or commas."},
    {"needs", VARVE_OPT_STRING, COMMON(needs), "", 0, 0, NULL,
     "A path on its medium, absolute: while it is not there the store is neither made nor opened."},
    VARVE_OPTIONS_END,
};
