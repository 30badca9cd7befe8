// SPDX-License-Identifier: Apache-2.0
// What the rotate backend promises when the flash or the power fails: it opens, only the damaged
// frame is missing, and it says so. Damage is done to the files between two opens.
//
// The failure model is scan.c's: a cut anywhere in what was not synced, any subset of its pages,
// and flipped bits anywhere.

#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "rotate_bench.h"

#define RAW_BLOCKS 6
#define KIND_TIERS 1
#define KIND_BLOCK 4

static const uint32_t raw_lengths[RAW_BLOCKS] = {900, 4040, 5000, 12000, 500, 700};

static uint32_t length_of(unsigned tier, int64_t i)
{
    return tier == 0 ? raw_lengths[i] : 1500 * tier;
}

// A store with a few blocks of each tier, each in a commit of its own, series and events.
static void fill(struct bench *b, const char *pad)
{
    const struct varve_event event = {5000, VARVE_INFO, true, 2.5, "host", "start", "Started.", ""};
    const struct varve_series_def load = {"load", "1", "run queue", VARVE_GAUGE};
    const struct varve_series_def rx = {"net_rx_bytes", "By", "", VARVE_COUNTER};

    bench_init(b, &varve_backend_rotate);
    fake_host_set(&b->host, "pad", pad);
    bench_open(b);
    assert_int_equal(b->ops->define(b->self, 0, &load), 0);
    assert_int_equal(b->ops->define(b->self, 1, &rx), 0);
    assert_int_equal(b->ops->event(b->self, &event), 0);
    for (unsigned t = 1; t < 3; t++) {
        for (int64_t i = 0; i < 2; i++) {
            bench_store(b, t, nth(i), length_of(t, i), NEVER);
        }
    }
    for (int64_t i = 0; i < RAW_BLOCKS; i++) {
        bench_store(b, 0, nth(i), length_of(0, i), NEVER);
    }
    fake_host_close(&b->host);
}

// Every block that fill() made is there, but for one (tier, i); i < 0: none is missing.
static void only_missing(struct bench *b, unsigned tier, int64_t missing)
{
    for (unsigned t = 0; t < 3; t++) {
        for (int64_t i = 0; i < (t == 0 ? RAW_BLOCKS : 2); i++) {
            const bool there = bench_has(b, t, nth(i), length_of(t, i));
            if (there == (t == tier && i == missing)) {
                fail_msg("tier %u block %d is %s", t, (int)i, there ? "there" : "missing");
            }
        }
    }
}

// The store takes a block and has it after another open.
static void works_on(struct bench *b)
{
    bench_store(b, 0, nth(100), 3000, NEVER);
    bench_reopen(b);
    assert_true(bench_has(b, 0, nth(100), 3000));
}

// ---- cuts ---------------------------------------------------------------------------------------

static void cut_everywhere(const char *pad)
{
    static struct segment_files files;
    static struct found_frame frames[FRAMES_AT_MOST];
    struct found_frame raw[RAW_BLOCKS];
    struct bench b;
    size_t n = 0;

    fill(&b, pad);
    files_read(&files, &b);
    const size_t all = frames_of(&files, frames);
    for (size_t i = 0; i < all; i++) {
        if (frames[i].kind == KIND_BLOCK && frames[i].tier == 0) {
            assert_true(n < RAW_BLOCKS);
            raw[n++] = frames[i];
        }
    }
    assert_int_equal(n, RAW_BLOCKS);
    const struct found_frame *before = &raw[RAW_BLOCKS - 2];
    const struct found_frame *last = &raw[RAW_BLOCKS - 1];
    const size_t end = last->offset + FRAME_HEADER + last->length;
    for (size_t cut = before->offset; cut <= end; cut++) {
        files_restore(&files, &b);
        file_truncate(&files.file[last->file], cut);
        bench_open(&b);
        for (int64_t i = 0; i < RAW_BLOCKS - 2; i++) {
            assert_true(bench_has(&b, 0, nth(i), length_of(0, i)));
        }
        const bool first_whole = cut >= before->offset + FRAME_HEADER + before->length;
        assert_int_equal(bench_has(&b, 0, nth(RAW_BLOCKS - 2), before->length), first_whole);
        assert_int_equal(bench_has(&b, 0, nth(RAW_BLOCKS - 1), last->length), cut == end);
        if (cut % 1024 == 0) { // a commit waits for the disk
            works_on(&b);
        }
        fake_host_close(&b.host);
    }
    files_free(&files);
    bench_end(&b);
}

