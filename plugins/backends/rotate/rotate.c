// SPDX-License-Identifier: Apache-2.0
// The rotate backend: descriptor, options, open and close, blocks.
//
// Append-only segments that expire as a whole and are then written over: nothing that counts is
// overwritten, so a power cut can only damage what was being written. frame.h describes the bytes,
// segments.c writing, room.c where, scan.c and load.c recovery, media.h what all of it lies on. The
// README says what this costs and where it ends.
//
// Left to others: what is in a block (core), when to flush and what has expired (host).
//
// Threading: the instance's lock.

#include <string.h>

#include "store.h"
#include "varve/host.h"

extern const struct varve_plugin varve_backend_rotate;

#define FIELD(name) offsetof(struct rotate_options, name)
#define KIB         INT64_C(1024)
#define MIB         (1024 * KIB)
#define HOUR        INT64_C(3600000)
#define DAY         (24 * HOUR)

static const char *const codings[] = {"none", "gzip", "zstd", NULL}; // by enum rotate_coding

static const struct varve_option options[] = {
    {"path", VARVE_OPT_STRING, FIELD(path), "segments", 0, 0, NULL,
     "the directory of the segments; a relative path starts in the state directory"},
    {"device", VARVE_OPT_STRING, FIELD(device), "", 0, 0, NULL,
     "a raw NOR flash of the port, as nor0, or image:FILE on Linux, instead of a directory; "
     "segments "
     "are runs of its erase sectors"},
    {"segment", VARVE_OPT_SIZE, FIELD(segment), "1M", 64 * KIB, 256 * MIB, NULL,
     "size at which a segment is closed, in bytes; at most an eighth of size"},
    {"size", VARVE_OPT_SIZE, FIELD(size), "64M", MIB, 1024 * 1024 * MIB, NULL,
     "size of all segments together at which the oldest goes, as a whole, in bytes"},
    {"age", VARVE_OPT_DURATION, FIELD(age_ms), "7d", HOUR, 36500 * DAY, NULL,
     "time that a segment covers at most; never more than the longer of 6 h and 9/32 "
     "of its tier's retention"},
    {"page", VARVE_OPT_SIZE, FIELD(page), "4K", 256, 65536, NULL,
     "page of the flash, a power of two, in bytes; a device pads to its own"},
    {"pad", VARVE_OPT_BOOL, FIELD(pad), "yes", 0, 0, NULL,
     "begin each commit on a new page, so that no page is written twice"},
    {"blocks", VARVE_OPT_INT, FIELD(blocks), "4096", 16, 1000000, NULL,
     "blocks that the index in memory has room for, 48 bytes each; a larger store gets more"},
    {"series", VARVE_OPT_INT, FIELD(series), "2048", 16, VARVE_MAX_SERIES, NULL,
     "series that the index in memory has room for, 48 bytes each; a larger store gets more"},
    {"events", VARVE_OPT_INT, FIELD(events), "1024", 64, 1000000, NULL,
     "events that can be read, the newest; 48 bytes each"},
    {"events_keep", VARVE_OPT_DURATION, FIELD(events_keep_ms), "90d", HOUR, 36500 * DAY, NULL,
     "age after which events are removed"},
    {"compress", VARVE_OPT_CHOICE, FIELD(compress), "none", 0, 0, codings,
     "gzip, zstd: closed segments are written a second time, smaller, where that gains a "
     "sixteenth; blocks as the host makes them hardly gain"},
    VARVE_OPTIONS_END,
};

int rotate_fail(struct rotate_store *s, int rc, const char *doing)
{
    const char *native = varve_port_native_text(varve_port_native_error());

    varve_instance_fail(s->self, "%s: cannot %s: %s%s%s", s->path, doing, varve_strerror(rc),
                        rc == VARVE_E_IO ? ": " : "", rc == VARVE_E_IO ? native : "");
    return rc;
}

// ---- open and close -----------------------------------------------------------------------------

static bool on_device(const struct rotate_store *s)
{
    return s->options->device[0] != '\0';
}

