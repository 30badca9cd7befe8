// SPDX-License-Identifier: Apache-2.0
// Restoring a store from a backup, so that at any moment a power cut leaves the old store or the
// new one in its place, and the old one is kept either way.
//
//   1. the backup is copied to STORE.restore.tmp, and synced: a restore never uses the backup up
//   2. the old store gets a second name, NAME-replaced-20261121T013000Z.db: a hard link, or where
//      the filesystem has none a synced copy
//   3. what lies beside the old store (-wal, -journal) is renamed along with it; the directory is
//      synced. A store that was closed in order has nothing there that matters.
//   4. the copy is renamed over the store: the moment at which it changes; the directory is synced
//
// What lies beside must be gone before 4: SQLite would apply it to the new store. So when a store
// was not closed in order, a cut between 3 and 4 leaves it without what it had not taken over from
// its journal: open it once and close it, if it can be opened, before it is replaced.
#include "restore.h"

#include <string.h>

#include "backup_files.h"
#include "varve/host.h"
#include "varve/port.h"

#define TEMP       ".restore.tmp"
#define REPLACED   "-replaced"
#define BUF_MIN    512u
#define ROOM_BYTES (64u * 1024u)

static const char *const beside[] = {"-wal", "-journal"};
#define BESIDE (sizeof beside / sizeof beside[0])

static int failed(struct varve_restore *r, int rc, const char *doing, const char *path)
{
    if (rc < 0 && r->why[0] == '\0') {
        (void)varve_format(r->why, sizeof r->why, "cannot %s %s: %s", doing, path,
                           varve_strerror(rc));
    }
    return rc;
}

static int join(char out[VARVE_PATH_TEXT], const char *path, const char *suffix)
{
    return varve_format(out, VARVE_PATH_TEXT, "%s%s", path, suffix) < VARVE_PATH_TEXT
               ? 0
               : VARVE_E_TOO_BIG;
}

static int copy_bytes(struct varve_restore *r, struct varve_file *from, struct varve_file *to)
{
    int64_t at = 0;
    for (;;) {
        const int64_t n = varve_file_read(from, at, r->buf, r->buf_bytes);
        if (n <= 0) {
            return (int)n;
        }
        int rc = varve_file_write(to, at, r->buf, (size_t)n, VARVE_WRITE_BACKUP);
        if (rc != 0) {
            return rc;
        }
        at += n;
    }
}

// A synced copy in place of whatever is at `to`.
static int copy_file(struct varve_restore *r, const char *from, const char *to)
{
    struct varve_file in, out;
    int rc = varve_file_open(&in, &r->account, from, 0);
    if (rc != 0) {
        return failed(r, rc, "open", from);
    }
    rc = failed(r, varve_file_open(&out, &r->account, to, VARVE_OPEN_WRITE | VARVE_OPEN_CREATE),
                "make", to);
    if (rc == 0) {
        rc = varve_file_truncate(&out, 0);
        rc = rc == 0 ? copy_bytes(r, &in, &out) : rc;
        rc = rc == 0 ? varve_file_sync(&out) : rc;
        (void)failed(r, rc, "write", to);
        varve_file_close(&out);
    }
    varve_file_close(&in);
    return rc;
}

// The size of a file; 0 when it is missing.
static int64_t size_of(struct varve_restore *r, const char *path)
{
    struct varve_file file;
    int rc = varve_file_open(&file, &r->account, path, 0);
    if (rc != 0) {
        return rc == VARVE_E_NOT_FOUND ? 0 : rc;
    }
    const int64_t size = varve_file_size(&file);
    varve_file_close(&file);
    return size;
}

// Room for the copy; whether the old store needs to be copied, too, shows later.
static int check_room(struct varve_restore *r, const char *path)
{
    char dir[VARVE_PATH_TEXT];
    uint64_t total, available;
    const int64_t size = size_of(r, r->from);
    const char *slash = strrchr(path, '/');
    const int length = slash == NULL || slash == path ? 1 : (int)(slash - path);
    (void)varve_format(dir, sizeof dir, "%.*s", length, slash == NULL ? "." : path);
    int rc = size < 0 ? (int)size : varve_port_path_space(dir, &total, &available);
    if (rc == VARVE_E_UNSUPPORTED) {
        return 0; // the write will tell
    }
    if (rc == 0 && available < (uint64_t)size + ROOM_BYTES) {
        (void)varve_format(r->why, sizeof r->why, "%s has %llu KiB free, the copy needs %llu KiB",
                           dir, (unsigned long long)(available / 1024),
                           (unsigned long long)(((uint64_t)size + ROOM_BYTES) / 1024));
        return VARVE_E_NO_SPACE;
    }
    return failed(r, rc, "see the room in", dir);
}

// ---- the old store ------------------------------------------------------------------------------

