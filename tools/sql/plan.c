// SPDX-License-Identifier: Apache-2.0
// Planning; see plan.h.
#include "plan.h"

#include <string.h>

#define MAX_TERMS 32

// sqlite3_vtab_in() hands the whole of an IN over at once; libraries before have it value by value.
#define SINCE_IN 3038000

// How constraints and orders are written in a plan. Of those that begin alike the longer one first.
const struct sql_operation sql_operations[] = {
    {SQLITE_INDEX_CONSTRAINT_GE, ">="},
    {SQLITE_INDEX_CONSTRAINT_GT, ">"},
    {SQLITE_INDEX_CONSTRAINT_LE, "<="},
    {SQLITE_INDEX_CONSTRAINT_LT, "<"},
    {SQLITE_INDEX_CONSTRAINT_GLOB, " GLOB "},
    {SQLITE_INDEX_CONSTRAINT_LIKE, " LIKE "},
    {SQL_IN_LIST, " IN "},
    {SQLITE_INDEX_CONSTRAINT_EQ, "="},
    {0, NULL},
};
const char *const sql_orders[SQL_ORDERS] = {
    [SQL_ORDER_TIME] = "ORDER BY time",
    [SQL_ORDER_TIME_DESC] = "ORDER BY time DESC",
    [SQL_ORDER_SERIES] = "ORDER BY series",
    [SQL_ORDER_SERIES_TIME_DESC] = "ORDER BY series, time DESC",
};

static enum sql_role role_of(const struct sql_kind *kind, int column)
{
    return column < 0 || (size_t)column >= kind->column_count ? SQL_PLAIN
                                                              : kind->columns[column].role;
}

int sql_column_name(const struct sql_column *column)
{
    return (int)strcspn(column->declaration, " ");
}

// ---- choosing -----------------------------------------------------------------------------------

static bool is_list(sqlite3_index_info *info, int i)
{
#if SQLITE_VERSION_NUMBER >= SINCE_IN
    return sqlite3_libversion_number() >= SINCE_IN && sqlite3_vtab_in(info, i, -1);
#else
    (void)info;
    (void)i;
    return false;
#endif
}

static void take_list(sqlite3_index_info *info, int i)
{
#if SQLITE_VERSION_NUMBER >= SINCE_IN
    (void)sqlite3_vtab_in(info, i, 1); // it may: asked before
#else
    (void)info;
    (void)i;
#endif
}

static bool is_range(unsigned char op)
{
    return op == SQLITE_INDEX_CONSTRAINT_GT || op == SQLITE_INDEX_CONSTRAINT_GE ||
           op == SQLITE_INDEX_CONSTRAINT_LT || op == SQLITE_INDEX_CONSTRAINT_LE;
}

static bool is_pattern(unsigned char op)
{
    return op == SQLITE_INDEX_CONSTRAINT_GLOB || op == SQLITE_INDEX_CONSTRAINT_LIKE;
}

