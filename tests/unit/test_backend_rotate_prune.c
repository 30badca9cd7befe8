// SPDX-License-Identifier: Apache-2.0
// Replacing and removing stored blocks in the rotate backend: each is the old or the new one,
// wherever the power is cut, and what was removed is in no file any more.

#include <stdlib.h>
#include <string.h>

#include "rotate_bench.h"

#define BLOCKS     60
#define OLD        9000u
#define NEW        3000u
#define SNIPPET    24u
#define SNIPPET_AT 100u // in a block's payload
#define MARK       52u  // of a frame's header: what changes when it is made void
#define KIND_BLOCK 4

static int setup(void **state)
{
    static struct bench b;

    bench_init(&b, &varve_backend_rotate);
    fake_host_set(&b.host, "segment", "128K");
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    bench_end(*state);
    return 0;
}

static void fill(struct bench *b)
{
    const struct varve_series_def load = {"load", "1", "run queue", VARVE_GAUGE};

    bench_open(b);
    assert_int_equal(b->ops->define(b->self, 0, &load), 0);
    for (int64_t i = 0; i < BLOCKS; i++) {
        bench_store(b, 0, nth(i), OLD, 0);
    }
}

static int replace(struct bench *b, int64_t i, uint32_t length)
{
    static uint8_t buf[VARVE_BLOCK_MAX];
    const struct varve_block_key key = nth(i);

    bench_block(buf, 0, &key, length);
    return b->ops->replace(b->self, 0, &key, buf, length);
}

static int take_out(struct bench *b, int64_t i)
{
    const struct varve_block_key key = nth(i);

    return b->ops->replace(b->self, 0, &key, NULL, 0);
}

static bool contains(const struct segment_files *files, const void *bytes, size_t n)
{
    for (size_t f = 0; f < files->count; f++) {
        if (memmem(files->file[f].bytes, files->file[f].size, bytes, n) != NULL) {
            return true;
        }
    }
    return false;
}

// Is a part of the block in a file?
static bool is_in_files(struct bench *b, int64_t i, uint32_t length)
{
    static struct segment_files files;
    static uint8_t buf[VARVE_BLOCK_MAX];
    const struct varve_block_key key = nth(i);

    bench_block(buf, 0, &key, length);
    files_read(&files, b);
    const bool found = contains(&files, buf + length / 2, SNIPPET) ||
                       contains(&files, buf + length - SNIPPET, SNIPPET);
    files_free(&files);
    return found;
}

static void on_line(void *arg, const char *text)
{
    (void)arg;
    print_message("%s\n", text);
}

static uint32_t damaged(struct bench *b)
{
    static uint8_t buf[VARVE_BLOCK_MAX];
    struct varve_check check = {.buf = buf, .say = on_line};

    assert_int_equal(b->ops->check(b->self, &check), 0);
    return check.damaged + check.tiers[0].damaged;
}

// ---- what it does -------------------------------------------------------------------------------

static void each_is_as_told(struct bench *b)
{
    for (int64_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(bench_has(b, 0, nth(i), NEW), i % 5 == 1);
        assert_int_equal(bench_has(b, 0, nth(i), OLD), i % 5 != 1 && i % 5 != 2);
    }
    assert_int_equal(bench_count(b, 0), BLOCKS - BLOCKS / 5);
    assert_int_equal(damaged(b), 0);
}

static void what_is_replaced_or_removed_is_in_no_file(void **state)
{
    struct bench *b = *state;

    fill(b);
    for (int64_t i = 0; i < BLOCKS; i++) {
        if (i % 5 == 1) {
            assert_int_equal(replace(b, i, NEW), 0);
        } else if (i % 5 == 2) {
            assert_int_equal(take_out(b, i), 0);
            assert_int_equal(take_out(b, i), VARVE_E_NOT_FOUND);
        }
    }
    assert_int_equal(b->ops->commit(b->self), 0);
    each_is_as_told(b);
    bench_work_through(b);
    each_is_as_told(b);
    for (int64_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(is_in_files(b, i, OLD), i % 5 != 1 && i % 5 != 2);
    }
    bench_reopen(b);
    each_is_as_told(b);
    bench_store(b, 0, nth(BLOCKS), OLD, 0);
    bench_reopen(b);
    assert_true(bench_has(b, 0, nth(BLOCKS), OLD));
}

