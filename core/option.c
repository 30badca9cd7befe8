// SPDX-License-Identifier: Apache-2.0
// Option tables: from a value's text into the field at its offset, and back. ${NAME} expansion and
// the storage of strings are core/conf.c's.
//
// Threading: no state; any context.
#include "core/option.h"

#include <string.h>

#include "core/text.h"

const struct varve_option *varve_option_find(const struct varve_option *table, const char *name)
{
    for (const struct varve_option *o = table; o != NULL && o->name != NULL; o++) {
        if (strcmp(o->name, name) == 0) {
            return o;
        }
    }
    return NULL;
}

size_t varve_option_count(const struct varve_option *table)
{
    size_t n = 0;
    while (table != NULL && table[n].name != NULL) {
        n++;
    }
    return n;
}

// ---- describing ---------------------------------------------------------------------------------

static size_t format_number(enum varve_option_type type, int64_t value, char *buf, size_t cap)
{
    switch (type) {
    case VARVE_OPT_DURATION:
        return varve_format_duration(buf, cap, value);
    case VARVE_OPT_SIZE:
        return varve_format_size(buf, cap, value);
    default:
        return varve_format(buf, cap, "%lld", (long long)value);
    }
}

static void add_range(struct varve_text *t, const struct varve_option *option)
{
    char low[24], high[24];
    if (option->min == 0 && option->max == 0) {
        return;
    }
    format_number(option->type, option->min, low, sizeof low);
    format_number(option->type, option->max, high, sizeof high);
    if (option->max == INT64_MAX) {
        varve_text_add(t, ", at least %s", low);
    } else {
        varve_text_add(t, ", between %s and %s", low, high);
    }
}

static void add_choices(struct varve_text *t, const char *const *choices)
{
    varve_text_add(t, "one of");
    for (size_t i = 0; choices[i] != NULL; i++) {
        varve_text_add(t, "%s %s", i == 0 ? "" : ",", choices[i]);
    }
}

void varve_option_expect(const struct varve_option *option, char *buf, size_t cap)
{
    struct varve_text t;
    varve_text_init(&t, buf, cap);
    switch (option->type) {
    case VARVE_OPT_BOOL:
        varve_text_add(&t, "yes or no");
        break;
    case VARVE_OPT_INT:
        varve_text_add(&t, "a whole number");
        add_range(&t, option);
        break;
    case VARVE_OPT_DURATION:
        varve_text_add(&t, "a duration such as 5s or 2h");
        add_range(&t, option);
        break;
    case VARVE_OPT_SIZE:
        varve_text_add(&t, "a size such as 64K or 8M");
        add_range(&t, option);
        break;
    case VARVE_OPT_STRING:
        varve_text_add(&t, "a text");
        break;
    case VARVE_OPT_CHOICE:
        add_choices(&t, option->choices);
        break;
    }
}

// ---- parsing ------------------------------------------------------------------------------------

static int parse_bool(const char *text, bool *value)
{
    static const char *const yes[] = {"yes", "on", "true", "1"};
    static const char *const no[] = {"no", "off", "false", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        *value = strcmp(text, yes[i]) == 0;
        if (*value || strcmp(text, no[i]) == 0) {
            return 0;
        }
    }
    return VARVE_E_INVALID;
}

static int parse_choice(const char *const *choices, const char *text, int64_t *value)
{
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            *value = (int64_t)i;
            return 0;
        }
    }
    return VARVE_E_INVALID;
}

static int parse_number(const struct varve_option *option, const char *text, int64_t *value)
{
    switch (option->type) {
    case VARVE_OPT_DURATION:
        return varve_parse_duration(text, value);
    case VARVE_OPT_SIZE:
        return varve_parse_size(text, value);
    case VARVE_OPT_CHOICE:
        return parse_choice(option->choices, text, value);
    default:
        return varve_parse_int(text, value);
    }
}

static bool in_range(const struct varve_option *option, int64_t value)
{
    if (option->type == VARVE_OPT_CHOICE || (option->min == 0 && option->max == 0)) {
        return true;
    }
    return value >= option->min && value <= option->max;
}

