// SPDX-License-Identifier: Apache-2.0
// A scenario played on a real host, and what happens after a cut.
//
// The host is stepped on the virtual clock, twice a row, as long as it has something to do. Whoever
// finds the power gone returns 1, and everything above it does.
//
// Threading: one task.
#include <setjmp.h>
#include <string.h>

#include "powercut.h"
#include "varve/host.h"
#include "varve/port.h"

#define MINUTE_MS   INT64_C(60000)
#define STEPS_MAX   10000 // of a host that says "at once" while it has work
#define CLEARED_MAX 8u    // pages

extern const struct varve_plugin varve_backend_sqlite;
extern const struct varve_plugin varve_backend_rotate;
extern const struct varve_plugin varve_backend_ring;

static const struct varve_plugin *const plugins[] = {&varve_backend_sqlite, &varve_backend_rotate,
                                                     &varve_backend_ring, NULL};
static uint8_t memory[6u << 20] __attribute__((aligned(64)));

static struct {
    const struct trial *trial;
    struct varve_registry registry;
    struct varve_conf conf;
    struct varve_host *host; // NULL: it is down
    const char *set;
    uint32_t series;
    uint32_t damaged_allowed, others_allowed;
    jmp_buf reset;
    bool recovering;        // there has been a cut
    uint64_t pages_at_boot; // that the device had programmed for files
    struct varve_sim_nor_counters chip_at_boot;
} life;

// ---- on and off ---------------------------------------------------------------------------------

static int configure(void)
{
    static char ini[2048];
    varve_registry_init(&life.registry, plugins);
    varve_conf_init(&life.conf, &life.registry, NULL);
    if (!case_ini(life.trial, life.set, ini, sizeof ini)) {
        return report("the configuration is too long");
    }
    if (varve_conf_parse(&life.conf, "ini", ini) != 0 || varve_conf_finish(&life.conf) != 0) {
        return report("%s", life.conf.errors[0]);
    }
    return 0;
}

int life_stopped(const char *doing, const char *why)
{
    return varve_sim_is_off() ? 1 : report("%s: %s", doing, why);
}

static size_t base_tier(void)
{
    size_t tier = 0;
    while ((life.conf.instances[0].tiers >> tier & 1u) == 0) {
        tier++;
    }
    return tier;
}

static int open_host(void)
{
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT] = "";
    int rc = configure();
    if (rc != 0) {
        return rc;
    }
    rc = varve_port_path_make_dir("/state");
    if (rc != 0) {
        return life_stopped("the state directory", varve_strerror(rc));
    }
    rc = varve_host_init(&life.host, &life.conf, memory, sizeof memory, 0, why, sizeof why);
    if (rc != 0) {
        life.host = NULL;
        return life_stopped("the host does not start", why);
    }
    history_session(life.conf.tiers, life.conf.tier_count, base_tier());
    rc = workload_define(life.host, life.series);
    return rc == 0 ? 0 : report("series: %s", varve_strerror(rc));
}

static int stop_host(void)
{
    const int rc = varve_host_shutdown(life.host);
    life.host = NULL;
    if (varve_sim_is_off()) {
        return 1;
    }
    history_acknowledge(false);
    return rc == 0 ? 0 : report("the host does not stop in order: %s", varve_strerror(rc));
}

// ---- acts ---------------------------------------------------------------------------------------

static int step_host(void)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        const int64_t wait_ms = varve_host_step(life.host);
        if (varve_sim_is_off()) {
            return 1;
        }
        if (wait_ms > 0) {
            return 0;
        }
    }
    return report("the host always has something to do at once");
}

static int flush_host(void)
{
    const int rc = varve_host_flush(life.host, 1000);
    if (varve_sim_is_off()) {
        return 1;
    }
    history_acknowledge(true);
    return rc == 0 ? 0 : report("flush: %s", varve_strerror(rc));
}

