// SPDX-License-Identifier: Apache-2.0
// From a plan and its arguments to what has to be read; see plan.h.
#include <limits.h>
#include <math.h>
#include <string.h>

#include "client/names.h"
#include "plan.h"

// Beyond these, in ms, there are no rows.
#define FAR_MS 9e15

struct decoding {
    struct sql_ask *ask;
    struct sql_table *table;
    uint8_t *wanted; // by id; NULL: all
    int only;        // the one series that can be left; -1: any
};

// ---- times --------------------------------------------------------------------------------------

// The first ms that is not before a value, and the first behind it.
struct edge {
    int64_t from_ms, above_ms;
};

static int64_t whole(double ms)
{
    return ms < -FAR_MS ? (int64_t)-FAR_MS : ms > FAR_MS ? (int64_t)FAR_MS : (int64_t)ceil(ms);
}

// A row's time is its ms divided by 1000 as a double, and is compared as that.
static int64_t first_from(double s, bool above)
{
    int64_t ms = whole(s * 1000) - 2;
    while (ms < (int64_t)FAR_MS && (above ? (double)ms / 1000 <= s : (double)ms / 1000 < s)) {
        ms++;
    }
    return ms;
}

// What is no number is greater than every number; false for NULL, with which nothing compares.
static bool edge_of(sqlite3_value *value, enum sql_role role, struct edge *edge)
{
    int type = sqlite3_value_numeric_type(value);
    double number = sqlite3_value_double(value);
    if (type == SQLITE_INTEGER && role == SQL_MS) {
        int64_t ms = sqlite3_value_int64(value);
        *edge = (struct edge){ms, ms < INT64_MAX ? ms + 1 : ms};
    } else if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
        *edge = role == SQL_MS ? (struct edge){whole(number), whole(floor(number) + 1)}
                               : (struct edge){first_from(number, false), first_from(number, true)};
    } else {
        *edge = (struct edge){INT64_MAX, INT64_MAX};
    }
    return type != SQLITE_NULL;
}

static void bound(struct sql_ask *ask, enum sql_role role, unsigned char op, sqlite3_value *value)
{
    struct edge edge;
    if (!edge_of(value, role, &edge)) {
        ask->to_ms = INT64_MIN;
        return;
    }
    bool equals = op == SQLITE_INDEX_CONSTRAINT_EQ;
    int64_t from_ms = INT64_MIN, to_ms = INT64_MAX;
    if (equals || op == SQLITE_INDEX_CONSTRAINT_GE) {
        from_ms = edge.from_ms;
    } else if (op == SQLITE_INDEX_CONSTRAINT_GT) {
        from_ms = edge.above_ms;
    }
    if (equals || op == SQLITE_INDEX_CONSTRAINT_LE) {
        to_ms = edge.above_ms - 1;
    } else if (op == SQLITE_INDEX_CONSTRAINT_LT) {
        to_ms = edge.from_ms > INT64_MIN ? edge.from_ms - 1 : INT64_MIN;
    }
    ask->from_ms = from_ms > ask->from_ms ? from_ms : ask->from_ms;
    ask->to_ms = to_ms < ask->to_ms ? to_ms : ask->to_ms;
}

// ---- series -------------------------------------------------------------------------------------

static const char *text_of(sqlite3_value *value)
{
    int type = sqlite3_value_type(value);
    return type == SQLITE_NULL || type == SQLITE_BLOB ? NULL
                                                      : (const char *)sqlite3_value_text(value);
}

static const char *name_end(const char *text)
{
    return text + strcspn(text, "{");
}

// The id of a series by its name or number; -1: there is none.
static int series_of(const struct sql_state *state, enum sql_role role, sqlite3_value *value)
{
    if (role == SQL_SERIES) {
        const char *text = text_of(value);
        return text != NULL ? sql_find_series(state, text) : -1;
    }
    int type = sqlite3_value_numeric_type(value);
    double number = sqlite3_value_double(value);
    bool possible = (type == SQLITE_INTEGER || type == SQLITE_FLOAT) && number >= 0 &&
                    number < (double)state->series_count && number == floor(number);
    return possible && state->series[(int)number].text != NULL ? (int)number : -1;
}

static bool name_is(const struct sql_series *series, const char *wanted)
{
    const char *text = series->def.text;
    size_t length = (size_t)(name_end(text) - text);
    return wanted != NULL && strlen(wanted) == length && memcmp(text, wanted, length) == 0;
}

static bool is_like(const struct sql_series *series, enum sql_role role, unsigned char op,
                    const char *pattern)
{
    char name[VARVE_SERIES_TEXT];
    const char *text = series->text;
    if (role == SQL_NAME) {
        size_t length = (size_t)(name_end(series->def.text) - series->def.text);
        memcpy(name, series->def.text, length); // a series text fits
        name[length] = '\0';
        text = name;
    }
    return op == SQLITE_INDEX_CONSTRAINT_GLOB ? sqlite3_strglob(pattern, text) == 0
                                              : sqlite3_strlike(pattern, text, 0) == 0;
}