// Whether a table can do what the constraint says. Names compare byte by byte.
static bool can_take(sqlite3_index_info *info, int i, enum sql_role role)
{
    unsigned char op = info->aConstraint[i].op;
    bool equals = op == SQLITE_INDEX_CONSTRAINT_EQ;
    switch (role) {
    case SQL_SERIES:
    case SQL_NAME:
        return is_pattern(op) ||
               (equals && sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") == 0);
    case SQL_TIER:
        return equals && sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") == 0;
    case SQL_ID:
    case SQL_SELECTOR:
        return equals;
    case SQL_TIME:
    case SQL_MS:
        return equals || is_range(op);
    case SQL_PLAIN:
        break;
    }
    return false;
}

struct choice {
    sqlite3_index_info *info;
    const struct sql_kind *kind;
    sqlite3_str *plan;
    int arguments;
    bool one_series, one_tier;
    bool pinned[MAX_TERMS]; // columns that have one value
    double series_share;    // of all series
    double time_share;      // of all rows of a series
    double tier_share;
};

static void note(struct choice *c, enum sql_role role, unsigned char op, bool list)
{
    switch (role) {
    case SQL_SERIES:
    case SQL_ID:
        c->one_series |= op == SQLITE_INDEX_CONSTRAINT_EQ && !list;
        c->series_share *= list || is_pattern(op) ? 0.1 : 0.001;
        break;
    case SQL_NAME:
    case SQL_SELECTOR:
        c->series_share *= 0.1;
        break;
    case SQL_TIER:
        c->one_tier = true;
        c->tier_share = 0.3;
        break;
    case SQL_TIME:
    case SQL_MS:
        c->time_share *= op == SQLITE_INDEX_CONSTRAINT_EQ ? 0.0001 : 0.2;
        break;
    case SQL_PLAIN:
        break;
    }
}

static const char *text_of(unsigned char op)
{
    size_t i = 0;
    while (sql_operations[i].op != op) { // can_take() lets none pass that is not there
        i++;
    }
    return sql_operations[i].text;
}

// LIKE is checked again: `PRAGMA case_sensitive_like` makes SQLite stricter than this is.
static void take(struct choice *c, int i, int column, enum sql_role role)
{
    unsigned char op = c->info->aConstraint[i].op;
    bool series = role == SQL_SERIES || role == SQL_NAME || role == SQL_ID;
    bool list = op == SQLITE_INDEX_CONSTRAINT_EQ && series && is_list(c->info, i);
    if (list) {
        take_list(c->info, i);
    }
    const struct sql_column *described = &c->kind->columns[column];
    sqlite3_str_appendf(c->plan, "%s%.*s%s?", c->arguments > 0 ? ", " : "",
                        sql_column_name(described), described->declaration,
                        text_of(list ? SQL_IN_LIST : op));
    c->info->aConstraintUsage[i].argvIndex = ++c->arguments;
    c->info->aConstraintUsage[i].omit = op != SQLITE_INDEX_CONSTRAINT_LIKE;
    if (op == SQLITE_INDEX_CONSTRAINT_EQ && !list && column < MAX_TERMS) {
        c->pinned[column] = true;
    }
    note(c, role, op, list);
}

// Returns whether the plan is one at all: what says what rows are must be known before they come.
static bool take_constraints(struct choice *c)
{
    for (int i = 0; i < c->info->nConstraint; i++) {
        const struct sqlite3_index_constraint *constraint = &c->info->aConstraint[i];
        enum sql_role role = role_of(c->kind, constraint->iColumn);
        if (!can_take(c->info, i, role)) {
            continue;
        }
        if (constraint->usable) {
            take(c, i, constraint->iColumn, role);
        } else if (role == SQL_SELECTOR || (role == SQL_TIER && c->kind->wants_tier)) {
            return false;
        }
    }
    return true;
}

// The order that was asked for, without what has one value anyway; NONE when it is none that rows
// come in. *any: rows may come as they like.
static enum sql_order order_of(const struct choice *c, bool *any)
{
    enum sql_role left[2] = {SQL_PLAIN, SQL_PLAIN};
    bool down[2] = {false, false};
    int n = 0;
    for (int i = 0; i < c->info->nOrderBy; i++) {
        int column = c->info->aOrderBy[i].iColumn;
        if (column >= 0 && column < MAX_TERMS && c->pinned[column]) {
            continue;
        }
        if (n == 2) {
            return SQL_ORDER_NONE;
        }
        left[n] = role_of(c->kind, column);
        down[n++] = c->info->aOrderBy[i].desc != 0;
    }
    *any = n == 0 && c->info->nOrderBy > 0;
    bool time = n > 0 && (left[n - 1] == SQL_TIME || left[n - 1] == SQL_MS);
    if (n == 1 && time && (c->one_series || (c->kind->orders >> SQL_ORDER_SERIES & 1u) == 0)) {
        return down[0] ? SQL_ORDER_TIME_DESC : SQL_ORDER_TIME;
    }
    if (n == 0 || left[0] != SQL_SERIES || down[0] || (n == 2 && !time)) {
        return SQL_ORDER_NONE;
    }
    return n == 2 && down[1] ? SQL_ORDER_SERIES_TIME_DESC : SQL_ORDER_SERIES;
}

static void take_order(struct choice *c)
{
    bool mixed = c->kind->has_tiers && !c->kind->wants_tier && !c->one_tier;
    bool any = false;
    enum sql_order order = order_of(c, &any);
    c->info->orderByConsumed = any;
    if (order != SQL_ORDER_NONE && (c->kind->orders >> order & 1u) != 0 && !mixed) {
        sqlite3_str_appendf(c->plan, "%s%s", c->arguments > 0 ? ", " : "", sql_orders[order]);
        c->info->orderByConsumed = 1;
    }
}

// Rows count as much as they cost; what a query begins with counts as some hundreds of them.
static void estimate(struct choice *c, const struct sql_state *state)
{
    double series = 1, rows = c->kind->fallback_rows;
    if ((c->kind->orders >> SQL_ORDER_SERIES & 1u) != 0) {
        series = state->known > 0 ? (double)state->known : 1000;
    }
    if (c->kind->has_tiers && state->store != NULL) {
        rows = 0;
        for (size_t i = 0; i < state->tier_count; i++) {
            bool raw = c->kind->wants_tier;
            rows += (i == 0) == raw ? state->rows[i] : 0;
        }
    }
    double wanted = series * c->series_share < 1 || c->one_series ? 1 : series * c->series_share;
    rows *= wanted * c->time_share * c->tier_share;
    c->info->estimatedRows = rows < 1 ? 1 : (sqlite3_int64)rows;
    c->info->estimatedCost = (rows < 1 ? 1 : rows) + 500 + series;
}

int sql_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct sql_table *table = (const struct sql_table *)(const void *)base;
    struct choice c = {.info = info,
                       .kind = table->kind,
                       .plan = sqlite3_str_new(NULL),
                       .series_share = 1,
                       .time_share = 1,
                       .tier_share = 1};
    bool possible = take_constraints(&c);
    if (possible) {
        take_order(&c);
        estimate(&c, table->state);
    }
    int rc = sqlite3_str_errcode(c.plan);
    char *plan = sqlite3_str_finish(c.plan); // NULL: it is empty
    if (rc != SQLITE_OK || !possible) {
        sqlite3_free(plan);
        return rc != SQLITE_OK ? rc : SQLITE_CONSTRAINT;
    }
    info->idxNum = c.arguments;
    info->idxStr = plan;
    info->needToFreeIdxStr = plan != NULL;
    return SQLITE_OK;
}
