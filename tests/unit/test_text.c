// SPDX-License-Identifier: Apache-2.0
// The text module against libc's snprintf, globs against a plain recursive matcher, and the value
// parsers with their printers.
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/text.h"
#include "varve/port.h"

// ---- fake: the log's end of the port ------------------------------------------------------------

static char logged[512];
static enum varve_severity logged_severity;

void varve_port_log(enum varve_severity severity, const char *component, const char *text)
{
    logged_severity = severity;
    snprintf(logged, sizeof logged, "%s: %s", component, text);
}

// ---- helpers ------------------------------------------------------------------------------------

static uint64_t seed_state;

static unsigned draw(unsigned below)
{
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed_state >> 33) % below;
}

static void seed_random(void)
{
    const char *given = getenv("VARVE_TEST_SEED");
    seed_state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("seed: VARVE_TEST_SEED=%llu\n", (unsigned long long)seed_state);
}

#define SAME_AS_LIBC(...)                                                                          \
    do {                                                                                           \
        char ours[256], theirs[256];                                                               \
        size_t length = varve_format(ours, sizeof ours, __VA_ARGS__);                              \
        int expected = snprintf(theirs, sizeof theirs, __VA_ARGS__);                               \
        assert_string_equal(ours, theirs);                                                         \
        assert_int_equal(length, expected);                                                        \
    } while (0)

// ---- format -------------------------------------------------------------------------------------

static void format_agrees_with_libc(void **state)
{
    (void)state;
    SAME_AS_LIBC("plain, no conversion%%");
    SAME_AS_LIBC("[%s] [%10s] [%-10s] [%.3s] [%-8.2s] [%.0s]", "abc", "abc", "abc", "abcdef", "xyz",
                 "gone");
    SAME_AS_LIBC("[%.*s] [%*s] [%-*s] [%*s]", 2, "abcdef", 6, "ab", 6, "ab", -6, "ab");
    SAME_AS_LIBC("%d %i %d %d %d", 0, -1, INT_MIN, INT_MAX, 42);
    SAME_AS_LIBC("[%5d] [%-5d] [%05d] [%05d] [%3d]", 42, 42, 42, -42, 123456);
    SAME_AS_LIBC("%u %u %x %X %08x", 0u, UINT_MAX, 0xbeefu, 0xbeefu, 0xbeefu);
    SAME_AS_LIBC("%ld %ld %lu %lx", LONG_MIN, LONG_MAX, ULONG_MAX, ULONG_MAX);
    SAME_AS_LIBC("%lld %lld %llu %020llu", LLONG_MIN, LLONG_MAX, ULLONG_MAX, 7ull);
    SAME_AS_LIBC("%zu %zu", (size_t)0, SIZE_MAX);
    SAME_AS_LIBC("[%c] [%3c] [%-3c]", 'x', 'y', 'z');
}

static void format_returns_the_whole_length_and_terminates_what_fits(void **state)
{
    (void)state;
    char buf[8];
    for (size_t cap = 1; cap <= sizeof buf; cap++) {
        memset(buf, '#', sizeof buf);
        assert_int_equal(varve_format(buf, cap, "%s-%d", "hello", 12345), 11);
        assert_memory_equal(buf, "hello-1", cap - 1);
        assert_int_equal(buf[cap - 1], '\0');
        if (cap < sizeof buf) {
            assert_int_equal(buf[cap], '#');
        }
    }
    buf[0] = '#';
    assert_int_equal(varve_format(buf, 0, "%s", "abc"), 3);
    assert_int_equal(buf[0], '#');
}

static void format_reads_no_byte_behind_the_precision(void **state)
{
    (void)state;
    const char *heap_bytes = "xyz";
    char *unterminated = malloc(3);
    memcpy(unterminated, heap_bytes, 3);
    char buf[8];
    varve_format(buf, sizeof buf, "%.*s", 3, unterminated);
    assert_string_equal(buf, "xyz");
    free(unterminated);
}

