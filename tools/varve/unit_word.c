// SPDX-License-Identifier: Apache-2.0
// Units in words; see unit_word.h. The words are those that OpenMetrics and Prometheus recommend.
#include "unit_word.h"

#include <string.h>

static const struct {
    const char *unit, *word;
} words[] = {
    {"By", "bytes"},    {"s", "seconds"}, {"1", "ratio"},  {"Cel", "celsius"},
    {"%", "percent"},   {"m", "meters"},  {"V", "volts"},  {"A", "amperes"},
    {"J", "joules"},    {"W", "watts"},   {"Hz", "hertz"}, {"Pa", "pascals"},
    {"K", "kelvin"},    {"g", "grams"},   {"bit", "bits"}, {"L", "liters"},
    {"min", "minutes"}, {"h", "hours"},   {"d", "days"},   {"ms", "milliseconds"},
};
#define WORDS (sizeof words / sizeof words[0])

const char *unit_word(const char *unit)
{
    for (size_t i = 0; i < WORDS; i++) {
        if (strcmp(words[i].unit, unit) == 0) {
            return words[i].word;
        }
    }
    return unit;
}

const char *unit_of_word(const char *word, size_t len)
{
    for (size_t i = 0; i < WORDS; i++) {
        if (strlen(words[i].word) == len && memcmp(words[i].word, word, len) == 0) {
            return words[i].unit;
        }
    }
    return NULL;
}