static int check_options(struct rotate_store *s)
{
    const int64_t page = s->options->page;

    if ((page & (page - 1)) != 0) {
        varve_instance_fail(s->self, "page is %lld: a power of two is needed", (long long)page);
        return VARVE_E_INVALID;
    }
    if (on_device(s) && s->options->compress != ROTATE_PLAIN) {
        varve_instance_fail(s->self, "compress needs files: remove it, or the option device");
        return VARVE_E_INVALID;
    }
    return 0;
}

static int resolve_path(struct rotate_store *s)
{
    const char *path = on_device(s) ? s->options->device : s->options->path;
    const bool whole = on_device(s) || path[0] == '/';
    const size_t n =
        varve_format(s->path, sizeof s->path, "%s%s%s",
                     whole ? "" : varve_instance_state_dir(s->self), whole ? "" : "/", path);

    if (path[0] == '\0' || n >= sizeof s->path) {
        varve_instance_fail(s->self, "path is %s", path[0] == '\0' ? "empty" : "too long");
        return VARVE_E_INVALID;
    }
    return 0;
}

static int say_device(struct rotate_store *s, int rc)
{
    if (rc == VARVE_E_NOT_FOUND) {
        varve_instance_fail(s->self, "there is no flash named %s on this port", s->path);
    } else if (rc == VARVE_E_VERSION) {
        varve_instance_fail(s->self,
                            "%s: holds a store of another format version: it is left as "
                            "it is; read it with its own version, or erase the flash",
                            s->path);
    } else if (rc == VARVE_E_CORRUPT) {
        varve_instance_fail(s->self,
                            "%s: holds something that is no store: it is left as it is; "
                            "erase the flash to use it",
                            s->path);
    } else if (rc == VARVE_E_NO_SPACE) {
        varve_instance_fail(s->self, "%s: has too few good sectors for a store", s->path);
    } else {
        return rotate_fail(s, rc, "open the flash");
    }
    return rc;
}

static int say_directory(struct rotate_store *s, int rc)
{
    if (rc == VARVE_E_BUSY) {
        varve_instance_fail(
            s->self, "another process has %s open: stop it, or ask it through its socket", s->path);
    } else if (rc == VARVE_E_NOT_FOUND) {
        varve_instance_fail(s->self, "%s: there is no store in this directory", s->path);
    } else {
        return rotate_fail(s, rc, "open the store");
    }
    return rc;
}

static int open_media(struct rotate_store *s)
{
    s->media.ops = on_device(s) ? rotate_media_nor : rotate_media_file;
    s->media.account = s->self->account;
    if (s->media.ops == NULL) {
        varve_instance_fail(s->self, "this build has no %s for segments: set the option device%s",
                            on_device(s) ? "raw flash" : "files", on_device(s) ? " to \"\"" : "");
        return VARVE_E_UNSUPPORTED;
    }
    int rc = s->media.ops->open(&s->media, s->self, s->path, s->read_only);
    const uint32_t page =
        s->media.page_bytes == 0 ? (uint32_t)s->options->page : s->media.page_bytes;

    s->page = s->options->pad ? page : 0;
    s->opened = true;
    if (rc < 0) {
        return on_device(s) ? say_device(s, rc) : say_directory(s, rc);
    }
    return rc;
}

static void store_close(struct varve_instance *self)
{
    struct rotate_store *s = rotate_of(self);

    if (s->in_txn) {
        rotate_abort(self);
    }
    if (s->opened) {
        s->media.ops->close(&s->media);
        s->opened = false;
    }
}

static int store_open(struct varve_instance *self, unsigned flags)
{
    struct rotate_store *s = rotate_of(self);

    memset(s, 0, sizeof *s);
    s->self = self;
    s->options = self->options;
    s->read_only = (flags & VARVE_BACKEND_READ_ONLY) != 0;
    for (size_t i = 0; i < ROTATE_STREAMS; i++) {
        s->expire_before_ms[i] = INT64_MIN;
    }
    int rc = check_options(s);
    rc = rc == 0 ? resolve_path(s) : rc;
    rc = rc == 0 ? open_media(s) : rc;
    rc = rc == 0 ? rotate_load(s) : rc;
    if (rc < 0) {
        store_close(self);
    }
    return rc;
}

