// SPDX-License-Identifier: Apache-2.0
// The encoder: headers, then row by row a field of each column. What to write is decided in
// codec_plan.c; the format is in codec.h. Stateless; any context.
#include "bits.h"
#include "codec.h"
#include "codec_ints.h"

// ---- headers ------------------------------------------------------------------------------------

static void put_flag(struct varve_bit_writer *w, bool flag)
{
    varve_put_bits(w, flag, 1);
}

static void put_body(struct varve_bit_writer *w, const struct varve_column_code *code)
{
    varve_put_bits(w, code->order, 2);
    varve_put_number(w, code->first);
    if (code->order == VARVE_ORDER_CONSTANT) {
        return;
    }
    if (VARVE_CODEC_PLAIN) {
        varve_put_bits(w, code->p, 10);
        return;
    }
    put_flag(w, code->shift > 0);
    if (code->shift > 0) {
        varve_put_bits(w, code->shift, 6);
    }
    put_flag(w, code->sparse);
    put_flag(w, code->is_unsigned);
    put_flag(w, code->centre != 0);
    if (code->centre != 0) {
        varve_put_number(w, code->centre);
    }
    varve_put_bits(w, code->p, 6);
    if (code->sparse) {
        varve_put_bits(w, code->z, 4);
    }
}

static void put_correction(struct varve_bit_writer *w, const struct varve_column_code *code)
{
    put_flag(w, code->corrected);
    if (code->corrected) {
        varve_put_bits(w, code->ulps_p, 4);
    }
}

static void put_free_header(struct varve_bit_writer *w, const struct varve_column_code *code)
{
    varve_put_bits(w, code->scale, 3);
    if (code->scale != VARVE_SCALE_XOR) {
        put_correction(w, code);
        put_body(w, code);
    }
}

static void put_referring_body(struct varve_bit_writer *w, const struct varve_column_code *code)
{
    varve_put_bits(w, code->reference, 2);
    put_body(w, code);
}

// ---- fields -------------------------------------------------------------------------------------

// A column on its way into the stream.
struct column {
    struct varve_ints *ints;
    struct varve_column_code code;
    union { // integers, or bit patterns
        struct varve_walk walk;
        struct varve_xor_window window;
    };
    uint64_t *u;                  // residuals of the piece at hand, by row
    bool alone;                   // no other column refers to its integers
    bool taken;                   // the residuals of all rows that have one are in u, without gap
    size_t run_end;               // sparse: the row behind the run of zeros that was announced
    struct varve_code_hint *hint; // or NULL
};

static bool is_coded(const struct column *c)
{
    return c->code.scale != VARVE_SCALE_XOR && c->code.order != VARVE_ORDER_CONSTANT;
}

// With an order that the compiler knows there is nothing to ask of each row.
static inline void take_by(struct column *c, enum varve_order order, const int64_t *m, size_t i,
                           size_t count)
{
    struct varve_walk walk = c->walk;
    struct varve_column_code code = c->code;
    code.order = (uint8_t)order;
    for (; i < count; i++) {
        c->u[i] = varve_residual((uint64_t)m[i], &code, &walk);
    }
    c->walk = walk;
}

// Puts residuals in place of the integers of rows [at, at + count).
static void take_residuals(struct column *c, const int64_t *m, size_t at, size_t count)
{
    size_t i = at == 0 && c->code.order != VARVE_ORDER_VALUE;
    if (at == 0) {
        c->walk = varve_walk_start(&c->code);
    }
    if (VARVE_CODEC_PLAIN) {
        take_by(c, (enum varve_order)c->code.order, m, i, count);
    } else if (c->code.order == VARVE_ORDER_VALUE) {
        take_by(c, VARVE_ORDER_VALUE, m, i, count);
    } else if (c->code.order == VARVE_ORDER_DIFFERENCE) {
        take_by(c, VARVE_ORDER_DIFFERENCE, m, i, count);
    } else {
        take_by(c, VARVE_ORDER_SECOND_DIFFERENCE, m, i, count);
    }
}

