// SPDX-License-Identifier: Apache-2.0
// The contract of varve_backend_ops, checked on a real backend through the fake host.

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend_contract.h"
#include "varve/crc32c.h"

#define MINUTE 60000
#define NEVER  INT64_MIN

const struct varve_tier bench_tiers[3] = {
    {"raw", 5000, 7200000, 300000},
    {"minute", 60000, 86400000, 3600000},
    {"hour", 3600000, 604800000, 86400000},
};

// ---- the bench ----------------------------------------------------------------------------------

void bench_init(struct bench *b, const struct varve_plugin *plugin)
{
    memset(b, 0, sizeof *b);
    snprintf(b->dir, sizeof b->dir, "/tmp/varve-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    fake_host_init(&b->host, plugin, b->dir, bench_tiers, 3);
    b->self = &b->host.instance;
    b->ops = plugin->backend;
}

void bench_open(struct bench *b)
{
    int rc = fake_host_open(&b->host, 0);

    if (rc != 0) {
        fail_msg("open says %d: %s", rc, b->host.why);
    }
}

void bench_reopen(struct bench *b)
{
    fake_host_close(&b->host);
    bench_open(b);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path);
}

void bench_end(struct bench *b)
{
    fake_host_close(&b->host);
    (void)nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    fake_host_free(&b->host);
}

static void put_le(uint8_t *p, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        p[i] = (uint8_t)(value >> (8 * i));
    }
}

void bench_block(uint8_t *buf, unsigned tier, const struct varve_block_key *key, uint32_t length)
{
    uint64_t x = (uint64_t)key->start_ms * 31 + key->seq * 17 + tier + length;

    memset(buf, 0, VARVE_BLOCK_HEADER);
    put_le(buf, VARVE_BLOCK_MAGIC, 4);
    buf[4] = VARVE_BLOCK_VERSION;
    buf[5] = (uint8_t)tier;
    put_le(buf + 8, length, 4);
    put_le(buf + 16, key->seq, 4);
    put_le(buf + 20, (uint64_t)bench_tiers[tier].step_ms, 4);
    put_le(buf + 24, (uint64_t)key->start_ms, 8);
    put_le(buf + 32, (uint64_t)key->end_ms, 8);
    for (uint32_t i = VARVE_BLOCK_HEADER; i < length; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        buf[i] = (uint8_t)(x >> 56);
    }
    put_le(buf + 12, varve_crc32c(0, buf, length), 4); // the field counts as zero
}

int bench_put(struct bench *b, unsigned tier, struct varve_block_key key, uint32_t length,
              int64_t expire_before_ms)
{
    static uint8_t buf[VARVE_BLOCK_MAX];

    bench_block(buf, tier, &key, length);
    return b->ops->put(b->self, &(struct varve_put){.tier = tier,
                                                    .key = key,
                                                    .block = buf,
                                                    .length = length,
                                                    .expire_before_ms = expire_before_ms});
}

void bench_store(struct bench *b, unsigned tier, struct varve_block_key key, uint32_t length,
                 int64_t expire_before_ms)
{
    int rc = bench_put(b, tier, key, length, expire_before_ms);

    if (rc == 0) {
        rc = b->ops->commit(b->self);
    }
    if (rc != 0) {
        fail_msg("put says %d: %s", rc, b->host.why);
    }
}

void bench_store_capped(struct bench *b, unsigned tier, struct varve_block_key key, uint32_t length,
                        uint64_t cap_bytes)
{
    static uint8_t buf[VARVE_BLOCK_MAX];
    const struct varve_put put = {.tier = tier,
                                  .key = key,
                                  .block = buf,
                                  .length = length,
                                  .expire_before_ms = 0,
                                  .cap_bytes = cap_bytes};

    bench_block(buf, tier, &key, length);
    assert_int_equal(b->ops->put(b->self, &put), 0);
    assert_int_equal(b->ops->commit(b->self), 0);
}

