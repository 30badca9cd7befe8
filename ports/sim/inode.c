// SPDX-License-Identifier: Apache-2.0
// The content of a file; see inode.h.
#include "inode.h"

#include <stdlib.h>
#include <string.h>

#define GROW_MIN 16u

struct sim_inode *sim_inode_new(void)
{
    static uint32_t numbers;
    struct sim_inode *inode = calloc(1, sizeof *inode);
    if (inode != NULL) {
        inode->number = ++numbers;
        inode->changed = true;
        inode->refs = 1;
    }
    return inode;
}

void sim_inode_ref(struct sim_inode *inode)
{
    inode->refs++;
}

static void drop_page(struct sim_inode_page *page)
{
    free(page->dirty);
    if (page->logical != SIM_NO_PAGE) {
        sim_page_give(page->logical);
    }
    *page = (struct sim_inode_page){.logical = SIM_NO_PAGE};
}

void sim_inode_unref(struct sim_inode *inode)
{
    if (--inode->refs > 0) {
        return;
    }
    for (size_t i = 0; i < inode->count; i++) {
        drop_page(&inode->pages[i]);
    }
    free(inode->pages);
    free(inode->dirty);
    free(inode);
}

// ---- pages --------------------------------------------------------------------------------------

static size_t pages_of(int64_t size)
{
    return (size_t)(((uint64_t)size + sim_page_bytes() - 1) / sim_page_bytes());
}

// Makes the table `count` pages long.
static int extend(struct sim_inode *inode, size_t count)
{
    if (count > inode->cap) {
        size_t cap = inode->cap < GROW_MIN ? GROW_MIN : inode->cap;
        while (cap < count) {
            cap *= 2;
        }
        struct sim_inode_page *pages = realloc(inode->pages, cap * sizeof *pages);
        if (pages == NULL) {
            return VARVE_E_NO_MEMORY;
        }
        inode->pages = pages;
        inode->cap = cap;
    }
    for (; inode->count < count; inode->count++) {
        inode->pages[inode->count] = (struct sim_inode_page){.logical = SIM_NO_PAGE};
    }
    return 0;
}

static int read_page(const struct sim_inode_page *page, uint8_t *out)
{
    if (page->dirty != NULL) {
        memcpy(out, page->dirty, sim_page_bytes());
        return 0;
    }
    if (page->written && !page->gone) {
        return sim_page_read(page->logical, out);
    }
    memset(out, 0, sim_page_bytes());
    return 0;
}

static int note_dirty(struct sim_inode *inode, size_t index)
{
    if (inode->dirty_count == inode->dirty_cap) {
        const size_t cap = inode->dirty_cap < GROW_MIN ? GROW_MIN : 2 * inode->dirty_cap;
        uint32_t *dirty = realloc(inode->dirty, cap * sizeof *dirty);
        if (dirty == NULL) {
            return VARVE_E_NO_MEMORY;
        }
        inode->dirty = dirty;
        inode->dirty_cap = cap;
    }
    inode->dirty[inode->dirty_count++] = (uint32_t)index;
    return 0;
}

static int allocate(struct sim_inode *inode, size_t index)
{
    struct sim_inode_page *page = &inode->pages[index];
    if (page->logical != SIM_NO_PAGE) {
        return 0;
    }
    const int rc = sim_page_take(&page->logical);
    if (rc != 0) {
        page->logical = SIM_NO_PAGE;
        return rc;
    }
    inode->changed = true;
    return 0;
}