static int run_row(void)
{
    varve_sim_advance(ROW_MS / 2);
    int rc = step_host();
    varve_sim_advance(ROW_MS / 2);
    rc = rc == 0 ? workload_push(life.host, life.series) : rc;
    if (rc < 0) {
        return report("push: %s", varve_strerror(rc));
    }
    rc = rc == 0 ? step_host() : rc;
    return rc == 0 && workload_below(24) == 0 ? flush_host() : rc;
}

static int run_minutes(int minutes)
{
    int rc = 0;
    for (int64_t left_ms = minutes * MINUTE_MS; rc == 0 && left_ms > 0; left_ms -= ROW_MS) {
        rc = run_row();
    }
    return rc;
}

static int back_up(void)
{
    const int rc = flush_host();
    return rc == 0 ? upkeep_backup(life.host) : rc;
}

static int play_step(const struct step *step, void (*at_mark)(void))
{
    switch (step->act) {
    case ACT_MARK:
        at_mark();
        return 0;
    case ACT_OPEN:
        return open_host();
    case ACT_RUN:
        return run_minutes(step->n);
    case ACT_FLUSH:
        return flush_host();
    case ACT_SERIES:
        life.series = (uint32_t)step->n;
        return workload_define(life.host, life.series);
    case ACT_SET:
        life.set = step->text;
        return 0;
    case ACT_OLDER:
        return upkeep_make_older();
    case ACT_STOP:
        return stop_host();
    case ACT_BACKUP:
        return back_up();
    case ACT_RESTORE:
    case ACT_UNDO:
        return upkeep_restore(step->act == ACT_UNDO);
    case ACT_PRUNE:
        return upkeep_prune(life.host, step->n, PRUNE_MINUTES);
    case ACT_END:
        break;
    }
    return 0;
}

// ---- checks -------------------------------------------------------------------------------------

static struct varve_sim_nor_counters chip_counters(void)
{
    struct varve_sim_nor_counters counters;
    varve_sim_nor_counters(&counters);
    return counters;
}

// No bit was to be set by a program, and no sector used whose erase was cut.
static int check_chip(void)
{
    const uint64_t misuses = chip_counters().misuses;
    return misuses == 0 ? 0 : report("%llu misuses of the chip", (unsigned long long)misuses);
}

static int check(void)
{
    int rc = oracle_check(life.host, life.damaged_allowed);
    rc = rc == 0 ? check_chip() : rc;
    rc = rc == 0 ? answers_verify(life.host, life.damaged_allowed, life.others_allowed) : rc;
    return rc == 0 && upkeep_has_backup() ? upkeep_check_backups(life.host) : rc;
}

// Pages that the device has programmed for files.
static uint64_t data_pages(void)
{
    struct varve_sim_counters counters;
    varve_sim_counters(&counters);
    return counters.data_pages;
}

// The ledger has every byte and every erase that the chip was asked for since the power came back,
// and a cut has made no sector bad.
static int check_chip_ledger(const struct varve_backend_stats *ledger)
{
    const struct varve_sim_nor_counters now = chip_counters();
    const uint64_t bytes = now.bytes - life.chip_at_boot.bytes;
    const uint64_t erases = now.erases - life.chip_at_boot.erases;
    if (ledger->written_bytes != bytes || ledger->erases != erases || ledger->sectors_bad != 0) {
        return report("the chip was given %llu bytes and %llu erases, the ledger has %llu and "
                      "%llu, and %u bad sectors",
                      (unsigned long long)bytes, (unsigned long long)erases,
                      (unsigned long long)ledger->written_bytes, (unsigned long long)ledger->erases,
                      (unsigned)ledger->sectors_bad);
    }
    return 0;
}

