// SPDX-License-Identifier: Apache-2.0
// A damaged store: its history is salvaged, its file set aside, and collecting goes on.
//
//   1. the backend makes STORE.salvage.tmp of what can be read, and of a backup; it is synced
//   2. it is renamed to STORE.salvaged, and the directory synced: from here on it counts
//   3. what is at STORE and beside it is renamed to NAME-damaged-20261121T013000Z.db
//   4. STORE.salvaged is renamed to STORE
//
// After a power cut before 2 the damaged store is there as it was, and all begins again. After one
// behind it the next start goes on with 3: open() says so. Nothing is removed on the way.
//
// When there is no room for a second file, the store is used as it is, if it opens at all: what can
// be read is served. When it does not, or when a salvaged one does not, it is set aside and an
// empty one takes its place. A store is refused only when nothing in it seems to be varve's: then
// the path is wrong, and the file is somebody else's.
//
// Quarantine. What is set aside stays for a closer look, as long as it takes no more than
// `quarantine` in [backup] and a quarter of the room; beyond that the oldest are removed. The
// newest stays in any case when it could not be salvaged.
//
// While the host is made, or on the task of the backend, under open_lock (opening.c).
#include "backup_files.h"
#include "host_state.h"

#define TEMP       ".salvage.tmp"
#define DAMAGED    "-damaged"
#define ROOM_BYTES (64u * 1024u)
#define ROOM_SHARE 4u // of what is free, the quarantine takes one part in so many

static const char *const beside[] = {"-wal", "-journal", ""}; // the store itself goes last
#define BESIDE (sizeof beside / sizeof beside[0])

struct rescue {
    struct varve_host *host;
    struct varve_backend *backend;
    const struct varve_backend_ops *ops;
    struct varve_backup_place backups;    // where to look for one
    struct varve_backup_place quarantine; // names of what is set aside
    int64_t before_ms;                    // backups from here on have been tried
    char store[VARVE_PATH_TEXT];
    char temp[VARVE_PATH_TEXT], salvaged[VARVE_PATH_TEXT];
    char kept[VARVE_PATH_TEXT]; // what the damaged file is called now; "": nothing was set aside
    char reason[VARVE_MESSAGE_TEXT];
    struct varve_salvage result;
};

// ---- names --------------------------------------------------------------------------------------

static int join(char out[VARVE_PATH_TEXT], const char *path, const char *suffix)
{
    return varve_format(out, VARVE_PATH_TEXT, "%s%s", path, suffix) < VARVE_PATH_TEXT
               ? 0
               : VARVE_E_TOO_BIG;
}

static int name_quarantine(struct rescue *r)
{
    char dir[VARVE_PATH_TEXT];
    const char *slash = strrchr(r->store, '/');
    const int length = slash == NULL || slash == r->store ? 1 : (int)(slash - r->store);
    (void)varve_format(dir, sizeof dir, "%.*s", length, slash == NULL ? "." : r->store);
    int rc = varve_backup_place_init(&r->quarantine, "", dir, r->store);
    char *prefix = r->quarantine.prefix;
    const size_t used = strlen(prefix);
    if (rc == 0 && used + sizeof DAMAGED > sizeof r->quarantine.prefix) {
        rc = VARVE_E_TOO_BIG;
    }
    if (rc == 0) {
        memcpy(prefix + used, DAMAGED, sizeof DAMAGED);
    }
    return rc;
}

static int name_files(struct rescue *r)
{
    struct varve_backend_stats stats = {.state = 0};
    const struct varve_conf *conf = r->host->conf;
    r->ops->stats(&r->backend->instance, &stats);
    (void)varve_format(r->store, sizeof r->store, "%s", stats.where); // of that size
    int rc = r->store[0] == '\0' ? VARVE_E_NOT_FOUND : join(r->temp, r->store, TEMP);
    rc = rc == 0 ? join(r->salvaged, r->store, VARVE_SALVAGED) : rc;
    rc = rc == 0 ? name_quarantine(r) : rc;
    return rc == 0 ? varve_backup_place_init(&r->backups, conf->settings.state, conf->backup.dir,
                                             r->store)
                   : rc;
}

