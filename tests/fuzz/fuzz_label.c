// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any text as a series, a selector, a dotted name and a label value.
//
// The text up to the first NUL is the series; what follows, up to the next, the selector. What must
// hold: a refusal names a reason and a column inside the text; the canonical text of a series is
// its own canonical text and matches itself; every escaped value is one that parses; a dotted name
// comes back from its series.
//
// Threading: one task.
#include "client/names.h"
#include "core/label.h"
#include "fuzz.h"
#include "varve/error.h"

static void check_refusal(const char *text, int rc, const char *why, size_t column)
{
    FUZZ_CHECK(rc == VARVE_E_INVALID || rc == VARVE_E_TOO_BIG);
    FUZZ_CHECK(why != NULL && why[0] != '\0');
    FUZZ_CHECK(column <= strlen(text));
}

// Puts the canonical text into `out`; 0 when there is none.
static int try_series(const char *text, char out[VARVE_SERIES_TEXT])
{
    char again[VARVE_SERIES_TEXT];
    struct varve_labels labels;
    const char *why = NULL;
    size_t column = SIZE_MAX;
    int rc = varve_labels_parse(text, &labels, &why, &column);
    if (rc != 0) {
        check_refusal(text, rc, why, column);
        return 0;
    }
    int length = varve_labels_write(&labels, out, VARVE_SERIES_TEXT);
    if (length < 0) {
        FUZZ_CHECK(length == VARVE_E_TOO_BIG);
        return 0;
    }
    FUZZ_CHECK(length == (int)strlen(out) && length > 0);
    FUZZ_CHECK(varve_labels_parse(out, &labels, NULL, NULL) == 0);
    FUZZ_CHECK(varve_labels_write(&labels, again, sizeof again) == length);
    FUZZ_CHECK(strcmp(out, again) == 0);
    FUZZ_CHECK(varve_selector_parse(out, &labels, NULL, NULL) == 0);
    FUZZ_CHECK(varve_selector_match(&labels, out));
    return length;
}

static void try_selector(const char *text, const char *series)
{
    static const char known[] = "net_rx{device=\"eth0\",zone=\"a\\\"b\"}";
    struct varve_labels selector;
    const char *why = NULL;
    size_t column = SIZE_MAX;
    int rc = varve_selector_parse(text, &selector, &why, &column);
    if (rc != 0) {
        check_refusal(text, rc, why, column);
        return;
    }
    bool matches = varve_selector_match(&selector, series);
    FUZZ_CHECK(varve_selector_match(&selector, series) == matches);
    (void)varve_selector_match(&selector, known); // only that it stays inside and ends
    (void)varve_selector_match(&selector, text);
}

static void try_selection(const char *text, const char *series)
{
    static struct varve_selection selection;
    char why[VARVE_MESSAGE_TEXT] = "";
    int rc = varve_selection_init(&selection, text, why, sizeof why);
    FUZZ_CHECK(rc <= 0);
    FUZZ_CHECK(rc == 0 || (why[0] != '\0' && memchr(why, 0, sizeof why) != NULL));
    if (rc == 0) {
        (void)varve_selection_match(&selection, series); // only that it stays inside and ends
    }
}

static void try_name(const char *text)
{
    char series[VARVE_SERIES_TEXT], back[VARVE_SERIES_TEXT], canonical[VARVE_SERIES_TEXT];
    int rc = varve_name_to_series(text, series, sizeof series);
    if (rc < 0) {
        FUZZ_CHECK(rc == VARVE_E_TOO_BIG);
        return;
    }
    if (varve_name_is_dotted(text)) {
        FUZZ_CHECK(try_series(series, canonical) > 0);
        FUZZ_CHECK(strcmp(series, canonical) == 0);
        FUZZ_CHECK(strcmp(varve_name_from_series(series, back, sizeof back), text) == 0);
    }
    (void)varve_name_from_series(text, back, sizeof back); // only that it stays inside
}

static void try_value(const char *raw)
{
    char escaped[VARVE_SERIES_TEXT], text[VARVE_SERIES_TEXT + 8], canonical[VARVE_SERIES_TEXT];
    int length = varve_label_escape(raw, escaped, sizeof escaped);
    if (length < 0 || length > (int)VARVE_SERIES_TEXT - 8) {
        FUZZ_CHECK(length > 0 || length == VARVE_E_TOO_BIG);
        return;
    }
    FUZZ_CHECK(length == (int)strlen(escaped));
    (void)snprintf(text, sizeof text, "m{k=\"%s\"}", escaped); // fits: checked above
    FUZZ_CHECK(try_series(text, canonical) > 0);
    FUZZ_CHECK(strcmp(canonical, raw[0] == '\0' ? "m" : text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char canonical[VARVE_SERIES_TEXT];
    char *series = fuzz_text(&data, &size);
    char *selector = fuzz_text(&data, &size);
    const char *target = try_series(series, canonical) > 0 ? canonical : series;
    try_selector(selector, target);
    try_selector(series, target);
    try_selection(selector, target);
    try_name(series);
    try_value(series);
    free(selector);
    free(series);
    return 0;
}