bool bench_has(struct bench *b, unsigned tier, struct varve_block_key key, uint32_t length)
{
    static uint8_t wanted[VARVE_BLOCK_MAX];
    static uint8_t found[VARVE_BLOCK_MAX];
    int rc = b->ops->get(b->self, tier, &key, found, sizeof found);

    bench_block(wanted, tier, &key, length);
    return rc == (int)length && memcmp(wanted, found, length) == 0;
}

size_t bench_count(struct bench *b, unsigned tier)
{
    struct varve_block_key key;
    struct varve_block_key last = {0};
    size_t n = 0;

    while (b->ops->next(b->self, tier, n == 0 ? NULL : &last, INT64_MIN, &key) == 0) {
        assert_true(n == 0 || key.start_ms > last.start_ms ||
                    (key.start_ms == last.start_ms && key.seq > last.seq));
        last = key;
        n++;
    }
    return n;
}

// The i-th minute-long block.
static struct varve_block_key nth(int64_t i)
{
    return (struct varve_block_key){i * MINUTE, i * MINUTE + MINUTE - 1, (uint32_t)i};
}

// ---- the suite ----------------------------------------------------------------------------------

// The setting of backend_contract_run_with().
static struct {
    const char *option, *value;
} one_more;

static int setup(void **state)
{
    const struct backend_contract *contract = *state;
    struct bench *b = calloc(1, sizeof *b);

    if (b == NULL) {
        return -1;
    }
    if (contract->before != NULL) {
        contract->before();
    }
    bench_init(b, contract->plugin);
    fake_host_set(&b->host, contract->cap_option, "16");
    if (one_more.option != NULL) {
        fake_host_set(&b->host, one_more.option, one_more.value);
    }
    bench_open(b);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    bench_end(*state);
    free(*state);
    return 0;
}

static void blocks_come_back_in_key_order(void **state)
{
    static const int64_t order[] = {5, 1, 4, 2, 3};
    struct bench *b = *state;
    struct varve_block_key key;

    for (size_t i = 0; i < 5; i++) {
        bench_store(b, 0, nth(order[i]), 1000, NEVER);
    }
    bench_store(b, 0, (struct varve_block_key){3 * MINUTE, 3 * MINUTE, 99}, 500, NEVER);
    assert_int_equal(bench_count(b, 0), 6);
    assert_int_equal(
        b->ops->next(b->self, 0, &(struct varve_block_key){3 * MINUTE, 0, 3}, INT64_MIN, &key), 0);
    assert_int_equal(key.seq, 99);
    for (int64_t i = 1; i <= 5; i++) {
        assert_true(bench_has(b, 0, nth(i), 1000));
    }
}

static void next_skips_blocks_that_end_before_the_range(void **state)
{
    struct bench *b = *state;
    struct varve_block_key key;

    bench_store(b, 0, (struct varve_block_key){0, 10 * MINUTE, 1}, 300, NEVER); // a long one
    for (int64_t i = 1; i < 6; i++) {
        bench_store(b, 0, nth(i), 300, NEVER);
    }
    assert_int_equal(b->ops->next(b->self, 0, NULL, 4 * MINUTE, &key), 0);
    assert_int_equal(key.start_ms, 0);
    assert_int_equal(b->ops->next(b->self, 0, &key, 4 * MINUTE, &key), 0);
    assert_int_equal(key.start_ms, 4 * MINUTE);
    assert_int_equal(b->ops->next(b->self, 0, NULL, 11 * MINUTE, &key), VARVE_E_NOT_FOUND);
}

static void tiers_do_not_mix(void **state)
{
    struct bench *b = *state;

    for (unsigned t = 0; t < 3; t++) {
        bench_store(b, t, nth(7), 700 + t, NEVER);
    }
    for (unsigned t = 0; t < 3; t++) {
        assert_int_equal(bench_count(b, t), 1);
        assert_true(bench_has(b, t, nth(7), 700 + t));
    }
}