// One of the series that a constraint lets pass. What is wanted is those of all constraints.
typedef bool (*passes_fn)(void *arg, const struct sql_series *series);

static int keep(struct decoding *d, passes_fn passes, void *arg)
{
    const struct sql_state *state = d->table->state;
    if (d->wanted == NULL) {
        d->wanted = sqlite3_malloc64(state->series_count + 1);
        if (d->wanted == NULL) {
            return SQLITE_NOMEM;
        }
        memset(d->wanted, 1, state->series_count + 1);
    }
    for (size_t id = 0; id < state->series_count; id++) {
        d->wanted[id] =
            d->wanted[id] && state->series[id].text != NULL && passes(arg, &state->series[id]);
    }
    return SQLITE_OK;
}

static int keep_one(struct decoding *d, int id)
{
    bool possible = id >= 0 && (d->only < 0 || d->only == id);
    if (!possible) {
        d->ask->to_ms = INT64_MIN; // and no series: see finish()
        d->only = INT_MAX;
    } else {
        d->only = id;
    }
    return SQLITE_OK;
}

struct pattern {
    enum sql_role role;
    unsigned char op;
    const char *text; // NULL: nothing passes
};

static bool passes_pattern(void *arg, const struct sql_series *series)
{
    const struct pattern *p = arg;
    return p->text != NULL && is_like(series, p->role, p->op, p->text);
}

static bool passes_name(void *arg, const struct sql_series *series)
{
    return name_is(series, arg);
}

static bool passes_selection(void *arg, const struct sql_series *series)
{
    return varve_selection_match(arg, series->def.text);
}

static int keep_selected(struct decoding *d, sqlite3_value *value)
{
    struct varve_selection selection;
    char why[STORE_WHY] = "";
    const char *text = text_of(value);
    if (text == NULL) {
        return keep_one(d, -1);
    }
    if (varve_selection_init(&selection, text, why, sizeof why) != 0) {
        return sql_fail(&d->table->base, "%s", why);
    }
    sqlite3_free(d->ask->selector);
    d->ask->selector = sqlite3_mprintf("%s", text);
    return d->ask->selector != NULL ? keep(d, passes_selection, &selection) : SQLITE_NOMEM;
}

#if SQLITE_VERSION_NUMBER >= 3038000
struct list {
    enum sql_role role;
    const struct sql_state *state;
    sqlite3_value *values;
    const uint8_t *ids; // of series and ids
};

static bool passes_list(void *arg, const struct sql_series *series)
{
    const struct list *list = arg;
    if (list->ids != NULL) {
        return list->ids[series - list->state->series] != 0;
    }
    sqlite3_value *value;
    int rc = sqlite3_vtab_in_first(list->values, &value);
    for (; rc == SQLITE_OK && value != NULL; rc = sqlite3_vtab_in_next(list->values, &value)) {
        if (name_is(series, text_of(value))) {
            return true;
        }
    }
    return false;
}

static int keep_listed(struct decoding *d, enum sql_role role, sqlite3_value *values)
{
    const struct sql_state *state = d->table->state;
    struct list list = {.role = role, .state = state, .values = values};
    uint8_t *ids = NULL;
    if (role != SQL_NAME) {
        ids = sqlite3_malloc64(state->series_count + 1);
        if (ids == NULL) {
            return SQLITE_NOMEM;
        }
        memset(ids, 0, state->series_count + 1);
        sqlite3_value *value;
        int rc = sqlite3_vtab_in_first(values, &value);
        for (; rc == SQLITE_OK && value != NULL; rc = sqlite3_vtab_in_next(values, &value)) {
            int id = series_of(state, role, value);
            ids[id >= 0 ? (size_t)id : state->series_count] = 1;
        }
        list.ids = ids;
    }
    int rc = keep(d, passes_list, &list);
    sqlite3_free(ids);
    return rc;
}
#else
static int keep_listed(struct decoding *d, enum sql_role role, sqlite3_value *values)
{
    (void)d;
    (void)role;
    (void)values;
    return SQLITE_ERROR; // plan.c takes no list there
}
#endif

// ---- tiers --------------------------------------------------------------------------------------

static void want_tier(struct decoding *d, sqlite3_value *value)
{
    struct sql_ask *ask = d->ask;
    const char *text = text_of(value);
    int tier = text != NULL ? sql_find_tier(d->table->state, text) : -1;
    bool is_auto = d->table->kind->wants_tier && text != NULL && strcmp(text, "auto") == 0;
    ask->tier_auto |= is_auto;
    ask->tiers &= is_auto ? ~0u : tier >= 0 ? 1u << tier : 0;
    ask->tier_given = true;
}

// ---- the plan -----------------------------------------------------------------------------------

