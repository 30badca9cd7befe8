// SPDX-License-Identifier: Apache-2.0
// What a power cut does to data that nobody had synced; sim.h has the model in prose.
//
// Owns the settings and the random numbers of faults. Where they strike is in inode.c (pages and
// sizes), names.c (names) and device.c (the point at which the power goes).
//
// Threading: one task.
#include "internal.h"

static struct varve_sim_faults faults;
static uint64_t random_state;
static uint32_t survive; // of 8 unsynced pages: so many reach the flash, in this cut

void varve_sim_set_faults(const struct varve_sim_faults *wanted)
{
    faults = wanted != NULL ? *wanted : (struct varve_sim_faults){0};
    random_state = faults.seed;
}

const struct varve_sim_faults *sim_faults(void)
{
    return &faults;
}

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
uint32_t sim_fault_below(uint32_t limit)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (uint32_t)((z >> 32) * limit >> 32);
}

// Cuts with a single survivor and cuts with a single loss are both worth having.
void sim_fault_begin(void)
{
    static const uint32_t of_8[] = {1, 4, 4, 7};
    survive = of_8[sim_fault_below(4)];
}

bool sim_fault_survives(void)
{
    return sim_fault_below(8) < survive;
}