static void put_xor(struct varve_bit_writer *w, struct varve_xor_window *window, uint64_t bits)
{
    uint64_t x = bits ^ window->previous;
    window->previous = bits;
    if (x == 0) {
        varve_put_bits(w, 0, 1);
        return;
    }
    unsigned leading = (unsigned)__builtin_clzll(x);
    unsigned trailing = (unsigned)__builtin_ctzll(x);
    leading = leading > 31 ? 31 : leading;
    unsigned former_trailing = 64 - window->leading - window->length;
    if (window->length > 0 && leading >= window->leading && trailing >= former_trailing) {
        varve_put_bits(w, 2, 2);
        varve_put_long_bits(w, x >> former_trailing, window->length);
        return;
    }
    window->leading = leading;
    window->length = 64 - leading - trailing;
    varve_put_bits(w, 3u << 11 | leading << 6 | (window->length - 1), 13);
    varve_put_long_bits(w, x >> trailing, window->length);
}

static void put_pattern(struct varve_bit_writer *w, struct column *c, size_t i)
{
    uint64_t bits = varve_double_bits(varve_double_at(c->ints, i));
    if (i == 0) {
        varve_put_long_bits(w, bits, 64);
        c->window.previous = bits;
    } else {
        put_xor(w, &c->window, bits);
    }
}

// ---- columns ------------------------------------------------------------------------------------

// Looks for a scale from k on; keeps the integers of a column that is one piece.
static unsigned find_scale(struct column *c, unsigned k, int64_t ulps)
{
    bool filled;
    int64_t *room = !VARVE_CODEC_PLAIN && c->ints->n <= VARVE_CODEC_ROWS ? (int64_t *)c->u : NULL;
    k = varve_ints_find_scale(c->ints, k, ulps, room, &filled);
    c->ints->kept = filled ? room : NULL;
    return k;
}

static void set_scale(struct column *c, unsigned k)
{
    c->code.scale = (uint8_t)k;
    if (k == VARVE_SCALE_XOR) {
        return;
    }
    varve_ints_set_scale(c->ints, k);
    if (!VARVE_CODEC_PLAIN && c->ints->n <= VARVE_CODEC_ROWS && c->ints->kept == NULL) {
        varve_ints_keep(c->ints, (int64_t *)c->u);
    }
}

// Without a reference; there is no other to compare its cost with.
static void plan_alone(struct column *c)
{
    struct varve_code_hint found;
    bool hinted = c->hint != NULL && !c->hint->refers;
    uint64_t *room = c->alone && !c->code.corrected ? c->u : NULL;
    if (hinted && varve_ints_plan_again(c->ints, &c->code, c->hint, room, &c->taken)) {
        return;
    }
    (void)varve_ints_plan(c->ints, &c->code, &found);
    if (c->hint != NULL) {
        *c->hint = found;
    }
}

// Exact decimals; else decimals missed by a few ulps; else bit patterns.
static void plan_free(struct column *c)
{
    bool exact = true;
    unsigned k = find_scale(c, 0, 0);
    if (k == VARVE_SCALE_XOR) {
        exact = false;
        k = find_scale(c, 0, VARVE_ULPS_MAX);
    }
    set_scale(c, k);
    if (k == VARVE_SCALE_XOR) {
        return;
    }
    if (!exact) {
        varve_ints_plan_ulps(c->ints, &c->code);
    }
    plan_alone(c);
}

static size_t piece(size_t n, size_t at)
{
    return n - at < VARVE_CODEC_ROWS ? n - at : VARVE_CODEC_ROWS;
}

// ---- points -------------------------------------------------------------------------------------

static void put_dense(struct varve_bit_writer *writer, const uint64_t *u, size_t count, unsigned p)
{
    struct varve_bit_writer w = *writer;
    for (size_t i = 0; i < count; i++) {
        varve_put_rice(&w, u[i], p);
    }
    *writer = w;
}