static bool next_backup(void *arg, char path[VARVE_PATH_TEXT])
{
    struct rescue *r = arg;
    int64_t time_ms;
    if (varve_backup_newest(&r->backups, r->before_ms - 1, &time_ms) != 0) {
        return false;
    }
    r->before_ms = time_ms;
    return varve_backup_path(&r->backups, time_ms, "", path, VARVE_PATH_TEXT) == 0;
}

// ---- the new store ------------------------------------------------------------------------------

static int64_t size_of(const char *path)
{
    struct varve_ledger_account account = {.page_bytes = 0}; // nothing is written
    struct varve_file file;
    int rc = varve_file_open(&file, &account, path, 0);
    if (rc != 0) {
        return rc == VARVE_E_NOT_FOUND ? 0 : rc;
    }
    const int64_t size = varve_file_size(&file);
    varve_file_close(&file);
    return size;
}

// Bytes of a file and of what is beside it.
static int64_t size_of_all(const char *path)
{
    int64_t sum = 0;
    for (size_t i = 0; i < BESIDE; i++) {
        char name[VARVE_PATH_TEXT];
        const int64_t size = join(name, path, beside[i]) == 0 ? size_of(name) : 0;
        sum += size > 0 ? size : 0;
    }
    return sum;
}

static bool has_room(const struct rescue *r)
{
    uint64_t total, available;
    int rc = varve_port_path_space(r->quarantine.dir, &total, &available);
    return rc != 0 || available >= (uint64_t)size_of_all(r->store) + ROOM_BYTES;
}

static int sync_new(struct rescue *r)
{
    struct varve_file file;
    int rc = varve_file_open(&file, &r->backend->account, r->temp, VARVE_OPEN_WRITE);
    if (rc == 0) {
        rc = varve_file_sync(&file);
        varve_file_close(&file);
    }
    rc = rc == 0 ? varve_port_path_rename(r->temp, r->salvaged) : rc;
    return rc == 0 ? varve_port_path_sync_dir(r->salvaged) : rc;
}

static void remove_temp(const struct rescue *r)
{
    char journal[VARVE_PATH_TEXT];
    (void)varve_port_path_remove(r->temp); // what cannot be removed is overwritten next time
    if (join(journal, r->temp, "-journal") == 0) {
        (void)varve_port_path_remove(journal);
    }
}

static int salvage(struct rescue *r)
{
    const struct varve_arena before = r->host->arena;
    r->result = (struct varve_salvage){.into = r->temp, .next_backup = next_backup, .arg = r};
    r->result.gives_up = varve_backend_gives_up(r->backend);
    r->result.buf = varve_arena_take(&r->host->arena, VARVE_BLOCK_MAX, _Alignof(max_align_t));
    remove_temp(r);
    int rc = r->result.buf == NULL ? VARVE_E_NO_MEMORY : 0;
    rc = rc == 0 && !has_room(r) ? VARVE_E_NO_SPACE : rc;
    rc = rc == 0 ? r->ops->salvage(&r->backend->instance, &r->result) : rc;
    rc = rc == 0 ? sync_new(r) : rc;
    varve_arena_return(&r->host->arena, &before);
    remove_temp(r); // of one that was made only SQLite's journal is left
    return rc;
}

// ---- the quarantine -----------------------------------------------------------------------------

static int choose_kept(struct rescue *r)
{
    int64_t unix_ms = varve_port_wall_ms();
    int rc;
    unix_ms = unix_ms < 0 ? 0 : unix_ms;
    do { // two within a second
        rc = varve_backup_path(&r->quarantine, unix_ms, "", r->kept, sizeof r->kept);
        unix_ms += 1000;
    } while (rc == 0 && varve_port_path_exists(r->kept) == 0);
    return rc;
}

