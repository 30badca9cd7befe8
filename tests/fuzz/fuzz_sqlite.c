// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as the database file of the sqlite backend, opened for reading only.
//
// What must hold: it is refused with a sentence or read to its end; blocks come in key order, so
// that a walk ends; what get() returns fits; nothing at all is written. SQLite itself is the
// system's and is not instrumented: coverage is that of the backend.
//
// The file lies in memory where /dev/shm is one, else in /tmp, under a name of this process.
// Threading: one task.
#include <stdbool.h>
#include <unistd.h>

#include "fuzz.h"
#include "tests/unit/fake_host.h"

extern const struct varve_plugin varve_backend_sqlite;

// A larger image says nothing more and is slow.
#define IMAGE_MAX 65536u
// More blocks than an image of that size can hold rows.
#define BLOCKS_MAX 65536u

static const struct varve_tier tiers[] = {
    {"raw", 5000, INT64_C(7200000), INT64_C(300000)},
    {"minute", 60000, INT64_C(86400000), INT64_C(3600000)},
};

static struct varve_host host;
static char path[64];

static void remove_file(void)
{
    (void)unlink(path); // not there when no input was tried
}

// One host for all inputs: its memory is large and clearing it is slow.
static void prepare(void)
{
    if (path[0] != '\0') {
        return;
    }
    const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(path, sizeof path, "%s/varve-fuzz-%ld.db", dir, (long)getpid()); // fits
    fake_host_init(&host, &varve_backend_sqlite, dir, tiers, sizeof tiers / sizeof *tiers);
    fake_host_set(&host, "path", path);
    fake_host_set(&host, "blocks", "16");
    FUZZ_CHECK(atexit(remove_file) == 0);
}

static void write_image(const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file != NULL);
    FUZZ_CHECK(fwrite(data, 1, size, file) == size);
    FUZZ_CHECK(fclose(file) == 0);
}

static bool follows(const struct varve_block_key *a, const struct varve_block_key *b)
{
    return b->start_ms > a->start_ms || (b->start_ms == a->start_ms && b->seq > a->seq);
}

static void read_blocks(const struct varve_backend_ops *ops, unsigned tier)
{
    static uint8_t block[VARVE_BLOCK_MAX];
    struct varve_block_key key, next;
    struct varve_block_info info;
    unsigned seen = 0;
    int rc = ops->next(&host.instance, tier, NULL, INT64_MIN, &key);
    while (rc == 0) {
        FUZZ_CHECK(++seen <= BLOCKS_MAX);
        int length = ops->get(&host.instance, tier, &key, block, sizeof block);
        FUZZ_CHECK(length <= (int)sizeof block);
        if (length > 0) {
            (void)varve_block_open(block, (size_t)length, &info); // only that it stays inside
        }
        rc = ops->next(&host.instance, tier, &key, INT64_MIN, &next);
        FUZZ_CHECK(rc != 0 || follows(&key, &next));
        key = next;
    }
    FUZZ_CHECK(rc < 0);
}

static int visit_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    size_t *sum = arg;
    *sum += id + strlen(def->text) + strlen(def->unit) + strlen(def->help);
    FUZZ_CHECK(def->kind == VARVE_GAUGE || def->kind == VARVE_COUNTER);
    return 0;
}

static int visit_event(void *arg, const struct varve_event *event)
{
    size_t *sum = arg;
    FUZZ_CHECK(memchr(event->source, 0, sizeof event->source) != NULL);
    FUZZ_CHECK(memchr(event->kind, 0, sizeof event->kind) != NULL);
    FUZZ_CHECK(memchr(event->message, 0, sizeof event->message) != NULL);
    FUZZ_CHECK(memchr(event->payload, 0, sizeof event->payload) != NULL);
    FUZZ_CHECK((unsigned)event->severity <= VARVE_DEBUG);
    *sum += strlen(event->message);
    return 0;
}

static void check_tiers(const struct varve_backend_ops *ops)
{
    struct varve_tier stored[VARVE_MAX_TIERS];
    int n = ops->load_tiers(&host.instance, stored, VARVE_MAX_TIERS);
    FUZZ_CHECK(n <= (int)VARVE_MAX_TIERS);
    for (int i = 0; i < n; i++) {
        FUZZ_CHECK(memchr(stored[i].name, 0, sizeof stored[i].name) != NULL);
    }
}

static void read_all(void)
{
    const struct varve_backend_ops *ops = varve_backend_sqlite.backend;
    struct varve_backend_stats stats = {0};
    size_t sum = 0;
    check_tiers(ops);
    // Errors are as good as rows here: the image is damaged.
    (void)ops->load_series(&host.instance, visit_series, &sum);
    (void)ops->load_events(&host.instance, INT64_MIN, INT64_MAX, visit_event, &sum);
    for (unsigned tier = 0; tier < host.tier_count; tier++) {
        read_blocks(ops, tier);
    }
    ops->stats(&host.instance, &stats);
    FUZZ_CHECK(memchr(stats.where, 0, sizeof stats.where) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > IMAGE_MAX) {
        return 0;
    }
    prepare();
    write_image(data, size);
    // With the host's tiers, and with those that the store was made with.
    host.tier_count = size % 2 == 0 ? sizeof tiers / sizeof *tiers : 0;
    int rc = fake_host_open(&host, VARVE_BACKEND_READ_ONLY);
    FUZZ_CHECK(rc <= 0);
    FUZZ_CHECK(rc == 0 || host.why[0] != '\0');
    if (rc == 0) {
        read_all();
    }
    fake_host_close(&host);
    FUZZ_CHECK(varve_ledger_flash_bytes(&host.account) == 0);
    return 0;
}
