// SPDX-License-Identifier: Apache-2.0
// The entry of the extension: its functions and tables, and the state of a connection.
//
// Everything that is registered shares the state; the last of it to go closes the store.
//
// Threading: that of the connection.
#include <string.h>

#include "plan.h"
#include "ports/posix/posix.h"

SQLITE_EXTENSION_INIT1

// The tables can be used under these names at once: there is nothing to create.
static const struct {
    const struct sql_kind *kind;
    const sqlite3_module *module;
} tables[] = {
    {&sql_points_kind, &sql_rows_module},
    {&sql_cells_kind, &sql_rows_module},
    {&sql_series_kind, &sql_series_module},
    {&sql_events_kind, &sql_events_module},
};

static void release(void *arg)
{
    struct sql_state *state = arg;
    if (--state->users == 0) {
        sql_close(state);
        sqlite3_free(state);
    }
}

static void release_module(void *arg)
{
    struct sql_module *module = arg;
    release(module->state);
    sqlite3_free(module);
}

// ---- tables -------------------------------------------------------------------------------------

static char *schema_of(const struct sql_kind *kind)
{
    sqlite3_str *out = sqlite3_str_new(NULL);
    for (size_t i = 0; i < kind->column_count; i++) {
        sqlite3_str_appendf(out, "%s%s", i > 0 ? ", " : "CREATE TABLE x(",
                            kind->columns[i].declaration);
    }
    sqlite3_str_appendall(out, ")");
    return sqlite3_str_finish(out);
}

int sql_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                char **why)
{
    const struct sql_module *module = aux;
    char *schema = schema_of(module->kind);
    struct sql_table *table = sqlite3_malloc64(sizeof *table);
    (void)argc;
    (void)argv;
    (void)why;
    int rc = schema != NULL && table != NULL ? sqlite3_declare_vtab(db, schema) : SQLITE_NOMEM;
    sqlite3_free(schema);
    if (rc != SQLITE_OK) {
        sqlite3_free(table);
        return rc;
    }
    memset(table, 0, sizeof *table);
    table->state = module->state;
    table->kind = module->kind;
    *out = &table->base;
    return SQLITE_OK;
}

int sql_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

// ---- functions ----------------------------------------------------------------------------------

static struct sql_state *state_of(sqlite3_context *context)
{
    return sqlite3_user_data(context);
}

static bool is_idle(sqlite3_context *context)
{
    bool idle = state_of(context)->cursors == 0;
    if (!idle) {
        sqlite3_result_error(context, "a statement still reads the store: finish it first", -1);
    }
    return idle;
}

static void put_text(sqlite3_context *context, sqlite3_str *out)
{
    bool whole = sqlite3_str_errcode(out) == SQLITE_OK;
    char *text = sqlite3_str_finish(out);
    if (whole) {
        sqlite3_result_text(context, text, -1, sqlite3_free);
    } else {
        sqlite3_free(text);
        sqlite3_result_error_nomem(context);
    }
}

// varve_open() and varve_open(PLACE): says what it has opened.
static void open_function(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    struct sql_state *state = state_of(context);
    char *why = NULL;
    const char *place = argc > 0 ? (const char *)sqlite3_value_text(argv[0]) : NULL;
    if (argc > 0 && place == NULL) {
        sqlite3_result_error(context, "varve_open: NULL is no store", -1);
        return;
    }
    if (!is_idle(context)) {
        return;
    }
    if (sql_open(state, place, &why) < 0) {
        sqlite3_result_error(context, why != NULL ? why : "not enough memory for the store", -1);
        sqlite3_free(why);
        return;
    }
    sqlite3_str *out = sqlite3_str_new(NULL);
    sqlite3_str_appendf(out, "%s: %u series, tiers", state->store->where, (unsigned)state->known);
    for (size_t i = 0; i < state->tier_count; i++) {
        sqlite3_str_appendf(out, " %s", state->tiers[i].name);
    }
    put_text(context, out);
}

static void close_function(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    if (is_idle(context)) {
        sql_close(state_of(context));
    }
}

// NULL, or a JSON object: what is open, and what finished queries have read of it.
static void status_function(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const struct sql_state *state = state_of(context);
    (void)argc;
    (void)argv;
    if (state->store == NULL) {
        return;
    }
    sqlite3_str *out = sqlite3_str_new(NULL);
    sqlite3_str_appendall(out, "{\"store\":\"");
    sql_json_text(out, state->store->where);
    sqlite3_str_appendf(out, "\",\"series\":%u,\"tiers\":[", (unsigned)state->known);
    for (size_t i = 0; i < state->tier_count; i++) {
        sqlite3_str_appendf(out, "%s\"%s\"", i > 0 ? "," : "", state->tiers[i].name);
    }
    sqlite3_str_appendf(out,
                        "],\"rows_read\":%llu,\"blocks_read\":%u,\"bytes_read\":%llu,"
                        "\"damaged_blocks\":%u}",
                        (unsigned long long)state->read.rows, (unsigned)state->read.blocks,
                        (unsigned long long)state->read.bytes, (unsigned)state->read.damaged);
    put_text(context, out);
}

// ---- the entry ----------------------------------------------------------------------------------

static const struct {
    const char *name;
    int arguments;
    void (*function)(sqlite3_context *context, int argc, sqlite3_value **argv);
} functions[] = {
    {"varve_open", 0, open_function},
    {"varve_open", 1, open_function},
    {"varve_close", 0, close_function},
    {"varve_status", 0, status_function},
};

// SQLite calls the destructor also when it refuses, so that the use is counted before.
static int register_function(sqlite3 *db, struct sql_state *state, size_t i)
{
    state->users++;
    return sqlite3_create_function_v2(db, functions[i].name, functions[i].arguments,
                                      SQLITE_UTF8 | SQLITE_DIRECTONLY, state, functions[i].function,
                                      NULL, NULL, release);
}

static int register_table(sqlite3 *db, struct sql_state *state, size_t i)
{
    struct sql_module *module = sqlite3_malloc64(sizeof *module);
    if (module == NULL) {
        return SQLITE_NOMEM;
    }
    *module = (struct sql_module){.state = state, .kind = tables[i].kind};
    state->users++;
    return sqlite3_create_module_v2(db, tables[i].kind->name, tables[i].module, module,
                                    release_module);
}

// The name follows from that of the file.
int sqlite3_varve_init(sqlite3 *db, char **why, const sqlite3_api_routines *api);

int sqlite3_varve_init(sqlite3 *db, char **why, const sqlite3_api_routines *api)
{
    SQLITE_EXTENSION_INIT2(api)
    (void)why;
    varve_posix_log_open(VARVE_WARNING, false, "varve");
    struct sql_state *state = sqlite3_malloc64(sizeof *state);
    if (state == NULL) {
        return SQLITE_NOMEM;
    }
    *state = (struct sql_state){.users = 1};
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof functions / sizeof *functions && rc == SQLITE_OK; i++) {
        rc = register_function(db, state, i);
    }
    for (size_t i = 0; i < sizeof tables / sizeof *tables && rc == SQLITE_OK; i++) {
        rc = register_table(db, state, i);
    }
    release(state);
    return rc;
}