// *zeros: of the run that has not been written yet. Rows with a residual are gone through by the
// bits of a mask: to ask each row whether it has one is what processors guess worst.
static void put_sparse(struct varve_bit_writer *writer, const uint64_t *u, size_t count,
                       const struct varve_column_code *code, size_t *zeros)
{
    struct varve_bit_writer w = *writer;
    uint64_t mask = 0;
    for (size_t i = 0; i < count; i++) {
        mask = mask >> 1 | (uint64_t)(u[i] != 0) << 63;
    }
    mask = count > 0 ? mask >> (64 - count) : 0;
    size_t run = *zeros, next = 0; // zeros before row `next`
    for (; mask != 0; mask &= mask - 1) {
        size_t i = (size_t)__builtin_ctzll(mask);
        varve_put_rice(&w, run + i - next, code->z);
        varve_put_rice(&w, u[i] - 1, code->p);
        run = 0;
        next = i + 1;
    }
    *zeros = run + count - next;
    *writer = w;
}

// Without corrections, fields can be written a piece at a time.
static void put_pieces(struct varve_bit_writer *w, struct column *c)
{
    size_t n = c->ints->n, zeros = 0;
    int64_t buffer[VARVE_CODEC_ROWS];
    for (size_t at = 0; at < n && !w->full; at += VARVE_CODEC_ROWS) {
        size_t count = piece(n, at);
        size_t skip = at == 0 && c->code.order != VARVE_ORDER_VALUE;
        const uint64_t *u = c->u;
        if (!c->taken) {
            take_residuals(c, varve_ints_coded(c->ints, at, count, buffer), at, count);
            u += skip;
        }
        if (c->code.sparse) {
            put_sparse(w, u, count - skip, &c->code, &zeros);
        } else {
            put_dense(w, u, count - skip, c->code.p);
        }
    }
    if (zeros > 0) {
        varve_put_rice(w, zeros, c->code.z);
    }
}

// ---- rows ---------------------------------------------------------------------------------------

// The first row from i on whose residual is not zero; `end` is the end of the piece.
static size_t end_of_run(const struct column *c, size_t at, size_t i, size_t end)
{
    while (i < end && c->u[i - at] == 0) {
        i++;
    }
    struct varve_walk walk = c->walk;
    int64_t m;
    while (i == end && i < c->ints->n &&
           varve_residual((uint64_t)*varve_ints_coded(c->ints, i, 1, &m), &c->code, &walk) == 0) {
        i = ++end;
    }
    return i;
}

// Row i's field of a sparse column; at and end bound the piece.
static void put_sparse_row(struct varve_bit_writer *w, struct column *c, size_t at, size_t i,
                           size_t end)
{
    if (c->run_end == SIZE_MAX) {
        c->run_end = end_of_run(c, at, i, end);
        varve_put_rice(w, c->run_end - i, c->code.z);
    }
    if (i == c->run_end) {
        varve_put_rice(w, c->u[i - at] - 1, c->code.p);
        c->run_end = SIZE_MAX;
    }
}

static void put_field(struct varve_bit_writer *w, struct column *c, size_t at, size_t i, size_t end)
{
    if (c->code.scale == VARVE_SCALE_XOR) {
        put_pattern(w, c, i);
        return;
    }
    if (c->code.order != VARVE_ORDER_CONSTANT && (i > 0 || c->code.order == VARVE_ORDER_VALUE)) {
        if (!VARVE_CODEC_PLAIN && c->code.sparse) {
            put_sparse_row(w, c, at, i, end);
        } else {
            varve_put_rice(w, c->u[i - at], c->code.p);
        }
    }
    if (c->code.corrected) {
        varve_put_rice(w, varve_zigzag(varve_ints_ulps(c->ints, i)), c->code.ulps_p);
    }
}

// The residuals take the place of the integers that others refer to: the last column comes first.
static void put_rows(struct varve_bit_writer *w, struct column *columns, unsigned count)
{
    size_t n = columns->ints->n;
    int64_t buffer[VARVE_CODEC_ROWS];
    for (size_t at = 0; at < n && !w->full; at += VARVE_CODEC_ROWS) {
        size_t end = at + piece(n, at);
        for (unsigned c = count; c-- > 0;) {
            if (is_coded(&columns[c])) {
                take_residuals(&columns[c], varve_ints_coded(columns[c].ints, at, end - at, buffer),
                               at, end - at);
            }
        }
        for (size_t i = at; i < end; i++) {
            for (unsigned c = 0; c < count; c++) {
                put_field(w, &columns[c], at, i, end);
            }
        }
    }
}

