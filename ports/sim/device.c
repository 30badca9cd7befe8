// SPDX-License-Identifier: Apache-2.0
// The device: flash, map and power put together, and what a filesystem's own tables cost.
//
// Owns the geometry and its limits, the logical pages' allocation, the journal that metadata goes
// to, the operation counter and the power switch. Leaves files to files.c.
//
// Metadata. A commit costs meta_sync_bytes or meta_change_bytes, and meta_page_bytes for each data
// page. Bytes add up until they fill a page, which is then programmed into the journal, round and
// round. On NAND a commit pads what is left to a whole page, as UBIFS pads its write buffer; on an
// FTL and on NOR the rest waits for the next commit: an average, not a trace.
//
// Threading: one task.
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "map.h"

#define JOURNAL_PAGES_MAX 1024u
#define PAGE_MIN          256u
#define PAGE_MAX          65536u
#define PERCENT           100u

static struct {
    struct varve_sim_device config;
    struct sim_flash flash;
    struct sim_map map;
    bool made;
    bool off;
    uint64_t operations;
    uint64_t cut_at;
    bool settling;       // a cut is being worked out: what is programmed is no operation
    uint8_t *taken;      // by logical page
    uint32_t first_free; // no page below it is free
    uint32_t free_pages;
    uint32_t journal_pages; // the first logical pages
    uint32_t journal_next;
    uint64_t meta_bytes; // not programmed yet
    uint64_t data_pages, meta_pages, syncs;
} device;

// Whom to ask about a cut: stays through all devices.
static varve_sim_cut_fn ask_cut;
static void *ask_cut_arg;

// ---- power --------------------------------------------------------------------------------------

static bool permit(void)
{
    if (device.off || device.settling) {
        return !device.off;
    }
    device.operations++;
    if ((device.cut_at != 0 && device.operations >= device.cut_at) ||
        (ask_cut != NULL && ask_cut(ask_cut_arg, device.operations))) {
        device.off = true;
    }
    return !device.off;
}

bool sim_permit_flash(void)
{
    return permit();
}

bool sim_permit_call(void)
{
    return sim_faults()->calls ? permit() : !device.off;
}

bool sim_permit_retained(void)
{
    return permit();
}

void varve_sim_ask_cut(varve_sim_cut_fn ask, void *arg)
{
    ask_cut = ask;
    ask_cut_arg = arg;
}

uint64_t varve_sim_operations(void)
{
    return device.operations;
}

void varve_sim_cut_at(uint64_t operation)
{
    device.cut_at = operation;
}

void varve_sim_cut(void)
{
    device.off = true;
}

bool varve_sim_is_off(void)
{
    return device.off || !device.made;
}

static void boot(int64_t off_ms)
{
    device.cut_at = 0;
    device.off = false;
    device.meta_bytes = 0; // it was in RAM
    device.settling = true;
    sim_files_cut();
    device.settling = false;
    sim_clock_boot(off_ms);
}

void varve_sim_boot(int64_t off_ms)
{
    sim_retained_destroy();
    boot(off_ms);
}

void varve_sim_reset(void)
{
    sim_retained_release();
    boot(0);
}

// ---- making -------------------------------------------------------------------------------------

void varve_sim_device_defaults(struct varve_sim_device *out, enum varve_sim_kind kind)
{
    static const struct varve_sim_device defaults[] = {
        [VARVE_SIM_FTL] = {.kind = VARVE_SIM_FTL,
                           .page_bytes = 4096,
                           .erase_block_bytes = 4u << 20,
                           .capacity_bytes = UINT64_C(4) << 30,
                           .spare_percent = 7,
                           .endurance = 3000,
                           .meta_sync_bytes = 100,
                           .meta_change_bytes = 20978},
        [VARVE_SIM_NOR] = {.kind = VARVE_SIM_NOR,
                           .page_bytes = 256,
                           .erase_block_bytes = 64u << 10,
                           .capacity_bytes = 16u << 20,
                           .spare_percent = 5,
                           .endurance = 100000,
                           .meta_page_bytes = 4,
                           .meta_sync_bytes = 68,
                           .meta_change_bytes = 124},
        [VARVE_SIM_NAND] = {.kind = VARVE_SIM_NAND,
                            .page_bytes = 2048,
                            .erase_block_bytes = 128u << 10,
                            .capacity_bytes = 128u << 20,
                            .spare_percent = 5,
                            .endurance = 100000,
                            .meta_page_bytes = 24,
                            .meta_sync_bytes = 0,
                            .meta_change_bytes = 216},
    };
    *out = defaults[kind];
}

