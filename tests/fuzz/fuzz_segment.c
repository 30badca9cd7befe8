// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as a segment file of the rotate backend, opened for reading, and then as
// the store of a daemon that goes on with it.
//
// What must hold. Reading only: the store opens or says why not; blocks come in key order, so that
// a walk ends; what get() returns fits; nothing is written. Going on: a block that was committed is
// there after the next open, whatever else is in the file; housekeeping ends; blocks can be
// removed; after a repair a check finds nothing.
//
// CRCs are made to fit, of frames whose reserved field is zero, so that more than the CRC is tried.
// The directory lies in memory where /dev/shm is one, else in /tmp, under a name of this process.
// Threading: one task.
#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz_store.h"
#include "varve/crc32c.h"

extern const struct varve_plugin varve_backend_rotate;

// A larger image says nothing more and is slow.
#define IMAGE_MAX 65536u
#define STEPS_MAX 10000u // of walks and of housekeeping
#define HEADER    56u

static const struct varve_tier tiers[] = {
    {"raw", 5000, INT64_C(7200000), INT64_C(300000)},
    {"minute", 60000, INT64_C(86400000), INT64_C(3600000)},
};

static struct varve_host host;
static char dir[64];

// ---- the file -----------------------------------------------------------------------------------

static void remove_files(void)
{
    DIR *entries = opendir(dir);
    char path[512];
    for (struct dirent *e = entries != NULL ? readdir(entries) : NULL; e != NULL;
         e = readdir(entries)) {
        int n = snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        FUZZ_CHECK(n > 0 && (size_t)n < sizeof path);
        FUZZ_CHECK(e->d_name[0] == '.' || unlink(path) == 0);
    }
    if (entries != NULL) {
        (void)closedir(entries); // was only read
    }
}

static void remove_all(void)
{
    remove_files();
    (void)rmdir(dir); // not there when no input was tried
}

// One host for all inputs: its memory is large and clearing it is slow.
static void prepare(void)
{
    if (dir[0] != '\0') {
        return;
    }
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(dir, sizeof dir, "%s/varve-fuzz-%ld", parent, (long)getpid()); // fits
    FUZZ_CHECK(mkdir(dir, 0700) == 0);
    fake_host_init(&host, &varve_backend_rotate, parent, tiers, sizeof tiers / sizeof *tiers);
    fake_host_set(&host, "path", dir);
    fake_host_set(&host, "page", "512");
    fake_host_set(&host, "segment", "64K");
    fake_host_set(&host, "size", "1M");
    fake_host_set(&host, "blocks", "16");
    fake_host_set(&host, "series", "16");
    fake_host_set(&host, "events", "64");
    FUZZ_CHECK(atexit(remove_all) == 0);
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// From the back, since a frame's payload may hold another frame.
static void mend(uint8_t *bytes, size_t size)
{
    for (size_t at = size / 8 * 8; at > 0; at -= 8) {
        uint8_t *p = bytes + at - 8;
        const size_t room = size - (at - 8);
        if (room < HEADER || memcmp(p, "VRVF", 4) != 0 || u32_at(p + 48) != 0) {
            continue;
        }
        const uint32_t length = u32_at(p + 8);
        put_u32(p + 16, (uint32_t)(at - 8));
        if (length <= room - HEADER) {
            put_u32(p + 44, varve_crc32c(0, p + HEADER, length));
        }
        put_u32(p + 52, varve_crc32c(0, p, 52));
    }
}

static void write_image(const uint8_t *data, size_t size)
{
    char path[128];
    uint8_t *copy = fuzz_copy(data, size);
    mend(copy, size);
    (void)snprintf(path, sizeof path, "%s/00000001.seg", dir); // fits
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file != NULL);
    FUZZ_CHECK(fwrite(copy, 1, size, file) == size);
    FUZZ_CHECK(fclose(file) == 0);
    free(copy);
    (void)snprintf(path, sizeof path, "%s/lock", dir); // what makes the directory a store
    file = fopen(path, "wb");
    FUZZ_CHECK(file != NULL && fclose(file) == 0);
}

// ---- reading ------------------------------------------------------------------------------------

static const struct varve_backend_ops *ops(void)
{
    return varve_backend_rotate.backend;
}

static void say(void *arg, const char *text)
{
    ++*(size_t *)arg;
    FUZZ_CHECK(text[0] != '\0');
}

static uint32_t check_store(unsigned flags)
{
    static uint8_t buf[VARVE_BLOCK_MAX];
    size_t lines = 0;
    struct varve_check check = {.flags = flags, .buf = buf, .say = say, .arg = &lines};
    FUZZ_CHECK(ops()->check(&host.instance, &check) == 0);
    uint32_t damaged = check.damaged;
    for (size_t i = 0; i < VARVE_MAX_TIERS; i++) {
        damaged += check.tiers[i].damaged;
    }
    FUZZ_CHECK((damaged > 0) == (lines > 0));
    return damaged;
}

