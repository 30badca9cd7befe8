// SPDX-License-Identifier: Apache-2.0
// Memory that is kept over a warm reset and lost with the power, and a reset in the midst of a
// write to it.
//
// Threading: one task.
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define NAME_MAX_BYTES 64u

struct kept {
    struct kept *next;
    char name[NAME_MAX_BYTES];
    bool taken;
    size_t bytes;
    uint8_t *memory;
};

static struct kept *all;
static uint64_t left = UINT64_MAX; // bytes that can still be written before the reset comes

void sim_retained_destroy(void)
{
    while (all != NULL) {
        struct kept *next = all->next;
        free(all->memory);
        free(all);
        all = next;
    }
    left = UINT64_MAX;
}

void sim_retained_release(void)
{
    for (struct kept *k = all; k != NULL; k = k->next) {
        k->taken = false;
    }
    left = UINT64_MAX;
}

void varve_sim_reset_after(uint64_t bytes)
{
    left = bytes;
}

uint8_t *varve_sim_retained(size_t *bytes)
{
    *bytes = all != NULL ? all->bytes : 0;
    return all != NULL ? all->memory : NULL;
}

static struct kept *find(const char *name)
{
    struct kept *k = all;
    while (k != NULL && strcmp(k->name, name) != 0) {
        k = k->next;
    }
    return k;
}

static struct kept *make(const char *name)
{
    struct kept *k = calloc(1, sizeof *k);
    if (k != NULL) {
        memcpy(k->name, name, strlen(name) + 1);
        k->next = all;
        all = k;
    }
    return k;
}

int varve_port_retained_open(struct varve_port_retained *r, const char *name, size_t bytes)
{
    *r = (struct varve_port_retained){.handle = -1};
    if (strlen(name) >= NAME_MAX_BYTES) {
        return sim_fail(VARVE_E_TOO_BIG);
    }
    struct kept *k = find(name);
    k = k == NULL ? make(name) : k;
    if (k == NULL || k->taken) {
        return sim_fail(k == NULL ? VARVE_E_NO_MEMORY : VARVE_E_BUSY);
    }
    if (k->bytes != bytes) { // the rest stays, as with a file
        uint8_t *memory = calloc(1, bytes);
        if (memory == NULL) {
            return sim_fail(VARVE_E_NO_MEMORY);
        }
        if (k->bytes > 0) {
            memcpy(memory, k->memory, k->bytes < bytes ? k->bytes : bytes);
        }
        free(k->memory);
        k->memory = memory;
        k->bytes = bytes;
    }
    k->taken = true;
    *r = (struct varve_port_retained){.memory = k->memory, .bytes = bytes};
    return 0;
}

void varve_port_retained_close(struct varve_port_retained *r)
{
    for (struct kept *k = all; k != NULL; k = k->next) {
        k->taken = k->taken && k->memory != r->memory;
    }
    *r = (struct varve_port_retained){.handle = -1};
}

// Bytes of a write that come before a reset.
static size_t reached(size_t len)
{
    if (sim_faults()->retained) {
        const bool was_off = varve_sim_is_off();
        const bool goes_on = sim_permit_retained();
        const size_t part = was_off || goes_on ? 0 : sim_fault_below((uint32_t)len + 1);
        return goes_on ? len : part;
    }
    const size_t n = len < left ? len : (size_t)left;
    left -= left == UINT64_MAX ? 0 : n;
    return n;
}

void varve_port_retained_write(void *to, const void *from, size_t len)
{
    const bool was_off = varve_sim_is_off();
    const size_t n = reached(len);
    if (from != NULL) {
        memcpy(to, from, n);
    } else {
        memset(to, 0, n);
    }
    if (!was_off && varve_sim_is_off() && sim_faults()->reset != NULL) {
        sim_faults()->reset();
    }
}
