// SPDX-License-Identifier: Apache-2.0
// Reading the rows of a leaf page of a table, as SQLite's file format has them.
//
// The page is taken for what it says, and nothing in it is believed: every offset and length is
// checked against the page and the record before it is used. A row that does not add up is passed
// over, the others are read. What tables the rows belong to is for the caller to tell by their
// columns.
//
// Threading: one task.

#include "records.h"

#include <string.h>

#define LEAF         0x0du
#define LEAF_HEADER  8u
#define FILE_HEADER  100u // before the header of page 1
#define CELL_POINTER 2u

static uint32_t u16_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

// A varint of at most `left` bytes; returns its length, 0 when it does not fit.
static uint32_t varint(const uint8_t *p, uint32_t left, uint64_t *value)
{
    *value = 0;
    for (uint32_t i = 0; i < left && i < 9; i++) {
        if (i == 8) {
            *value = *value << 8 | p[i];
            return 9;
        }
        *value = *value << 7 | (p[i] & 0x7fu);
        if (p[i] < 0x80) {
            return i + 1;
        }
    }
    return 0;
}

// ---- columns ------------------------------------------------------------------------------------

// Bytes of a value of that serial type.
static uint64_t bytes_of(uint64_t type)
{
    static const uint8_t fixed[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};

    if (type < sizeof fixed) {
        return fixed[type];
    }
    return type < 12 ? UINT64_MAX : (type - 12) / 2; // 10 and 11 are not used in files
}

static int64_t integer_at(const uint8_t *p, uint64_t bytes)
{
    uint64_t value = bytes > 0 && p[0] >= 0x80 ? UINT64_MAX : 0;

    for (uint64_t i = 0; i < bytes; i++) {
        value = value << 8 | p[i];
    }
    return (int64_t)value;
}

static void set_column(struct varve_sqlite_column *c, uint64_t type, const uint8_t *p,
                       uint64_t bytes)
{
    memset(c, 0, sizeof *c);
    if (type == 0) {
        c->kind = VARVE_SQLITE_NULL;
    } else if (type == 7) {
        const int64_t bits = integer_at(p, 8);
        c->kind = VARVE_SQLITE_REAL;
        memcpy(&c->real, &bits, sizeof c->real);
    } else if (type < 12) {
        c->kind = VARVE_SQLITE_INTEGER;
        c->integer = type >= 8 ? (int64_t)type - 8 : integer_at(p, bytes);
        c->real = (double)c->integer;
    } else {
        c->kind = type % 2 == 1 ? VARVE_SQLITE_TEXT : VARVE_SQLITE_BLOB;
        c->text = (const char *)p;
        c->length = (uint32_t)bytes;
    }
}

static bool split(const uint8_t *payload, uint32_t length, struct varve_sqlite_record *record)
{
    uint64_t header, type;
    uint32_t at = varint(payload, length, &header);

    record->count = 0;
    if (at == 0 || header > length) {
        return false;
    }
    uint64_t body = header;
    while (at < header) {
        const uint32_t n = varint(payload + at, (uint32_t)header - at, &type);
        const uint64_t bytes = n > 0 ? bytes_of(type) : UINT64_MAX;
        if (bytes > length || body + bytes > length || record->count == VARVE_SQLITE_COLUMNS) {
            return false;
        }
        set_column(&record->column[record->count++], type, payload + body, bytes);
        body += bytes;
        at += n;
    }
    return body == length;
}

// ---- rows ---------------------------------------------------------------------------------------

// Bytes of a payload of that length that are on the leaf.
static uint32_t local_bytes(uint32_t page, uint32_t length)
{
    const uint32_t most = page - 35;
    const uint32_t least = (page - 12) * 32 / 255 - 23;

    if (length <= most) {
        return length;
    }
    const uint32_t fitting = least + (length - least) % (page - 4);
    return fitting <= most ? fitting : least;
}

// Copies the payload of the cell at `at`; returns its length, 0 when it cannot be had.
static uint32_t take_payload(struct varve_sqlite_pages *p, const uint8_t *leaf, uint32_t at,
                             uint8_t payload[VARVE_SQLITE_RECORD_MAX], int64_t *row)
{
    uint64_t length, key;
    uint32_t n = varint(leaf + at, p->page - at, &length);

    at += n;
    if (n == 0 || length == 0 || length > VARVE_SQLITE_RECORD_MAX) {
        return 0;
    }
    n = varint(leaf + at, p->page - at, &key);
    at += n;
    const uint32_t local = local_bytes(p->page, (uint32_t)length);
    const bool overflows = local < length;
    if (n == 0 || at + local + (overflows ? 4 : 0) > p->page) {
        return 0;
    }
    *row = (int64_t)key;
    memcpy(payload, leaf + at, local);
    if (overflows) {
        const uint8_t *link = leaf + at + local;
        const uint32_t first = u16_at(link) << 16 | u16_at(link + 2);
        if (varve_sqlite_pages_chain(p, first, (uint32_t)length - local, payload + local) < 0) {
            return 0;
        }
    }
    return (uint32_t)length;
}

int varve_sqlite_records_visit(struct varve_sqlite_pages *p, struct varve_sqlite_spot spot,
                               uint8_t *leaf,
                               int (*visit)(void *arg, const struct varve_sqlite_record *record),
                               void *arg)
{
    const uint32_t start = !spot.in_wal && spot.number == 1 ? FILE_HEADER : 0;
    uint8_t payload[VARVE_SQLITE_RECORD_MAX];
    struct varve_sqlite_record record;
    int rc = varve_sqlite_pages_read(p, spot, start, leaf, 1);

    if (rc < 0 || leaf[0] != LEAF) {
        return rc;
    }
    rc = varve_sqlite_pages_read(p, spot, 0, leaf, p->page);
    const uint32_t cells = u16_at(leaf + start + 3);
    for (uint32_t i = 0; rc == 0 && i < cells; i++) {
        const uint32_t pointer = start + LEAF_HEADER + i * CELL_POINTER;
        if (pointer + CELL_POINTER > p->page) {
            break;
        }
        const uint32_t at = u16_at(leaf + pointer);
        const uint32_t length = at < p->page ? take_payload(p, leaf, at, payload, &record.row) : 0;
        if (length > 0 && split(payload, length, &record)) {
            rc = visit(arg, &record);
        }
    }
    return rc;
}
