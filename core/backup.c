// SPDX-License-Identifier: Apache-2.0
// Backups: when one is made, and the steps that make it safe.
//
// A backend copies its store into a file with a temporary name; the file is read and verified,
// synced, renamed, and its directory synced. Only then older ones go. A power cut at any point
// leaves the backups that were there, and at most a temporary file, which the next start removes.
//
// It runs on the backend's own task. Blocks wait in the outbox meanwhile and collecting goes on.
// The backend's lock is held for the copy alone, which is memory and the system's cache: verifying
// and the sync, which may take long, keep no reader waiting. A stop interrupts it, but for the one
// that is made at the stop.
//
// The schedule needs no state of its own: the names say when the last backup was made. While the
// clock is not plausible none is made by itself and none removed. At wear level 3 and above those
// that the schedule wants are put off until the level is lower; one that somebody asks for is made.
//
// Locking: see struct varve_backup_state.
#include "backup_files.h"
#include "host_state.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
// Without any backup yet, the first one is not made before this.
#define FIRST_MS HOUR_MS
// Between two tries of a backup that fails.
#define RETRY_MIN_MS    MINUTE_MS
#define RETRY_DOUBLINGS 6u
// Room that is left to others: one part in so many of the backup, and so many bytes.
#define ROOM_SHARE 8u
#define ROOM_BYTES (64u * 1024u)

enum occasion {
    NONE,
    SCHEDULE,
    START,
    STOP,
    REQUEST,
};

static const char *const occasions[] = {
    [SCHEDULE] = "schedule", [START] = "start", [STOP] = "stop", [REQUEST] = "request"};

struct attempt {
    struct varve_host *host;
    struct varve_backend *backend;
    enum occasion occasion;
    uint64_t began_us;
    int64_t unix_ms;
    uint64_t bytes;
    uint32_t blocks;
    char path[VARVE_PATH_TEXT];
    char temp[VARVE_PATH_TEXT];
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT];
};

static const struct varve_backend_ops *ops_of(const struct varve_backend *backend)
{
    return backend->instance.plugin->backend;
}

// Unix time now, or VARVE_E_CLOCK.
static int64_t unix_now(struct varve_host *host)
{
    varve_port_mutex_lock(&host->store_lock);
    const bool trusted = host->timebase.trusted;
    const int64_t unix_ms = varve_timebase_unix(&host->timebase, varve_port_boot_ms());
    varve_port_mutex_unlock(&host->store_lock);
    return trusted && unix_ms > 0 ? unix_ms : VARVE_E_CLOCK;
}

static unsigned wear_level(struct varve_host *host)
{
    varve_port_mutex_lock(&host->store_lock);
    const unsigned level = host->wear.governor.level;
    varve_port_mutex_unlock(&host->store_lock);
    return level;
}

// ---- the steps ----------------------------------------------------------------------------------

// Keeps the sentence, if there is none yet, with varve's text for the code. Returns the code.
static int failed(struct attempt *a, int rc, const char *doing, const char *what)
{
    if (rc != 0 && a->why[0] == '\0') {
        (void)varve_format(a->why, sizeof a->why, "cannot %s %s: %s", doing, what,
                           varve_strerror(rc));
    }
    return rc;
}

static int make_dir(struct attempt *a)
{
    const char *dir = a->backend->backup.place.dir;
    if (varve_port_path_exists(dir) == 0) {
        return 0;
    }
    int rc = varve_port_path_make_dir(dir);
    rc = rc == 0 ? varve_port_path_sync_dir(dir) : rc;
    return failed(a, rc, "make the directory", dir);
}

static int choose_name(struct attempt *a)
{
    const struct varve_backup_place *place = &a->backend->backup.place;
    int rc;
    a->unix_ms = unix_now(a->host);
    if (a->unix_ms < 0) {
        return failed(a, (int)a->unix_ms, "name", "a backup");
    }
    do { // two within a second
        rc = varve_backup_path(place, a->unix_ms, "", a->path, sizeof a->path);
        a->unix_ms += 1000;
    } while (rc == 0 && varve_port_path_exists(a->path) == 0);
    a->unix_ms -= 1000;
    rc = rc == 0 ? varve_backup_path(place, a->unix_ms, VARVE_BACKUP_TEMP, a->temp, sizeof a->temp)
                 : rc;
    return failed(a, rc, "name a backup in", place->dir);
}