static void an_expired_block_makes_room_and_the_others_stay(void **state)
{
    struct bench *b = *state;

    for (int64_t i = 0; i < CONTRACT_CAP; i++) {
        bench_store(b, 0, nth(i), 900, 0);
    }
    bench_store(b, 0, nth(CONTRACT_CAP), 900, nth(0).end_ms + 1);
    assert_false(bench_has(b, 0, nth(0), 900));
    for (int64_t i = 1; i <= CONTRACT_CAP; i++) {
        assert_true(bench_has(b, 0, nth(i), 900));
    }
    assert_int_equal(bench_count(b, 0), CONTRACT_CAP);
}

static void a_block_that_reaches_into_the_kept_time_stays(void **state)
{
    const struct varve_block_key reaching = {0, 100 * MINUTE, 1};
    struct bench *b = *state;

    bench_store(b, 0, reaching, 900, 0);
    for (int64_t i = 1; i < CONTRACT_CAP; i++) {
        bench_store(b, 0, nth(i), 900, 0);
    }
    bench_store(b, 0, nth(CONTRACT_CAP), 900, nth(2).start_ms);
    assert_true(bench_has(b, 0, reaching, 900));
    assert_false(bench_has(b, 0, nth(1), 900));
    assert_true(bench_has(b, 0, nth(2), 900));
}

static void a_full_store_gives_up_its_oldest_block(void **state)
{
    struct bench *b = *state;

    for (int64_t i = 0; i < CONTRACT_CAP + 3; i++) {
        bench_store(b, 0, nth(i), 900, 0);
    }
    assert_int_equal(bench_count(b, 0), CONTRACT_CAP);
    for (int64_t i = 3; i < CONTRACT_CAP + 3; i++) {
        assert_true(bench_has(b, 0, nth(i), 900));
    }
}

static void get_says_not_found_after_an_overwrite(void **state)
{
    static uint8_t buf[4096];
    struct bench *b = *state;
    struct varve_block_key key;

    for (int64_t i = 0; i < CONTRACT_CAP; i++) {
        bench_store(b, 0, nth(i), 900, 0);
    }
    assert_int_equal(b->ops->next(b->self, 0, NULL, INT64_MIN, &key), 0);
    bench_store(b, 0, nth(CONTRACT_CAP), 900, nth(1).start_ms);
    assert_int_equal(b->ops->get(b->self, 0, &key, buf, sizeof buf), VARVE_E_NOT_FOUND);
    assert_int_equal(b->ops->next(b->self, 0, &key, INT64_MIN, &key), 0); // the walk goes on
    assert_int_equal(key.start_ms, nth(1).start_ms);
}

static void abort_leaves_nothing(void **state)
{
    struct bench *b = *state;

    bench_store(b, 0, nth(1), 800, NEVER);
    assert_int_equal(bench_put(b, 0, nth(2), 800, NEVER), 0);
    assert_int_equal(bench_put(b, 1, nth(2), 20000, NEVER), 0);
    b->ops->abort(b->self);
    assert_int_equal(bench_count(b, 0), 1);
    assert_int_equal(bench_count(b, 1), 0);
    assert_true(bench_has(b, 0, nth(1), 800));
    bench_store(b, 0, nth(2), 800, NEVER); // the host tries again
    assert_true(bench_has(b, 0, nth(2), 800));
}

static void a_block_put_twice_is_there_once(void **state)
{
    struct bench *b = *state;

    bench_store(b, 0, nth(1), 800, NEVER);
    bench_store(b, 0, nth(1), 5000, NEVER);
    assert_int_equal(bench_count(b, 0), 1);
    assert_true(bench_has(b, 0, nth(1), 5000));
}

static void a_buffer_too_small_is_refused(void **state)
{
    static uint8_t buf[4096];
    struct bench *b = *state;

    bench_store(b, 0, nth(1), 4097, NEVER);
    const struct varve_block_key key = nth(1);
    assert_int_equal(b->ops->get(b->self, 0, &key, buf, sizeof buf), VARVE_E_TOO_BIG);
}

