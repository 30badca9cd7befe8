// SPDX-License-Identifier: Apache-2.0
// The port's calls on open files: handles, access, locks. Content is inode.c's.
//
// Locks cover the whole file, whatever the range, and are between handles: there is one process.
//
// Threading: one task.
#include <string.h>

#include "names.h"

#define HANDLES 64

enum lock {
    UNLOCKED = 0,
    SHARED,
    EXCLUSIVE
};

struct handle {
    struct sim_inode *inode; // NULL: free
    bool writable;
    enum lock lock;
};

static struct handle handles[HANDLES];

static struct handle *handle_of(const struct varve_port_file *f)
{
    const bool known = f->handle >= 0 && f->handle < HANDLES;
    return known && handles[f->handle].inode != NULL ? &handles[f->handle] : NULL;
}

static int result(int rc)
{
    return rc == 0 ? 0 : sim_fail(rc);
}

// The handle, when the call may go on; otherwise NULL with the reason in *rc.
static struct handle *usable(const struct varve_port_file *f, enum varve_sim_call call,
                             bool to_write, int *rc)
{
    struct handle *handle = handle_of(f);
    *rc = 0;
    if (varve_sim_is_off()) {
        *rc = sim_fail(VARVE_E_IO);
    } else if (handle == NULL) {
        *rc = sim_fail(VARVE_E_INVALID);
    } else if (to_write && !handle->writable) {
        *rc = sim_fail(VARVE_E_READ_ONLY);
    }
    if (*rc == 0 && call != VARVE_SIM_WRITE && call != VARVE_SIM_SYNC) {
        *rc = result(sim_fails(call)); // those two leave something behind
    }
    if (*rc == 0 && to_write && !sim_permit_call()) {
        *rc = sim_fail(VARVE_E_IO);
    }
    return *rc == 0 ? handle : NULL;
}

// ---- opening ------------------------------------------------------------------------------------

static int find_or_create(const char *path, unsigned flags, struct sim_inode **inode)
{
    *inode = sim_name_find(path);
    if (*inode != NULL) {
        sim_inode_ref(*inode);
        return (flags & VARVE_OPEN_EXCLUSIVE) != 0 ? VARVE_E_EXISTS : 0;
    }
    if (sim_name_is_dir(path)) {
        return VARVE_E_INVALID;
    }
    if ((flags & VARVE_OPEN_CREATE) == 0) {
        return VARVE_E_NOT_FOUND;
    }
    const int rc = sim_name_create(path, inode);
    if (rc != 0) {
        *inode = NULL;
        return rc;
    }
    sim_inode_ref(*inode);
    return 0;
}

static int open_handle(struct varve_port_file *f, struct sim_inode *inode, unsigned flags)
{
    for (int i = 0; i < HANDLES; i++) {
        if (handles[i].inode == NULL) {
            handles[i] =
                (struct handle){.inode = inode, .writable = (flags & VARVE_OPEN_WRITE) != 0};
            f->handle = i;
            return 0;
        }
    }
    return VARVE_E_FULL;
}

int varve_port_file_open(struct varve_port_file *f, const char *path, unsigned flags)
{
    struct sim_inode *inode = NULL;
    f->handle = -1;
    if (varve_sim_is_off()) {
        return sim_fail(VARVE_E_IO);
    }
    if ((flags & VARVE_OPEN_EXCLUSIVE) != 0 && (flags & VARVE_OPEN_CREATE) == 0) {
        return sim_fail(VARVE_E_INVALID);
    }
    int rc = sim_fails(VARVE_SIM_OPEN);
    rc = rc == 0 ? find_or_create(path, flags, &inode) : rc;
    rc = rc == 0 ? open_handle(f, inode, flags) : rc;
    if (rc != 0 && inode != NULL) {
        sim_inode_unref(inode);
    }
    return result(rc);
}