// Every page that was programmed for a file since the power came back is in the ledger, which has
// it from when it was written, but for those that a filesystem clears behind the new end of a file.
static int check_ledger(void)
{
    struct varve_stats stats;
    varve_host_stats(life.host, &stats);
    if (life.trial->model->is_chip) {
        return check_chip_ledger(&stats.backends[0]);
    }
    const uint64_t ledger = stats.flash_bytes_session / (uint64_t)life.conf.wear.page;
    const uint64_t device = data_pages() - life.pages_at_boot;
    if (ledger + CLEARED_MAX < device) {
        return report("the device programmed %llu pages, the ledger has %llu",
                      (unsigned long long)device, (unsigned long long)ledger);
    }
    return 0;
}

void life_reset(void)
{
    longjmp(life.reset, 1);
}

static int play(const struct trial *trial, void (*at_mark)(void))
{
    life.trial = trial;
    life.set = "";
    life.series = 8;
    workload_begin(trial->seed);
    int rc = case_make_device(trial);
    case_set_faults(trial, trial->seed);
    for (const struct step *step = trial->scenario->steps; rc == 0 && step->act != ACT_END;
         step++) {
        rc = play_step(step, at_mark);
    }
    rc = rc == 0 && life.host == NULL ? open_host() : rc;
    return rc == 0 ? check() : rc;
}

int life_play(const struct trial *trial, void (*at_mark)(void))
{
    return setjmp(life.reset) == 0 ? play(trial, at_mark) : 1;
}

// ---- after a cut --------------------------------------------------------------------------------

// What nobody promised before the first cut is not promised by the time that has passed at a
// second.
static void pull_the_plug(uint64_t point, bool is_second)
{
    if (!is_second) {
        history_cut(varve_port_wall_ms());
    }
    life.damaged_allowed += life.trial->backend->damaged_by_cut;
    life.others_allowed += life.trial->backend->damaged_others_by_cut;
    if (life.host != NULL && !life.trial->model->is_reset) {
        (void)varve_host_shutdown(life.host); // gives back what is outside the device; cannot write
    }
    life.host = NULL;
    case_set_faults(life.trial, mix(life.trial->seed, point));
    if (life.trial->model->is_reset) {
        varve_sim_reset();
    } else {
        varve_sim_boot(1000 + (int64_t)workload_below(100000));
    }
    life.pages_at_boot = data_pages();
    life.chip_at_boot = chip_counters();
}

static int restart(void)
{
    int rc = stop_host();
    rc = rc == 0 ? open_host() : rc;
    return rc == 0 ? check() : rc;
}

// Every other time of a backup that is made now, so that both that one and what a cut left are
// read. Only a backup from before some samples can be told from the store.
static int restore(bool of_now)
{
    int rc = of_now ? back_up() : 0;
    rc = rc == 0 ? run_minutes(1) : rc;
    rc = rc == 0 ? stop_host() : rc;
    rc = rc == 0 ? upkeep_restore(false) : rc;
    rc = rc == 0 ? open_host() : rc;
    return rc == 0 ? check() : rc;
}

static int live_on(uint64_t point)
{
    int rc = upkeep_finish_prune(life.host);
    rc = rc == 0 ? run_minutes(3) : rc;
    rc = rc == 0 ? flush_host() : rc;
    rc = rc == 0 ? check_ledger() : rc;
    rc = rc == 0 ? restart() : rc;
    rc = rc == 0 && upkeep_has_backup() ? restore(point % 2 == 0) : rc;
    return rc == 0 ? stop_host() : rc;
}

static int recover(uint64_t point, varve_sim_cut_fn again)
{
    const bool is_second = life.recovering;
    life.recovering = true;
    pull_the_plug(point, is_second);
    varve_sim_ask_cut(again, NULL);
    int rc = open_host();
    varve_sim_ask_cut(NULL, NULL);
    rc = rc == 0 && varve_sim_is_off() ? 1 : rc;
    rc = rc == 0 ? check() : rc;
    return rc == 0 ? live_on(point) : rc;
}

int life_recover(uint64_t point, varve_sim_cut_fn again)
{
    return setjmp(life.reset) == 0 ? recover(point, again) : 1;
}