static void a_cut_at_any_byte_of_the_last_two_frames_loses_only_these(void **state)
{
    (void)state;
    cut_everywhere("yes");
    cut_everywhere("no");
}

// The last commit has two blocks, of 2 and 3 pages; any of the pages may not have arrived.
static void any_subset_of_the_pages_of_the_last_commit_may_be_lost(void **state)
{
    static struct segment_files files;
    static struct found_frame frames[FRAMES_AT_MOST];
    static const uint8_t erased[PAGE];
    struct bench b;

    (void)state;
    fill(&b, "yes");
    bench_open(&b);
    assert_int_equal(bench_put(&b, 0, nth(20), 2 * PAGE - 100, NEVER), 0);
    assert_int_equal(bench_put(&b, 0, nth(21), 3 * PAGE - 100, NEVER), 0);
    assert_int_equal(b.ops->commit(b.self), 0);
    fake_host_close(&b.host);
    files_read(&files, &b);
    const size_t n = frames_of(&files, frames);
    const struct found_frame *first = NULL;
    for (size_t i = 0; i < n; i++) {
        first = frames[i].kind == KIND_BLOCK && frames[i].seq == 20 ? &frames[i] : first;
    }
    assert_non_null(first);
    assert_int_equal(first->offset % PAGE, 0);
    for (unsigned lost = 0; lost < 32; lost++) {
        files_restore(&files, &b);
        for (unsigned page = 0; page < 5; page++) {
            if ((lost >> page & 1u) != 0) {
                file_write(&files.file[first->file], first->offset + page * PAGE, erased, PAGE);
            }
        }
        bench_open(&b);
        only_missing(&b, 0, -1);
        // The first frame ends in the second page, where the second frame begins.
        assert_int_equal(bench_has(&b, 0, nth(20), 2 * PAGE - 100), (lost & 3u) == 0);
        assert_int_equal(bench_has(&b, 0, nth(21), 3 * PAGE - 100), (lost & 30u) == 0);
        works_on(&b);
        only_missing(&b, 0, -1);
        fake_host_close(&b.host);
    }
    files_free(&files);
    bench_end(&b);
}

static void a_segment_that_was_only_made_does_no_harm(void **state)
{
    struct segment_file file;
    struct bench b;

    (void)state;
    fill(&b, "yes");
    for (unsigned size = 0; size <= 65536; size += 65536) {
        snprintf(file.path, sizeof file.path, "%s/segments/000000ff.seg", b.dir);
        FILE *made = fopen(file.path, "w");
        assert_non_null(made);
        fclose(made);
        file_truncate(&file, size);
        bench_open(&b);
        only_missing(&b, 0, -1);
        works_on(&b);
        assert_int_equal(b.ops->put(b.self, &(struct varve_put){0}), VARVE_E_INVALID);
        fake_host_close(&b.host);
    }
    bench_end(&b);
}

// ---- units that are used again ------------------------------------------------------------------

#define REUSE_BLOCKS 24
#define BIG          5000

// Blocks of 1 h, kept for 8 h: the first segment has expired, and the next block begins a new one
// in its unit.
static int64_t fill_until_reuse(struct bench *b)
{
    const struct varve_series_def load = {"load", "1", "run queue", VARVE_GAUGE};
    int64_t i = 0;

    bench_init(b, &varve_backend_rotate);
    fake_host_set(&b->host, "segment", "64K");
    bench_open(b);
    assert_int_equal(b->ops->define(b->self, 0, &load), 0);
    for (; i < REUSE_BLOCKS; i++) {
        bench_store(b, 0, nth(60 * i), BIG, nth(60 * (i - 8)).start_ms);
    }
    return i;
}

// Stores blocks until one begins a segment over an old one; *before are the files as they were.
// Returns the index in *before of the file that was written over.
static size_t store_over(struct bench *b, int64_t *i, struct segment_files *before)
{
    static struct segment_files after;

    for (;;) {
        files_read(before, b);
        bench_store(b, 0, nth(60 * *i), BIG, nth(60 * (*i - 8)).start_ms);
        ++*i;
        files_read(&after, b);
        assert_int_equal(after.count, before->count);
        for (size_t f = 0; f < after.count; f++) {
            if (memcmp(after.file[f].bytes, before->file[f].bytes, PAGE) != 0) {
                files_free(&after);
                return f;
            }
        }
        files_free(&after);
        files_free(before);
    }
}