static void an_abort_leaves_the_old(void **state)
{
    struct bench *b = *state;

    fill(b);
    for (int64_t i = 0; i < 20; i++) {
        assert_int_equal(i % 2 == 0 ? replace(b, i, NEW) : take_out(b, i), 0);
    }
    assert_true(bench_has(b, 0, nth(0), NEW)); // as long as it is open
    b->ops->abort(b->self);
    for (unsigned round = 0; round < 2; round++) {
        for (int64_t i = 0; i < BLOCKS; i++) {
            assert_true(bench_has(b, 0, nth(i), OLD));
        }
        assert_int_equal(damaged(b), 0);
        bench_reopen(b);
    }
}

static void the_end_of_a_block_may_change_and_nothing_else(void **state)
{
    static uint8_t buf[NEW];
    struct bench *b = *state;
    const struct varve_block_key key = nth(3);
    const struct varve_block_key shorter = {key.start_ms, key.end_ms - 30000, key.seq};
    struct varve_block_key found;

    fill(b);
    bench_block(buf, 0, &shorter, NEW);
    assert_int_equal(b->ops->replace(b->self, 0, &key, buf, NEW), 0);
    assert_int_equal(b->ops->commit(b->self), 0);
    bench_reopen(b);
    assert_int_equal(b->ops->next(b->self, 0, &(struct varve_block_key){key.start_ms - 1, 0, 0},
                                  INT64_MIN, &found),
                     0);
    assert_int_equal(found.start_ms, shorter.start_ms);
    assert_int_equal(found.end_ms, shorter.end_ms);
    assert_int_equal(found.seq, shorter.seq);
    assert_int_equal(b->ops->replace(b->self, 0, &key, buf, 7), VARVE_E_INVALID);
    b->ops->abort(b->self);
    assert_true(bench_has(b, 0, shorter, NEW));
}

static void reading_only_replaces_nothing(void **state)
{
    struct bench *b = *state;

    fill(b);
    fake_host_close(&b->host);
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), 0);
    assert_int_equal(replace(b, 0, NEW), VARVE_E_READ_ONLY);
    assert_int_equal(take_out(b, 0), VARVE_E_READ_ONLY);
    b->ops->abort(b->self);
    assert_true(bench_has(b, 0, nth(0), OLD));
}

// A store at its size, every block of it made a little shorter.
static void replacing_all_at_the_limit_loses_nothing(void **state)
{
    struct bench *b = *state;
    struct varve_backend_stats stats = {0};
    int64_t n = 0;

    fake_host_set(&b->host, "size", "1M");
    bench_open(b);
    for (; n < 150; n++) {
        bench_store(b, 0, nth(n), OLD, 0);
    }
    const int64_t first = n - (int64_t)bench_count(b, 0);
    assert_true(first > 0);
    for (int64_t i = first; i < n; i++) {
        assert_int_equal(replace(b, i, OLD - 1000), 0);
        if (i % 10 == 0) {
            assert_int_equal(b->ops->commit(b->self), 0);
            bench_work_through(b);
        }
    }
    assert_int_equal(b->ops->commit(b->self), 0);
    bench_work_through(b);
    b->ops->stats(b->self, &stats);
    assert_true(stats.stored_bytes <= (1u << 20) + (256u << 10));
    bench_reopen(b);
    for (int64_t i = first; i < n; i++) {
        assert_true(bench_has(b, 0, nth(i), OLD - 1000));
        assert_false(is_in_files(b, i, OLD));
    }
}

#define STORED 94 // the newest segment, in a unit that was used before, has just begun

static void what_had_expired_is_in_no_file_either(void **state)
{
    struct bench *b = *state;

    bench_open(b);
    for (int64_t i = 0; i < STORED; i++) { // kept for 20; units are used again
        bench_store(b, 0, nth(30 * i), OLD, nth(30 * (i - 20)).start_ms);
        bench_work_through(b);
    }
    unsigned before = 0;
    for (int64_t i = 0; i < STORED; i++) {
        before += is_in_files(b, 30 * i, OLD) && !bench_has(b, 0, nth(30 * i), OLD);
    }
    assert_true(before > 0); // behind the frames of the segments that are there
    assert_int_equal(take_out(b, 30 * (STORED - 1)), 0);
    assert_int_equal(b->ops->commit(b->self), 0);
    bench_work_through(b);
    for (int64_t i = 0; i < STORED; i++) {
        assert_int_equal(is_in_files(b, 30 * i, OLD), bench_has(b, 0, nth(30 * i), OLD));
    }
    bench_store(b, 0, nth(30 * STORED), OLD, nth(30 * (STORED - 20)).start_ms);
    bench_reopen(b);
    assert_true(bench_has(b, 0, nth(30 * STORED), OLD));
    assert_int_equal(damaged(b), 0);
}

