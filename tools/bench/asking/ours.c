// SPDX-License-Identifier: Apache-2.0
// Asking varve: its engine in this process, and a daemon over its socket; see bench.h.
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "store/store.h"
#include "varve/client.h"
#include "varve/port.h"

#define KEYS 65536u

static struct store store;
static struct varve_client client;
static union {
    uint8_t bytes[VARVE_QUERY_MEMORY];
    max_align_t align;
} memory;

struct taker {
    struct answer *answer; // NULL: points are counted only
    size_t points;
    char tier[16];
    uint32_t keys[KEYS];
};

static struct taker taker;

// ---- the answer ---------------------------------------------------------------------------------

static int take_info(void *arg, const struct varve_query_info *info)
{
    struct taker *t = arg;
    (void)snprintf(t->tier, sizeof t->tier, "%s", info->tier_name); // fits
    return 0;
}

static int take_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct taker *t = arg;
    t->keys[id] = answer_key(def->text);
    return 0;
}

static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct taker *t = arg;
    t->points += n;
    for (size_t i = 0; t->answer != NULL && i < n; i++) {
        answer_add(t->answer, t->keys[id], points[i].time_ms, points[i].value);
    }
    return 0;
}

static const struct varve_query_sink sink = {&taker, take_info, take_series, take_points,
                                             take_info};

// ---- the question -------------------------------------------------------------------------------

static struct varve_query as_query(const struct question *q)
{
    return (struct varve_query){.selector = q->text,
                                .from_ms = q->from_ms,
                                .to_ms = q->to_ms,
                                .tier = q->tier,
                                .agg = VARVE_AGG_LAST};
}

static struct varve_expr_query as_expression(const struct question *q)
{
    return (struct varve_expr_query){.text = q->text,
                                     .from_ms = q->from_ms,
                                     .to_ms = q->to_ms,
                                     .step_ms = q->step_ms,
                                     .tier = q->tier};
}

static void ask_engine(const struct question *q)
{
    char why[VARVE_MESSAGE_TEXT] = "";
    const struct varve_query query = as_query(q);
    const struct varve_expr_query expression = as_expression(q);
    int rc = q->points ? varve_query_run(store.host, &query, &sink, memory.bytes,
                                         VARVE_QUERY_MEMORY, why, sizeof why)
                       : varve_expr_run(store.host, &expression, &sink, memory.bytes,
                                        VARVE_EXPR_MEMORY, why, sizeof why);
    if (rc != 0) {
        die(q->text, why[0] != '\0' ? why : varve_strerror(rc));
    }
}

static void ask_daemon(const struct question *q)
{
    const struct varve_query query = as_query(q);
    const struct varve_expr_query expression = as_expression(q);
    int rc = q->points ? varve_client_query(&client, &query, &sink)
                       : varve_client_expr(&client, &expression, &sink);
    if (rc != 0) {
        die(q->text, client.why[0] != '\0' ? client.why : varve_strerror(rc));
    }
}

// ---- timing -------------------------------------------------------------------------------------

double now_s(void)
{
    return (double)varve_port_mono_us() / 1e6;
}

double cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); // cannot fail
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double shortest_ms(const struct question *q, unsigned runs,
                          void (*ask)(const struct question *), double (*clock)(void))
{
    double best = 1e9;
    for (unsigned i = 0; i < runs; i++) {
        taker.points = 0;
        const double start = clock();
        ask(q);
        const double took = 1e3 * (clock() - start);
        best = took < best ? took : best;
    }
    return best;
}

void ours_engine(const struct question *q, unsigned runs, struct timing *t, struct answer *a)
{
    taker.answer = NULL;
    t->engine_ms = shortest_ms(q, runs, ask_engine, cpu_s);
    t->points = taker.points;
    (void)memcpy(t->tier, taker.tier, sizeof t->tier);
    answer_clear(a);
    taker.answer = a;
    ask_engine(q);
}

void ours_trip(const struct question *q, unsigned runs, struct timing *t)
{
    taker.answer = NULL;
    t->trip_ms = shortest_ms(q, runs, ask_daemon, now_s);
    if (taker.points != t->points) {
        die(q->text, "the daemon answers with another number of points than the engine");
    }
}

// ---- opening ------------------------------------------------------------------------------------

void ours_open(const char *config, bool as_daemon)
{
    const struct store_choice choice = {.config = config, .write = as_daemon, .existing = true};
    if (store_open(&store, &choice) != 0) {
        die(config, store.why);
    }
}

void ours_close(void)
{
    if (store_close(&store) != 0) {
        die("store", store.why);
    }
}

void ours_connect(const char *socket)
{
    if (varve_client_open(&client, socket) != 0) {
        die(socket, client.why);
    }
}

void ours_disconnect(void)
{
    varve_client_close(&client);
}
