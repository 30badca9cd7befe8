// SPDX-License-Identifier: Apache-2.0
// Reads a text of tests/unit/fixtures/boards into an exact-size heap copy, so that a sanitizer sees
// every read behind its end. Threading: any.
#ifndef FIXTURE_TEXT_H
#define FIXTURE_TEXT_H

#include "plugins/collectors/parse/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FIXTURE_BOARDS VARVE_SOURCE_DIR "/tests/unit/fixtures/boards/"

struct fixture {
    char *bytes; // malloc'd, not NUL-terminated
    struct varve_span text;
};

static inline struct fixture fixture_open(const char *path)
{
    char full[1024];
    snprintf(full, sizeof full, "%s%s", FIXTURE_BOARDS, path);
    FILE *f = fopen(full, "r");
    if (f == NULL)
        fail_msg("no fixture %s", full);
    fseek(f, 0, SEEK_END);
    size_t len = (size_t)ftell(f);
    rewind(f);
    char *bytes = malloc(len > 0 ? len : 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, len, f), len);
    fclose(f);
    return (struct fixture){bytes, {bytes, len}};
}

static inline void fixture_close(struct fixture *f)
{
    free(f->bytes);
    f->bytes = NULL;
}

#endif
