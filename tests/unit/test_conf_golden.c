// SPDX-License-Identifier: Apache-2.0
// The golden configurations of tests/conf, and mutations of them.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/conf_fixture.h"

#ifndef VARVE_SOURCE_DIR
#define VARVE_SOURCE_DIR "."
#endif
#define GOLDEN VARVE_SOURCE_DIR "/tests/conf"

// ---- golden files -------------------------------------------------------------------------------

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot read %s", path);
        return NULL;
    }
    char *text = calloc(1, 65536);
    size_t length = fread(text, 1, 65535, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

static void assert_golden(const char *path, const char *text)
{
    const char *mode = getenv("VARVE_GOLDEN");
    if (mode != NULL && strcmp(mode, "write") == 0) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
        return;
    }
    char *expected = slurp(path);
    if (strcmp(expected, text) != 0) {
        fail_msg("%s\n--- expected\n%s--- got\n%s", path, expected, text);
    }
    free(expected);
}

static void join_errors(const struct varve_conf *c, char *out, size_t cap)
{
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < c->error_count && i < VARVE_CONF_ERRORS; i++) {
        used += (size_t)snprintf(out + used, cap - used, "%s\n", c->errors[i]);
    }
    if (c->error_count > VARVE_CONF_ERRORS) {
        snprintf(out + used, cap - used, "%u errors\n", c->error_count);
    }
}

static void check_good(const char *name, const char *text, const char *expected)
{
    conf_start(&conf);
    if (varve_conf_parse(&conf, name, text) != 0 || varve_conf_finish(&conf) != 0) {
        fail_msg("%s: %s", name, conf.errors[0]);
    }
    assert_golden(expected, conf_show(&conf, &conf_shown));
    conf_assert_round_trip();
}

static void check_bad(const char *name, const char *text, const char *expected)
{
    char errors[8192];
    conf_start(&conf);
    int parsed = varve_conf_parse(&conf, name, text);
    int finished = parsed == 0 ? varve_conf_finish(&conf) : parsed;
    if (finished != VARVE_E_INVALID) {
        fail_msg("%s is accepted", name);
    }
    join_errors(&conf, errors, sizeof errors);
    assert_golden(expected, errors);
}

static unsigned walk_golden(const char *dir, const char *suffix,
                            void (*check)(const char *, const char *, const char *))
{
    unsigned seen = 0;
    DIR *listing = opendir(dir);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        const char *end = strstr(entry->d_name, ".ini");
        if (end == NULL) {
            continue;
        }
        char path[1024], expected[1024];
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        snprintf(expected, sizeof expected, "%s/%.*s%s", dir, (int)(end - entry->d_name),
                 entry->d_name, suffix);
        char *text = slurp(path);
        check(entry->d_name, text, expected);
        free(text);
        seen++;
    }
    closedir(listing);
    return seen;
}

static void good_files_are_shown_as_expected_and_read_back_the_same(void **state)
{
    (void)state;
    assert_true(walk_golden(GOLDEN "/good", ".show", check_good) >= 7);
}

static void bad_files_are_refused_with_the_expected_errors(void **state)
{
    (void)state;
    assert_true(walk_golden(GOLDEN "/bad", ".err", check_bad) >= 20);
}

// ---- hostile texts ------------------------------------------------------------------------------

static uint64_t seed_state;

static size_t draw(size_t below)
{
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed_state >> 33) % below;
}

static const char *const dictionary[] = {
    "[",
    "]",
    "=",
    ":",
    ";",
    " ;",
    "#",
    "\n",
    "\r",
    "\t",
    "${",
    "}",
    "$${",
    ":-",
    "\xEF\xBB\xBF",
    "@=varve\n",
    "[varve]\n",
    "[tiers]\n",
    "[collector cpu]\n",
    "[backend b : sqlite]\n",
    "path = x\n",
    "raw = 5s keep 2h\n",
    " window 5m",
    "9223372036854775807",
    "-1",
    "enabled = no\n",
    "${SET}",
    "\x01",
    "\xFF",
    "                                                                        ",
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
};

// Edits `text` of `length` bytes in a buffer of `cap`; returns the new length.
static size_t mutate(char *text, size_t length, size_t cap)
{
    size_t at = draw(length + 1);
    const char *piece = dictionary[draw(sizeof dictionary / sizeof dictionary[0])];
    size_t n = strlen(piece);
    switch (draw(4)) {
    case 0: // change a byte
        if (at < length) {
            text[at] = (char)(1 + draw(255));
        }
        return length;
    case 1: // take some out
        n = draw(20);
        n = n < length - at ? n : length - at;
        memmove(text + at, text + at + n, length - at - n);
        return length - n;
    default: // put a piece in
        if (length + n >= cap) {
            return length;
        }
        memmove(text + at + n, text + at, length - at);
        memcpy(text + at, piece, n);
        return length + n;
    }
}

// A refused text says why; an accepted one is shown and read back as the same.
static unsigned check_hostile(const char *text, uint64_t seed)
{
    conf_start(&conf);
    int rc = varve_conf_parse(&conf, "hostile", text);
    rc = rc == 0 ? varve_conf_finish(&conf) : rc;
    if ((rc == 0) != (conf.error_count == 0)) {
        fail_msg("seed %llu: rc %d with %u errors", (unsigned long long)seed, rc, conf.error_count);
    }
    for (unsigned i = 0; i < conf.error_count && i < VARVE_CONF_ERRORS; i++) {
        assert_true(conf.errors[i][0] != '\0');
    }
    if (rc == 0) {
        conf_assert_round_trip();
    }
    return rc == 0 ? 1 : 0;
}

static void mutated_texts_are_refused_or_round_trip(void **state)
{
    (void)state;
    static const char *const seeds[] = {"good/typical.ini", "good/layout.ini", "good/expansion.ini",
                                        "good/limits.ini"};
    const char *given = getenv("VARVE_TEST_SEED");
    seed_state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("seed: VARVE_TEST_SEED=%llu\n", (unsigned long long)seed_state);
    unsigned accepted = 0;
    for (unsigned round = 0; round < 20000; round++) {
        char path[1024];
        uint64_t seed = seed_state;
        snprintf(path, sizeof path, "%s/%s", GOLDEN, seeds[round % 4]);
        static char *texts[4];
        if (texts[round % 4] == NULL) {
            texts[round % 4] = slurp(path);
        }
        char *text = malloc(4096); // of its own size, so that a read past the end is seen
        size_t length = strlen(texts[round % 4]);
        memcpy(text, texts[round % 4], length);
        for (size_t edits = 1 + draw(6); edits > 0; edits--) {
            length = mutate(text, length, 4000);
        }
        text[length] = '\0';
        text = realloc(text, length + 1);
        accepted += check_hostile(text, seed);
        free(text);
    }
    assert_in_range(accepted, 1000, 19000); // both outcomes were really tried
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files_are_shown_as_expected_and_read_back_the_same),
        cmocka_unit_test(bad_files_are_refused_with_the_expected_errors),
        cmocka_unit_test(mutated_texts_are_refused_or_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
