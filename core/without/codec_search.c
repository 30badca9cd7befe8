// SPDX-License-Identifier: Apache-2.0
// In the place of the search for a column's code: values, differences or differences of
// differences, whichever is the shortest, or a constant; dense, with a sign, without shift and
// centre. The parameter follows from the mean length of the residuals: geometric ones are best
// coded with the length less 0.75.
//
// Stateless; any context.
#include "core/bits.h"
#include "core/codec.h"
#include "core/codec_ints.h"

// Header bits of a body that is not constant: order, shift, sparse, unsigned, centre, p.
#define HEADER_BITS 12u

struct tally {
    uint64_t lengths; // by bits
    uint64_t cost;    // with the code's p
    size_t count;
    bool equal; // all integers are the same
};

static struct tally tally_up(const struct varve_ints *c, const struct varve_column_code *code)
{
    struct tally tally = {.equal = true};
    struct varve_walk walk = varve_walk_start(code);
    int64_t buffer[VARVE_CODEC_ROWS];
    for (size_t at = 0; at < c->n; at += VARVE_CODEC_ROWS) {
        size_t count = c->n - at < VARVE_CODEC_ROWS ? c->n - at : VARVE_CODEC_ROWS;
        const int64_t *m = varve_ints_coded(c, at, count, buffer);
        for (size_t i = 0; i < count; i++) {
            tally.equal &= (uint64_t)m[i] == code->first;
            if (at + i == 0 && code->order != VARVE_ORDER_VALUE) {
                continue; // has no residual
            }
            uint64_t u = varve_residual((uint64_t)m[i], code, &walk);
            tally.lengths += varve_bit_length(u);
            tally.cost += varve_rice_cost(u, code->p);
            tally.count++;
        }
    }
    return tally;
}

static uint8_t parameter(const struct tally *tally)
{
    uint64_t quarters = tally->count > 0 ? 4 * tally->lengths / tally->count : 0;
    uint64_t p = quarters < 3 ? 0 : (quarters - 3) / 4;
    return (uint8_t)(p < 62 ? p : 62);
}

uint64_t varve_ints_plan(const struct varve_ints *c, struct varve_column_code *code,
                         struct varve_code_hint *found)
{
    *found = (struct varve_code_hint){0}; // so few codes are tried anew each time
    int64_t buffer[1];
    struct varve_column_code trial = *code;
    trial.first = (uint64_t)varve_ints_coded(c, 0, 1, buffer)[0];
    uint64_t best = UINT64_MAX;
    for (uint8_t order = 0; order < VARVE_ORDER_CONSTANT; order++) {
        trial.order = order;
        trial.p = 0;
        struct tally tally = tally_up(c, &trial);
        if (tally.equal) {
            *code = trial;
            code->order = VARVE_ORDER_CONSTANT;
            return varve_number_cost(trial.first);
        }
        trial.p = parameter(&tally);
        tally = tally_up(c, &trial);
        if (tally.cost < best) {
            best = tally.cost;
            *code = trial;
        }
    }
    return best + HEADER_BITS + varve_number_cost(trial.first);
}

bool varve_codec_uses_hints(void)
{
    return false;
}

bool varve_ints_plan_again(const struct varve_ints *c, struct varve_column_code *code,
                           struct varve_code_hint *hint, uint64_t *residuals, bool *taken)
{
    (void)c;
    (void)code;
    (void)hint;
    (void)residuals;
    *taken = false;
    return false;
}
