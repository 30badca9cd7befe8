// SPDX-License-Identifier: Apache-2.0
// Counted storage on raw flash: the port's drivers plus the ledger.
//
// There is no cache below, so every program and every erase reaches the flash and counts when it is
// called, also when it fails on the way. Parts of a page that are programmed one after the other
// are one page of `flash_bytes`.
//
// Threading: an area and its account belong to one backend instance and are used under its lock.
#include <string.h>

#include "varve/storage.h"

#define PAGE_LEAST    8u
#define PAGE_MOST     4096u
#define SECTOR_PAGES  8u
#define SECTOR_LEAST  512u
#define SECTORS_LEAST 8u
#define NO_PAGE       UINT32_MAX

static bool geometry_is_sane(const struct varve_flash *flash)
{
    const uint32_t page = flash->page_bytes;
    const bool page_ok = page >= PAGE_LEAST && page <= PAGE_MOST && (page & (page - 1u)) == 0;

    return page_ok && flash->sector_bytes >= SECTOR_LEAST &&
           flash->sector_bytes >= SECTOR_PAGES * page && flash->sector_bytes % page == 0 &&
           flash->sectors >= SECTORS_LEAST && flash->sectors <= UINT16_MAX &&
           UINT32_MAX / flash->sector_bytes >= flash->sectors;
}

int varve_flash_open(struct varve_flash_area *a, struct varve_ledger_account *account,
                     const char *name, bool writable)
{
    memset(a, 0, sizeof *a);
    a->account = account;
    a->writable = writable;
    a->last_page = NO_PAGE;
    a->flash = varve_port_flash(name);
    if (a->flash == NULL)
        return VARVE_E_NOT_FOUND;
    account->sectors = a->flash->sectors;
    return geometry_is_sane(a->flash) ? 0 : VARVE_E_INVALID;
}

static bool is_inside(const struct varve_flash_area *a, uint32_t address, size_t len)
{
    const uint32_t size = a->flash->sector_bytes * a->flash->sectors;

    return address <= size && len <= size - address;
}

int varve_flash_read(struct varve_flash_area *a, uint32_t address, void *buf, size_t len)
{
    return is_inside(a, address, len) ? a->flash->read(a->flash, address, buf, len)
                                      : VARVE_E_INVALID;
}

static void count_program(struct varve_flash_area *a, uint32_t address, size_t len,
                          enum varve_write_reason reason)
{
    const uint32_t page = address / a->flash->page_bytes;

    a->account->writes++;
    a->account->bytes[reason] += len;
    if (page != a->last_page)
        a->account->flash_bytes[reason] += a->flash->page_bytes;
    a->last_page = page;
}

int varve_flash_program(struct varve_flash_area *a, uint32_t address, const void *buf, size_t len,
                        enum varve_write_reason reason)
{
    const uint8_t *from = buf;
    int rc = 0;

    if (!a->writable)
        return VARVE_E_READ_ONLY;
    if (!is_inside(a, address, len) || (unsigned)reason >= VARVE_WRITE_REASON_COUNT)
        return VARVE_E_INVALID;
    while (rc == 0 && len > 0) {
        const size_t room = a->flash->page_bytes - address % a->flash->page_bytes;
        const size_t n = len < room ? len : room;
        count_program(a, address, n, reason);
        rc = a->flash->program(a->flash, address, from, n);
        address += (uint32_t)n;
        from += n;
        len -= n;
    }
    return rc;
}

int varve_flash_erase(struct varve_flash_area *a, uint32_t sector)
{
    if (!a->writable)
        return VARVE_E_READ_ONLY;
    if (sector >= a->flash->sectors)
        return VARVE_E_INVALID;
    a->account->erases++;
    a->account->erase_blocks++;
    a->last_page = NO_PAGE;
    return a->flash->erase(a->flash, sector);
}
