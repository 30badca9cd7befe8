// SPDX-License-Identifier: Apache-2.0
// The whole host on the FreeRTOS port: keeper, backend and collectors as tasks in places that
// firmware gave, interrupts that push, a collector that hangs. Real core and ring backend, on the
// kernel of tests/freertos/kernel.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ports/freertos/freertos.h"
#include "timers.h"
#include "varve/host.h"
#include "varve/query.h"

#define WORDS      64u
#define MADE_UP_MS INT64_C(1775001600000)
#define HANG_MS    20000

// Keeper, backend, one worker - and one more for the time that it hangs.
static StackType_t stacks[4][WORDS];
static struct varve_freertos_place places[] = {
    {.task = "keeper", .priority = 1, .stack = stacks[0], .words = WORDS},
    {.task = "recent", .priority = 1, .stack = stacks[1], .words = WORDS},
    {.task = "collect", .priority = 3, .stack = stacks[2], .words = WORDS},
    {.task = "collect", .priority = 3, .stack = stacks[3], .words = WORDS},
};

// ---- a collector --------------------------------------------------------------------------------

static atomic_bool hangs;
static atomic_int runs, wrong_tasks;

static int probe_init(struct varve_instance *self)
{
    int *id = self->state;
    *id =
        varve_instance_series_label(self, VARVE_COUNTER, "runs_total", "who", self->name, "1", "");
    return *id < 0 ? *id : 0;
}

static int probe_collect(struct varve_instance *self)
{
    const bool right = strcmp(pcTaskGetName(NULL), "collect") == 0 && uxTaskPriorityGet(NULL) == 3;
    atomic_fetch_add(&wrong_tasks, right ? 0 : 1);
    while (strcmp(self->name, "stubborn") == 0 && atomic_load(&hangs)) {
        vTaskDelay(2);
    }
    return varve_instance_push(self, *(int *)self->state, atomic_fetch_add(&runs, 1));
}

static const struct varve_collector_ops probe_ops = {.init = probe_init, .collect = probe_collect};
static const struct varve_plugin probe = {VARVE_PLUGIN_HEADER,       .name = "probe",
                                          .summary = "counts",       .kind = VARVE_COLLECTOR,
                                          .state_size = sizeof(int), .collector = &probe_ops};

extern const struct varve_plugin varve_backend_ring;
static const struct varve_plugin *const plugins[] = {&probe, &varve_backend_ring, NULL};

// ---- fixture ------------------------------------------------------------------------------------

static uint8_t memory[8u << 20] __attribute__((aligned(64)));
static uint8_t query_memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
static struct varve_host *host;

static void open_host(const char *ini)
{
    static struct varve_registry registry;
    static struct varve_conf conf;
    char why[256] = "";
    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    if (varve_conf_parse(&conf, "test.ini", ini) != 0 || varve_conf_finish(&conf) != 0) {
        fail_msg("configuration: %s", conf.errors[0]);
    }
    if (varve_host_init(&host, &conf, memory, sizeof memory, 0, why, sizeof why) != 0) {
        fail_msg("host: %s", why);
    }
    assert_int_equal(varve_host_start(host), 0);
}

static int take_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    size_t *count = arg;
    (void)id;
    for (size_t i = 0; i < n; i++) {
        assert_true(points[i].value == (double)(*count + i)); // in order, none lost
    }
    *count += n;
    return 0;
}

static size_t count_points(const char *selector)
{
    size_t count = 0;
    char why[256];
    const struct varve_query query = {.selector = selector, .to_ms = INT64_MAX, .tier = 0};
    const struct varve_query_sink sink = {
        .arg = &count, .series = take_series, .points = take_points};
    assert_int_equal(
        varve_query_run(host, &query, &sink, query_memory, sizeof query_memory, why, sizeof why),
        0);
    return count;
}

static int find_event(void *arg, const struct varve_event *event)
{
    return strcmp(event->kind, arg) == 0;
}

static bool wait_for_event(char *kind)
{
    const int64_t end_ms = varve_port_boot_ms() + HANG_MS;
    while (varve_host_events(host, INT64_MIN, INT64_MAX, find_event, kind) != 1) {
        if (varve_port_boot_ms() > end_ms) {
            return false;
        }
        vTaskDelay(5);
    }
    return true;
}

// ---- tests --------------------------------------------------------------------------------------

#define PUSHES 5000

struct pulse {
    int id, count, refused;
    int64_t boot_ms;
};

static void push_pulse(void *arg)
{
    struct pulse *pulse = arg;
    if (varve_push_boot(host, pulse->id, pulse->boot_ms + pulse->count, pulse->count) == 0) {
        pulse->count++;
    } else {
        pulse->refused++;
    }
}

static void what_interrupts_push_is_kept_in_order(void **state)
{
    (void)state;
    open_host("[varve]\nstate = /\nring = 64\nwindow = 512\nflush = 1h\nworkers = 1\n"
              "[tiers]\nraw = 5s keep 1d\n[backend recent : ring]\nsize = 256K\n"
              "[collector probe]\ninterval = 1s\n");
    struct pulse pulse = {.id =
                              varve_series_add(host, &(struct varve_series_def){.text = "pulses"}),
                          .boot_ms = varve_port_boot_ms()};
    assert_true(pulse.id >= 0);
    // A ring of 64: the keeper has to be woken from the interrupt over and over.
    while (pulse.count < PUSHES) {
        const int refused = pulse.refused;
        fake_interrupt(push_pulse, &pulse);
        if (pulse.refused != refused) {
            vTaskDelay(1);
        }
        assert_true(pulse.refused < PUSHES);
    }
    assert_int_equal(varve_host_flush(host, HANG_MS), 0);
    assert_int_equal(count_points("pulses"), PUSHES);
    assert_int_equal(varve_host_shutdown(host), 0);
}

static void collectors_run_as_tasks_and_one_that_hangs_is_replaced(void **state)
{
    (void)state;
    const unsigned before = fake_tasks();
    atomic_store(&hangs, true);
    open_host("[varve]\nstate = /\nflush = 1h\nworkers = 1\n"
              "[tiers]\nraw = 1s keep 1h\n[backend recent : ring]\nsize = 64K\n"
              "[collector stubborn : probe]\ninterval = 1s\ndeadline = 100ms\n"
              "[collector good : probe]\ninterval = 1s\n");
    assert_true(wait_for_event("collector_hung"));
    const int seen = atomic_load(&runs);
    const int64_t end_ms = varve_port_boot_ms() + HANG_MS;
    while (atomic_load(&runs) < seen + 2 && varve_port_boot_ms() < end_ms) {
        vTaskDelay(5);
    }
    assert_true(atomic_load(&runs) >= seen + 2); // by the one in the other place
    assert_int_equal(fake_tasks(), before + 4);
    atomic_store(&hangs, false);
    assert_true(wait_for_event("collector_back"));
    assert_int_equal(varve_host_shutdown(host), 0);
    assert_int_equal(atomic_load(&wrong_tasks), 0);
    assert_int_equal(fake_tasks(), before);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_null(places[i].handle);
    }
}

static int start(void **state)
{
    (void)state;
    fake_start_timer_task();
    const int rc = varve_freertos_start(places, sizeof places / sizeof *places);
    varve_firmware_set_wall(MADE_UP_MS);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_interrupts_push_is_kept_in_order),
        cmocka_unit_test(collectors_run_as_tasks_and_one_that_hangs_is_replaced),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
