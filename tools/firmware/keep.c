// SPDX-License-Identifier: Apache-2.0
// The least that keeps history: as many series as the board allows, pushed every five seconds for
// two hours, rolled up, encoded and kept. It asks nothing: what this image takes is what keeping
// costs, and tools/size_report measures it. Exits 0 when nothing was lost, and says how deep the
// stack was.
//
// Threading: one loop.
#include "firmware.h"
#include "ports/common/firmware.h"
#include "ports/cortex-m/cortex-m.h"

#define STEP_MS    5000
#define RUN_MS     (2 * INT64_C(3600) * 1000)
#define MADE_UP_MS INT64_C(1775001600000) // 2026-04-01T00:00:00Z

enum {
    EXIT_INIT = 2,
    EXIT_SERIES,
    EXIT_PUSH,
    EXIT_FLUSH
};

static _Alignas(8) uint8_t memory[VARVE_MEMORY_BYTES];
static int ids[VARVE_MAX_SERIES];

static int add_series(struct varve_host *host)
{
    char text[] = "sensor_000";
    for (unsigned i = 0; i < VARVE_MAX_SERIES; i++) {
        text[7] = (char)('0' + i / 100);
        text[8] = (char)('0' + i / 10 % 10);
        text[9] = (char)('0' + i % 10);
        const struct varve_series_def def = {.text = text, .unit = "", .help = ""};
        ids[i] = varve_series_add(host, &def);
        if (ids[i] < 0) {
            return EXIT_SERIES;
        }
    }
    return 0;
}

static int run(struct varve_host *host)
{
    for (int64_t next_ms = STEP_MS; next_ms <= RUN_MS; next_ms += STEP_MS) {
        while (varve_port_boot_ms() < next_ms) {
            const int64_t idle_ms = varve_host_step(host);
            const int64_t left_ms = next_ms - varve_port_boot_ms();
            firmware_sleep(idle_ms < left_ms ? idle_ms : left_ms);
        }
        for (unsigned i = 0; i < VARVE_MAX_SERIES; i++) {
            const int value = (int)i + (int)(next_ms / STEP_MS * (i + 1u) % 97u);
            if (varve_push_boot(host, ids[i], next_ms, value / 4.0) != 0) {
                return EXIT_PUSH;
            }
        }
    }
    return varve_host_flush(host, 0) != 0 ? EXIT_FLUSH : 0;
}

static void say_number(const char *before, size_t number, const char *after)
{
    char digits[12] = "";
    char *p = digits + sizeof digits - 1;
    do {
        *--p = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    semihosting_write(before);
    semihosting_write(p);
    semihosting_write(after);
}

int main(void)
{
    struct varve_host *host;
    char why[VARVE_MESSAGE_TEXT] = "";
    firmware_start();
    varve_firmware_set_wall(MADE_UP_MS);
    const struct varve_conf *conf = firmware_conf();
    if (conf == NULL || varve_host_init(&host, conf, memory, sizeof memory, VARVE_HOST_FRESH_MEMORY,
                                        why, sizeof why) != 0) {
        semihosting_write(why);
        return EXIT_INIT;
    }
    int rc = add_series(host);
    rc = rc == 0 ? run(host) : rc;
    say_number("stack ", cortex_m_stack_used(), "");
    say_number(" of ", cortex_m_stack_bytes(), " bytes\n");
    return rc;
}
