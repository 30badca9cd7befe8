// SPDX-License-Identifier: Apache-2.0
// The dictionary: which series an id stands for. A reused id replaces the old row.
//
// Each row has a CRC-32C over its id (8 bytes, little-endian), its kind (1 byte), and text, unit
// and help, each with a NUL behind it. SQLite has no checksums: without it a name with a wrong bit
// in it is another name. The SQL function varve_series_crc() gives it to statements, on every
// connection of varve's.
//
// Schema 1 had none. Its rows get theirs when such a store is opened for writing, in one
// transaction; read-only they are taken for what they are. A salvage takes rows without one, too,
// where no row with one says otherwise.
//
// Threading: the instance's lock.

#include "store.h"

#include <string.h>

#include "varve/crc32c.h"

// ---- checksums ----------------------------------------------------------------------------------

static uint32_t add_text(uint32_t crc, const char *text, size_t length)
{
    crc = length > 0 ? varve_crc32c(crc, text, length) : crc;
    return varve_crc32c(crc, "", 1);
}

uint32_t varve_sqlite_series_crc(const struct varve_sqlite_series *series)
{
    uint8_t head[9];

    for (unsigned i = 0; i < 8; i++) {
        head[i] = (uint8_t)((uint64_t)series->id >> 8 * i);
    }
    head[8] = (uint8_t)series->kind;
    uint32_t crc = varve_crc32c(0, head, sizeof head);
    crc = add_text(crc, series->text, series->text_length);
    crc = add_text(crc, series->unit, series->unit_length);
    return add_text(crc, series->help, series->help_length);
}

static const char *argument(sqlite3_value *value, size_t *length)
{
    const char *text = (const char *)sqlite3_value_text(value);

    *length = (size_t)sqlite3_value_bytes(value);
    return text;
}

static void series_crc(sqlite3_context *context, int count, sqlite3_value **value)
{
    struct varve_sqlite_series series = {.id = sqlite3_value_int64(value[0]),
                                         .kind = sqlite3_value_int64(value[2])};
    (void)count; // SQLite refuses others than five

    series.text = argument(value[1], &series.text_length);
    series.unit = argument(value[3], &series.unit_length);
    series.help = argument(value[4], &series.help_length);
    sqlite3_result_int64(context, varve_sqlite_series_crc(&series));
}

int varve_sqlite_functions(sqlite3 *db)
{
    return sqlite3_create_function(db, "varve_series_crc", 5, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                   NULL, series_crc, NULL, NULL);
}

bool varve_sqlite_has_crc(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    const int rc = sqlite3_prepare_v2(db, SQL_HAS_CRC, -1, &stmt, NULL);

    (void)sqlite3_finalize(stmt); // was not stepped
    return rc == SQLITE_OK;
}

int varve_sqlite_bad_names(struct varve_sqlite_store *s, int64_t *count)
{
    *count = 0;
    return varve_sqlite_has_crc(s->db) ? varve_sqlite_integer(s, SQL_SERIES_BAD, count) : 0;
}

// ---- rows ---------------------------------------------------------------------------------------

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
        const bool damaged = sqlite3_column_int(list, 5) != 0; // in a store that is used as it is
        const struct varve_series_def none = {.text = "", .unit = "", .help = ""};
        if (id >= 0 && id < (int64_t)VARVE_MAX_SERIES) {
            stop = visit(arg, (varve_series_id)id, damaged ? &none : &def);
        }
    }
    rc = stop != 0 ? stop : varve_sqlite_check(s, rc, "read the series");
    (void)sqlite3_reset(list); // repeats the code of step
    return rc;
}
