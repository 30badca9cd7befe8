// SPDX-License-Identifier: Apache-2.0
// The configuration: what reaches the struct, files and includes over a faked port, settings from
// the command line, the manual. Golden files and mutated texts are test_conf_golden.c's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/conf_fixture.h"

static int parse_and_finish(const char *text)
{
    conf_start(&conf);
    int rc = varve_conf_parse(&conf, "t", text);
    return rc != 0 ? rc : varve_conf_finish(&conf);
}

// ---- what the struct holds ----------------------------------------------------------------------

static void values_reach_the_struct(void **state)
{
    (void)state;
    assert_int_equal(parse_and_finish("[varve]\nflush = 1m\nlog = syslog\nlog_level = warning\n"
                                      "[collector c : cpu]\ninterval = 3s\nmode = fast\n"
                                      "[backend b : sqlite]\npath = p.db\ncache = 1M\n"
                                      "tiers = hour minute\n"),
                     0);
    assert_string_equal(conf.settings.state, "/var/lib/varve");
    assert_int_equal(conf.settings.flush_ms, 60000);
    assert_int_equal(conf.settings.series, 1024);
    assert_int_equal(conf.settings.outbox_bytes, 512 * 1024);
    assert_int_equal(conf.settings.log_target, 1);
    assert_int_equal(conf.settings.log_level, VARVE_WARNING);
    assert_int_equal(conf.instance_count, 2);
    const struct varve_instance_conf *c = &conf.instances[0];
    assert_string_equal(c->name, "c");
    assert_ptr_equal(c->plugin, &conf_cpu);
    assert_true(c->enabled);
    assert_int_equal(c->interval_ms, 3000);
    assert_int_equal(c->deadline_ms, 10000);
    const struct cpu_options *co = c->options;
    assert_true(co->per_core);
    assert_int_equal(co->mode, 1);
    const struct sqlite_options *so = conf.instances[1].options;
    assert_string_equal(so->path, "p.db");
    assert_string_equal(so->note, "");
    assert_int_equal(so->cache_bytes, 1 << 20);
    assert_int_equal(conf.instances[1].tiers, 6);
    assert_int_equal(conf.tiers[0].window_ms, 60000);
}

static void default_tiers_have_the_documented_windows(void **state)
{
    (void)state;
    assert_int_equal(parse_and_finish(""), 0);
    static const int64_t windows[] = {300000, 3600000, 6 * 3600000, 86400000};
    assert_int_equal(conf.tier_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(conf.tiers[i].window_ms, windows[i]);
    }
    assert_string_equal(conf.tiers[3].name, "day");
    assert_int_equal(conf.tiers[3].keep_ms, 90 * INT64_C(86400000));
}

static void no_backend_is_allowed_but_warned_about(void **state)
{
    (void)state;
    conf_logged[0] = '\0';
    assert_int_equal(parse_and_finish("[collector cpu]\n"), 0);
    assert_non_null(strstr(conf_logged, "RAM only"));
    conf_logged[0] = '\0';
    assert_int_equal(parse_and_finish("[backend ring]\n"), 0);
    assert_string_equal(conf_logged, "");
}

// ---- values that no line could hold -------------------------------------------------------------

static void environment_cannot_bring_in_what_a_line_cannot_hold(void **state)
{
    (void)state;
    assert_int_equal(parse_and_finish("[varve]\nstate = ${COMMENT}\n"), VARVE_E_INVALID);
    conf_assert_error(
        "t:2: [varve] state: a value cannot hold ';' at its start or behind a blank: it "
        "begins a comment");
    assert_int_equal(parse_and_finish("[varve]\nstate = ${LINES}\n"), VARVE_E_INVALID);
    conf_assert_error("t:2: [varve] state: a value cannot hold control characters");
}

static void a_full_pool_is_an_error(void **state)
{
    (void)state;
    char text[400];
    conf_start(&conf);
    int rc = 0;
    for (unsigned i = 0; i < 200 && rc == 0; i++) {
        snprintf(text, sizeof text, "[varve]\nstate = %0180u\n", i);
        rc = varve_conf_parse(&conf, "again", text);
    }
    assert_int_equal(rc, VARVE_E_INVALID);
    assert_non_null(strstr(conf.errors[0], "more than 16384 bytes (VARVE_CONF_BYTES)"));
    assert_true(strlen(conf.settings.state) == 180); // the last that fitted, whole
}

// ---- files --------------------------------------------------------------------------------------

