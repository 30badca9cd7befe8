// SPDX-License-Identifier: Apache-2.0
// The command line, and a process for each image: forked where the undamaged store is on the
// simulated device, so that one image costs a copy of nothing, and a crash or a loop is that
// image's alone.
//
//   damage [--kind NAME] [--seed N] [--images N] [--image N]
//
// Without --seed a new one is drawn, and printed. --image repeats one image in this process.
//
// Threading: one task in each process.
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "damage.h"

#define IMAGES        60u
#define CUT_EVERY     4u  // the start of one image in so many is cut short, and made again
#define LONG_FACTOR   34u // with VARVE_TEST_LONG
#define CPU_SECONDS   60
#define WALL_SECONDS  600u
#define FAILURES_SHOW 5u

static struct {
    const char *kind;
    uint64_t seed;
    uint32_t images;
    int64_t image; // -1: all
} wanted = {.images = IMAGES, .image = -1};

struct shared {
    struct tally tally;
    uint32_t failures;
};

static int try_image(const struct kind *kind, uint64_t number, struct shared *shared)
{
    struct test_random random = {.state = wanted.seed * UINT64_C(0xd1342543de82ef95) + number};
    char what[512], why[512];
    (void)random_bits(&random);
    wound(&random, what, sizeof what);
    image_write();
    const bool cut = number % CUT_EVERY == 0;
    if (wanted.image >= 0) {
        printf("image %llu: %s%s\n", (unsigned long long)number, what, cut ? "; cut" : "");
        varve_sim_log_level(VARVE_INFO);
    }
    if (cut) {
        verdict_cut(&random);
    }
    if (verdict(&shared->tally, why, sizeof why) == 0) {
        return 0;
    }
    (void)fprintf(stderr, "FAILED: %s (%s)\n  damage --kind %s --seed %llu --image %llu\n", why,
                  what, kind->name, (unsigned long long)wanted.seed, (unsigned long long)number);
    return 1;
}

// One image in a process of its own.
static void try_apart(const struct kind *kind, uint32_t number, struct shared *shared)
{
    const struct rlimit limit = {CPU_SECONDS, CPU_SECONDS};
    int status = 0;
    (void)fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)setrlimit(RLIMIT_CPU, &limit);
        (void)alarm(WALL_SECONDS);
        _exit(try_image(kind, number, shared));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        (void)fprintf(stderr, "damage: cannot fork\n");
        exit(2);
    }
    if (WIFSIGNALED(status)) {
        (void)fprintf(stderr, "FAILED: ended by signal %d\n", WTERMSIG(status));
        (void)fprintf(stderr, "  damage --kind %s --seed %llu --image %u\n", kind->name,
                      (unsigned long long)wanted.seed, number);
    }
    shared->failures += status != 0;
}

static void try_kind(const struct kind *kind, struct shared *shared)
{
    shared->tally = (struct tally){0};
    kind_live(kind, wanted.seed);
    image_take();
    if (wanted.image >= 0) {
        shared->failures += (uint32_t)try_image(kind, (uint64_t)wanted.image, shared);
    }
    for (uint32_t i = 0; wanted.image < 0 && i < wanted.images; i++) {
        if (shared->failures < FAILURES_SHOW) {
            try_apart(kind, i, shared);
        }
    }
    const struct tally *t = &shared->tally;
    printf("%-8s %5llu images, %llu salvaged, %llu refused; of %llu blocks %llu untouched, %llu "
           "served, %llu restored, %llu lost; %llu names lost\n",
           kind->name, (unsigned long long)t->images, (unsigned long long)t->salvaged,
           (unsigned long long)t->refused, (unsigned long long)t->blocks,
           (unsigned long long)t->untouched, (unsigned long long)t->served,
           (unsigned long long)t->restored, (unsigned long long)t->lost,
           (unsigned long long)t->renamed);
}

// A kind in a process of its own, so that nothing of one is left for the next.
static void try_kind_apart(const struct kind *kind, struct shared *shared)
{
    int status = 0;
    (void)fflush(stdout);
    const pid_t pid = wanted.image >= 0 ? 0 : fork();
    if (pid == 0) {
        try_kind(kind, shared);
        if (wanted.image >= 0) {
            return;
        }
        (void)fflush(stdout);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        (void)fprintf(stderr, "FAILED: the life of a store of kind %s\n", kind->name);
        shared->failures++;
    }
}

static void read_options(int argc, char **argv)
{
    struct test_random random = random_start("damage");
    wanted.seed = random.state;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--kind") == 0) {
            wanted.kind = argv[i + 1];
        } else if (strcmp(argv[i], "--seed") == 0) {
            wanted.seed = strtoull(argv[i + 1], NULL, 0);
        } else if (strcmp(argv[i], "--images") == 0) {
            wanted.images = (uint32_t)strtoul(argv[i + 1], NULL, 0);
        } else if (strcmp(argv[i], "--image") == 0) {
            wanted.image = (int64_t)strtoull(argv[i + 1], NULL, 0);
        }
    }
    if (getenv("VARVE_TEST_LONG") != NULL) {
        wanted.images *= LONG_FACTOR;
    }
}

int main(int argc, char **argv)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return 2;
    }
    read_options(argc, argv);
    printf("seed %llu\n", (unsigned long long)wanted.seed);
    for (const struct kind *kind = kinds; kind->name != NULL; kind++) {
        if (wanted.kind == NULL || strcmp(wanted.kind, kind->name) == 0) {
            try_kind_apart(kind, shared);
        }
    }
    return shared->failures > 0 ? 1 : 0;
}
