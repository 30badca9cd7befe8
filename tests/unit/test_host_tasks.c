// SPDX-License-Identifier: Apache-2.0
// The host with its tasks running: many producers, readers beside them, collectors that hang or
// fail, a backend that fails for a while. Real core and port; the plugins are the test's own.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/host_state.h" // to hold what the keeper waits for
#include "varve/query.h"

static uint8_t memory[16u << 20] __attribute__((aligned(64)));
static uint8_t query_memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));

static void sleep_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

// Polls until the condition holds; false after about ten seconds.
#define WAIT_FOR(condition)                                                                        \
    ({                                                                                             \
        int tries_ = 2000;                                                                         \
        while (!(condition) && --tries_ > 0) {                                                     \
            sleep_ms(5);                                                                           \
        }                                                                                          \
        tries_ > 0;                                                                                \
    })

// ---- the test's plugins -------------------------------------------------------------------------

struct counting_state {
    int id;
    double runs;
};

static int counting_init(struct varve_instance *self)
{
    struct counting_state *state = self->state;
    state->id =
        varve_instance_series_label(self, VARVE_COUNTER, "runs_total", "who", self->name, "", "");
    return state->id < 0 ? state->id : 0;
}

static int counting_collect(struct varve_instance *self)
{
    struct counting_state *state = self->state;
    return varve_instance_push(self, state->id, ++state->runs);
}

static const struct varve_collector_ops counting_ops = {.init = counting_init,
                                                        .collect = counting_collect};
static const struct varve_plugin counting = {VARVE_PLUGIN_HEADER,
                                             .name = "counting",
                                             .summary = "counts its runs",
                                             .kind = VARVE_COLLECTOR,
                                             .state_size = sizeof(struct counting_state),
                                             .collector = &counting_ops};

static atomic_bool let_go;
static atomic_int hanging;

static int nothing_init(struct varve_instance *self)
{
    (void)self;
    return 0;
}

static int hanging_collect(struct varve_instance *self)
{
    (void)self;
    atomic_fetch_add(&hanging, 1);
    while (!atomic_load(&let_go)) {
        sleep_ms(5);
    }
    atomic_fetch_sub(&hanging, 1);
    return 0;
}

static const struct varve_collector_ops hanging_ops = {.init = nothing_init,
                                                       .collect = hanging_collect};
static const struct varve_plugin hanging_plugin = {
    VARVE_PLUGIN_HEADER,     .name = "hanging", .summary = "never comes back",
    .kind = VARVE_COLLECTOR, .state_size = 1,   .collector = &hanging_ops};

static int failing_collect(struct varve_instance *self)
{
    varve_instance_fail(self, "the sensor is unplugged");
    return VARVE_E_IO;
}

static const struct varve_collector_ops failing_ops = {.init = nothing_init,
                                                       .collect = failing_collect};
static const struct varve_plugin failing = {VARVE_PLUGIN_HEADER,       .name = "failing",
                                            .summary = "always fails", .kind = VARVE_COLLECTOR,
                                            .state_size = 1,           .collector = &failing_ops};

// Registers a hundred series each time, the same ones, and pushes three samples to each.
static int flooding_collect(struct varve_instance *self)
{
    for (int i = 0; i < 100; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        int id = varve_instance_series_label(self, VARVE_GAUGE, "flood", "n", value, "", "");
        for (int sample = 0; sample < 3; sample++) {
            (void)varve_instance_push(self, id, sample); // what is refused is counted
        }
    }
    return 0;
}

static const struct varve_collector_ops flooding_ops = {.init = nothing_init,
                                                        .collect = flooding_collect};
static const struct varve_plugin flooding = {VARVE_PLUGIN_HEADER,       .name = "flooding",
                                             .summary = "wants it all", .kind = VARVE_COLLECTOR,
                                             .state_size = 1,           .collector = &flooding_ops};

// A backend that only counts what it was given, and fails while told to.
static atomic_bool broken, blocking;
static atomic_uint rows_stored, blocks_stored, open_rows, open_blocks;