// A copy is never larger than the store's files together.
static int check_room(struct attempt *a)
{
    const char *dir = a->backend->backup.place.dir;
    struct varve_backend_stats stats = {.state = 0};
    uint64_t total, available;
    varve_port_mutex_lock(&a->backend->lock);
    ops_of(a->backend)->stats(&a->backend->instance, &stats);
    varve_port_mutex_unlock(&a->backend->lock);
    int rc = varve_port_path_space(dir, &total, &available);
    if (rc == VARVE_E_UNSUPPORTED) {
        return 0; // the write will tell
    }
    const uint64_t wanted = stats.stored_bytes + stats.stored_bytes / ROOM_SHARE + ROOM_BYTES;
    if (rc == 0 && available < wanted) {
        (void)varve_format(a->why, sizeof a->why,
                           "%s has %llu KiB free, a backup needs %llu KiB: make room or lower keep",
                           dir, (unsigned long long)(available / 1024),
                           (unsigned long long)(wanted / 1024));
        rc = VARVE_E_NO_SPACE;
    }
    return failed(a, rc, "see the room in", dir);
}

static bool is_stopped(void *arg)
{
    const struct attempt *a = arg;
    varve_beat_goes_on(&a->backend->beat);
    return a->occasion != STOP && atomic_load(&a->host->stopping);
}

static int copy(struct attempt *a, struct varve_backup *backup)
{
    struct varve_backend *backend = a->backend;
    varve_port_mutex_lock(&backend->lock);
    backend->reason.text[0] = '\0';
    int rc = ops_of(backend)->backup(&backend->instance, backup);
    if (rc != 0) {
        (void)varve_format(a->why, sizeof a->why, "%s", backend->reason.text);
    }
    atomic_store(&backend->flash_kib,
                 (uint32_t)(varve_ledger_flash_bytes(&backend->account) / 1024));
    varve_port_mutex_unlock(&backend->lock);
    return failed(a, rc, "copy the store to", a->temp);
}

static int verify(struct attempt *a, struct varve_backup *backup)
{
    int rc = ops_of(a->backend)->verify_backup(&a->backend->instance, backup);
    a->blocks = backup->blocks;
    if (rc != 0) {
        (void)varve_format(a->why, sizeof a->why, "%s", backup->why);
    }
    return failed(a, rc, "verify", a->temp);
}

// The bytes were counted when they were written; the account here is for the sync only.
static int sync(struct attempt *a)
{
    struct varve_ledger_account account = {.page_bytes = a->backend->account.page_bytes,
                                           .erase_bytes = a->backend->account.erase_bytes};
    struct varve_file file;
    int rc = varve_file_open(&file, &account, a->temp, VARVE_OPEN_WRITE);
    if (rc == 0) {
        const int64_t size = varve_file_size(&file);
        a->bytes = size > 0 ? (uint64_t)size : 0;
        rc = size < 0 ? (int)size : varve_file_sync(&file);
        varve_file_close(&file);
    }
    varve_port_mutex_lock(&a->backend->lock);
    a->backend->account.syncs += account.syncs;
    varve_port_mutex_unlock(&a->backend->lock);
    return failed(a, rc, "sync", a->temp);
}

static int publish(struct attempt *a)
{
    int rc = varve_port_path_rename(a->temp, a->path);
    rc = rc == 0 ? varve_port_path_sync_dir(a->path) : rc;
    return failed(a, rc, "rename the backup to", a->path);
}

static int make(struct attempt *a)
{
    struct varve_backup backup = {
        .path = a->temp, .buf = a->backend->backup.buf, .stopped = is_stopped, .arg = a};
    int rc = make_dir(a);
    rc = rc == 0 ? choose_name(a) : rc;
    rc = rc == 0 ? check_room(a) : rc;
    if (rc != 0) {
        return rc;
    }
    rc = copy(a, &backup);
    rc = rc == 0 ? verify(a, &backup) : rc;
    rc = rc == 0 ? sync(a) : rc;
    rc = rc == 0 ? publish(a) : rc;
    if (rc != 0) {
        (void)varve_port_path_remove(a->temp); // what stays is removed at the next start
    }
    return rc;
}

// ---- what is told -------------------------------------------------------------------------------