static bool has_hour(struct bench *b, int64_t i)
{
    return bench_has(b, 0, nth(60 * i), BIG);
}

// What next() tells is what was put, whatever the pages are mixed of.
static void all_is_whole(struct bench *b)
{
    struct varve_block_key key;
    int rc = b->ops->next(b->self, 0, NULL, INT64_MIN, &key);

    for (; rc == 0; rc = b->ops->next(b->self, 0, &key, INT64_MIN, &key)) {
        assert_true(bench_has(b, 0, key, BIG));
    }
}

static uint32_t damaged_frames(struct bench *b);

// The power goes while a segment is begun over an old one: the head is durable, and any of the
// other pages may be what they were; or not even the head is.
static void a_segment_over_an_old_one_is_the_old_or_the_new_at_every_cut(void **state)
{
    static struct segment_files before;
    static struct segment_files after;
    struct bench b;

    (void)state;
    int64_t n = fill_until_reuse(&b);
    const size_t f = store_over(&b, &n, &before);
    fake_host_close(&b.host);
    files_read(&after, &b);
    for (unsigned lost = 0; lost < 4; lost++) { // of the pages 0 and 1: that is all of it
        files_restore(&after, &b);
        for (unsigned page = 0; page < 2; page++) {
            if ((lost >> page & 1u) != 0) {
                uint8_t mixed[PAGE];
                memcpy(mixed, before.file[f].bytes + page * PAGE, PAGE);
                if (page == 0 && lost != 3) { // the head, but not what follows it there
                    memcpy(mixed, after.file[f].bytes, 300);
                }
                file_write(&after.file[f], page * PAGE, mixed, PAGE);
            }
        }
        bench_open(&b);
        all_is_whole(&b);
        assert_int_equal(has_hour(&b, n - 1), lost == 0);
        for (int64_t i = n - 9; i < n - 1; i++) {
            assert_true(has_hour(&b, i));
        }
        bench_store(&b, 0, nth(60 * n), BIG, NEVER);
        bench_reopen(&b);
        all_is_whole(&b);
        assert_true(has_hour(&b, n));
        assert_int_equal(damaged_frames(&b), 0);
        fake_host_close(&b.host);
    }
    files_free(&before);
    files_free(&after);
    bench_end(&b);
}

// A cut in a later commit: behind it lie frames of the earlier use, whole ones.
static void what_an_earlier_use_left_is_never_read(void **state)
{
    static struct segment_files before;
    static struct segment_files after;
    struct bench b;

    (void)state;
    int64_t n = fill_until_reuse(&b);
    const size_t f = store_over(&b, &n, &before);
    files_free(&before);
    files_read(&before, &b);
    bench_store(&b, 0, nth(60 * n), BIG, NEVER);
    fake_host_close(&b.host);
    files_read(&after, &b);
    size_t at = 0;
    while (before.file[f].bytes[at] == after.file[f].bytes[at]) {
        at++;
    }
    assert_true(at > PAGE);
    for (unsigned lost = 0; lost < 4; lost++) {
        for (unsigned reopened = 0; reopened < 2; reopened++) {
            files_restore(&after, &b);
            for (unsigned page = 0; page < 2; page++) {
                const size_t offset = (at / PAGE + page) * PAGE;
                if ((lost >> page & 1u) != 0) {
                    file_write(&after.file[f], offset, before.file[f].bytes + offset, PAGE);
                }
            }
            bench_open(&b);
            all_is_whole(&b);
            assert_int_equal(has_hour(&b, n), lost == 0);
            assert_true(has_hour(&b, n - 1));
            if (reopened != 0) { // it goes on with a shorter block: the rest of the page is stale
                bench_store(&b, 0, nth(60 * n + 1), 200, NEVER);
                bench_store(&b, 0, nth(60 * n + 2), BIG, NEVER);
                bench_reopen(&b);
                assert_true(bench_has(&b, 0, nth(60 * n + 1), 200));
            }
            assert_int_equal(damaged_frames(&b), 0);
            fake_host_close(&b.host);
        }
    }
    files_free(&before);
    files_free(&after);
    bench_end(&b);
}

