// SPDX-License-Identifier: Apache-2.0
// The table of formats; see formats.h.
#include "formats.h"

#include <string.h>

#include "answer.h"

static const struct format_row formats[] = {
    [FORMAT_TABLE] = {"table", "", 0, &answer_table, NULL},
    [FORMAT_JSON] = {"json", "json", 0, &answer_json, NULL},
    [FORMAT_CSV] = {"csv", "csv", FORMAT_BY_TIME, &answer_lines, &reader_csv},
    [FORMAT_SPARK] = {"spark", "", 0, &answer_spark, NULL},
    [FORMAT_PLOT] = {"plot", "", 0, &answer_plot, NULL},
    [FORMAT_JSONL] = {"jsonl", "jsonl ndjson", FORMAT_BY_TIME, &answer_lines, &reader_jsonl},
    [FORMAT_OPENMETRICS] = {"openmetrics", "om openmetrics", FORMAT_FAMILIES, &answer_lines,
                            &reader_openmetrics},
    [FORMAT_PROMETHEUS] = {"prometheus", "prom", FORMAT_FAMILIES, &answer_lines,
                           &reader_prometheus},
    [FORMAT_INFLUX] = {"influx", "influx lp", FORMAT_BY_TIME, &answer_lines, &reader_influx},
    [FORMAT_GRAFANA] = {"grafana", "", 0, &answer_grafana, NULL},
    [FORMAT_SQLITE] = {"sqlite", "sqlite sqlite3 db", FORMAT_FILE | FORMAT_WHOLE, NULL, NULL},
    [FORMAT_HTML] = {"html", "html htm", FORMAT_WHOLE, NULL, NULL},
    [FORMAT_RRD] = {"rrd", "rrd xml", 0, NULL, &reader_rrd},
};
#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

const struct format_row *format_row(enum format format)
{
    return &formats[format];
}

bool format_find(const char *name, size_t len, enum format *out)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (strlen(formats[i].name) == len && memcmp(formats[i].name, name, len) == 0) {
            *out = (enum format)i;
            return true;
        }
    }
    return false;
}

static bool is_listed(const char *words, const char *word, size_t len)
{
    while (*words) {
        size_t n = strcspn(words, " ");
        if (n == len && memcmp(words, word, len) == 0) {
            return true;
        }
        words += n + strspn(words + n, " ");
    }
    return false;
}

void format_of_path(const char *path, enum format *out)
{
    size_t end = strlen(path);
    if (end > 3 && strcmp(path + end - 3, ".gz") == 0) {
        end -= 3;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '.' && path[start - 1] != '/') {
        start--;
    }
    for (size_t i = 0; start > 0 && path[start - 1] == '.' && i < FORMAT_COUNT; i++) {
        if (is_listed(formats[i].extensions, path + start, end - start)) {
            *out = (enum format)i;
        }
    }
}