static size_t format_unchecked(char *buf, size_t cap, const char *format, ...)
{
    va_list args;
    va_start(args, format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t length = varve_vformat(buf, cap, format, args);
#pragma GCC diagnostic pop
    va_end(args);
    return length;
}

static void format_shows_an_unknown_conversion_and_a_null_string(void **state)
{
    (void)state;
    char buf[64];
    format_unchecked(buf, sizeof buf, "a %d b %f c %d", 1, 2, 3);
    assert_string_equal(buf, "a 1 b %f c %d");
    format_unchecked(buf, sizeof buf, "end %");
    assert_string_equal(buf, "end %");
    format_unchecked(buf, sizeof buf, "%s", (const char *)NULL);
    assert_string_equal(buf, "(null)");
}

// ---- appender -----------------------------------------------------------------------------------

static void appender_collects_pieces_and_says_when_it_was_cut(void **state)
{
    (void)state;
    char buf[10];
    struct varve_text t;
    varve_text_init(&t, buf, sizeof buf);
    assert_string_equal(buf, "");
    varve_text_add(&t, "%d", 123);
    varve_text_bytes(&t, "abcdefgh", 4);
    assert_string_equal(buf, "123abcd");
    assert_false(t.cut);
    varve_text_add(&t, "%s", "xy");
    assert_int_equal(t.len, 9);
    assert_false(t.cut);
    varve_text_add(&t, "%s", "z");
    assert_true(t.cut);
    varve_text_bytes(&t, "more", 4);
    assert_string_equal(buf, "123abcdxy");
    varve_text_init(&t, buf, sizeof buf);
    varve_text_bytes(&t, "0123456789", 10);
    assert_string_equal(buf, "012345678");
    assert_true(t.cut);
}

// ---- glob ---------------------------------------------------------------------------------------

static bool glob_model(const char *p, const char *t)
{
    if (*p == '\0') {
        return *t == '\0';
    }
    if (*p == '*') {
        return glob_model(p + 1, t) || (*t != '\0' && glob_model(p, t + 1));
    }
    return *t != '\0' && (*p == '?' || *p == *t) && glob_model(p + 1, t + 1);
}

static void glob_matches_whole_texts(void **state)
{
    (void)state;
    assert_true(varve_glob("", ""));
    assert_true(varve_glob("*", ""));
    assert_false(varve_glob("?", ""));
    assert_true(varve_glob("net_*", "net_rx_bytes"));
    assert_true(varve_glob("*_bytes", "net_rx_bytes"));
    assert_false(varve_glob("net", "net_rx_bytes"));
    assert_true(varve_glob("cpu?", "cpu0"));
    assert_false(varve_glob("cpu?", "cpu10"));
}

static void glob_agrees_with_a_recursive_matcher(void **state)
{
    (void)state;
    seed_random();
    unsigned matched = 0;
    for (unsigned round = 0; round < 20000; round++) {
        char pattern[9], text[9];
        size_t np = draw(8), nt = draw(8);
        for (size_t i = 0; i < np; i++) {
            pattern[i] = "ab*?"[draw(4)];
        }
        for (size_t i = 0; i < nt; i++) {
            text[i] = "ab"[draw(2)];
        }
        pattern[np] = text[nt] = '\0';
        bool expected = glob_model(pattern, text);
        matched += expected ? 1 : 0;
        if (varve_glob(pattern, text) != expected) {
            fail_msg("pattern '%s' text '%s'", pattern, text);
        }
    }
    assert_true(matched > 1000);
}

static void glob_with_many_stars_ends_soon(void **state)
{
    (void)state;
    char pattern[201], text[2001];
    for (size_t i = 0; i < 200; i += 2) {
        memcpy(pattern + i, "*a", 2);
    }
    pattern[199] = 'b';
    pattern[200] = '\0';
    memset(text, 'a', 2000);
    text[2000] = '\0';
    // A matcher that goes back to every star would need some 10^100 steps.
    assert_false(varve_glob(pattern, text));
}

// ---- distance -----------------------------------------------------------------------------------

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(varve_text_distance("", ""), 0);
    assert_int_equal(varve_text_distance("abc", ""), 3);
    assert_int_equal(varve_text_distance("kitten", "sitting"), 3);
    assert_int_equal(varve_text_distance("cup", "cpu"), 1);
    assert_int_equal(varve_text_distance("interval", "intervall"), 1);
    char longest[VARVE_DISTANCE_MAX], too_long[VARVE_DISTANCE_MAX + 1];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    memset(too_long, 'x', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    assert_int_equal(varve_text_distance(longest, ""), VARVE_DISTANCE_MAX - 1);
    assert_int_equal(varve_text_distance(longest, longest), 0);
    assert_true(varve_text_distance(too_long, "x") == UINT_MAX);
}

static void nearest_suggests_a_likely_name_only(void **state)
{
    (void)state;
    struct varve_nearest near = {.wanted = "intervall"};
    varve_nearest_offer(&near, "enabled");
    assert_null(near.best);
    varve_nearest_offer(&near, "intervals");
    varve_nearest_offer(&near, "interval");
    assert_string_equal(near.best, "intervals"); // equally near: the first
    struct varve_nearest none = {.wanted = "xyz"};
    varve_nearest_offer(&none, "cpu");
    assert_null(none.best);
}

// ---- values -------------------------------------------------------------------------------------

static void integers_are_read_whole_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"+7", 7},
        {"-12", -12},
        {"007", 7},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    static const char *const bad[] = {
        "",
        "-",
        "+",
        "1 ",
        " 1",
        "1x",
        "0x",
        "1.5",
        "--1",
        "٣",
        "1e3",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "99999999999999999999999",
    };
    int64_t value;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(varve_parse_int(good[i].text, &value), 0);
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(varve_parse_int(bad[i], &value), VARVE_E_INVALID);
    }
}