// A name that is free: DIR/varve-replaced-20261121T013000Z.db.
static int choose_kept(struct varve_restore *r)
{
    const char *slash = strrchr(r->store, '/');
    const char *dot = strrchr(r->store, '.');
    if (dot == NULL || (slash != NULL && dot < slash)) {
        dot = r->store + strlen(r->store);
    }
    for (int64_t unix_ms = r->unix_ms;; unix_ms += 1000) {
        char stamp[VARVE_BACKUP_STAMP + 1];
        varve_backup_stamp(unix_ms, stamp);
        const size_t n = varve_format(r->kept, sizeof r->kept, "%.*s" REPLACED "%s%s",
                                      (int)(dot - r->store), r->store, stamp, dot);
        if (n >= sizeof r->kept) {
            return failed(r, VARVE_E_TOO_BIG, "name what replaces", r->store);
        }
        int rc = varve_port_path_exists(r->kept);
        if (rc != 0) {
            return rc == VARVE_E_NOT_FOUND ? 0 : failed(r, rc, "look for", r->kept);
        }
    }
}

static int keep(struct varve_restore *r)
{
    int rc = choose_kept(r);
    if (rc == 0 && varve_port_path_link(r->store, r->kept) != 0) {
        rc = copy_file(r, r->store, r->kept);
    }
    return rc;
}

// Renames what lies beside one name to lie beside the other.
static int move_beside(struct varve_restore *r, const char *from, const char *to)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < BESIDE; i++) {
        char old[VARVE_PATH_TEXT], new[VARVE_PATH_TEXT];
        rc = join(old, from, beside[i]);
        rc = rc == 0 ? join(new, to, beside[i]) : rc;
        rc = rc == 0 ? varve_port_path_rename(old, new) : rc;
        rc = rc == VARVE_E_NOT_FOUND ? 0 : rc;
    }
    return failed(r, rc, "rename what lies beside", from);
}

static int remove_beside(struct varve_restore *r, const char *path)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < BESIDE; i++) {
        char name[VARVE_PATH_TEXT];
        rc = join(name, path, beside[i]);
        rc = rc == 0 ? varve_port_path_remove(name) : rc;
        rc = rc == VARVE_E_NOT_FOUND ? 0 : rc;
    }
    return failed(r, rc, "remove what lies beside", path);
}

static int set_aside(struct varve_restore *r)
{
    r->kept[0] = '\0';
    int rc = varve_port_path_exists(r->store);
    if (rc == VARVE_E_NOT_FOUND) {
        return remove_beside(r, r->store); // of a store that was taken away without it
    }
    rc = failed(r, rc, "look for", r->store);
    rc = rc == 0 ? keep(r) : rc;
    if (rc != 0) {
        r->kept[0] = '\0';
        return rc;
    }
    rc = move_beside(r, r->store, r->kept);
    return rc == 0
               ? failed(r, varve_port_path_sync_dir(r->store), "sync the directory of", r->store)
               : rc;
}

// ---- the whole ----------------------------------------------------------------------------------

int varve_restore(struct varve_restore *r)
{
    char temp[VARVE_PATH_TEXT];
    r->why[0] = '\0';
    r->kept[0] = '\0';
    if (r->buf_bytes < BUF_MIN) {
        return failed(r, VARVE_E_INVALID, "copy", r->from);
    }
    int rc = failed(r, join(temp, r->store, TEMP), "name a file beside", r->store);
    rc = rc == 0 ? failed(r, varve_port_path_exists(r->from), "find", r->from) : rc;
    rc = rc == 0 ? check_room(r, temp) : rc;
    if (rc != 0) {
        return rc;
    }
    rc = copy_file(r, r->from, temp);
    rc = rc == 0 ? set_aside(r) : rc;
    rc = rc == 0 ? failed(r, varve_port_path_rename(temp, r->store), "put in its place", r->store)
                 : rc;
    if (rc != 0) {
        (void)varve_port_path_remove(temp); // the next restore overwrites what stays
        if (r->kept[0] != '\0') {
            (void)move_beside(r, r->kept, r->store); // the error that came first is told
        }
        return rc;
    }
    return failed(r, varve_port_path_sync_dir(r->store), "sync the directory of", r->store);
}

int varve_restore_undo(struct varve_restore *r)
{
    r->why[0] = '\0';
    if (r->kept[0] == '\0') {
        return 0;
    }
    int rc = remove_beside(r, r->store);
    rc = rc == 0 ? failed(r, varve_port_path_rename(r->kept, r->store), "put back", r->kept) : rc;
    rc = rc == 0 ? move_beside(r, r->kept, r->store) : rc;
    return rc == 0
               ? failed(r, varve_port_path_sync_dir(r->store), "sync the directory of", r->store)
               : rc;
}
