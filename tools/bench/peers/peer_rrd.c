// SPDX-License-Identifier: Apache-2.0
// Contestant: round-robin files, one per series, behind rrdcached (its protocol: rrdcached(1)).
//
// rrdcached writes an updated file after its timeout of, here, 300 s - of the wall clock, which the
// workload outruns. So the files are flushed one by one every 300 s of the data's time, each FLUSH
// returning when the file is written, and the filesystem is synced, which the kernel's writeback
// would have done about 30 s later. Both raw (LAST) and minutes (AVERAGE) are kept, in archives of
// the file.
//
// What comes back is a text of eleven digits (FETCH), so that values are right to 5e-11. A time of
// rrd's is the end of its step: the minute that begins at m is made of the samples of m + 5 s to
// m + 60 s.
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "peer.h"

#define FLUSH_MS  300000
#define MINUTES   1440 // that are kept
#define ROW_BYTES 8

static struct link server;
static char batch[ROWS_MAX_SERIES * 64];
static uint32_t series;
static int64_t flush_due_ms, keep_ms;
static int directory;

// Sends a line and returns the status that the answer begins with: the number of lines behind it.
static long command(const char *text)
{
    link_send(&server, text, strlen(text));
    char *answer = link_line(&server);
    long status = strtol(answer, NULL, 10);
    if (status < 0) {
        die(text, answer);
    }
    return status;
}

static void open_rrd(const struct rows *rows, const struct peer_setup *setup)
{
    char text[256];
    series = rows->series;
    keep_ms = setup->keep_ms;
    flush_due_ms = rows->first_ms;
    directory = open(setup->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        die(setup->dir, "cannot be opened");
    }
    link_open(&server, setup->address);
    for (uint32_t i = 0; i < series; i++) {
        (void)snprintf(text, sizeof text,
                       "CREATE s%04u.rrd -s 5 -b %" PRId64 " DS:v:GAUGE:15:U:U "
                       "RRA:LAST:0.5:1:%" PRId64 " RRA:AVERAGE:0.5:12:%d\n",
                       i, rows->first_ms / 1000 - 5, setup->keep_ms / 5000, MINUTES);
        (void)command(text);
    }
}

static void flush_files(void)
{
    char text[64];
    for (uint32_t i = 0; i < series; i++) {
        (void)snprintf(text, sizeof text, "FLUSH s%04u.rrd\n", i);
        (void)command(text);
    }
    if (syncfs(directory) != 0) {
        die("rrd", "the filesystem cannot be synced");
    }
}

static void update_row(int64_t time_ms, const double *values)
{
    int used = 0;
    for (uint32_t i = 0; i < series; i++) {
        if (!isnan(values[i])) {
            used += snprintf(batch + used, sizeof batch - (size_t)used,
                             "UPDATE s%04u.rrd %" PRId64 ":%.17g\n", i, time_ms / 1000, values[i]);
        }
    }
    (void)command("BATCH\n");
    link_send(&server, batch, (size_t)used);
    if (command(".\n") != 0) {
        die("rrd", "it refused an update");
    }
    if (time_ms >= flush_due_ms) {
        flush_files();
        flush_due_ms = time_ms + FLUSH_MS;
    }
}

static void settle(void)
{
    flush_files();
}

// FETCH takes the finest archive that reaches back to the start, whatever its function when its
// rows are single samples. So minutes are asked for from before the first raw sample on (which is
// right as long as the range begins with the raw samples: keep_ms of a day at most), and what is
// too early is passed over.
static size_t read_series(const struct peer_query *q, struct peer_points *out)
{
    char text[128];
    size_t points = 0;
    // Those steps come that end behind the start, up to the one that holds the end.
    const int64_t from_s =
        q->minutes ? q->from_ms / 1000 - 120 : (q->from_ms + 4999) / 5000 * 5 - 5;
    const int64_t to_s = q->to_ms / 1000 - (q->minutes ? 0 : 5);
    (void)snprintf(text, sizeof text, "FETCH s%04u.rrd %s %" PRId64 " %" PRId64 "\n", q->series,
                   q->minutes ? "AVERAGE" : "LAST", from_s, to_s);
    for (long left = command(text); left > 0; left--) {
        const char *line = link_line(&server);
        const char *value = strstr(line, ": ");
        if (line[0] >= '0' && line[0] <= '9' && value != NULL && strstr(value, "nan") == NULL) {
            const int64_t time_ms = 1000 * strtoll(line, NULL, 10) - (q->minutes ? 60000 : 0);
            if (time_ms >= q->from_ms) {
                points++;
                peer_point(out, time_ms, strtod(value + 2, NULL));
            }
        }
    }
    return points;
}

// Both archives lie in the same files: what the minutes take is left out.
static void measure_raw(struct peer_raw *raw)
{
    const uint64_t kept = (uint64_t)(keep_ms / 5000) * series;
    raw->bytes -= (uint64_t)MINUTES * ROW_BYTES * series;
    raw->samples = raw->samples < kept ? raw->samples : kept;
}

static void close_rrd(void)
{
    link_close(&server);
    (void)close(directory); // read only
}

const struct peer peer_rrd = {.name = "rrd",
                              .server = true,
                              .open = open_rrd,
                              .row = update_row,
                              .settle = settle,
                              .read = read_series,
                              .raw = measure_raw,
                              .precision = 5e-11,
                              .minutes_by_end = true,
                              .close = close_rrd};
