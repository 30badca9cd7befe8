// SPDX-License-Identifier: Apache-2.0
// What operators do to a store in a life: backups, restores, prunes.
//
// A backup is the store as it was when it was made: which samples are in it is known by how many
// had been pushed. One that a cut interrupts is there whole, under its name, or not at all.
//
// Threading: one task.
#include <string.h>

#include <sqlite3.h>

#include "core/restore.h"
#include "plugins/backends/sqlite/vfs.h"
#include "powercut.h"
#include "varve/host.h"
#include "varve/port.h"
#include "varve/prune.h"

#define STORE "/state/test.db" // by the configuration, cases.c
#define OLDER                                                                                      \
    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY;"                                     \
    "ALTER TABLE series DROP COLUMN crc; PRAGMA user_version=1"
#define BACKUP_DIR  "/state/backup"
#define BACKUPS_MAX 8u
#define NO_MARK     UINT64_MAX
#define MINUTE_MS   INT64_C(60000)

struct backup {
    char path[VARVE_PATH_TEXT];
    uint64_t mark; // samples pushed before it was made
};

static struct {
    struct backup backups[BACKUPS_MAX]; // the oldest first
    size_t count;
    uint64_t being_made; // mark of one that was begun; NO_MARK: none was
    struct varve_prune prune;
    int pruned_series; // -1: all
    int64_t before_ms; // of a prune that was begun; 0: none was
    uint8_t memory[VARVE_QUERY_MEMORY];
} upkeep = {.being_made = NO_MARK};

// ---- an earlier schema --------------------------------------------------------------------------

int upkeep_make_older(void)
{
    struct varve_ledger_account account = {.page_bytes = 4096};
    struct varve_sqlite_vfs vfs = {0};
    sqlite3 *db = NULL;
    int rc = varve_sqlite_vfs_register(&vfs, &account, false);
    rc = rc == SQLITE_OK ? sqlite3_open_v2(STORE, &db, SQLITE_OPEN_READWRITE, vfs.name) : rc;
    rc = rc == SQLITE_OK ? sqlite3_exec(db, OLDER, NULL, NULL, NULL) : rc;
    (void)sqlite3_close(db);
    varve_sqlite_vfs_unregister(&vfs);
    (void)sqlite3_shutdown(); // else the next store could not bring its own heap
    return rc == SQLITE_OK ? 0 : report("the store does not become an older one: %d", rc);
}

// ---- backups ------------------------------------------------------------------------------------

static int note_backup(const char *path, uint64_t mark)
{
    if (upkeep.count == BACKUPS_MAX) {
        return report("more backups than this test can count");
    }
    struct backup *backup = &upkeep.backups[upkeep.count++];
    (void)snprintf(backup->path, sizeof backup->path, "%s", path);
    backup->mark = mark;
    upkeep.being_made = NO_MARK;
    return 0;
}

int upkeep_backup(struct varve_host *host)
{
    char made[VARVE_PATH_TEXT + VARVE_MESSAGE_TEXT] = "";
    upkeep.being_made = history_mark();
    const int rc = varve_host_backup(host, 0, made, sizeof made, NULL, NULL);
    if (varve_sim_is_off()) {
        return 1;
    }
    return rc == 0 ? note_backup(made, upkeep.being_made) : report("a backup: %s", made);
}

struct listing {
    struct varve_host *host;
    size_t at; // of the backups that are known
    int rc;
};

// One that is not known is the one that was cut; those between have made room for it.
static int on_backup(void *arg, const char *path, int64_t time_ms)
{
    struct listing *listing = arg;
    char why[VARVE_MESSAGE_TEXT] = "";
    (void)time_ms;
    while (listing->at < upkeep.count && strcmp(upkeep.backups[listing->at].path, path) != 0) {
        listing->at++;
    }
    if (listing->at == upkeep.count && upkeep.being_made == NO_MARK) {
        listing->rc = report("nobody made the backup %s", path);
    } else if (listing->at == upkeep.count) {
        listing->rc = note_backup(path, upkeep.being_made);
    }
    if (listing->rc == 0 &&
        varve_host_verify_backup(listing->host, 0, path, why, sizeof why) != 0) {
        listing->rc = report("the backup %s is not whole: %s", path, why);
    }
    listing->at++;
    return listing->rc;
}

