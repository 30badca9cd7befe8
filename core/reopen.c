// SPDX-License-Identifier: Apache-2.0
// Opening stores later: those that could not be reached while the host was made, or that turned out
// to be damaged while they were in use.
//
// With VARVE_HOST_WAIT a store on a device that is not there, full, read-only or failing is no
// reason not to start: collecting begins, blocks wait in the outbox, and the backend's task tries
// to open it, at growing intervals, for ever. What no waiting can mend (options, a file of somebody
// else or of a later version, another process that has it) stops the start as it always does.
//
// What becomes of a store that is opened late depends on whether the blocks in RAM go with it:
//
//   join     Series ids and the numbers of blocks are the store's own: it was open before, or
//            another persistent store was open from the start, which has the same. It takes the
//            blocks that wait.
//   ready    The host began without knowing any store, and gave out ids and numbers of its own. The
//            store is whole by now, salvaged if need be, and closed again; whoever runs the host
//            starts the next one with it and hands over what is in RAM (handover.c).
//
// A device that fails is waited for. When it still fails after PATIENCE tries, what can be read is
// salvaged without what cannot, as damage is.
//
// A store that is not open is touched by its backend's task alone. `opened` changes under the
// backend's lock; under open_lock one task at a time opens, since what it takes of the arena is
// given back when it fails.
#include "host_state.h"

// Tries that fail before a part of a store that cannot be read is taken for lost: some minutes.
#define PATIENCE 9u
// Failures in a row after which an open store is opened anew.
#define DEAD_FAILURES 3u
// A store that turns out to be damaged again within this time is salvaged, and not at once.
#define DOUBT_MS INT64_C(600000)

static const struct varve_backend_ops *ops_of(const struct varve_backend *backend)
{
    return backend->instance.plugin->backend;
}

bool varve_backend_gives_up(const struct varve_backend *backend)
{
    const bool waits = (backend->instance.host->flags & VARVE_HOST_WAIT) != 0;
    return !waits || backend->failures_in_row >= PATIENCE;
}

bool varve_can_wait(const struct varve_host *host, int rc)
{
    const bool may = (host->flags & VARVE_HOST_WAIT) != 0;
    return may && (rc == VARVE_E_IO || rc == VARVE_E_NO_SPACE || rc == VARVE_E_READ_ONLY ||
                   rc == VARVE_E_NOT_FOUND || rc == VARVE_E_DENIED || rc == VARVE_E_TIMEOUT);
}

// Whether ids and numbers in RAM are those of the store.
static bool can_join(const struct varve_host *host, const struct varve_backend *backend)
{
    bool known = backend->reopens;
    for (size_t b = 0; b < host->backend_count; b++) {
        const struct varve_backend *other = &host->backends[b];
        known |= other != backend && other->persistent && varve_backend_is_open(other);
    }
    return known;
}

// No number is given out twice: the store may be ahead of the others.
static void continue_numbers(struct varve_host *host, struct varve_backend *backend)
{
    for (unsigned tier = 0; tier < host->tier_count; tier++) {
        struct varve_block_key key = {.seq = 0};
        uint32_t next = 0;
        bool started = false;
        while ((backend->conf->tiers >> tier & 1u) != 0 &&
               ops_of(backend)->next(&backend->instance, tier, started ? &key : NULL, INT64_MIN,
                                     &key) == 0) {
            next = key.seq >= next ? key.seq + 1 : next;
            started = true;
        }
        varve_port_mutex_lock(&host->store_lock);
        host->next_seq[tier] = next > host->next_seq[tier] ? next : host->next_seq[tier];
        varve_port_mutex_unlock(&host->store_lock);
    }
}

static int join(struct varve_host *host, struct varve_backend *backend)
{
    char why[VARVE_MESSAGE_TEXT] = "";
    int rc = varve_dictionary_load(host, backend, why, sizeof why);
    if (rc != 0) {
        varve_instance_fail(&backend->instance, "%s", why[0] != '\0' ? why : varve_strerror(rc));
        return rc;
    }
    if (backend->reopens) {
        backend->defined = 0; // those that are damaged or missing now are written anew
    }
    rc = varve_backup_init(host, backend);
    if (rc != 0) {
        return rc;
    }
    continue_numbers(host, backend);
    varve_port_mutex_lock(&backend->lock);
    backend->reopens = true;
    atomic_store(&backend->opened, true);
    varve_store_changed(host);
    varve_port_mutex_unlock(&backend->lock);
    return 0;
}

// Under open_lock.
static int try_once(struct varve_host *host, struct varve_backend *backend)
{
    const struct varve_arena before = host->arena;
    backend->reason.text[0] = '\0';
    int rc = varve_backend_open_store(host, backend);
    if (rc == 0) {
        host->most_memory =
            host->arena.used > host->most_memory ? host->arena.used : host->most_memory;
        if (can_join(host, backend)) {
            rc = join(host, backend);
            if (rc == 0) {
                return 0;
            }
        } else {
            atomic_store(&backend->ready, true);
        }
        ops_of(backend)->close(&backend->instance);
    } else if (rc == VARVE_E_NO_MEMORY && backend->reopens) {
        atomic_store(&backend->ready, true); // the next host begins with an empty arena
    }
    varve_arena_return(&host->arena, &before);
    return rc;
}