static void read_all(void)
{
    struct varve_backend_stats stats = {0};
    size_t sum = 0;
    FUZZ_CHECK(fuzz_read_tiers(&host) >= 0);
    FUZZ_CHECK(ops()->load_series(&host.instance, fuzz_visit_series, &sum) == 0);
    FUZZ_CHECK(ops()->load_events(&host.instance, INT64_MIN, INT64_MAX, fuzz_visit_event, &sum) ==
               0);
    for (unsigned tier = 0; tier < VARVE_MAX_TIERS; tier++) {
        fuzz_read_blocks(&host, tier, STEPS_MAX);
    }
    ops()->stats(&host.instance, &stats);
    FUZZ_CHECK(stats.stored_bytes <= 2 * 1048576);
    (void)check_store(0);
}

// ---- going on -----------------------------------------------------------------------------------

static const struct varve_block_key ours = {INT64_C(1800000000000), INT64_C(1800000300000), 77};

static void must_open(void)
{
    int rc = fake_host_open(&host, 0);
    if (rc != 0) {
        fprintf(stderr, "open: %d: %s\n", rc, host.why);
    }
    FUZZ_CHECK(rc == 0);
}

static void put_ours(uint8_t *block, uint32_t length)
{
    const struct varve_put put = {
        .key = ours, .block = block, .length = length, .expire_before_ms = INT64_C(1700000000000)};
    memset(block, 0x5a, length);
    FUZZ_CHECK(ops()->put(&host.instance, &put) == 0);
    FUZZ_CHECK(ops()->commit(&host.instance) == 0);
}

static void work_through(void)
{
    unsigned steps = 0;
    int rc = VARVE_E_AGAIN;
    while (rc == VARVE_E_AGAIN) {
        FUZZ_CHECK(++steps <= STEPS_MAX);
        rc = ops()->maintain(&host.instance, 1);
    }
    FUZZ_CHECK(rc == 0);
}

static void has_ours(const uint8_t *block, uint32_t length)
{
    static uint8_t found[VARVE_BLOCK_MAX];
    FUZZ_CHECK(ops()->get(&host.instance, 0, &ours, found, sizeof found) == (int)length);
    FUZZ_CHECK(memcmp(found, block, length) == 0);
}

// Every block but ours.
static void remove_blocks(unsigned tier)
{
    struct varve_block_key key, next;
    int rc = ops()->next(&host.instance, tier, NULL, INT64_MIN, &key);
    for (unsigned seen = 0; rc == 0; seen++) {
        FUZZ_CHECK(seen <= STEPS_MAX);
        rc = ops()->next(&host.instance, tier, &key, INT64_MIN, &next);
        if (key.start_ms != ours.start_ms || key.seq != ours.seq) {
            FUZZ_CHECK(ops()->replace(&host.instance, tier, &key, NULL, 0) == 0);
        }
        key = next;
    }
    FUZZ_CHECK(ops()->commit(&host.instance) == 0);
}

static void go_on(void)
{
    static uint8_t block[3000];
    must_open();
    put_ours(block, sizeof block);
    has_ours(block, sizeof block);
    work_through();
    fake_host_close(&host);
    must_open();
    has_ours(block, sizeof block);
    for (unsigned tier = 0; tier < sizeof tiers / sizeof *tiers; tier++) {
        remove_blocks(tier);
    }
    work_through();
    (void)check_store(VARVE_CHECK_REPAIR);
    FUZZ_CHECK(check_store(0) == 0);
    fake_host_close(&host);
    must_open();
    FUZZ_CHECK(check_store(0) == 0);
    has_ours(block, sizeof block);
    fake_host_close(&host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > IMAGE_MAX) {
        return 0;
    }
    prepare();
    remove_files();
    write_image(data, size);
    // With the host's tiers, and with those that the store was made with.
    host.tier_count = size % 2 == 0 ? sizeof tiers / sizeof *tiers : 0;
    memset(&host.account, 0, sizeof host.account);
    int rc = fake_host_open(&host, VARVE_BACKEND_READ_ONLY);
    FUZZ_CHECK(rc <= 0);
    FUZZ_CHECK(rc == 0 || host.why[0] != '\0');
    if (rc == 0) {
        read_all();
    }
    fake_host_close(&host);
    FUZZ_CHECK(varve_ledger_flash_bytes(&host.account) == 0);
    host.tier_count = sizeof tiers / sizeof *tiers;
    go_on();
    return 0;
}
