// SPDX-License-Identifier: Apache-2.0
// A device's life; see run.h.
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "varve/port.h"

// What a step of the host says when nothing is due soon.
#define STEP_IDLE_MS 1000
// How far the clock then jumps: the host notices what has become due this much later at most.
#define JUMP_MS 10000
// Steps of the host at one time: it says "at once" while there is work. More than its backends can
// ask for means that it goes round in circles.
#define DAY_MS    INT64_C(86400000)
#define STEPS_MAX 10000

static uint8_t memory[VARVE_MEMORY_BYTES] __attribute__((aligned(64)));

struct life {
    const struct varve_conf *conf;
    struct source *source;
    const struct run_plan *plan;
    struct run_result *result;
    struct varve_host *host;
    int *ids; // by series of the source
    size_t id_count, id_cap;
    bool known_all;    // no series was refused
    int64_t start_ms;  // wall clock
    int64_t memory_ms; // when memory is looked at next
    int64_t reboot_ms; // wall clock of the next restart; INT64_MAX: none
    uint32_t page_bytes;
};

static int fail(const char *doing, const char *why)
{
    (void)fprintf(stderr, "varve-sim: %s: %s\n", doing, why);
    return VARVE_E_INVALID;
}

// ---- series -------------------------------------------------------------------------------------

// Makes the host know every series that the source has had so far.
static int add_series(struct life *life)
{
    const struct source *source = life->source;
    if (source->series_count > life->id_cap) {
        int *ids = realloc(life->ids, source->series_cap * sizeof *ids);
        if (ids == NULL) {
            return fail("series", "not enough memory");
        }
        life->ids = ids;
        life->id_cap = source->series_cap;
    }
    for (; life->id_count < source->series_count; life->id_count++) {
        const struct source_series *series = &source->series[life->id_count];
        const struct varve_series_def def = {
            .text = series->text, .unit = "", .help = "", .kind = series->kind};
        life->ids[life->id_count] = varve_series_add(life->host, &def);
        life->known_all &= life->ids[life->id_count] >= 0;
    }
    return 0;
}

// ---- on and off ---------------------------------------------------------------------------------

static int start_host(struct life *life, unsigned flags)
{
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT] = "";
    const int rc = varve_host_init(&life->host, life->conf, memory, sizeof memory,
                                   VARVE_HOST_NO_COLLECTORS | flags, why, sizeof why);
    life->id_count = 0;
    life->known_all = true;
    return rc == 0 ? add_series(life) : fail("the simulated host does not start", why);
}

// Adds up what the host counts from its start to its stop.
static void take_figures(struct life *life, const struct varve_stats *stats)
{
    struct run_result *result = life->result;
    result->dropped += stats->dropped;
    result->flash_bytes += stats->flash_bytes_session;
    for (uint32_t b = 0; b < stats->backend_count; b++) {
        result->syncs += stats->backends[b].syncs;
        result->dropped_blocks += stats->backends[b].blocks_dropped;
    }
}

// Of the backend on raw flash; there is one chip.
static void note_sectors(struct run_result *result, const struct varve_stats *stats)
{
    for (uint32_t b = 0; b < stats->backend_count; b++) {
        if (stats->backends[b].sectors > 0) {
            result->sectors = stats->backends[b].sectors;
            result->sectors_bad = stats->backends[b].sectors_bad;
            result->sector_erases_min = stats->backends[b].sector_erases_min;
            result->sector_erases_max = stats->backends[b].sector_erases_max;
        }
    }
}

static void note_backends(struct run_result *result, const struct varve_stats *stats)
{
    for (uint32_t b = 0; b < stats->backend_count; b++) {
        if (stats->backends[b].state != 0 && result->backend_error == 0) {
            result->backend_error = stats->backends[b].state;
            memcpy(result->backend, stats->backends[b].name, sizeof result->backend);
        }
    }
}

static int restart_in_order(struct life *life)
{
    struct varve_stats stats;
    (void)varve_host_flush(life->host, 0); // a backend that fails shows in its state
    varve_host_stats(life->host, &stats);
    take_figures(life, &stats);
    const int rc = varve_host_shutdown(life->host);
    if (rc != 0) {
        return fail("the simulated host does not stop in order", varve_strerror(rc));
    }
    varve_sim_boot(0);
    life->result->reboots++;
    life->reboot_ms += life->plan->reboot_ms;
    return start_host(life, 0);
}

// The power is gone: what the host still has in RAM is, too.
static int restart_after_cut(struct life *life)
{
    struct varve_stats before, after;
    varve_host_stats(life->host, &before);
    take_figures(life, &before);
    (void)varve_host_shutdown(life->host); // gives back what is outside the device; cannot write
    varve_sim_boot(0);
    life->result->cuts++;
    const int rc = start_host(life, 0);
    if (rc == 0) {
        varve_host_stats(life->host, &after);
        life->result->lost += before.samples > after.samples ? before.samples - after.samples : 0;
    }
    return rc;
}

// ---- time ---------------------------------------------------------------------------------------

// Lets the host do what is due now; *wait_ms is what it asks for next.
static int step(struct life *life, int64_t *wait_ms)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        *wait_ms = varve_host_step(life->host);
        if (varve_sim_is_off()) {
            const int rc = restart_after_cut(life);
            if (rc != 0) {
                return rc;
            }
        } else if (*wait_ms > 0) {
            return 0;
        }
    }
    return fail("the simulated host", "always has something to do at once");
}

