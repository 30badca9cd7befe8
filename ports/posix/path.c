// SPDX-License-Identifier: Apache-2.0
// Names in the filesystem: removing, renaming, directories, space, listing.
//
// Threading: any task; no state. varve_port_dir_list() allocates inside the C library and is meant
// for start-up and for maintenance.
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DIR_MODE 0750

int varve_port_path_remove(const char *path)
{
    return unlink(path) == 0 ? VARVE_OK : varve_posix_fail(errno);
}

int varve_port_path_rename(const char *from, const char *to)
{
    return rename(from, to) == 0 ? VARVE_OK : varve_posix_fail(errno);
}

int varve_port_path_link(const char *from, const char *to)
{
    return link(from, to) == 0 ? VARVE_OK : varve_posix_fail(errno);
}

int varve_port_path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? VARVE_OK : varve_posix_fail(errno);
}

// Inode numbers are unique in a filesystem only.
int varve_port_path_identify(const char *path, uint32_t *identity)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return varve_posix_fail(errno);
    const uint64_t spread = UINT64_C(0x9E3779B97F4A7C15); // 2^64 / golden ratio
    const uint64_t mixed = ((uint64_t)st.st_dev * spread ^ (uint64_t)st.st_ino) * spread;
    *identity = (uint32_t)(mixed >> 32) != 0 ? (uint32_t)(mixed >> 32) : 1;
    return VARVE_OK;
}

int varve_port_path_trusted(const char *path, unsigned flags, char *why, size_t why_cap)
{
    struct stat st;
    const uid_t me = geteuid();
    if (stat(path, &st) != 0)
        return VARVE_OK;
    if ((st.st_mode & S_IWOTH) != 0) {
        (void)snprintf(why, why_cap, "everybody may write to %s: chmod o-w", path);
        return VARVE_E_DENIED;
    }
    if ((flags & VARVE_TRUST_ANY_OWNER) == 0 && st.st_uid != 0 && st.st_uid != me) {
        (void)snprintf(why, why_cap, "%s belongs to user %u, not to root or user %u: chown", path,
                       (unsigned)st.st_uid, (unsigned)me);
        return VARVE_E_DENIED;
    }
    return VARVE_OK;
}

// Through no link that somebody put in the directory's place meanwhile.
static int made_dir(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        varve_posix_give_away(fd, path);
        (void)close(fd); // only looked at
    }
    return VARVE_OK;
}

static int make_one_dir(const char *path)
{
    struct stat st;
    if (mkdir(path, DIR_MODE) == 0)
        return made_dir(path);
    const int native = errno; // EEXIST or, on a read-only parent, another for a directory there
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return VARVE_OK;
    return varve_posix_fail(native);
}

int varve_port_path_make_dir(const char *path)
{
    char part[VARVE_PATH_TEXT];
    const size_t len = strlen(path);
    if (len == 0)
        return VARVE_E_INVALID;
    if (len >= sizeof part)
        return varve_posix_fail(ENAMETOOLONG);
    memcpy(part, path, len + 1u);
    for (size_t i = 1; i < len; i++) {
        if (part[i] != '/')
            continue;
        part[i] = '\0';
        const int err = make_one_dir(part);
        if (err != 0)
            return err;
        part[i] = '/';
    }
    return make_one_dir(part);
}

// Copies the directory part of `path`, "." when there is none.
static int parent_of(const char *path, char *dir, size_t cap)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return parent_of("./", dir, cap);
    const size_t len = slash == path ? 1u : (size_t)(slash - path);
    if (len >= cap)
        return varve_posix_fail(ENAMETOOLONG);
    memcpy(dir, path, len);
    dir[len] = '\0';
    return VARVE_OK;
}

void varve_posix_give_away(int fd, const char *path)
{
    char dir[VARVE_PATH_TEXT];
    struct stat st;
    if (geteuid() != 0 || parent_of(path, dir, sizeof dir) != 0 || stat(dir, &st) != 0 ||
        st.st_uid == 0 || (st.st_mode & S_IWOTH) != 0)
        return; // what is everybody's, as /tmp, is nobody's
    (void)fchown(fd, st.st_uid, st.st_gid);
}

int varve_port_path_sync_dir(const char *path)
{
    char dir[VARVE_PATH_TEXT];
    const int err = parent_of(path, dir, sizeof dir);
    if (err != 0)
        return err;
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return varve_posix_fail(errno);
    int native = fsync(fd) == 0 ? 0 : errno;
    (void)close(fd);
    // Some filesystems keep directories durable by other means and refuse to sync them.
    if (native == EINVAL)
        native = 0;
    return native == 0 ? VARVE_OK : varve_posix_fail(native);
}

int varve_port_path_space(const char *path, uint64_t *total_bytes, uint64_t *free_bytes)
{
    struct statvfs fs;
    int rc;
    do {
        rc = statvfs(path, &fs);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return varve_posix_fail(errno);
    *total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    *free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return VARVE_OK;
}

static bool ends_with(const char *name, const char *suffix)
{
    const size_t n = strlen(name);
    const size_t s = strlen(suffix);
    return n >= s && memcmp(name + n - s, suffix, s) == 0;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int varve_port_dir_list(const char *path, const char *suffix,
                        void (*visit)(const char *name, void *arg), void *arg)
{
    DIR *dir = opendir(path);
    if (!dir)
        return varve_posix_fail(errno);
    int native = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            native = errno;
            break;
        }
        if (!is_dots(entry->d_name) && ends_with(entry->d_name, suffix))
            visit(entry->d_name, arg);
    }
    (void)closedir(dir); // read only: nothing can be lost
    return native == 0 ? VARVE_OK : varve_posix_fail(native);
}
