// SPDX-License-Identifier: Apache-2.0
// The decoder; the format is in codec.h. Its input is hostile: nothing is read beyond the end, no
// shift is wider than its operand, integers wrap. Stateless; any context.
#include <string.h>

#include "bits.h"
#include "codec.h"
#include "codec_column.h"
#include "varve/error.h"

// A column on its way out of the stream.
struct column {
    struct varve_column_code code;
    uint64_t d, step;   // of the row before
    uint64_t zeros;     // sparse: rows left in the run
    bool value_follows; // sparse: the run is known, the value behind it is to come
    struct varve_xor_window window;
};

// ---- headers ------------------------------------------------------------------------------------

static void get_body(struct varve_bit_reader *r, struct column *c)
{
    struct varve_column_code *code = &c->code;
    code->order = (uint8_t)varve_get_bits(r, 2);
    code->first = varve_get_number(r);
    if (code->order == VARVE_ORDER_CONSTANT) {
        return;
    }
    code->shift = varve_get_bits(r, 1) != 0 ? (uint8_t)varve_get_bits(r, 6) : 0;
    code->sparse = varve_get_bits(r, 1) != 0;
    code->is_unsigned = varve_get_bits(r, 1) != 0;
    code->centre = varve_get_bits(r, 1) != 0 ? varve_get_number(r) : 0;
    code->p = (uint8_t)varve_get_bits(r, 6);
    code->z = code->sparse ? (uint8_t)varve_get_bits(r, 4) : 0;
    c->step = code->centre;
}

static void get_correction(struct varve_bit_reader *r, struct column *c)
{
    c->code.corrected = varve_get_bits(r, 1) != 0;
    c->code.ulps_p = c->code.corrected ? (uint8_t)varve_get_bits(r, 4) : 0;
}

static void get_free_header(struct varve_bit_reader *r, struct column *c)
{
    c->code.scale = (uint8_t)varve_get_bits(r, 3);
    if (c->code.scale != VARVE_SCALE_XOR) {
        get_correction(r, c);
        get_body(r, c);
    }
}

static void get_reference(struct varve_bit_reader *r, struct column *columns, unsigned number)
{
    struct varve_column_code *code = &columns[number].code;
    code->reference = varve_references[number][varve_get_bits(r, 2)];
    r->broken |= code->reference == VARVE_REFERENCE_DAMAGED;
}

static void get_cell_headers(struct varve_bit_reader *r, struct column *columns)
{
    get_body(r, &columns[VARVE_COLUMN_COUNT]);
    unsigned k = (unsigned)varve_get_bits(r, 3);
    if (k == VARVE_SCALE_XOR) {
        for (unsigned c = VARVE_COLUMN_LAST; c < VARVE_CELL_COLUMNS; c++) {
            get_free_header(r, &columns[c]);
        }
        return;
    }
    for (unsigned c = VARVE_COLUMN_LAST; c <= VARVE_COLUMN_MAX_OF_CELL; c++) {
        columns[c].code.scale = (uint8_t)k;
        if (c != VARVE_COLUMN_LAST) {
            get_reference(r, columns, c);
        }
        get_body(r, &columns[c]);
    }
    struct column *sum = &columns[VARVE_COLUMN_SUM];
    if (varve_get_bits(r, 1) != 0) {
        get_free_header(r, sum);
        return;
    }
    sum->code.scale = (uint8_t)k;
    get_reference(r, columns, VARVE_COLUMN_SUM);
    get_correction(r, sum);
    get_body(r, sum);
}

// ---- fields -------------------------------------------------------------------------------------

static inline uint64_t get_sparse(struct varve_bit_reader *r, struct column *c)
{
    if (!c->value_follows) {
        c->zeros = varve_get_rice(r, c->code.z);
        c->value_follows = true;
    }
    if (c->zeros > 0) {
        c->zeros--;
        return 0;
    }
    c->value_follows = false;
    return varve_get_rice(r, c->code.p) + 1;
}

// The integer of row i, less its reference.
static inline uint64_t get_int(struct varve_bit_reader *r, struct column *c, size_t i)
{
    const struct varve_column_code *code = &c->code;
    if (code->order == VARVE_ORDER_CONSTANT || (i == 0 && code->order != VARVE_ORDER_VALUE)) {
        return code->first;
    }
    uint64_t u = code->sparse ? get_sparse(r, c) : varve_get_rice(r, code->p);
    uint64_t residual = code->is_unsigned ? u : (uint64_t)varve_unzigzag(u);
    if (code->order == VARVE_ORDER_VALUE) {
        c->d = residual;
    } else if (code->order == VARVE_ORDER_DIFFERENCE) {
        c->d += residual + code->centre;
    } else {
        c->step += residual;
        c->d += c->step;
    }
    return code->first + (c->d << code->shift);
}

