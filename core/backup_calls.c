// SPDX-License-Identifier: Apache-2.0
// Backups as others ask for them: one now, a list, the verification of a file. See varve/host.h.
//
// Threading: any task; with tasks running the backend's own one makes the backup.
#include "backup_files.h"
#include "host_state.h"

#define WAIT_MS 100

static int find(struct varve_host *host, size_t index, struct varve_backend **out)
{
    if (index >= host->backend_count) {
        return VARVE_E_NOT_FOUND;
    }
    *out = &host->backends[index];
    if (!varve_backend_is_open(*out)) {
        return atomic_load(&(*out)->state);
    }
    return (*out)->backup.buf == NULL ? VARVE_E_UNSUPPORTED : 0;
}

static int result(const struct varve_backup_state *s, char *made, size_t cap)
{
    (void)varve_format(made, cap, "%s", s->result == 0 ? s->made : s->why);
    return s->result;
}

static int wait_for(struct varve_host *host, struct varve_backup_state *s, uint32_t ended,
                    bool (*go_on)(void *arg), void *arg)
{
    while (atomic_load(&s->ended) == ended) {
        (void)varve_port_signal_wait(&host->progress, WAIT_MS); // a time-out is as good
        if (go_on != NULL && !go_on(arg)) {
            return VARVE_E_TIMEOUT;
        }
    }
    return 0;
}

int varve_host_backup(struct varve_host *host, size_t index, char *made, size_t cap,
                      bool (*go_on)(void *arg), void *arg)
{
    struct varve_backend *backend;
    int rc = find(host, index, &backend);
    rc = rc == 0 && (host->flags & VARVE_HOST_READ_ONLY) != 0 ? VARVE_E_READ_ONLY : rc;
    (void)varve_format(made, cap, "%s", rc == 0 ? "" : varve_strerror(rc));
    if (rc != 0) {
        return rc;
    }
    struct varve_backup_state *s = &backend->backup;
    const uint32_t ended = atomic_load(&s->ended);
    atomic_store(&s->wanted, true);
    if (!host->threaded) {
        varve_backup_step(host, backend, varve_port_boot_ms());
        return result(s, made, cap);
    }
    varve_port_signal_raise(&backend->wake);
    rc = wait_for(host, s, ended, go_on, arg);
    if (rc != 0) {
        (void)varve_format(made, cap, "%s", "the backup goes on, but nobody waits for it");
    }
    return rc == 0 ? result(s, made, cap) : rc;
}

int varve_host_backups(struct varve_host *host, size_t index,
                       int (*visit)(void *arg, const char *path, int64_t time_ms), void *arg)
{
    struct varve_backend *backend;
    int rc = find(host, index, &backend);
    if (rc != 0) {
        return rc;
    }
    const struct varve_backup_place *place = &backend->backup.place;
    int64_t time_ms = INT64_MIN;
    while (rc == 0 && varve_backup_next(place, time_ms, INT64_MAX, &time_ms, NULL) == 0) {
        char path[VARVE_PATH_TEXT];
        rc = varve_backup_path(place, time_ms, "", path, sizeof path);
        rc = rc == 0 ? visit(arg, path, time_ms) : rc;
    }
    return rc;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

int varve_host_verify_backup(struct varve_host *host, size_t index, const char *path, char *why,
                             size_t why_cap)
{
    struct varve_backend *backend;
    int rc = find(host, index, &backend);
    if (rc != 0) {
        (void)varve_format(why, why_cap, "%s", varve_strerror(rc));
        return rc;
    }
    struct varve_backup backup = {.path = path, .buf = host->read_block, .stopped = never};
    rc = backend->instance.plugin->backend->verify_backup(&backend->instance, &backup);
    (void)varve_format(why, why_cap, "%s",
                       rc == 0 || backup.why[0] != '\0' ? backup.why : varve_strerror(rc));
    return rc;
}