static void durations_and_sizes_are_read_whole_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } durations[] = {
        {"0", 0},
        {"0s", 0},
        {"500ms", 500},
        {"5s", 5000},
        {"2m", 120000},
        {"24h", 86400000},
        {"90d", 7776000000},
        {"2w", 1209600000},
        {"9223372036854775807ms", INT64_MAX},
    };
    static const struct {
        const char *text;
        int64_t value;
    } sizes[] = {
        {"512", 512}, {"64K", 65536}, {"8M", 8388608}, {"1G", 1073741824}, {"0", 0},
    };
    static const char *const bad_durations[] = {
        "", "5", "s", "5 seconds", "5 s", "-5s", "5S", "1h30m", "1.5h", "9223372036854776s", "5sec",
    };
    static const char *const bad_sizes[] = {
        "", "K", "-1", "64k ", "64KB", "1.5M", "9007199254740992K",
    };
    int64_t value;
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        assert_int_equal(varve_parse_duration(durations[i].text, &value), 0);
        assert_true(value == durations[i].value);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(varve_parse_size(sizes[i].text, &value), 0);
        assert_true(value == sizes[i].value);
    }
    for (size_t i = 0; i < sizeof bad_durations / sizeof bad_durations[0]; i++) {
        assert_int_equal(varve_parse_duration(bad_durations[i], &value), VARVE_E_INVALID);
    }
    for (size_t i = 0; i < sizeof bad_sizes / sizeof bad_sizes[0]; i++) {
        assert_int_equal(varve_parse_size(bad_sizes[i], &value), VARVE_E_INVALID);
    }
}

static void printed_durations_and_sizes_read_back_equal(void **state)
{
    (void)state;
    char text[32];
    varve_format_duration(text, sizeof text, 7200000);
    assert_string_equal(text, "2h");
    varve_format_duration(text, sizeof text, 90000);
    assert_string_equal(text, "90s");
    varve_format_size(text, sizeof text, 512 * 1024);
    assert_string_equal(text, "512K");
    seed_random();
    for (unsigned round = 0; round < 20000; round++) {
        static const int64_t factors[] = {1, 1000, 60000, 3600000, 86400000, 1024, 1 << 20};
        int64_t back, value = (int64_t)draw(1u << 20) * factors[draw(7)];
        assert_true(varve_format_duration(text, sizeof text, value) < sizeof text);
        assert_int_equal(varve_parse_duration(text, &back), 0);
        assert_true(back == value);
        assert_true(varve_format_size(text, sizeof text, value) < sizeof text);
        assert_int_equal(varve_parse_size(text, &back), 0);
        assert_true(back == value);
    }
}

// ---- errors and log -----------------------------------------------------------------------------

static void every_error_code_has_its_text(void **state)
{
    (void)state;
    assert_string_equal(varve_strerror(VARVE_E_CORRUPT), "data is damaged");
    assert_string_equal(varve_strerror(VARVE_E_AGAIN), "more to do");
    assert_string_equal(varve_strerror(VARVE_OK), "no error");
    assert_string_equal(varve_strerror(17), "no error");
    assert_string_equal(varve_strerror(-1000), "unknown error");
}

static void log_hands_a_line_to_the_port_and_marks_a_cut_one(void **state)
{
    (void)state;
    varve_log(VARVE_WARNING, "test", "%s has %d", "x", 3);
    assert_int_equal(logged_severity, VARVE_WARNING);
    assert_string_equal(logged, "test: x has 3");
    char text[VARVE_MESSAGE_TEXT + 1];
    memset(text, 'y', sizeof text);
    text[VARVE_MESSAGE_TEXT - 1] = '\0'; // just fits
    varve_log(VARVE_INFO, "t", "%s", text);
    assert_string_equal(logged + 3, text);
    text[VARVE_MESSAGE_TEXT - 1] = 'y';
    text[VARVE_MESSAGE_TEXT] = '\0';
    varve_log(VARVE_INFO, "t", "%s", text);
    assert_int_equal(strlen(logged), 3 + VARVE_MESSAGE_TEXT - 1);
    assert_string_equal(logged + strlen(logged) - 4, "y...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_agrees_with_libc),
        cmocka_unit_test(format_returns_the_whole_length_and_terminates_what_fits),
        cmocka_unit_test(format_reads_no_byte_behind_the_precision),
        cmocka_unit_test(format_shows_an_unknown_conversion_and_a_null_string),
        cmocka_unit_test(appender_collects_pieces_and_says_when_it_was_cut),
        cmocka_unit_test(glob_matches_whole_texts),
        cmocka_unit_test(glob_agrees_with_a_recursive_matcher),
        cmocka_unit_test(glob_with_many_stars_ends_soon),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(nearest_suggests_a_likely_name_only),
        cmocka_unit_test(integers_are_read_whole_or_refused),
        cmocka_unit_test(durations_and_sizes_are_read_whole_or_refused),
        cmocka_unit_test(printed_durations_and_sizes_read_back_equal),
        cmocka_unit_test(every_error_code_has_its_text),
        cmocka_unit_test(log_hands_a_line_to_the_port_and_marks_a_cut_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
