// SPDX-License-Identifier: Apache-2.0
// The rows of small tables on a leaf page, read without SQLite. See records.c.
//
// Threading: one task.
#ifndef VARVE_SQLITE_RECORDS_H
#define VARVE_SQLITE_RECORDS_H

#include "pages.h"

#define VARVE_SQLITE_COLUMNS    8u
#define VARVE_SQLITE_RECORD_MAX 2048u

enum varve_sqlite_column_kind {
    VARVE_SQLITE_NULL,
    VARVE_SQLITE_INTEGER,
    VARVE_SQLITE_REAL,
    VARVE_SQLITE_TEXT,
    VARVE_SQLITE_BLOB,
};

struct varve_sqlite_column {
    enum varve_sqlite_column_kind kind;
    int64_t integer;
    double real;
    const char *text; // not terminated
    uint32_t length;  // of the text
};

struct varve_sqlite_record {
    int64_t row;
    uint32_t count; // columns
    struct varve_sqlite_column column[VARVE_SQLITE_COLUMNS];
};

// Calls visit() for each row that can be read on this page, if it is a leaf of a table; rows that
// are longer than VARVE_SQLITE_RECORD_MAX, and so slots, are passed over. Stops when visit()
// returns non-zero and returns that. `leaf` has room for a page.
int varve_sqlite_records_visit(struct varve_sqlite_pages *p, struct varve_sqlite_spot spot,
                               uint8_t *leaf,
                               int (*visit)(void *arg, const struct varve_sqlite_record *record),
                               void *arg);

#endif
