// SPDX-License-Identifier: Apache-2.0
// Compressed segments of the rotate backend, with each coding: smaller, read without any option,
// and as little harmed by damage as others.

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rotate_bench.h"

static int setup(void **state)
{
    static struct bench b;

    bench_init(&b, &varve_backend_rotate);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    bench_end(*state);
    return 0;
}

#define PACKED 60
#define LENGTH 9000u

// A block of text, which compression makes small, and different for each i.
static void compressible(uint8_t *buf, int64_t i)
{
    const struct varve_block_key key = nth(i);

    bench_block(buf, 0, &key, VARVE_BLOCK_HEADER);
    for (uint32_t k = VARVE_BLOCK_HEADER; k < LENGTH; k++) {
        buf[k] = (uint8_t)("the same again "[k % 15] + (k % 100 == 0 ? i % 50 : 0));
    }
}

static void put_compressible(struct bench *b, int64_t i)
{
    static uint8_t buf[LENGTH];

    compressible(buf, i);
    const struct varve_put put = {
        .tier = 0, .key = nth(i), .block = buf, .length = LENGTH, .expire_before_ms = 0};
    assert_int_equal(b->ops->put(b->self, &put), 0);
    assert_int_equal(b->ops->commit(b->self), 0);
}

static bool has_compressible(struct bench *b, int64_t i)
{
    static uint8_t wanted[LENGTH];
    static uint8_t found[LENGTH];
    const struct varve_block_key key = nth(i);

    compressible(wanted, i);
    return b->ops->get(b->self, 0, &key, found, sizeof found) == (int)LENGTH &&
           memcmp(wanted, found, LENGTH) == 0;
}

static const char *coding = "gzip"; // of the tests that follow

static void open_with_compression(struct bench *b)
{
    fake_host_set(&b->host, "compress", coding);
    fake_host_set(&b->host, "segment", "128K");
    if (fake_host_open(&b->host, 0) == VARVE_E_UNSUPPORTED) {
        assert_non_null(strstr(b->host.why, coding[0] == 'g' ? "zlib" : "libzstd"));
        skip();
    }
}

static int count_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)id;
    assert_string_equal(def->text, "load");
    ++*(unsigned *)arg;
    return 0;
}

static void closed_segments_become_smaller_and_stay_readable(void **state)
{
    const struct varve_series_def load = {"load", "1", "run queue", VARVE_GAUGE};
    struct bench *b = *state;
    unsigned series = 0;

    open_with_compression(b);
    assert_int_equal(b->ops->define(b->self, 0, &load), 0);
    bench_store(b, 2, nth(0), 700, 0);
    for (int64_t i = 0; i < PACKED; i++) {
        put_compressible(b, i);
    }
    const uint64_t before = bench_stored(b);
    bench_work_through(b);
    for (int64_t i = 0; i < PACKED; i++) {
        assert_true(has_compressible(b, i));
    }
    print_message("%u bytes become %u\n", (unsigned)before, (unsigned)bench_stored(b));
    assert_true(bench_stored(b) < before / 2);
    fake_host_close(&b->host);
    fake_host_set(&b->host, "compress", "none"); // whoever reads it needs no option
    bench_open(b);
    for (int64_t i = 0; i < PACKED; i++) {
        assert_true(has_compressible(b, i));
    }
    assert_int_equal(bench_count(b, 0), PACKED);
    assert_int_equal(b->ops->load_series(b->self, count_series, &series), 0);
    assert_int_equal(series, 1);
    const uint64_t written = b->host.account.bytes[VARVE_WRITE_CHECKPOINT];
    fake_host_close(&b->host);
    fake_host_set(&b->host, "compress", coding);
    bench_open(b);
    bench_work_through(b); // they are compressed already
    assert_int_equal(b->host.account.bytes[VARVE_WRITE_CHECKPOINT], written);
    put_compressible(b, PACKED);
    bench_reopen(b);
    assert_true(has_compressible(b, PACKED));
}

static void what_gains_nothing_is_not_written_again(void **state)
{
    struct bench *b = *state;

    open_with_compression(b);
    for (int64_t i = 0; i < PACKED; i++) {
        bench_store(b, 0, nth(i), 3 * PAGE - FRAME_HEADER, 0); // random bytes, no padding
    }
    bench_work_through(b);
    assert_int_equal(b->host.account.bytes[VARVE_WRITE_CHECKPOINT], 0);
}

static void a_damaged_frame_of_a_compressed_segment_costs_itself(void **state)
{
    static struct segment_files files;
    static struct found_frame frames[FRAMES_AT_MOST];
    struct bench *b = *state;

    open_with_compression(b);
    for (int64_t i = 0; i < PACKED; i++) {
        put_compressible(b, i);
    }
    bench_work_through(b);
    fake_host_close(&b->host);
    files_read(&files, b);
    assert_true(frames_of(&files, frames) > PACKED);
    assert_true(frames[3].length < LENGTH / 2);
    for (uint32_t at = 0; at < FRAME_HEADER + frames[3].length; at += 7) {
        const uint8_t *byte = files.file[frames[3].file].bytes + frames[3].offset + at;
        const uint8_t changed = (uint8_t)(*byte ^ 4u);
        files_restore(&files, b);
        file_write(&files.file[frames[3].file], frames[3].offset + at, &changed, 1);
        bench_open(b);
        for (int64_t i = 0; i < PACKED; i++) {
            assert_int_equal(has_compressible(b, i), i != frames[3].seq);
        }
        fake_host_close(&b->host);
    }
    files_free(&files);
}

static void a_store_may_have_segments_of_both_codings(void **state)
{
    struct bench *b = *state;

    open_with_compression(b);
    for (int64_t i = 0; i < PACKED; i++) {
        put_compressible(b, i);
    }
    bench_work_through(b);
    fake_host_close(&b->host);
    fake_host_set(&b->host, "compress", coding[0] == 'g' ? "zstd" : "gzip");
    if (fake_host_open(&b->host, 0) == VARVE_E_UNSUPPORTED) {
        skip();
    }
    for (int64_t i = PACKED; i < 2 * PACKED; i++) {
        put_compressible(b, i);
    }
    bench_work_through(b);
    bench_reopen(b);
    assert_true(bench_stored(b) < PACKED * LENGTH);
    for (int64_t i = 0; i < 2 * PACKED; i++) {
        assert_true(has_compressible(b, i));
    }
}

static void an_unfinished_replacement_is_removed(void **state)
{
    struct bench *b = *state;
    char path[256];

    bench_open(b);
    bench_store(b, 0, nth(0), 700, 0);
    fake_host_close(&b->host);
    snprintf(path, sizeof path, "%s/segments/00000000.seg", b->dir);
    FILE *made = fopen(path, "w");
    assert_non_null(made);
    fclose(made);
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), 0);
    assert_int_equal(access(path, F_OK), 0);
    bench_reopen(b);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_true(bench_has(b, 0, nth(0), 700));
}

int main(void)
{
#define BEHAVIOUR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(closed_segments_become_smaller_and_stay_readable),
        BEHAVIOUR(what_gains_nothing_is_not_written_again),
        BEHAVIOUR(a_damaged_frame_of_a_compressed_segment_costs_itself),
        BEHAVIOUR(a_store_may_have_segments_of_both_codings),
        BEHAVIOUR(an_unfinished_replacement_is_removed),
    };
#undef BEHAVIOUR

    int failures = cmocka_run_group_tests_name("rotate, gzip", tests, NULL, NULL);
    coding = "zstd";
    return failures + cmocka_run_group_tests_name("rotate, zstd", tests, NULL, NULL);
}
