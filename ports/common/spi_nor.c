// SPDX-License-Identifier: Apache-2.0
// Serial NOR chips over a bus of one function; see spi_nor.h.
//
// The commands are those that Winbond's W25Q, Macronix' MX25, GigaDevice's GD25, Micron's N25Q and
// others share. Chips report no failure of a program or an erase in a way that these share: whoever
// needs to know reads back, as the backend does.
//
// Threading: spi_nor.h.
#include "ports/common/spi_nor.h"

#include <string.h>

#include "varve/port.h"

#define PAGE_BYTES    256u
#define SECTOR_BYTES  4096u
#define SECTORS_LEAST 8u
#define NARROW_BYTES  (UINT32_C(1) << 24) // what 24-bit addresses reach
#define CAPACITY_MIN  16u                 // powers of two
#define CAPACITY_MAX  28u
#define HEAD_MAX      5u

enum {
    CMD_WRITE_ENABLE = 0x06,
    CMD_STATUS = 0x05,
    CMD_WAKE = 0xab,
    CMD_ID = 0x9f,
    CMD_READ = 0x03,
    CMD_PROGRAM = 0x02,
    CMD_ERASE = 0x20,
    CMD_READ_WIDE = 0x13,
    CMD_PROGRAM_WIDE = 0x12,
    CMD_ERASE_WIDE = 0x21,
};

enum {
    STATUS_BUSY = 1,
    STATUS_WRITABLE = 2,
};

// Several times the worst that data sheets give: 5 ms, 400 ms; a chip that is waking takes 30 us.
#define WAKE_US    100u
#define PROGRAM_US 20000u
#define ERASE_US   3000000u

static struct varve_spi_nor *nor_of(const struct varve_flash *flash)
{
    return flash->context;
}

// ---- commands -----------------------------------------------------------------------------------

static int command(const struct varve_spi_nor *nor, uint8_t code, void *in, size_t len)
{
    return nor->bus->transfer(nor->bus, &code, 1, NULL, in, len);
}

static int command_at(const struct varve_spi_nor *nor, uint8_t code, uint32_t address,
                      const void *out, void *in, size_t len)
{
    const uint32_t at = nor->first_byte + address;
    const uint8_t narrow[] = {code, (uint8_t)(at >> 16), (uint8_t)(at >> 8), (uint8_t)at};
    const uint8_t wide[HEAD_MAX] = {code, (uint8_t)(at >> 24), (uint8_t)(at >> 16),
                                    (uint8_t)(at >> 8), (uint8_t)at};

    return nor->is_wide ? nor->bus->transfer(nor->bus, wide, sizeof wide, out, in, len)
                        : nor->bus->transfer(nor->bus, narrow, sizeof narrow, out, in, len);
}

static int read_status(const struct varve_spi_nor *nor, uint8_t *status)
{
    return command(nor, CMD_STATUS, status, 1);
}

static int wait_ready(const struct varve_spi_nor *nor, uint32_t most_us)
{
    const uint64_t began_us = varve_port_mono_us();
    uint8_t status = STATUS_BUSY;

    for (;;) {
        // Late by whatever kept this task away: the time is taken before the look.
        const bool is_late = varve_port_mono_us() - began_us > most_us;
        int rc = read_status(nor, &status);
        if (rc < 0 || (status & STATUS_BUSY) == 0) {
            return rc;
        }
        if (is_late) {
            return VARVE_E_TIMEOUT;
        }
        if (nor->bus->pause != NULL) {
            nor->bus->pause(nor->bus);
        }
    }
}

static int enable_writing(const struct varve_spi_nor *nor)
{
    uint8_t status = 0;
    int rc = command(nor, CMD_WRITE_ENABLE, NULL, 0);

    rc = rc == 0 ? read_status(nor, &status) : rc;
    return rc == 0 && (status & STATUS_WRITABLE) == 0 ? VARVE_E_READ_ONLY : rc;
}

// ---- the driver ---------------------------------------------------------------------------------

