// SPDX-License-Identifier: Apache-2.0
// What the images of this folder share, on the bare-metal port and a console by semihosting.
//
// Threading: one loop.
#include "firmware.h"

#include "core/text.h"
#include "ports/baremetal/baremetal.h"
#include "ports/cortex-m/cortex-m.h"

#define TICK_MS 50
#define LINE    160

#ifdef VARVE_BOARD_NOR
static struct varve_spi_nor nor;

const struct varve_flash *firmware_nor(uint32_t sectors)
{
    const int rc = varve_spi_nor_open(&nor, &firmware_bus, "nor0", 0, sectors);
    if (rc != 0) {
        firmware_print("the chip does not answer: %s\n", varve_strerror(rc));
        return NULL;
    }
    return &nor.flash;
}

static void start_flash(void)
{
    static const struct varve_flash *flashes[2];
    flashes[0] = firmware_nor(0);
    varve_firmware_flashes(flashes);
}
#else
static void start_flash(void)
{
}
#endif

void firmware_start(void)
{
    varve_firmware_log_to(semihosting_write, VARVE_INFO);
    if (varve_baremetal_start(VARVE_BOARD_CLOCK_HZ, TICK_MS) != 0) {
        semihosting_write("the tick does not fit the board's clock\n");
        semihosting_exit(1);
    }
    start_flash();
}

void firmware_set_wall(int64_t unix_ms)
{
    varve_firmware_set_wall(unix_ms);
}

void firmware_sleep(int64_t ms)
{
    varve_baremetal_sleep(ms);
}

void firmware_print(const char *format, ...)
{
    char line[LINE];
    va_list args;
    va_start(args, format);
    (void)varve_vformat(line, sizeof line, format, args); // cut, if somebody wrote a longer one
    va_end(args);
    semihosting_write(line);
}

#ifdef VARVE_BOARD_INI
extern const char varve_board_ini[];

const struct varve_conf *firmware_conf(void)
{
    static struct varve_registry registry;
    static struct varve_conf conf;
    varve_registry_init(&registry, varve_static_plugins);
    varve_conf_init(&conf, &registry, NULL);
    if (varve_conf_parse(&conf, "board.ini", varve_board_ini) < 0 || varve_conf_finish(&conf) < 0) {
        firmware_print("%s\n", conf.errors[0]);
        return NULL;
    }
    return &conf;
}
#else
extern const struct varve_conf varve_conf_built_in;

const struct varve_conf *firmware_conf(void)
{
    return &varve_conf_built_in;
}
#endif