static int advance_to(struct life *life, int64_t wall_ms)
{
    int64_t wait_ms = STEP_IDLE_MS;
    int64_t left_ms;
    while ((left_ms = wall_ms - varve_port_wall_ms()) > 0) {
        const int64_t jump_ms = wait_ms >= STEP_IDLE_MS ? JUMP_MS : wait_ms;
        const bool arrives = jump_ms >= left_ms;
        varve_sim_advance(arrives ? left_ms : jump_ms);
        if (arrives) {
            return 0; // whoever comes next steps
        }
        const int rc = step(life, &wait_ms);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

// ---- samples ------------------------------------------------------------------------------------

// In the present: stamped by the boot clock, as a collector's are. Otherwise with their own time.
static int push(struct life *life, int id, int64_t time_ms, double value, bool is_now)
{
    return is_now ? varve_push_boot(life->host, id, varve_port_boot_ms(), value)
                  : varve_push_at(life->host, id, time_ms, value);
}

// Samples from number `at` on, one by one.
static int push_rest(struct life *life, const struct row *row, size_t at, bool is_now,
                     uint64_t *refused)
{
    int64_t wait_ms;
    for (; at < row->count; at++) {
        const int id = life->ids[row->series[at]];
        int rc = push(life, id, row->time_ms, row->values[at], is_now);
        if (rc == VARVE_E_FULL) { // more series than the ring holds samples
            rc = step(life, &wait_ms);
            if (rc != 0) {
                return rc;
            }
            rc = push(life, id, row->time_ms, row->values[at], is_now);
        }
        *refused += rc != 0 ? 1 : 0;
    }
    return 0;
}

static int push_row(struct life *life, const struct row *row)
{
    const bool is_now = row->time_ms == varve_port_wall_ms();
    int64_t wait_ms;
    uint64_t refused = 0;
    size_t at = 0;
    // As collectors do that have all at once; every series of a synthetic row is in it, in order.
    if (is_now && !life->source->is_csv && life->known_all) {
        at = varve_push_row(life->host, varve_port_boot_ms(), life->ids, row->values, row->count);
    }
    const int rc = push_rest(life, row, at, is_now, &refused);
    if (rc != 0) {
        return rc;
    }
    life->result->refused += refused;
    life->result->samples += row->count - refused;
    return step(life, &wait_ms);
}

// Once a day: that memory does not grow.
static void note_memory(struct life *life)
{
    struct run_result *result = life->result;
    struct varve_stats stats;
    uint64_t heap = 0;
    varve_host_stats(life->host, &stats);
    for (uint32_t b = 0; b < stats.backend_count; b++) {
        heap += stats.backends[b].heap_bytes;
    }
    result->memory_used = stats.memory_used;
    result->heap_first_day = result->heap_max == 0 ? heap : result->heap_first_day;
    result->heap_max = heap > result->heap_max ? heap : result->heap_max;
    result->heap_end = heap;
    life->memory_ms += DAY_MS;
}

static int live(struct life *life)
{
    const int64_t end_ms =
        life->plan->span_ms > 0 ? life->start_ms + life->plan->span_ms : INT64_MAX;
    const struct row *row;
    int rc;
    while ((rc = source_next(life->source, &row)) == 1 && row->time_ms < end_ms) {
        rc = advance_to(life, row->time_ms);
        rc = rc == 0 && varve_port_wall_ms() >= life->reboot_ms ? restart_in_order(life) : rc;
        rc = rc == 0 ? add_series(life) : rc;
        rc = rc == 0 ? push_row(life, row) : rc;
        if (rc != 0) {
            return rc;
        }
        if (row->time_ms >= life->memory_ms) {
            note_memory(life);
        }
    }
    return rc >= 0 && end_ms != INT64_MAX ? advance_to(life, end_ms) : rc;
}

// ---- the whole ----------------------------------------------------------------------------------

static int finish(struct life *life)
{
    struct run_result *result = life->result;
    struct varve_stats stats;
    (void)varve_host_flush(life->host, 0); // a backend that fails shows in its state
    if (varve_sim_is_off()) {
        const int rc = restart_after_cut(life);
        if (rc != 0) {
            return rc;
        }
    }
    varve_host_stats(life->host, &stats);
    take_figures(life, &stats);
    note_backends(result, &stats);
    note_sectors(result, &stats);
    result->series = stats.series;
    result->stored_bytes = stats.stored_bytes;
    result->span_ms = varve_port_wall_ms() - life->start_ms;
    result->operations = varve_sim_operations();
    const int rc = run_measure_raw(life->host, life->page_bytes, result);
    return rc == 0 ? 0 : fail("reading the raw blocks", varve_strerror(rc));
}

static double seconds(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now); // cannot fail for these clocks
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int run_life(const struct varve_conf *conf, struct source *source, const struct run_plan *plan,
             uint32_t page_bytes, struct run_result *result)
{
    struct life life = {.conf = conf,
                        .source = source,
                        .plan = plan,
                        .result = result,
                        .start_ms = varve_port_wall_ms(),
                        .page_bytes = page_bytes};
    const double cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID);
    const double wall_s = seconds(CLOCK_MONOTONIC);
    memset(result, 0, sizeof *result);
    life.memory_ms = life.start_ms + DAY_MS;
    life.reboot_ms = plan->reboot_ms > 0 ? life.start_ms + plan->reboot_ms : INT64_MAX;
    int rc = varve_port_path_make_dir(conf->settings.state);
    rc = rc == 0 ? start_host(&life, VARVE_HOST_FRESH_MEMORY) : rc;
    if (rc != 0) {
        return rc;
    }
    varve_sim_cut_at(plan->cut_at); // a first start that fails would tell nothing
    rc = live(&life);
    rc = rc == 0 ? finish(&life) : rc;
    (void)varve_host_shutdown(life.host); // the figures are taken
    free(life.ids);
    result->cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_s - source_cpu_s(source);
    result->wall_s = seconds(CLOCK_MONOTONIC) - wall_s;
    return rc;
}