static int counter_open(struct varve_instance *self, unsigned flags)
{
    (void)self;
    (void)flags;
    return 0;
}

static void counter_close(struct varve_instance *self)
{
    (void)self;
}

static int counter_put(struct varve_instance *self, const struct varve_put *put)
{
    struct varve_block_info info;
    if (atomic_load(&broken)) {
        varve_instance_fail(self, "the card was pulled");
        return VARVE_E_IO;
    }
    while (atomic_load(&blocking) && strcmp(self->name, "slow") == 0) {
        sleep_ms(5);
    }
    assert_int_equal(varve_block_open(put->block, put->length, &info), 0);
    atomic_fetch_add(&open_rows, put->tier == 0 ? info.rows : 0);
    atomic_fetch_add(&open_blocks, 1);
    return 0;
}

static int counter_commit(struct varve_instance *self)
{
    (void)self;
    atomic_fetch_add(&rows_stored, atomic_exchange(&open_rows, 0));
    atomic_fetch_add(&blocks_stored, atomic_exchange(&open_blocks, 0));
    return 0;
}

static void counter_abort(struct varve_instance *self)
{
    (void)self;
    atomic_store(&open_rows, 0);
    atomic_store(&open_blocks, 0);
}

static int counter_next(struct varve_instance *self, unsigned tier,
                        const struct varve_block_key *after, int64_t from_ms,
                        struct varve_block_key *out)
{
    (void)self;
    (void)tier;
    (void)after;
    (void)from_ms;
    (void)out;
    return VARVE_E_NOT_FOUND;
}

static int counter_get(struct varve_instance *self, unsigned tier,
                       const struct varve_block_key *key, void *buf, size_t cap)
{
    (void)self;
    (void)tier;
    (void)key;
    (void)buf;
    (void)cap;
    return VARVE_E_NOT_FOUND;
}

static void counter_stats(struct varve_instance *self, struct varve_backend_stats *out)
{
    (void)self;
    out->persistent = true;
    out->blocks = atomic_load(&blocks_stored);
}

static const struct varve_backend_ops counter_ops = {.open = counter_open,
                                                     .close = counter_close,
                                                     .put = counter_put,
                                                     .commit = counter_commit,
                                                     .abort = counter_abort,
                                                     .next = counter_next,
                                                     .get = counter_get,
                                                     .stats = counter_stats};
static const struct varve_plugin counter_backend = {
    VARVE_PLUGIN_HEADER,   .name = "counter", .summary = "counts rows",
    .kind = VARVE_BACKEND, .state_size = 1,   .backend = &counter_ops};

static const struct varve_plugin *const plugins[] = {&counting, &hanging_plugin,  &failing,
                                                     &flooding, &counter_backend, NULL};

// ---- fixture ------------------------------------------------------------------------------------

static struct varve_registry registry;
static struct varve_conf conf;
static struct varve_host *host;

static void open_host(const char *ini)
{
    char why[256] = "";
    atomic_store(&let_go, false);
    atomic_store(&broken, false);
    atomic_store(&blocking, false);
    atomic_store(&rows_stored, 0);
    atomic_store(&blocks_stored, 0);
    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    int rc = varve_conf_parse(&conf, "test.ini", ini);
    rc = rc == 0 ? varve_conf_finish(&conf) : rc;
    if (rc != 0) {
        fail_msg("configuration: %s", conf.errors[0]);
    }
    rc = varve_host_init(&host, &conf, memory, sizeof memory, 0, why, sizeof why);
    if (rc != 0) {
        fail_msg("host: %s", why);
    }
    assert_int_equal(varve_host_start(host), 0);
}

static struct varve_stats stats_now(void)
{
    static struct varve_stats stats;
    varve_host_stats(host, &stats);
    return stats;
}

static struct varve_instance_stats instance(const char *name)
{
    struct varve_instance_stats out = {.runs = 0};
    for (size_t i = 0; varve_host_instance(host, i, &out) == 0; i++) {
        if (strcmp(out.name, name) == 0) {
            return out;
        }
    }
    fail_msg("no instance %s", name);
    return out;
}

