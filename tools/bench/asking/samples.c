// SPDX-License-Identifier: Apache-2.0
// The samples that all are asked about; see bench.h.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "../peers/http.h"
#include "../workload.h"
#include "bench.h"

#define HOUR_MS     INT64_C(3600000)
#define SLICE_MS    (2 * HOUR_MS) // what a block of Prometheus holds at first
#define OFFSET_MS   2500
#define LATENCY     "latency_ms"
#define SENT_AT_ONE (4u << 20)

// Gets each sample in the order of time. `decimals` are what the value has.
typedef void sample_fn(void *arg, int64_t time_ms, const char *series, double value, int decimals);

static struct workload workload;
static char names[WORKLOAD_SERIES][64];
static double values[WORKLOAD_SERIES];

int64_t samples_workload(const struct samples *s)
{
    return s->end_ms - s->hours * HOUR_MS + OFFSET_MS;
}

int64_t samples_begin(const struct samples *s)
{
    const int64_t latency_ms = s->end_ms - s->days * DAY_MS + OFFSET_MS;
    return latency_ms < samples_workload(s) ? latency_ms : samples_workload(s);
}

// Of numbers of its own, so that the latency does not depend on the workload's.
static double uniform(uint64_t *state)
{
    return ((double)(workload_random(state) >> 11) + 0.5) / 9007199254740992.0;
}

// Log-normal around 20 ms, by Box and Muller.
static double next_latency(uint64_t *state)
{
    const double radius = sqrt(-2 * log(uniform(state)));
    const double latency = exp(3 + 0.5 * radius * cos(6.283185307179586 * uniform(state)));
    return round(100 * latency) / 100;
}

static void begin_workload(const struct samples *s)
{
    workload_init(&workload, s->seed);
    for (size_t i = 0; i < WORKLOAD_SERIES; i++) {
        (void)workload_series(i, names[i], sizeof names[i]);
    }
}

static void walk(const struct samples *s, sample_fn *take, void *arg)
{
    uint64_t state = ~s->seed;
    begin_workload(s);
    for (int64_t at = samples_begin(s); at < s->end_ms; at += WORKLOAD_STEP_MS) {
        if (at >= s->end_ms - s->days * DAY_MS) {
            take(arg, at, LATENCY, next_latency(&state), 2);
        }
        if (at < samples_workload(s)) {
            continue;
        }
        workload_next(&workload, values);
        for (size_t i = 0; i < WORKLOAD_SERIES; i++) {
            take(arg, at, names[i], values[i], i % 3 == 0);
        }
    }
}

// ---- files --------------------------------------------------------------------------------------

struct output {
    const char *folder;
    FILE *file;
    int64_t workload_ms; // when it begins
    int64_t end_ms;      // of what this file takes
    unsigned count;
};

static FILE *create(const char *folder, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name); // too long: fopen() says so
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        die(path, strerror(errno));
    }
    return file;
}

static void close_file(FILE *file)
{
    const bool failed = ferror(file);
    if (fclose(file) != 0 || failed) {
        die("samples", "they cannot be written: is there room?");
    }
}

static void put_csv(void *arg, int64_t time_ms, const char *series, double value, int decimals)
{
    (void)fprintf(arg, "%" PRId64 ",%s,%.*f\n", time_ms, series, decimals, value); // ferror() later
}

void samples_csv(const struct samples *s, const char *folder)
{
    FILE *file = create(folder, "in.csv");
    walk(s, put_csv, file);
    close_file(file);
}

static void end_slice(struct output *out)
{
    if (out->file != NULL) {
        (void)fputs("# EOF\n", out->file); // ferror() follows
        close_file(out->file);
        out->file = NULL;
    }
}

static void put_openmetrics(void *arg, int64_t time_ms, const char *series, double value,
                            int decimals)
{
    struct output *out = arg;
    if (time_ms >= out->end_ms) {
        // The one gauge alone is cheap to read for each of a day's blocks; the workload is not.
        const int64_t slice_ms = time_ms + DAY_MS < out->workload_ms ? DAY_MS : SLICE_MS;
        char name[32];
        end_slice(out);
        (void)snprintf(name, sizeof name, "%04u.om", out->count++); // fits
        out->file = create(out->folder, name);
        out->end_ms = time_ms - time_ms % SLICE_MS + slice_ms;
    }
    (void)fprintf(out->file, "%s %.*f %" PRId64 ".%03d\n", series, decimals, value, time_ms / 1000,
                  (int)(time_ms % 1000));
}

void samples_openmetrics(const struct samples *s, const char *folder)
{
    struct output out = {.folder = folder, .workload_ms = samples_workload(s)};
    walk(s, put_openmetrics, &out);
    end_slice(&out);
}

// ---- over HTTP ----------------------------------------------------------------------------------

struct batch {
    size_t used;
    char text[SENT_AT_ONE];
};

static void send_batch(struct batch *b)
{
    (void)http_request("POST", "/api/v1/import/prometheus", b->text, b->used);
    b->used = 0;
}

static void put_http(void *arg, int64_t time_ms, const char *series, double value, int decimals)
{
    struct batch *b = arg;
    if (sizeof b->text - b->used < 256) {
        send_batch(b);
    }
    b->used += (size_t)snprintf(b->text + b->used, sizeof b->text - b->used,
                                "%s %.*f %" PRId64 "\n", series, decimals, value, time_ms);
}

void samples_send(const struct samples *s, const char *address)
{
    static struct batch batch;
    const struct timespec pause = {.tv_sec = 3};
    http_open(address);
    walk(s, put_http, &batch);
    send_batch(&batch);
    (void)http_request("GET", "/internal/force_flush", "", 0);
    (void)nanosleep(&pause, NULL); // new samples are shown only after a second or two
}