// ---- writing ------------------------------------------------------------------------------------

static int check_put(struct rotate_store *s, const struct varve_put *put)
{
    const size_t tiers = s->tier_count > 0 ? s->tier_count : VARVE_MAX_TIERS;

    if (put->tier >= tiers || put->length < VARVE_BLOCK_HEADER || !rotate_key_is_sane(&put->key)) {
        varve_instance_fail(s->self, "a block of %u bytes for tier %u is none", put->length,
                            put->tier);
        return VARVE_E_INVALID;
    }
    if (put->length > VARVE_BLOCK_MAX) {
        varve_instance_fail(s->self, "a block of %u bytes is too large", put->length);
        return VARVE_E_TOO_BIG;
    }
    return 0;
}

// What the host says of time: when blocks, and so events, have expired.
static void note_expiry(struct rotate_store *s, const struct varve_put *put)
{
    s->cap_bytes[put->tier] = put->cap_bytes;
    s->keep_all = put->expire_before_ms == INT64_MIN;
    if (s->keep_all || s->tier_count == 0) {
        return;
    }
    s->expire_before_ms[put->tier] = put->expire_before_ms;
    s->expire_before_ms[ROTATE_META] =
        put->expire_before_ms + s->tiers[put->tier].keep_ms - s->options->events_keep_ms;
}

// An entry to give up when the index is full. Its frame stays until its segment goes.
static int make_entry_room(struct rotate_store *s, const struct varve_put *put)
{
    if (s->blocks.count < s->blocks.cap) {
        return 0;
    }
    const size_t at = rotate_index_victim(&s->blocks, put->tier, put->expire_before_ms);
    const bool expired = s->blocks.entries[at].tier == put->tier &&
                         s->blocks.entries[at].key.end_ms < put->expire_before_ms;
    if (!expired && s->keep_all) {
        varve_instance_fail(s->self,
                            "%s: holds %zu blocks, all that its index has room for: raise "
                            "the option blocks",
                            s->path, s->blocks.count);
        return VARVE_E_FULL;
    }
    if (!expired && !s->full_logged) {
        s->full_logged = true;
        varve_log(VARVE_WARNING, s->self->name,
                  "%s: %zu blocks fill the index: the oldest are forgotten before they expire; "
                  "raise the option blocks",
                  s->path, s->blocks.count);
    }
    rotate_index_remove(&s->blocks, at);
    return 0;
}

static int store_put(struct varve_instance *self, const struct varve_put *put)
{
    struct rotate_store *s = rotate_of(self);
    struct rotate_entry entry;
    int rc = check_put(s, put);

    if (rc == 0 && s->stale) {
        rc = rotate_reload(s);
    }
    if (rc < 0) {
        return rc;
    }
    note_expiry(s, put);
    const size_t at = rotate_index_exact(&s->blocks, put->tier, &put->key);
    if (at != ROTATE_NONE) { // put again; with no room to note it, the next open finds both
        (void)rotate_note_gone(s, &s->blocks.entries[at]);
        rotate_index_remove(&s->blocks, at);
    }
    rc = make_entry_room(s, put);
    if (rc == 0) {
        rc = rotate_append(s, put->tier, ROTATE_BLOCK, &put->key, put->block, put->length, &entry);
    }
    if (rc == 0) {
        rotate_index_insert(&s->blocks, &entry);
    }
    return rc;
}

