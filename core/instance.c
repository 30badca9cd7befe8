// SPDX-License-Identifier: Apache-2.0
// What a plugin's instance may ask of its host (varve/plugin.h): memory, a place for the reason of
// a failure, the tiers, a push stamped with its grid time.
//
// The caller is the instance's own callback; its reason is written and read by one task at a time.
#include "host_state.h"
#include "label.h"
#include "text.h"

struct varve_reason *varve_instance_reason(struct varve_instance *instance)
{
    return instance->plugin->kind == VARVE_COLLECTOR
               ? &((struct varve_collector *)(void *)instance)->reason
               : &((struct varve_backend *)(void *)instance)->reason;
}

void varve_instance_fail(struct varve_instance *self, const char *format, ...)
{
    struct varve_reason *reason = varve_instance_reason(self);
    va_list args;
    va_start(args, format);
    (void)varve_vformat(reason->text, sizeof reason->text, format, args); // a long one is cut
    va_end(args);
}

void *varve_instance_take(struct varve_instance *self, size_t bytes, size_t align)
{
    if (self->host->initialised) {
        return NULL;
    }
    struct varve_arena *arena = &self->host->arena;
    void *memory = varve_arena_take(arena, bytes, align);
    if (memory != NULL && !arena->fresh) {
        memset(memory, 0, bytes);
    }
    return memory;
}

const char *varve_instance_state_dir(const struct varve_instance *self)
{
    return self->host->conf->settings.state;
}

size_t varve_instance_tiers(const struct varve_instance *self, const struct varve_tier **tiers)
{
    return varve_host_tiers(self->host, tiers);
}

int varve_instance_push(struct varve_instance *self, int id, double value)
{
    return id < 0 ? id : varve_push_boot(self->host, id, self->due_boot_ms, value);
}

int varve_series_add_label(struct varve_host *host, enum varve_kind kind, const char *name,
                           const char *key, const char *value, const char *unit, const char *help)
{
    char escaped[VARVE_SERIES_TEXT];
    char text[VARVE_SERIES_TEXT];
    struct varve_series_def def = {.text = name, .unit = unit, .help = help, .kind = kind};
    if (key != NULL) {
        int rc = varve_label_escape(value, escaped, sizeof escaped);
        size_t length =
            rc < 0 ? 0 : varve_format(text, sizeof text, "%s{%s=\"%s\"}", name, key, escaped);
        if (rc < 0 || length >= sizeof text) {
            return VARVE_E_TOO_BIG;
        }
        def.text = text;
    }
    return varve_series_add(host, &def);
}
