// SPDX-License-Identifier: Apache-2.0
// Fuzz target: what a program prints for the collector exec, line by line.
//
// What must hold: what is taken of a line lies inside it; a sample has a series that begins with
// its name; a number is the one that the C library reads, to the last bit but one.
//
// Threading: one task.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "plugins/collectors/parse/parse.h"

static void check_inside(struct varve_span line, struct varve_span part)
{
    FUZZ_CHECK(part.len > 0);
    FUZZ_CHECK(part.at >= line.at && part.len <= line.len);
    FUZZ_CHECK((size_t)(part.at - line.at) <= line.len - part.len);
}

static void check_number(struct varve_span token)
{
    char text[64];
    double value, expected;
    if (!varve_span_copy(token, text, sizeof text) || !varve_exposition_number(token, &value))
        return;
    expected = strtod(text, NULL);
    if (isnan(value) || isinf(expected) || isinf(value) || fabs(expected) < 1e-300) {
        FUZZ_CHECK(isnan(value) == isnan(expected)); // the range's ends may differ
        return;
    }
    FUZZ_CHECK(fabs(value - expected) <= fabs(expected) * 5e-16);
}

static void check_line(struct varve_span line)
{
    struct varve_exposition out;
    struct varve_span rest = line, token;
    switch (varve_parse_exposition(line, &out)) {
    case VARVE_EXPOSITION_SAMPLE:
        check_inside(line, out.name);
        check_inside(line, out.series);
        FUZZ_CHECK(out.series.at == out.name.at && out.series.len >= out.name.len);
        FUZZ_CHECK(out.has_time || out.time_ms == 0);
        break;
    case VARVE_EXPOSITION_TYPE:
        check_inside(line, out.name);
        break;
    case VARVE_EXPOSITION_GARBAGE:
    case VARVE_EXPOSITION_HELP:
    case VARVE_EXPOSITION_UNIT:
    case VARVE_EXPOSITION_NOTHING:
        break;
    }
    while (varve_scan_token(&rest, &token))
        check_number(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct varve_span rest = {(const char *)data, size}, line;
    while (varve_scan_line(&rest, &line))
        check_line(line);
    return 0;
}