void varve_port_file_close(struct varve_port_file *f)
{
    struct handle *handle = handle_of(f);
    if (handle != NULL) {
        struct sim_inode *inode = handle->inode;
        *handle = (struct handle){0};
        sim_inode_unref(inode);
    }
    f->handle = -1;
}

void sim_handles_close(void)
{
    for (int i = 0; i < HANDLES; i++) {
        struct varve_port_file file = {.handle = i};
        varve_port_file_close(&file);
    }
}

// ---- reading and writing ------------------------------------------------------------------------

int64_t varve_port_file_read(struct varve_port_file *f, int64_t offset, void *buf, size_t len)
{
    int rc;
    const struct handle *handle = usable(f, VARVE_SIM_READ, false, &rc);
    if (handle == NULL) {
        return rc;
    }
    const int64_t n = sim_inode_read(handle->inode, offset, buf, len);
    return n >= 0 ? n : sim_fail((int)n);
}

int varve_port_file_write(struct varve_port_file *f, int64_t offset, const void *buf, size_t len)
{
    int rc;
    const struct handle *handle = usable(f, VARVE_SIM_WRITE, true, &rc);
    if (handle == NULL) {
        return rc;
    }
    rc = sim_fails(VARVE_SIM_WRITE);
    if (rc == 0) {
        return result(sim_inode_write(handle->inode, offset, buf, len));
    }
    if (sim_fails_halfway()) {
        (void)sim_inode_write(handle->inode, offset, buf, len / 2);
    }
    return sim_fail(rc);
}

int64_t varve_port_file_size(struct varve_port_file *f)
{
    int rc;
    const struct handle *handle = usable(f, VARVE_SIM_READ, false, &rc);
    return handle == NULL ? rc : handle->inode->size;
}

int varve_port_file_truncate(struct varve_port_file *f, int64_t size)
{
    int rc;
    const struct handle *handle = usable(f, VARVE_SIM_SIZE, true, &rc);
    return handle == NULL ? rc : result(sim_inode_truncate(handle->inode, size));
}

int varve_port_file_preallocate(struct varve_port_file *f, int64_t size)
{
    int rc;
    const struct handle *handle = usable(f, VARVE_SIM_SIZE, true, &rc);
    return handle == NULL ? rc : result(sim_inode_preallocate(handle->inode, size));
}

int varve_port_file_sync(struct varve_port_file *f)
{
    int rc;
    const struct handle *handle = usable(f, VARVE_SIM_SYNC, false, &rc);
    if (handle == NULL) {
        return rc;
    }
    rc = sim_fails(VARVE_SIM_SYNC);
    if (rc != 0) {
        if (sim_fails_halfway()) {
            sim_inode_forget(handle->inode);
        }
        return sim_fail(rc);
    }
    rc = sim_inode_sync(handle->inode);
    if (rc == 0) {
        sim_count_sync();
    }
    return result(rc);
}

// ---- locks --------------------------------------------------------------------------------------

int varve_port_file_lock(struct varve_port_file *f, int64_t offset, int64_t len, bool exclusive)
{
    int rc;
    struct handle *mine = usable(f, VARVE_SIM_LOCK, exclusive, &rc);
    (void)offset; // the whole file
    (void)len;
    for (int i = 0; mine != NULL && i < HANDLES; i++) {
        const struct handle *other = &handles[i];
        if (other == mine || other->inode != mine->inode || other->lock == UNLOCKED) {
            continue;
        }
        if (exclusive || other->lock == EXCLUSIVE) {
            return sim_fail(VARVE_E_BUSY);
        }
    }
    if (mine != NULL) {
        mine->lock = exclusive ? EXCLUSIVE : SHARED;
    }
    return rc;
}

int varve_port_file_unlock(struct varve_port_file *f, int64_t offset, int64_t len)
{
    int rc;
    struct handle *handle = usable(f, VARVE_SIM_NO_CALL, false, &rc);
    (void)offset;
    (void)len;
    if (handle != NULL) {
        handle->lock = UNLOCKED;
    }
    return rc;
}