static int set_aside(struct rescue *r)
{
    int rc = choose_kept(r);
    for (size_t i = 0; rc == 0 && i < BESIDE; i++) {
        char from[VARVE_PATH_TEXT], to[VARVE_PATH_TEXT];
        rc = join(from, r->store, beside[i]);
        rc = rc == 0 ? join(to, r->kept, beside[i]) : rc;
        rc = rc == 0 ? varve_port_path_rename(from, to) : rc;
        rc = rc == VARVE_E_NOT_FOUND ? 0 : rc;
    }
    return rc == 0 ? varve_port_path_sync_dir(r->store) : rc;
}

static void remove_kept(const char *path)
{
    for (size_t i = 0; i < BESIDE; i++) {
        char name[VARVE_PATH_TEXT];
        if (join(name, path, beside[i]) == 0) {
            (void)varve_port_path_remove(name); // not all of them are there
        }
    }
}

// The cap: what is configured, and never more than a part of the room that there would be.
static int64_t cap_of(const struct rescue *r, int64_t held)
{
    uint64_t total, available;
    const int64_t cap = r->host->conf->backup.quarantine;
    if (varve_port_path_space(r->quarantine.dir, &total, &available) != 0) {
        return cap;
    }
    const uint64_t part = (available + (uint64_t)held) / ROOM_SHARE;
    return part < (uint64_t)cap ? (int64_t)part : cap;
}

static int64_t held_by(const struct rescue *r)
{
    char path[VARVE_PATH_TEXT];
    int64_t time_ms = INT64_MIN, sum = 0;
    while (varve_backup_next(&r->quarantine, time_ms, INT64_MAX, &time_ms, NULL) == 0) {
        sum += varve_backup_path(&r->quarantine, time_ms, "", path, sizeof path) == 0
                   ? size_of_all(path)
                   : 0;
    }
    return sum;
}

static void keep_cap(struct rescue *r, bool with_newest)
{
    char path[VARVE_PATH_TEXT];
    int64_t time_ms;
    int64_t held = held_by(r);
    const int64_t cap = cap_of(r, held);
    while (held > cap &&
           varve_backup_next(&r->quarantine, INT64_MIN, INT64_MAX, &time_ms, NULL) == 0 &&
           varve_backup_path(&r->quarantine, time_ms, "", path, sizeof path) == 0) {
        if (with_newest && strcmp(path, r->kept) == 0) {
            return;
        }
        const int64_t bytes = size_of_all(path);
        remove_kept(path);
        if (varve_port_path_exists(path) == 0) {
            return; // it cannot be removed, and others would not be enough
        }
        varve_log(VARVE_NOTICE, r->backend->instance.name, "removed %s: the quarantine is full",
                  path);
        held -= bytes;
        if (strcmp(path, r->kept) == 0) {
            r->kept[0] = '\0';
        }
    }
}

static int install(struct rescue *r)
{
    int rc = set_aside(r);
    rc = rc == 0 ? varve_port_path_rename(r->salvaged, r->store) : rc;
    rc = rc == 0 ? varve_port_path_sync_dir(r->store) : rc;
    if (rc == 0) {
        keep_cap(r, false);
    }
    return rc;
}

// ---- what is told -------------------------------------------------------------------------------

static const char *kept_name(const struct rescue *r)
{
    const char *slash = strrchr(r->kept, '/');
    return slash == NULL ? r->kept : slash + 1;
}