static const char *what_is_wrong(const struct varve_sim_device *d)
{
    const uint32_t page = d->page_bytes;
    if (page < PAGE_MIN || page > PAGE_MAX || (page & (page - 1)) != 0) {
        return "the page must be a power of two, 256 to 64K";
    }
    if (d->erase_block_bytes < page || d->erase_block_bytes % page != 0) {
        return "the erase block must be a multiple of the page";
    }
    if (d->capacity_bytes / page >= UINT32_MAX / 2) {
        return "the capacity is more than 2^31 pages";
    }
    if (d->spare_percent > 50) {
        return "the spare area must be 0 to 50 percent";
    }
    return d->endurance == 0 ? "the endurance must be at least 1" : NULL;
}

// Blocks of the flash and logical pages on them. Returns false when no page would be left.
static bool lay_out(const struct varve_sim_device *d, uint32_t *blocks, uint32_t *pages)
{
    const uint64_t per_block = d->erase_block_bytes / d->page_bytes;
    uint64_t all = d->capacity_bytes / d->erase_block_bytes;
    uint64_t spare = (all * d->spare_percent + PERCENT - 1) / PERCENT;
    spare = spare < MAP_SPARE_MIN ? MAP_SPARE_MIN : spare;
    if (d->kind == VARVE_SIM_FTL) {
        all += spare;
    }
    if (all <= spare || all * per_block >= UINT32_MAX / 2) {
        return false;
    }
    *blocks = (uint32_t)all;
    *pages = (uint32_t)((all - spare) * per_block);
    return true;
}

static int build(uint32_t blocks, uint32_t pages)
{
    const struct varve_sim_device *d = &device.config;
    int rc =
        sim_flash_init(&device.flash, d->page_bytes, d->erase_block_bytes / d->page_bytes, blocks);
    rc = rc == 0 ? sim_map_init(&device.map, &device.flash, pages, permit) : rc;
    device.taken = rc == 0 ? calloc(pages, 1) : NULL;
    if (device.taken == NULL) {
        return rc != 0 ? rc : VARVE_E_NO_MEMORY;
    }
    device.journal_pages = pages / 16 < JOURNAL_PAGES_MAX ? pages / 16 + 1 : JOURNAL_PAGES_MAX;
    device.first_free = device.journal_pages;
    device.free_pages = pages - device.journal_pages;
    return 0;
}

int varve_sim_make(const struct varve_sim_device *config, int64_t wall_ms, char *why,
                   size_t why_cap)
{
    uint32_t blocks, pages;
    const char *wrong = what_is_wrong(config);
    if (wrong == NULL && !lay_out(config, &blocks, &pages)) {
        wrong = "the capacity must be some erase blocks more than the spare ones (at least 5), and "
                "less than 2^31 pages";
    }
    if (why_cap > 0) {
        const size_t length = wrong == NULL ? 0 : strnlen(wrong, why_cap - 1);
        memcpy(why, wrong == NULL ? "" : wrong, length);
        why[length] = '\0';
    }
    if (wrong != NULL) {
        return VARVE_E_INVALID;
    }
    varve_sim_destroy();
    device.config = *config;
    const int rc = build(blocks, pages);
    if (rc != 0) {
        varve_sim_destroy();
        return rc;
    }
    device.made = true;
    sim_clock_reset(wall_ms);
    return 0;
}

