// SPDX-License-Identifier: Apache-2.0
// Counters of the kernel; see meter.h.
#include "meter.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rows.h"
#include "varve/port.h"

static uint64_t stored_bytes; // nftw() has no argument for its visitor

static void read_text(const char *path, char *text, size_t cap)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        die(path, strerror(errno));
    }
    text[fread(text, 1, cap - 1, file)] = '\0';
    (void)fclose(file); // read only
}

// The number behind `skip` fields separated by blanks.
static uint64_t field(const char *text, unsigned skip)
{
    for (text += strspn(text, " "); skip > 0; skip--) {
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    return strtoull(text, NULL, 10);
}

static double own_cpu(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage); // cannot fail with these arguments
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

// Fields 14 and 15 of /proc/PID/stat, counted from behind the name, which may hold blanks.
static double other_cpu(long pid)
{
    char path[64], text[1024];
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    read_text(path, text, sizeof text);
    const char *rest = strrchr(text, ')');
    if (rest == NULL) {
        die(path, "has an unknown form");
    }
    return (double)(field(rest + 1, 11) + field(rest + 1, 12)) / (double)sysconf(_SC_CLK_TCK);
}

static void sync_filesystem(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) != 0) {
        die(dir, strerror(errno));
    }
    (void)close(fd); // a directory
}

double meter_seconds(void)
{
    return (double)varve_port_mono_us() / 1e6;
}

void meter_read(struct meter *m, const char *dir, const char *stat, long pid)
{
    char text[512];
    m->cpu_s = pid == 0 ? own_cpu() : other_cpu(pid); // before the sync: it is not theirs
    m->wall_s = meter_seconds();
    sync_filesystem(dir);
    read_text(stat, text, sizeof text);
    m->device_bytes = 512 * field(text, 6); // sectors written; always of 512 bytes
}

uint64_t meter_peak_kib(long pid)
{
    char path[64], text[4096];
    if (pid == 0) {
        (void)snprintf(path, sizeof path, "/proc/self/status");
    } else {
        (void)snprintf(path, sizeof path, "/proc/%ld/status", pid);
    }
    read_text(path, text, sizeof text);
    const char *peak = strstr(text, "VmHWM:");
    return peak == NULL ? 0 : strtoull(peak + strlen("VmHWM:"), NULL, 10);
}

static int add_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)path;
    (void)where;
    if (type == FTW_F) {
        stored_bytes += (uint64_t)info->st_blocks * 512;
    }
    return 0;
}

uint64_t meter_stored(const char *dir)
{
    stored_bytes = 0;
    if (nftw(dir, add_file, 16, FTW_PHYS) != 0) {
        die(dir, strerror(errno));
    }
    return stored_bytes;
}

static int forget_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)where;
    const int fd = type == FTW_F ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); // an advice
        (void)close(fd);                                    // read only
    }
    return 0;
}

void meter_forget(const char *dir)
{
    sync_filesystem(dir);
    if (nftw(dir, forget_file, 16, FTW_PHYS) != 0) {
        die(dir, strerror(errno));
    }
}
