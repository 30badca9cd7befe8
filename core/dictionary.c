// SPDX-License-Identifier: Apache-2.0
// The series that a store knows, merged into the host's table: they keep their ids, since blocks
// tell series by them. The first store that is loaded gives them; the others have to agree.
//
// While the host is made, or on the task of a backend that is opened later; under series_lock.
#include "host_state.h"
#include "text.h"

// Ids in a row that a damaged dictionary may lack.
#define HOLE_MAX 256u

struct loader {
    struct varve_host *host;
    struct varve_backend *backend;
    char *why;
    size_t why_cap;
    uint32_t entries;
    uint32_t nameless;     // ids of which the name is lost
    uint32_t contradicted; // ids that an earlier store calls otherwise
    uint32_t first;        // of all these; UINT32_MAX: none
};

// The name of an id that a damaged dictionary does not tell. The id stays taken, since blocks may
// use it.
static int fill_hole(struct loader *loader)
{
    struct varve_host *host = loader->host;
    const uint32_t id = varve_series_count(&host->series);
    char text[64];
    struct varve_series_def def = {.text = text, .unit = "", .help = "", .kind = VARVE_GAUGE};
    (void)varve_format(text, sizeof text, "varve_lost_series{id=\"%u\"}", id);
    loader->nameless++;
    loader->first = id < loader->first ? id : loader->first;
    return varve_series_table_add(&host->series, &def);
}

// A name that is none, or that another id has: so the id has none.
static int name_next(struct loader *loader, const struct varve_series_def *def)
{
    struct varve_host *host = loader->host;
    const int id = (int)varve_series_count(&host->series);
    const int given = varve_series_table_add(&host->series, def);
    return given == id || given == VARVE_E_FULL ? given : fill_hole(loader);
}

static void contradict(struct loader *loader, uint32_t id, const char *text)
{
    loader->first = id < loader->first ? id : loader->first;
    if (loader->contradicted++ == 0) {
        (void)varve_format(
            loader->why, loader->why_cap,
            "store %s calls series %u `%s`, another store does not; give each set of "
            "stores its own state directory",
            loader->backend->instance.name, (unsigned)id, text);
    }
}

static int load_one(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct loader *loader = arg;
    struct varve_host *host = loader->host;
    int given = 0;
    loader->entries++;
    if (id > varve_series_count(&host->series) + HOLE_MAX) {
        loader->nameless++; // ids are given out one after the other: this is none
        return 0;
    }
    while (given >= 0 && varve_series_count(&host->series) < id) {
        given = fill_hole(loader);
    }
    if (given >= 0 && varve_series_count(&host->series) == id) {
        given = name_next(loader, def);
    } else if (given >= 0 && varve_series_table_find(&host->series, def->text) != (int)id) {
        contradict(loader, id, def->text);
    }
    if (given == VARVE_E_FULL) {
        (void)varve_format(loader->why, loader->why_cap,
                           "store %s holds more than %u series; raise `series` in [varve]",
                           loader->backend->instance.name, host->series.cap);
        return given;
    }
    loader->backend->defined = (uint32_t)id + 1;
    return given < 0 ? given : 0;
}

// Stores that contradict each other on some names: those of the second one are damaged. On most
// names: they do not belong together. What is damaged is written anew with the next commit. Memory
// is not damaged by half: what it kept is of a life that began without the store.
static int settle(struct loader *loader)
{
    struct varve_backend *backend = loader->backend;
    const uint32_t allowed = backend->persistent ? loader->entries / 2 : 0;
    if (loader->contradicted > allowed) {
        return VARVE_E_INVALID;
    }
    const uint32_t damaged = loader->nameless + loader->contradicted;
    if (loader->first != UINT32_MAX) {
        backend->defined = loader->first;
    }
    if (damaged > 0) {
        loader->why[0] = '\0';
        varve_event_add(loader->host, VARVE_ERROR, backend->instance.name, "series_damaged", true,
                        damaged, NULL,
                        "the names of %u series are damaged: %u are lost, %u known from another "
                        "store",
                        damaged, loader->nameless, loader->contradicted);
    }
    return 0;
}

static bool keeps_names(const struct varve_backend *backend)
{
    return backend->instance.plugin->backend->load_series != NULL;
}

int varve_dictionary_load(struct varve_host *host, struct varve_backend *backend, char *why,
                          size_t why_cap)
{
    struct loader loader = {
        .host = host, .backend = backend, .why = why, .why_cap = why_cap, .first = UINT32_MAX};
    if (!keeps_names(backend)) {
        return 0;
    }
    varve_port_mutex_lock(&host->series_lock);
    int rc = backend->instance.plugin->backend->load_series(&backend->instance, load_one, &loader);
    varve_port_mutex_unlock(&host->series_lock);
    return rc == 0 ? settle(&loader) : rc;
}

int varve_dictionaries_load(struct varve_host *host, bool persistent, char *why, size_t why_cap)
{
    int rc = 0;
    for (size_t b = 0; rc == 0 && b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        if (!varve_backend_is_open(backend) || backend->persistent != persistent) {
            continue;
        }
        rc = varve_dictionary_load(host, backend, why, why_cap);
        if (rc == VARVE_E_INVALID && !persistent) { // of a life without the store
            varve_log(VARVE_WARNING, backend->instance.name, "begins empty: %s", why);
            why[0] = '\0';
            rc = varve_backend_forget(host, backend);
            backend->defined = 0;
        }
    }
    return rc;
}
