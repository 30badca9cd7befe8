// SPDX-License-Identifier: Apache-2.0
// Payloads, fields and frames: what is sent arrives the same, and nothing that arrives is trusted.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "random.h"
#include "tools/client/channel.h"
#include "tools/client/fields.h"

// ---- payloads -----------------------------------------------------------------------------------

static void numbers_are_little_endian_and_come_back(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
    varve_wire_put_u16(&w, 0x1234);
    varve_wire_put_i32(&w, -2);
    varve_wire_put_u64(&w, UINT64_C(0x0102030405060708));
    varve_wire_put_f64(&w, -0.0);
    varve_wire_put_i64(&w, INT64_MIN);
    assert_false(w.failed);
    assert_int_equal(buf[0], 0x34);
    assert_int_equal(buf[2], 0xfe);
    assert_int_equal(buf[6], 0x08);
    struct varve_wire_reader r = {.buf = buf, .len = w.used};
    assert_int_equal(varve_wire_get_u16(&r), 0x1234);
    assert_int_equal(varve_wire_get_i32(&r), -2);
    assert_true(varve_wire_get_u64(&r) == UINT64_C(0x0102030405060708));
    double zero = varve_wire_get_f64(&r);
    assert_true(1 / zero < 0);
    assert_true(varve_wire_get_i64(&r) == INT64_MIN);
    assert_true(varve_wire_done(&r));
}

static void a_writer_without_room_fails_and_stays_inside(void **state)
{
    (void)state;
    uint8_t buf[8] = {[6] = 0xaa, [7] = 0xbb};
    struct varve_wire_writer w = {.buf = buf, .cap = 6};
    varve_wire_put_u32(&w, 1);
    varve_wire_put_u32(&w, 2);
    varve_wire_put_u8(&w, 3);
    assert_true(w.failed);
    assert_int_equal(w.used, 4);
    w = (struct varve_wire_writer){.buf = buf, .cap = 6};
    varve_wire_put_text(&w, "long");
    assert_true(w.failed);
    assert_int_equal(buf[6], 0xaa);
    assert_int_equal(buf[7], 0xbb);
}

