// SPDX-License-Identifier: Apache-2.0
// A file that is whole or not there; see whole_file.h.
#include "whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "varve/port.h"

int whole_file_begin(struct whole_file *file, const char *path)
{
    file->path = path;
    int n = snprintf(file->temp, sizeof file->temp, "%s.tmp", path);
    if (n < 0 || (size_t)n >= sizeof file->temp) {
        return complain(-1, "the path is too long: %s", path);
    }
    (void)unlink(file->temp); // may be missing
    int fd = open(file->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return complain(-1, "cannot write %s: %s", file->temp, strerror(errno));
    }
    (void)close(fd); // it is empty
    return 0;
}

static bool sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    int kept = errno;
    if (fd >= 0) {
        (void)close(fd); // only read
    }
    errno = kept;
    return ok;
}

int whole_file_end(struct whole_file *file)
{
    if (sync_file(file->temp) && rename(file->temp, file->path) == 0) {
        return varve_port_path_sync_dir(file->path) == 0
                   ? 0
                   : complain(-1, "cannot sync the directory of %s", file->path);
    }
    (void)complain(0, "cannot write %s: %s", file->path, strerror(errno));
    whole_file_abandon(file);
    return -1;
}

void whole_file_abandon(struct whole_file *file)
{
    (void)unlink(file->temp); // may be missing
}
