// SPDX-License-Identifier: Apache-2.0
// Files of the POSIX port: positioned reads and writes, allocation, fdatasync, range locks. Nothing
// is counted here; core/storage.c does that and is the only caller.
//
// Locks are open-file-description locks, which belong to the open file and not to the process, so
// closing another handle of the same file does not drop them. They conflict with the classic POSIX
// locks that SQLite's own VFS takes, which is what keeps a second program out.
//
// Threading: one handle, one task at a time; different handles are independent.
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE   0640
#define FILE_CLOSED (-1)

static int fd_of(const struct varve_port_file *f)
{
    return (int)f->handle;
}

static int open_file(const char *path, int mode)
{
    int fd;
    do {
        fd = open(path, mode, FILE_MODE);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

// Whether root has made the file, or opened what was there, is only known of O_EXCL.
static int open_as_root(const char *path, int mode)
{
    const int fd = open_file(path, mode | O_EXCL);
    if (fd >= 0)
        varve_posix_give_away(fd, path);
    return fd < 0 && errno == EEXIST && !(mode & O_EXCL) ? open_file(path, mode) : fd;
}

int varve_port_file_open(struct varve_port_file *f, const char *path, unsigned flags)
{
    f->handle = FILE_CLOSED;
    int mode = O_CLOEXEC | O_NOCTTY;
    mode |= (flags & VARVE_OPEN_WRITE) ? O_RDWR : O_RDONLY;
    mode |= (flags & VARVE_OPEN_CREATE) ? O_CREAT : 0;
    mode |= (flags & VARVE_OPEN_EXCLUSIVE) ? O_EXCL : 0;
    if ((mode & O_EXCL) && !(mode & O_CREAT))
        return VARVE_E_INVALID;
    const bool root_makes = (mode & O_CREAT) && geteuid() == 0;
    const int fd = root_makes ? open_as_root(path, mode) : open_file(path, mode);
    if (fd < 0)
        return varve_posix_fail(errno);
    f->handle = fd;
    return VARVE_OK;
}

void varve_port_file_close(struct varve_port_file *f)
{
    if (f->handle == FILE_CLOSED)
        return;
    (void)close(fd_of(f)); // what must be durable was synced; the descriptor is gone in any case
    f->handle = FILE_CLOSED;
}

int64_t varve_port_file_read(struct varve_port_file *f, int64_t offset, void *buf, size_t len)
{
    uint8_t *to = buf;
    size_t done = 0;
    while (done < len) {
        const ssize_t n = pread(fd_of(f), to + done, len - done, (off_t)offset + (off_t)done);
        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return varve_posix_fail(errno);
    }
    return (int64_t)done;
}

int varve_port_file_write(struct varve_port_file *f, int64_t offset, const void *buf, size_t len)
{
    const uint8_t *from = buf;
    size_t done = 0;
    while (done < len) {
        const ssize_t n = pwrite(fd_of(f), from + done, len - done, (off_t)offset + (off_t)done);
        if (n == 0)
            return varve_posix_fail(EIO); // no progress and no reason: do not spin
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return varve_posix_fail(errno);
    }
    return VARVE_OK;
}

int64_t varve_port_file_size(struct varve_port_file *f)
{
    struct stat st;
    if (fstat(fd_of(f), &st) != 0)
        return varve_posix_fail(errno);
    return (int64_t)st.st_size;
}

int varve_port_file_truncate(struct varve_port_file *f, int64_t size)
{
    int rc;
    do {
        rc = ftruncate(fd_of(f), (off_t)size);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? VARVE_OK : varve_posix_fail(errno);
}

// fallocate() and not posix_fallocate(): the C library would write to the file itself where the
// filesystem cannot allocate, and nobody would count those writes.
int varve_port_file_preallocate(struct varve_port_file *f, int64_t size)
{
    int rc;
    if (size == 0)
        return VARVE_OK;
    do {
        rc = fallocate(fd_of(f), 0, 0, (off_t)size);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? VARVE_OK : varve_posix_fail(errno);
}

int varve_port_file_sync(struct varve_port_file *f)
{
    int rc;
    do {
        rc = fdatasync(fd_of(f));
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? VARVE_OK : varve_posix_fail(errno);
}

// Kernels before 3.15 do not know locks of the open file.
static int set_lock(int fd, struct flock *range)
{
#ifdef F_OFD_SETLK
    if (fcntl(fd, F_OFD_SETLK, range) == 0)
        return VARVE_OK;
    if (errno != EINVAL)
        return errno;
#endif
    return fcntl(fd, F_SETLK, range) == 0 ? VARVE_OK : errno;
}

static int lock_range(struct varve_port_file *f, short type, int64_t offset, int64_t len)
{
    struct flock range = {0}; // l_pid must be 0 for locks of the open file
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = (off_t)offset;
    range.l_len = (off_t)len;
    const int native = set_lock(fd_of(f), &range);
    if (native == 0)
        return VARVE_OK;
    const int err = varve_posix_fail(native);
    return native == EAGAIN || native == EACCES ? VARVE_E_BUSY : err;
}

int varve_port_file_lock(struct varve_port_file *f, int64_t offset, int64_t len, bool exclusive)
{
    return lock_range(f, exclusive ? F_WRLCK : F_RDLCK, offset, len);
}

int varve_port_file_unlock(struct varve_port_file *f, int64_t offset, int64_t len)
{
    return lock_range(f, F_UNLCK, offset, len);
}