static void a_reader_never_goes_past_the_payload(void **state)
{
    (void)state;
    const uint8_t bytes[3] = {1, 2, 3};
    struct varve_wire_reader r = {.buf = bytes, .len = sizeof bytes};
    assert_int_equal(varve_wire_get_u32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(varve_wire_get_u8(&r), 0);
    assert_false(varve_wire_done(&r));
}

static void refuse_text(const uint8_t *bytes, size_t len)
{
    struct varve_wire_reader r = {.buf = bytes, .len = len};
    assert_string_equal(varve_wire_get_text(&r), "");
    assert_true(r.failed);
}

static void texts_need_their_length_their_nul_and_no_other(void **state)
{
    (void)state;
    const uint8_t good[] = {2, 0, 'h', 'i', 0};
    struct varve_wire_reader r = {.buf = good, .len = sizeof good};
    assert_string_equal(varve_wire_get_text(&r), "hi");
    assert_true(varve_wire_done(&r));
    refuse_text(good, 4);
    refuse_text((const uint8_t[]){2, 0, 'h', 'i', 'j'}, 5);
    refuse_text((const uint8_t[]){2, 0, 'h', 0, 0}, 5);
    refuse_text((const uint8_t[]){255, 255, 'h', 'i', 0}, 5);
}

// ---- structs ------------------------------------------------------------------------------------

static void fill_stats(struct varve_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    stats->series = 255;
    stats->samples = UINT64_C(1) << 40;
    stats->flash_bytes_per_sample = 1.93;
    stats->clock_trusted = true;
    stats->wall_ms = -5;
    stats->tier_count = 2;
    memcpy(stats->tiers[1].tier.name, "hour", 5);
    stats->tiers[1].oldest_ms = INT64_MAX;
    stats->tiers[1].blocks = 7;
    stats->backend_count = 1;
    memcpy(stats->backends[0].where, "/x/y.db", 8);
    stats->backends[0].state = VARVE_E_NO_SPACE;
    stats->backends[0].commit_max_us = 99;
}

static void stats_come_back_with_every_field(void **state)
{
    (void)state;
    static struct varve_stats sent, got;
    static uint8_t buf[VARVE_FRAME_MAX];
    fill_stats(&sent);
    struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
    varve_stats_put(&w, &sent);
    assert_false(w.failed);
    struct varve_wire_reader r = {.buf = buf, .len = w.used};
    varve_stats_get(&r, &got);
    assert_true(varve_wire_done(&r));
    assert_memory_equal(&sent, &got, sizeof sent);
}

static void stats_with_all_tiers_and_backends_fit_a_frame(void **state)
{
    (void)state;
    static struct varve_stats stats;
    static uint8_t buf[VARVE_FRAME_MAX];
    memset(&stats, 0, sizeof stats);
    stats.tier_count = VARVE_MAX_TIERS;
    stats.backend_count = VARVE_MAX_BACKENDS;
    for (unsigned i = 0; i < VARVE_MAX_BACKENDS; i++) {
        memset(stats.backends[i].where, 'p', VARVE_PATH_TEXT - 1);
    }
    struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
    varve_stats_put(&w, &stats);
    assert_false(w.failed);
}

static void counts_beyond_the_caps_are_refused(void **state)
{
    (void)state;
    static struct varve_stats stats;
    static uint8_t buf[VARVE_FRAME_MAX];
    fill_stats(&stats);
    stats.tier_count = 0;
    struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
    varve_fields_put(&w, varve_stats_fields, &stats);
    varve_wire_put_u32(&w, VARVE_MAX_TIERS + 1);
    varve_wire_put_u32(&w, 0);
    struct varve_wire_reader r = {.buf = buf, .len = w.used};
    varve_stats_get(&r, &stats);
    assert_true(r.failed);
    assert_int_equal(stats.tier_count, 0);
}

static void an_unknown_severity_and_a_text_too_long_are_refused(void **state)
{
    (void)state;
    uint8_t buf[2048];
    struct varve_event event = {.severity = (enum varve_severity)6};
    struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
    varve_fields_put(&w, varve_event_fields, &event);
    struct varve_wire_reader r = {.buf = buf, .len = w.used};
    varve_fields_get(&r, varve_event_fields, &event);
    assert_true(r.failed);

    char name[VARVE_NAME_TEXT + 1];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct varve_instance_stats instance;
    w = (struct varve_wire_writer){.buf = buf, .cap = sizeof buf};
    varve_wire_put_text(&w, name);
    r = (struct varve_wire_reader){.buf = buf, .len = w.used};
    varve_fields_get(&r, varve_instance_fields, &instance);
    assert_true(r.failed);
    assert_string_equal(instance.name, "");
}

static void a_query_comes_back_and_an_unknown_aggregation_does_not(void **state)
{
    (void)state;
    uint8_t buf[256];
    const struct varve_query sent = {.selector = "cpu{a=\"b\"}",
                                     .from_ms = -1,
                                     .to_ms = INT64_MAX,
                                     .step_ms = 60000,
                                     .tier = VARVE_TIER_AUTO,
                                     .agg = VARVE_AGG_RATE,
                                     .by_time = true};
    struct varve_query got;
    struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
    varve_query_put(&w, &sent);
    struct varve_wire_reader r = {.buf = buf, .len = w.used};
    varve_query_get(&r, &got);
    assert_true(varve_wire_done(&r));
    assert_string_equal(got.selector, sent.selector);
    assert_true(got.to_ms == INT64_MAX && got.from_ms == -1 && got.step_ms == 60000);
    assert_int_equal(got.tier, VARVE_TIER_AUTO);
    assert_int_equal(got.agg, VARVE_AGG_RATE);
    assert_true(got.by_time);
    buf[w.used - 5] = VARVE_AGG_RATE + 1;
    r = (struct varve_wire_reader){.buf = buf, .len = w.used};
    varve_query_get(&r, &got);
    assert_true(r.failed);
}

static void a_prune_and_its_report_come_back(void **state)
{
    (void)state;
    static uint8_t buf[VARVE_FRAME_MAX];
    static struct varve_prune_report sent, got;
    const struct varve_prune_request asked = {
        .selector = "a{b=\"c\"}", .after_ms = -9, .before_ms = -7, .tier = 2, .apply = true};
    struct varve_prune_request request;
    struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
    varve_prune_request_put(&w, &asked);
    struct varve_wire_reader r = {.buf = buf, .len = w.used};
    varve_prune_request_get(&r, &request);
    assert_true(varve_wire_done(&r));
    assert_string_equal(request.selector, asked.selector);
    assert_true(request.after_ms == -9 && request.before_ms == -7 && request.tier == 2 &&
                request.apply);
    buf[w.used - 1] = 2;
    r = (struct varve_wire_reader){.buf = buf, .len = w.used};
    varve_prune_request_get(&r, &request);
    assert_true(r.failed);

    sent = (struct varve_prune_report){
        .done = true, .series = 9, .unsettled = VARVE_E_CLOCK, .tier_count = VARVE_MAX_TIERS};
    memset(sent.left_alone, 'x', sizeof sent.left_alone - 1);
    for (unsigned i = 0; i < VARVE_MAX_TIERS; i++) {
        sent.tiers[i] = (struct varve_prune_tier){
            .name = "raw", .removed = i, .rows = UINT64_MAX, .needed_ms = INT64_MIN};
    }
    w = (struct varve_wire_writer){.buf = buf, .cap = sizeof buf};
    varve_prune_report_put(&w, &sent);
    assert_false(w.failed);
    r = (struct varve_wire_reader){.buf = buf, .len = w.used};
    varve_prune_report_get(&r, &got);
    assert_true(varve_wire_done(&r));
    assert_memory_equal(&sent, &got, sizeof sent);
}

static void a_report_of_too_many_tiers_is_refused(void **state)
{
    (void)state;
    static uint8_t buf[VARVE_FRAME_MAX];
    static struct varve_prune_report report;
    struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
    memset(&report, 0, sizeof report);
    varve_fields_put(&w, varve_prune_fields, &report);
    varve_wire_put_u32(&w, VARVE_MAX_TIERS + 1);
    struct varve_wire_reader r = {.buf = buf, .len = w.used};
    varve_prune_report_get(&r, &report);
    assert_true(r.failed);
    assert_int_equal(report.tier_count, 0);
}

// ---- frames -------------------------------------------------------------------------------------

static struct varve_channel left, right;

static int open_pair(void **state)
{
    (void)state;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) {
        return -1;
    }
    varve_channel_init(&left, fds[0], 200);
    varve_channel_init(&right, fds[1], 200);
    return 0;
}

