// SPDX-License-Identifier: Apache-2.0
// The points of a trial. One process plays the scenario; at each point that is to be tried it
// forks, and the child's power goes there: a snapshot of device, host and oracle for the price of a
// fork. The child recovers, checks, and ends with 0 or 1. For second cuts the child forks in the
// same way at the operations of its recovery.
//
// Points are numbered from 1, from the scenario's mark. To repeat one, its cut is made without a
// fork, so that a debugger sees all of it.
//
// Threading: one task in each process.
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "powercut.h"

#define JOBS_MAX  16u
#define TIMEOUT_S 120u // of a process, without those that it waits for

// Second cuts: all of the first, one in SECONDS_OF of those behind, and of a long recovery, such as
// an upgrade, one in SECONDS_FAR_OF behind SECONDS_NEAR. Each point has others.
#define SECONDS_ALL    6u
#define SECONDS_OF     8u
#define SECONDS_NEAR   256u
#define SECONDS_FAR_OF 64u

// What all processes of a trial add to.
struct shared {
    uint64_t total;   // operations behind the mark
    uint64_t points;  // tried
    uint64_t seconds; // second cuts
    uint64_t failures;
    bool is_bad; // the scenario itself failed
};

static struct {
    const struct trial *trial;
    const struct plan *plan;
    struct shared *shared;
    bool marked;
    uint64_t operation; // since the mark, or in a recovery
    uint64_t point;     // that this process is about; 0: none yet
    uint64_t second;
    bool in_child;
    struct job {
        pid_t pid;
        uint64_t point, second;
    } jobs[JOBS_MAX];
    unsigned running;
} points;

uint64_t mix(uint64_t a, uint64_t b)
{
    struct test_random random = {.state = a * UINT64_C(0xd1342543de82ef95) + b};
    return random_bits(&random);
}

int report(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const struct trial *t = points.trial;
    char again[64] = "";
    if (points.second != 0) {
        (void)snprintf(again, sizeof again, " --second %llu", (unsigned long long)points.second);
    }
    (void)dprintf(STDERR_FILENO,
                  "FAILED: %s\n  powercut --backend %s --scenario %s --model %s --seed %llu%s%s "
                  "--cut %llu%s\n",
                  text, t->backend->name, t->scenario->name, t->model->name,
                  (unsigned long long)t->seed, t->broken != NULL ? " --broken " : "",
                  t->broken != NULL ? t->broken : "", (unsigned long long)points.point, again);
    return -1;
}

// ---- processes ----------------------------------------------------------------------------------

static void note_end(pid_t pid, int status)
{
    for (unsigned i = 0; i < points.running; i++) {
        if (points.jobs[i].pid != pid) {
            continue;
        }
        const struct job job = points.jobs[i];
        points.jobs[i] = points.jobs[--points.running];
        if (WIFSIGNALED(status)) {
            points.point = job.point;
            points.second = job.second;
            (void)report("ended by signal %d", WTERMSIG(status));
        }
        if (status != 0) {
            (void)__atomic_add_fetch(&points.shared->failures, 1, __ATOMIC_RELAXED);
        }
    }
}

static void wait_for_jobs(unsigned most)
{
    int status;
    while (points.running > most) {
        (void)alarm(0); // they have one each
        const pid_t pid = wait(&status);
        (void)alarm(points.in_child ? TIMEOUT_S : 0);
        if (pid < 0) {
            return;
        }
        note_end(pid, status);
    }
}

// Returns true in the child.
static bool split(uint64_t point, uint64_t second, unsigned jobs)
{
    wait_for_jobs(jobs - 1);
    const pid_t pid = fork();
    if (pid < 0) {
        (void)dprintf(STDERR_FILENO, "powercut: cannot fork\n");
        exit(2);
    }
    if (pid == 0) {
        points.running = 0;
        points.in_child = true;
        points.point = point;
        points.second = second;
        (void)alarm(TIMEOUT_S);
        return true;
    }
    points.jobs[points.running++] = (struct job){pid, point, second};
    return false;
}

static bool enough_failures(void)
{
    return __atomic_load_n(&points.shared->failures, __ATOMIC_RELAXED) >= points.plan->max_failures;
}