static void store(const struct varve_option *option, void *options, const void *value, size_t size)
{
    memcpy((unsigned char *)options + option->offset, value, size);
}

static int refuse(const struct varve_option *option, const char *text, char *why, size_t why_cap)
{
    char expected[VARVE_MESSAGE_TEXT];
    varve_option_expect(option, expected, sizeof expected);
    varve_format(why, why_cap, "expected %s; got '%s'", expected, text);
    return VARVE_E_INVALID;
}

int varve_option_set(const struct varve_option *option, void *options, const char *text, char *why,
                     size_t why_cap)
{
    bool flag;
    int64_t number;
    if (option->type == VARVE_OPT_STRING) {
        store(option, options, &text, sizeof text);
        return 0;
    }
    if (option->type == VARVE_OPT_BOOL) {
        if (parse_bool(text, &flag) != 0) {
            return refuse(option, text, why, why_cap);
        }
        store(option, options, &flag, sizeof flag);
        return 0;
    }
    if (parse_number(option, text, &number) != 0 || !in_range(option, number)) {
        return refuse(option, text, why, why_cap);
    }
    store(option, options, &number, sizeof number);
    return 0;
}

// ---- printing -----------------------------------------------------------------------------------

size_t varve_option_print(const struct varve_option *option, const void *options, char *buf,
                          size_t cap)
{
    const unsigned char *field = (const unsigned char *)options + option->offset;
    const char *text;
    bool flag;
    int64_t number;
    switch (option->type) {
    case VARVE_OPT_BOOL:
        memcpy(&flag, field, sizeof flag);
        return varve_format(buf, cap, "%s", flag ? "yes" : "no");
    case VARVE_OPT_STRING:
        memcpy(&text, field, sizeof text);
        return varve_format(buf, cap, "%s", text != NULL ? text : "");
    case VARVE_OPT_CHOICE:
        memcpy(&number, field, sizeof number);
        return varve_format(buf, cap, "%s", option->choices[number]);
    default:
        memcpy(&number, field, sizeof number);
        return format_number(option->type, number, buf, cap);
    }
}

// ---- checking a table ---------------------------------------------------------------------------

static size_t field_size(enum varve_option_type type)
{
    switch (type) {
    case VARVE_OPT_BOOL:
        return sizeof(bool);
    case VARVE_OPT_STRING:
        return sizeof(const char *);
    case VARVE_OPT_INT:
    case VARVE_OPT_DURATION:
    case VARVE_OPT_SIZE:
    case VARVE_OPT_CHOICE:
        return sizeof(int64_t);
    }
    return 0; // a type that this version does not know
}

static const char *row_fault(const struct varve_option *option, size_t options_size)
{
    size_t size = field_size(option->type);
    if (size == 0) {
        return "has an unknown type";
    }
    if (option->help == NULL) {
        return "has no help text";
    }
    if (size > options_size || option->offset > options_size - size) {
        return "lies outside the options struct";
    }
    if (option->min > option->max) {
        return "has a range that is upside down";
    }
    if (option->type == VARVE_OPT_CHOICE &&
        (option->choices == NULL || option->choices[0] == NULL)) {
        return "has no choices";
    }
    return NULL;
}

int varve_option_check(const struct varve_option *option, size_t options_size, char *why,
                       size_t why_cap)
{
    const char *fault = row_fault(option, options_size);
    if (fault != NULL) {
        varve_format(why, why_cap, "option '%s' %s", option->name, fault);
        return VARVE_E_INVALID;
    }
    if (option->fallback == NULL || option->type == VARVE_OPT_STRING) {
        return 0;
    }
    int64_t scratch = 0;
    struct varve_option alone = *option;
    char reason[VARVE_MESSAGE_TEXT];
    alone.offset = 0;
    if (varve_option_set(&alone, &scratch, option->fallback, reason, sizeof reason) != 0) {
        varve_format(why, why_cap, "the default of option '%s': %s", option->name, reason);
        return VARVE_E_INVALID;
    }
    return 0;
}