static void compressed_segments_are_pruned_too(void **state)
{
    static struct segment_files files;
    static struct found_frame frames[FRAMES_AT_MOST];
    static uint8_t text[OLD];
    static uint8_t snippet[SNIPPET];
    struct bench *b = *state;
    struct varve_block_key key = nth(1);

    fake_host_set(&b->host, "compress", "gzip");
    if (fake_host_open(&b->host, 0) == VARVE_E_UNSUPPORTED) {
        skip();
    }
    for (int64_t i = 0; i < BLOCKS; i++) {
        const struct varve_block_key at = nth(i);
        bench_block(text, 0, &at, OLD);
        memset(text + OLD / 2, 'x', OLD / 2);
        const struct varve_put put = {.key = at, .block = text, .length = OLD};
        assert_int_equal(b->ops->put(b->self, &put), 0);
        assert_int_equal(b->ops->commit(b->self), 0);
    }
    bench_work_through(b);
    files_read(&files, b);
    const size_t n = frames_of(&files, frames);
    for (size_t i = 0; i < n; i++) {
        if (frames[i].kind == KIND_BLOCK && frames[i].seq == 1) {
            assert_true(frames[i].length < OLD); // it is compressed
            memcpy(snippet,
                   files.file[frames[i].file].bytes + frames[i].offset + FRAME_HEADER + SNIPPET_AT,
                   SNIPPET);
        }
    }
    assert_true(contains(&files, snippet, SNIPPET));
    files_free(&files);
    assert_int_equal(replace(b, 1, NEW), 0);
    assert_int_equal(take_out(b, 2), 0);
    assert_int_equal(b->ops->commit(b->self), 0);
    bench_work_through(b);
    files_read(&files, b);
    assert_false(contains(&files, snippet, SNIPPET));
    files_free(&files);
    bench_reopen(b);
    assert_true(bench_has(b, 0, key, NEW));
    assert_int_equal(bench_count(b, 0), BLOCKS - 1);
    assert_int_equal(damaged(b), 0);
}

// ---- cuts ---------------------------------------------------------------------------------------

#define CHANGED 4 // blocks 1, 3, .. are replaced, 0, 2, .. removed

struct images {
    struct segment_files before;
    struct segment_files after;
    struct found_frame old[CHANGED];
};

static const struct found_frame *frame_of(const struct segment_files *files, uint32_t seq)
{
    static struct found_frame frames[FRAMES_AT_MOST];
    const size_t n = frames_of(files, frames);

    for (size_t i = 0; i < n; i++) {
        if (frames[i].kind == KIND_BLOCK && frames[i].seq == seq) {
            return &frames[i];
        }
    }
    fail_msg("block %u is in no file", seq);
    return NULL;
}

static void make_images(struct bench *b, struct images *m)
{
    fill(b);
    files_read(&m->before, b);
    for (uint32_t i = 0; i < CHANGED; i++) {
        m->old[i] = *frame_of(&m->before, i);
        assert_int_equal(i % 2 == 1 ? replace(b, i, NEW) : take_out(b, i), 0);
    }
    assert_int_equal(b->ops->commit(b->self), 0);
    fake_host_close(&b->host);
    files_read(&m->after, b);
    assert_int_equal(m->before.count, m->after.count);
}

// The pages that got new frames, but for those in `lost` (a bit each); returns their number.
static unsigned write_newer(const struct images *m, unsigned lost)
{
    const struct segment_file *from = &m->after.file[m->after.count - 1];
    const struct segment_file *to = &m->before.file[m->before.count - 1];
    unsigned n = 0;

    assert_int_equal(from->size, to->size);
    for (size_t at = 0; at < from->size; at += PAGE) {
        if (memcmp(from->bytes + at, to->bytes + at, PAGE) != 0) {
            if ((lost >> n & 1u) == 0) {
                file_write(to, at, from->bytes + at, PAGE);
            }
            n++;
        }
    }
    assert_in_range(n, 1, 8);
    return n;
}

static void old_or_new(struct bench *b, int64_t i)
{
    if (i % 2 == 1) {
        assert_true(bench_has(b, 0, nth(i), OLD) != bench_has(b, 0, nth(i), NEW));
    } else if (!bench_has(b, 0, nth(i), OLD)) {
        const struct varve_block_key key = nth(i);
        uint8_t buf[VARVE_BLOCK_HEADER];
        assert_int_equal(b->ops->get(b->self, 0, &key, buf, sizeof buf), VARVE_E_NOT_FOUND);
    }
}

