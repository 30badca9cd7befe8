// SPDX-License-Identifier: Apache-2.0
// One damaged block in a store that is sound otherwise: it is put back from where it is whole.
//
// Whoever reads a block that is damaged notes it here, and goes on without it. The backend's own
// task looks at what was noted: a block that is damaged still is looked for in the other stores,
// then in the backups, the newest first; each of them is verified as a whole before anything is
// taken from it. Only the same block is taken: of the same tier, with the same number, first and
// last time. It is written like a block that `varve prune` replaces, in a transaction of its own,
// so a power cut leaves the damaged block or the whole one.
//
// What is nowhere whole is told once and stays as it is, since it may be readable again by another
// version, or to somebody with a hex editor. But a store with such a block has no backups, which
// are verified: when one fails for that reason, all blocks are looked at, and those that are lost
// give up their place.
//
// Threading: notes by any task; the rest on the backend's task, without its lock.
#include "backup_files.h"
#include "host_state.h"

static const struct varve_backend_ops *ops_of(const struct varve_backend *backend)
{
    return backend->instance.plugin->backend;
}

static bool is_same(const struct varve_block_key *a, const struct varve_block_key *b)
{
    return a->start_ms == b->start_ms && a->end_ms == b->end_ms && a->seq == b->seq;
}

// ---- notes --------------------------------------------------------------------------------------

static bool is_noted(const struct varve_mend_key *keys, uint32_t count, unsigned tier,
                     const struct varve_block_key *key)
{
    for (uint32_t i = 0; i < count; i++) {
        if (keys[i].tier == tier && is_same(&keys[i].key, key)) {
            return true;
        }
    }
    return false;
}

static uint32_t lost_count(const struct varve_mend *mend)
{
    return mend->lost_next < VARVE_MEND_KEYS ? mend->lost_next : VARVE_MEND_KEYS;
}

void varve_mend_note(struct varve_backend *backend, unsigned tier,
                     const struct varve_block_key *key)
{
    struct varve_mend *mend = backend->mend;
    if (mend == NULL) {
        return;
    }
    varve_port_mutex_lock(&backend->lock);
    if (mend->wanted_count < VARVE_MEND_KEYS && // else it is noted by a later read
        !is_noted(mend->wanted, mend->wanted_count, tier, key) &&
        !is_noted(mend->lost, lost_count(mend), tier, key)) {
        mend->wanted[mend->wanted_count++] = (struct varve_mend_key){.tier = tier, .key = *key};
        varve_port_signal_raise(&backend->wake);
    }
    varve_port_mutex_unlock(&backend->lock);
}

static bool take_note(struct varve_backend *backend, struct varve_mend_key *out)
{
    struct varve_mend *mend = backend->mend;
    varve_port_mutex_lock(&backend->lock);
    const bool any = mend->wanted_count > 0;
    if (any) {
        *out = mend->wanted[--mend->wanted_count];
    }
    varve_port_mutex_unlock(&backend->lock);
    return any;
}

// ---- looking for it -----------------------------------------------------------------------------

struct mending {
    struct varve_host *host;
    struct varve_backend *backend;
    struct varve_mend_key what;
    struct varve_block_info info; // of the copy in `buf` of struct varve_mend
    char source[VARVE_PATH_TEXT]; // where it is whole
};

// Reads a store's block into the buffer. Returns 0, or VARVE_E_CORRUPT, VARVE_E_NOT_FOUND, ...
static int read_from(struct mending *m, struct varve_backend *backend)
{
    void *buf = m->backend->mend->buf;
    int rc = varve_backend_get(backend, m->what.tier, &m->what.key, buf, VARVE_BLOCK_MAX);
    rc = rc > 0 ? varve_block_open(buf, (size_t)rc, &m->info) : rc;
    return rc == 0 && !is_same(&m->info.key, &m->what.key) ? VARVE_E_CORRUPT : rc;
}

static bool find_in_stores(struct mending *m)
{
    for (size_t b = 0; b < m->host->backend_count; b++) {
        struct varve_backend *other = &m->host->backends[b];
        const bool holds = (other->conf->tiers >> m->what.tier & 1u) != 0;
        if (other != m->backend && holds && read_from(m, other) == 0) {
            (void)varve_format(m->source, sizeof m->source, "store %s", other->instance.name);
            return true;
        }
    }
    return false;
}

static bool is_stopped(void *arg)
{
    const struct mending *m = arg;
    varve_beat_goes_on(&m->backend->beat);
    return atomic_load(&m->host->stopping);
}

