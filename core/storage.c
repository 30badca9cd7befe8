// SPDX-License-Identifier: Apache-2.0
// Counted storage: the port's files plus the ledger. What it counts is what the program hands to
// the filesystem, in whole flash pages; what the filesystem adds for its own tables (inodes,
// journal) is not seen here. What the figures are used for is the stats' and the governor's
// business.
//
// The model of a page: between two syncs the system's cache gathers the writes to one page, so
// that it reaches flash once; a sync writes all that is gathered, and the next write to the same
// page costs it anew. The reason that touches a page first is charged with it.
//
// Erase blocks are counted in the same way. A file is taken to lie in one piece, from the start of
// an erase block: an FTL may put the pages elsewhere, so the count tells how scattered the writes
// are, not how often a block was erased.
//
// Threading: a file and its account belong to one backend instance and are used under its lock.
#include "varve/storage.h"

#include <string.h>

#define PAGE_DEFAULT  4096u
#define ERASE_DEFAULT (128u * 1024u)
#define FILL_BYTES    512u

static const char *const reason_names[] = {
#define REASON_NAME(name, text) [name] = (text),
    VARVE_WRITE_REASONS(REASON_NAME)
#undef REASON_NAME
};

const char *varve_write_reason_name(enum varve_write_reason reason)
{
    if ((unsigned)reason >= VARVE_WRITE_REASON_COUNT)
        return "unknown";
    return reason_names[reason];
}

uint64_t varve_ledger_flash_bytes(const struct varve_ledger_account *account)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < VARVE_WRITE_REASON_COUNT; i++)
        sum += account->flash_bytes[i];
    return sum;
}

// ---- pages

static uint32_t page_bytes(const struct varve_ledger_account *account)
{
    return account->page_bytes == 0 ? PAGE_DEFAULT : account->page_bytes;
}

static bool is_power_of_two(uint32_t n)
{
    return (n & (n - 1u)) == 0;
}

static uint32_t erase_bytes(const struct varve_ledger_account *account)
{
    return account->erase_bytes == 0 ? ERASE_DEFAULT : account->erase_bytes;
}

// Whether a unit is among the last `cap` of `count` that were noted.
static bool is_noted(const uint32_t *noted, uint32_t count, uint32_t cap, uint64_t unit)
{
    const uint32_t known = count < cap ? count : cap;
    for (uint32_t back = 1; back <= known; back++) { // the newest first: writes cluster
        if (noted[(count - back) % cap] == unit)
            return true;
    }
    return false;
}

// A page that was forgotten, or that is beyond 32 bits, counts at every write: the ledger may say
// too much, never too little.
static void touch_page(struct varve_file *f, uint64_t page, enum varve_write_reason reason)
{
    if (is_noted(f->dirty, f->dirty_count, VARVE_DIRTY_PAGES, page))
        return;
    f->account->flash_bytes[reason] += page_bytes(f->account);
    if (page <= UINT32_MAX)
        f->dirty[f->dirty_count++ % VARVE_DIRTY_PAGES] = (uint32_t)page;
}

static void touch_erase_block(struct varve_file *f, uint64_t block)
{
    if (is_noted(f->erase_dirty, f->erase_count, VARVE_DIRTY_ERASE_BLOCKS, block))
        return;
    f->account->erase_blocks++;
    if (block <= UINT32_MAX)
        f->erase_dirty[f->erase_count++ % VARVE_DIRTY_ERASE_BLOCKS] = (uint32_t)block;
}

static void count_write(struct varve_file *f, int64_t offset, size_t len,
                        enum varve_write_reason reason)
{
    const uint32_t size = page_bytes(f->account);
    const uint64_t first = (uint64_t)offset / size;
    const uint64_t last = ((uint64_t)offset + len - 1u) / size;
    f->account->bytes[reason] += len;
    for (uint64_t page = first; page <= last; page++)
        touch_page(f, page, reason);
    const uint32_t erase = erase_bytes(f->account);
    const uint64_t last_block = ((uint64_t)offset + len - 1u) / erase;
    for (uint64_t block = (uint64_t)offset / erase; block <= last_block; block++)
        touch_erase_block(f, block);
}

