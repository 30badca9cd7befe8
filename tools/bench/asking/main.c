// SPDX-License-Identifier: Apache-2.0
// query_bench: fills varve, Prometheus and VictoriaMetrics and asks them; see bench.h.
//
// The engine's answers are kept in FOLDER/NAME.points, and the others' are compared with them. For
// each question a line `NAME key=value...` is printed; exit code 1 is a failure, not a difference.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "varve/query.h"

#define QUESTIONS 5u
#define DAYS_MAX  400u

struct options {
    struct samples samples;
    unsigned runs;
    const char *config;  // of varve's store
    const char *address; // a socket, or a port
    const char *command; // whose output is an export
    const char *path;    // of a server's export
    bool again;          // the questions that caches may answer, or the others
};

static struct question questions[QUESTIONS];
static struct answer ours, theirs;

void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "query_bench: %s: %s\n", what, why);
    exit(1);
}

// ---- the questions ------------------------------------------------------------------------------

// The daemon of a default configuration has raw samples of two hours; what a dashboard asks about a
// day comes from the minutes.
#define MINUTES 1

// Exact but for the order in which floating point is added up.
#define EXACT 1e-12

static void make_questions(const struct samples *s)
{
    struct question raw = {.text = "cpu_percent{resource=\"r40\"}",
                           .from_ms = samples_workload(s),
                           .to_ms = s->end_ms - 1,
                           .points = true};
    struct question avg = {.text = "avg by (resource) ({resource!=\"\"})",
                           .from_ms = s->end_ms - s->hours * INT64_C(3600000) + 60000,
                           .to_ms = s->end_ms,
                           .step_ms = 60000,
                           .tier = MINUTES,
                           .tolerance = EXACT};
    struct question percentile = {.to_ms = s->end_ms, .tier = VARVE_TIER_AUTO, .tolerance = 0.01};
    (void)snprintf(raw.range, sizeof raw.range, "[%uh]", s->hours);
    (void)snprintf(percentile.text, sizeof percentile.text,
                   "quantile_over_time(0.95, latency_ms[%ud])", s->days);
    questions[0] = raw;
    questions[1] = avg;
    questions[2] = percentile;
    questions[3] = raw;
    questions[4] = avg;
    static const char *const names[QUESTIONS] = {"raw", "avg_by", "percentile", "raw_again",
                                                 "avg_by_again"};
    for (size_t i = 0; i < QUESTIONS; i++) {
        questions[i].name = names[i];
    }
}

static bool is_asked(const struct question *q, const struct options *o)
{
    return (strstr(q->name, "_again") != NULL) == o->again;
}

// ---- answers in files ---------------------------------------------------------------------------

static FILE *points_file(const struct question *q, const char *folder, const char *mode)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s.points", folder, q->name); // too long: fopen() fails
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        die(path, strerror(errno));
    }
    return file;
}

static void save(const struct question *q, const char *folder)
{
    FILE *file = points_file(q, folder, "wb");
    const bool whole = fwrite(ours.points, sizeof *ours.points, ours.n, file) == ours.n;
    if (fclose(file) != 0 || !whole) {
        die(q->name, "its points cannot be written");
    }
}

static void load(const struct question *q, const char *folder)
{
    FILE *file = points_file(q, folder, "rb");
    struct point p;
    answer_clear(&ours);
    while (fread(&p, sizeof p, 1, file) == 1) {
        answer_add(&ours, p.key, p.time_ms, p.value);
    }
    (void)fclose(file); // read only
}

// ---- contestants --------------------------------------------------------------------------------

static void ask_engine(const struct options *o, const char *folder)
{
    struct timing t;
    ours_open(o->config, o->again);
    for (const struct question *q = questions; q < questions + QUESTIONS; q++) {
        if (is_asked(q, o)) {
            ours_engine(q, o->runs, &t, &ours);
            save(q, folder);
            printf("%s engine_ms=%.4f points=%zu tier=%s\n", q->name, t.engine_ms, t.points,
                   t.tier);
        }
    }
    ours_close();
}

static void ask_daemon(const struct options *o, const char *folder)
{
    struct timing t;
    ours_connect(o->address);
    for (const struct question *q = questions; q < questions + QUESTIONS; q++) {
        if (is_asked(q, o)) {
            load(q, folder);
            t.points = ours.n;
            ours_trip(q, o->runs, &t);
            printf("%s trip_ms=%.4f\n", q->name, t.trip_ms);
        }
    }
    ours_disconnect();
}

