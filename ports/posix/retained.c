// SPDX-License-Identifier: Apache-2.0
// Memory that is kept over a restart or crash of the program: a mapped file of a filesystem in RAM
// (tmpfs, ramfs). A reboot clears it. A directory on anything else is not used, so that it never is
// flash that is written.
//
// A mapping survives the process at any instruction, in program order: all that has to be kept from
// is the compiler's reordering.
//
// Threading: any task.
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TMPFS_TYPE 0x01021994u
#define RAMFS_TYPE 0x858458f6u

static const char *const places[] = {"/dev/shm", "/run", "/var/run"};

static bool is_in_ram(const char *dir)
{
    struct statfs fs;
    return statfs(dir, &fs) == 0 &&
           ((uint32_t)fs.f_type == TMPFS_TYPE || (uint32_t)fs.f_type == RAMFS_TYPE);
}

// The file's name in the first place that is in RAM and lets this user write. 0 or an errno value.
static int find_place(const char *name, char *path, size_t cap)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (is_in_ram(places[i]) && access(places[i], W_OK) == 0) {
            const int n = snprintf(path, cap, "%s/varve-%s", places[i], name);
            return n > 0 && (size_t)n < cap ? 0 : ENAMETOOLONG;
        }
    }
    return EOPNOTSUPP;
}

// A directory for everybody may hold a file that somebody else made under this name.
static bool is_ours(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1;
}

// Locks, sizes and maps the file. 0 or an errno value.
static int map_file(struct varve_port_retained *r, int fd, size_t bytes)
{
    if (!is_ours(fd))
        return EACCES;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno;
    if (ftruncate(fd, (off_t)bytes) != 0)
        return errno;
    const int rc = posix_fallocate(fd, 0, (off_t)bytes); // a full tmpfs must be told now, not later
    if (rc != 0)
        return rc;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return errno;
    *r = (struct varve_port_retained){.memory = memory, .bytes = bytes, .handle = fd};
    return 0;
}

int varve_port_retained_open(struct varve_port_retained *r, const char *name, size_t bytes)
{
    char path[VARVE_PATH_TEXT];
    *r = (struct varve_port_retained){.handle = -1};
    if (strchr(name, '/'))
        return VARVE_E_INVALID;
    int rc = find_place(name, path, sizeof path);
    if (rc != 0)
        return varve_posix_fail(rc);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return varve_posix_fail(errno);
    rc = map_file(r, fd, bytes);
    if (rc != 0) {
        (void)close(fd); // nothing was written
        const int code = varve_posix_fail(rc);
        return rc == EWOULDBLOCK ? VARVE_E_BUSY : code;
    }
    return 0;
}

void varve_port_retained_close(struct varve_port_retained *r)
{
    if (r->memory)
        (void)munmap(r->memory, r->bytes); // it was mapped
    if (r->handle >= 0)
        (void)close((int)r->handle); // gives back the lock; the file stays
    *r = (struct varve_port_retained){.handle = -1};
}

void varve_port_retained_write(void *to, const void *from, size_t len)
{
    atomic_signal_fence(memory_order_seq_cst);
    if (from)
        memcpy(to, from, len);
    else
        memset(to, 0, len);
    atomic_signal_fence(memory_order_seq_cst);
}
