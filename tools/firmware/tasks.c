// SPDX-License-Identifier: Apache-2.0
// An image under FreeRTOS that keeps history: a task that reads eight sensors every five seconds,
// an interrupt that counts a pulse each second and is more urgent than the tick, the collector
// `self`, and varve's own tasks. After two hours it asks for what it has kept, says how deep each
// stack was, and exits: 0, or a status that says what was wrong. On a chip that has been written
// before it goes on behind what it finds.
//
// Threading: `application` makes the host and ends it; `sensors` and the interrupt push.
#include <string.h>

#include "firmware.h"
#include "ports/cortex-m/cortex-m.h"
#include "ports/freertos/freertos.h"
#include "varve/query.h"

#define SENSORS    8
#define STEP_MS    5000
#define PULSE_MS   1000
#define RUN_MS     (2 * INT64_C(3600) * 1000)
#define FLUSH_MS   60000
#define MADE_UP_MS INT64_C(1775001600000) // 2026-04-01T00:00:00Z
// What a ring in RAM keeps of the pulses at least; a chip keeps all.
#define RECENT 600u

#define NVIC_STIR       (*(volatile uint32_t *)UINT32_C(0xE000EF00)) // raises an interrupt
#define PULSE_INTERRUPT 31u

enum {
    EXIT_INIT = 2,
    EXIT_SERIES,
    EXIT_PUSH,
    EXIT_FLUSH,
    EXIT_HISTORY,
    EXIT_STOP,
    EXIT_KERNEL
};

static _Alignas(8) uint8_t memory[VARVE_MEMORY_BYTES];
static _Alignas(8) uint8_t query_memory[VARVE_QUERY_MEMORY_MIN];
static struct varve_host *host;
static int sensor_ids[SENSORS], pulse_id;

// ---- tasks and their memory ---------------------------------------------------------------------

#ifdef VARVE_BOARD_NOR // what `rotate` does is deeper
#define KEEPER_WORDS  1024u
#define BACKEND_WORDS 1024u
#define COLLECT_WORDS 512u
#else
#define KEEPER_WORDS  768u
#define BACKEND_WORDS 256u
#define COLLECT_WORDS 384u
#endif
#define SENSORS_WORDS     128u
#define APPLICATION_WORDS 1024u // ends the host, and so does what the keeper did

static StackType_t keeper_stack[KEEPER_WORDS], backend_stack[BACKEND_WORDS],
    collect_stack[COLLECT_WORDS];
static struct varve_freertos_place places[] = {
    {.task = "keeper", .priority = 1, .stack = keeper_stack, .words = KEEPER_WORDS},
    {.task = "collect", .priority = 2, .stack = collect_stack, .words = COLLECT_WORDS},
    {.task = NULL, .priority = 1, .stack = backend_stack, .words = BACKEND_WORDS},
};
#define PLACES (sizeof places / sizeof places[0])

static StackType_t sensors_stack[SENSORS_WORDS], application_stack[APPLICATION_WORDS];
static StaticTask_t sensors_memory, application_memory;
static TaskHandle_t sensors, application;

// ---- where samples come from --------------------------------------------------------------------

static volatile bool pushing;
static volatile uint32_t rows, pulses, refused;

static double reading(int sensor, uint32_t row)
{
    const uint32_t wave = row * (uint32_t)(sensor + 3) % 240u;
    return (double)(180 + 10 * sensor + (int)(wave < 120 ? wave : 240 - wave) / 4) / 10.0;
}

static void read_sensors(void *unused)
{
    (void)unused;
    TickType_t last = xTaskGetTickCount();
    for (;;) {
        xTaskDelayUntil(&last, pdMS_TO_TICKS(STEP_MS));
        for (int i = 0; pushing && i < SENSORS; i++) {
            refused += varve_push(host, sensor_ids[i], reading(i, rows)) != 0;
        }
        rows += pushing ? 1u : 0u;
    }
}

// In the interrupt of the tick: stands for a wire that goes up once a second.
void vApplicationTickHook(void);
void vApplicationTickHook(void)
{
    static uint32_t ticks;
    if (++ticks % pdMS_TO_TICKS(PULSE_MS) == 0) {
        NVIC_STIR = PULSE_INTERRUPT;
    }
}

void cortex_m_interrupt(unsigned number)
{
    if (number != PULSE_INTERRUPT) {
        semihosting_exit(EXIT_KERNEL);
    }
    if (pushing) {
        pulses++;
        refused += varve_push_boot(host, pulse_id, varve_port_boot_ms(), pulses) != 0;
    }
}