static void ask_server(const struct options *o, const char *folder, bool victoria)
{
    const struct server server = {.address = o->address, .victoria = victoria, .cached = o->again};
    struct timing t;
    for (const struct question *q = questions; q < questions + QUESTIONS; q++) {
        if (is_asked(q, o)) {
            load(q, folder);
            theirs_ask(&server, q, o->runs, &t, &theirs);
            printf("%s trip_ms=%.4f points=%zu differ=%zu\n", q->name, t.trip_ms, t.points,
                   answer_differences(&ours, &theirs, q->tolerance));
        }
    }
}

static void export_samples(const struct options *o)
{
    struct exported e;
    if (o->command != NULL) {
        export_command(o->command, &e);
    } else {
        export_request(o->address, o->path, &e);
    }
    printf("export seconds=%.3f lines=%" PRIu64 " sum=%016" PRIx64 "\n", e.seconds, e.lines, e.sum);
}

// ---- the command line ---------------------------------------------------------------------------

static void usage(void)
{
    puts("usage: query_bench csv|openmetrics FOLDER      samples as files\n"
         "       query_bench send FOLDER                 to the VictoriaMetrics at --address PORT\n"
         "       query_bench engine FOLDER               of the store of --config INI\n"
         "       query_bench daemon FOLDER               at --address SOCKET\n"
         "       query_bench prometheus|victoriametrics FOLDER   at --address PORT\n"
         "       query_bench export FOLDER               --command C, or --address PORT --path P\n"
         "options: --end MS --hours N --days N --seed S --runs N --again");
}

static unsigned long long number(const char *option, const char *text, unsigned long long most)
{
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value > most) {
        die(option, "no number, or too large");
    }
    return value;
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option longs[] = {{"end", required_argument, NULL, 'e'},
                                          {"hours", required_argument, NULL, 'h'},
                                          {"days", required_argument, NULL, 'd'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"runs", required_argument, NULL, 'r'},
                                          {"config", required_argument, NULL, 'i'},
                                          {"address", required_argument, NULL, 'a'},
                                          {"command", required_argument, NULL, 'c'},
                                          {"path", required_argument, NULL, 'p'},
                                          {"again", no_argument, NULL, 'g'},
                                          {NULL, 0, NULL, 0}};
    struct options o = {.samples = {.hours = 24, .days = 90, .seed = 1}, .runs = 21};
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'e':
            o.samples.end_ms = (int64_t)number("--end", optarg, INT64_MAX);
            break;
        case 'h':
            o.samples.hours = (unsigned)number("--hours", optarg, 24 * DAYS_MAX);
            break;
        case 'd':
            o.samples.days = (unsigned)number("--days", optarg, DAYS_MAX);
            break;
        case 's':
            o.samples.seed = number("--seed", optarg, UINT64_MAX);
            break;
        case 'r':
            o.runs = (unsigned)number("--runs", optarg, 100000);
            break;
        case 'i':
            o.config = optarg;
            break;
        case 'a':
            o.address = optarg;
            break;
        case 'c':
            o.command = optarg;
            break;
        case 'p':
            o.path = optarg;
            break;
        case 'g':
            o.again = true;
            break;
        default:
            usage();
            exit(2);
        }
    }
    return o;
}

// False: it is none of these, or lacks what it needs.
static bool make(const char *what, const char *folder, const struct options *o)
{
    if (strcmp(what, "csv") == 0) {
        samples_csv(&o->samples, folder);
    } else if (strcmp(what, "openmetrics") == 0) {
        samples_openmetrics(&o->samples, folder);
    } else if (strcmp(what, "send") == 0 && o->address != NULL) {
        samples_send(&o->samples, o->address);
    } else {
        return false;
    }
    return true;
}

static bool ask(const char *what, const char *folder, const struct options *o)
{
    const bool victoria = strcmp(what, "victoriametrics") == 0;
    const bool served = o->address != NULL;
    if (strcmp(what, "engine") == 0 && o->config != NULL) {
        ask_engine(o, folder);
    } else if (strcmp(what, "daemon") == 0 && served) {
        ask_daemon(o, folder);
    } else if ((victoria || strcmp(what, "prometheus") == 0) && served) {
        ask_server(o, folder, victoria);
    } else if (strcmp(what, "export") == 0 && (o->command != NULL || (served && o->path != NULL))) {
        export_samples(o);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    const struct options o = parse_options(argc, argv);
    make_questions(&o.samples);
    if (argc - optind != 2 ||
        !(make(argv[optind], argv[optind + 1], &o) || ask(argv[optind], argv[optind + 1], &o))) {
        usage();
        return 2;
    }
    return 0;
}