size_t varve_codec_put_points(uint8_t *out, size_t cap, const struct varve_point *points, size_t n,
                              struct varve_code_hint *hints)
{
    struct varve_bit_writer w = {.out = out, .end = out + cap};
    int64_t rows[VARVE_CODEC_ROWS];
    struct varve_ints ints = {
        .first = (const uint8_t *)&points->value, .stride = sizeof *points, .n = n};
    struct column c = {
        .ints = &ints, .u = (uint64_t *)rows, .alone = true, .run_end = SIZE_MAX, .hint = hints};
    plan_free(&c);
    put_free_header(&w, &c.code);
    if (!VARVE_CODEC_PLAIN && is_coded(&c) && !c.code.corrected) {
        put_pieces(&w, &c);
    } else {
        put_rows(&w, &c, 1);
    }
    return varve_finish_bits(&w) ? (size_t)(w.out - out) : 0;
}

// ---- cells --------------------------------------------------------------------------------------

// The scale that last, min and max share, or VARVE_SCALE_XOR. A finer scale may put a column that
// has been looked at out of range: all three are to agree, one after the other.
static unsigned joint_scale(struct column columns[VARVE_CELL_COLUMNS])
{
    unsigned k = 0, agreed = 0;
    for (unsigned c = VARVE_COLUMN_LAST; agreed < 3 && k != VARVE_SCALE_XOR;
         c = c == VARVE_COLUMN_MAX_OF_CELL ? VARVE_COLUMN_LAST : c + 1) {
        unsigned own = find_scale(&columns[c], k, 0);
        agreed = own == k ? agreed + 1 : 1;
        k = own;
    }
    return k;
}

// A reference that looks as good as the best one, or nearly, is worth a plan: so many bits and one
// for each 8 rows.
#define PROMISING_BITS 10u

// The best code by the best reference.
static void search_referring(struct column *c, const uint8_t *references)
{
    const struct varve_column_code blank = c->code;
    uint64_t estimates[4], best = UINT64_MAX, limit = UINT64_MAX;
    struct varve_code_hint hint = {0};
    uint8_t count = 0;
    for (; references[count] != VARVE_REFERENCE_DAMAGED; count++) {
        c->ints->reference = references[count];
        estimates[count] = VARVE_CODEC_PLAIN ? 0 : varve_ints_estimate(c->ints);
        uint64_t sum = estimates[count] + PROMISING_BITS + c->ints->n / 8;
        limit = sum < limit ? sum : limit;
    }
    for (uint8_t i = 0; i < count; i++) {
        struct varve_column_code code = blank;
        struct varve_code_hint found;
        c->ints->reference = references[i];
        uint64_t cost =
            estimates[i] <= limit ? varve_ints_plan(c->ints, &code, &found) : UINT64_MAX;
        if (cost < best) {
            best = cost;
            c->code = code;
            c->code.reference = i;
            hint = found;
            hint.reference = i & 3u;
            hint.refers = true;
        }
    }
    c->ints->reference = references[c->code.reference];
    if (c->hint != NULL) {
        *c->hint = hint;
    }
}

static void plan_referring(struct column *columns, unsigned number)
{
    struct column *c = &columns[number];
    const uint8_t *references = varve_references[number];
    if (c->hint != NULL && c->hint->refers) {
        c->code.reference = c->hint->reference;
        c->ints->reference = references[c->code.reference];
        if (varve_ints_plan_again(c->ints, &c->code, c->hint, NULL, &c->taken)) {
            return;
        }
    }
    search_referring(c, references);
}

// Whether the sum is at the scale of the others, be it with corrections.
static bool plan_sum(struct column *columns, unsigned k)
{
    struct column *sum = &columns[VARVE_COLUMN_SUM];
    bool exact = find_scale(sum, k, 0) == k;
    if (!exact && find_scale(sum, k, VARVE_ULPS_MAX) != k) {
        plan_free(sum);
        return false;
    }
    set_scale(sum, k);
    if (!exact) {
        varve_ints_plan_ulps(sum->ints, &sum->code);
    }
    plan_referring(columns, VARVE_COLUMN_SUM);
    return true;
}