// ---- files

int varve_file_open(struct varve_file *f, struct varve_ledger_account *account, const char *path,
                    unsigned flags)
{
    memset(f, 0, sizeof *f);
    f->account = account;
    f->writable = (flags & VARVE_OPEN_WRITE) != 0;
    f->port.handle = -1; // so that closing is harmless after a refusal
    if (!account || !is_power_of_two(account->page_bytes) || !is_power_of_two(account->erase_bytes))
        return VARVE_E_INVALID;
    return varve_port_file_open(&f->port, path, flags);
}

void varve_file_close(struct varve_file *f)
{
    varve_port_file_close(&f->port);
    f->dirty_count = 0;
    f->erase_count = 0;
}

int64_t varve_file_read(struct varve_file *f, int64_t offset, void *buf, size_t len)
{
    if (offset < 0)
        return VARVE_E_INVALID;
    return varve_port_file_read(&f->port, offset, buf, len);
}

int varve_file_write(struct varve_file *f, int64_t offset, const void *buf, size_t len,
                     enum varve_write_reason reason)
{
    if (!f->writable)
        return VARVE_E_READ_ONLY;
    if (offset < 0 || (unsigned)reason >= VARVE_WRITE_REASON_COUNT)
        return VARVE_E_INVALID;
    if (len == 0)
        return VARVE_OK;
    const int rc = varve_port_file_write(&f->port, offset, buf, len);
    f->account->writes++;
    // A write that failed on the way may have reached flash: it counts unless it was refused.
    if (rc == 0 || rc == VARVE_E_IO)
        count_write(f, offset, len, reason);
    return rc;
}

int64_t varve_file_size(struct varve_file *f)
{
    return varve_port_file_size(&f->port);
}

int varve_file_truncate(struct varve_file *f, int64_t size)
{
    if (!f->writable)
        return VARVE_E_READ_ONLY;
    if (size < 0)
        return VARVE_E_INVALID;
    return varve_port_file_truncate(&f->port, size);
}

// For filesystems that cannot allocate: zeros behind the end, counted like any other write.
static int fill_to(struct varve_file *f, int64_t size)
{
    static const uint8_t zeros[FILL_BYTES];
    int64_t at = varve_port_file_size(&f->port);
    if (at < 0)
        return (int)at;
    while (at < size) {
        const int64_t left = size - at;
        const size_t len = left < (int64_t)sizeof zeros ? (size_t)left : sizeof zeros;
        const int rc = varve_file_write(f, at, zeros, len, VARVE_WRITE_META);
        if (rc != 0)
            return rc;
        at += (int64_t)len;
    }
    return VARVE_OK;
}

int varve_file_preallocate(struct varve_file *f, int64_t size)
{
    if (!f->writable)
        return VARVE_E_READ_ONLY;
    if (size < 0)
        return VARVE_E_INVALID;
    const int rc = varve_port_file_preallocate(&f->port, size);
    return rc == VARVE_E_UNSUPPORTED ? fill_to(f, size) : rc;
}

// After a failed sync the pages stay in the table: nobody knows which of them are on flash, and
// whoever writes them again does so for the same commit.
int varve_file_sync(struct varve_file *f)
{
    const int rc = varve_port_file_sync(&f->port);
    if (rc != 0)
        return rc;
    f->account->syncs++;
    f->dirty_count = 0;
    f->erase_count = 0;
    return VARVE_OK;
}

int varve_file_lock(struct varve_file *f, int64_t offset, int64_t len, bool exclusive)
{
    if (exclusive && !f->writable)
        return VARVE_E_READ_ONLY;
    return varve_port_file_lock(&f->port, offset, len, exclusive);
}

int varve_file_unlock(struct varve_file *f, int64_t offset, int64_t len)
{
    return varve_port_file_unlock(&f->port, offset, len);
}