int64_t varve_backend_try_open(struct varve_host *host, struct varve_backend *backend,
                               int64_t now_ms)
{
    if (backend->retry_ms > now_ms) {
        return backend->retry_ms - now_ms;
    }
    varve_port_mutex_lock(&host->open_lock);
    int rc = try_once(host, backend);
    atomic_store(&host->memory_used, (uint32_t)host->arena.used);
    varve_port_mutex_unlock(&host->open_lock);
    const bool ready = atomic_load(&backend->ready);
    varve_backend_note_flash(backend);
    if (ready) { // it stays in its state until the next host has it
        backend->failures_in_row = 0;
        rc = atomic_load(&backend->state);
    }
    varve_backend_note(host, backend, rc, now_ms);
    varve_port_signal_raise(&host->progress);
    return rc == 0 ? 0 : backend->retry_ms - now_ms;
}

static void close_store(struct varve_host *host, struct varve_backend *backend)
{
    varve_port_mutex_lock(&host->open_lock);
    varve_port_mutex_lock(&backend->lock);
    atomic_store(&backend->opened, false);
    ops_of(backend)->close(&backend->instance);
    varve_port_mutex_unlock(&backend->lock);
    varve_port_mutex_unlock(&host->open_lock);
}

// A card that was pulled and is back, or a filesystem that was mounted again, is another device for
// the system: files that were open on it stay dead.
void varve_backend_doubt(struct varve_host *host, struct varve_backend *backend, int rc,
                         int64_t now_ms)
{
    const bool damaged = rc == VARVE_E_CORRUPT && ops_of(backend)->salvage != NULL;
    const bool dead = varve_can_wait(host, rc) && rc != VARVE_E_NO_SPACE &&
                      backend->failures_in_row >= DEAD_FAILURES;
    const bool may = (host->flags & (VARVE_HOST_READ_ONLY | VARVE_HOST_AS_IS)) == 0;
    if (!may || !backend->persistent || (!damaged && !dead)) {
        return;
    }
    varve_log(VARVE_WARNING, backend->instance.name, "the store is opened anew: %s",
              varve_strerror(rc));
    close_store(host, backend);
    backend->doubtful = damaged && backend->doubted_ms != 0 &&
                        now_ms - backend->doubted_ms < DOUBT_MS; // it did not help
    backend->retry_ms = backend->doubtful ? now_ms + DOUBT_MS : backend->retry_ms;
    backend->doubted_ms = damaged ? now_ms : backend->doubted_ms;
}

// A directory that was moved away takes the open files along, and a filesystem that is mounted over
// it hides them: what is written to them is no longer where the store is looked for. Returns what
// is wrong with what is there now, NULL: nothing.
static const char *wrong_place(const struct varve_backend *backend)
{
    uint32_t identity = backend->identity;
    int rc = identity != 0 ? varve_port_path_identify(backend->where, &identity) : 0;
    if (rc == VARVE_E_NOT_FOUND) {
        return "is not there any more";
    }
    if (rc == 0 && identity != backend->identity) {
        return "is another one now: replaced, or a filesystem was mounted over it";
    }
    return NULL;
}

bool varve_backend_is_gone(struct varve_host *host, struct varve_backend *backend, int64_t now_ms)
{
    if ((host->flags & (VARVE_HOST_READ_ONLY | VARVE_HOST_WAIT)) != VARVE_HOST_WAIT) {
        return false;
    }
    const char *wrong = wrong_place(backend);
    if (wrong != NULL) {
        varve_instance_fail(&backend->instance, "%s %s", backend->where, wrong);
    } else if (!varve_backend_has_medium(backend)) {
        varve_instance_fail(&backend->instance, "%s is not there any more", backend->conf->needs);
    } else {
        return false;
    }
    varve_backend_note(host, backend, VARVE_E_NOT_FOUND, now_ms);
    close_store(host, backend);
    return true;
}

// ---- forgetting ---------------------------------------------------------------------------------

int varve_backend_forget(struct varve_host *host, struct varve_backend *backend)
{
    const struct varve_arena before = host->arena;
    atomic_store(&backend->opened, false);
    ops_of(backend)->close(&backend->instance);
    int rc = ops_of(backend)->open(&backend->instance, VARVE_BACKEND_ANEW);
    if (rc != 0) {
        varve_arena_return(&host->arena, &before);
    }
    atomic_store(&backend->opened, rc == 0);
    return rc;
}

void varve_backends_forget(struct varve_host *host)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        if (varve_backend_is_open(backend) && !backend->persistent) {
            (void)varve_backend_forget(host, backend); // closed, it is forgotten as well
        }
    }
}