// One backup is read as a whole, once for all blocks that come from it.
static int find_in_backup(struct mending *m, int64_t time_ms)
{
    struct varve_mend *mend = m->backend->mend;
    const struct varve_backend_ops *ops = ops_of(m->backend);
    struct varve_backup backup = {
        .path = m->source, .buf = mend->buf, .stopped = is_stopped, .arg = m};
    int rc = varve_backup_path(&m->backend->backup.place, time_ms, "", m->source, sizeof m->source);
    if (rc == 0 && mend->verified_ms != time_ms) {
        rc = ops->verify_backup(&m->backend->instance, &backup);
    }
    if (rc != 0) {
        return rc;
    }
    mend->verified_ms = time_ms;
    rc = ops->backup_block(&m->backend->instance, &backup, m->what.tier == 0,
                           (uint32_t)m->host->tiers[m->what.tier].step_ms, &m->what.key);
    return rc > 0 ? varve_block_open(mend->buf, (size_t)rc, &m->info) : rc;
}

// Returns 0, VARVE_E_NOT_FOUND, or VARVE_E_CLOSED when the host stops.
static int find_in_backups(struct mending *m)
{
    int64_t time_ms = INT64_MAX;
    if (ops_of(m->backend)->backup_block == NULL || m->backend->backup.buf == NULL) {
        return VARVE_E_NOT_FOUND;
    }
    while (varve_backup_newest(&m->backend->backup.place, time_ms - 1, &time_ms) == 0) {
        int rc = find_in_backup(m, time_ms);
        if (rc == 0 || rc == VARVE_E_CLOSED) {
            return rc;
        }
    }
    return VARVE_E_NOT_FOUND;
}

// ---- putting it back ----------------------------------------------------------------------------

// `length` 0: removes it.
static int put_back(struct mending *m, uint32_t length)
{
    struct varve_backend *backend = m->backend;
    const struct varve_backend_ops *ops = ops_of(backend);
    int rc = VARVE_E_NOT_FOUND;
    varve_port_mutex_lock(&backend->lock);
    if (varve_backend_is_open(backend)) {
        rc = ops->replace(&backend->instance, m->what.tier, &m->what.key,
                          length > 0 ? backend->mend->buf : NULL, length);
        rc = rc == 0 ? ops->commit(&backend->instance) : rc;
        if (rc != 0) {
            ops->abort(&backend->instance);
        }
        varve_store_changed(m->host);
        varve_backend_note_flash(backend);
    }
    varve_port_mutex_unlock(&backend->lock);
    return rc;
}

static void say(const struct mending *m, enum varve_severity severity, const char *kind,
                const char *what)
{
    const struct varve_block_key *key = &m->what.key;
    char payload[VARVE_PAYLOAD_TEXT], stamp[VARVE_BACKUP_STAMP + 1];
    varve_backup_stamp(key->start_ms, stamp);
    (void)varve_format(payload, sizeof payload,
                       "{\"tier\":\"%s\",\"from_ms\":%lld,\"to_ms\":%lld,\"block\":%u}",
                       m->host->tiers[m->what.tier].name, (long long)key->start_ms,
                       (long long)key->end_ms, key->seq);
    varve_event_add(m->host, severity, m->backend->instance.name, kind, true, 1, payload,
                    "a block of tier %s, %lld s from %s on, was damaged: %s%s",
                    m->host->tiers[m->what.tier].name,
                    (long long)(key->end_ms - key->start_ms) / 1000, stamp + 1, what, m->source);
}

static void count(struct mending *m, bool restored)
{
    struct varve_mend *mend = m->backend->mend;
    varve_port_mutex_lock(&m->backend->lock);
    mend->restored += restored;
    if (!restored) {
        mend->lost[mend->lost_next % VARVE_MEND_KEYS] = m->what;
        mend->lost_next++;
    }
    varve_port_mutex_unlock(&m->backend->lock);
}

// The number of the newest block stays taken: recovery goes on from it.
static bool is_newest(const struct mending *m)
{
    struct varve_block_key key;
    bool started = false;
    uint32_t newest = 0;
    while (varve_backend_next(m->backend, m->what.tier, started ? &key : NULL, INT64_MIN, &key) ==
           0) {
        newest = key.seq > newest ? key.seq : newest;
        started = true;
    }
    return m->what.key.seq >= newest;
}

static int give_up(struct mending *m, bool remove)
{
    struct varve_mend *mend = m->backend->mend;
    const bool known = is_noted(mend->lost, lost_count(mend), m->what.tier, &m->what.key);
    const bool goes = remove && !is_newest(m);
    int rc = goes ? put_back(m, 0) : 0;
    m->source[0] = '\0';
    if (!known) {
        count(m, false);
        say(m, VARVE_ERROR, "block_lost",
            goes ? "it is whole nowhere else, and removed" : "it is whole nowhere else");
    }
    return rc != 0 ? rc : goes;
}

