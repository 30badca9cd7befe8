// SPDX-License-Identifier: Apache-2.0
// What the daemon says to whoever started it; see banner.h.
#include "banner.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "requests.h"
#include "varve/port.h"

#define REST_MS    300
#define AT_MOST_MS 7000
#define PICK_MS    60000

static int64_t now_ms(void)
{
    return (int64_t)(varve_port_mono_us() / 1000u);
}

bool banner_settled(struct settling *settling, struct varve_host *host)
{
    static struct varve_stats stats;
    int64_t now = now_ms();
    varve_host_stats(host, &stats);
    if (settling->start_ms == 0) {
        settling->start_ms = now;
        settling->since_ms = now;
    }
    if (stats.series != settling->series) {
        settling->series = stats.series;
        settling->since_ms = now;
    }
    bool rests = stats.samples_session > 0 && now - settling->since_ms >= REST_MS;
    return rests || now - settling->start_ms >= AT_MOST_MS;
}

// ---- what runs ----------------------------------------------------------------------------------

static void print_collectors(struct varve_host *host)
{
    struct varve_instance_stats i;
    printf("  collects  ");
    for (size_t n = 0; varve_host_instance(host, n, &i) == 0; n++) {
        if (strcmp(i.kind, "collector") == 0 && i.name[0] && strcmp(i.state, "disabled") != 0) {
            printf(" %s", i.name);
        }
    }
    printf("\n");
    for (size_t n = 0; varve_host_instance(host, n, &i) == 0; n++) {
        if (strcmp(i.kind, "collector") == 0 && i.name[0] && i.reason[0]) {
            printf("  %-10s %s: %s\n", i.state, i.name, i.reason);
        }
    }
}

static void print_stores(const struct varve_stats *stats)
{
    for (uint32_t n = 0; n < stats->backend_count; n++) {
        const struct varve_backend_stats *b = &stats->backends[n];
        printf("  stores in  %s (%s)%s%s\n", b->where[0] ? b->where : "RAM", b->plugin,
               b->state != 0 ? ", not now: " : "", b->state != 0 ? varve_strerror(b->state) : "");
    }
}

// ---- what to try --------------------------------------------------------------------------------

// The tool beside this program, or the one in PATH.
static void find_tool(char *out, size_t cap)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = NULL;
    if (len > 0) {
        self[len] = '\0';
        slash = strrchr(self, '/');
    }
    int n = -1;
    if (slash) {
        n = snprintf(out, cap, "%.*s/varve", (int)(slash - self), self);
    }
    if (n < 0 || (size_t)n >= cap || access(out, X_OK) != 0) {
        (void)snprintf(out, cap, "varve"); // fits
    }
}

// A word for the shell: in quotes when it needs some.
static void print_word(const char *word)
{
    if (word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:-")] ==
        '\0') {
        printf("%s", word);
        return;
    }
    printf("'");
    for (; *word; word++) {
        if (*word == '\'') {
            printf("'\\''");
        } else {
            printf("%c", *word);
        }
    }
    printf("'");
}

static void print_command(const char *tool, const char *socket, const char *command,
                          const char *selector, const char *rest)
{
    printf("  ");
    print_word(tool);
    printf(" %s", command);
    if (selector) {
        printf(" ");
        print_word(selector);
    }
    printf("%s --socket ", rest);
    print_word(socket);
    printf("\n");
}

// Looks for a series that has points by now and is easy to type: the gauge with the shortest name.
struct pick {
    char name[VARVE_SERIES_TEXT];
};

static int pick_begin(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    (void)info;
    return 0;
}

static int pick_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)id;
    struct pick *pick = arg;
    bool shorter = !pick->name[0] || strlen(def->text) < strlen(pick->name);
    if (def->kind == VARVE_GAUGE && shorter) {
        // The core knows no longer text.
        (void)snprintf(pick->name, sizeof pick->name, "%s", def->text);
    }
    return 0;
}

static int pick_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)arg;
    (void)id;
    (void)points;
    (void)n;
    return 0;
}

static const char *pick_one(struct varve_host *host, struct pick *pick)
{
    int64_t now = varve_port_wall_ms();
    const struct varve_query query = {
        .selector = "*", .from_ms = now - PICK_MS, .to_ms = now + PICK_MS, .tier = 0};
    const struct varve_query_sink sink = {.arg = pick,
                                          .begin = pick_begin,
                                          .series = pick_series,
                                          .points = pick_points,
                                          .end = pick_begin};
    size_t bytes;
    void *memory = request_memory(&bytes);
    pick->name[0] = '\0';
    // Without an answer there is no series to show, which is all that matters here.
    (void)varve_query_run(host, &query, &sink, memory, bytes, NULL, 0);
    return pick->name[0] ? pick->name : "*";
}

void banner_print(struct varve_host *host, const char *socket)
{
    static struct varve_stats stats;
    struct pick pick;
    char tool[PATH_MAX];
    varve_host_stats(host, &stats);
    find_tool(tool, sizeof tool);
    printf("varve " VARVE_VERSION " keeps %u series\n", stats.series);
    print_collectors(host);
    print_stores(&stats);
    printf("  socket     %s\n", socket);
    printf("\nTry in another terminal:\n");
    print_command(tool, socket, "series", NULL, "");
    print_command(tool, socket, "query", pick_one(host, &pick), " --from -5m");
    print_command(tool, socket, "stats", NULL, "");
    printf("\nCtrl-C stores what is in memory and stops.\n");
    (void)fflush(stdout); // nothing depends on the banner
}