static void put_sum_header(struct varve_bit_writer *w, const struct varve_column_code *code,
                           bool joint)
{
    put_flag(w, !joint);
    if (!joint) {
        put_free_header(w, code);
        return;
    }
    varve_put_bits(w, code->reference, 2);
    put_correction(w, code);
    put_body(w, code);
}

static void put_joint_headers(struct varve_bit_writer *w, struct column *columns, unsigned k)
{
    for (unsigned c = VARVE_COLUMN_LAST; c <= VARVE_COLUMN_MAX_OF_CELL; c++) {
        set_scale(&columns[c], k);
    }
    for (unsigned c = VARVE_COLUMN_LAST; c <= VARVE_COLUMN_MAX_OF_CELL; c++) {
        plan_referring(columns, c);
    }
    bool joint = plan_sum(columns, k);
    put_body(w, &columns[VARVE_COLUMN_LAST].code);
    put_referring_body(w, &columns[VARVE_COLUMN_MIN].code);
    put_referring_body(w, &columns[VARVE_COLUMN_MAX_OF_CELL].code);
    put_sum_header(w, &columns[VARVE_COLUMN_SUM].code, joint);
}

static void put_cell_headers(struct varve_bit_writer *w, struct column *columns)
{
    unsigned k = joint_scale(columns);
    set_scale(&columns[VARVE_COLUMN_COUNT], 0);
    plan_alone(&columns[VARVE_COLUMN_COUNT]);
    put_body(w, &columns[VARVE_COLUMN_COUNT].code);
    varve_put_bits(w, k, 3);
    if (k != VARVE_SCALE_XOR) {
        put_joint_headers(w, columns, k);
        return;
    }
    for (unsigned c = VARVE_COLUMN_LAST; c < VARVE_CELL_COLUMNS; c++) {
        plan_free(&columns[c]);
        put_free_header(w, &columns[c].code);
    }
}

// Counts are integers by nature; the others get a scale later.
static void view_cells(const struct varve_cell *cells, size_t n,
                       struct varve_ints ints[VARVE_CELL_COLUMNS])
{
    const void *const fields[VARVE_CELL_COLUMNS] = {
        [VARVE_COLUMN_COUNT] = &cells->count, [VARVE_COLUMN_LAST] = &cells->last,
        [VARVE_COLUMN_MIN] = &cells->min,     [VARVE_COLUMN_MAX_OF_CELL] = &cells->max,
        [VARVE_COLUMN_SUM] = &cells->sum,
    };
    for (unsigned c = 0; c < VARVE_CELL_COLUMNS; c++) {
        ints[c] = (struct varve_ints){.first = fields[c],
                                      .stride = sizeof *cells,
                                      .n = n,
                                      .is_u32 = c == VARVE_COLUMN_COUNT,
                                      .cell = ints};
    }
}

size_t varve_codec_put_cells(uint8_t *out, size_t cap, const struct varve_cell *cells, size_t n,
                             struct varve_code_hint *hints)
{
    struct varve_bit_writer w = {.out = out, .end = out + cap};
    int64_t rows[VARVE_CELL_COLUMNS][VARVE_CODEC_ROWS];
    struct varve_ints ints[VARVE_CELL_COLUMNS];
    struct column columns[VARVE_CELL_COLUMNS];
    view_cells(cells, n, ints);
    for (unsigned c = 0; c < VARVE_CELL_COLUMNS; c++) {
        bool hinted = hints != NULL && c != VARVE_COLUMN_COUNT;
        columns[c] = (struct column){.ints = &ints[c],
                                     .u = (uint64_t *)rows[c],
                                     .run_end = SIZE_MAX,
                                     .hint = hinted ? &hints[c - VARVE_COLUMN_LAST] : NULL};
    }
    put_cell_headers(&w, columns);
    put_rows(&w, columns, VARVE_CELL_COLUMNS);
    return varve_finish_bits(&w) ? (size_t)(w.out - out) : 0;
}
