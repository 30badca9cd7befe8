// SPDX-License-Identifier: Apache-2.0
// An image that keeps history: eight sensors, read every five seconds for three hours, the clock
// set after a minute. It then asks for what it keeps, prints it and exits: 0, or a status that says
// what was wrong. Time is that of the emulated device, so that each run prints the same.
//
// It is also how firmware looks that keeps history: what is different there is where samples come
// from, and that the loop does not end.
//
// Threading: one loop.
#include <string.h>

#include "firmware.h"
#include "ports/common/firmware.h"
#include "varve/query.h"

#define SENSORS      8
#define STEP_MS      5000
#define RUN_MS       (3 * INT64_C(3600) * 1000)
#define CLOCK_SET_MS INT64_C(60000)
#define MADE_UP_MS   INT64_C(1775001600000) // 2026-04-01T00:00:00Z

enum {
    EXIT_INIT = 2,
    EXIT_SERIES,
    EXIT_PUSH,
    EXIT_QUERY,
    EXIT_ROWS,
};

static _Alignas(8) uint8_t memory[VARVE_MEMORY_BYTES];
static _Alignas(8) uint8_t query_memory[VARVE_QUERY_MEMORY_MIN];
static int ids[SENSORS];

// Something that rises by day, in tenths, and a counter of pulses.
static double reading(int sensor, int64_t boot_ms)
{
    const int64_t step = boot_ms / STEP_MS;
    if (sensor == SENSORS - 1) {
        return (double)(step * 3 + step / 7);
    }
    const int64_t wave = (step * (sensor + 3)) % 240;
    return (double)(180 + 10 * sensor + (wave < 120 ? wave : 240 - wave) / 4) / 10.0;
}

static int add_series(struct varve_host *host)
{
    for (int i = 0; i < SENSORS; i++) {
        char text[VARVE_SERIES_TEXT];
        const bool counter = i == SENSORS - 1;
        (void)varve_format(text, sizeof text, counter ? "pulses_total" : "celsius{probe=\"%d\"}",
                           i);
        const struct varve_series_def def = {.text = text,
                                             .unit = counter ? "1" : "Cel",
                                             .help = "",
                                             .kind = counter ? VARVE_COUNTER : VARVE_GAUGE};
        ids[i] = varve_series_add(host, &def);
        if (ids[i] < 0) {
            return ids[i];
        }
    }
    return 0;
}

static int collect(struct varve_host *host)
{
    const int64_t now_ms = varve_port_boot_ms();
    int rc = 0;
    for (int i = 0; i < SENSORS; i++) {
        const int one = varve_push_boot(host, ids[i], now_ms, reading(i, now_ms));
        rc = rc != 0 ? rc : one;
    }
    return rc;
}

static int run(struct varve_host *host)
{
    int rc = 0;
    bool clock_set = false;
    int64_t next_ms = STEP_MS;
    while (rc == 0 && varve_port_boot_ms() < RUN_MS) {
        if (varve_port_boot_ms() >= next_ms) {
            rc = collect(host);
            next_ms += STEP_MS;
        }
        if (!clock_set && varve_port_boot_ms() >= CLOCK_SET_MS) {
            varve_firmware_set_wall(MADE_UP_MS + varve_port_boot_ms());
            clock_set = true;
        }
        const int64_t idle_ms = varve_host_step(host);
        const int64_t left_ms = next_ms - varve_port_boot_ms();
        firmware_sleep(idle_ms < left_ms ? idle_ms : left_ms);
    }
    return rc;
}

// ---- the answer ---------------------------------------------------------------------------------

static int take_info(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    (void)info;
    return 0;
}

static int take_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    firmware_print("%s [%s]\n", def->text, def->unit);
    return 0;
}

// Values in thousandths: there is no printing of floating point here, nor in varve.
static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    size_t *count = arg;
    (void)id;
    for (size_t i = 0; i < n; i++) {
        const int64_t s = (points[i].time_ms - MADE_UP_MS) / 1000;
        const int64_t milli = (int64_t)(points[i].value * 1000.0 + 0.5);
        firmware_print("  %02lld:%02lld:%02lld %9lld.%03lld\n", (long long)(s / 3600),
                       (long long)(s / 60 % 60), (long long)(s % 60), (long long)(milli / 1000),
                       (long long)(milli % 1000));
    }
    *count += n;
    return 0;
}

static int ask(struct varve_host *host, const char *title, const struct varve_query *query,
               size_t expected)
{
    char why[VARVE_MESSAGE_TEXT] = "";
    size_t count = 0;
    const struct varve_query_sink sink = {&count, take_info, take_series, take_points, take_info};
    firmware_print("-- %s\n", title);
    const int rc =
        varve_query_run(host, query, &sink, query_memory, sizeof query_memory, why, sizeof why);
    if (rc != 0) {
        firmware_print("the query failed: %s (%s)\n", why, varve_strerror(rc));
        return EXIT_QUERY;
    }
    if (count != expected) {
        firmware_print("%u rows, expected %u\n", (unsigned)count, (unsigned)expected);
        return EXIT_ROWS;
    }
    return 0;
}

static int ask_all(struct varve_host *host)
{
    const int64_t end_ms = MADE_UP_MS + RUN_MS;
    const struct varve_query newest = {
        .selector = "celsius{probe=\"2\"}", .from_ms = end_ms - 30000, .to_ms = end_ms, .tier = 0};
    const struct varve_query minutes = {.selector = "celsius{probe=\"2\"}",
                                        .from_ms = end_ms - 3600000,
                                        .to_ms = end_ms - 1,
                                        .step_ms = 600000,
                                        .tier = 1,
                                        .agg = VARVE_AGG_MAX};
    const struct varve_query hours = {.selector = "pulses_total",
                                      .from_ms = MADE_UP_MS,
                                      .to_ms = end_ms - 1,
                                      .step_ms = 3600000,
                                      .tier = 2,
                                      .agg = VARVE_AGG_SUM};
    int rc = ask(host, "raw, the last 30 s", &newest, 6);
    rc = rc == 0 ? ask(host, "maximum in 10 min, from minutes", &minutes, 6) : rc;
    return rc == 0 ? ask(host, "increase in an hour, from hours", &hours, 3) : rc;
}

static void print_figures(struct varve_host *host)
{
    static struct varve_stats stats;
    varve_host_stats(host, &stats);
    firmware_print("-- figures\n"
                   "samples %llu, dropped %llu, series %u, blocks %u\n"
                   "memory %u of %u bytes\n",
                   (unsigned long long)stats.samples, (unsigned long long)stats.dropped_ring,
                   (unsigned)stats.series, (unsigned)stats.tiers[0].blocks,
                   (unsigned)stats.memory_used, (unsigned)sizeof memory);
}

int main(void)
{
    struct varve_host *host;
    char why[VARVE_MESSAGE_TEXT] = "";
    firmware_start();
    const struct varve_conf *conf = firmware_conf();
    int rc = conf == NULL ? VARVE_E_INVALID
                          : varve_host_init(&host, conf, memory, sizeof memory,
                                            VARVE_HOST_FRESH_MEMORY, why, sizeof why);
    if (rc != 0) { // a build without texts does not say why
        firmware_print("cannot start: %s\n", why[0] != '\0' ? why : varve_strerror(rc));
        return EXIT_INIT;
    }
    if (add_series(host) != 0) {
        return EXIT_SERIES;
    }
    if (run(host) != 0) {
        return EXIT_PUSH;
    }
    rc = ask_all(host);
    print_figures(host);
    return rc != 0 ? rc : varve_host_shutdown(host) != 0;
}