// ---- cuts ---------------------------------------------------------------------------------------

static bool is_chosen(uint64_t operation)
{
    const struct plan *plan = points.plan;
    if (operation < plan->from || (plan->to != 0 && operation > plan->to)) {
        return false;
    }
    const uint64_t total = points.shared->total;
    return plan->points == 0 || plan->points >= total ||
           mix(points.trial->seed, operation) % total < plan->points;
}

static bool is_replay(void)
{
    return points.plan->from != 0 && points.plan->from == points.plan->to;
}

static bool ask_first(void *arg, uint64_t operation)
{
    (void)arg;
    (void)operation;
    if (!points.marked || points.point != 0) {
        return false;
    }
    points.operation++;
    if (!is_chosen(points.operation) || enough_failures()) {
        return false;
    }
    if (is_replay()) {
        points.point = points.operation;
        return true;
    }
    return split(points.operation, 0, points.plan->jobs);
}

static bool ask_second(void *arg, uint64_t operation)
{
    (void)arg;
    (void)operation;
    points.operation++;
    if (points.second != 0) {
        return false;
    }
    if (is_replay()) {
        points.second = points.operation == points.plan->second ? points.operation : 0;
        return points.second != 0;
    }
    const uint64_t of = points.operation <= SECONDS_NEAR ? SECONDS_OF : SECONDS_FAR_OF;
    const bool chosen =
        points.operation <= SECONDS_ALL || mix(points.point, points.operation) % of == 0;
    return chosen && split(points.point, points.operation, 1);
}

static void at_mark(void)
{
    points.marked = true;
}

// In a process of which the power has gone. Returns 0 or -1.
static int recover(void)
{
    const bool twice = points.plan->twice || points.plan->second != 0;
    points.operation = 0;
    int rc = life_recover(points.point, twice ? ask_second : NULL);
    if (rc == 1) { // the second cut
        (void)__atomic_add_fetch(&points.shared->seconds, 1, __ATOMIC_RELAXED);
        rc = life_recover(mix(points.point, points.second), NULL);
    }
    wait_for_jobs(0);
    return rc;
}

// ---- a trial ------------------------------------------------------------------------------------

static bool ask_count(void *arg, uint64_t operation)
{
    (void)arg;
    (void)operation;
    points.shared->total += points.marked ? 1 : 0;
    return false;
}

// Plays without a cut: the number of operations, and whether the checks hold at all.
static int count_operations(void)
{
    varve_sim_ask_cut(ask_count, NULL);
    return life_play(points.trial, at_mark);
}

static int play_with_cuts(void)
{
    int rc = life_play(points.trial, at_mark);
    if (rc == 1) {
        (void)__atomic_add_fetch(&points.shared->points, 1, __ATOMIC_RELAXED);
        rc = recover();
        if (!points.in_child && rc != 0) {
            (void)__atomic_add_fetch(&points.shared->failures, 1, __ATOMIC_RELAXED);
        }
        return points.in_child ? rc : 0;
    }
    wait_for_jobs(0);
    return rc;
}

// In a process of its own, so that nothing of one trial is left for the next.
static int in_process(int (*work)(void))
{
    int status;
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(work() == 0 ? 0 : 1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return report("cannot fork");
    }
    if (WIFSIGNALED(status)) {
        return report("the scenario ended by signal %d", WTERMSIG(status));
    }
    return status == 0 ? 0 : -1;
}

int points_try(const struct trial *trial, const struct plan *plan, struct tally *tally)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return report("no memory");
    }
    points.trial = trial;
    points.plan = plan;
    points.shared = shared;
    int rc = in_process(count_operations);
    // A debugger follows a replay without help.
    varve_sim_ask_cut(ask_first, NULL);
    if (rc == 0 && shared->total == 0) {
        rc = report("the scenario has no operation to cut at");
    }
    rc = rc == 0 ? (is_replay() ? play_with_cuts() : in_process(play_with_cuts)) : rc;
    tally->points += shared->points;
    tally->seconds += shared->seconds;
    tally->failures += shared->failures + (rc != 0 ? 1 : 0);
    tally->operations += shared->total;
    (void)munmap(shared, sizeof *shared);
    return rc;
}
