// SPDX-License-Identifier: Apache-2.0
// Reading back; see verify.h.
#include "verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "meter.h"

#define REPEATS           21u
#define DAY_MS            INT64_C(86400000)
#define MINUTE_MS         60000
#define SERIES            3u
#define MINUTES_PRECISION 1e-9

struct outcome {
    size_t compared, wrong;
    double error; // largest relative one of those that are not wrong
};

static double values[ROWS_MAX_SERIES];

// ---- what is asked for --------------------------------------------------------------------------

static int64_t floor_minute(int64_t time_ms)
{
    return time_ms - time_ms % MINUTE_MS;
}

// A gauge near the middle, as others store averages of nothing else; the middle when all count.
static uint32_t middle_gauge(const struct rows *rows)
{
    const uint32_t middle = rows->series / 2 / 3 * 3;
    uint32_t i = middle;
    while (i < rows->series && rows->counter[i]) {
        i++;
    }
    return i < rows->series ? i : middle;
}

static struct peer_query make_query(const struct rows *rows, int64_t keep_ms, bool minutes)
{
    struct peer_query q = {
        .series = middle_gauge(rows), .to_ms = rows->last_ms, .minutes = minutes};
    q.from_ms = rows->last_ms - (keep_ms < DAY_MS ? keep_ms : DAY_MS) + 1;
    q.from_ms = q.from_ms < rows->first_ms ? rows->first_ms : q.from_ms;
    if (minutes) { // whole ones
        q.from_ms = floor_minute(q.from_ms + MINUTE_MS - 1);
        q.to_ms = floor_minute(q.to_ms) - 1;
    }
    return q;
}

// ---- what is right ------------------------------------------------------------------------------

static void expect_raw(struct rows *rows, const struct peer_query *q, struct peer_points *out)
{
    int64_t time_ms;
    rows_rewind(rows);
    while (rows_next(rows, &time_ms, values)) {
        if (time_ms >= q->from_ms && time_ms <= q->to_ms && !isnan(values[q->series])) {
            peer_point(out, time_ms, values[q->series]);
        }
    }
}

static void expect_minutes(struct rows *rows, const struct peer_query *q, bool by_end,
                           struct peer_points *out)
{
    int64_t time_ms, minute = INT64_MIN;
    size_t count = 0;
    double sum = 0;
    rows_rewind(rows);
    while (rows_next(rows, &time_ms, values)) {
        const int64_t its = floor_minute(by_end ? time_ms - 1 : time_ms);
        if (its != minute && count > 0) {
            peer_point(out, minute, sum / (double)count);
            sum = 0;
            count = 0;
        }
        minute = its;
        if (minute >= q->from_ms && minute <= q->to_ms && !isnan(values[q->series])) {
            sum += values[q->series];
            count++;
        }
    }
    if (count > 0) {
        peer_point(out, minute, sum / (double)count);
    }
}

// ---- comparing ----------------------------------------------------------------------------------

static double relative_error(double a, double b)
{
    if (a == b) {
        return 0;
    }
    return fabs(a - b) / fmax(fabs(a), fabs(b));
}

static void compare(const struct peer_points *right, const struct peer_points *got,
                    double precision, struct outcome *outcome)
{
    size_t i = 0, k = 0;
    const size_t n = got->count < got->cap ? got->count : got->cap;
    outcome->compared += right->count;
    outcome->wrong += got->count - n;
    while (i < right->count || k < n) {
        if (k == n || (i < right->count && right->time_ms[i] < got->time_ms[k])) {
            outcome->wrong++; // missing
            i++;
        } else if (i == right->count || got->time_ms[k] < right->time_ms[i]) {
            outcome->wrong++; // made up
            k++;
        } else {
            const double error = relative_error(right->value[i++], got->value[k++]);
            if (error <= precision) {
                outcome->error = fmax(outcome->error, error);
            } else { // a NaN, too
                outcome->wrong++;
            }
        }
    }
}

static struct peer_points make_points(size_t cap)
{
    struct peer_points points = {.cap = cap};
    points.time_ms = malloc(cap * sizeof *points.time_ms);
    points.value = malloc(cap * sizeof *points.value);
    if (points.time_ms == NULL || points.value == NULL) {
        die("verify", "not enough memory");
    }
    return points;
}

static void free_points(struct peer_points *points)
{
    free(points->time_ms);
    free(points->value);
}

static void check_series(const struct peer *peer, struct rows *rows, const struct peer_query *q,
                         struct outcome *outcome)
{
    const size_t room = (size_t)rows->count + 1;
    struct peer_points right = make_points(room), got = make_points(room);
    if (q->minutes) {
        expect_minutes(rows, q, peer->minutes_by_end, &right);
    } else {
        expect_raw(rows, q, &right);
    }
    (void)peer->read(q, &got); // counts them, too
    compare(&right, &got, q->minutes ? MINUTES_PRECISION : peer->precision, outcome);
    free_points(&right);
    free_points(&got);
}

static void check(const struct peer *peer, struct rows *rows, struct peer_query q, const char *name)
{
    struct outcome outcome = {0};
    for (uint32_t i = 0; i < SERIES && i < rows->series; i++) {
        if (!q.minutes || !rows->counter[q.series]) {
            check_series(peer, rows, &q, &outcome);
        }
        q.series = (q.series + 1) % rows->series;
    }
    printf("%s_compared %zu\n%s_wrong %zu\n%s_error %.3g\n", name, outcome.compared, name,
           outcome.wrong, name, outcome.error);
}

// ---- timing -------------------------------------------------------------------------------------

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The median of REPEATS warm reads.
static void time_query(const struct peer *peer, const struct peer_query *q, const char *name)
{
    double took[REPEATS];
    size_t points = 0;
    for (unsigned i = 0; i < REPEATS; i++) {
        double began = meter_seconds();
        points = peer->read(q, NULL);
        took[i] = meter_seconds() - began;
    }
    qsort(took, REPEATS, sizeof *took, compare_doubles);
    printf("read_%s_ms %.3f\nread_%s_points %zu\n", name, took[REPEATS / 2] * 1e3, name, points);
}

void verify(const struct peer *peer, struct rows *rows, int64_t keep_ms)
{
    for (int minutes = 0; minutes <= 1; minutes++) {
        const char *name = minutes ? "minutes" : "raw";
        const struct peer_query q = make_query(rows, keep_ms, minutes);
        time_query(peer, &q, name);
        check(peer, rows, q, name);
    }
}
