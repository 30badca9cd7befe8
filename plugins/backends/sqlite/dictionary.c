// SPDX-License-Identifier: Apache-2.0
// The dictionary: which series an id stands for. A reused id replaces the old row.
//
// Threading: the instance's lock.

#include "store.h"

static int bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    return sqlite3_bind_text(stmt, at, text == NULL ? "" : text, -1, SQLITE_STATIC);
}

int varve_sqlite_define(struct varve_instance *self, varve_series_id id,
                        const struct varve_series_def *def)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);
    sqlite3_stmt *put = s->stmt[STMT_SERIES_PUT];
    int rc = varve_sqlite_begin(s);

    if (rc < 0) {
        return rc;
    }
    (void)sqlite3_bind_int(put, 1, id); // the parameters exist, and nothing is copied
    (void)bind_text(put, 2, def->text);
    (void)sqlite3_bind_int(put, 3, (int)def->kind);
    (void)bind_text(put, 4, def->unit);
    (void)bind_text(put, 5, def->help);
    return varve_sqlite_run(s, STMT_SERIES_PUT, "store a series");
}

static const char *column_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return text == NULL ? "" : text;
}

int varve_sqlite_load_series(struct varve_instance *self,
                             int (*visit)(void *arg, varve_series_id id,
                                          const struct varve_series_def *def),
                             void *arg)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);
    sqlite3_stmt *list = s->stmt[STMT_SERIES_LIST];
    int rc;
    int stop = 0;

    while (stop == 0 && (rc = sqlite3_step(list)) == SQLITE_ROW) {
        const struct varve_series_def def = {
            .text = column_text(list, 1),
            .unit = column_text(list, 3),
            .help = column_text(list, 4),
            .kind = sqlite3_column_int(list, 2) == VARVE_COUNTER ? VARVE_COUNTER : VARVE_GAUGE,
        };
        const int64_t id = sqlite3_column_int64(list, 0);
        if (id >= 0 && id < (int64_t)VARVE_MAX_SERIES) {
            stop = visit(arg, (varve_series_id)id, &def);
        }
    }
    rc = stop != 0 ? stop : varve_sqlite_check(s, rc, "read the series");
    (void)sqlite3_reset(list); // repeats the code of step
    return rc;
}
