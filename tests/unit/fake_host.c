// SPDX-License-Identifier: Apache-2.0
// See fake_host.h. Stands in for core/host.c in tests of backends.

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "varve/host.h"

static void set_choice(const struct varve_option *o, void *field, const char *value)
{
    int64_t i = 0;

    while (o->choices[i] != NULL && strcmp(o->choices[i], value) != 0) {
        i++;
    }
    assert(o->choices[i] != NULL);
    *(int64_t *)field = i;
}

static void set_number(const struct varve_option *o, int64_t *field, const char *value)
{
    int rc = VARVE_E_INVALID;

    switch (o->type) {
    case VARVE_OPT_INT:
        rc = varve_parse_int(value, field);
        break;
    case VARVE_OPT_SIZE:
        rc = varve_parse_size(value, field);
        break;
    case VARVE_OPT_DURATION:
        rc = varve_parse_duration(value, field);
        break;
    default:
        break;
    }
    assert(rc == 0 && *field >= o->min && *field <= o->max);
}

static void set_option(struct varve_host *host, const struct varve_option *o, const char *value)
{
    void *field = (uint8_t *)(uintptr_t)host->instance.options + o->offset;

    switch (o->type) {
    case VARVE_OPT_STRING:
        *(const char **)field = value;
        break;
    case VARVE_OPT_BOOL:
        *(bool *)field = strcmp(value, "yes") == 0;
        break;
    case VARVE_OPT_CHOICE:
        set_choice(o, field, value);
        break;
    default:
        set_number(o, field, value);
        break;
    }
}

void fake_host_init(struct varve_host *host, const struct varve_plugin *plugin,
                    const char *state_dir, const struct varve_tier *tiers, size_t tier_count)
{
    memset(host, 0, sizeof *host);
    host->tiers = tiers;
    host->tier_count = tier_count;
    host->state_dir = state_dir;
    host->memory = calloc(1, FAKE_HOST_MEMORY);
    host->instance = (struct varve_instance){.plugin = plugin,
                                             .name = plugin->name,
                                             .host = host,
                                             .options = calloc(1, plugin->options_size),
                                             .state = calloc(1, plugin->state_size),
                                             .account = &host->account};
    assert(host->memory != NULL && host->instance.options != NULL && host->instance.state != NULL);
    for (const struct varve_option *o = plugin->options; o->name != NULL; o++) {
        set_option(host, o, o->fallback);
    }
}

void fake_host_set(struct varve_host *host, const char *option, const char *value)
{
    const struct varve_option *o = host->instance.plugin->options;

    while (o->name != NULL && strcmp(o->name, option) != 0) {
        o++;
    }
    assert(o->name != NULL);
    set_option(host, o, value);
}

int fake_host_open(struct varve_host *host, unsigned flags)
{
    host->used = 0;
    host->why[0] = '\0';
    memset(host->instance.state, 0, host->instance.plugin->state_size);
    int rc = host->instance.plugin->backend->open(&host->instance, flags);
    host->open = rc == 0;
    return rc;
}

void fake_host_close(struct varve_host *host)
{
    if (host->open) {
        host->instance.plugin->backend->close(&host->instance);
        host->open = false;
    }
}

void fake_host_free(struct varve_host *host)
{
    fake_host_close(host);
    free(host->memory);
    free((void *)(uintptr_t)host->instance.options);
    free(host->instance.state);
}

void *varve_instance_take(struct varve_instance *self, size_t bytes, size_t align)
{
    struct varve_host *host = self->host;
    const size_t start = (host->used + align - 1) & ~(align - 1);

    if (bytes > FAKE_HOST_MEMORY || start > FAKE_HOST_MEMORY - bytes) {
        return NULL;
    }
    host->used = start + bytes;
    return memset(host->memory + start, 0, bytes);
}

void varve_instance_fail(struct varve_instance *self, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(self->host->why, sizeof self->host->why, format, args);
    va_end(args);
}

size_t varve_instance_tiers(const struct varve_instance *self, const struct varve_tier **tiers)
{
    *tiers = self->host->tiers;
    return self->host->tier_count;
}

const char *varve_instance_state_dir(const struct varve_instance *self)
{
    return self->host->state_dir;
}

int varve_host_series(struct varve_host *host, varve_series_id *id, struct varve_series_def *def)
{
    if (*id >= host->known_count) {
        return VARVE_E_NOT_FOUND;
    }
    *def = (struct varve_series_def){.text = host->known[*id], .unit = "", .help = ""};
    return 0;
}
