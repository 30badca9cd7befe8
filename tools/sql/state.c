// SPDX-License-Identifier: Apache-2.0
// The store of a connection: opening it, its series and tiers; see sql.h.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/names.h"
#include "sql.h"

#define DEFAULT_STATE "/var/lib/varve"
#define DEFAULT_STORE "varve.db"

extern const struct varve_plugin *const varve_static_plugins[];

// Opening and closing of all connections, one at a time; see store/store.h.
static sqlite3_mutex *gate(void)
{
    return sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
}

// Without modules: they call functions of the program that loads them, which SQLite's are not.
static const struct varve_registry *known_plugins(void)
{
    static struct varve_registry registry;
    if (!registry.linked) {
        varve_registry_init(&registry, varve_static_plugins);
    }
    return &registry;
}

// ---- what to open -------------------------------------------------------------------------------

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

// Whether it begins with the name of a backend and a colon, as --store of the tool wants it.
static bool has_kind(const char *place)
{
    char kind[VARVE_NAME_TEXT];
    size_t length = strcspn(place, ":/");
    if (place[length] != ':' || length >= sizeof kind) {
        return false;
    }
    memcpy(kind, place, length);
    kind[length] = '\0';
    return varve_registry_find(known_plugins(), VARVE_BACKEND, kind) != NULL;
}

static bool is_configuration(const char *place)
{
    size_t length = strlen(place);
    return length > 4 && strcmp(place + length - 4, ".ini") == 0;
}

// The text for store_choice; NULL without memory.
static char *choose(const char *place, struct store_choice *choice)
{
    const char *kind = "sqlite:", *file = "";
    if (has_kind(place) || is_configuration(place)) {
        kind = "";
    } else if (is_directory(place)) {
        char *inside = sqlite3_mprintf("%s/" DEFAULT_STORE, place);
        bool has_store = inside != NULL && is_file(inside);
        sqlite3_free(inside);
        kind = has_store ? kind : "rotate:";
        file = has_store ? "/" DEFAULT_STORE : file;
    }
    char *text = sqlite3_mprintf("%s%s%s", kind, place, file);
    bool is_conf = is_configuration(place) && !has_kind(place);
    choice->config = is_conf ? text : NULL;
    choice->store = is_conf ? NULL : text;
    return text;
}

static char *default_place(void)
{
    const char *store = getenv("VARVE_STORE");
    const char *state = getenv("VARVE_STATE");
    if (store != NULL && store[0] != '\0') {
        return sqlite3_mprintf("%s", store);
    }
    return sqlite3_mprintf("%s/" DEFAULT_STORE,
                           state != NULL && state[0] != '\0' ? state : DEFAULT_STATE);
}

// ---- series and tiers ---------------------------------------------------------------------------

static int compare_names(const void *a, const void *b, void *arg)
{
    const struct sql_series *series = arg;
    return strcmp(series[*(const varve_series_id *)a].text,
                  series[*(const varve_series_id *)b].text);
}

static int add_series(struct sql_state *state, varve_series_id id,
                      const struct varve_series_def *def)
{
    char dotted[VARVE_SERIES_TEXT];
    struct sql_series *series = &state->series[id];
    const char *name = varve_name_from_series(def->text, dotted, sizeof dotted);
    series->def = *def;
    series->owned = name == dotted;
    series->text = series->owned ? sqlite3_mprintf("%s", name) : name;
    state->by_name[state->known++] = id;
    return series->text != NULL ? 0 : VARVE_E_NO_MEMORY;
}