static void look(struct bench *b, bool is_durable)
{
    bench_open(b);
    for (int64_t i = 0; i < BLOCKS; i++) {
        if (i < CHANGED) {
            old_or_new(b, i);
            assert_true(!is_durable || i % 2 == 0 || bench_has(b, 0, nth(i), NEW));
            assert_int_equal(is_in_files(b, i, OLD), bench_has(b, 0, nth(i), OLD));
        } else {
            assert_true(bench_has(b, 0, nth(i), OLD));
        }
    }
    assert_int_equal(damaged(b), 0);
    fake_host_close(&b->host);
}

static void write_marks(const struct images *m, unsigned mask)
{
    for (unsigned i = 0; i < CHANGED; i++) {
        const size_t at = m->old[i].offset + MARK;
        if ((mask >> i & 1u) != 0) {
            file_write(&m->before.file[m->old[i].file], at,
                       m->after.file[m->old[i].file].bytes + at, 4);
        }
    }
}

// Some pages of the payloads have been erased, two of three or so.
static void erase_some(const struct images *m, unsigned which)
{
    static const uint8_t zeros[OLD];

    for (unsigned i = 0; i < CHANGED; i++) {
        const size_t from = m->old[i].offset + FRAME_HEADER;
        const size_t end = from + m->old[i].length;
        for (size_t at = from; at < end;) {
            const size_t next = (at / PAGE + 1) * PAGE < end ? (at / PAGE + 1) * PAGE : end;
            if ((at / PAGE + which) % 3 != 0) {
                file_write(&m->before.file[m->old[i].file], at, zeros, next - at);
            }
            at = next;
        }
    }
}

static void at_every_cut_each_block_is_the_old_or_the_new(void **state)
{
    static struct images m;
    struct bench *b = *state;

    make_images(b, &m);
    files_restore(&m.before, b);
    const unsigned pages = write_newer(&m, 0);
    for (unsigned lost = 0; lost < 1u << pages; lost++) { // before the first sync
        files_restore(&m.before, b);
        (void)write_newer(&m, lost);
        look(b, false);
    }
    for (unsigned mask = 0; mask < 1u << CHANGED; mask++) { // before the second
        files_restore(&m.before, b);
        (void)write_newer(&m, 0);
        write_marks(&m, mask);
        look(b, true);
    }
    for (unsigned which = 0; which < 3; which++) { // before the third
        files_restore(&m.before, b);
        (void)write_newer(&m, 0);
        write_marks(&m, (1u << CHANGED) - 1);
        erase_some(&m, which);
        look(b, true);
    }
    files_free(&m.before);
    files_free(&m.after);
}

#define TAKEN_OUT 7u // blocks of the first segment, 1 and those that follow

// The power went when the frames were void and nothing was erased: what is erased at the next open
// does not make the segment look empty.
static void what_is_erased_at_open_costs_no_other_block(void **state)
{
    struct segment_files before, after;
    struct bench *b = *state;

    fill(b);
    files_read(&before, b);
    for (uint32_t i = 1; i <= TAKEN_OUT; i++) {
        assert_int_equal(take_out(b, i), 0);
    }
    assert_int_equal(b->ops->commit(b->self), 0);
    fake_host_close(&b->host);
    files_read(&after, b);
    files_restore(&before, b);
    const size_t first = frame_of(&before, 0)->file;
    for (uint32_t i = 1; i <= TAKEN_OUT; i++) {
        const struct found_frame *f = frame_of(&before, i);
        assert_int_equal(f->file, first);
        file_write(&before.file[first], f->offset + MARK,
                   after.file[first].bytes + f->offset + MARK, 4);
    }
    bench_open(b);
    bench_store(b, 0, nth(BLOCKS), OLD, 0); // and what has expired is known
    bench_work_through(b);
    assert_true(bench_has(b, 0, nth(0), OLD));
    assert_int_equal(bench_count(b, 0), BLOCKS + 1 - TAKEN_OUT);
    files_free(&before);
    files_free(&after);
}

int main(void)
{
#define BEHAVIOUR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(what_is_replaced_or_removed_is_in_no_file),
        BEHAVIOUR(an_abort_leaves_the_old),
        BEHAVIOUR(the_end_of_a_block_may_change_and_nothing_else),
        BEHAVIOUR(reading_only_replaces_nothing),
        BEHAVIOUR(replacing_all_at_the_limit_loses_nothing),
        BEHAVIOUR(what_had_expired_is_in_no_file_either),
        BEHAVIOUR(compressed_segments_are_pruned_too),
        BEHAVIOUR(at_every_cut_each_block_is_the_old_or_the_new),
        BEHAVIOUR(what_is_erased_at_open_costs_no_other_block),
    };
#undef BEHAVIOUR

    return cmocka_run_group_tests_name("rotate prune", tests, NULL, NULL);
}