static void on_temporary(const char *name, void *arg)
{
    (void)name;
    (*(unsigned *)arg)++;
}

int upkeep_check_backups(struct varve_host *host)
{
    struct listing listing = {.host = host};
    unsigned temporaries = 0;
    const int rc = varve_host_backups(host, 0, on_backup, &listing);
    if (listing.rc != 0 || rc != 0) {
        return listing.rc != 0 ? listing.rc : report("list backups: %s", varve_strerror(rc));
    }
    if (listing.at < upkeep.count || listing.at == 0) {
        return report("the backup %s is gone", upkeep.backups[upkeep.count - 1].path);
    }
    (void)varve_port_dir_list(BACKUP_DIR, ".tmp", on_temporary, &temporaries); // there is a backup
    upkeep.being_made = NO_MARK;
    return temporaries == 0 ? 0 : report("%u half-made backups are left", temporaries);
}

bool upkeep_has_backup(void)
{
    return upkeep.count > 0;
}

// ---- restores -----------------------------------------------------------------------------------

int upkeep_restore(bool undo)
{
    const struct backup *newest = &upkeep.backups[upkeep.count - 1];
    struct varve_restore restore = {.from = newest->path,
                                    .store = STORE,
                                    .unix_ms = varve_port_wall_ms(),
                                    .buf = upkeep.memory,
                                    .buf_bytes = 4096};
    history_restoring(newest->mark);
    int rc = varve_restore(&restore);
    if (rc == 0 && undo) {
        rc = varve_restore_undo(&restore);
    }
    if (rc != 0) {
        return life_stopped("restore", restore.why);
    }
    history_restored(!undo);
    return 0;
}

// ---- prunes -------------------------------------------------------------------------------------

static bool is_pruned(uint32_t series)
{
    return upkeep.pruned_series < 0 || (uint32_t)upkeep.pruned_series == series;
}

static int prune_failed(int rc, const char *why)
{
    return life_stopped("prune", why[0] != '\0' ? why : varve_strerror(rc));
}

// What the report says is gone must be.
static int take_report(void)
{
    const struct varve_prune_report *r = &upkeep.prune.report;
    if (r->unsettled != 0 || r->left_alone[0] != '\0') {
        return report("prune: %s is left alone, unsettled %d", r->left_alone, r->unsettled);
    }
    for (size_t tier = 0; tier < r->tier_count; tier++) {
        const struct varve_prune_tier *t = &r->tiers[tier];
        const int64_t before_ms = t->needed_ms < upkeep.before_ms ? t->needed_ms : upkeep.before_ms;
        for (uint32_t series = 0; t->kept + t->damaged == 0 && series < SERIES_MAX; series++) {
            if (is_pruned(series)) {
                history_gone(series, tier, before_ms);
            }
        }
    }
    upkeep.before_ms = 0;
    return 0;
}

static int run_prune(struct varve_host *host)
{
    char why[VARVE_MESSAGE_TEXT] = "", selector[16] = "";
    struct varve_prune *prune = &upkeep.prune;
    if (upkeep.pruned_series >= 0) {
        (void)snprintf(selector, sizeof selector, "s%02d", upkeep.pruned_series);
    }
    const struct varve_prune_request request = {.selector = selector,
                                                .before_ms = upkeep.before_ms,
                                                .tier = VARVE_PRUNE_ALL_TIERS,
                                                .apply = true,
                                                .by = "powercut"};
    int rc = varve_prune_begin(host, prune, &request, upkeep.memory, sizeof upkeep.memory, why,
                               sizeof why);
    while (rc == 0 && !varve_sim_is_off() && !prune->report.done) {
        rc = varve_prune_step(host, prune, upkeep.memory, sizeof upkeep.memory, why, sizeof why);
    }
    return rc == 0 && !varve_sim_is_off() ? take_report() : prune_failed(rc, why);
}

int upkeep_prune(struct varve_host *host, int series, int minutes)
{
    upkeep.pruned_series = series;
    upkeep.before_ms = history_newest_ms() - minutes * MINUTE_MS;
    for (uint32_t i = 0; i < SERIES_MAX; i++) {
        if (is_pruned(i)) {
            history_pruned(i, upkeep.before_ms);
        }
    }
    return run_prune(host);
}

int upkeep_finish_prune(struct varve_host *host)
{
    return upkeep.before_ms != 0 ? run_prune(host) : 0;
}
