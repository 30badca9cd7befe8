// SPDX-License-Identifier: Apache-2.0
// Queries beside the writer, with all tasks running: every answer is the samples so far, each once,
// whether they are in RAM, on their way, in the WAL, just checkpointed or in a slot.
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

#include "tests/unit/temp_dir.h"
#include "varve/query.h"

#define ROWS        6000
#define SERIES      12  // one that is looked at, the others make the blocks larger
#define STEP_MS     300 // of the data: half an hour in all
#define FLUSH_EVERY 150

extern const struct varve_plugin varve_backend_sqlite;

static const struct varve_plugin *const plugins[] = {&varve_backend_sqlite, NULL};
static uint8_t memory[24u << 20] __attribute__((aligned(64)));
static uint8_t query_memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
static struct varve_registry registry;
static struct varve_conf conf;
static struct varve_host *host;

static int64_t start_ms;
static atomic_int durable; // rows that a flush has confirmed
static atomic_bool failed;

// What cmocka asserts may only fail on the test's own task.
static void *write_rows(void *arg)
{
    const int *ids = arg;
    uint32_t random = 1;
    for (int row = 0; row < ROWS && !atomic_load(&failed); row++) {
        for (int s = 0; s < SERIES; s++) {
            random = random * 1664525u + 1013904223u;
            struct varve_point point = {.time_ms = start_ms + (int64_t)row * STEP_MS,
                                        .value = s == 0 ? row : random / 7.0};
            if (varve_host_import(host, ids[s], &point, 1) != 0) {
                atomic_store(&failed, true);
            }
        }
        if ((row + 1) % FLUSH_EVERY == 0) {
            if (varve_host_flush(host, 10000) != 0) {
                atomic_store(&failed, true);
            }
            atomic_store(&durable, row + 1);
        }
    }
    return NULL;
}

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int on_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    int *next = arg;
    (void)id;
    for (size_t i = 0; i < n; i++, (*next)++) {
        assert_int_equal(points[i].time_ms, start_ms + (int64_t)*next * STEP_MS);
        assert_true(points[i].value == *next);
    }
    return 0;
}

// Rows of the answer, which are those from the first on.
static int query_rows(void)
{
    int rows = 0;
    char why[256];
    struct varve_query query = {.selector = "a", .from_ms = 0, .to_ms = INT64_MAX, .tier = 0};
    struct varve_query_sink sink = {.arg = &rows, .series = on_series, .points = on_points};
    int rc = varve_query_run(host, &query, &sink, query_memory, sizeof query_memory, why, 256);
    assert_int_equal(rc, 0);
    return rows;
}

static void open_host(const char *options)
{
    char ini[1024], why[256] = "";
    snprintf(ini, sizeof ini,
             "[varve]\nstate = %s\nclock = trust\nflush = 1h\n"
             "[backend flash : sqlite]\npath = test.db\nsync = off\n%s",
             temp_dir(), options);
    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    varve_conf_default_tiers(&conf);
    int rc = varve_conf_parse(&conf, "test.ini", ini);
    rc = rc == 0 ? varve_conf_finish(&conf) : rc;
    if (rc != 0) {
        fail_msg("configuration: %s", conf.errors[0]);
    }
    rc = varve_host_init(&host, &conf, memory, sizeof memory, VARVE_HOST_NO_COLLECTORS, why,
                         sizeof why);
    if (rc != 0) {
        fail_msg("host: %s", why);
    }
    assert_int_equal(varve_host_start(host), 0);
}

static void query_while_writing(const char *options)
{
    pthread_t writer;
    int ids[SERIES], queries = 0, partial = 0;
    assert_int_equal(temp_dir_make(NULL), 0);
    open_host(options);
    for (int s = 0; s < SERIES; s++) {
        char text[32];
        snprintf(text, sizeof text, s == 0 ? "a" : "b%d", s);
        struct varve_series_def def = {.text = text, .unit = "", .help = ""};
        ids[s] = varve_series_add(host, &def);
        assert_true(ids[s] >= 0);
    }
    start_ms = varve_port_wall_ms() / 60000 * 60000 - 3600000;
    atomic_store(&durable, 0);
    atomic_store(&failed, false);
    assert_int_equal(pthread_create(&writer, NULL, write_rows, ids), 0);
    while (atomic_load(&durable) < ROWS && !atomic_load(&failed)) {
        int least = atomic_load(&durable);
        int rows = query_rows();
        assert_true(rows >= least);
        partial += rows > 0 && rows < ROWS;
        queries++;
    }
    pthread_join(writer, NULL);
    assert_false(atomic_load(&failed));
    assert_int_equal(query_rows(), ROWS);
    print_message("%d queries, %d of some of the rows\n", queries, partial);
    assert_int_equal(varve_host_shutdown(host), 0);
    assert_int_equal(temp_dir_remove(NULL), 0);
}

static void answers_are_whole_beside_a_writer_with_a_wal(void **state)
{
    (void)state;
    query_while_writing("journal = wal\nwal_limit = 64K\n");
}

static void answers_are_whole_beside_a_writer_in_place(void **state)
{
    (void)state;
    query_while_writing("journal = inplace\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_whole_beside_a_writer_with_a_wal),
        cmocka_unit_test(answers_are_whole_beside_a_writer_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