static uint64_t get_xor(struct varve_bit_reader *r, struct varve_xor_window *window)
{
    if (varve_get_bits(r, 1) == 0) {
        return 0;
    }
    if (varve_get_bits(r, 1) == 1) {
        window->leading = (unsigned)varve_get_bits(r, 5);
        window->length = (unsigned)varve_get_bits(r, 6) + 1;
    }
    if (window->length == 0 || window->leading + window->length > 64) {
        r->broken = true;
        return 0;
    }
    return varve_get_long_bits(r, window->length) << (64 - window->leading - window->length);
}

static uint64_t get_pattern(struct varve_bit_reader *r, struct column *c, size_t i)
{
    c->window.previous =
        i == 0 ? varve_get_long_bits(r, 64) : c->window.previous ^ get_xor(r, &c->window);
    return c->window.previous;
}

static inline double get_decimal(struct varve_bit_reader *r, const struct column *c, uint64_t m)
{
    double value = (double)(int64_t)m;
    if (c->code.scale > 0) {
        value /= varve_powers_of_ten[c->code.scale];
    }
    if (c->code.corrected) {
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        bits += (uint64_t)varve_unzigzag(varve_get_rice(r, c->code.ulps_p));
        memcpy(&value, &bits, sizeof value);
    }
    return value;
}

