// SPDX-License-Identifier: Apache-2.0
// The samples that a life pushes, from a seed: six sorts of series, one after the other.
//
//   0  a counter that is reset now and then, stamped by the boot clock
//   1  a gauge of which one sample in four comes up to two minutes late
//   2  a gauge of doubles that no decimal scale fits
//   3  a gauge with one decimal that often stays the same, stamped by the boot clock
//   4  a gauge that has a sample in one row of three
//   5  a gauge that walks slowly
//
// What is late belongs to the world, not to the host: it is pushed after a power cut, too.
//
// Threading: one task.
#include "powercut.h"
#include "varve/host.h"
#include "varve/port.h"

#define SORTS     6u
#define LATE_MAX  256u
#define LATE_ROWS 12u

struct late {
    uint32_t series, rows; // rows until it comes
    int64_t time_ms;
    double value;
};

static struct {
    struct test_random random;
    double value[SERIES_MAX];
    int id[SERIES_MAX];
    struct late late[LATE_MAX];
    uint32_t late_count;
    uint32_t row;
} workload;

enum varve_kind workload_kind(uint32_t series)
{
    return series % SORTS == 0 ? VARVE_COUNTER : VARVE_GAUGE;
}

bool workload_is_late(uint32_t series)
{
    return series % SORTS == 1;
}

void workload_begin(uint64_t seed)
{
    workload.random.state = seed;
    workload.late_count = 0;
    workload.row = 0;
}

uint32_t workload_below(uint32_t limit)
{
    return random_below(&workload.random, limit);
}

// In an order of its own each time: an id that a cut has freed goes to another series.
int workload_define(struct varve_host *host, uint32_t count)
{
    const uint32_t first = workload_below(count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t series = (first + i) % count;
        char text[32];
        (void)snprintf(text, sizeof text, "s%02u", (unsigned)series);
        const struct varve_series_def def = {
            .text = text, .unit = "", .help = "", .kind = workload_kind(series)};
        workload.id[series] = varve_series_add(host, &def);
        if (workload.id[series] < 0) {
            return workload.id[series];
        }
    }
    return 0;
}

int workload_find(const char *text)
{
    char *end = NULL;
    const unsigned long series = text[0] == 's' ? strtoul(text + 1, &end, 10) : SERIES_MAX;
    return series < SERIES_MAX && *end == '\0' ? (int)series : -1;
}

static double next_value(uint32_t series)
{
    double *value = &workload.value[series];
    switch (series % SORTS) {
    case 0:
        *value = workload_below(50) == 0 ? 0 : *value + workload_below(1000);
        break;
    case 2:
        *value = (double)random_bits(&workload.random) / 3.7e12;
        break;
    case 3:
        *value = workload_below(4) == 0 ? workload_below(1000) / 10.0 : *value;
        break;
    default:
        *value += workload_below(2001) / 8.0 - 125;
    }
    return *value;
}

static int push(struct varve_host *host, uint32_t series, int64_t time_ms, double value, bool boot)
{
    const int id = workload.id[series];
    const int rc = boot ? varve_push_boot(host, id, varve_port_boot_ms(), value)
                        : varve_push_at(host, id, time_ms, value);
    if (rc == 0) {
        history_push(series, time_ms, varve_port_wall_ms(), value);
    }
    return rc;
}

static int push_late(struct varve_host *host)
{
    for (uint32_t i = 0; i < workload.late_count;) {
        struct late *late = &workload.late[i];
        if (late->rows-- > 0) {
            i++;
            continue;
        }
        const struct late due = *late;
        *late = workload.late[--workload.late_count];
        const int rc = push(host, due.series, due.time_ms, due.value, false);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static bool put_off(uint32_t series, int64_t now_ms, double value)
{
    if (!workload_is_late(series) || workload_below(4) != 0 || workload.late_count == LATE_MAX) {
        return false;
    }
    workload.late[workload.late_count++] = (struct late){
        .series = series, .rows = workload_below(LATE_ROWS), .time_ms = now_ms, .value = value};
    return true;
}

int workload_push(struct varve_host *host, uint32_t count)
{
    const int64_t now_ms = varve_port_wall_ms();
    int rc = push_late(host);
    workload.row++;
    for (uint32_t series = 0; rc == 0 && series < count; series++) {
        const double value = next_value(series);
        const bool skipped = series % SORTS == 4 && workload.row % 3 != 0;
        if (!skipped && !put_off(series, now_ms, value)) {
            rc = push(host, series, now_ms, value, series % SORTS == 0 || series % SORTS == 3);
        }
    }
    return rc;
}