static void nonsense_is_refused_with_a_reason(void **state)
{
    struct bench *b = *state;
    struct varve_put put = {.tier = VARVE_MAX_TIERS, .key = nth(1), .block = "", .length = 500};

    assert_int_equal(b->ops->put(b->self, &put), VARVE_E_INVALID);
    assert_true(b->host.why[0] != '\0');
    put.tier = 0;
    put.length = 3;
    assert_int_equal(b->ops->put(b->self, &put), VARVE_E_INVALID);
    b->ops->abort(b->self);
    assert_int_equal(bench_count(b, 0), 0);
}

static void the_largest_block_fits(void **state)
{
    struct bench *b = *state;

    bench_store(b, 2, nth(1), VARVE_BLOCK_MAX, NEVER);
    assert_true(bench_has(b, 2, nth(1), VARVE_BLOCK_MAX));
}

// ---- replacing ----------------------------------------------------------------------------------

// A block of `length` bytes with the key of another; 0: nothing. False: the backend cannot.
static bool replace(struct bench *b, int64_t i, uint32_t length)
{
    static uint8_t buf[VARVE_BLOCK_MAX];
    struct varve_block_key key = nth(i);

    if (b->ops->replace == NULL) {
        return false;
    }
    key.end_ms--; // what is left of it ends earlier
    bench_block(buf, 0, &key, length > 0 ? length : VARVE_BLOCK_HEADER);
    assert_int_equal(b->ops->replace(b->self, 0, &key, length > 0 ? buf : NULL, length), 0);
    return true;
}

static bool has_replaced(struct bench *b, int64_t i, uint32_t length)
{
    struct varve_block_key key = nth(i);

    key.end_ms--;
    return bench_has(b, 0, key, length);
}

static void a_replaced_block_is_the_new_one_and_a_removed_one_is_gone(void **state)
{
    struct bench *b = *state;
    struct varve_block_key key = nth(1);

    for (int64_t i = 0; i < 4; i++) {
        bench_store(b, 0, nth(i), 9000, NEVER);
        bench_store(b, 1, nth(i), 700, NEVER);
    }
    if (!replace(b, 1, 0)) {
        return;
    }
    assert_true(replace(b, 2, 500));
    assert_true(replace(b, 3, 80));
    assert_int_equal(b->ops->commit(b->self), 0);
    assert_true(bench_has(b, 0, nth(0), 9000));
    assert_int_equal(b->ops->replace(b->self, 0, &key, NULL, 0), VARVE_E_NOT_FOUND);
    assert_true(has_replaced(b, 2, 500));
    assert_true(has_replaced(b, 3, 80));
    assert_int_equal(bench_count(b, 0), 3);
    assert_int_equal(bench_count(b, 1), 4);
    bench_store(b, 0, nth(1), 800, NEVER); // its place is free
    assert_true(bench_has(b, 0, nth(1), 800));
    assert_int_equal(bench_count(b, 0), 4);
}

static void what_was_replaced_stays_so(void **state)
{
    struct bench *b = *state;

    for (int64_t i = 0; i < 3; i++) {
        bench_store(b, 0, nth(i), 9000, NEVER);
    }
    if (!replace(b, 0, 0) || !replace(b, 1, 500)) {
        return;
    }
    assert_int_equal(b->ops->commit(b->self), 0);
    bench_reopen(b);
    assert_int_equal(bench_count(b, 0), 2);
    assert_true(has_replaced(b, 1, 500));
    assert_true(bench_has(b, 0, nth(2), 9000));
    assert_true(replace(b, 1, 0));
    assert_true(replace(b, 2, 100));
    b->ops->abort(b->self);
    assert_int_equal(bench_count(b, 0), 2);
    assert_true(has_replaced(b, 1, 500));
    assert_true(bench_has(b, 0, nth(2), 9000));
}

// ---- a random run against a model ---------------------------------------------------------------

#define STEPS 600

struct model_block {
    struct varve_block_key key;
    uint32_t length;
    bool pending;
};

static uint32_t next_random(uint32_t *x)
{
    *x = *x * 1664525u + 1013904223u;
    return *x >> 8;
}

