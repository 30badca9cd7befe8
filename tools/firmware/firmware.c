// SPDX-License-Identifier: Apache-2.0
// What the images of this folder share, whichever port they have: a console by semihosting, the
// board's configuration and chip.
//
// Threading: one loop, or one task.
#include "firmware.h"

#include "core/text.h"
#include "ports/common/firmware.h"
#include "ports/cortex-m/cortex-m.h"

#define LINE      160
#define SETTLE_CS 10 // hundredths of a second

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

void firmware_start_flash(void)
{
    static const struct varve_flash *flashes[2];
    flashes[0] = firmware_nor(0);
    varve_firmware_flashes(flashes);
}
#else
void firmware_start_flash(void)
{
}
#endif

void firmware_print(const char *format, ...)
{
    char line[LINE];
    va_list args;
    va_start(args, format);
    (void)varve_vformat(line, sizeof line, format, args); // cut, if somebody wrote a longer one
    va_end(args);
    semihosting_write(line);
}

void firmware_settle(void)
{
    const int began = semihosting_clock();
    while (semihosting_clock() - began < SETTLE_CS) {
        cortex_m_wait_for_interrupt(); // lets QEMU do the rest of its work
    }
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
