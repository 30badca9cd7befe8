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
    struct varve_walk walk;
    size_t run_end; // sparse: the row behind the run of zeros that was announced
    struct varve_xor_window window;
};

// The first row from i on whose residual is not zero; that of row i is u.
static size_t end_of_run(const struct column *c, size_t i, uint64_t u)
{
    struct varve_walk walk = c->walk;
    while (u == 0 && ++i < c->ints->n) {
        u = varve_residual_at(c->ints, &c->code, i, &walk);
    }
    return i;
}

static void put_sparse(struct varve_bit_writer *w, struct column *c, size_t i, uint64_t u)
{
    if (c->run_end == SIZE_MAX) {
        c->run_end = end_of_run(c, i, u);
        varve_put_rice(w, c->run_end - i, c->code.z);
    }
    if (i == c->run_end) {
        varve_put_rice(w, u - 1, c->code.p);
        c->run_end = SIZE_MAX;
    }
}

static inline void put_int(struct varve_bit_writer *w, struct column *c, size_t i)
{
    const struct varve_column_code *code = &c->code;
    if (code->order == VARVE_ORDER_CONSTANT) {
        return;
    }
    if (i == 0 && code->order != VARVE_ORDER_VALUE) {
        c->walk = varve_walk_start(code);
        return;
    }
    uint64_t u = varve_residual_at(c->ints, code, i, &c->walk);
    if (code->sparse) {
        put_sparse(w, c, i, u);
    } else {
        varve_put_rice(w, u, code->p);
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

static inline void put_field(struct varve_bit_writer *w, struct column *c, size_t i)
{
    if (c->code.scale != VARVE_SCALE_XOR) {
        put_int(w, c, i);
        if (c->code.corrected) {
            varve_put_rice(w, varve_zigzag(varve_ints_ulps(c->ints, i)), c->code.ulps_p);
        }
        return;
    }
    uint64_t bits = varve_double_bits(varve_double_at(c->ints, i));
    if (i == 0) {
        varve_put_long_bits(w, bits, 64);
        c->window.previous = bits;
    } else {
        put_xor(w, &c->window, bits);
    }
}

// ---- columns ------------------------------------------------------------------------------------

static void set_scale(struct column *c, unsigned k)
{
    c->code.scale = (uint8_t)k;
    if (k != VARVE_SCALE_XOR) {
        varve_ints_set_scale(c->ints, k);
    }
}

// Exact decimals; else decimals missed by a few ulps; else bit patterns.
static void plan_free(struct column *c)
{
    bool exact = true;
    unsigned k = varve_ints_find_scale(c->ints, 0, 0);
    if (k == VARVE_SCALE_XOR) {
        exact = false;
        k = varve_ints_find_scale(c->ints, 0, VARVE_ULPS_MAX);
    }
    set_scale(c, k);
    if (k == VARVE_SCALE_XOR) {
        return;
    }
    if (!exact) {
        varve_ints_plan_ulps(c->ints, &c->code);
    }
    varve_ints_plan(c->ints, &c->code);
}

size_t varve_codec_put_points(uint8_t *out, size_t cap, const struct varve_point *points, size_t n)
{
    struct varve_bit_writer w = {.out = out, .end = out + cap};
    struct varve_ints ints = {
        .first = (const uint8_t *)&points->value, .stride = sizeof *points, .n = n};
    struct column c = {.ints = &ints, .run_end = SIZE_MAX};
    plan_free(&c);
    put_free_header(&w, &c.code);
    for (size_t i = 0; i < n && !w.full; i++) {
        put_field(&w, &c, i);
    }
    return varve_finish_bits(&w) ? (size_t)(w.out - out) : 0;
}

// ---- cells --------------------------------------------------------------------------------------

// The scale that last, min and max share, or VARVE_SCALE_XOR.
static unsigned joint_scale(const struct column columns[VARVE_CELL_COLUMNS])
{
    unsigned k = 0, before;
    do { // a finer scale may put a column that has been looked at out of range
        before = k;
        for (unsigned c = VARVE_COLUMN_LAST; c <= VARVE_COLUMN_MAX_OF_CELL; c++) {
            k = k == VARVE_SCALE_XOR ? k : varve_ints_find_scale(columns[c].ints, k, 0);
        }
    } while (k != before && k != VARVE_SCALE_XOR);
    return k;
}

// The reference that looks cheapest, then the best code for what is left.
static void plan_referring(struct column *columns, unsigned number)
{
    struct column *c = &columns[number];
    uint64_t best = UINT64_MAX;
    for (uint8_t i = 0; varve_references[number][i] != VARVE_REFERENCE_DAMAGED; i++) {
        c->ints->reference = varve_references[number][i];
        uint64_t cost = varve_ints_estimate(c->ints);
        if (cost < best) {
            best = cost;
            c->code.reference = i;
        }
    }
    c->ints->reference = varve_references[number][c->code.reference];
    varve_ints_plan(c->ints, &c->code);
}

// Whether the sum is at the scale of the others, be it with corrections.
static bool plan_sum(struct column *columns, unsigned k)
{
    struct column *sum = &columns[VARVE_COLUMN_SUM];
    bool exact = varve_ints_find_scale(sum->ints, k, 0) == k;
    if (!exact && varve_ints_find_scale(sum->ints, k, VARVE_ULPS_MAX) != k) {
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
    varve_ints_plan(columns[VARVE_COLUMN_COUNT].ints, &columns[VARVE_COLUMN_COUNT].code);
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

size_t varve_codec_put_cells(uint8_t *out, size_t cap, const struct varve_cell *cells, size_t n)
{
    struct varve_bit_writer w = {.out = out, .end = out + cap};
    struct varve_ints ints[VARVE_CELL_COLUMNS];
    struct column columns[VARVE_CELL_COLUMNS];
    view_cells(cells, n, ints);
    for (unsigned c = 0; c < VARVE_CELL_COLUMNS; c++) {
        columns[c] = (struct column){.ints = &ints[c], .run_end = SIZE_MAX};
    }
    put_cell_headers(&w, columns);
    for (size_t i = 0; i < n && !w.full; i++) {
        for (unsigned c = 0; c < VARVE_CELL_COLUMNS; c++) {
            put_field(&w, &columns[c], i);
        }
    }
    return varve_finish_bits(&w) ? (size_t)(w.out - out) : 0;
}
