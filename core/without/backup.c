// SPDX-License-Identifier: Apache-2.0
// In the place of backups, salvage and mending: nothing is copied, damage is what open() says.
//
// Threading: as the functions that these stand for.
#include "core/host_state.h"

int varve_backups_init(struct varve_host *host)
{
    (void)host;
    return 0;
}

int varve_backup_init(struct varve_host *host, struct varve_backend *backend)
{
    (void)host;
    (void)backend;
    return 0;
}

void varve_backup_step(struct varve_host *host, struct varve_backend *backend, int64_t now_ms)
{
    (void)host;
    (void)backend;
    (void)now_ms;
}

void varve_backups_at_stop(struct varve_host *host)
{
    (void)host;
}

void varve_backup_stats(const struct varve_backend *backend, struct varve_backend_stats *out)
{
    (void)backend;
    out->backup_ms = INT64_MIN;
}

void varve_mend_note(struct varve_backend *backend, unsigned tier,
                     const struct varve_block_key *key)
{
    (void)backend;
    (void)tier;
    (void)key;
}

void varve_mend_step(struct varve_host *host, struct varve_backend *backend, int64_t now_ms)
{
    (void)host;
    (void)backend;
    (void)now_ms;
}

int varve_mend_noted(struct varve_host *host)
{
    (void)host;
    return 0;
}

int varve_mend_all(struct varve_host *host, struct varve_backend *backend, bool remove)
{
    (void)host;
    (void)backend;
    (void)remove;
    return 0;
}

void varve_mend_stats(const struct varve_backend *backend, struct varve_backend_stats *out)
{
    (void)backend;
    (void)out;
}

int varve_salvage(struct varve_host *host, struct varve_backend *backend)
{
    (void)host;
    (void)backend;
    return VARVE_E_CORRUPT;
}

int varve_host_backup(struct varve_host *host, size_t index, char *made, size_t cap,
                      bool (*go_on)(void *arg), void *arg)
{
    (void)host;
    (void)index;
    (void)go_on;
    (void)arg;
    if (cap > 0) {
        made[0] = '\0';
    }
    return VARVE_E_UNSUPPORTED;
}

int varve_host_backups(struct varve_host *host, size_t index,
                       int (*visit)(void *arg, const char *path, int64_t time_ms), void *arg)
{
    (void)host;
    (void)index;
    (void)visit;
    (void)arg;
    return VARVE_E_UNSUPPORTED;
}

int varve_host_verify_backup(struct varve_host *host, size_t index, const char *path, char *why,
                             size_t why_cap)
{
    (void)host;
    (void)index;
    (void)path;
    if (why_cap > 0) {
        why[0] = '\0';
    }
    return VARVE_E_UNSUPPORTED;
}
