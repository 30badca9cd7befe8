// SPDX-License-Identifier: Apache-2.0
// Contestant: round-robin files, one per series, behind rrdcached (its protocol: rrdcached(1)).
//
// rrdcached writes an updated file after its timeout of, here, 300 s - of the wall clock, which the
// workload outruns. So the files are flushed one by one every 300 s of the data's time, each FLUSH
// returning when the file is written, and the filesystem is synced, which the kernel's writeback
// would have done about 30 s later. Both raw (LAST) and minutes (AVERAGE) are kept, in archives of
// the file.
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "peer.h"

#define FLUSH_MS 300000

static struct link server;
static char batch[ROWS_MAX_SERIES * 64];
static uint32_t series;
static int64_t flush_due_ms;
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
    flush_due_ms = rows->first_ms;
    directory = open(setup->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        die(setup->dir, "cannot be opened");
    }
    link_open(&server, setup->address);
    for (uint32_t i = 0; i < series; i++) {
        (void)snprintf(text, sizeof text,
                       "CREATE s%04u.rrd -s 5 -b %" PRId64 " DS:v:GAUGE:15:U:U "
                       "RRA:LAST:0.5:1:%" PRId64 " RRA:AVERAGE:0.5:12:1440\n",
                       i, rows->first_ms / 1000 - 5, setup->keep_ms / 5000);
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
                             "UPDATE s%04u.rrd %" PRId64 ":%.15g\n", i, time_ms / 1000, values[i]);
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

// An archive is chosen by its function: only raw has LAST, only minutes have AVERAGE.
static size_t read_series(const struct peer_query *q)
{
    char text[128];
    size_t points = 0;
    int64_t before_s = q->minutes ? 60 : 5; // a time of rrd's is the end of its step
    (void)snprintf(text, sizeof text, "FETCH s%04u.rrd %s %" PRId64 " %" PRId64 "\n", q->series,
                   q->minutes ? "AVERAGE" : "LAST", q->from_ms / 1000 - before_s,
                   q->to_ms / 1000 - before_s);
    for (long left = command(text); left > 0; left--) {
        const char *line = link_line(&server);
        const char *value = strstr(line, ": ");
        points += line[0] >= '0' && line[0] <= '9' && value != NULL && strstr(value, "nan") == NULL;
    }
    return points;
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
                              .close = close_rrd};
