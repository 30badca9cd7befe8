// SPDX-License-Identifier: Apache-2.0
// What the daemon says to whoever started it; see banner.h.
#include "banner.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "varve/port.h"

#define REST_MS    300
#define AT_MOST_MS 2000

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

// ---- what runs
// -------------------------------------------------------------------------------------

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
        printf("  stores in  %s (%s)\n", b->where[0] ? b->where : "RAM", b->plugin);
    }
}

// ---- what to try
// -----------------------------------------------------------------------------------

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

// A series that is easy to type: the first gauge without labels, else the first of all.
static const char *pick_series(struct varve_host *host, struct varve_series_def *def)
{
    const char *first = NULL;
    for (varve_series_id id = 0;
         id < VARVE_MAX_SERIES - 1 && varve_host_series(host, &id, def) == 0; id++) {
        first = first ? first : def->text;
        if (def->kind == VARVE_GAUGE && !strchr(def->text, '{')) {
            return def->text;
        }
    }
    return first ? first : "*";
}

void banner_print(struct varve_host *host, const char *socket)
{
    static struct varve_stats stats;
    struct varve_series_def def;
    char tool[PATH_MAX];
    varve_host_stats(host, &stats);
    find_tool(tool, sizeof tool);
    printf("varve " VARVE_VERSION " keeps %u series\n", stats.series);
    print_collectors(host);
    print_stores(&stats);
    printf("  socket     %s\n", socket);
    printf("\nTry in another terminal:\n");
    print_command(tool, socket, "series", NULL, "");
    print_command(tool, socket, "query", pick_series(host, &def), " --from -5m");
    print_command(tool, socket, "stats", NULL, "");
    printf("\nCtrl-C stores what is in memory and stops.\n");
    (void)fflush(stdout); // nothing depends on the banner
}
