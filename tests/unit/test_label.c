// SPDX-License-Identifier: Apache-2.0
// Series texts and selectors: one canonical text for every spelling, a reason and the right column
// for everything malformed, Prometheus' meaning of = and !=.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/label.h"
#include "random.h"
#include "varve/error.h"

static void expect_canonical(const char *text, const char *want)
{
    struct varve_labels labels;
    char buf[VARVE_SERIES_TEXT];
    const char *why = NULL;
    size_t column;
    int rc = varve_labels_parse(text, &labels, &why, &column);
    if (rc != 0) {
        print_error("%s: %s at %zu\n", text, why, column);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(varve_labels_write(&labels, buf, sizeof buf), strlen(want));
    assert_string_equal(buf, want);
}

static void every_spelling_has_one_canonical_text(void **state)
{
    (void)state;
    expect_canonical("up", "up");
    expect_canonical("  up\t", "up");
    expect_canonical("up{}", "up");
    expect_canonical("up { }", "up");
    expect_canonical("node:cpu_x9", "node:cpu_x9");
    expect_canonical("_a:b{x=\"1\"}", "_a:b{x=\"1\"}");
    expect_canonical("a{b=\"1\",a=\"2\"}", "a{a=\"2\",b=\"1\"}");
    expect_canonical(" a { b = \"1\" ,\ta=\"2\" , } ", "a{a=\"2\",b=\"1\"}");
    expect_canonical("a{ab=\"1\",a=\"2\",a_=\"3\",B=\"4\"}",
                     "a{B=\"4\",a=\"2\",a_=\"3\",ab=\"1\"}");
    expect_canonical("a{b=\"\"}", "a");
    expect_canonical("a{c=\"\",b=\"1\",d=\"\"}", "a{b=\"1\"}");
    expect_canonical("a{b=\" {,}=~ \"}", "a{b=\" {,}=~ \"}");
    expect_canonical("a{b=\"q\\\"b\\\\n\\n\"}", "a{b=\"q\\\"b\\\\n\\n\"}");
    expect_canonical("a{b=\"gr\xc3\xbc\xc3\x9f\"}", "a{b=\"gr\xc3\xbc\xc3\x9f\"}");
}

static void permuted_labels_have_the_same_text(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    const char *labels[] = {"device=\"eth0\"", "mode=\"idle\"", "core=\"3\"",
                            "zone=\"a b\"",    "de=\"x\"",      "devicez=\"1\""};
    const char *want = "m{core=\"3\",de=\"x\",device=\"eth0\",devicez=\"1\",mode=\"idle\","
                       "zone=\"a b\"}";
    for (int round = 0; round < 200; round++) {
        char text[256];
        for (size_t i = 5; i > 0; i--) {
            size_t j = random_below(&r, (uint32_t)i + 1);
            const char *swap = labels[i];
            labels[i] = labels[j];
            labels[j] = swap;
        }
        snprintf(text, sizeof text, "m{%s,%s, %s,%s ,%s,%s}", labels[0], labels[1], labels[2],
                 labels[3], labels[4], labels[5]);
        expect_canonical(text, want);
    }
}

struct malformed {
    const char *text;
    int column;
    const char *why; // part of the reason
};

static void expect_reasons(const struct malformed *cases, size_t count,
                           int (*parse)(const char *, struct varve_labels *, const char **,
                                        size_t *))
{
    for (size_t i = 0; i < count; i++) {
        struct varve_labels labels;
        const char *why = NULL;
        size_t column = 9999;
        int rc = parse(cases[i].text, &labels, &why, &column);
        if (rc != VARVE_E_INVALID || why == NULL || strstr(why, cases[i].why) == NULL ||
            column != (size_t)cases[i].column) {
            fail_msg("%s: %d, column %zu, %s", cases[i].text, rc, column, why ? why : "no reason");
        }
        assert_int_equal(parse(cases[i].text, &labels, NULL, NULL), rc);
    }
}

static void malformed_series_get_a_reason_and_the_column(void **state)
{
    (void)state;
    const struct malformed cases[] = {
        {"", 0, "expected a metric name"},
        {"   ", 3, "expected a metric name"},
        {"9lives", 0, "expected a metric name"},
        {"{a=\"b\"}", 0, "expected a metric name"},
        {"web.cpu", 3, "unexpected character"},
        {"a b", 2, "unexpected character"},
        {"a*", 1, "unexpected character"},
        {"a{", 2, "expected a label name"},
        {"a{,}", 2, "expected a label name"},
        {"a{1b=\"x\"}", 2, "expected a label name"},
        {"a{b}", 3, "expected ="},
        {"a{b", 3, "expected ="},
        {"a{b=", 4, "in double quotes"},
        {"a{b=x}", 4, "in double quotes"},
        {"a{b='x'}", 4, "in double quotes"},
        {"a{b=\"x", 6, "no closing quote"},
        {"a{b=\"x\ny\"}", 6, "no closing quote"},
        {"a{b=\"x\\t\"}", 7, "after a backslash"},
        {"a{b=\"x\\ y\"}", 7, "after a backslash"},
        {"a{b=\"x\\", 7, "after a backslash"},
        {"a{b=\"x\" c=\"y\"}", 8, "expected , or }"},
        {"a{b=\"x\"", 7, "expected , or }"},
        {"a{b=\"x\"}}", 8, "unexpected character"},
        {"a{b=\"x\"} c", 9, "unexpected character"},
        {"a{b!=\"x\"}", 3, "label=\"value\" only"},
        {"a{b=~\"x\"}", 3, "regular expressions"},
        {"a{b=\"x\",c=\"y\",b=\"z\"}", 14, "twice"},
        {"a{b=\"\", b=\"z\"}", 8, "twice"},
    };
    expect_reasons(cases, sizeof cases / sizeof *cases, varve_labels_parse);
}

static void malformed_selectors_get_a_reason_and_the_column(void **state)
{
    (void)state;
    const struct malformed cases[] = {
        {"a{b!~\"x\"}", 3, "regular expressions"},     {"a{b =~\"x\"}", 4, "regular expressions"},
        {"a{b!\"x\"}", 3, "expected = or !="},         {"a{b\"x\"}", 3, "expected = or !="},
        {"a{*=\"x\"}", 2, "expected a label name"},    {"[a]", 0, "unexpected character"},
        {"a{b=\"x\"}[5m]", 8, "unexpected character"},
    };
    expect_reasons(cases, sizeof cases / sizeof *cases, varve_selector_parse);
}

static void label_number_seventeen_is_too_big(void **state)
{
    (void)state;
    char text[512] = "m{";
    struct varve_labels labels;
    const char *why = NULL;
    size_t column = 0, before = 0;
    for (unsigned i = 0; i <= VARVE_MAX_LABELS; i++) {
        before = strlen(text);
        snprintf(text + before, sizeof text - before, "k%u=\"v\",", i);
    }
    assert_int_equal(varve_labels_parse(text, &labels, &why, &column), VARVE_E_TOO_BIG);
    assert_int_equal(column, before);
    assert_string_equal(why, "too many labels");
    text[before - 1] = '}';
    text[before] = '\0';
    assert_int_equal(varve_labels_parse(text, &labels, &why, &column), 0);
    assert_int_equal(labels.count, VARVE_MAX_LABELS);
}

static void text_that_does_not_fit_is_refused_whole(void **state)
{
    (void)state;
    const char *text = "metric{key=\"value\",other=\"2\"}";
    struct varve_labels labels;
    char buf[64];
    assert_int_equal(varve_labels_parse(text, &labels, NULL, NULL), 0);
    for (size_t cap = 1; cap < sizeof buf; cap++) {
        memset(buf, '#', sizeof buf);
        int rc = varve_labels_write(&labels, buf, cap);
        assert_int_equal(rc, cap > strlen(text) ? (int)strlen(text) : VARVE_E_TOO_BIG);
        assert_int_equal(buf[cap], '#');
    }
}

static bool matches(const char *selector_text, const char *series)
{
    struct varve_labels selector;
    assert_int_equal(varve_selector_parse(selector_text, &selector, NULL, NULL), 0);
    return varve_selector_match(&selector, series);
}

static void selectors_match_as_prometheus_does(void **state)
{
    (void)state;
    const char *series = "net_rx{device=\"eth0\",zone=\"a\\\"b\"}";
    const char *yes[] = {"",
                         "*",
                         "{}",
                         "net_rx",
                         "net_*",
                         "*_r?",
                         "net_rx{device=\"eth0\"}",
                         "{device=\"eth0\"}",
                         "net_rx{device!=\"eth1\"}",
                         "{zone=\"a\\\"b\"}",
                         "{missing=\"\"}",
                         "{missing!=\"x\"}",
                         "{device!=\"\"}",
                         "{device=\"eth0\",device!=\"eth1\"}"};
    const char *no[] = {"net",
                        "net_rxx",
                        "net_?",
                        "NET_RX",
                        "net_rx{device=\"eth\"}",
                        "net_rx{device=\"eth00\"}",
                        "{device!=\"eth0\"}",
                        "{device=\"\"}",
                        "{missing=\"x\"}",
                        "{missing!=\"\"}",
                        "{device=\"eth*\"}",
                        "{device=\"eth0\",zone!=\"a\\\"b\"}"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (!matches(yes[i], series)) {
            fail_msg("%s should match", yes[i]);
        }
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        if (matches(no[i], series)) {
            fail_msg("%s should not match", no[i]);
        }
    }
    assert_false(matches("*", "not a series"));
}

static void escaped_values_parse_and_are_canonical(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    const char alphabet[] = "ab\\\"\n{},= ";
    for (int round = 0; round < 5000; round++) {
        char raw[20], escaped[40], text[64];
        size_t n = 1 + random_below(&r, sizeof raw - 2), need = 0;
        for (size_t i = 0; i < n; i++) {
            raw[i] = alphabet[random_below(&r, sizeof alphabet - 1)];
            need += strchr("\\\"\n", raw[i]) != NULL ? 2 : 1;
        }
        raw[n] = '\0';
        assert_int_equal(varve_label_escape(raw, escaped, sizeof escaped), need);
        assert_int_equal(strlen(escaped), need);
        snprintf(text, sizeof text, "m{k=\"%s\"}", escaped);
        expect_canonical(text, text);
        char *exact = malloc(need + 1);
        assert_int_equal(varve_label_escape(raw, exact, need + 1), need);
        assert_int_equal(varve_label_escape(raw, exact, need), VARVE_E_TOO_BIG);
        free(exact);
    }
}

// Whatever parses must reach a fixed point: its canonical text is its own canonical text.
static void hostile_bytes_are_refused_or_canonical(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    const char alphabet[] = "aab_1:{}==\"\"\"\"\\n,, \t\n!~*\x80\xff";
    unsigned parsed = 0;
    for (int round = 0; round < 60000; round++) {
        char *text = malloc(41), once[VARVE_SERIES_TEXT], twice[VARVE_SERIES_TEXT];
        size_t n = random_below(&r, 41), column = 9999;
        for (size_t i = 0; i < n; i++) {
            text[i] = alphabet[random_below(&r, sizeof alphabet - 1)];
        }
        text[n] = '\0';
        memcpy(text, "a{b=\"", random_below(&r, 2) == 0 && n > 5 ? 5 : 0);
        struct varve_labels labels;
        const char *why = NULL;
        int rc = varve_labels_parse(text, &labels, &why, &column);
        if (rc == 0) {
            parsed++;
            assert_true(varve_labels_write(&labels, once, sizeof once) > 0);
            assert_int_equal(varve_labels_parse(once, &labels, &why, &column), 0);
            assert_true(varve_labels_write(&labels, twice, sizeof twice) > 0);
            assert_string_equal(once, twice);
            assert_true(matches(once, once));
        } else {
            assert_non_null(why);
            assert_true(column <= n);
        }
        (void)varve_selector_parse(text, &labels, &why, &column); // only that it stays inside
        free(text);
    }
    assert_true(parsed > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_has_one_canonical_text),
        cmocka_unit_test(permuted_labels_have_the_same_text),
        cmocka_unit_test(malformed_series_get_a_reason_and_the_column),
        cmocka_unit_test(malformed_selectors_get_a_reason_and_the_column),
        cmocka_unit_test(label_number_seventeen_is_too_big),
        cmocka_unit_test(text_that_does_not_fit_is_refused_whole),
        cmocka_unit_test(selectors_match_as_prometheus_does),
        cmocka_unit_test(escaped_values_parse_and_are_canonical),
        cmocka_unit_test(hostile_bytes_are_refused_or_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
