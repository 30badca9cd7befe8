// SPDX-License-Identifier: Apache-2.0
// The bytes of every block format version, kept in tests/golden for ever: blocks that an earlier
// version wrote are read, and the same rows still become the same bytes. Beside each file of blocks
// stands a text of what is in it, written from the rows and not from the blocks; tests/
// decode_block.py compares the two without this decoder.
//
// Files are written only by `VARVE_GOLDEN=write test_block_golden`. A format with a new version
// gets new files, and the old ones stay readable. So it is with an encoder that chooses better
// within a version: its files have new names, and the old ones are only read (`past`).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <math.h>

#include "block_rows.h"
#include "core/sketch.h"

#define GOLDEN_DIR  VARVE_SOURCE_DIR "/tests/golden/"
#define ROWS        130
#define SETS_MAX    16
#define NAN_PAYLOAD UINT64_C(0x7ff800000000beef)

// A chunk to be.
struct set {
    varve_series_id id;
    size_t n;
    struct varve_point points[ROWS];
    struct varve_cell cells[ROWS];
};

// What a block is made of.
struct plan {
    uint8_t columns;
    uint32_t upto_seq; // 0: none is given
    bool sketched;     // chunks have tails
    size_t count;
    struct set sets[SETS_MAX];
};

static struct plan plan;
static uint8_t blocks[65536], kept[65536];

static struct set *add_set(varve_series_id id, size_t n)
{
    struct set *set = &plan.sets[plan.count++];
    memset(set, 0, sizeof *set);
    set->id = id;
    set->n = n;
    for (size_t i = 0; i < n; i++) {
        set->points[i].time_ms = BASE_MS + (int64_t)i * 5000;
        set->cells[i].start_ms = BASE_MS + (int64_t)i * STEP_MS;
    }
    return set;
}

// The same numbers on every machine and in every year.
static uint32_t fixed_random(uint32_t *state, uint32_t limit)
{
    struct test_random r = {.state = *state};
    uint32_t value = random_below(&r, limit);
    *state = *state * 1664525u + 1013904223u;
    return value;
}

// ---- what is in the files -----------------------------------------------------------------------

// Values of all kinds in one column, times of all kinds: XOR columns.
static void plan_odd_points(void)
{
    static const double values[] = {
        21.5, 21.5, 21.6, -0.0, INFINITY, -INFINITY, 9007199254740993.0, 1e-310};
    const size_t n = sizeof values / sizeof *values;
    plan.columns = 1;
    struct set *set = add_set(0, n + 1);
    for (size_t i = 0; i < n; i++) {
        set->points[i].value = values[i];
    }
    set->points[5].time_ms += 17; // jitter, a repeated time, a gap, a NaN with a payload
    set->points[6].time_ms = set->points[5].time_ms;
    set->points[n].time_ms = BASE_MS + 3600000;
    put_double(&set->points[n].value, NAN_PAYLOAD);
    *add_set(1, 1) = (struct set){.id = 1, .n = 1, .points = {set->points[0]}};
    struct set *head = add_set(300, 4), *tail = add_set(300, n - 3);
    memcpy(head->points, set->points, 4 * sizeof *set->points);
    memcpy(tail->points, set->points + 4, (n - 3) * sizeof *set->points);
    set = add_set(301, 40);
    for (size_t i = 0; i < 40; i++) { // signalling, negative, all ones, by turns
        static const uint64_t nans[] = {UINT64_C(0x7ff0000000000001), UINT64_C(0xfff8000000000000),
                                        UINT64_MAX, NAN_PAYLOAD};
        put_double(&set->points[i].value, nans[i * i % 4]);
    }
}

// Every scale, order and option of integer columns, most with the same times.
static void plan_decimals(void)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    uint32_t state = 1;
    plan.columns = 1;
    for (varve_series_id id = 0; id < 14; id++) {
        struct set *set = add_set((varve_series_id)(id * 3), ROWS);
        int64_t walk = 0, counter = INT64_C(1) << 53;
        double sum = 0.3;
        for (size_t i = 0; i < ROWS; i++) {
            int64_t noise = (int64_t)fixed_random(&state, 1000) - 300;
            walk += noise;
            counter += fixed_random(&state, 8) == 0 ? 1024 * (noise + 300) : 0;
            sum += (double)(noise + 300) / 10;
            const double values[] = {
                21.5,                                             // constant
                (double)(i * i),                                  // second difference
                (double)noise / powers[6],                        // about a value
                (double)walk / powers[2],                         // differences
                (double)counter,                                  // sparse, unsigned, beyond 2^53
                i % 40 == 39 ? -40.125 : 17.25,                   // sparse about a value
                (double)(500 + i * 7),                            // ramp
                i == 77 ? 9e14 : (double)noise / powers[1],       // outlier
                sum,                                              // ulps
                (double)(walk + (int64_t)i * 100000) / powers[4], // slope
                (double)(noise * INT64_C(1000000000000000)),      // wide residuals
                i == 60 ? NAN : (double)noise,                    // a gap in the values
                (double)(noise + 300) / powers[3] + (double)(i * i), // any
                (double)noise / powers[5],
            };
            set->points[i].value = values[id];
        }
    }
    plan.sets[3].points[50].time_ms += 1; // times of its own
}