static int store_maintain(struct varve_instance *self, int64_t now_boot_ms)
{
    struct rotate_store *s = rotate_of(self);

    (void)now_boot_ms; // age is the data's, not the clock's
    if (s->read_only || s->in_txn) {
        return 0;
    }
    int rc = s->stale ? rotate_reload(s) : 0;
    if (rc == 0 && !s->keep_all) {
        rc = rotate_expire(s);
    }
    if (rc == 0 && s->scrub_due) {
        rc = rotate_scrub(s);
    }
    if (rc == 0 && !s->keep_all) {
        rc = rotate_prepare(s);
    }
    rc = rc == 0 ? rotate_media_maintain(&s->media) : rc;
    return rc == 0 ? rotate_pack(s) : rc;
}

// ---- reading ------------------------------------------------------------------------------------

static int store_next(struct varve_instance *self, unsigned tier,
                      const struct varve_block_key *after, int64_t from_ms,
                      struct varve_block_key *out)
{
    struct rotate_store *s = rotate_of(self);
    int rc = s->stale ? rotate_reload(s) : 0;

    if (rc < 0) {
        return rc;
    }
    size_t i = after == NULL ? rotate_index_find(&s->blocks, tier, INT64_MIN, 0)
                             : rotate_index_find(&s->blocks, tier, after->start_ms, after->seq);
    for (; i < s->blocks.count && s->blocks.entries[i].tier == tier; i++) {
        const struct varve_block_key *key = &s->blocks.entries[i].key;
        const bool same =
            after != NULL && key->start_ms == after->start_ms && key->seq == after->seq;
        if (!same && key->end_ms >= from_ms) {
            *out = *key;
            return 0;
        }
    }
    return VARVE_E_NOT_FOUND;
}

static int store_get(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
                     void *buf, size_t cap)
{
    struct rotate_store *s = rotate_of(self);
    int rc = s->stale ? rotate_reload(s) : 0;

    if (rc < 0) {
        return rc;
    }
    const size_t at = rotate_index_exact(&s->blocks, tier, key);
    if (at == ROTATE_NONE) {
        return VARVE_E_NOT_FOUND;
    }
    const struct rotate_entry *e = &s->blocks.entries[at];
    if (e->length > cap) {
        return VARVE_E_TOO_BIG;
    }
    rc = rotate_read_payload(s, e, buf);
    return rc < 0 ? rotate_fail(s, rc, "read a block") : (int)e->length;
}

static int store_load_tiers(struct varve_instance *self, struct varve_tier *out, size_t cap)
{
    const struct rotate_store *s = rotate_of(self);
    const size_t n = s->tier_count < cap ? s->tier_count : cap;

    memcpy(out, s->tiers, n * sizeof *out);
    return (int)n;
}

static uint32_t store_page_payload(struct varve_instance *self)
{
    const struct rotate_options *options = self->options;

    return options->pad ? (uint32_t)options->page - ROTATE_HEADER : 0;
}

static void store_stats(struct varve_instance *self, struct varve_backend_stats *out)
{
    const struct rotate_store *s = rotate_of(self);

    out->persistent = true;
    out->blocks = (uint32_t)s->blocks.count;
    out->stored_bytes = rotate_bytes(s);
    (void)varve_format(out->where, sizeof out->where, "%s", s->path);
}

static const struct varve_backend_ops ops = {
    .open = store_open,
    .close = store_close,
    .define = rotate_define,
    .put = store_put,
    .event = rotate_event,
    .commit = rotate_commit,
    .abort = rotate_abort,
    .next = store_next,
    .get = store_get,
    .get_checks = true, // the payload's CRC
    .replace = rotate_replace,
    .load_series = rotate_load_series,
    .load_events = rotate_load_events,
    .load_tiers = store_load_tiers,
    .maintain = store_maintain,
    .stats = store_stats,
    .check = rotate_check,
    .page_payload = store_page_payload,
};

const struct varve_plugin varve_backend_rotate = {
    VARVE_PLUGIN_HEADER,
    .name = "rotate",
    .summary = "history in append-only segments, files or raw flash, one stream for each tier",
    .kind = VARVE_BACKEND,
    .options = options,
    .options_size = sizeof(struct rotate_options),
    .state_size = sizeof(struct rotate_store),
    .backend = &ops,
};

VARVE_PLUGIN(varve_backend_rotate);