static int close_pair(void **state)
{
    (void)state;
    varve_channel_close(&left);
    varve_channel_close(&right);
    return 0;
}

struct seen {
    size_t points;
    int64_t sum_ms;
    unsigned last_id;
    bool ordered;
};

static int see(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct seen *seen = arg;
    assert_in_range(n, 1, VARVE_RUN_PIECE);
    for (size_t i = 0; i < n; i++) {
        seen->sum_ms += points[i].time_ms;
        seen->ordered = seen->ordered && id >= seen->last_id;
        assert_true(points[i].value == (double)points[i].time_ms);
    }
    seen->last_id = id;
    seen->points += n;
    return 0;
}

// More points than three frames hold, in long runs and short ones; the socket's buffer takes them.
static size_t send_runs(void)
{
    static struct varve_point points[2500];
    size_t total = 0;
    for (size_t i = 0; i < 2500; i++) {
        points[i] = (struct varve_point){.time_ms = (int64_t)i, .value = (double)i};
    }
    for (unsigned id = 0; id < 5; id++) {
        size_t n = id % 2 ? 1 : 2500;
        int rc = varve_channel_run(&left, VARVE_FRAME_ROW_POINTS, (varve_series_id)id, points, n);
        assert_int_equal(rc, 0);
        total += n;
    }
    return total;
}

static void runs_are_packed_into_full_frames_and_come_back_in_order(void **state)
{
    (void)state;
    size_t total = send_runs();
    assert_int_equal(varve_channel_send_end(&left, 0, "done"), 0);
    struct seen seen = {.ordered = true};
    struct varve_frame frame;
    size_t frames = 0;
    for (;;) {
        assert_int_equal(varve_channel_receive(&right, 200, &frame), 0);
        if (frame.type == VARVE_FRAME_END) {
            break;
        }
        assert_int_equal(varve_runs_visit(&frame.payload, see, &seen), 0);
        frames++;
    }
    assert_int_equal(seen.points, total);
    assert_true(seen.ordered);
    assert_int_equal(frames, 4);
    assert_int_equal(varve_wire_get_i32(&frame.payload), 0);
    assert_string_equal(varve_wire_get_text(&frame.payload), "done");
}

