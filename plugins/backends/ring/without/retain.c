// SPDX-License-Identifier: Apache-2.0
// In the place of `retain`: memory is not kept over a restart, and no names are kept with it.
//
// Threading: the instance's lock.
#include "plugins/backends/ring/ring.h"

int ring_retain_open(struct ring *r, size_t bytes, void **memory)
{
    (void)bytes;
    *memory = NULL;
    varve_instance_fail(r->self, "this build has no `retain`");
    return VARVE_E_UNSUPPORTED;
}

void ring_retain_load(struct ring *r)
{
    (void)r;
}

void ring_retain_commit(struct ring *r)
{
    (void)r;
}

void ring_retain_format(struct ring *r)
{
    (void)r;
}

void ring_retain_seal(const struct ring *r, struct ring_slot *slot, const void *block)
{
    (void)r;
    (void)slot;
    (void)block;
}

int ring_define(struct varve_instance *self, varve_series_id id, const struct varve_series_def *def)
{
    (void)self;
    (void)id;
    (void)def;
    return 0; // the host knows its series as long as it lives
}

int ring_load_series(struct varve_instance *self,
                     int (*visit)(void *arg, varve_series_id id,
                                  const struct varve_series_def *def),
                     void *arg)
{
    (void)self;
    (void)visit;
    (void)arg;
    return 0;
}
