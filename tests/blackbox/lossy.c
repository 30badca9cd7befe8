// SPDX-License-Identifier: Apache-2.0
// For LD_PRELOAD: of a program's syncs every Nth, with BLACKBOX_LOSE=N in the environment, does
// nothing. The control of the black box: what it finds then it would find if varve forgot a sync.
//
// Threading: any.
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_lost(void)
{
    static atomic_uint syncs;
    const char *every = getenv("BLACKBOX_LOSE");
    unsigned long n = every != NULL ? strtoul(every, NULL, 10) : 0;
    return n > 0 && (atomic_fetch_add(&syncs, 1) + 1) % n == 0;
}

int fsync(int fd)
{
    return is_lost() ? 0 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return is_lost() ? 0 : (int)syscall(SYS_fdatasync, fd);
}