static uint32_t took_ms(const struct attempt *a)
{
    const uint64_t ms = (varve_port_mono_us() - a->began_us) / 1000;
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void say_made(const struct attempt *a)
{
    char payload[VARVE_PAYLOAD_TEXT];
    const char *slash = strrchr(a->path, '/');
    const uint32_t ms = took_ms(a);
    (void)varve_format(payload, sizeof payload,
                       "{\"file\":\"%s\",\"bytes\":%llu,\"blocks\":%u,\"ms\":%u,\"for\":\"%s\"}",
                       slash == NULL ? a->path : slash + 1, (unsigned long long)a->bytes, a->blocks,
                       ms, occasions[a->occasion]);
    varve_event_add(a->host, VARVE_INFO, a->backend->instance.name, "backup_ok", true,
                    (double)ms / 1000, payload, "backup %s: %llu KiB, verified, in %u ms", a->path,
                    (unsigned long long)(a->bytes / 1024), ms);
}

static void note(struct attempt *a, int rc)
{
    struct varve_backend *backend = a->backend;
    struct varve_backup_state *s = &backend->backup;
    varve_port_mutex_lock(&backend->lock);
    if (rc == 0) {
        s->last_ms = a->unix_ms;
        s->bytes = a->bytes;
        s->took_ms = took_ms(a);
        s->count++;
    } else if (rc != VARVE_E_CLOSED) {
        s->failures++;
    }
    varve_port_mutex_unlock(&backend->lock);
    if (rc == 0) {
        s->failures_in_row = 0;
        s->retry_ms = 0;
        say_made(a);
    } else if (rc != VARVE_E_CLOSED) {
        const unsigned doublings =
            s->failures_in_row < RETRY_DOUBLINGS ? s->failures_in_row : RETRY_DOUBLINGS;
        s->retry_ms = varve_port_boot_ms() + (RETRY_MIN_MS << doublings);
        if (s->failures_in_row++ == 0 || a->occasion == REQUEST) {
            varve_event_add(a->host, VARVE_ERROR, backend->instance.name, "backup_failed", false, 0,
                            NULL, "no backup: %s", a->why);
        }
    }
}

static void remove_old(const struct attempt *a)
{
    const struct varve_backup_conf *conf = &a->host->conf->backup;
    varve_port_mutex_lock(&a->host->store_lock);
    const int64_t before_ms = varve_gaps_before(&a->host->gaps, a->unix_ms, conf->max_age_ms);
    varve_port_mutex_unlock(&a->host->store_lock);
    int rc = varve_backup_prune(&a->backend->backup.place, a->unix_ms, conf->keep, before_ms);
    if (rc < 0) {
        varve_log(VARVE_WARNING, a->backend->instance.name, "old backups cannot be removed: %s",
                  varve_strerror(rc));
    }
}

static int run(struct varve_host *host, struct varve_backend *backend, enum occasion occasion,
               struct attempt *a)
{
    *a = (struct attempt){
        .host = host, .backend = backend, .occasion = occasion, .began_us = varve_port_mono_us()};
    int rc = make(a);
    if (rc == VARVE_E_CORRUPT && occasion != STOP && varve_mend_all(host, backend, true) > 0) {
        a->why[0] = '\0'; // a block of the store was damaged, and the copy with it
        rc = make(a);
    }
    note(a, rc);
    if (rc == 0) {
        remove_old(a);
    }
    varve_wear_tick(host, varve_port_boot_ms());
    return rc;
}

// ---- when ---------------------------------------------------------------------------------------

// The clock may have been wrong when the last one was made: a time far ahead counts as none.
static bool is_time(const struct varve_host *host, const struct varve_backup_state *s,
                    int64_t unix_ms, int64_t now_ms)
{
    const int64_t every_ms = host->conf->backup.every_ms;
    if (every_ms == 0) {
        return false;
    }
    if (s->last_ms == INT64_MIN) {
        return now_ms - host->started_ms >= (every_ms < FIRST_MS ? every_ms : FIRST_MS);
    }
    return unix_ms - s->last_ms >= every_ms || s->last_ms - unix_ms >= every_ms;
}

// At level 3 and above flash is for what would be lost otherwise.
static bool is_held_back(struct varve_host *host, struct varve_backend *backend)
{
    const unsigned level = wear_level(host);
    const bool held = level >= VARVE_WEAR_NO_RAW;
    if (held && !backend->backup.postponed) {
        varve_event_add(host, VARVE_WARNING, backend->instance.name, "backup_postponed", true,
                        level, NULL, "flash must be saved (wear level %u): the backup waits",
                        level);
    }
    backend->backup.postponed = held;
    return held;
}

static bool runs_by_itself(const struct varve_host *host)
{
    return (host->flags & (VARVE_HOST_READ_ONLY | VARVE_HOST_NO_COLLECTORS)) == 0;
}

static enum occasion occasion_now(struct varve_host *host, struct varve_backend *backend,
                                  int64_t now_ms)
{
    struct varve_backup_state *s = &backend->backup;
    if (atomic_exchange(&s->wanted, false)) {
        return REQUEST;
    }
    const bool start = host->conf->backup.at_start && !s->started;
    if (!runs_by_itself(host) || atomic_load(&host->stopping) || now_ms < s->retry_ms ||
        (!start && host->conf->backup.every_ms == 0) || atomic_load(&backend->state) != 0) {
        return NONE;
    }
    const int64_t unix_ms = unix_now(host);
    if (unix_ms < 0 || (!start && !is_time(host, s, unix_ms, now_ms)) ||
        is_held_back(host, backend)) {
        return NONE;
    }
    return start ? START : SCHEDULE;
}

static void warn_of_wear(struct varve_host *host, const struct varve_backend *backend)
{
    const unsigned level = wear_level(host);
    if (level >= VARVE_WEAR_NO_RAW) {
        varve_log(VARVE_WARNING, backend->instance.name,
                  "a backup is made on request although flash must be saved (wear level %u)",
                  level);
    }
}

void varve_backup_step(struct varve_host *host, struct varve_backend *backend, int64_t now_ms)
{
    struct varve_backup_state *s = &backend->backup;
    struct attempt a;
    if (s->buf == NULL) {
        return;
    }
    const enum occasion occasion = occasion_now(host, backend, now_ms);
    if (occasion == NONE) {
        return;
    }
    if (occasion == REQUEST) {
        warn_of_wear(host, backend);
    }
    int rc = run(host, backend, occasion, &a);
    s->started = s->started || rc == 0;
    if (occasion == REQUEST) {
        s->result = rc;
        (void)varve_format(s->made, sizeof s->made, "%s", a.path);
        (void)varve_format(s->why, sizeof s->why, "%s", a.why);
        atomic_fetch_add(&s->ended, 1);
        varve_port_signal_raise(&host->progress);
    }
}

void varve_backups_at_stop(struct varve_host *host)
{
    if (!host->conf->backup.at_stop || !runs_by_itself(host)) {
        return;
    }
    for (size_t b = 0; b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        struct attempt a;
        if (backend->backup.buf != NULL && !is_held_back(host, backend)) {
            (void)run(host, backend, STOP, &a); // logged; the store itself is whole
        }
    }
}

// ---- at the start -------------------------------------------------------------------------------

int varve_backup_init(struct varve_host *host, struct varve_backend *backend)
{
    struct varve_backup_state *s = &backend->backup;
    struct varve_backend_stats stats = {.state = 0};
    s->last_ms = INT64_MIN;
    if (ops_of(backend)->backup == NULL || !backend->persistent) {
        return varve_mend_init(host, backend);
    }
    ops_of(backend)->stats(&backend->instance, &stats);
    int rc = varve_backup_place_init(&s->place, host->conf->settings.state, host->conf->backup.dir,
                                     stats.where);
    if (rc != 0) {
        varve_log(VARVE_ERROR, backend->instance.name,
                  "no backups: the names of directory and store are too long");
        return varve_mend_init(host, backend);
    }
    if (s->buf == NULL) { // else it was open before
        s->buf = varve_arena_take(&host->arena, VARVE_BLOCK_MAX, sizeof(void *));
    }
    if (s->buf == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    if (varve_backup_newest(&s->place, INT64_MAX, &s->last_ms) != 0) {
        s->last_ms = INT64_MIN;
    }
    if (runs_by_itself(host) && varve_backup_sweep(&s->place) > 0) {
        varve_log(VARVE_NOTICE, backend->instance.name, "removed what a backup left unfinished");
    }
    return varve_mend_init(host, backend);
}

int varve_backups_init(struct varve_host *host)
{
    int rc = 0;
    for (size_t b = 0; rc == 0 && b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        rc = varve_backend_is_open(backend) ? varve_backup_init(host, backend) : 0;
    }
    return rc;
}

void varve_backup_stats(const struct varve_backend *backend, struct varve_backend_stats *out)
{
    const struct varve_backup_state *s = &backend->backup;
    out->backup_ms = s->last_ms;
    out->backup_bytes = s->bytes;
    out->backup_took_ms = s->took_ms;
    out->backups = s->count;
    out->backup_failures = s->failures;
}