static int add_series(void)
{
    char text[VARVE_SERIES_TEXT];
    const struct varve_series_def pulse = {
        .text = "pulses_total", .unit = "1", .help = "", .kind = VARVE_COUNTER};
    pulse_id = varve_series_add(host, &pulse);
    for (int i = 0; i < SENSORS; i++) {
        (void)varve_format(text, sizeof text, "celsius{probe=\"%d\"}", i);
        const struct varve_series_def def = {.text = text, .unit = "Cel", .help = ""};
        sensor_ids[i] = varve_series_add(host, &def);
        if (sensor_ids[i] < 0) {
            return EXIT_SERIES;
        }
    }
    return pulse_id < 0 ? EXIT_SERIES : 0;
}

// ---- what is there ------------------------------------------------------------------------------

struct reader {
    uint32_t rows, wrong;
    double last;
};

static int take_info(void *arg, const struct varve_query_info *info)
{
    ((struct reader *)arg)->wrong += info->damaged_blocks;
    return 0;
}

static int take_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

// Pulses count up by one.
static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct reader *r = arg;
    (void)id;
    for (size_t i = 0; i < n; i++) {
        r->wrong += r->rows + i > 0 && points[i].value != r->last + 1.0;
        r->last = points[i].value;
    }
    r->rows += (uint32_t)n;
    return 0;
}

static int count_pulses(int64_t from_ms, struct reader *r)
{
    char why[VARVE_MESSAGE_TEXT] = "";
    const struct varve_query query = {
        .selector = "pulses_total", .from_ms = from_ms, .to_ms = INT64_MAX, .tier = 0};
    const struct varve_query_sink sink = {r, take_info, take_series, take_points, take_info};
    *r = (struct reader){.rows = 0};
    const int rc =
        varve_query_run(host, &query, &sink, query_memory, sizeof query_memory, why, sizeof why);
    if (rc != 0 && rc != VARVE_E_NOT_FOUND) {
        firmware_print("the query failed: %s (%s)\n", why, varve_strerror(rc));
        return EXIT_HISTORY;
    }
    return 0;
}

static void print_stacks(void)
{
    for (size_t i = 0; i < PLACES; i++) {
        firmware_print(
            "  %s: %u of %u bytes, priority %u\n", pcTaskGetName(places[i].handle),
            (unsigned)((places[i].words - uxTaskGetStackHighWaterMark(places[i].handle)) *
                       sizeof(StackType_t)),
            (unsigned)(places[i].words * sizeof(StackType_t)), (unsigned)places[i].priority);
    }
    firmware_print(
        "  sensors: %u of %u\n",
        (unsigned)((SENSORS_WORDS - uxTaskGetStackHighWaterMark(sensors)) * sizeof(StackType_t)),
        (unsigned)sizeof sensors_stack);
    firmware_print("  application: %u of %u\n",
                   (unsigned)((APPLICATION_WORDS - uxTaskGetStackHighWaterMark(application)) *
                              sizeof(StackType_t)),
                   (unsigned)sizeof application_stack);
    firmware_print("  main and interrupts: %u of %u\n", (unsigned)cortex_m_stack_used(),
                   (unsigned)cortex_m_stack_bytes());
}

static void print_figures(void)
{
    static struct varve_stats stats;
    static struct varve_instance_stats self;
    varve_host_stats(host, &stats);
    for (size_t i = 0; varve_host_instance(host, i, &self) == 0; i++) {
        if (strcmp(self.name, "self") == 0) {
            firmware_print("collector self: %s, %llu runs\n", self.state,
                           (unsigned long long)self.runs);
            break;
        }
    }
    firmware_print("series %u, samples %llu, dropped %llu, tasks %u, ring at most %u of %u\n",
                   (unsigned)stats.series, (unsigned long long)stats.samples,
                   (unsigned long long)stats.dropped, (unsigned)uxTaskGetNumberOfTasks(),
                   (unsigned)stats.ring_high_water, (unsigned)stats.ring_cap);
    const struct varve_backend_stats *b = &stats.backends[0];
    firmware_print("flash %llu bytes in %u blocks, sectors erased %u to %u times\n",
                   (unsigned long long)b->flash_bytes, (unsigned)b->blocks,
                   (unsigned)b->sector_erases_min, (unsigned)b->sector_erases_max);
}

// ---- the whole ----------------------------------------------------------------------------------

