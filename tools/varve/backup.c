// SPDX-License-Identifier: Apache-2.0
// The steps of `varve backup`, by the daemon or on a store that nobody has open; see backup.h.
#include "backup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/restore.h"
#include "varve/port.h"
#include "varve/storage.h"

#define KIND "sqlite:" // the one backend that has backups

static int told(const struct varve_source *source, int rc)
{
    const char *why = source->why[0] ? source->why : varve_strerror(rc);
    switch (rc) {
    case VARVE_E_NOT_FOUND:
        return complain(NOTHING_FOUND, "%s", why);
    case VARVE_E_CLOSED:
    case VARVE_E_TIMEOUT:
        return complain(UNREACHABLE, "%s", why);
    default:
        return complain(FAILED, "%s", why);
    }
}

int backup_reach(struct backup_target *t, const struct args *args)
{
    *t = (struct backup_target){.choice = {.socket = args->value[OPT_SOCKET],
                                           .store = args->value[OPT_STORE],
                                           .config = args->value[OPT_CONFIG],
                                           .write = true,
                                           .existing = true,
                                           .backups = true}};
    int rc = source_locate(&t->source, &t->choice, &t->store);
    if (rc < 0) {
        const int code = rc == VARVE_E_UNSUPPORTED ? FAILED : UNREACHABLE;
        return complain(rc == VARVE_E_INVALID ? USAGE : code, "%s", t->source.why);
    }
    if (!t->store.remote && !t->choice.config) {
        t->choice.store = t->store.at.choice;
    }
    return DONE;
}

int backup_leave(struct backup_target *t, int code)
{
    int rc = source_close(&t->source);
    if (rc < 0 && code == DONE) {
        return told(&t->source, rc);
    }
    return code;
}

void backup_absolute(const char *path, char *out, size_t cap)
{
    char whole[PATH_MAX];
    (void)snprintf(out, cap, "%s", realpath(path, whole) ? whole : path); // opening it will tell
}

// ---- making and listing -------------------------------------------------------------------------

struct last {
    char *path;
    size_t cap;
};

static void keep_last(void *arg, const char *line)
{
    struct last *last = arg;
    (void)snprintf(last->path, last->cap, "%s", line); // of VARVE_PATH_TEXT
}

int backup_make(struct backup_target *t, varve_line_fn emit, void *arg)
{
    int rc = t->store.remote ? 0 : source_open(&t->source, &t->choice);
    if (rc < 0) {
        return complain(UNREACHABLE, "%s", t->source.why);
    }
    rc = t->source.ops->backup(&t->source, emit, arg);
    return rc < 0 ? told(&t->source, rc) : DONE;
}

int backup_latest(struct backup_target *t, char *path, size_t cap)
{
    struct last last = {path, cap};
    int64_t time_ms;
    path[0] = '\0';
    if (t->store.remote) {
        int rc = source_remote_backups(&t->source, keep_last, &last);
        if (rc < 0) {
            return told(&t->source, rc);
        }
    } else if (varve_backup_newest(&t->store.at.backups, INT64_MAX, &time_ms) == 0) {
        (void)varve_backup_path(&t->store.at.backups, time_ms, "", path,
                                cap); // it has been read there
    }
    return path[0] ? DONE : complain(NOTHING_FOUND, "there is no backup yet; varve backup now");
}

// ---- verifying ----------------------------------------------------------------------------------

static void say(void *arg, const char *text)
{
    if (*(bool *)arg) {
        (void)fprintf(stderr, "varve: %s\n", text);
    }
}

static uint32_t damaged_of(const struct varve_check *check)
{
    uint32_t damaged = check->damaged;
    for (size_t i = 0; i < VARVE_MAX_TIERS; i++) {
        damaged += check->tiers[i].damaged;
    }
    return damaged;
}

int backup_verify(const char *path, bool loud, struct varve_check *check)
{
    static _Alignas(64) uint8_t block[VARVE_BLOCK_MAX];
    char store[VARVE_PATH_TEXT + sizeof KIND];
    struct varve_source source;
    *check = (struct varve_check){.buf = block, .say = say, .arg = &loud};
    int n = snprintf(store, sizeof store, KIND "%s", path);
    if (n < 0 || (size_t)n >= sizeof store) {
        return loud ? complain(FAILED, "the path is too long: %s", path) : FAILED;
    }
    const struct source_choice choice = {.store = store};
    int rc = source_open(&source, &choice);
    if (rc < 0) {
        return loud ? complain(rc == VARVE_E_NOT_FOUND ? NOTHING_FOUND : FAILED, "%s", source.why)
                    : FAILED;
    }
    rc = source.ops->check(&source, check);
    if (rc < 0 && loud) {
        (void)told(&source, rc);
    }
    (void)source_close(&source); // nothing was written
    return rc < 0 || damaged_of(check) > 0 ? FAILED : DONE;
}

// ---- restoring ----------------------------------------------------------------------------------

static void say_restored(const char *from, const char *where, const char *kept)
{
    printf("restored %s to %s\n", from, where);
    if (kept[0]) {
        printf("the store that it replaced is %s\n", kept);
    }
}