// Everything that has been committed and has not expired is there; all that is there was put.
static void compare(struct bench *b, const struct model_block *m, size_t n, int64_t expire_before)
{
    size_t due = 0;

    for (size_t i = 0; i < n; i++) {
        if (m[i].key.end_ms >= expire_before) {
            assert_true(bench_has(b, 0, m[i].key, m[i].length));
            due++;
        }
    }
    assert_in_range(bench_count(b, 0), due, n);
}

static void what_is_committed_and_not_expired_is_there_after_random_work(void **state)
{
    static struct model_block m[STEPS];
    struct bench *b = *state;
    const uint32_t seed = (uint32_t)time(NULL);
    uint32_t x = seed;
    size_t committed = 0;
    size_t n = 0;
    int64_t expire_before = 0;

    print_message("seed %u\n", seed);
    for (int64_t i = 0; i < STEPS; i++) {
        const uint32_t length = VARVE_BLOCK_HEADER + next_random(&x) % 30000;
        const int64_t before = nth(i - 10).start_ms > 0 ? nth(i - 10).start_ms : 0;
        assert_int_equal(bench_put(b, 0, nth(i), length, before), 0);
        m[n++] = (struct model_block){nth(i), length, true};
        if (next_random(&x) % 8 == 0) {
            b->ops->abort(b->self);
            n = committed;
        } else if (next_random(&x) % 3 == 0) {
            assert_int_equal(b->ops->commit(b->self), 0);
            committed = n;
        } else {
            continue;
        }
        expire_before = before;
        compare(b, m, committed, expire_before);
    }
    assert_true(committed > STEPS / 4);
}

// ---- what survives ------------------------------------------------------------------------------

struct loaded {
    unsigned series;
    unsigned events;
    int64_t last_event_ms;
    struct varve_event event;
};

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct loaded *l = arg;

    l->series++;
    if (id == 7) {
        assert_string_equal(def->text, "net_rx_bytes{device=\"eth0\"}");
        assert_string_equal(def->unit, "By");
        assert_string_equal(def->help, "received");
        assert_int_equal(def->kind, VARVE_COUNTER);
    }
    return 0;
}

static int on_event(void *arg, const struct varve_event *event)
{
    struct loaded *l = arg;

    assert_true(l->events == 0 || event->time_ms >= l->last_event_ms);
    l->last_event_ms = event->time_ms;
    l->event = *event;
    l->events++;
    return 0;
}

static void store_everything(struct bench *b)
{
    const struct varve_series_def counter = {"net_rx_bytes{device=\"eth0\"}", "By", "received",
                                             VARVE_COUNTER};
    const struct varve_series_def gauge = {"load", "", "", VARVE_GAUGE};
    const struct varve_event late = {2000,         VARVE_WARNING,        true,        1.5, "host",
                                     "clock_step", "The clock stepped.", "{\"by\":1}"};
    const struct varve_event early = {1000, VARVE_INFO, false, 0, "host", "start", "Started.", ""};

    assert_int_equal(b->ops->define(b->self, 7, &gauge), 0);
    assert_int_equal(b->ops->define(b->self, 7, &counter), 0); // the id is used again
    assert_int_equal(b->ops->define(b->self, 300, &gauge), 0);
    assert_int_equal(b->ops->event(b->self, &late), 0);
    assert_int_equal(b->ops->event(b->self, &early), 0);
    assert_int_equal(b->ops->event(b->self, &early), 0); // twice in one ms
    for (unsigned t = 0; t < 3; t++) {
        for (int64_t i = 0; i < 4; i++) {
            assert_int_equal(bench_put(b, t, nth(i), 3000 * (t + 1), NEVER), 0);
        }
    }
    assert_int_equal(b->ops->commit(b->self), 0);
}