// An abort in a unit that is used again leaves neither what was aborted nor what was before.
static void an_abort_over_an_old_segment_leaves_nothing(void **state)
{
    static struct segment_files before;
    struct bench b;

    (void)state;
    int64_t n = fill_until_reuse(&b);
    (void)store_over(&b, &n, &before);
    files_free(&before);
    for (int64_t i = 0; i < 15; i++) { // over two segments and more
        assert_int_equal(bench_put(&b, 0, nth(60 * n), BIG, nth(60 * (n - 8)).start_ms), 0);
        b.ops->abort(b.self);
        bench_store(&b, 0, nth(60 * n), BIG, nth(60 * (n - 8)).start_ms);
        n++;
        bench_reopen(&b);
        assert_int_equal(damaged_frames(&b), 0);
        for (int64_t k = n - 8; k < n; k++) {
            assert_true(has_hour(&b, k));
        }
    }
    bench_end(&b);
}

// ---- damage -------------------------------------------------------------------------------------

static unsigned lines_told;

static void on_line(void *arg, const char *text)
{
    (void)arg;
    assert_true(text[0] != '\0');
    lines_told++;
}

static uint32_t check(struct bench *b, unsigned flags, struct varve_check *out)
{
    static uint8_t buf[VARVE_BLOCK_MAX];
    uint32_t damaged;

    lines_told = 0;
    *out = (struct varve_check){.flags = flags, .buf = buf, .say = on_line};
    assert_int_equal(b->ops->check(b->self, out), 0);
    damaged = out->damaged;
    for (size_t t = 0; t < VARVE_MAX_TIERS; t++) {
        damaged += out->tiers[t].damaged;
    }
    assert_int_equal(damaged > 0, lines_told > 0);
    return damaged;
}

static uint32_t damaged_frames(struct bench *b)
{
    struct varve_check found;

    return check(b, 0, &found);
}

static int count_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)id;
    assert_true(def->text[0] != '\0');
    ++*(unsigned *)arg;
    return 0;
}

// Flips one bit of a frame, looks, repairs, looks again.
static void flip_and_repair(struct bench *b, const struct segment_files *files,
                            const struct found_frame *f, uint32_t at, unsigned bit)
{
    const struct segment_file *file = &files->file[f->file];
    const uint8_t changed = (uint8_t)(file->bytes[f->offset + at] ^ 1u << bit);
    const int64_t missing = f->kind == KIND_BLOCK ? (int64_t)f->seq : -1;
    const unsigned tier = f->kind == KIND_BLOCK ? f->tier : 0;
    struct varve_check found;
    unsigned series = 0;

    files_restore(files, b);
    file_write(file, f->offset + at, &changed, 1);
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), 0);
    assert_int_equal(check(b, 0, &found), 1);
    only_missing(b, tier, missing);
    assert_int_equal(b->ops->load_series(b->self, count_series, &series), 0);
    assert_int_equal(series, 2); // every segment repeats them
    assert_int_equal(b->ops->check(b->self, &(struct varve_check){.flags = VARVE_CHECK_REPAIR}),
                     VARVE_E_READ_ONLY);
    bench_reopen(b);
    assert_true(check(b, VARVE_CHECK_REPAIR, &found) <= 1); // 0: erased at open, being the end
    assert_int_equal(check(b, 0, &found), 0);
    only_missing(b, tier, missing);
    bench_reopen(b);
    assert_int_equal(check(b, 0, &found), 0);
    only_missing(b, tier, missing);
    if (bit == 0) {
        works_on(b);
    }
    fake_host_close(&b->host);
}

static void a_flipped_bit_costs_one_frame_and_repair_no_other(void **state)
{
    static struct segment_files files;
    static struct found_frame frames[FRAMES_AT_MOST];
    struct test_random random = random_start("flips");
    struct bench b;

    (void)state;
    fill(&b, "yes");
    files_read(&files, &b);
    const size_t n = frames_of(&files, frames);
    assert_true(n > RAW_BLOCKS + 4 + 3 + 2 * 4);
    for (size_t i = 0; i < n; i++) {
        for (unsigned part = i % 2; part < 4; part += 2) { // header, payload, and both ends
            const uint32_t all = FRAME_HEADER + frames[i].length;
            const uint32_t at = part == 0   ? random_below(&random, FRAME_HEADER)
                                : part == 1 ? FRAME_HEADER + random_below(&random, frames[i].length)
                                : part == 2 ? 0
                                            : all - 1;
            flip_and_repair(&b, &files, &frames[i], at, random_below(&random, 8));
        }
    }
    files_free(&files);
    bench_end(&b);
}

