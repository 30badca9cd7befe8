// SPDX-License-Identifier: Apache-2.0
// Regular expressions for label values: what they match, what they refuse, and that no pattern and
// no value makes them slow.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "core/query/regex.h"
#include "varve/error.h"

static uint8_t memory[65536] __attribute__((aligned(16)));

static int compile(const char *pattern, const struct regex **out, const char **why)
{
    struct varve_arena arena = {.base = memory, .size = sizeof memory};
    size_t at;
    return regex_compile(pattern, strlen(pattern), &arena, out, why, &at);
}

static bool match(const char *pattern, const char *text)
{
    const struct regex *regex;
    const char *why;
    int rc = compile(pattern, &regex, &why);
    if (rc != 0) {
        fail_msg("`%s`: %s", pattern, why);
    }
    return regex_match(regex, text, strlen(text));
}

static void patterns_match_whole_values(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"abc", "abc", true},
        {"abc", "abcd", false},
        {"b", "abc", false},
        {".*b.*", "abc", true},
        {"a.c", "a\nc", false},
        {"(.|\\s)*", "a\nc", true},
        {"a|bc|", "bc", true},
        {"a|bc|", "", true},
        {"a|b|c", "d", false},
        {"(a|b)*c", "ababc", true},
        {"(?:ab)+", "abab", true},
        {"(?:ab)+", "aba", false},
        {"ab?c", "ac", true},
        {"a*?", "aaa", true},
        {"a{2}", "aa", true},
        {"a{2}", "aaa", false},
        {"a{2,}", "aaaaa", true},
        {"a{2,}", "a", false},
        {"a{0,}", "", true},
        {"a{1,3}b", "aaab", true},
        {"a{1,3}b", "aaaab", false},
        {"a{0}b", "b", true},
        {"a{0,2}", "aa", true},
        {"(ab|c){2}", "cab", true},
        {"x{,2}", "x{,2}", true},
        {"[a-cx]+", "abcx", true},
        {"[^a-c]", "b", false},
        {"[]a]+", "]a", true},
        {"[a\\-z]+", "a-z", true},
        {"[a-]", "-", true},
        {"[\\d_]+", "12_3", true},
        {"\\d+\\.\\w+", "12.a_b", true},
        {"\\D\\W\\S", "x-y", true},
        {"\\D", "1", false},
        {"\\*\\+\\?", "*+?", true},
        {"^abc$", "abc", true},
        {"a^b", "ab", false},
        {"(^a|b)+", "ab", true},
        {"é.", "éü", true},
        {"[à-ü]+", "éü", true},
        {"..", "é", false},
        {".", "\xff", true},
        {"\xff", "\xff", true},
        {"eth[0-9]+|lo", "eth12", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (match(cases[i].pattern, cases[i].text) != cases[i].matches) {
            fail_msg("`%s` and `%s`", cases[i].pattern, cases[i].text);
        }
    }
}

static void what_is_not_supported_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(?i)a", "(?P<n>a)", "\\bword", "\\p{L}", "[[:alpha:]]", "a\\",   "[a",    "(a",
        "a)",    "*a",       "a**",     "a{2,1}", "a{1001}",     "a+{2}", "[z-a]", "|*",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        const struct regex *regex;
        const char *why = NULL;
        assert_true(compile(patterns[i], &regex, &why) < 0);
        assert_non_null(why);
    }
}

// Bounded by instructions and characters; with backtracking these would not end.
static void no_pattern_explodes(void **state)
{
    (void)state;
    static char text[256];
    memset(text, 'a', sizeof text - 1);
    assert_false(match("(a*)*b", text));
    assert_false(match("(a|a|a|a)*b", text));
    assert_false(match("(a+)+(a+)+(a+)+b", text));
    assert_false(match("(.*)(.*)(.*)(.*)(.*)(.*)(.*)b", text));
    assert_true(match("(a?){255}a{0,255}", text));
}

static void programs_that_are_too_long_are_refused(void **state)
{
    (void)state;
    const struct regex *regex;
    const char *why = NULL;
    assert_int_equal(compile("((a{100}){100}){100}", &regex, &why), VARVE_E_TOO_BIG);
    assert_int_equal(compile("(((){1000}){1000}){1000}", &regex, &why), VARVE_E_TOO_BIG);
    static char alternatives[4000];
    for (size_t i = 0; i + 1 < sizeof alternatives; i++) {
        alternatives[i] = i % 2 == 0 ? 'a' : '|';
    }
    assert_int_equal(compile(alternatives, &regex, &why), VARVE_E_TOO_BIG);
    static char groups[100];
    memset(groups, '(', sizeof groups - 1);
    assert_int_equal(compile(groups, &regex, &why), VARVE_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_whole_values),
        cmocka_unit_test(what_is_not_supported_is_refused_with_a_reason),
        cmocka_unit_test(no_pattern_explodes),
        cmocka_unit_test(programs_that_are_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
