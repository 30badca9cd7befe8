// SPDX-License-Identifier: Apache-2.0
// Rows of a damaged store and of its backup. A row says by the kinds of its columns which table it
// is of, and by its values whether it can be a row of that table; one of the dictionary has a
// checksum on top (dictionary.c), but for those of schema 1.
//
// A name with a right checksum stands. One without is overruled by one of the same id that has one,
// and by the backup's, which was verified when it was made.
//
// Threading: one task, under the instance's lock.

#include "salvage.h"

#include <string.h>

#define SQL_AGREE "SELECT count(*) FROM series JOIN w_name USING(id) WHERE series.text=w_name.text"
#define SQL_DISAGREE                                                                               \
    "SELECT count(*) FROM series JOIN w_name USING(id) WHERE series.text<>w_name.text"
#define SQL_TAKE_NAMES                                                                             \
    "INSERT INTO series SELECT * FROM w_name WHERE true ON CONFLICT(id) DO UPDATE SET"             \
    " text=excluded.text,kind=excluded.kind,unit=excluded.unit,help=excluded.help,"                \
    "crc=excluded.crc WHERE series.crc IS NULL"
#define SQL_LOST_NAMES                                                                             \
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<?1)"                     \
    " INSERT OR IGNORE INTO series"                                                                \
    " SELECT i,'varve_lost_series{id=\"'||i||'\"}',0,'','',NULL FROM n"

static bool is_text(const struct varve_sqlite_column *c, uint32_t least, uint32_t cap)
{
    if (c->kind != VARVE_SQLITE_TEXT || c->length < least || c->length >= cap) {
        return false;
    }
    for (uint32_t i = 0; i < c->length; i++) {
        if ((unsigned char)c->text[i] < ' ' && c->text[i] != '\n' && c->text[i] != '\t') {
            return false;
        }
    }
    return true;
}

static bool is_integer(const struct varve_sqlite_column *c, int64_t least, int64_t most)
{
    return c->kind == VARVE_SQLITE_INTEGER && c->integer >= least && c->integer <= most;
}

static void bind_text(sqlite3_stmt *stmt, int at, const struct varve_sqlite_column *c)
{
    (void)sqlite3_bind_text(stmt, at, c->text, (int)c->length, SQLITE_STATIC);
}

// Whether the row has a right checksum (1), none (0), or a wrong one.
static int judge_checksum(const struct varve_sqlite_record *r)
{
    const struct varve_sqlite_column *c = r->column;
    const struct varve_sqlite_series series = {.id = r->row,
                                               .kind = c[2].integer,
                                               .text = c[1].text,
                                               .unit = c[3].text,
                                               .help = c[4].text,
                                               .text_length = c[1].length,
                                               .unit_length = c[3].length,
                                               .help_length = c[4].length};
    if (r->count < 6 || c[5].kind == VARVE_SQLITE_NULL) {
        return 0;
    }
    return c[5].integer == (int64_t)varve_sqlite_series_crc(&series) ? 1 : VARVE_E_CORRUPT;
}

static int put_series(struct varve_sqlite_work *w, const struct varve_sqlite_record *r)
{
    const enum varve_sqlite_work_statement which = w->from_backup ? WORK_NAME_PUT : WORK_SERIES_PUT;
    sqlite3_stmt *stmt = w->stmt[which];

    if (r->row < 0 || r->row >= (int64_t)VARVE_MAX_SERIES ||
        !is_text(&r->column[1], 1, VARVE_SERIES_TEXT) || !is_integer(&r->column[2], 0, 1) ||
        !is_text(&r->column[3], 0, VARVE_UNIT_TEXT) ||
        !is_text(&r->column[4], 0, VARVE_SQLITE_RECORD_MAX)) {
        return 0;
    }
    const int checksum = judge_checksum(r);
    if (checksum < 0) {
        return 0;
    }
    (void)sqlite3_bind_int64(stmt, 1, r->row); // the parameters exist
    bind_text(stmt, 2, &r->column[1]);
    (void)sqlite3_bind_int64(stmt, 3, r->column[2].integer);
    bind_text(stmt, 4, &r->column[3]);
    bind_text(stmt, 5, &r->column[4]);
    (void)(checksum > 0 ? sqlite3_bind_int64(stmt, 6, r->column[5].integer)
                        : sqlite3_bind_null(stmt, 6));
    w->rows++;
    return varve_sqlite_work_run(w, which);
}

