// SPDX-License-Identifier: Apache-2.0
// Opening stores while the host is made, and what others ask of one that is open or not. Those that
// cannot be opened then are opened later, see reopen.c.
//
// What makes the host is one task; see host_state.h for the rest.
#include "host_state.h"
#include "text.h"

static const struct varve_backend_ops *ops_of(const struct varve_backend *backend)
{
    return backend->instance.plugin->backend;
}

static const char *reason_of(struct varve_backend *backend, int rc)
{
    const char *reason = varve_instance_reason(&backend->instance)->text;
    return reason[0] != '\0' ? reason : varve_strerror(rc);
}

// A card that is not mounted leaves an empty directory, in which a store would begin anew.
bool varve_backend_has_medium(const struct varve_backend *backend)
{
    const char *needs = backend->conf->needs;
    return needs == NULL || needs[0] == '\0' || varve_port_path_exists(needs) != VARVE_E_NOT_FOUND;
}

static int open_sound(struct varve_backend *backend, unsigned flags)
{
    if (!varve_backend_has_medium(backend)) {
        varve_instance_fail(&backend->instance, "%s is not there: is its medium mounted?",
                            backend->conf->needs);
        return VARVE_E_NOT_FOUND;
    }
    if (backend->doubtful) { // quick checks find nothing, but it cannot be used
        varve_instance_fail(&backend->instance, "the store is damaged");
        return VARVE_E_CORRUPT;
    }
    return ops_of(backend)->open(&backend->instance, flags);
}

// What the backend says of itself, open or not.
static void learn(struct varve_backend *backend)
{
    struct varve_backend_stats stats = {.state = 0};
    ops_of(backend)->stats(&backend->instance, &stats);
    backend->persistent = stats.persistent;
    memcpy(backend->where, stats.where, sizeof backend->where);
}

int varve_backend_open_store(struct varve_host *host, struct varve_backend *backend)
{
    const struct varve_arena before = host->arena;
    const bool writes = (host->flags & VARVE_HOST_READ_ONLY) == 0;
    const bool as_is = (host->flags & VARVE_HOST_AS_IS) != 0;
    unsigned flags = writes ? 0 : VARVE_BACKEND_READ_ONLY;
    int rc = open_sound(backend, as_is ? flags | VARVE_BACKEND_AS_IS : flags);
    const bool damaged =
        rc == VARVE_E_CORRUPT ||
        (rc == VARVE_E_IO && backend->failures_in_row > 0 && varve_backend_gives_up(backend));
    if (damaged && writes && !as_is && ops_of(backend)->salvage != NULL) {
        varve_arena_return(&host->arena, &before);
        rc = varve_salvage(host, backend);
    }
    backend->doubtful = backend->doubtful && rc != 0;
    if (rc == 0) {
        learn(backend);
        if (!backend->persistent ||
            varve_port_path_identify(backend->where, &backend->identity) != 0) {
            backend->identity = 0; // raw flash, or memory, cannot be moved away
        }
    }
    return rc;
}

// ---- while the host is made ---------------------------------------------------------------------

static int make_backend(struct varve_host *host, struct varve_backend *backend)
{
    const struct varve_instance_conf *conf = backend->conf;
    backend->account.page_bytes = (uint32_t)host->conf->wear.page;
    backend->account.erase_bytes = (uint32_t)host->conf->wear.erase_block;
    backend->instance = (struct varve_instance){.plugin = conf->plugin,
                                                .name = conf->name,
                                                .host = host,
                                                .options = conf->options,
                                                .account = &backend->account};
    backend->instance.state = varve_arena_take_zeroed(&host->arena, 1, conf->plugin->state_size);
    int rc = backend->instance.state != NULL ? 0 : VARVE_E_NO_MEMORY;
    rc = rc == 0 ? varve_port_mutex_init(&backend->lock) : rc;
    return rc == 0 ? varve_port_signal_init(&backend->wake) : rc;
}

// A persistent store that is known to be of no use now: it is closed again.
static bool is_held(const struct varve_host *host, struct varve_backend *backend)
{
    const bool held = host->unreadable != 0 && backend->persistent;
    if (held) {
        ops_of(backend)->close(&backend->instance);
    }
    return held;
}

static int open_backend(struct varve_host *host, const struct varve_instance_conf *conf, char *why,
                        size_t why_cap)
{
    if (host->backend_count == VARVE_MAX_BACKENDS) {
        varve_explain(why, why_cap, "at most %u backends can be configured", VARVE_MAX_BACKENDS);
        return VARVE_E_FULL;
    }
    struct varve_backend *backend = &host->backends[host->backend_count++];
    *backend = (struct varve_backend){.conf = conf};
    int rc = make_backend(host, backend);
    const struct varve_arena before = host->arena;
    rc = rc == 0 ? varve_backend_open_store(host, backend) : rc;
    const bool held = rc == 0 && is_held(host, backend);
    if (held || varve_can_wait(host, rc)) {
        rc = held ? host->unreadable : rc;
        varve_arena_return(&host->arena, &before);
        learn(backend);
        varve_backend_note(host, backend, rc, varve_port_boot_ms());
        return 0;
    }
    if (rc != 0) {
        varve_explain(why, why_cap, "backend %s: %s", conf->name, reason_of(backend, rc));
        return rc;
    }
    atomic_store(&backend->opened, true);
    backend->reopens = true;
    varve_backend_note_flash(backend);
    return 0;
}

int varve_backends_open(struct varve_host *host, char *why, size_t why_cap)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < host->conf->instance_count; i++) {
        const struct varve_instance_conf *conf = &host->conf->instances[i];
        if (conf->enabled && conf->plugin->kind == VARVE_BACKEND) {
            rc = open_backend(host, conf, why, why_cap);
        }
    }
    return rc;
}

// ---- what others ask of it ----------------------------------------------------------------------

int varve_backend_next(struct varve_backend *backend, unsigned tier,
                       const struct varve_block_key *after, int64_t from_ms,
                       struct varve_block_key *out)
{
    int rc = VARVE_E_NOT_FOUND;
    varve_port_mutex_lock(&backend->lock);
    if (varve_backend_is_open(backend)) {
        rc = ops_of(backend)->next(&backend->instance, tier, after, from_ms, out);
    }
    varve_port_mutex_unlock(&backend->lock);
    return rc;
}

int varve_backend_get(struct varve_backend *backend, unsigned tier,
                      const struct varve_block_key *key, void *buf, size_t cap)
{
    int rc = VARVE_E_NOT_FOUND;
    varve_port_mutex_lock(&backend->lock);
    if (varve_backend_is_open(backend)) {
        rc = ops_of(backend)->get(&backend->instance, tier, key, buf, cap);
    }
    varve_port_mutex_unlock(&backend->lock);
    return rc;
}

int varve_host_waits(struct varve_host *host)
{
    int waits = 0;
    for (size_t b = 0; b < host->backend_count; b++) {
        const struct varve_backend *backend = &host->backends[b];
        if (atomic_load(&backend->ready)) {
            return VARVE_WAITS_READY;
        }
        waits = varve_backend_is_open(backend) ? waits : VARVE_WAITS;
    }
    return waits;
}
