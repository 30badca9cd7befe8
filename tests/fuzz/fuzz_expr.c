// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any text as an expression, and any text for its regular expressions to match.
//
// The text up to the first NUL is the expression, what follows a label value. What must hold: a
// refusal names a column inside the text; a tree is no deeper than it may be; a parser with less
// memory says so or makes the same of it; matching ends and stays inside.
//
// Threading: one task.
#include "core/query/expr.h"
#include "fuzz.h"
#include "varve/error.h"

static uint8_t memory[65536] __attribute__((aligned(16)));

static int parse(const char *text, size_t bytes, struct expr **out)
{
    char why[VARVE_MESSAGE_TEXT] = "";
    struct varve_arena arena = {.base = memory, .size = bytes};
    const struct expr_error error = {.why = why, .cap = sizeof why, .text = text};
    int rc = expr_parse(text, &arena, &error, out);
    FUZZ_CHECK(rc == 0 || rc == VARVE_E_INVALID || rc == VARVE_E_NO_MEMORY);
    if (rc != 0) {
        unsigned column = 0;
        FUZZ_CHECK(sscanf(why, "column %u: ", &column) == 1);
        FUZZ_CHECK(column >= 1 && column <= strlen(text) + 1);
    }
    return rc;
}

static void match_all(const struct expr *e, const char *value, unsigned depth)
{
    FUZZ_CHECK(depth <= EXPR_DEPTH_MAX);
    const struct expr_matcher *m = e->kind == EXPR_SELECTOR ? e->selector->matchers : NULL;
    for (; m != NULL; m = m->next) {
        if (m->regex != NULL) {
            bool matches = regex_match(m->regex, value, strlen(value));
            FUZZ_CHECK(regex_match(m->regex, value, strlen(value)) == matches);
        }
    }
    if (e->a != NULL) {
        match_all(e->a, value, depth + 1);
    }
    if (e->b != NULL) {
        match_all(e->b, value, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(&data, &size);
    char *value = fuzz_text(&data, &size);
    struct expr *e = NULL;
    (void)parse(text, size % 4096, &e); // only that it says so
    if (parse(text, sizeof memory, &e) == 0) {
        match_all(e, value, 1);
    }
    free(text);
    free(value);
    return 0;
}
