// SPDX-License-Identifier: Apache-2.0
// The command line of the campaign; README.md has examples.
//
// Threading: one task.
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "powercut.h"

// VARVE_TEST_LONG: so many times the points, of two seeds.
#define LONG_TIMES 12u

struct options {
    const char *backend, *scenario, *model; // NULL: all
    uint64_t seed, rounds;
    bool expect_failure;
    bool has_seed;
    struct trial trial;
    struct plan plan;
};

static void usage(FILE *out)
{
    (void)fputs(
        "powercut [OPTION...]: cuts the power of a simulated device at every operation of its "
        "flash\n"
        "  --backend NAME    wal, inplace, rotate, rotate_nor, ring; default: all\n"
        "  --scenario NAME   default: all that fit and are short\n"
        "  --model NAME      lost, reordered, torn, nor, nand, raw, reset; default: all that fit\n"
        "  --seed N          of the workload, the choice of points, and what a cut leaves\n"
        "  --points N        about so many points of each trial, drawn by the seed; default: all\n"
        "  --rounds N        so many seeds, one after the other\n"
        "  --from K --to K   these points only\n"
        "  --double          cut again during recovery\n"
        "  --cut K [--second J]  repeat one point, in this process\n"
        "  --broken WHAT     a device that lies: file_syncs, dir_syncs\n"
        "  --expect-failure  succeed when a cut is found that breaks a promise\n"
        "  --jobs N          processes at a time; default: 2\n"
        "  --failures N      give up a trial after so many; default: 5\n",
        out);
}

static uint64_t number(const char *text)
{
    char *end;
    const unsigned long long n = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        (void)fprintf(stderr, "powercut: not a number: %s\n", text);
        exit(2);
    }
    return n;
}

static void take_option(struct options *o, int c, const char *text)
{
    switch (c) {
    case 'b':
        o->backend = text;
        break;
    case 's':
        o->scenario = text;
        break;
    case 'm':
        o->model = text;
        break;
    case 'n':
        o->seed = number(text);
        o->has_seed = true;
        break;
    case 'p':
        o->plan.points = number(text);
        break;
    case 'r':
        o->rounds = number(text);
        break;
    case 'f':
        o->plan.from = number(text);
        break;
    case 't':
        o->plan.to = number(text);
        break;
    case 'd':
        o->plan.twice = true;
        break;
    case 'c':
        o->plan.from = o->plan.to = number(text);
        break;
    case '2':
        o->plan.second = number(text);
        break;
    case 'x':
        o->trial.broken = text;
        break;
    case 'e':
        o->expect_failure = true;
        break;
    case 'j':
        o->plan.jobs = (unsigned)number(text);
        break;
    case 'l':
        o->plan.max_failures = (unsigned)number(text);
        break;
    default:
        usage(c == 'h' ? stdout : stderr);
        exit(c == 'h' ? 0 : 2);
    }
}

static void read_options(struct options *o, int argc, char **argv)
{
    static const struct option table[] = {
        {"backend", 1, NULL, 'b'},  {"scenario", 1, NULL, 's'},
        {"model", 1, NULL, 'm'},    {"seed", 1, NULL, 'n'},
        {"points", 1, NULL, 'p'},   {"rounds", 1, NULL, 'r'},
        {"from", 1, NULL, 'f'},     {"to", 1, NULL, 't'},
        {"double", 0, NULL, 'd'},   {"cut", 1, NULL, 'c'},
        {"second", 1, NULL, '2'},   {"broken", 1, NULL, 'x'},
        {"jobs", 1, NULL, 'j'},     {"expect-failure", 0, NULL, 'e'},
        {"failures", 1, NULL, 'l'}, {"help", 0, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        take_option(o, c, optarg);
    }
    if (optind < argc || o->plan.jobs == 0 || o->plan.jobs > 16 || o->rounds == 0) {
        usage(stderr);
        exit(2);
    }
}

static bool is_wanted(const char *wanted, const char *name)
{
    return wanted == NULL || strcmp(wanted, name) == 0;
}

static double now_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now); // cannot fail for this clock
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void try_one(struct options *o, struct tally *all)
{
    const double began_s = now_s();
    struct tally tally = {0};
    (void)points_try(&o->trial, &o->plan, &tally); // a failure is in the tally
    (void)printf("%-10s %-11s %-10s seed %-10" PRIu64 " %6" PRIu64 " of %6" PRIu64
                 " points, %5" PRIu64 " second cuts, %" PRIu64 " failures, %.1f s\n",
                 o->trial.backend->name, o->trial.scenario->name, o->trial.model->name,
                 o->trial.seed, tally.points, tally.operations, tally.seconds, tally.failures,
                 now_s() - began_s);
    (void)fflush(stdout);
    all->points += tally.points;
    all->seconds += tally.seconds;
    all->failures += tally.failures;
    all->operations++; // trials
}

static void try_backend(struct options *o, struct tally *all)
{
    for (o->trial.scenario = case_scenarios; o->trial.scenario->name != NULL; o->trial.scenario++) {
        const struct scenario *scenario = o->trial.scenario;
        const bool wanted =
            o->scenario == NULL ? !scenario->is_long : is_wanted(o->scenario, scenario->name);
        if (!wanted || !case_fits(o->trial.backend, scenario)) {
            continue;
        }
        for (o->trial.model = case_models; o->trial.model->name != NULL; o->trial.model++) {
            if (is_wanted(o->model, o->trial.model->name) &&
                case_lies_on(o->trial.backend, o->trial.model)) {
                try_one(o, all);
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct options o = {.rounds = 1, .plan = {.jobs = 2, .max_failures = 5}};
    struct tally all = {0};
    read_options(&o, argc, argv);
    if (getenv("VARVE_TEST_LONG") != NULL && !o.expect_failure) {
        o.plan.points *= LONG_TIMES;
        o.rounds *= 2;
    }
    if (!o.has_seed) {
        struct test_random random = random_start("powercut");
        o.seed = random_bits(&random) % 1000000000;
    }
    if (o.plan.from == 0 || o.plan.from != o.plan.to) {
        varve_sim_log_level(VARVE_CRITICAL); // much fails for want of power
    }
    for (uint64_t round = 0; round < o.rounds; round++) {
        o.trial.seed = o.seed + round;
        for (o.trial.backend = case_backends; o.trial.backend->name != NULL; o.trial.backend++) {
            if (is_wanted(o.backend, o.trial.backend->name)) {
                try_backend(&o, &all);
            }
        }
    }
    (void)printf("%" PRIu64 " points, %" PRIu64 " second cuts, %" PRIu64 " failures\n", all.points,
                 all.seconds, all.failures);
    if (all.operations == 0 || (all.points == 0 && all.failures == 0)) {
        (void)fprintf(stderr, "powercut: nothing was tried; see --help for the names\n");
        return 2;
    }
    return (all.failures > 0) == o.expect_failure ? 0 : 1;
}