static int find_event(void *arg, const struct varve_event *event)
{
    return strcmp(event->kind, arg) == 0;
}

static bool has_event(const char *kind)
{
    char text[32];
    snprintf(text, sizeof text, "%s", kind);
    return varve_host_events(host, 0, INT64_MAX, find_event, text) == 1;
}

static int take_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)id;
    (void)points;
    *(size_t *)arg += n;
    return 0;
}

static size_t count_points(const char *selector, int tier)
{
    size_t points = 0;
    char why[256];
    struct varve_query query = {
        .selector = selector, .from_ms = 0, .to_ms = INT64_MAX, .tier = tier};
    struct varve_query_sink sink = {.arg = &points, .series = take_series, .points = take_points};
    int rc =
        varve_query_run(host, &query, &sink, query_memory, sizeof query_memory, why, sizeof why);
    if (rc != 0 && rc != VARVE_E_NOT_FOUND) {
        fail_msg("query: %d %s", rc, why);
    }
    return points;
}

// ---- tests --------------------------------------------------------------------------------------

#define PRODUCERS     4
#define PER_PRODUCER  20000
#define PRODUCER_CONF "[varve]\nstate = /tmp\nring = 4096\nflush = 1h\n[backend b : counter]\n"

static void *produce(void *arg)
{
    int id = *(int *)arg;
    int64_t begin_ms = varve_port_boot_ms() - PER_PRODUCER;
    for (int i = 0; i < PER_PRODUCER; i++) {
        (void)varve_push_boot(host, id, begin_ms + i, i); // a full ring is counted
    }
    return NULL;
}