static void plan_odd_cells(void)
{
    const struct varve_cell cells[] = {
        {.start_ms = BASE_MS, .count = 12, .min = 1, .max = 9.5, .sum = 60.25, .last = 3},
        {.start_ms = BASE_MS + 60000, .count = 12, .min = 1, .max = 9, .sum = 61, .last = 4},
        {.start_ms = BASE_MS + 300000, .count = UINT32_MAX, .min = -2, .max = 0, .sum = -7},
    };
    plan.columns = 5;
    memcpy(add_set(2, 3)->cells, cells, sizeof cells);
    for (unsigned field = 0; field < 5; field++) { // each field odd in turn
        struct varve_cell *cell =
            memcpy(add_set((varve_series_id)(3 + field), 3)->cells, cells, sizeof cells);
        double *fields[] = {&cell->min, &cell->max, &cell->sum, &cell->last, &cell[2].last};
        put_double(fields[field], field % 2 == 0 ? NAN_PAYLOAD : UINT64_C(0x8000000000000000));
    }
}

// What a rollup makes of a gauge with one decimal, a counter with resets, a still gauge.
static void plan_rollups(void)
{
    uint32_t state = 7;
    plan.columns = 5;
    for (varve_series_id id = 0; id < 6; id++) {
        struct set *set = add_set((varve_series_id)(10 * id), id < 3 ? 60 : id == 3 ? 1 : 9);
        double before = 1e6;
        for (size_t i = 0; i < set->n; i++) {
            struct varve_cell *cell = &set->cells[i];
            *cell = (struct varve_cell){.start_ms = cell->start_ms, .min = 1e300, .max = -1e300};
            for (cell->count = 0; cell->count < (i == 5 ? 7u : 12u); cell->count++) {
                double value = (double)fixed_random(&state, 900) / 10;
                double gauge = id % 3 == 2 ? 40 : value;
                double counter = fixed_random(&state, 99) == 0 ? 0 : before + floor(value);
                cell->last = id % 3 == 1 ? counter : gauge;
                cell->sum += id % 3 == 1 ? cell->last - (counter < before ? 0 : before) : gauge;
                cell->min = cell->last < cell->min ? cell->last : cell->min;
                cell->max = cell->last > cell->max ? cell->last : cell->max;
                before = counter;
            }
        }
    }
}

// The last block of a window, which gives the rolled-up-to number.
static void plan_numbered(void)
{
    plan_rollups();
    plan.upto_seq = 4321;
}

// Cells of which most have a sketch; one series has none.
static void plan_sketched(void)
{
    plan_rollups();
    plan.sketched = true;
}

// That of a set's cell, or false.
static bool sketch_of(const struct set *set, size_t i, struct varve_sketch *sketch)
{
    uint32_t state = (uint32_t)(1000u * set->id + i);
    varve_sketch_clear(sketch);
    if (set->id == 20 || i % 7 == 3) {
        return false;
    }
    int32_t key = i == 2 ? VARVE_SKETCH_KEY_NAN : (int32_t)fixed_random(&state, 60000) - 30000;
    for (sketch->used = 0; sketch->used < 1 + i % 5 * 9; sketch->used++) {
        uint32_t count = fixed_random(&state, 3) == 0 ? 1 + fixed_random(&state, 900) : 1;
        sketch->buckets[sketch->used] = (struct varve_sketch_bucket){.key = key, .count = count};
        key += 1 + (int32_t)fixed_random(&state, fixed_random(&state, 4) == 0 ? 500 : 3);
    }
    return true;
}

// ---- files --------------------------------------------------------------------------------------

struct golden {
    const char *name;
    void (*parts[3])(void); // one block each
    bool past;              // of an earlier format or encoder
};

static const struct golden goldens[] = {
    {"block-v1", {plan_odd_points, plan_odd_cells}, true},
    {"decimals-v1", {plan_decimals}, true},
    {"cells-v1", {plan_rollups, plan_odd_cells}, true},
    {"numbered-v1", {plan_numbered}, true},
    {"block-v1b", {plan_odd_points, plan_odd_cells}, true},
    {"decimals-v1b", {plan_decimals}, true},
    {"cells-v1b", {plan_rollups, plan_odd_cells}, true},
    {"numbered-v1b", {plan_numbered}, true},
    {"block-v2", {plan_odd_points, plan_odd_cells}, false},
    {"decimals-v2", {plan_decimals}, false},
    {"cells-v2", {plan_rollups, plan_odd_cells}, false},
    {"numbered-v2", {plan_numbered}, false},
    {"sketches-v2", {plan_sketched}, false},
};