// A free column's value.
static inline double get_value(struct varve_bit_reader *r, struct column *c, size_t i)
{
    if (c->code.scale != VARVE_SCALE_XOR) {
        return get_decimal(r, c, get_int(r, c, i));
    }
    uint64_t bits = get_pattern(r, c, i);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// ---- points -------------------------------------------------------------------------------------

static struct varve_bit_reader reader_of(const uint8_t *in, const uint8_t *end)
{
    return (struct varve_bit_reader){.in = in, .end = end};
}

// What follows the last row is padding of less than a byte.
static int verdict(const struct varve_bit_reader *r, bool to_the_end)
{
    bool over = to_the_end && varve_bits_end(r) != r->end;
    return r->broken || over ? VARVE_E_CORRUPT : 0;
}

int varve_codec_get_points(const uint8_t *in, const uint8_t *end,
                           const struct varve_codec_rows *rows, struct varve_point *points)
{
    struct varve_bit_reader header = reader_of(in, end);
    struct column c = {0};
    size_t stop = rows->skip + rows->take;
    get_free_header(&header, &c);
    struct varve_bit_reader r = header; // in registers
    for (size_t i = 0; i < stop && !r.broken; i++) {
        const double value = get_value(&r, &c, i);
        if (i >= rows->skip) {
            points[i - rows->skip].value = value;
        }
    }
    return verdict(&r, stop == rows->total);
}

// ---- cells --------------------------------------------------------------------------------------

// The integers of one row, by column, and the last of the row before.
struct cell_ints {
    uint64_t m[VARVE_CELL_COLUMNS];
    uint64_t last_before;
};

static uint64_t referred(const struct cell_ints *row, uint8_t reference, size_t i)
{
    const uint64_t *m = row->m;
    switch (reference) {
    case VARVE_REFERENCE_LAST:
        return m[VARVE_COLUMN_LAST];
    case VARVE_REFERENCE_LAST_BEFORE:
        return i == 0 ? m[VARVE_COLUMN_LAST] : row->last_before;
    case VARVE_REFERENCE_MIN:
        return m[VARVE_COLUMN_MIN];
    case VARVE_REFERENCE_MIDRANGE:
        return varve_midrange(m[VARVE_COLUMN_COUNT], m[VARVE_COLUMN_MIN],
                              m[VARVE_COLUMN_MAX_OF_CELL]);
    case VARVE_REFERENCE_GROWTH:
        return i == 0 ? m[VARVE_COLUMN_MAX_OF_CELL] - m[VARVE_COLUMN_MIN]
                      : m[VARVE_COLUMN_LAST] - row->last_before;
    default:
        return 0;
    }
}

static double get_cell_value(struct varve_bit_reader *r, struct column *columns, unsigned number,
                             struct cell_ints *row, size_t i)
{
    struct column *c = &columns[number];
    if (c->code.scale == VARVE_SCALE_XOR) {
        return get_value(r, c, i);
    }
    row->m[number] = get_int(r, c, i) + referred(row, c->code.reference, i);
    return get_decimal(r, c, row->m[number]);
}

// What each row but the first holds of the columns behind `last`, where nobody wants them: Rice
// codes, of which those of a sparse column come in runs.
struct unwanted {
    uint8_t p[2 * 3];
    struct column *sparse[2 * 3]; // or NULL
    unsigned count;
};

// False: one of them, or `last`, is an XOR column.
static bool find_unwanted(struct column *columns, struct unwanted *u)
{
    u->count = 0;
    if (columns[VARVE_COLUMN_LAST].code.scale == VARVE_SCALE_XOR) {
        return false;
    }
    for (unsigned number = VARVE_COLUMN_LAST + 1; number < VARVE_CELL_COLUMNS; number++) {
        const struct varve_column_code *code = &columns[number].code;
        if (code->scale == VARVE_SCALE_XOR) {
            return false;
        }
        if (code->order != VARVE_ORDER_CONSTANT) {
            u->sparse[u->count] = code->sparse ? &columns[number] : NULL;
            u->p[u->count++] = code->p;
        }
        if (code->corrected) {
            u->sparse[u->count] = NULL;
            u->p[u->count++] = code->ulps_p;
        }
    }
    return true;
}

// No column refers to a later one.
static void get_cell(struct varve_bit_reader *r, struct column *columns, struct cell_ints *row,
                     size_t i, struct varve_cell *cell)
{
    row->last_before = row->m[VARVE_COLUMN_LAST];
    uint64_t count = get_int(r, &columns[VARVE_COLUMN_COUNT], i);
    row->m[VARVE_COLUMN_COUNT] = count;
    r->broken |= count > UINT32_MAX;
    cell->count = (uint32_t)count;
    cell->last = get_cell_value(r, columns, VARVE_COLUMN_LAST, row, i);
    cell->min = get_cell_value(r, columns, VARVE_COLUMN_MIN, row, i);
    cell->max = get_cell_value(r, columns, VARVE_COLUMN_MAX_OF_CELL, row, i);
    cell->sum = get_cell_value(r, columns, VARVE_COLUMN_SUM, row, i);
}

// Rows [from, to) of integer columns, of which `count` and `last` are wanted: those behind them
// need not be known. `cells` are those of rows from `skip` on.
static void get_last_cells(struct varve_bit_reader *reader, struct column *columns,
                           const struct unwanted *unwanted, size_t from, size_t to, size_t skip,
                           struct varve_cell *cells)
{
    struct varve_bit_reader r = *reader; // in registers
    struct column *last_column = &columns[VARVE_COLUMN_LAST];
    for (size_t i = from; i < to && !r.broken; i++) {
        const uint64_t count = get_int(&r, &columns[VARVE_COLUMN_COUNT], i);
        const double last = get_decimal(&r, last_column, get_int(&r, last_column, i));
        r.broken |= count > UINT32_MAX;
        if (i >= skip) {
            struct varve_cell *cell = &cells[i - skip];
            cell->count = (uint32_t)count;
            cell->min = cell->max = cell->sum = 0;
            cell->last = last;
        }
        for (unsigned k = 0; k < unwanted->count; k++) {
            (void)(unwanted->sparse[k] != NULL ? get_sparse(&r, unwanted->sparse[k])
                                               : varve_get_rice(&r, unwanted->p[k]));
        }
    }
    *reader = r;
}

// Rows [0, to) with all columns, or at least those wanted.
static void get_whole_cells(struct varve_bit_reader *reader, struct column *columns,
                            const struct varve_codec_rows *rows, size_t to,
                            struct varve_cell *cells)
{
    struct varve_bit_reader r = *reader; // in registers
    struct cell_ints row = {{0}, 0};
    for (size_t i = 0; i < to && !r.broken; i++) {
        struct varve_cell before = {0}, *cell = i < rows->skip ? &before : &cells[i - rows->skip];
        get_cell(&r, columns, &row, i, cell);
        if (rows->only_last) {
            cell->min = cell->max = cell->sum = 0;
        }
    }
    *reader = r;
}

int varve_codec_get_cells(const uint8_t *in, const uint8_t *end,
                          const struct varve_codec_rows *rows, struct varve_cell *cells)
{
    struct varve_bit_reader r = reader_of(in, end);
    struct column columns[VARVE_CELL_COLUMNS] = {0};
    struct unwanted unwanted = {.count = 0};
    size_t stop = rows->skip + rows->take;
    get_cell_headers(&r, columns);
    // A column's first row is not coded as the others are.
    bool passes = rows->only_last && find_unwanted(columns, &unwanted);
    size_t whole = passes && stop > 0 ? 1 : stop;
    get_whole_cells(&r, columns, rows, whole, cells);
    get_last_cells(&r, columns, &unwanted, whole, stop, rows->skip, cells);
    return verdict(&r, stop == rows->total);
}