static void every_sample_of_many_producers_is_stored_or_counted(void **state)
{
    (void)state;
    pthread_t threads[PRODUCERS];
    int ids[PRODUCERS];
    open_host(PRODUCER_CONF);
    for (int i = 0; i < PRODUCERS; i++) {
        char text[32];
        snprintf(text, sizeof text, "p{n=\"%d\"}", i);
        struct varve_series_def def = {.text = text, .unit = "", .help = ""};
        ids[i] = varve_series_add(host, &def);
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &ids[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        (void)count_points("p", i % 2);
        (void)stats_now();
    }
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(varve_host_flush(host, 5000), 0);
    struct varve_stats stats = stats_now();
    assert_int_equal(stats.samples + stats.dropped, PRODUCERS * PER_PRODUCER);
    assert_int_equal(atomic_load(&rows_stored), stats.samples);
    assert_int_equal(varve_host_shutdown(host), 0);
}

static void a_hanging_collector_stops_no_other(void **state)
{
    (void)state;
    open_host("[varve]\nstate = /tmp\nworkers = 1\n"
              "[collector bad : hanging]\ninterval = 100ms\ndeadline = 200ms\n"
              "[collector worse : hanging]\ninterval = 100ms\ndeadline = 200ms\n"
              "[collector good : counting]\ninterval = 100ms\n");
    assert_true(WAIT_FOR(atomic_load(&hanging) == 2));
    uint64_t runs = instance("good").runs;
    assert_true(WAIT_FOR(instance("good").runs >= runs + 5));
    assert_string_equal(instance("bad").state, "hung");
    assert_string_equal(instance("worse").state, "hung");
    assert_true(has_event("collector_hung"));
    assert_true(stats_now().collect_failures == 0); // they have not come back yet
    atomic_store(&let_go, true);
    assert_true(WAIT_FOR(stats_now().collect_failures >= 2));
    assert_int_equal(varve_host_shutdown(host), 0);
}

// More than all slots for configured workers; each hangs, is reported, and comes back.
#define MANY_HUNG 12

static int count_kind(void *arg, const struct varve_event *event)
{
    unsigned *hung_and_back = arg;
    hung_and_back[0] += strcmp(event->kind, "collector_hung") == 0;
    hung_and_back[1] += strcmp(event->kind, "collector_back") == 0;
    return 0;
}

static bool events_are(unsigned hung, unsigned back)
{
    unsigned count[2] = {0, 0};
    (void)varve_host_events(host, 0, INT64_MAX, count_kind, count);
    return count[0] == hung && count[1] == back;
}

static uint32_t threads_now(void)
{
    struct varve_port_usage usage;
    varve_port_usage(&usage);
    return usage.threads;
}

static void however_many_collectors_hang_the_others_go_on(void **state)
{
    (void)state;
    char ini[2048];
    int n = snprintf(ini, sizeof ini,
                     "[varve]\nstate = /tmp\nworkers = 1\n"
                     "[collector good : counting]\ninterval = 100ms\n");
    for (int i = 0; i < MANY_HUNG; i++) {
        n += snprintf(ini + n, sizeof ini - (size_t)n,
                      "[collector h%d : hanging]\ninterval = 100ms\ndeadline = 100ms\n", i);
    }
    open_host(ini);
    uint32_t threads = threads_now();
    assert_true(WAIT_FOR(atomic_load(&hanging) == MANY_HUNG));
    assert_true(WAIT_FOR(events_are(MANY_HUNG, 0)));
    uint64_t runs = instance("good").runs;
    assert_true(WAIT_FOR(instance("good").runs >= runs + 5));
    assert_true(VARVE_EMULATED || threads_now() >= threads + MANY_HUNG); // qemu tells of none
    atomic_store(&let_go, true);
    assert_true(WAIT_FOR(events_are(MANY_HUNG, MANY_HUNG)));
    assert_true(WAIT_FOR(threads_now() <= threads + 1)); // with the first timer came its task
    runs = instance("good").runs;
    assert_true(WAIT_FOR(instance("good").runs >= runs + 5));
    assert_true(instance("h0").failures >= 1);
    assert_int_equal(varve_host_shutdown(host), 0);
}

static void a_flooding_collector_leaves_room_for_others(void **state)
{
    (void)state;
    open_host("[varve]\nstate = /tmp\nseries = 64\n"
              "[collector f : flooding]\ninterval = 100ms\nmax_samples = 60\n");
    assert_true(WAIT_FOR(instance("f").runs >= 2));
    struct varve_instance_stats f = instance("f");
    assert_int_equal(f.series, 48);                                    // three quarters of 64
    assert_in_range(f.refused_series, (f.runs - 1) * 52, f.runs * 52); // the last may be on its way
    assert_in_range(f.refused_samples, (f.runs - 1) * (48 * 3 - 60), f.runs * (48 * 3 - 60));
    assert_true(has_event("collector_limited"));
    struct varve_series_def def = {.text = "another", .unit = "", .help = ""};
    assert_true(varve_series_add(host, &def) >= 0);
    assert_int_equal(stats_now().series, 49);
    assert_int_equal(varve_host_shutdown(host), 0);
}

static void a_failing_collector_backs_off_and_says_why(void **state)
{
    (void)state;
    open_host("[varve]\nstate = /tmp\n[collector f : failing]\ninterval = 20ms\n"
              "[collector good : counting]\ninterval = 20ms\n");
    assert_true(WAIT_FOR(instance("good").runs >= 40));
    assert_true(instance("f").failures >= 2);
    assert_true(instance("f").runs < instance("good").runs / 2);
    assert_string_equal(instance("f").state, "failing");
    assert_true(has_event("collector_failed"));
    assert_int_equal(varve_host_shutdown(host), 0);
}

static void history_waits_in_ram_while_a_backend_fails(void **state)
{
    (void)state;
    open_host("[varve]\nstate = /tmp\nflush = 1s\n[backend b : counter]\n");
    struct varve_series_def def = {.text = "x", .unit = "", .help = ""};
    int id = varve_series_add(host, &def);
    atomic_store(&broken, true);
    for (int round = 0; round < 5; round++) {
        assert_int_equal(varve_push(host, id, round), 0);
        (void)varve_host_flush(host, 200);
    }
    assert_true(WAIT_FOR(stats_now().backends[0].state == VARVE_E_IO));
    assert_true(WAIT_FOR(has_event("store_error"))); // just after the state
    assert_int_equal(atomic_load(&rows_stored), 0);
    assert_int_equal(count_points("x", 0), 5);
    atomic_store(&broken, false);
    (void)varve_host_flush(host,
                           200); // without it the next try comes by itself, some seconds later
    assert_true(WAIT_FOR(atomic_load(&rows_stored) == 5));
    assert_true(WAIT_FOR(has_event("store_ok")));
    assert_int_equal(stats_now().backends[0].blocks_dropped, 0);
    assert_int_equal(varve_host_shutdown(host), 0);
}

static bool is_alive(char why[128])
{
    return varve_host_alive(host, why, 128) == 0;
}

static void a_stuck_backend_is_told_of_and_stops_no_other(void **state)
{
    (void)state;
    char why[128] = "";
    open_host("[varve]\nstate = /tmp\nflush = 1s\nstuck = 300ms\n"
              "[backend slow : counter]\n[backend quick : counter]\n");
    struct varve_series_def def = {.text = "x", .unit = "", .help = ""};
    int id = varve_series_add(host, &def);
    assert_true(is_alive(why));
    atomic_store(&blocking, true);
    for (unsigned round = 1; round <= 5; round++) {
        assert_int_equal(varve_push(host, id, round), 0);
        (void)varve_host_flush(host, 50); // the slow one does not come back
        assert_true(WAIT_FOR(atomic_load(&rows_stored) == round));
    }
    assert_true(WAIT_FOR(has_event("store_stuck")));
    assert_true(WAIT_FOR(!is_alive(why)));
    assert_non_null(strstr(why, "slow"));
    assert_false(has_event("store_back"));
    atomic_store(&blocking, false);
    assert_true(WAIT_FOR(has_event("store_back")));
    assert_true(WAIT_FOR(is_alive(why)));
    assert_int_equal(varve_host_flush(host, 5000), 0);
    assert_int_equal(atomic_load(&rows_stored), 10); // each has them all
    assert_int_equal(varve_host_shutdown(host), 0);
}

static void a_stuck_keeper_is_told_of(void **state)
{
    (void)state;
    char why[128] = "";
    open_host("[varve]\nstate = /tmp\nstuck = 300ms\n");
    sleep_ms(1500); // it sleeps in between, but not for long
    assert_true(WAIT_FOR(is_alive(why)));
    varve_port_mutex_lock(&host->store_lock);
    assert_true(WAIT_FOR(!is_alive(why)));
    assert_non_null(strstr(why, "keeper"));
    varve_port_mutex_unlock(&host->store_lock);
    assert_true(WAIT_FOR(is_alive(why)));
    assert_int_equal(varve_host_shutdown(host), 0);
}

static void shutdown_stores_what_is_in_the_ring(void **state)
{
    (void)state;
    open_host("[varve]\nstate = /tmp\n[backend b : counter]\n");
    struct varve_series_def def = {.text = "x", .unit = "", .help = ""};
    int id = varve_series_add(host, &def);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(varve_push(host, id, i), 0);
    }
    assert_int_equal(varve_host_shutdown(host), 0);
    assert_int_equal(atomic_load(&rows_stored), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_of_many_producers_is_stored_or_counted),
        cmocka_unit_test(a_hanging_collector_stops_no_other),
        cmocka_unit_test(however_many_collectors_hang_the_others_go_on),
        cmocka_unit_test(a_flooding_collector_leaves_room_for_others),
        cmocka_unit_test(a_failing_collector_backs_off_and_says_why),
        cmocka_unit_test(history_waits_in_ram_while_a_backend_fails),
        cmocka_unit_test(a_stuck_backend_is_told_of_and_stops_no_other),
        cmocka_unit_test(a_stuck_keeper_is_told_of),
        cmocka_unit_test(shutdown_stores_what_is_in_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
