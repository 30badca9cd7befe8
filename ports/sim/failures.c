// SPDX-License-Identifier: Apache-2.0
// Calls of the storage group that fail while the power is on: a full disk, a device that is gone, a
// filesystem that was remounted read-only; sim.h has the model in prose.
//
// Owns which calls fail and counts them. What a failed call leaves is in files.c and inode.c.
//
// Threading: one task.
#include "internal.h"

static struct varve_sim_failure failure; // no calls: none
static uint64_t calls;                   // of those kinds, since it was set

void varve_sim_set_failure(const struct varve_sim_failure *wanted)
{
    failure = wanted != NULL ? *wanted : (struct varve_sim_failure){.calls = 0};
    calls = 0;
}

uint64_t varve_sim_failure_calls(void)
{
    return calls;
}

int sim_fails(enum varve_sim_call call)
{
    if ((failure.calls & (unsigned)call) == 0) {
        return 0;
    }
    calls++;
    const bool over = failure.count != 0 && calls >= failure.at + failure.count;
    return failure.at != 0 && calls >= failure.at && !over ? failure.error : 0;
}

bool sim_fails_halfway(void)
{
    return failure.halfway;
}
