// SPDX-License-Identifier: Apache-2.0
// Native error codes, small texts of the kernel, and what this process uses.
//
// Threading: any task; the last native code is kept per task.
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// ---- errors

static _Thread_local int last_native;

static const struct {
    int native;
    int code;
} errors[] = {
    {ENOSPC, VARVE_E_NO_SPACE},        {EDQUOT, VARVE_E_NO_SPACE},      {EROFS, VARVE_E_READ_ONLY},
    {EBADF, VARVE_E_READ_ONLY}, // a write, or an exclusive lock, on a handle opened for reading
    {EACCES, VARVE_E_DENIED},          {EPERM, VARVE_E_DENIED},         {ENOENT, VARVE_E_NOT_FOUND},
    {ENOTDIR, VARVE_E_NOT_FOUND},      {EEXIST, VARVE_E_EXISTS},        {EINVAL, VARVE_E_INVALID},
    {EFBIG, VARVE_E_TOO_BIG},          {ENAMETOOLONG, VARVE_E_TOO_BIG}, {ENOMEM, VARVE_E_NO_MEMORY},
    {EOPNOTSUPP, VARVE_E_UNSUPPORTED}, {ENOSYS, VARVE_E_UNSUPPORTED},
};

int varve_posix_fail(int native)
{
    last_native = native;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].native == native)
            return errors[i].code;
    }
    return VARVE_E_IO;
}

int varve_port_native_error(void)
{
    return last_native;
}

const char *varve_port_native_text(int code)
{
    static _Thread_local char text[64];
#ifdef __GLIBC__
    return strerror_r(code, text, sizeof text);
#else
    if (strerror_r(code, text, sizeof text) != 0)
        text[0] = '\0';
    return text;
#endif
}

// ---- texts

// Reads to the end of the file or until `cap` bytes are there. Sizes are not asked for: files of
// /proc and /sys say 0. Returns the length or an errno value, negated.
static ssize_t read_all(int fd, char *buf, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        const ssize_t n = read(fd, buf + len, cap - len);
        if (n == 0)
            break;
        if (n > 0)
            len += (size_t)n;
        else if (errno != EINTR)
            return -errno;
    }
    return (ssize_t)len;
}

// The final NUL goes where a text that is too big has its last byte.
static int finish_text(ssize_t len, char *buf, size_t cap)
{
    if (len < 0) {
        buf[0] = '\0';
        return varve_posix_fail((int)-len);
    }
    if ((size_t)len == cap) {
        buf[cap - 1u] = '\0';
        return varve_posix_fail(EFBIG);
    }
    buf[len] = '\0';
    return (int)len;
}

int varve_port_read_text(const char *path, char *buf, size_t cap)
{
    if (cap == 0)
        return VARVE_E_INVALID;
    buf[0] = '\0';
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return varve_posix_fail(errno);
    const ssize_t len = read_all(fd, buf, cap);
    (void)close(fd); // read only: nothing can be lost
    return finish_text(len, buf, cap);
}

// ---- usage

#define STAT_TEXT    512 // a line of /proc/self/stat: at most 52 numbers
#define STAT_THREADS 17  // fields after the command's closing parenthesis, from 0
#define STAT_RSS     21

static const char *field(const char *text, unsigned index)
{
    const char *at = strrchr(text, ')'); // the command may hold anything, spaces included
    if (!at)
        return "0";
    at++;
    for (unsigned i = 0; i < index && *at; i++) {
        at += strspn(at, " ");
        at += strcspn(at, " ");
    }
    return at;
}

static uint64_t micros(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_usec;
}

void varve_port_usage(struct varve_port_usage *out)
{
    char text[STAT_TEXT];
    struct rusage usage;
    *out = (struct varve_port_usage){0};
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        out->cpu_us = micros(usage.ru_utime) + micros(usage.ru_stime);
    if (varve_port_read_text("/proc/self/stat", text, sizeof text) <= 0)
        return;
    out->threads = (uint32_t)strtoul(field(text, STAT_THREADS), NULL, 10);
    out->rss_bytes = strtoull(field(text, STAT_RSS), NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}