static int put_event(struct varve_sqlite_work *w, const struct varve_sqlite_record *r)
{
    sqlite3_stmt *stmt = w->stmt[WORK_EVENT_PUT];
    const struct varve_sqlite_column *value = &r->column[2];

    if (!is_integer(&r->column[1], VARVE_CRITICAL, VARVE_DEBUG) ||
        value->kind > VARVE_SQLITE_REAL || !is_text(&r->column[3], 0, VARVE_NAME_TEXT) ||
        !is_text(&r->column[4], 0, VARVE_NAME_TEXT) ||
        !is_text(&r->column[5], 0, VARVE_MESSAGE_TEXT) ||
        !is_text(&r->column[6], 0, VARVE_PAYLOAD_TEXT)) {
        return 0;
    }
    (void)sqlite3_bind_int64(stmt, 1, r->row); // the parameters exist
    (void)sqlite3_bind_int64(stmt, 2, r->column[1].integer);
    (void)(value->kind == VARVE_SQLITE_NULL ? sqlite3_bind_null(stmt, 3)
                                            : sqlite3_bind_double(stmt, 3, value->real));
    for (int i = 3; i < 7; i++) {
        bind_text(stmt, i + 1, &r->column[i]);
    }
    w->rows++;
    return varve_sqlite_work_run(w, WORK_EVENT_PUT);
}

static int put_tier(struct varve_sqlite_work *w, const struct varve_sqlite_record *r)
{
    sqlite3_stmt *stmt = w->stmt[WORK_TIER_PUT];
    const struct varve_sqlite_column *position = &r->column[5];
    const bool placed = is_integer(position, 0, VARVE_MAX_TIERS - 1);

    if (!is_text(&r->column[1], 1, VARVE_TIER_NAME) || !is_integer(&r->column[2], 1, INT64_MAX) ||
        !is_integer(&r->column[3], 0, INT64_MAX) || !is_integer(&r->column[4], 0, INT64_MAX) ||
        (!placed && position->kind != VARVE_SQLITE_NULL)) {
        return 0;
    }
    bind_text(stmt, 1, &r->column[1]); // the parameters exist
    for (int i = 2; i < 5; i++) {
        (void)sqlite3_bind_int64(stmt, i, r->column[i].integer);
    }
    (void)(placed && w->own_tiers ? sqlite3_bind_int64(stmt, 5, position->integer)
                                  : sqlite3_bind_null(stmt, 5));
    w->rows++;
    return varve_sqlite_work_run(w, WORK_TIER_PUT);
}

// Columns of the tables, each a letter: N null (the row's own id is not stored twice), I integer,
// T text, O integer or null, V number or null.
static const struct shape {
    const char *columns;
    int (*put)(struct varve_sqlite_work *w, const struct varve_sqlite_record *r);
} shapes[] = {
    {"NTITT", put_series}, // schema 1
    {"NTITTO", put_series},
    {"NTIIIO", put_tier},
    {"NIVTTTT", put_event},
};

static bool is_of(char letter, enum varve_sqlite_column_kind kind)
{
    const bool is_null = kind == VARVE_SQLITE_NULL, is_integer = kind == VARVE_SQLITE_INTEGER;

    switch (letter) {
    case 'N':
        return is_null;
    case 'I':
        return is_integer;
    case 'T':
        return kind == VARVE_SQLITE_TEXT;
    case 'O':
        return is_null || is_integer;
    default:
        return is_null || is_integer || kind == VARVE_SQLITE_REAL;
    }
}

static bool has_shape(const struct varve_sqlite_record *r, const char *columns)
{
    bool same = strlen(columns) == r->count;

    for (uint32_t i = 0; same && i < r->count; i++) {
        same = is_of(columns[i], r->column[i].kind);
    }
    return same;
}

int varve_sqlite_salvage_row(void *arg, const struct varve_sqlite_record *r)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (has_shape(r, shapes[i].columns)) {
            return shapes[i].put(arg, r);
        }
    }
    return 0;
}

// ---- names --------------------------------------------------------------------------------------

int varve_sqlite_salvage_names(struct varve_sqlite_work *w, bool *related)
{
    int64_t agree = 0, disagree = 0;
    int rc = varve_sqlite_integer(w->s, SQL_AGREE, &agree);

    rc = rc == 0 ? varve_sqlite_integer(w->s, SQL_DISAGREE, &disagree) : rc;
    *related = disagree <= agree;
    return rc == 0 && *related ? varve_sqlite_work_execute(w, SQL_TAKE_NAMES) : rc;
}

int varve_sqlite_salvage_lost(struct varve_sqlite_work *w)
{
    sqlite3_stmt *stmt = NULL;
    int rc = w->last_id < 0 ? SQLITE_DONE
                            : sqlite3_prepare_v2(w->s->db, SQL_LOST_NAMES, -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        (void)sqlite3_bind_int64(stmt, 1, w->last_id); // the parameter exists
        rc = sqlite3_step(stmt);
        w->salvage->names_lost = (uint32_t)sqlite3_changes(w->s->db);
    }
    (void)sqlite3_finalize(stmt); // repeats the code of step
    rc = varve_sqlite_check(w->s, rc, "salvage");
    return rc == 0 ? varve_sqlite_work_execute(w, SQL_SERIES_SIGN) : rc;
}