// Gives the page a buffer that holds its content.
static int make_dirty(struct sim_inode *inode, size_t index)
{
    struct sim_inode_page *page = &inode->pages[index];
    int rc = allocate(inode, index);
    if (rc != 0 || page->dirty != NULL) {
        return rc;
    }
    uint8_t *buffer = malloc(sim_page_bytes());
    if (buffer == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    rc = read_page(page, buffer);
    rc = rc == 0 ? note_dirty(inode, index) : rc;
    if (rc != 0) {
        free(buffer);
        return rc;
    }
    page->dirty = buffer;
    page->gone = false;
    return 0;
}

// ---- reading and writing ------------------------------------------------------------------------

// Length of the part of [offset, offset + left) that lies in one page, and where.
static size_t part_in_page(int64_t offset, size_t left, size_t *index, size_t *at)
{
    const size_t page = sim_page_bytes();
    *index = (size_t)((uint64_t)offset / page);
    *at = (size_t)((uint64_t)offset % page);
    return left < page - *at ? left : page - *at;
}

static int copy_out(const struct sim_inode *inode, size_t index, size_t at, uint8_t *buf,
                    size_t len, uint8_t *scratch)
{
    if (index >= inode->count) {
        memset(buf, 0, len);
        return 0;
    }
    const int rc = read_page(&inode->pages[index], scratch);
    if (rc == 0) {
        memcpy(buf, scratch + at, len);
    }
    return rc;
}

int64_t sim_inode_read(const struct sim_inode *inode, int64_t offset, uint8_t *buf, size_t len)
{
    if (offset >= inode->size || len == 0) {
        return 0;
    }
    if ((int64_t)len > inode->size - offset) {
        len = (size_t)(inode->size - offset);
    }
    uint8_t *scratch = malloc(sim_page_bytes());
    int rc = scratch == NULL ? VARVE_E_NO_MEMORY : 0;
    for (size_t done = 0, index, at; rc == 0 && done < len;) {
        const size_t n = part_in_page(offset + (int64_t)done, len - done, &index, &at);
        rc = copy_out(inode, index, at, buf + done, n, scratch);
        done += n;
    }
    free(scratch);
    return rc == 0 ? (int64_t)len : rc;
}

int sim_inode_write(struct sim_inode *inode, int64_t offset, const uint8_t *buf, size_t len)
{
    int rc = extend(inode, pages_of(offset + (int64_t)len));
    for (size_t done = 0, index, at; rc == 0 && done < len;) {
        const size_t n = part_in_page(offset + (int64_t)done, len - done, &index, &at);
        rc = make_dirty(inode, index);
        if (rc == 0) {
            memcpy(inode->pages[index].dirty + at, buf + done, n);
        }
        done += n;
    }
    if (rc == 0 && offset + (int64_t)len > inode->size) {
        inode->size = offset + (int64_t)len;
        inode->changed = true;
    }
    return rc;
}

// ---- size ---------------------------------------------------------------------------------------

static void undirty(struct sim_inode *inode, size_t index)
{
    for (size_t i = 0; i < inode->dirty_count; i++) {
        if (inode->dirty[i] == index) {
            inode->dirty[i] = inode->dirty[--inode->dirty_count];
            break;
        }
    }
    free(inode->pages[index].dirty);
    inode->pages[index].dirty = NULL;
}

// Bytes behind the new end in its last page must read as zeros when the file grows again.
static int clear_tail(struct sim_inode *inode, int64_t size)
{
    const size_t at = (size_t)((uint64_t)size % sim_page_bytes());
    const size_t index = pages_of(size) - 1;
    const struct sim_inode_page *page = &inode->pages[index];
    if (page->dirty == NULL && (!page->written || page->gone)) {
        return 0;
    }
    const int rc = make_dirty(inode, index);
    if (rc == 0) {
        memset(page->dirty + at, 0, sim_page_bytes() - at);
    }
    return rc;
}

int sim_inode_truncate(struct sim_inode *inode, int64_t size)
{
    const size_t kept = pages_of(size);
    int rc = 0;
    if (size < inode->size && size % sim_page_bytes() != 0 && kept <= inode->count) {
        rc = clear_tail(inode, size);
    }
    for (size_t i = kept; rc == 0 && size < inode->size && i < inode->count; i++) {
        if (inode->pages[i].dirty != NULL) {
            undirty(inode, i);
        }
        inode->pages[i].gone = true;
    }
    if (rc == 0 && size != inode->size) {
        inode->size = size;
        inode->changed = true;
    }
    return rc;
}

int sim_inode_preallocate(struct sim_inode *inode, int64_t size)
{
    if (!sim_can_allocate()) {
        return VARVE_E_UNSUPPORTED;
    }
    const size_t count = pages_of(size);
    int rc = extend(inode, count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = allocate(inode, i);
    }
    if (rc == 0 && size > inode->size) {
        inode->size = size;
        inode->changed = true;
    }
    return rc;
}

// ---- durability ---------------------------------------------------------------------------------

static int program(struct sim_inode_page *page)
{
    const int rc = sim_page_write(page->logical, page->dirty);
    if (rc == 0) {
        free(page->dirty);
        page->dirty = NULL;
        page->written = true;
    }
    return rc;
}

// After the size is durable nothing brings back what was cut off.
static void settle(struct sim_inode *inode)
{
    const size_t count = pages_of(inode->size);
    for (size_t i = 0; i < inode->count; i++) {
        struct sim_inode_page *page = &inode->pages[i];
        if (page->gone || i >= count) {
            drop_page(page);
        }
    }
    inode->count = count < inode->count ? count : inode->count;
    inode->durable_size = inode->size;
    inode->changed = false;
}

int sim_inode_sync(struct sim_inode *inode)
{
    uint32_t programmed = 0;
    if (sim_faults()->file_syncs_lie) {
        return 0;
    }
    if (inode->dirty_count == 0 && !inode->changed) {
        return 0;
    }
    for (; programmed < inode->dirty_count; programmed++) {
        const int rc = program(&inode->pages[inode->dirty[programmed]]);
        if (rc != 0) { // those before are clean now
            inode->dirty_count -= programmed;
            memmove(inode->dirty, inode->dirty + programmed,
                    inode->dirty_count * sizeof *inode->dirty);
            return rc;
        }
    }
    inode->dirty_count = 0;
    const int rc = sim_commit(programmed, inode->changed);
    if (rc == 0 && inode->changed) {
        settle(inode);
    }
    return rc;
}

void sim_inode_forget(struct sim_inode *inode)
{
    for (size_t i = 0; i < inode->dirty_count; i++) {
        struct sim_inode_page *page = &inode->pages[inode->dirty[i]];
        free(page->dirty);
        page->dirty = NULL;
    }
    inode->dirty_count = 0;
}

// ---- the power goes -----------------------------------------------------------------------------

// The size that a cut leaves of a file that may have been written back.
static void write_back_size(struct sim_inode *inode)
{
    const int64_t grown = inode->size - inode->durable_size;
    const uint32_t which = sim_fault_below(3);
    if (!inode->changed || which == 0) {
        return;
    }
    if (which == 1 && grown > 1 && grown < UINT32_MAX) {
        inode->durable_size += 1 + (int64_t)sim_fault_below((uint32_t)grown - 1);
        return;
    }
    settle(inode);
}

// Puts parts of what is on flash back into the buffer of a page.
static int tear(const struct sim_inode_page *page, uint32_t tear_bytes)
{
    uint8_t *old = malloc(sim_page_bytes());
    if (old == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    memset(old, 0, sim_page_bytes());
    const int rc = page->written ? sim_page_read(page->logical, old) : 0;
    for (uint32_t at = 0; rc == 0 && at < sim_page_bytes(); at += tear_bytes) {
        if (sim_fault_below(2) == 0) {
            memcpy(page->dirty + at, old + at, tear_bytes);
        }
    }
    free(old);
    return rc;
}

// One page in three that survives is torn. No room on flash: then it does not survive.
static void write_back_page(struct sim_inode_page *page)
{
    const uint32_t tear_bytes = sim_faults()->tear_bytes;
    if (!sim_fault_survives()) {
        return;
    }
    const bool torn = tear_bytes != 0 && sim_fault_below(3) == 0;
    if ((!torn || tear(page, tear_bytes) == 0) && sim_page_write(page->logical, page->dirty) == 0) {
        page->written = true;
    }
}

static void write_back(struct sim_inode *inode)
{
    write_back_size(inode);
    for (size_t i = 0; i < inode->count; i++) {
        if (inode->pages[i].dirty != NULL) {
            write_back_page(&inode->pages[i]);
        }
    }
}

void sim_inode_cut(struct sim_inode *inode)
{
    if (sim_faults()->write_back) {
        write_back(inode);
    }
    const size_t count = pages_of(inode->durable_size);
    for (size_t i = 0; i < inode->count; i++) {
        struct sim_inode_page *page = &inode->pages[i];
        free(page->dirty);
        page->dirty = NULL;
        page->gone = false;
        if (i >= count) {
            drop_page(page);
        }
    }
    inode->count = count < inode->count ? count : inode->count;
    inode->dirty_count = 0;
    inode->size = inode->durable_size;
    inode->changed = false;
}