static void a_lost_page_in_the_middle_costs_its_frames_only(void **state)
{
    static struct segment_files files;
    static struct found_frame frames[FRAMES_AT_MOST];
    static const uint8_t erased[PAGE];
    struct varve_check found;
    struct bench b;

    (void)state;
    fill(&b, "yes");
    files_read(&files, &b);
    const size_t n = frames_of(&files, frames);
    for (size_t i = 0; i < n; i++) {
        if (frames[i].kind != KIND_BLOCK || frames[i].tier != 0 || frames[i].offset % PAGE != 0 ||
            frames[i].seq == RAW_BLOCKS - 1) {
            continue;
        }
        files_restore(&files, &b);
        file_write(&files.file[frames[i].file], frames[i].offset, erased, PAGE);
        bench_open(&b);
        only_missing(&b, 0, frames[i].seq);
        assert_int_equal(check(&b, 0, &found), 1);
        fake_host_close(&b.host);
    }
    files_free(&files);
    bench_end(&b);
}

// Whatever is in the files: open and reading end, and give no block that was never put.
static void nonsense_in_the_files_is_never_taken_for_a_block(void **state)
{
    static struct segment_files files;
    static uint8_t buf[VARVE_BLOCK_MAX];
    static uint8_t wanted[VARVE_BLOCK_MAX];
    struct test_random random = random_start("nonsense");
    struct varve_block_key key;
    struct varve_check found;
    struct bench b;

    (void)state;
    fill(&b, "yes");
    files_read(&files, &b);
    for (unsigned round = 0; round < 25; round++) {
        files_restore(&files, &b);
        for (uint32_t hits = 1 + random_below(&random, 40); hits > 0; hits--) {
            const struct segment_file *f =
                &files.file[random_below(&random, (uint32_t)files.count)];
            const struct segment_file *other =
                &files.file[random_below(&random, (uint32_t)files.count)];
            const size_t length = 1 + random_below(&random, 512);
            file_write(f, random_below(&random, (uint32_t)(f->size - length)),
                       other->bytes + random_below(&random, (uint32_t)(other->size - length)),
                       length);
        }
        bench_open(&b);
        for (unsigned t = 0; t < 3; t++) {
            int rc = b.ops->next(b.self, t, NULL, INT64_MIN, &key);
            for (; rc == 0; rc = b.ops->next(b.self, t, &key, INT64_MIN, &key)) {
                const int length = b.ops->get(b.self, t, &key, buf, sizeof buf);
                assert_true(length == VARVE_E_CORRUPT || length >= (int)VARVE_BLOCK_HEADER);
                if (length > 0) {
                    bench_block(wanted, t, &key, (uint32_t)length);
                    assert_memory_equal(buf, wanted, (size_t)length);
                }
            }
        }
        (void)check(&b, VARVE_CHECK_REPAIR, &found);
        assert_int_equal(check(&b, 0, &found), 0);
        fake_host_close(&b.host);
    }
    files_free(&files);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_at_any_byte_of_the_last_two_frames_loses_only_these),
        cmocka_unit_test(any_subset_of_the_pages_of_the_last_commit_may_be_lost),
        cmocka_unit_test(a_segment_that_was_only_made_does_no_harm),
        cmocka_unit_test(a_segment_over_an_old_one_is_the_old_or_the_new_at_every_cut),
        cmocka_unit_test(what_an_earlier_use_left_is_never_read),
        cmocka_unit_test(an_abort_over_an_old_segment_leaves_nothing),
        cmocka_unit_test(a_flipped_bit_costs_one_frame_and_repair_no_other),
        cmocka_unit_test(a_lost_page_in_the_middle_costs_its_frames_only),
        cmocka_unit_test(nonsense_in_the_files_is_never_taken_for_a_block),
    };

    return cmocka_run_group_tests_name("rotate safety", tests, NULL, NULL);
}
