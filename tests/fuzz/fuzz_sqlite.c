// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as the database file of the sqlite backend, opened for reading only.
//
// What must hold: it is refused with a sentence or read to its end; blocks come in key order, so
// that a walk ends; what get() returns fits; nothing at all is written. SQLite itself is the
// system's and is not instrumented: coverage is that of the backend.
//
// The file lies in memory where /dev/shm is one, else in /tmp, under a name of this process.
// Threading: one task.
#include <unistd.h>

#include "fuzz_store.h"

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

static void read_all(void)
{
    const struct varve_backend_ops *ops = varve_backend_sqlite.backend;
    struct varve_backend_stats stats = {0};
    size_t sum = 0;
    (void)fuzz_read_tiers(&host); // an error is as good, here and below: the image is damaged
    (void)ops->load_series(&host.instance, fuzz_visit_series, &sum);
    (void)ops->load_events(&host.instance, INT64_MIN, INT64_MAX, fuzz_visit_event, &sum);
    for (unsigned tier = 0; tier < host.tier_count; tier++) {
        fuzz_read_blocks(&host, tier, BLOCKS_MAX);
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
