// SPDX-License-Identifier: Apache-2.0
// What of a query goes down into a table: chosen when SQLite plans, decoded when it runs.
//
// The plan is a text that EXPLAIN QUERY PLAN shows, such as `series=?, time>=?, ORDER BY time`; it
// has the arguments in the order in which they come, and is all that is handed from one to the
// other.
//
// Threading: that of the connection.
#ifndef VARVE_SQL_PLAN_H
#define VARVE_SQL_PLAN_H

#include "sql.h"

// What a column is to a plan.
enum sql_role {
    SQL_PLAIN,
    SQL_SERIES,
    SQL_NAME,
    SQL_ID,
    SQL_SELECTOR,
    SQL_TIER,
    SQL_TIME, // seconds
    SQL_MS,
};

struct sql_column {
    const char *declaration; // "time REAL"; begins with the name
    enum sql_role role;
};

enum sql_order {
    SQL_ORDER_NONE,
    SQL_ORDER_TIME,
    SQL_ORDER_TIME_DESC,
    SQL_ORDER_SERIES,
    SQL_ORDER_SERIES_TIME_DESC,
    SQL_ORDERS
};

// A kind of table: the same functions serve those of rows.
struct sql_kind {
    const char *name;
    const struct sql_column *columns;
    size_t column_count;
    unsigned orders;      // bit per enum sql_order that its rows can come in
    bool has_tiers;       // rows are of several tiers
    bool wants_tier;      // a tier that is asked for says what its rows are
    double fallback_rows; // of one series, or of all of it, where nothing is known
};

// The words of a plan; plan.c writes them, ask.c reads them.
#define SQL_IN_LIST 255u // op of what SQLite has none for: one of a list
struct sql_operation {
    unsigned char op; // SQLITE_INDEX_CONSTRAINT_*
    const char *text; // NULL: the end of the table
};
extern const struct sql_operation sql_operations[];
extern const char *const sql_orders[SQL_ORDERS]; // NULL: none
// Length of the column's name.
int sql_column_name(const struct sql_column *column);

// SQLite's xBestIndex for any kind.
int sql_best_index(sqlite3_vtab *table, sqlite3_index_info *info);

// What a query asks for.
struct sql_ask {
    int64_t from_ms, to_ms; // inclusive
    uint32_t tiers;         // bit per index; all when none was asked for
    bool tier_given;
    bool tier_auto; // `tier = 'auto'`
    char *selector; // that was asked with; NULL: none
    enum sql_order order;
    varve_series_id *ids; // in order of id, or of name for SQL_ORDER_SERIES*
    size_t count, cap;
};

// Decodes a plan with its arguments. Returns a SQLite code; the table has the sentence.
int sql_ask_decode(struct sql_ask *ask, struct sql_table *table, const char *plan, int count,
                   sqlite3_value **arguments);
void sql_ask_free(struct sql_ask *ask);

#endif