static int load_series(struct sql_state *state)
{
    struct varve_series_def def;
    size_t ids = 0;
    for (varve_series_id id = 0; varve_host_series(state->store->host, &id, &def) == 0; id++) {
        ids = (size_t)id + 1;
        if (id == VARVE_MAX_SERIES - 1) {
            break;
        }
    }
    state->series = sqlite3_malloc64((ids + 1) * sizeof *state->series);
    state->by_name = sqlite3_malloc64((ids + 1) * sizeof *state->by_name);
    if (state->series == NULL || state->by_name == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    memset(state->series, 0, (ids + 1) * sizeof *state->series);
    state->series_count = ids;
    int rc = 0;
    for (varve_series_id id = 0;
         rc == 0 && id < ids && varve_host_series(state->store->host, &id, &def) == 0; id++) {
        rc = add_series(state, id, &def);
    }
    if (rc == 0) {
        qsort_r(state->by_name, state->known, sizeof *state->by_name, compare_names, state->series);
    }
    return rc;
}

// About so many rows as the steps that a tier reaches over.
static void load_tiers(struct sql_state *state)
{
    struct varve_stats *stats = sqlite3_malloc64(sizeof *stats);
    state->tier_count = varve_host_tiers(state->store->host, &state->tiers);
    if (stats == NULL) {
        return; // only estimates are lost
    }
    varve_host_stats(state->store->host, stats);
    for (size_t i = 0; i < state->tier_count; i++) {
        const struct varve_tier_stats *tier = &stats->tiers[i];
        double span_ms = tier->oldest_ms <= tier->newest_ms
                             ? (double)tier->newest_ms - (double)tier->oldest_ms
                             : 0;
        state->rows[i] = tier->tier.step_ms > 0 ? 1 + span_ms / (double)tier->tier.step_ms : 1;
    }
    sqlite3_free(stats);
}

int sql_find_series(const struct sql_state *state, const char *name)
{
    size_t low = 0, high = state->known;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(state->series[state->by_name[middle]].text, name);
        if (order == 0) {
            return state->by_name[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return -1;
}

int sql_find_tier(const struct sql_state *state, const char *name)
{
    for (size_t i = 0; i < state->tier_count; i++) {
        if (strcmp(state->tiers[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

// ---- opening and closing ------------------------------------------------------------------------

static char *sentence(const struct store *store, int rc)
{
    if (rc == VARVE_E_BUSY) {
        return sqlite3_mprintf("the daemon (or another program) has %s open: open a backup of it "
                               "(`varve backup now` makes one), or stop the daemon",
                               store->where);
    }
    return sqlite3_mprintf("%s", store->why);
}

void sql_close(struct sql_state *state)
{
    for (size_t i = 0; i < state->series_count; i++) {
        if (state->series[i].owned) {
            sqlite3_free((char *)(uintptr_t)state->series[i].text);
        }
    }
    sqlite3_free(state->series);
    sqlite3_free(state->by_name);
    if (state->store != NULL) {
        sqlite3_mutex_enter(gate());
        (void)store_close(state->store); // nothing was written
        sqlite3_mutex_leave(gate());
        sqlite3_free(state->store);
    }
    *state = (struct sql_state){.users = state->users, .cursors = state->cursors};
}

static int open_place(struct sql_state *state, const char *place, char **why)
{
    struct store_choice choice = {.registry = known_plugins()};
    struct store *store = sqlite3_malloc64(sizeof *store);
    char *text = choose(place, &choice);
    if (store == NULL || text == NULL) {
        sqlite3_free(store);
        sqlite3_free(text);
        return VARVE_E_NO_MEMORY;
    }
    memset(store, 0, sizeof *store);
    int rc = store_open(store, &choice);
    sqlite3_free(text);
    if (rc < 0) {
        *why = sentence(store, rc);
        sqlite3_free(store);
        return rc;
    }
    state->store = store;
    return 0;
}

int sql_open(struct sql_state *state, const char *place, char **why)
{
    char *found = place == NULL ? default_place() : NULL;
    int rc = place != NULL || found != NULL ? 0 : VARVE_E_NO_MEMORY;
    sql_close(state);
    if (rc == 0) {
        sqlite3_mutex_enter(gate());
        rc = open_place(state, place != NULL ? place : found, why);
        sqlite3_mutex_leave(gate());
    }
    sqlite3_free(found);
    rc = rc == 0 ? load_series(state) : rc;
    if (rc < 0) {
        sql_close(state);
        return rc;
    }
    load_tiers(state);
    return 0;
}

// ---- what tables share --------------------------------------------------------------------------

int sql_fail(sqlite3_vtab *table, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_vmprintf(format, list);
    va_end(list);
    return SQLITE_ERROR;
}

int sql_enter(struct sql_table *table)
{
    struct sql_state *state = table->state;
    char *why = NULL;
    int rc = state->store != NULL ? 0 : sql_open(state, NULL, &why);
    if (rc < 0) {
        rc = why == NULL ? SQLITE_NOMEM
                         : sql_fail(&table->base,
                                    "no store is open; SELECT varve_open('/path/of/varve.db') "
                                    "opens one (%s)",
                                    why);
        sqlite3_free(why);
        return rc;
    }
    state->cursors++;
    return SQLITE_OK;
}

void sql_leave(struct sql_table *table)
{
    table->state->cursors--;
}

void sql_result_name(sqlite3_context *context, const struct sql_series *series)
{
    const char *text = series->def.text;
    sqlite3_result_text(context, text, (int)strcspn(text, "{"), SQLITE_TRANSIENT);
}

static void put_char(sqlite3_str *out, char c)
{
    if ((unsigned char)c < 0x20) {
        sqlite3_str_appendf(out, "\\u%04x", (unsigned char)c);
    } else {
        sqlite3_str_appendchar(out, 1, c);
    }
}

void sql_json_text(sqlite3_str *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            sqlite3_str_appendchar(out, 1, '\\');
        }
        put_char(out, *text);
    }
}

// Values stand in a series text with JSON's own escapes, but for control characters.
static void put_value(sqlite3_str *out, const struct varve_span *value)
{
    for (size_t i = 0; i < value->len; i++) {
        put_char(out, value->at[i]);
    }
}

void sql_result_labels(sqlite3_context *context, const struct sql_series *series)
{
    struct varve_labels labels;
    if (varve_labels_parse(series->def.text, &labels, NULL, NULL) != 0) {
        return; // NULL: no series of a store has such a text
    }
    sqlite3_str *out = sqlite3_str_new(NULL);
    sqlite3_str_appendchar(out, 1, '{');
    for (size_t i = 0; i < labels.count; i++) {
        const struct varve_label *label = &labels.label[i];
        sqlite3_str_appendf(out, "%s\"%.*s\":\"", i > 0 ? "," : "", (int)label->key.len,
                            label->key.at);
        put_value(out, &label->value);
        sqlite3_str_appendchar(out, 1, '"');
    }
    sqlite3_str_appendchar(out, 1, '}');
    if (sqlite3_str_errcode(out) != SQLITE_OK) {
        sqlite3_result_error_nomem(context);
        sqlite3_free(sqlite3_str_finish(out));
        return;
    }
    sqlite3_result_text(context, sqlite3_str_finish(out), -1, sqlite3_free);
}

void sql_result_time(sqlite3_context *context, int64_t time_ms)
{
    sqlite3_result_double(context, (double)time_ms / 1000);
}