static int nor_read(const struct varve_flash *flash, uint32_t address, void *buf, size_t len)
{
    const struct varve_spi_nor *nor = nor_of(flash);

    return command_at(nor, nor->is_wide ? CMD_READ_WIDE : CMD_READ, address, NULL, buf, len);
}

static int nor_program(const struct varve_flash *flash, uint32_t address, const void *buf,
                       size_t len)
{
    const struct varve_spi_nor *nor = nor_of(flash);
    const uint8_t code = nor->is_wide ? CMD_PROGRAM_WIDE : CMD_PROGRAM;
    int rc = enable_writing(nor);

    rc = rc == 0 ? command_at(nor, code, address, buf, NULL, len) : rc;
    return rc == 0 ? wait_ready(nor, PROGRAM_US) : rc;
}

static int nor_erase(const struct varve_flash *flash, uint32_t sector)
{
    const struct varve_spi_nor *nor = nor_of(flash);
    const uint8_t code = nor->is_wide ? CMD_ERASE_WIDE : CMD_ERASE;
    int rc = enable_writing(nor);

    rc = rc == 0 ? command_at(nor, code, sector * SECTOR_BYTES, NULL, NULL, 0) : rc;
    return rc == 0 ? wait_ready(nor, ERASE_US) : rc;
}

// ---- opening ------------------------------------------------------------------------------------

static int wake(const struct varve_spi_nor *nor)
{
    const uint64_t began_us = varve_port_mono_us();
    int rc = command(nor, CMD_WAKE, NULL, 0);

    while (rc == 0 && varve_port_mono_us() - began_us <= WAKE_US) {
    }
    return rc;
}

// A bus without a chip reads all ones or all zeros, which also is a chip that is always busy.
static bool is_absent(const uint8_t id[3])
{
    return id[0] == id[1] && id[1] == id[2] && (id[0] == 0 || id[0] == 0xff);
}

static int identify(struct varve_spi_nor *nor)
{
    int rc = command(nor, CMD_ID, nor->id, sizeof nor->id);

    // A busy chip does not answer this one.
    if (rc == 0 && is_absent(nor->id)) {
        rc = wait_ready(nor, ERASE_US);
        rc = rc == 0 ? command(nor, CMD_ID, nor->id, sizeof nor->id) : rc;
        rc = rc == VARVE_E_TIMEOUT || (rc == 0 && is_absent(nor->id)) ? VARVE_E_NOT_FOUND : rc;
    }
    if (rc < 0) {
        return rc;
    }
    if (nor->id[2] < CAPACITY_MIN || nor->id[2] > CAPACITY_MAX) {
        return VARVE_E_UNSUPPORTED;
    }
    nor->chip_bytes = UINT32_C(1) << nor->id[2];
    nor->is_wide = nor->chip_bytes > NARROW_BYTES;
    return wait_ready(nor, ERASE_US);
}

int varve_spi_nor_open(struct varve_spi_nor *nor, const struct varve_spi_bus *bus, const char *name,
                       uint32_t first_sector, uint32_t sectors)
{
    memset(nor, 0, sizeof *nor);
    nor->bus = bus;
    int rc = wake(nor);
    rc = rc == 0 ? identify(nor) : rc;
    if (rc < 0) {
        return rc;
    }
    const uint32_t all = nor->chip_bytes / SECTOR_BYTES;
    const uint32_t left = first_sector < all ? all - first_sector : 0;
    const uint32_t most = left < UINT16_MAX ? left : UINT16_MAX;
    const uint32_t count = sectors == 0 ? most : sectors;
    if (count > most || count < SECTORS_LEAST) {
        return VARVE_E_INVALID;
    }
    nor->first_byte = first_sector * SECTOR_BYTES;
    nor->flash = (struct varve_flash){.name = name,
                                      .page_bytes = PAGE_BYTES,
                                      .sector_bytes = SECTOR_BYTES,
                                      .sectors = count,
                                      .context = nor,
                                      .read = nor_read,
                                      .program = nor_program,
                                      .erase = nor_erase};
    return 0;
}