// Directory of the daemon's first store that is a file, and whether it is another user's.
static bool daemons_directory(struct backup_target *t, char dir[VARVE_PATH_TEXT], bool *others)
{
    static struct varve_stats stats;
    struct stat st;
    int rc = t->source.ops->stats(&t->source, &stats);
    for (size_t i = 0; rc == 0 && i < stats.backend_count; i++) {
        const char *where = stats.backends[i].where;
        const char *slash = where[0] == '/' ? strrchr(where, '/') : NULL;
        if (slash && slash != where) {
            (void)snprintf(dir, VARVE_PATH_TEXT, "%.*s", (int)(slash - where), where);
            rc = stat(dir, &st);
            *others = rc == 0 && st.st_uid != geteuid();
            return rc == 0;
        }
    }
    return false;
}

struct seek {
    const char *path;
    bool found;
};

static void find_line(void *arg, const char *line)
{
    struct seek *seek = arg;
    seek->found = seek->found || strcmp(line, seek->path) == 0;
}

static int copy_to(const char *from, const char *to)
{
    static uint8_t buf[65536];
    struct varve_ledger_account account = {.page_bytes = 0}; // the daemon's is another
    struct varve_file in, out;
    int64_t at = 0, n = 0;
    (void)varve_port_path_remove(to); // of a restore that was interrupted
    int rc = varve_file_open(&in, &account, from, 0);
    if (rc < 0) {
        return rc;
    }
    rc = varve_file_open(&out, &account, to,
                         VARVE_OPEN_WRITE | VARVE_OPEN_CREATE | VARVE_OPEN_EXCLUSIVE);
    while (rc == 0 && (n = varve_file_read(&in, at, buf, sizeof buf)) > 0) {
        rc = varve_file_write(&out, at, buf, (size_t)n, VARVE_WRITE_BACKUP);
        at += n;
    }
    varve_file_close(&out); // of which the daemon makes a copy of its own
    varve_file_close(&in);
    return rc < 0 ? rc : (int)n;
}

// The daemon reads the backup as its own user, who may not come to it, and may have a /tmp of its
// own: root lays a copy beside the store, where it is the daemon's. `lent` is "" without need.
static int lend(struct backup_target *t, const char *path, char lent[VARVE_PATH_TEXT])
{
    char dir[VARVE_PATH_TEXT];
    bool others = false;
    struct seek own = {.path = path};
    lent[0] = '\0';
    if (geteuid() != 0 || !daemons_directory(t, dir, &others) || !others ||
        source_remote_backups(&t->source, find_line, &own) < 0 || own.found) {
        return DONE;
    }
    int n = snprintf(lent, VARVE_PATH_TEXT, "%s/%s.lent", dir, strrchr(path, '/') + 1);
    int rc = n >= 0 && (size_t)n < VARVE_PATH_TEXT ? copy_to(path, lent) : VARVE_E_TOO_BIG;
    if (rc < 0) {
        (void)varve_port_path_remove(lent); // what there is of it
        return complain(FAILED, "cannot copy %s to where the daemon reads it: %s", path,
                        varve_strerror(rc));
    }
    return DONE;
}

static int restore_remote(struct backup_target *t, const char *path)
{
    char kept[VARVE_PATH_TEXT] = "", lent[VARVE_PATH_TEXT];
    struct last last = {kept, sizeof kept};
    int code = lend(t, path, lent);
    if (code != DONE) {
        return code;
    }
    int rc = source_remote_restore(&t->source, lent[0] ? lent : path, keep_last, &last);
    if (lent[0]) {
        (void)varve_port_path_remove(lent); // the next one takes its place
    }
    if (rc < 0) {
        return told(&t->source, rc);
    }
    say_restored(path, "the daemon's store", kept);
    return DONE;
}

// Opens the old store and closes it in order, so that all of it is in the file that is kept. One
// that is damaged is kept as it is; one that somebody has open is not touched.
static int settle_old(struct backup_target *t)
{
    struct source_choice choice = t->choice;
    choice.as_is = true;
    int rc = varve_port_path_exists(t->store.at.path) == 0 ? source_open(&t->source, &choice) : 0;
    if (rc == VARVE_E_BUSY) {
        return complain(UNREACHABLE, "%s", t->source.why);
    }
    if (rc < 0) {
        (void)complain(0, "the present store cannot be opened and is kept as it is: %s",
                       t->source.why);
        return DONE;
    }
    return backup_leave(t, DONE);
}

static int restore_local(struct backup_target *t, const char *path)
{
    static uint8_t buf[65536];
    struct varve_check check;
    char dir[VARVE_PATH_TEXT + 4];
    int code = backup_verify(path, true, &check);
    if (code != DONE) {
        return complain(code, "%s is not restored: it is no whole backup", path);
    }
    code = settle_old(t);
    if (code != DONE) {
        return code;
    }
    (void)snprintf(dir, sizeof dir, "%s", t->store.at.path); // of that size
    char *slash = strrchr(dir, '/');
    if (slash && slash != dir) {
        *slash = '\0';
        (void)varve_port_path_make_dir(dir); // making the file will tell
    }
    struct varve_restore r = {.from = path,
                              .store = t->store.at.path,
                              .unix_ms = varve_port_wall_ms(),
                              .buf = buf,
                              .buf_bytes = sizeof buf};
    if (varve_restore(&r) < 0) {
        return complain(FAILED, "%s", r.why);
    }
    say_restored(path, t->store.at.path, r.kept);
    return DONE;
}

int backup_restore(struct backup_target *t, const char *path)
{
    char whole[VARVE_PATH_TEXT];
    backup_absolute(path, whole, sizeof whole);
    return t->store.remote ? restore_remote(t, whole) : restore_local(t, whole);
}
