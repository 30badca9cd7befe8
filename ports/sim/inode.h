// SPDX-License-Identifier: Apache-2.0
// The content of a file: pages in the cache and on flash. Names are names.c's, handles files.c's.
//
// A page of a file is
//   dirty     a buffer in RAM holds its content; a sync will program it
//   written   the logical page on flash holds its content
//   neither   it reads as zeros: allocated ahead, or never written
// A page that was cut off by truncate() keeps its logical page until the sync that makes the new
// size durable, because a power cut brings the old size back; if the file grows over it again
// before, it reads as zeros (`gone`).
//
// Threading: one task.
#ifndef VARVE_SIM_INODE_H
#define VARVE_SIM_INODE_H

#include "internal.h"

struct sim_inode_page {
    uint8_t *dirty;
    uint32_t logical; // SIM_NO_PAGE: none
    bool written;
    bool gone;
};

struct sim_inode {
    int64_t size;         // bytes, as programs see it
    int64_t durable_size; // as it is after a power cut
    struct sim_inode_page *pages;
    size_t count, cap; // pages
    uint32_t *dirty;   // indices of dirty pages, in the order of their first write
    size_t dirty_count, dirty_cap;
    uint32_t number; // another for each, from 1 on
    bool changed;    // size or allocation since the last sync
    unsigned refs;   // names, durable names, handles
};

struct sim_inode *sim_inode_new(void);
void sim_inode_ref(struct sim_inode *inode);
// The last one gives its pages back.
void sim_inode_unref(struct sim_inode *inode);

int64_t sim_inode_read(const struct sim_inode *inode, int64_t offset, uint8_t *buf, size_t len);
int sim_inode_write(struct sim_inode *inode, int64_t offset, const uint8_t *buf, size_t len);
int sim_inode_truncate(struct sim_inode *inode, int64_t size);
int sim_inode_preallocate(struct sim_inode *inode, int64_t size);
int sim_inode_sync(struct sim_inode *inode);
// A sync failed: what is not on flash is read from there again, as it was.
void sim_inode_forget(struct sim_inode *inode);
// What a power cut leaves of it.
void sim_inode_cut(struct sim_inode *inode);

#endif
