// SPDX-License-Identifier: Apache-2.0
// The port to start from works as it is: with a board made of some lines, whose flash is an array,
// a host keeps history over a start. Whoever copies ports/template finds here what a board does.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ports/template/board.h"
#include "varve/host.h"
#include "varve/port.h"
#include "varve/query.h"

#define STEP_MS 5000
#define UNIX_MS INT64_C(1775001600000)

extern const struct varve_plugin varve_backend_rotate;

static uint8_t flash[TEMPLATE_FLASH_SECTOR * TEMPLATE_FLASH_SECTORS];
static uint64_t now_us;
static unsigned masked, waits;
static char said[256];

// ---- the board ----------------------------------------------------------------------------------

uint64_t board_time_us(void)
{
    return now_us;
}

int64_t board_unix_ms(void)
{
    return UNIX_MS + (int64_t)(now_us / 1000u);
}

uint32_t board_irq_save(void)
{
    return masked++;
}

void board_irq_restore(uint32_t mask)
{
    masked = mask;
}

void board_wait(void)
{
    assert_true(masked > 0);
    waits++;
    now_us += 1000;
}

void board_log(const char *text)
{
    (void)strncat(said, text, sizeof said - strlen(said) - 1);
}

const uint8_t *board_flash_memory(void)
{
    return flash;
}

int board_flash_program(uint32_t offset, const uint8_t *bytes, size_t len)
{
    assert_true(offset % TEMPLATE_FLASH_PAGE + len <= TEMPLATE_FLASH_PAGE);
    for (size_t i = 0; i < len; i++) {
        flash[offset + i] &= bytes[i];
    }
    return 0;
}

int board_flash_erase(uint32_t offset)
{
    assert_int_equal(offset % TEMPLATE_FLASH_SECTOR, 0);
    memset(flash + offset, 0xff, TEMPLATE_FLASH_SECTOR);
    return 0;
}

// ---- a host on it -------------------------------------------------------------------------------

static const char ini[] = "[varve]\nflush = 1m\nwindow = 1024\nworkers = 1\nseries = 64\n"
                          "[tiers]\nraw = 5s keep 1h\nminute = 1m keep 12h\n"
                          "[backend mcu : rotate]\ndevice = flash0\nblocks = 256\nseries = 64\n"
                          "events = 64\n";

static struct varve_host *start(void)
{
    static const struct varve_plugin *const plugins[] = {&varve_backend_rotate, NULL};
    static uint8_t memory[4u << 20] __attribute__((aligned(64)));
    static struct varve_registry registry;
    static struct varve_conf conf;
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT] = "";
    struct varve_host *host = NULL;

    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    assert_int_equal(varve_conf_parse(&conf, "ini", ini), 0);
    assert_int_equal(varve_conf_finish(&conf), 0);
    memset(memory, 0, sizeof memory);
    if (varve_host_init(&host, &conf, memory, sizeof memory, 0, why, sizeof why) != 0) {
        fail_msg("the host does not start: %s", why);
    }
    return host;
}

static void live(struct varve_host *host, unsigned rows)
{
    const struct varve_series_def def = {.text = "celsius", .unit = "Cel", .help = ""};
    const int id = varve_series_add(host, &def);

    assert_true(id >= 0);
    for (unsigned i = 0; i < rows; i++) {
        now_us += STEP_MS * UINT64_C(1000);
        assert_int_equal(varve_push(host, id, i), 0);
        while (varve_host_step(host) == 0) {
        }
    }
}

static int count_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)id;
    (void)points;
    *(size_t *)arg += n;
    return 0;
}

static int no_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int no_info(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    return info->damaged_blocks != 0;
}

static size_t rows_of(struct varve_host *host)
{
    static uint8_t memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
    char why[VARVE_MESSAGE_TEXT] = "";
    size_t count = 0;
    const struct varve_query query = {
        .selector = "celsius", .from_ms = INT64_MIN, .to_ms = INT64_MAX, .tier = 0};
    const struct varve_query_sink sink = {&count, no_info, no_series, count_points, no_info};

    assert_int_equal(varve_query_run(host, &query, &sink, memory, sizeof memory, why, sizeof why),
                     0);
    return count;
}

static int setup(void **state)
{
    (void)state;
    memset(flash, 0xff, sizeof flash);
    now_us = 0;
    said[0] = '\0';
    return 0;
}

static void history_is_in_the_flash_of_the_mcu_after_a_start(void **state)
{
    (void)state;
    struct varve_host *host = start();
    live(host, 200);
    assert_int_equal(rows_of(host), 200);
    assert_int_equal(varve_host_shutdown(host), 0);
    host = start();
    assert_int_equal(rows_of(host), 200);
    live(host, 100);
    assert_int_equal(rows_of(host), 300);
    assert_int_equal(varve_host_shutdown(host), 0);
    assert_int_equal(masked, 0);
}

static void a_wait_ends_when_it_is_signalled_or_late(void **state)
{
    struct varve_port_signal signal;
    (void)state;
    waits = 0;
    assert_int_equal(varve_port_signal_init(&signal), 0);
    varve_port_signal_raise(&signal);
    assert_int_equal(varve_port_signal_wait(&signal, -1), 0);
    assert_int_equal(waits, 0);
    assert_int_equal(varve_port_signal_wait(&signal, 20), VARVE_E_TIMEOUT);
    assert_int_equal(varve_port_boot_ms(), 21);
}

static void what_is_not_there_is_said(void **state)
{
    struct varve_port_retained kept;
    (void)state;
    assert_null(varve_port_flash("nor7"));
    assert_int_equal(varve_port_retained_open(&kept, "ring", 100), VARVE_E_UNSUPPORTED);
    assert_int_equal(varve_port_native_error(), VARVE_E_UNSUPPORTED);
    varve_port_log(VARVE_DEBUG, "host", "not shown");
    varve_port_log(VARVE_ERROR, "host", "shown");
    assert_string_equal(said, "error host: shown\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(history_is_in_the_flash_of_the_mcu_after_a_start, setup),
        cmocka_unit_test_setup(a_wait_ends_when_it_is_signalled_or_late, setup),
        cmocka_unit_test_setup(what_is_not_there_is_said, setup),
    };
    return cmocka_run_group_tests_name("the port to start from", tests, NULL, NULL);
}