static int make_host(void)
{
    char why[VARVE_MESSAGE_TEXT] = "";
    varve_firmware_log_to(semihosting_write, VARVE_INFO);
    if (varve_freertos_start(places, PLACES) != 0) {
        return EXIT_INIT;
    }
    firmware_start_flash();
    const struct varve_conf *conf = firmware_conf();
    if (conf == NULL || varve_host_init(&host, conf, memory, sizeof memory, VARVE_HOST_FRESH_MEMORY,
                                        why, sizeof why) != 0) {
        firmware_print("cannot start: %s\n", why);
        return EXIT_INIT;
    }
    return add_series();
}

// Where an earlier run has ended, or the beginning. Says what it left.
static int find_begin(int64_t *from_ms)
{
    static struct varve_stats stats;
    struct reader r;
    const int rc = count_pulses(INT64_MIN, &r);
    varve_host_stats(host, &stats);
    const int64_t newest_ms = stats.tiers[0].newest_ms;
    *from_ms = newest_ms > 0 ? newest_ms + STEP_MS : MADE_UP_MS;
    firmware_print("found %u pulses, going on at %lld\n", (unsigned)r.rows, (long long)*from_ms);
    return rc;
}

static int live(void)
{
    int rc = varve_host_start(host) == 0 ? 0 : EXIT_INIT;
    pushing = rc == 0;
    const int64_t end_ms = varve_port_boot_ms() + RUN_MS;
    while (rc == 0 && varve_port_boot_ms() < end_ms) {
        vTaskDelay(pdMS_TO_TICKS(FLUSH_MS));
        rc = refused > 0 ? EXIT_PUSH : 0;
    }
    pushing = false;
    const int flushed = rc == 0 ? varve_host_flush(host, FLUSH_MS) : 0;
    return flushed != 0 ? EXIT_FLUSH : rc;
}

// What the interrupt has pushed since then is there, in its order, to the last.
static int verify(int64_t from_ms)
{
#ifdef VARVE_BOARD_NOR
    const uint32_t least = pulses;
#else
    const uint32_t least = RECENT;
#endif
    struct reader r;
    const int rc = count_pulses(from_ms, &r);
    firmware_print("pushed %u rows of sensors and %u pulses, refused %u\n", (unsigned)rows,
                   (unsigned)pulses, (unsigned)refused);
    firmware_print("kept %u pulses, wrong %u\n", (unsigned)r.rows, (unsigned)r.wrong);
    const bool whole = r.wrong == 0 && r.rows >= least && r.last == pulses;
    return rc == 0 && !whole ? EXIT_HISTORY : rc;
}

static int run(void)
{
    int64_t from_ms;
    int rc = make_host();
    rc = rc == 0 ? find_begin(&from_ms) : rc;
    if (rc != 0) {
        return rc;
    }
    varve_firmware_set_wall(from_ms);
    rc = live();
    rc = rc == 0 ? verify(from_ms) : rc;
    print_figures();
    print_stacks();
    if (varve_host_shutdown(host) != 0) {
        return EXIT_STOP;
    }
    for (size_t i = 0; i < PLACES; i++) {
        rc = rc == 0 && places[i].handle != NULL ? EXIT_STOP : rc; // none is left
    }
    return rc;
}

static void live_and_exit(void *unused)
{
    (void)unused;
    const int rc = run();
    firmware_settle();
    semihosting_exit(rc);
}

int main(void)
{
    application = xTaskCreateStatic(live_and_exit, "application", APPLICATION_WORDS, NULL, 2,
                                    application_stack, &application_memory);
    sensors = xTaskCreateStatic(read_sensors, "sensors", SENSORS_WORDS, NULL, 3, sensors_stack,
                                &sensors_memory);
    cortex_m_interrupt_enable(PULSE_INTERRUPT, configMAX_SYSCALL_INTERRUPT_PRIORITY);
    vTaskStartScheduler();
    return EXIT_KERNEL;
}

// ---- what the kernel calls ----------------------------------------------------------------------

void vApplicationIdleHook(void);
void vApplicationIdleHook(void)
{
    cortex_m_wait_for_interrupt();
}

void vApplicationStackOverflowHook(TaskHandle_t task, char *name);
void vApplicationStackOverflowHook(TaskHandle_t task, char *name)
{
    (void)task;
    semihosting_write("stack overflow: ");
    semihosting_write(name);
    semihosting_write("\n");
    semihosting_exit(EXIT_KERNEL);
}

void vAssertCalled(const char *file, int line); // as FreeRTOSConfig.h says
void vAssertCalled(const char *file, int line)
{
    firmware_print("assertion: %s:%d\n", file, line);
    semihosting_exit(EXIT_KERNEL);
}