static void include_directory_is_read_in_name_order_and_overrides(void **state)
{
    (void)state;
    static const struct fake_file tree[] = {
        {"etc/varve.ini",
         "[varve]\ninclude = conf.d\nflush = 1m\n[tiers]\nraw = 1s keep 1h\nhour = 1h keep 90d\n"
         "[backend flash : sqlite]\npath = a.db\n",
         0},
        {"etc/conf.d/20-b.ini", "[backend flash]\npath = c.db\n[collector cpu]\n", 0},
        {"etc/conf.d/10-a.ini", "[backend flash : sqlite]\npath = b.db\nnote = kept\n", 0},
        {"etc/conf.d/readme.txt", "not read", 0},
        {"etc/conf.d/30-c.ini", "[tiers]\nraw = 2s keep 2h\nminute = 1m keep 1d\n", 0},
        {NULL, NULL, 0},
    };
    conf_files = tree;
    conf_start(&conf);
    assert_int_equal(varve_conf_load(&conf, "etc/varve.ini"), 0);
    assert_int_equal(varve_conf_finish(&conf), 0);
    const struct sqlite_options *options = conf.instances[0].options;
    assert_string_equal(options->path, "c.db");
    assert_string_equal(options->note, "kept");
    assert_int_equal(conf.instance_count, 2);
    assert_int_equal(conf.settings.flush_ms, 60000);
    assert_int_equal(conf.tier_count, 2);
    assert_int_equal(conf.tiers[0].step_ms, 2000);
    conf_files = NULL;
}

static void errors_name_the_included_file(void **state)
{
    (void)state;
    static const struct fake_file tree[] = {
        {"/e/main.ini", "[varve]\ninclude = /e/d\n", 0},
        {"/e/d/a.ini", "[varve]\n\nflush = never\n", 0},
        {"/e/d/b.ini", "[varve]\ninclude = /e/other\n", 0},
        {NULL, NULL, 0},
    };
    conf_files = tree;
    conf_start(&conf);
    assert_int_equal(varve_conf_load(&conf, "/e/main.ini"), VARVE_E_INVALID);
    assert_int_equal(conf.error_count, 2);
    assert_string_equal(conf.errors[0], "/e/d/a.ini:3: [varve] flush: expected a duration such as "
                                        "5s or 2h, between 1s and 1d; got 'never'");
    assert_string_equal(conf.errors[1],
                        "/e/d/b.ini: [varve] include: an included file cannot include others");
    conf_files = NULL;
}

static void unreadable_files_are_errors(void **state)
{
    (void)state;
    static char large[VARVE_CONF_BYTES + 1];
    memset(large, '\n', sizeof large - 1);
    const struct fake_file tree[] = {
        {"large.ini", large, 0},
        {"zero.ini", "[varve]\n\0flush = 5m\n", 20},
        {"lost.ini", "[varve]\ninclude = nowhere\n", 0},
        {NULL, NULL, 0},
    };
    conf_files = tree;
    conf_start(&conf);
    assert_int_equal(varve_conf_load(&conf, "missing.ini"), VARVE_E_NOT_FOUND);
    conf_assert_error("missing.ini: cannot read the file: not found");
    conf_start(&conf);
    assert_int_equal(varve_conf_load(&conf, "large.ini"), VARVE_E_TOO_BIG);
    assert_non_null(strstr(conf.errors[0], "large.ini: the file is larger than the "));
    conf_start(&conf);
    assert_int_equal(varve_conf_load(&conf, "zero.ini"), VARVE_E_INVALID);
    conf_assert_error("zero.ini: the file holds a zero byte; expected text");
    conf_start(&conf);
    assert_int_equal(varve_conf_load(&conf, "lost.ini"), 0); // a directory may come later
    assert_string_equal(conf_logged, "config: include directory nowhere does not exist");
    conf_files = NULL;
}

// ---- command line and library -------------------------------------------------------------------

static void settings_from_the_command_line_override(void **state)
{
    (void)state;
    conf_start(&conf);
    assert_int_equal(
        varve_conf_parse(&conf, "t", "[varve]\nflush = 5m\n[backend flash : sqlite]\n"), 0);
    assert_int_equal(varve_conf_set(&conf, "varve.flush=1m"), 0);
    assert_int_equal(varve_conf_set(&conf, "varve.flush = 2m"), 0);
    assert_int_equal(varve_conf_set(&conf, "backend flash.path=/tmp/x.db=1"), 0);
    assert_int_equal(varve_conf_set(&conf, "tiers.raw=1s keep 3h"), 0);
    assert_int_equal(varve_conf_set(&conf, "tiers.quarter=90d keep 900d"), VARVE_E_INVALID);
    conf_assert_error(
        "command line: [tiers] quarter: expected a step between 100ms and 31d; got '90d'");
    conf.error_count = 0;
    assert_int_equal(varve_conf_finish(&conf), 0);
    assert_int_equal(conf.settings.flush_ms, 120000);
    assert_int_equal(conf.tier_count, 4);
    assert_int_equal(conf.tiers[0].step_ms, 1000);
    assert_int_equal(conf.tiers[0].window_ms, 120000);
    assert_string_equal(((const struct sqlite_options *)conf.instances[0].options)->path,
                        "/tmp/x.db=1");
    conf_assert_round_trip();
}

