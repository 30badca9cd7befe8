// SPDX-License-Identifier: Apache-2.0
// A device with a clock of its own; see clock_device.h.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "ports/sim/sim.h"
#include "tests/unit/clock_device.h"
#include "varve/host.h"

#define STEPS_MAX 1000

extern const struct varve_plugin varve_backend_sqlite;

static const struct varve_plugin *const plugins[] = {&varve_backend_sqlite, NULL};
static struct varve_registry registry;
static struct varve_conf conf;
static uint8_t memory[24u << 20] __attribute__((aligned(64)));
static uint8_t work[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));

void device_make(struct clock_device *d, const char *ini)
{
    char why[128];
    struct varve_sim_device device;
    varve_sim_device_defaults(&device, VARVE_SIM_FTL);
    device.capacity_bytes = 256u << 20;
    assert_int_equal(varve_sim_make(&device, DEVICE_TRUE_MS, why, sizeof why), 0);
    varve_sim_log_level(VARVE_CRITICAL);
    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    if (varve_conf_parse(&conf, "ini", ini) != 0 || varve_conf_finish(&conf) != 0) {
        fail_msg("%s", conf.errors[0]);
    }
    d->host = NULL;
    d->true_ms = DEVICE_TRUE_MS;
    d->count = 0;
    d->loss_ms = 0;
    memset(d->promised, 0, sizeof d->promised);
}

void device_destroy(struct clock_device *d)
{
    if (d->host != NULL) {
        device_cut(d);
    }
    varve_sim_destroy();
}

void device_start(struct clock_device *d)
{
    static const struct varve_series_def def = {"true_ms", "ms", "", VARVE_GAUGE};
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT] = "";
    if (varve_host_init(&d->host, &conf, memory, sizeof memory, VARVE_HOST_NO_COLLECTORS, why,
                        sizeof why) != 0) {
        d->host = NULL;
        fail_msg("the host does not start: %s", why);
    }
    d->series = varve_series_add(d->host, &def);
    assert_true(d->series >= 0);
}

void device_boot(struct clock_device *d, int64_t off_ms, int64_t wall_ms)
{
    varve_sim_boot(off_ms);
    d->true_ms += off_ms;
    varve_sim_set_wall(wall_ms);
    device_start(d);
}

void device_stop(struct clock_device *d)
{
    struct varve_host *host = d->host;
    d->host = NULL;
    assert_int_equal(varve_host_shutdown(host), 0);
}

void device_cut(struct clock_device *d)
{
    varve_sim_cut();
    (void)varve_host_shutdown(d->host); // gives back what is outside the device; it cannot write
    d->host = NULL;
}

void device_promise(struct clock_device *d, size_t first, int64_t until_ms)
{
    for (size_t i = first; i < d->count && d->taken_ms[i] < until_ms; i++) {
        d->promised[i] = true;
    }
}

void device_stop_keeps(struct clock_device *d, size_t first)
{
    device_stop(d);
    device_promise(d, first, INT64_MAX);
}

void device_cut_keeps(struct clock_device *d, size_t first)
{
    device_cut(d);
    device_promise(d, first, d->true_ms - d->loss_ms);
}

void device_step(struct clock_device *d)
{
    for (int steps = 0; varve_host_step(d->host) == 0; steps++) {
        assert_true(steps < STEPS_MAX);
    }
}

void device_pass(struct clock_device *d, int64_t ms)
{
    varve_sim_advance(ms);
    d->true_ms += ms;
}

void device_run(struct clock_device *d, int64_t ms)
{
    for (const int64_t end_ms = d->true_ms + ms; d->true_ms < end_ms;) {
        device_pass(d, DEVICE_ROW_MS);
        assert_true(d->count < DEVICE_ROWS);
        d->taken_ms[d->count++] = d->true_ms;
        assert_int_equal(varve_push(d->host, d->series, (double)d->true_ms), 0);
        device_step(d);
    }
}

void device_learn_the_time(struct clock_device *d)
{
    varve_sim_set_wall(d->true_ms);
    device_step(d);
}

// ---- what is there ------------------------------------------------------------------------------

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg, (void)id, (void)def;
    return 0;
}

static int on_end(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    assert_int_equal(info->damaged_blocks, 0);
    return 0;
}

void device_ask(struct clock_device *d, const char *selector, int tier, enum varve_agg agg,
                device_points_fn on_points, void *arg)
{
    char why[VARVE_MESSAGE_TEXT];
    const struct varve_query query = {
        .selector = selector, .from_ms = INT64_MIN, .to_ms = INT64_MAX, .tier = tier, .agg = agg};
    const struct varve_query_sink sink = {
        .arg = arg, .series = on_series, .points = on_points, .end = on_end};
    assert_int_equal(varve_query_run(d->host, &query, &sink, work, sizeof work, why, sizeof why),
                     0);
}

static int add_up(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    double *total = arg;
    (void)id;
    for (size_t i = 0; i < n; i++) {
        *total += points[i].value;
    }
    return 0;
}

double device_sum(struct clock_device *d, const char *selector, int tier, enum varve_agg agg)
{
    double total = 0;
    device_ask(d, selector, tier, agg, add_up, &total);
    return total;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

size_t device_row(const struct clock_device *d, double taken_ms)
{
    const int64_t wanted_ms = (int64_t)taken_ms;
    const int64_t *row =
        bsearch(&wanted_ms, d->taken_ms, d->count, sizeof wanted_ms, compare_times);
    assert_non_null(row);
    return (size_t)(row - d->taken_ms);
}
