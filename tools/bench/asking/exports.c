// SPDX-License-Identifier: Apache-2.0
// How fast samples come out as lines, and whether they are the same ones; see bench.h.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../peers/http.h"
#include "../workload.h"
#include "bench.h"

#define LINE_MAX_BYTES 512u
#define FIELDS         6u

struct lines {
    uint64_t lines, sum;
    bool adds; // sums up, too
    size_t used;
    char line[LINE_MAX_BYTES]; // the begin of one that is not whole
};

// ---- one line -----------------------------------------------------------------------------------

static uint64_t mix(uint64_t z)
{
    return workload_random(&z);
}

// Cuts a line at everything that formats put between what counts; returns the number of pieces.
static size_t cut(char *line, char *pieces[FIELDS])
{
    size_t n = 0;
    char *rest = line, *piece;
    while (n < FIELDS && (piece = strtok_r(rest, "{}\"=, \n", &rest)) != NULL) {
        if (strcmp(piece, "__name__") != 0 && strcmp(piece, "resource") != 0) {
            pieces[n++] = piece;
        }
    }
    return n;
}

// varve: time,name{resource="rNN"},value; promtool: {__name__="name", resource="rNN"} value time;
// VictoriaMetrics: name,rNN,value,time as it is asked for here.
static uint64_t hash_of(char *line)
{
    char *pieces[FIELDS];
    if (cut(line, pieces) != 4) {
        die("export", "a line that is not of time, name, resource and value");
    }
    const bool time_first = pieces[0][0] >= '0' && pieces[0][0] <= '9';
    const char *const *series = (const char *const *)pieces + time_first;
    const double value = strtod(pieces[time_first ? 3 : 2], NULL);
    uint64_t bits, hash = strtoull(pieces[time_first ? 0 : 3], NULL, 10);
    (void)memcpy(&bits, &value, sizeof bits);
    hash = mix(mix(hash) ^ bits);
    for (size_t i = 0; i < 2; i++) {
        for (const char *at = series[i]; *at != '\0'; at++) {
            hash = mix(hash + (unsigned char)*at);
        }
    }
    return hash;
}

static bool is_sample(const char *line)
{
    return strncmp(line, "ts,", 3) != 0; // the header
}

// ---- pieces of the output -----------------------------------------------------------------------

static void count_lines(struct lines *l, const char *piece, size_t n)
{
    const char *end = piece + n;
    while ((piece = memchr(piece, '\n', (size_t)(end - piece))) != NULL) {
        l->lines++;
        piece++;
    }
}

static void sum_lines(struct lines *l, const char *piece, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (l->used + 1 == sizeof l->line) {
            die("export", "a line is too long");
        }
        l->line[l->used++] = piece[i];
        if (piece[i] == '\n') {
            l->line[l->used] = '\0';
            l->used = 0;
            if (is_sample(l->line)) {
                l->lines++;
                l->sum += hash_of(l->line);
            }
        }
    }
}

static void take(void *arg, const char *piece, size_t n)
{
    struct lines *l = arg;
    (l->adds ? sum_lines : count_lines)(l, piece, n);
}

// ---- reading ------------------------------------------------------------------------------------

static void read_command(const char *command, struct lines *l)
{
    static char piece[1u << 16];
    size_t n;
    FILE *pipe = popen(command, "r"); // NOLINT(cert-env33-c): of whoever runs the benchmark
    if (pipe == NULL) {
        die(command, strerror(errno));
    }
    while ((n = fread(piece, 1, sizeof piece, pipe)) > 0) {
        take(l, piece, n);
    }
    if (pclose(pipe) != 0) {
        die(command, "failed");
    }
}

static void read_request(const char *path, struct lines *l)
{
    http_stream("GET", path, "", 0, take, l);
}

static void twice(void (*read)(const char *, struct lines *), const char *what, struct exported *e)
{
    struct lines quick = {.adds = false}, whole = {.adds = true};
    const double start = now_s();
    read(what, &quick);
    e->seconds = now_s() - start;
    read(what, &whole);
    e->lines = whole.lines;
    e->sum = whole.sum;
}

void export_command(const char *command, struct exported *e)
{
    twice(read_command, command, e);
}

void export_request(const char *address, const char *path, struct exported *e)
{
    http_open(address);
    twice(read_request, path, e);
}
