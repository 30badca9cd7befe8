// SPDX-License-Identifier: Apache-2.0
// What must hold of a damaged store. See README.md.
//
// Threading: one task.
#include <stdarg.h>

#include "core/host_state.h"
#include "damage.h"

#define VERSION_AT 60u // the schema's version in the header of a database

static int bad(char *why, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int bad(char *why, size_t cap, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, cap, format, args);
    va_end(args);
    return -1;
}

static bool is_whole(const struct copy *copy)
{
    for (uint32_t i = 0; i < copy->count; i++) {
        if (image_is_touched(&copy->range[i])) {
            return false;
        }
    }
    // What the last transaction of a WAL looks like when it is damaged is what a power cut leaves
    // of one that was not acknowledged.
    return !copy->in_wal || copy->range[0].from < image_torn_from();
}

static bool has_copy(const struct block *b, bool in_backup)
{
    for (uint32_t i = 0; i < b->copies; i++) {
        if (b->copy[i].in_backup == in_backup && is_whole(&b->copy[i])) {
            return true;
        }
    }
    return false;
}

static bool backups_are_whole(void)
{
    bool any = false;
    for (uint32_t i = 0; i < image.files; i++) {
        const struct image_file *f = &image.file[i];
        if (f->is_backup && (f->size_now != f->size || memcmp(f->bytes, f->now, f->size) != 0)) {
            return false;
        }
        any = any || f->is_backup;
    }
    return any;
}

static bool is_served(struct varve_host *host, const struct block *b)
{
    static uint8_t buf[VARVE_BLOCK_MAX];
    struct varve_block_info info;
    return varve_store_get(host, b->tier, &b->key, buf, sizeof buf, &info) == 0 &&
           info.length == b->length && memcmp(buf, b->bytes, b->length) == 0;
}

// What the new samples may have overwritten.
static bool has_expired(const struct varve_host *host, const struct block *b)
{
    return b->key.end_ms < varve_port_wall_ms() - host->tiers[b->tier].keep_ms;
}

static int check_blocks(struct varve_host *host, bool salvaged, struct tally *tally, bool later,
                        char *why, size_t cap)
{
    const bool restores = salvaged && backups_are_whole();
    for (uint32_t i = 0; i < image.blocks; i++) {
        const struct block *b = &image.block[i];
        const bool untouched = has_copy(b, false);
        const bool restored = restores && has_copy(b, true);
        const bool served = is_served(host, b);
        tally->blocks++;
        tally->untouched += untouched;
        tally->served += served;
        if ((untouched || restored) && !served && !(later && has_expired(host, b))) {
            return bad(why, cap, "block %u of tier %u, %u bytes, is %s and not served (%s)",
                       b->key.seq, b->tier, b->length, untouched ? "untouched" : "in the backup",
                       salvaged ? "salvaged" : "not salvaged");
        }
    }
    return 0;
}

// Whether the name stands undamaged wherever it stood: nothing tells which of two is the right one.
static bool is_name_whole(const char *name)
{
    const size_t n = strlen(name);
    bool any = false;
    for (uint32_t i = 0; i < image.files; i++) {
        const struct image_file *f = &image.file[i];
        for (uint32_t at = 0; at + n + 48 <= f->size; at++) {
            const uint8_t *p = memchr(f->bytes + at, name[0], f->size - at);
            at = p == NULL ? f->size : (uint32_t)(p - f->bytes);
            if (p == NULL || at + n + 48 > f->size || memcmp(p, name, n) != 0) {
                continue;
            }
            // The row and what is around it on the page.
            const uint32_t from = at < 4096 ? 0 : at - 4096;
            const uint32_t to = at + 8192 < f->size ? at + 8192 : f->size;
            any = true;
            if (to > f->size_now || memcmp(f->bytes + from, f->now + from, to - from) != 0) {
                return false;
            }
        }
    }
    return any;
}

static int check_names(struct varve_host *host, struct tally *tally, char *why, size_t cap)
{
    for (uint32_t i = 0; i < image.series; i++) {
        struct varve_series_def def = {.text = "none"};
        varve_series_id id = (varve_series_id)i;
        (void)varve_host_series(host, &id, &def); // it may be gone
        if (strcmp(def.text, image.name[i]) == 0) {
            continue;
        }
        tally->renamed++;
        if (is_name_whole(image.name[i])) {
            return bad(why, cap, "series %u is called %s instead of %s", i, def.text,
                       image.name[i]);
        }
    }
    return 0;
}

static bool may_be_refused(int rc)
{
    const struct range version = {0, VERSION_AT, VERSION_AT + 4};
    return rc == VARVE_E_VERSION && image_is_touched(&version);
}

static int close_host(struct varve_host *host, char *why, size_t cap)
{
    int rc = varve_host_shutdown(host);
    return rc == 0 ? 0 : bad(why, cap, "it does not stop in order: %s", varve_strerror(rc));
}

static int check_again(bool salvaged, char *why, size_t cap)
{
    struct tally ignored = {0};
    struct varve_stats stats;
    struct varve_host *host;
    char text[512];
    if (kind_open(&host, 0, text, sizeof text) != 0) {
        return bad(why, cap, "does not start a second time: %s", text);
    }
    varve_host_stats(host, &stats);
    if (stats.backends[0].salvages != 0) {
        return bad(why, cap, "is salvaged a second time");
    }
    int rc = check_blocks(host, salvaged, &ignored, true, why, cap);
    return rc == 0 ? close_host(host, why, cap) : rc;
}

// The power goes at a moment of the start, in which there may be a salvage.
void verdict_cut(struct test_random *random)
{
    const struct varve_sim_faults faults = {
        .seed = random_bits(random), .write_back = random_below(random, 2) == 0, .calls = true};
    struct varve_host *host = NULL;
    char why[512];
    varve_sim_set_faults(&faults);
    varve_sim_cut_at(varve_sim_operations() + 1 + random_below(random, 400));
    if (kind_open(&host, 0, why, sizeof why) == 0) {
        varve_sim_cut();                 // it was over before
        (void)varve_host_shutdown(host); // without power
    }
    varve_sim_set_faults(NULL);
    varve_sim_boot(1000);
}

int verdict(struct tally *tally, char *why, size_t cap)
{
    struct varve_stats stats;
    struct varve_host *host;
    char text[512];
    tally->images++;
    int rc = kind_open(&host, 0, text, sizeof text);
    if (rc != 0) {
        tally->refused++;
        return may_be_refused(rc) ? 0 : bad(why, cap, "does not start: %d, %s", rc, text);
    }
    varve_host_stats(host, &stats);
    const struct varve_backend_stats *b = &stats.backends[0];
    const bool salvaged = b->salvages > 0;
    tally->salvaged += salvaged;
    tally->restored += b->salvage_restored;
    tally->lost += b->salvage_lost;
    rc = check_blocks(host, salvaged, tally, false, why, cap);
    rc = rc == 0 ? check_names(host, tally, why, cap) : rc;
    if (rc == 0 && kind_push(host, 20) != 0) {
        rc = bad(why, cap, "stores no new samples");
    }
    if (rc != 0) {
        return rc;
    }
    rc = close_host(host, why, cap);
    return rc == 0 ? check_again(salvaged, why, cap) : rc;
}