void varve_sim_destroy(void)
{
    sim_files_destroy();
    sim_texts_destroy();
    sim_retained_destroy();
    sim_nor_destroy();
    sim_map_free(&device.map);
    sim_flash_free(&device.flash);
    free(device.taken);
    memset(&device, 0, sizeof device);
}

// ---- logical pages ------------------------------------------------------------------------------

uint32_t sim_page_bytes(void)
{
    return device.flash.page_bytes;
}

bool sim_can_allocate(void)
{
    return device.config.kind == VARVE_SIM_FTL;
}

uint64_t sim_pages_free(void)
{
    return device.free_pages;
}

uint64_t sim_pages_total(void)
{
    return device.map.pages - device.journal_pages;
}

int sim_page_take(uint32_t *page)
{
    while (device.first_free < device.map.pages && device.taken[device.first_free] != 0) {
        device.first_free++;
    }
    if (device.first_free == device.map.pages) {
        return VARVE_E_NO_SPACE;
    }
    *page = device.first_free++;
    device.taken[*page] = 1;
    device.free_pages--;
    return 0;
}

// A filesystem on raw flash knows what it no longer needs; an FTL is not told.
void sim_page_give(uint32_t page)
{
    device.taken[page] = 0;
    device.free_pages++;
    if (page < device.first_free) {
        device.first_free = page;
    }
    if (device.config.kind != VARVE_SIM_FTL) {
        sim_map_discard(&device.map, page);
    }
}

int sim_page_write(uint32_t page, const uint8_t *data)
{
    const int rc = sim_map_write(&device.map, page, data);
    device.data_pages += rc == 0 ? 1 : 0;
    return rc;
}

int sim_page_read(uint32_t page, uint8_t *out)
{
    return sim_map_read(&device.map, page, out);
}

// ---- metadata -----------------------------------------------------------------------------------

static int journal_page(void)
{
    const int rc = sim_map_write(&device.map, device.journal_next, NULL);
    if (rc == 0) {
        device.journal_next = (device.journal_next + 1) % device.journal_pages;
        device.meta_pages++;
    }
    return rc;
}

int sim_commit(uint32_t pages, bool change)
{
    const struct varve_sim_device *d = &device.config;
    const uint32_t page = d->page_bytes;
    device.meta_bytes += (uint64_t)pages * d->meta_page_bytes;
    device.meta_bytes += change ? d->meta_change_bytes : d->meta_sync_bytes;
    const bool pads = d->kind == VARVE_SIM_NAND;
    while (device.meta_bytes >= page || (pads && device.meta_bytes > 0)) {
        const int rc = journal_page();
        if (rc != 0) {
            return rc;
        }
        device.meta_bytes -= device.meta_bytes < page ? device.meta_bytes : page;
    }
    return permit() ? 0 : VARVE_E_IO; // the commit itself is a point to cut at
}

void sim_count_sync(void)
{
    device.syncs++;
}

// ---- figures ------------------------------------------------------------------------------------

static uint32_t least_worn(void)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t block = 0; block < device.flash.blocks; block++) {
        least = device.flash.erases[block] < least ? device.flash.erases[block] : least;
    }
    return least;
}

void varve_sim_counters(struct varve_sim_counters *out)
{
    const uint64_t page = device.flash.page_bytes;
    *out = (struct varve_sim_counters){
        .data_pages = device.data_pages,
        .meta_pages = device.meta_pages,
        .moved_pages = device.map.moved,
        .host_bytes = (device.data_pages + device.meta_pages) * page,
        .device_bytes = device.flash.programs * page,
        .erases = device.flash.erase_count,
        .blocks = device.flash.blocks,
        .max_block_erases = device.flash.max_erases,
        .min_block_erases = device.made ? least_worn() : 0,
        .file_syncs = device.syncs,
    };
}
