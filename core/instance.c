// SPDX-License-Identifier: Apache-2.0
// What a plugin's instance may ask of its host (varve/plugin.h): memory, a place for the reason of
// a failure, the tiers. What collectors may ask besides is in collector_calls.c.
//
// The caller is the instance's own callback; its reason is written and read by one task at a time.
#include "host_state.h"
#include "text.h"

struct varve_reason *varve_instance_reason(struct varve_instance *instance)
{
    return instance->plugin->kind == VARVE_COLLECTOR
               ? &((struct varve_collector *)(void *)instance)->reason
               : &((struct varve_backend *)(void *)instance)->reason;
}

#ifndef VARVE_WITHOUT_TEXTS
void varve_instance_fail(struct varve_instance *self, const char *format, ...)
{
    struct varve_reason *reason = varve_instance_reason(self);
    va_list args;
    va_start(args, format);
    (void)varve_vformat(reason->text, sizeof reason->text, format, args); // a long one is cut
    va_end(args);
}
#endif

void *varve_instance_take(struct varve_instance *self, size_t bytes, size_t align)
{
    if (self->host->initialised && self->plugin->kind == VARVE_COLLECTOR) {
        return NULL;
    }
    struct varve_arena *arena = &self->host->arena;
    void *memory = varve_arena_take(arena, bytes, align);
    if (memory != NULL && !arena->fresh) {
        memset(memory, 0, bytes);
    }
    return memory;
}

bool varve_instance_stopping(const struct varve_instance *self)
{
    return atomic_load(&self->host->stopping);
}

const char *varve_instance_state_dir(const struct varve_instance *self)
{
    return self->host->conf->settings.state;
}

size_t varve_instance_tiers(const struct varve_instance *self, const struct varve_tier **tiers)
{
    return varve_host_tiers(self->host, tiers);
}