#define GOLDENS (sizeof goldens / sizeof *goldens)

static void make_plan(void (*part)(void))
{
    plan.count = 0;
    plan.upto_seq = 0;
    plan.sketched = false;
    part();
}

static void use_sketches(struct varve_block_writer *w, const struct set *set)
{
    static uint8_t bytes[65536];
    static struct varve_sketch sketch;
    struct varve_block_tail tail = {
        .buf = bytes, .cap = sizeof bytes, .at_ms = w->info.key.start_ms, .step_ms = STEP_MS};
    for (size_t i = 0; plan.sketched && i < set->n; i++) {
        if (sketch_of(set, i, &sketch)) {
            uint8_t *to =
                varve_block_tail_add(&tail, set->cells[i].start_ms, varve_sketch_size(&sketch));
            assert_non_null(to);
            (void)varve_sketch_put(to, &sketch);
        }
    }
    varve_block_use_tail(w, bytes, tail.used);
}

static struct varve_block_info make_block(uint8_t *out, size_t cap)
{
    struct varve_block_writer w;
    struct varve_block_info info = header_of(plan.columns);
    info.has_upto_seq = plan.upto_seq > 0;
    info.upto_seq = plan.upto_seq;
    info.has_tails = plan.sketched;
    varve_block_begin(&w, out, cap, &info);
    for (size_t s = 0; s < plan.count; s++) {
        const struct set *set = &plan.sets[s];
        use_sketches(&w, set);
        int rc = plan.columns == 1 ? varve_block_add_points(&w, set->id, set->points, set->n)
                                   : varve_block_add_cells(&w, set->id, set->cells, set->n);
        assert_int_equal(rc, 0);
    }
    int length = varve_block_finish(&w);
    assert_true(length > 0);
    assert_int_equal(varve_block_open(out, (size_t)length, &info), 0);
    return info;
}

static FILE *open_golden(const char *name, const char *suffix, const char *mode)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s%s%s", GOLDEN_DIR, name, suffix);
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    return file;
}

static void write_sketches(FILE *text, const struct set *set)
{
    static struct varve_sketch sketch;
    for (size_t i = 0; plan.sketched && i < set->n; i++) {
        if (!sketch_of(set, i, &sketch)) {
            continue;
        }
        fprintf(text, "sketch %u %" PRId64, set->id, set->cells[i].start_ms);
        for (uint32_t b = 0; b < sketch.used; b++) {
            fprintf(text, " %" PRId32 ":%" PRIu32, sketch.buckets[b].key, sketch.buckets[b].count);
        }
        fputc('\n', text);
    }
}

static void write_rows(FILE *text)
{
    for (size_t s = 0; s < plan.count; s++) {
        const struct set *set = &plan.sets[s];
        for (size_t i = 0; i < set->n; i++) {
            const struct varve_cell *c = &set->cells[i];
            if (plan.columns == 1) {
                fprintf(text, "point %u %" PRId64 " %016" PRIx64 "\n", set->id,
                        set->points[i].time_ms, bits_of_double(set->points[i].value));
            } else {
                fprintf(text,
                        "cell %u %" PRId64 " %" PRIu32 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64
                        " %016" PRIx64 "\n",
                        set->id, c->start_ms, c->count, bits_of_double(c->min),
                        bits_of_double(c->max), bits_of_double(c->sum), bits_of_double(c->last));
            }
        }
        write_sketches(text, set);
    }
}

static void write_golden(const struct golden *golden)
{
    FILE *binary = open_golden(golden->name, ".bin", "wb");
    FILE *text = open_golden(golden->name, ".txt", "w");
    for (size_t p = 0; p < 3 && golden->parts[p] != NULL; p++) {
        make_plan(golden->parts[p]);
        struct varve_block_info info = make_block(blocks, sizeof blocks);
        assert_int_equal(fwrite(blocks, 1, info.length, binary), info.length);
        fprintf(text,
                "block tier %u columns %u step %" PRIu32 " start %" PRId64 " end %" PRId64
                " seq %" PRIu32 " upto %" PRId64 " samples %" PRIu64 " flash %" PRIu64
                " rows %" PRIu32 " entries %u",
                info.tier, info.columns, info.step_ms, info.key.start_ms, info.key.end_ms,
                info.key.seq, info.upto_ms, info.samples, info.flash_bytes, info.rows,
                info.entries);
        fprintf(text, info.has_upto_seq ? " upto_seq %" PRIu32 "\n" : "\n", info.upto_seq);
        write_rows(text);
    }
    assert_int_equal(fclose(binary), 0);
    assert_int_equal(fclose(text), 0);
}

