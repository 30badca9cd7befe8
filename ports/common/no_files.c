// SPDX-License-Identifier: Apache-2.0
// The storage group, and what else has to do with files, for a port that has none.
//
// Threading: any.
#include "varve/port.h"

int varve_port_file_open(struct varve_port_file *f, const char *path, unsigned flags)
{
    (void)f;
    (void)path;
    (void)flags;
    return VARVE_E_UNSUPPORTED;
}

void varve_port_file_close(struct varve_port_file *f)
{
    (void)f;
}

int64_t varve_port_file_read(struct varve_port_file *f, int64_t offset, void *buf, size_t len)
{
    (void)f;
    (void)offset;
    (void)buf;
    (void)len;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_file_write(struct varve_port_file *f, int64_t offset, const void *buf, size_t len)
{
    (void)f;
    (void)offset;
    (void)buf;
    (void)len;
    return VARVE_E_UNSUPPORTED;
}

int64_t varve_port_file_size(struct varve_port_file *f)
{
    (void)f;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_file_truncate(struct varve_port_file *f, int64_t size)
{
    (void)f;
    (void)size;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_file_preallocate(struct varve_port_file *f, int64_t size)
{
    (void)f;
    (void)size;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_file_sync(struct varve_port_file *f)
{
    (void)f;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_file_lock(struct varve_port_file *f, int64_t offset, int64_t len, bool exclusive)
{
    (void)f;
    (void)offset;
    (void)len;
    (void)exclusive;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_file_unlock(struct varve_port_file *f, int64_t offset, int64_t len)
{
    (void)f;
    (void)offset;
    (void)len;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_path_remove(const char *path)
{
    (void)path;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_path_rename(const char *from, const char *to)
{
    (void)from;
    (void)to;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_path_link(const char *from, const char *to)
{
    (void)from;
    (void)to;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_path_exists(const char *path)
{
    (void)path;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_path_identify(const char *path, uint32_t *identity)
{
    (void)path;
    (void)identity;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_path_make_dir(const char *path)
{
    (void)path;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_path_sync_dir(const char *path)
{
    (void)path;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_path_space(const char *path, uint64_t *total_bytes, uint64_t *free_bytes)
{
    (void)path;
    *total_bytes = 0;
    *free_bytes = 0;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_dir_list(const char *path, const char *suffix,
                        void (*visit)(const char *name, void *arg), void *arg)
{
    (void)path;
    (void)suffix;
    (void)visit;
    (void)arg;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_read_text(const char *path, char *buf, size_t cap)
{
    (void)path;
    if (cap > 0) {
        buf[0] = '\0';
    }
    return VARVE_E_UNSUPPORTED;
}

int varve_port_path_trusted(const char *path, unsigned flags, char *why, size_t why_cap)
{
    (void)path;
    (void)flags;
    (void)why;
    (void)why_cap;
    return 0; // one program, one user
}
