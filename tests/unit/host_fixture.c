// SPDX-License-Identifier: Apache-2.0
// A host for tests; see host_fixture.h.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/host_fixture.h"
#include "tests/unit/temp_dir.h"

extern const struct varve_plugin varve_backend_sqlite;

static const struct varve_plugin *const plugins[] = {&varve_backend_sqlite, NULL};
static uint8_t memory[24u << 20] __attribute__((aligned(64)));
static uint8_t query_memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));

static void configure(struct fixture *f, const char *tiers)
{
    char setting[512];
    varve_registry_init(&f->registry, plugins);
    varve_conf_init(&f->conf, &f->registry, NULL);
    varve_conf_default_tiers(&f->conf);
    assert_int_equal(varve_conf_add(&f->conf, VARVE_BACKEND, "sqlite", "flash"), 0);
    snprintf(setting, sizeof setting, "varve.state=%s", temp_dir());
    assert_int_equal(varve_conf_set(&f->conf, setting), 0);
    snprintf(setting, sizeof setting, "backend flash.tiers=%s", tiers);
    assert_int_equal(varve_conf_set(&f->conf, setting), 0);
    assert_int_equal(varve_conf_set(&f->conf, "backend flash.path=test.db"), 0);
    assert_int_equal(varve_conf_finish(&f->conf), 0);
}

void fixture_init(struct fixture *f, const char *tiers)
{
    assert_int_equal(temp_dir_make(NULL), 0);
    configure(f, tiers);
}

void fixture_end(struct fixture *f)
{
    if (f->host != NULL) {
        fixture_close(f);
    }
    assert_int_equal(temp_dir_remove(NULL), 0);
}

void fixture_open(struct fixture *f, unsigned flags)
{
    char why[512] = "";
    int rc = varve_host_init(&f->host, &f->conf, memory, sizeof memory,
                             flags | VARVE_HOST_NO_COLLECTORS, why, sizeof why);
    if (rc != 0) {
        f->host = NULL;
        fail_msg("varve_host_init: %d %s", rc, why);
    }
}

void fixture_close(struct fixture *f)
{
    struct varve_host *host = f->host;
    f->host = NULL; // whatever comes of it
    assert_int_equal(varve_host_shutdown(host), 0);
}

int fixture_series(struct fixture *f, const char *text, enum varve_kind kind)
{
    struct varve_series_def def = {.text = text, .unit = "", .help = "", .kind = kind};
    int id = varve_series_add(f->host, &def);
    assert_true(id >= 0);
    return id;
}

int64_t fixture_start_ms(void)
{
    const int64_t day_ms = INT64_C(86400000);
    return (varve_port_wall_ms() / day_ms - 3) * day_ms;
}

// ---- queries ------------------------------------------------------------------------------------

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int on_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct answer *answer = arg;
    (void)id;
    assert_true(answer->count + n <= FIXTURE_MAX_POINTS);
    memcpy(answer->points + answer->count, points, n * sizeof *points);
    answer->count += n;
    return 0;
}

static int on_end(void *arg, const struct varve_query_info *info)
{
    ((struct answer *)arg)->info = *info;
    return 0;
}

struct answer fixture_query(struct fixture *f, const char *selector, int tier, enum varve_agg agg,
                            int64_t step_ms)
{
    return fixture_query_range(f, selector, INT64_MIN, INT64_MAX, tier, agg, step_ms);
}

struct answer fixture_query_range(struct fixture *f, const char *selector, int64_t from_ms,
                                  int64_t to_ms, int tier, enum varve_agg agg, int64_t step_ms)
{
    struct answer answer = {.points = malloc(FIXTURE_MAX_POINTS * sizeof(struct varve_point))};
    struct varve_query query = {.selector = selector,
                                .from_ms = from_ms,
                                .to_ms = to_ms,
                                .step_ms = step_ms,
                                .tier = tier,
                                .agg = agg};
    struct varve_query_sink sink = {
        .arg = &answer, .series = on_series, .points = on_points, .end = on_end};
    assert_non_null(answer.points);
    assert_true(f->query_bytes <= sizeof query_memory);
    answer.rc = varve_query_run(f->host, &query, &sink, query_memory,
                                f->query_bytes > 0 ? f->query_bytes : sizeof query_memory,
                                answer.why, sizeof answer.why);
    return answer;
}

void answer_free(struct answer *answer)
{
    free(answer->points);
}

// ---- the oracle ---------------------------------------------------------------------------------

// What a bucket of gauge values should give, by the book.
static double naive(enum varve_agg agg, const struct varve_point *points, size_t n)
{
    double min = points[0].value, max = points[0].value, sum = 0;
    for (size_t i = 0; i < n; i++) {
        min = points[i].value < min ? points[i].value : min;
        max = points[i].value > max ? points[i].value : max;
        sum += points[i].value;
    }
    switch (agg) {
    case VARVE_AGG_MIN:
        return min;
    case VARVE_AGG_MAX:
        return max;
    case VARVE_AGG_SUM:
        return sum;
    case VARVE_AGG_COUNT:
        return (double)n;
    case VARVE_AGG_AVG:
        return sum / (double)n;
    default:
        return points[n - 1].value;
    }
}

static void check_agg(const struct answer *answer, enum varve_agg agg, int64_t step_ms,
                      const struct varve_point *points, size_t n)
{
    size_t cell = 0;
    for (size_t i = 0; i < n;) {
        int64_t start_ms = points[i].time_ms - points[i].time_ms % step_ms;
        size_t run = 1;
        while (i + run < n && points[i + run].time_ms < start_ms + step_ms) {
            run++;
        }
        double want = naive(agg, points + i, run);
        assert_true(cell < answer->count);
        assert_int_equal(answer->points[cell].time_ms, start_ms);
        double error = answer->points[cell].value - want;
        double scale = want < 0 ? -want : want;
        if (!(error <= 1e-9 * (scale + 1) && error >= -1e-9 * (scale + 1))) {
            fail_msg("%s of cell %zu: %.17g, expected %.17g", varve_agg_name(agg), cell,
                     answer->points[cell].value, want);
        }
        i += run;
        cell++;
    }
    assert_int_equal(answer->count, cell);
}

static const enum varve_agg all_aggs[] = {VARVE_AGG_MIN,   VARVE_AGG_MAX, VARVE_AGG_SUM,
                                          VARVE_AGG_COUNT, VARVE_AGG_AVG, VARVE_AGG_LAST};

static void check_aggs(struct fixture *f, const char *selector, int tier,
                       const struct varve_point *points, size_t n, size_t agg_count)
{
    const struct varve_tier *tiers;
    (void)varve_host_tiers(f->host, &tiers);
    for (size_t i = 0; i < agg_count; i++) {
        struct answer answer = fixture_query(f, selector, tier, all_aggs[i], 0);
        assert_int_equal(answer.rc, 0);
        check_agg(&answer, all_aggs[i], tiers[tier].step_ms, points, n);
        answer_free(&answer);
    }
}

void fixture_check_tier(struct fixture *f, const char *selector, int tier,
                        const struct varve_point *points, size_t n)
{
    check_aggs(f, selector, tier, points, n, sizeof all_aggs / sizeof *all_aggs);
}

void fixture_check_late_tier(struct fixture *f, const char *selector, int tier,
                             const struct varve_point *points, size_t n)
{
    check_aggs(f, selector, tier, points, n, sizeof all_aggs / sizeof *all_aggs - 1);
}