static size_t read_golden(const struct golden *golden)
{
    FILE *file = open_golden(golden->name, ".bin", "rb");
    size_t length = fread(kept, 1, sizeof kept, file);
    assert_int_equal(fclose(file), 0);
    return length;
}

// ---- tests --------------------------------------------------------------------------------------

// Chunks of one series come back as one run of rows.
static void check_rows(const uint8_t *block, const struct varve_block_info *info)
{
    static struct varve_point points[ROWS];
    static struct varve_cell cells[ROWS];
    size_t skip = 0;
    for (size_t s = 0; s < plan.count; s++) {
        struct set *set = &plan.sets[s];
        skip = s > 0 && plan.sets[s - 1].id == set->id ? skip + plan.sets[s - 1].n : 0;
        memset(cells, 0, sizeof cells);
        int n = info->columns == 1
                    ? varve_block_points(block, info, set->id, 0, INT64_MAX, points, ROWS)
                    : varve_block_cells(block, info, set->id, 0, INT64_MAX, cells, ROWS);
        assert_true(n >= (int)(skip + set->n));
        if (info->columns == 1) {
            assert_memory_equal(points + skip, set->points, set->n * sizeof *points);
        } else {
            number_cells(set->cells, set->n, info->key.seq);
            assert_memory_equal(cells + skip, set->cells, set->n * sizeof *cells);
        }
    }
}

// Of the set whose sketches are read: the cell that comes next.
struct reading {
    const struct set *set;
    size_t next;
};

static int check_sketch(void *arg, int64_t start_ms, const uint8_t *bytes, size_t n)
{
    static struct varve_sketch want, got;
    struct reading *reading = arg;
    while (!sketch_of(reading->set, reading->next, &want)) {
        reading->next++;
    }
    assert_int_equal(start_ms, reading->set->cells[reading->next++].start_ms);
    varve_sketch_clear(&got);
    assert_int_equal(varve_sketch_get(bytes, n, &got), 0);
    assert_int_equal(got.used, want.used);
    assert_memory_equal(got.buckets, want.buckets, want.used * sizeof *want.buckets);
    return 0;
}

static void check_sketches(const uint8_t *block, const struct varve_block_info *info)
{
    for (size_t s = 0; plan.sketched && s < plan.count; s++) {
        static struct varve_sketch sketch;
        struct reading reading = {.set = &plan.sets[s]};
        assert_int_equal(varve_block_sketches(block, info, plan.sets[s].id, INT64_MIN, INT64_MAX,
                                              check_sketch, &reading),
                         0);
        for (; reading.next < plan.sets[s].n; reading.next++) {
            assert_false(sketch_of(&plan.sets[s], reading.next, &sketch));
        }
    }
}

static void blocks_of_all_versions_are_still_read(void **state)
{
    (void)state;
    for (size_t g = 0; g < GOLDENS; g++) {
        size_t length = read_golden(&goldens[g]), at = 0;
        for (size_t p = 0; p < 3 && goldens[g].parts[p] != NULL; p++) {
            struct varve_block_info info;
            make_plan(goldens[g].parts[p]);
            assert_int_equal(varve_block_open(kept + at, length - at, &info), 0);
            assert_int_equal(info.columns, plan.columns);
            check_rows(kept + at, &info);
            check_sketches(kept + at, &info);
            at += info.length;
        }
        assert_int_equal(at, length);
    }
}

static void the_same_rows_become_the_same_bytes(void **state)
{
    (void)state;
    for (size_t g = 0; g < GOLDENS; g++) {
        if (goldens[g].past) {
            continue;
        }
        size_t length = read_golden(&goldens[g]), at = 0;
        for (size_t p = 0; p < 3 && goldens[g].parts[p] != NULL; p++) {
            make_plan(goldens[g].parts[p]);
            struct varve_block_info info = make_block(blocks, sizeof blocks);
            assert_true(at + info.length <= length);
            assert_memory_equal(kept + at, blocks, info.length);
            at += info.length;
        }
        assert_int_equal(at, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_all_versions_are_still_read),
        cmocka_unit_test(the_same_rows_become_the_same_bytes),
    };
    const char *mode = getenv("VARVE_GOLDEN");
    for (size_t g = 0; mode != NULL && strcmp(mode, "write") == 0 && g < GOLDENS; g++) {
        if (!goldens[g].past) {
            write_golden(&goldens[g]);
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