static void say_salvaged(const struct rescue *r)
{
    char payload[VARVE_PAYLOAD_TEXT];
    const struct varve_salvage *s = &r->result;
    (void)varve_format(
        payload, sizeof payload,
        "{\"blocks\":%u,\"restored\":%u,\"lost\":%u,\"names_lost\":%u,\"kept\":\"%s\"}", s->blocks,
        s->restored, s->lost, s->names_lost, kept_name(r));
    varve_event_add(
        r->host, VARVE_ERROR, r->backend->instance.name, "store_salvaged", true, s->lost, payload,
        "the store was damaged: %u blocks salvaged, %u restored from a backup, %u "
        "lost, %u names of series lost; kept as %s",
        s->blocks, s->restored, s->lost, s->names_lost, r->kept[0] ? kept_name(r) : "nothing");
}

static void say_set_aside(const struct rescue *r, int rc)
{
    varve_event_add(r->host, VARVE_CRITICAL, r->backend->instance.name, "store_set_aside", false, 0,
                    NULL,
                    "the store is damaged and could not be salvaged (%s): begun anew, kept as %s",
                    varve_strerror(rc), kept_name(r));
}

static void say_as_is(const struct rescue *r, int rc)
{
    varve_event_add(r->host, VARVE_ERROR, r->backend->instance.name, "store_damaged", false, 0,
                    NULL, "the store is damaged and used as it is: it could not be salvaged (%s)",
                    varve_strerror(rc));
}

// ---- the whole ----------------------------------------------------------------------------------

static int open_again(struct rescue *r, unsigned flags)
{
    const struct varve_arena before = r->host->arena;
    int rc = r->ops->open(&r->backend->instance, flags);
    if (rc != 0) {
        varve_arena_return(&r->host->arena, &before);
    }
    return rc;
}

// What cannot be salvaged now: used as it is, or an empty store in its place. A host that can wait
// sets nothing aside because the device fails: what cannot be read now may be whole.
static int fall_back(struct rescue *r, int why)
{
    const bool waits = varve_can_wait(r->host, why);
    int rc = waits && why != VARVE_E_NO_SPACE ? why : open_again(r, VARVE_BACKEND_AS_IS);
    if (rc == 0) {
        say_as_is(r, why);
        return 0;
    }
    if (waits || varve_can_wait(r->host, rc)) {
        return waits ? why : rc;
    }
    rc = set_aside(r);
    rc = rc == 0 ? open_again(r, 0) : rc;
    if (rc == 0) {
        keep_cap(r, true);
        say_set_aside(r, why);
    }
    return rc;
}

static void count(struct rescue *r)
{
    struct varve_backend *backend = r->backend;
    backend->salvages++;
    backend->salvage_blocks += r->result.blocks;
    backend->salvage_restored += r->result.restored;
    backend->salvage_lost += r->result.lost;
}

static int replace(struct rescue *r)
{
    int rc = varve_port_path_exists(r->salvaged) == 0 ? 0 : salvage(r);
    if (rc == VARVE_E_NOT_FOUND) { // not ours: what open() said stands
        varve_instance_fail(&r->backend->instance, "%s", r->reason);
        return VARVE_E_CORRUPT;
    }
    if (rc == VARVE_E_BUSY) {
        return rc;
    }
    rc = rc == 0 ? install(r) : rc;
    if (rc != 0) {
        return fall_back(r, rc);
    }
    rc = open_again(r, 0);
    if (rc == VARVE_E_CORRUPT) {
        return fall_back(r, rc);
    }
    if (rc == 0) {
        count(r);
        say_salvaged(r);
    }
    return rc;
}

int varve_salvage(struct varve_host *host, struct varve_backend *backend)
{
    struct rescue r = {.host = host,
                       .backend = backend,
                       .ops = backend->instance.plugin->backend,
                       .before_ms = INT64_MAX};
    (void)varve_format(r.reason, sizeof r.reason, "%s",
                       varve_instance_reason(&backend->instance)->text);
    varve_log(VARVE_WARNING, backend->instance.name, "%s", r.reason);
    int rc = name_files(&r);
    if (rc != 0) {
        varve_instance_fail(&backend->instance, "%s", r.reason);
        return VARVE_E_CORRUPT;
    }
    return replace(&r);
}