// Returns 1 when the store was changed, 0, or an error.
static int mend(struct mending *m, bool remove)
{
    if (m->backend->mend->buf == NULL) {
        return give_up(m, false);
    }
    int rc = read_from(m, m->backend);
    if (rc != VARVE_E_CORRUPT) { // whole after all, or gone, or of a device that fails
        return 0;
    }
    rc = find_in_stores(m) ? 0 : find_in_backups(m);
    if (rc == VARVE_E_CLOSED) {
        return rc;
    }
    if (rc != 0) {
        return give_up(m, remove);
    }
    rc = put_back(m, m->info.length);
    if (rc == 0) {
        count(m, true);
        say(m, VARVE_WARNING, "block_restored", "it was restored from ");
    }
    return rc == 0 ? 1 : rc;
}

// ---- the whole ----------------------------------------------------------------------------------

static bool may_write(const struct varve_host *host, const struct varve_backend *backend)
{
    return backend->mend != NULL && varve_backend_is_open(backend) &&
           (host->flags & (VARVE_HOST_READ_ONLY | VARVE_HOST_AS_IS)) == 0;
}

void varve_mend_step(struct varve_host *host, struct varve_backend *backend, int64_t now_ms)
{
    struct mending m = {.host = host, .backend = backend};
    if (!may_write(host, backend) || !take_note(backend, &m.what)) {
        return;
    }
    int rc = mend(&m, false);
    if (rc < 0 && rc != VARVE_E_CLOSED && rc != VARVE_E_NOT_FOUND) {
        varve_backend_note(host, backend, rc, now_ms);
        varve_backend_doubt(host, backend, rc, now_ms);
    }
}

int varve_mend_noted(struct varve_host *host)
{
    int changed = 0;
    for (size_t b = 0; b < host->backend_count; b++) {
        struct mending m = {.host = host, .backend = &host->backends[b]};
        while (may_write(host, m.backend) && take_note(m.backend, &m.what)) {
            changed += mend(&m, false) > 0; // what fails is met again
        }
    }
    return changed;
}

int varve_mend_all(struct varve_host *host, struct varve_backend *backend, bool remove)
{
    const bool can = may_write(host, backend) && backend->mend->buf != NULL;
    int changed = 0;
    for (unsigned tier = 0; can && tier < host->tier_count; tier++) {
        struct mending m = {.host = host, .backend = backend, .what = {.tier = tier}};
        const struct varve_block_key *after = NULL;
        while ((backend->conf->tiers >> tier & 1u) != 0 &&
               varve_backend_next(backend, tier, after, INT64_MIN, &m.what.key) == 0) {
            const int rc = is_stopped(&m) ? VARVE_E_CLOSED : mend(&m, remove);
            if (rc < 0) {
                return rc;
            }
            changed += rc;
            after = &m.what.key;
        }
    }
    return changed;
}

// Whether another store that survives a power cut keeps some of the same tiers.
static bool has_another(const struct varve_host *host, const struct varve_backend *backend)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        const struct varve_backend *other = &host->backends[b];
        if (other != backend && other->persistent &&
            (other->conf->tiers & backend->conf->tiers) != 0) {
            return true;
        }
    }
    return false;
}

int varve_mend_init(struct varve_host *host, struct varve_backend *backend)
{
    if ((host->flags & (VARVE_HOST_READ_ONLY | VARVE_HOST_AS_IS)) != 0 || !backend->persistent ||
        ops_of(backend)->replace == NULL) {
        return 0;
    }
    if (backend->mend == NULL) { // else it was open before
        backend->mend = varve_arena_take_zeroed(&host->arena, 1, sizeof *backend->mend);
    }
    struct varve_mend *mend = backend->mend;
    if (mend == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    mend->verified_ms = INT64_MIN;
    if (mend->buf == NULL) {
        mend->buf = backend->backup.buf;
    }
    if (mend->buf == NULL && has_another(host, backend)) {
        mend->buf = varve_arena_take(&host->arena, VARVE_BLOCK_MAX, sizeof(void *));
        return mend->buf != NULL ? 0 : VARVE_E_NO_MEMORY;
    }
    return 0;
}

void varve_mend_stats(const struct varve_backend *backend, struct varve_backend_stats *out)
{
    out->mend_restored = backend->mend != NULL ? backend->mend->restored : 0;
    out->mend_lost = backend->mend != NULL ? backend->mend->lost_next : 0;
}