static void a_payload_that_does_not_fit_is_dropped_whole(void **state)
{
    (void)state;
    struct varve_wire_writer w;
    assert_int_equal(varve_channel_begin(&left, VARVE_FRAME_ROW_LINE, &w), 0);
    static char text[60000];
    memset(text, 'x', sizeof text - 1);
    varve_wire_put_text(&w, text);
    assert_int_equal(varve_channel_end(&left, &w), VARVE_E_TOO_BIG);
    assert_int_equal(varve_channel_send_empty(&left, VARVE_FRAME_PING), 0);
    assert_int_equal(varve_channel_flush(&left), 0);
    struct varve_frame frame;
    assert_int_equal(varve_channel_receive(&right, 200, &frame), 0);
    assert_int_equal(frame.type, VARVE_FRAME_PING);
    assert_int_equal(frame.payload.len, 0);
}

static void a_frame_longer_than_the_limit_is_refused_unread(void **state)
{
    (void)state;
    const uint8_t header[] = {2, 0, 0, 0, 1, 128, 0, 0};
    assert_int_equal(write(left.fd, header, sizeof header), sizeof header);
    struct varve_frame frame;
    assert_int_equal(varve_channel_receive(&right, 200, &frame), VARVE_E_CORRUPT);
}

static void a_peer_that_stalls_within_a_frame_times_out(void **state)
{
    (void)state;
    const uint8_t header[] = {2, 0, 0, 0, 4, 0, 0, 0, 1};
    struct varve_frame frame;
    assert_int_equal(varve_channel_receive(&right, 10, &frame), VARVE_E_TIMEOUT);
    assert_int_equal(write(left.fd, header, sizeof header), sizeof header);
    assert_int_equal(varve_channel_receive(&right, 200, &frame), VARVE_E_TIMEOUT);
}

static void a_peer_that_does_not_read_times_out(void **state)
{
    (void)state;
    static const struct varve_point points[256];
    int rc = 0;
    for (int i = 0; rc == 0 && i < 10000; i++) {
        rc = varve_channel_run(&left, VARVE_FRAME_ROW_POINTS, 1, points, 256);
    }
    assert_int_equal(rc, VARVE_E_TIMEOUT);
}

static void a_closed_peer_is_told_apart(void **state)
{
    (void)state;
    struct varve_frame frame;
    varve_channel_close(&left);
    assert_int_equal(varve_channel_receive(&right, 200, &frame), VARVE_E_CLOSED);
    assert_int_equal(varve_channel_send_end(&right, 0, ""), VARVE_E_CLOSED);
}

static int count_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)id;
    (void)points;
    *(size_t *)arg += n;
    return 0;
}

// Random bytes in place of runs: nothing is read outside (a sanitizer watches), never too many.
static void random_runs_are_read_within_bounds(void **state)
{
    (void)state;
    struct test_random random = random_start(__func__);
    for (int round = 0; round < 20000; round++) {
        size_t len = random_below(&random, 120);
        uint8_t *bytes = malloc(len + 1);
        assert_non_null(bytes);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)random_below(&random, i % 4 < 2 ? 256 : 4);
        }
        struct varve_wire_reader r = {.buf = bytes, .len = len};
        size_t points = 0;
        int rc = varve_runs_visit(&r, count_points, &points);
        assert_true(rc == 0 || rc == VARVE_E_CORRUPT);
        assert_true(points * 16 <= len);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian_and_come_back),
        cmocka_unit_test(a_writer_without_room_fails_and_stays_inside),
        cmocka_unit_test(a_reader_never_goes_past_the_payload),
        cmocka_unit_test(texts_need_their_length_their_nul_and_no_other),
        cmocka_unit_test(stats_come_back_with_every_field),
        cmocka_unit_test(stats_with_all_tiers_and_backends_fit_a_frame),
        cmocka_unit_test(counts_beyond_the_caps_are_refused),
        cmocka_unit_test(an_unknown_severity_and_a_text_too_long_are_refused),
        cmocka_unit_test(a_query_comes_back_and_an_unknown_aggregation_does_not),
        cmocka_unit_test(a_prune_and_its_report_come_back),
        cmocka_unit_test(a_report_of_too_many_tiers_is_refused),
        cmocka_unit_test_setup_teardown(runs_are_packed_into_full_frames_and_come_back_in_order,
                                        open_pair, close_pair),
        cmocka_unit_test_setup_teardown(a_payload_that_does_not_fit_is_dropped_whole, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(a_frame_longer_than_the_limit_is_refused_unread, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(a_peer_that_stalls_within_a_frame_times_out, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(a_peer_that_does_not_read_times_out, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(a_closed_peer_is_told_apart, open_pair, close_pair),
        cmocka_unit_test(random_runs_are_read_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