static void bad_settings_from_the_command_line_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"flush=1m", "command line: expected section.key=value, such as varve.flush=1m; got "
                     "'flush=1m'"},
        {"varve.flush", "command line: expected section.key=value, such as varve.flush=1m; got "
                        "'varve.flush'"},
        {"", "command line: expected section.key=value, such as varve.flush=1m; got ''"},
        {"varve.flsh=1m", "command line: unknown key 'flsh' in [varve]; did you mean 'flush'?"},
        {"backend x.path=y", "command line: there is no section [backend x] to set a key in"},
        {"quota.years=5", "command line: there is no section [quota] to set a key in"},
        {"varve.state=a ;b", "command line: [varve] state: a value cannot hold ';' at its start or "
                             "behind a blank: it begins a comment"},
        {"varve.include=d", "command line: include can only be set in a file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        conf_start(&conf);
        assert_int_equal(varve_conf_set(&conf, cases[i][0]), VARVE_E_INVALID);
        conf_assert_error(cases[i][1]);
    }
}

static void instances_can_be_added_without_a_text(void **state)
{
    (void)state;
    conf_start(&conf);
    assert_int_equal(varve_conf_add(&conf, VARVE_COLLECTOR, "cpu", NULL), 0);
    assert_int_equal(varve_conf_add(&conf, VARVE_BACKEND, "ring", "memory"), 0);
    assert_int_equal(varve_conf_add(&conf, VARVE_BACKEND, "ring", "memory"), VARVE_E_INVALID);
    conf_assert_error("[backend memory]: the instance exists already");
    conf.error_count = 0;
    assert_int_equal(varve_conf_add(&conf, VARVE_COLLECTOR, "none", NULL), VARVE_E_INVALID);
    conf.error_count = 0;
    assert_int_equal(varve_conf_finish(&conf), 0);
    assert_int_equal(conf.instance_count, 2);
    assert_int_equal(conf.instances[1].tiers, 15);
    assert_true(conf.instances[0].enabled);
}

static void finishing_twice_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(parse_and_finish("[backend ring]\n"), 0);
    conf_show(&conf, &conf_shown);
    assert_int_equal(varve_conf_finish(&conf), 0);
    assert_string_equal(conf_show(&conf, &conf_shown_again), conf_shown.text);
    assert_int_equal(varve_conf_set(&conf, "varve.flush=1m"), 0);
    assert_int_equal(varve_conf_finish(&conf), 0);
    assert_int_equal(conf.tiers[0].window_ms, 60000); // derived again
}

// ---- manual -------------------------------------------------------------------------------------

static void manual_names_every_option_with_default_and_range(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "  flush = 5m\n      Takes a duration such as 5s or 2h, between 1s and 1d.\n",
        "  state = ${VARVE_STATE:-/var/lib/varve}\n",
        "  include =\n",
        "  raw = 5s keep 2h\n",
        "[collector cpu]\n  Fake processor times.\n  per_core = yes\n      Takes yes or no.\n",
        "      Takes one of slow, fast.\n",
        "[backend sqlite]\n",
        "  path (required)\n",
        "      Takes a size such as 64K or 8M, at least 4K.\n",
        "  level = 0\n      Takes a whole number.\n",
    };
    varve_registry_init(&registry, conf_plugins);
    conf_shown.used = conf_shown.longest = 0;
    varve_conf_manual(&registry, conf_collect_line, &conf_shown);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        if (strstr(conf_shown.text, expected[i]) == NULL) {
            fail_msg("the manual lacks:\n%s", expected[i]);
        }
    }
    assert_true(conf_shown.longest <= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_reach_the_struct),
        cmocka_unit_test(default_tiers_have_the_documented_windows),
        cmocka_unit_test(no_backend_is_allowed_but_warned_about),
        cmocka_unit_test(environment_cannot_bring_in_what_a_line_cannot_hold),
        cmocka_unit_test(a_full_pool_is_an_error),
        cmocka_unit_test(include_directory_is_read_in_name_order_and_overrides),
        cmocka_unit_test(errors_name_the_included_file),
        cmocka_unit_test(unreadable_files_are_errors),
        cmocka_unit_test(settings_from_the_command_line_override),
        cmocka_unit_test(bad_settings_from_the_command_line_are_refused),
        cmocka_unit_test(instances_can_be_added_without_a_text),
        cmocka_unit_test(finishing_twice_changes_nothing),
        cmocka_unit_test(manual_names_every_option_with_default_and_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