static int apply(struct decoding *d, enum sql_role role, unsigned char op, sqlite3_value *value)
{
    struct pattern pattern = {role, op, NULL};
    switch (role) {
    case SQL_TIME:
    case SQL_MS:
        bound(d->ask, role, op, value);
        return SQLITE_OK;
    case SQL_TIER:
        want_tier(d, value);
        return SQLITE_OK;
    case SQL_SELECTOR:
        return keep_selected(d, value);
    case SQL_SERIES:
    case SQL_NAME:
    case SQL_ID:
        break;
    case SQL_PLAIN:
        return SQLITE_ERROR; // no plan has it
    }
    if (op == SQL_IN_LIST) {
        return keep_listed(d, role, value);
    }
    if (op != SQLITE_INDEX_CONSTRAINT_EQ) {
        pattern.text = text_of(value);
        return keep(d, passes_pattern, &pattern);
    }
    if (role != SQL_NAME) {
        return keep_one(d, series_of(d->table->state, role, value));
    }
    const char *name = text_of(value);
    return name != NULL ? keep(d, passes_name, (void *)(uintptr_t)name) : keep_one(d, -1);
}

// Which column and operation a part of a plan begins with. Returns its length without the `?`, 0
// when it is none.
static size_t read_part(const struct sql_kind *kind, const char *plan, enum sql_role *role,
                        unsigned char *op)
{
    for (size_t i = 0; i < kind->column_count; i++) {
        const struct sql_column *column = &kind->columns[i];
        size_t length = (size_t)sql_column_name(column);
        if (column->role == SQL_PLAIN || strncmp(plan, column->declaration, length) != 0) {
            continue;
        }
        for (const struct sql_operation *o = sql_operations; o->text != NULL; o++) {
            size_t width = strlen(o->text);
            if (strncmp(plan + length, o->text, width) == 0 && plan[length + width] == '?') {
                *role = column->role;
                *op = o->op;
                return length + width;
            }
        }
    }
    return 0;
}

static enum sql_order read_order(const char *plan)
{
    for (int i = 0; i < SQL_ORDERS; i++) {
        if (sql_orders[i] != NULL && strcmp(plan, sql_orders[i]) == 0) {
            return (enum sql_order)i;
        }
    }
    return SQL_ORDER_NONE;
}

// The ids that are left, in the order in which they are wanted.
static int finish(struct decoding *d)
{
    struct sql_ask *ask = d->ask;
    const struct sql_state *state = d->table->state;
    if (ask->cap < state->known) {
        varve_series_id *ids = sqlite3_realloc64(ask->ids, state->known * sizeof *ids);
        if (ids == NULL) {
            return SQLITE_NOMEM;
        }
        ask->ids = ids;
        ask->cap = state->known;
    }
    bool by_name = ask->order == SQL_ORDER_SERIES || ask->order == SQL_ORDER_SERIES_TIME_DESC;
    ask->count = 0;
    if (d->only >= 0) {
        if (d->only != INT_MAX && (d->wanted == NULL || d->wanted[d->only])) {
            ask->ids[ask->count++] = (varve_series_id)d->only;
        }
        return SQLITE_OK;
    }
    for (size_t i = 0; i < (by_name ? state->known : state->series_count); i++) {
        size_t id = by_name ? state->by_name[i] : i;
        if (state->series[id].text != NULL && (d->wanted == NULL || d->wanted[id])) {
            ask->ids[ask->count++] = (varve_series_id)id;
        }
    }
    return SQLITE_OK;
}

int sql_ask_decode(struct sql_ask *ask, struct sql_table *table, const char *plan, int count,
                   sqlite3_value **arguments)
{
    struct decoding d = {.ask = ask, .table = table, .only = -1};
    ask->from_ms = INT64_MIN;
    ask->to_ms = INT64_MAX;
    ask->tiers = ~0u;
    ask->tier_given = false;
    ask->tier_auto = false;
    sqlite3_free(ask->selector);
    ask->selector = NULL;
    ask->order = SQL_ORDER_NONE;
    int rc = SQLITE_OK;
    const char *at = plan != NULL ? plan : "";
    for (int i = 0; i < count && rc == SQLITE_OK; i++) {
        enum sql_role role = SQL_PLAIN;
        unsigned char op = 0;
        size_t length = read_part(table->kind, at, &role, &op);
        at += length + 1;
        at += strncmp(at, ", ", 2) == 0 ? 2 : 0;
        rc = length > 0 ? apply(&d, role, op, arguments[i])
                        : sql_fail(&table->base, "%s: the plan `%s` is none", table->kind->name,
                                   plan != NULL ? plan : "");
    }
    ask->order = read_order(at);
    rc = rc == SQLITE_OK ? finish(&d) : rc;
    sqlite3_free(d.wanted);
    return rc;
}

void sql_ask_free(struct sql_ask *ask)
{
    sqlite3_free(ask->selector);
    sqlite3_free(ask->ids);
    ask->selector = NULL;
    ask->ids = NULL;
    ask->cap = 0;
}
