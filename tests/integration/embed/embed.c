// SPDX-License-Identifier: Apache-2.0
// A program that embeds varve as a library, the way firmware would: no tasks, a super-loop, the
// program's own series, a store in the directory given as its argument. Runs twice over the same
// store: what the first run pushed must be there in the second.
#include <stdio.h>
#include <string.h>

#include "varve/host.h"
#include "varve/query.h"

#define SAMPLES 10

static uint8_t memory[8u << 20];
static uint8_t query_memory[VARVE_QUERY_MEMORY];
static struct varve_conf conf;

struct answer {
    size_t count;
    double sum;
};

static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct answer *answer = arg;

    (void)id; // one series only
    for (size_t i = 0; i < n; i++) {
        answer->count++;
        answer->sum += points[i].value;
    }
    return 0;
}

// What varve_query_run needs but this program does not care for.
static int no_info(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    (void)info;
    return 0;
}

static int no_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int fail(const char *what, int code, const char *why)
{
    fprintf(stderr, "embed: %s: %s: %s\n", what, varve_strerror(code), why);
    return 1;
}

static int ask(struct varve_host *host, struct answer *answer)
{
    const struct varve_query query = {.selector = "boiler_celsius",
                                      .from_ms = 0,
                                      .to_ms = INT64_MAX,
                                      .tier = 0,
                                      .agg = VARVE_AGG_LAST};
    const struct varve_query_sink sink = {answer, no_info, no_series, take_points, no_info};
    char why[VARVE_MESSAGE_TEXT] = "";
    const int rc =
        varve_query_run(host, &query, &sink, query_memory, sizeof query_memory, why, sizeof why);

    return rc < 0 ? fail("query", rc, why) : 0;
}

static int configure(const struct varve_registry *registry, const char *state)
{
    char text[512];

    varve_conf_init(&conf, registry, NULL);
    snprintf(text, sizeof text,
             "[varve]\nstate = %s\nclock = trust\n[backend flash : sqlite]\npath = embed.db\n",
             state);
    int rc = varve_conf_parse(&conf, "embed", text);
    if (rc == 0) {
        rc = varve_conf_finish(&conf);
    }
    return rc < 0 ? fail("configuration", rc, conf.errors[0]) : 0;
}

// Pushes SAMPLES samples, makes them durable, reads back everything.
static int run(struct answer *answer)
{
    struct varve_host *host;
    char why[VARVE_MESSAGE_TEXT] = "";
    int rc = varve_host_init(&host, &conf, memory, sizeof memory, 0, why, sizeof why);

    if (rc < 0) {
        return fail("init", rc, why);
    }
    const struct varve_series_def def = {"boiler_celsius", "Cel", "", VARVE_GAUGE};
    const int id = varve_series_add(host, &def);
    for (int i = 1; i <= SAMPLES; i++) {
        rc = varve_push(host, id, i);
        if (rc < 0) {
            return fail("push", rc, "");
        }
        (void)varve_host_step(host); // when it wants to be called again is of no interest here
    }
    rc = varve_host_flush(host, 10000);
    if (rc < 0) {
        return fail("flush", rc, "");
    }
    if (ask(host, answer) != 0) {
        return 1;
    }
    rc = varve_host_shutdown(host);
    return rc < 0 ? fail("shutdown", rc, "") : 0;
}

int main(int argc, char **argv)
{
    struct varve_registry registry;

    if (argc != 2) {
        fprintf(stderr, "usage: embed DIRECTORY\n");
        return 2;
    }
    varve_registry_init(&registry, varve_static_plugins);
    for (size_t round = 1; round <= 2; round++) {
        struct answer answer = {0, 0};

        if (configure(&registry, argv[1]) != 0 || run(&answer) != 0) {
            return 1;
        }
        printf("round %zu: %zu samples, sum %g\n", round, answer.count, answer.sum);
        if (answer.count != round * SAMPLES || answer.sum != (double)round * 55.0) {
            fprintf(stderr, "embed: expected %zu samples, sum %g\n", round * SAMPLES,
                    (double)round * 55.0);
            return 1;
        }
    }
    return 0;
}