static void a_reopened_store_has_everything(void **state)
{
    struct bench *b = *state;
    struct varve_tier tiers[VARVE_MAX_TIERS];
    struct loaded l = {0};

    store_everything(b);
    bench_reopen(b);
    for (unsigned t = 0; t < 3; t++) {
        assert_int_equal(bench_count(b, t), 4);
        for (int64_t i = 0; i < 4; i++) {
            assert_true(bench_has(b, t, nth(i), 3000 * (t + 1)));
        }
    }
    assert_int_equal(b->ops->load_series(b->self, on_series, &l), 0);
    assert_int_equal(l.series, 2);
    assert_int_equal(b->ops->load_events(b->self, INT64_MIN, INT64_MAX, on_event, &l), 0);
    assert_int_equal(l.events, 3);
    assert_string_equal(l.event.kind, "clock_step");
    assert_string_equal(l.event.payload, "{\"by\":1}");
    assert_true(l.event.has_value && l.event.value == 1.5);
    l.events = 0;
    assert_int_equal(b->ops->load_events(b->self, 1001, 2000, on_event, &l), 0);
    assert_int_equal(l.events, 1);
    assert_int_equal(b->ops->load_tiers(b->self, tiers, VARVE_MAX_TIERS), 3);
    assert_memory_equal(tiers, bench_tiers, sizeof bench_tiers);
}

static void a_store_without_survival_is_empty_after_reopening(void **state)
{
    struct bench *b = *state;

    bench_store(b, 0, nth(1), 800, NEVER);
    bench_reopen(b);
    assert_int_equal(bench_count(b, 0), 0);
}

static void stats_tell_blocks_and_persistence(void **state)
{
    struct bench *b = *state;
    struct varve_backend_stats stats = {0};

    bench_store(b, 0, nth(1), 800, NEVER);
    bench_store(b, 1, nth(1), 800, NEVER);
    b->ops->stats(b->self, &stats);
    assert_int_equal(stats.blocks, 2);
    assert_true(stats.stored_bytes >= 1600);
    assert_int_equal(stats.persistent, stats.where[0] != '\0');
}

int backend_contract_run(const struct backend_contract *contract)
{
    void *c = (void *)(uintptr_t)contract;
#define BEHAVIOUR(f)                                                                               \
    {                                                                                              \
#f, f, setup, teardown, c                                                                  \
    }
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(blocks_come_back_in_key_order),
        BEHAVIOUR(next_skips_blocks_that_end_before_the_range),
        BEHAVIOUR(tiers_do_not_mix),
        BEHAVIOUR(an_expired_block_makes_room_and_the_others_stay),
        BEHAVIOUR(a_block_that_reaches_into_the_kept_time_stays),
        BEHAVIOUR(a_full_store_gives_up_its_oldest_block),
        BEHAVIOUR(get_says_not_found_after_an_overwrite),
        BEHAVIOUR(abort_leaves_nothing),
        BEHAVIOUR(a_block_put_twice_is_there_once),
        BEHAVIOUR(a_buffer_too_small_is_refused),
        BEHAVIOUR(nonsense_is_refused_with_a_reason),
        BEHAVIOUR(the_largest_block_fits),
        BEHAVIOUR(a_replaced_block_is_the_new_one_and_a_removed_one_is_gone),
        BEHAVIOUR(what_is_committed_and_not_expired_is_there_after_random_work),
        BEHAVIOUR(stats_tell_blocks_and_persistence),
    };
    const struct CMUnitTest lasting[] = {BEHAVIOUR(a_reopened_store_has_everything),
                                         BEHAVIOUR(what_was_replaced_stays_so)};
    const struct CMUnitTest fleeting[] = {
        BEHAVIOUR(a_store_without_survival_is_empty_after_reopening)};
#undef BEHAVIOUR
    int failures = cmocka_run_group_tests_name("contract", tests, NULL, NULL);
    failures += contract->persistent
                    ? cmocka_run_group_tests_name("lasting", lasting, NULL, NULL)
                    : cmocka_run_group_tests_name("fleeting", fleeting, NULL, NULL);
    return failures;
}

int backend_contract_run_with(const struct backend_contract *contract, const char *option,
                              const char *value)
{
    one_more.option = option;
    one_more.value = value;
    int failures = backend_contract_run(contract);
    one_more.option = NULL;
    return failures;
}
