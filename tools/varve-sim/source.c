// SPDX-License-Identifier: Apache-2.0
// Where the samples come from: what both kinds share, and the synthetic one; see source.h.
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source_csv.h"
#include "varve/conf.h"

static int say(const struct source *source, const char *what)
{
    (void)fprintf(stderr, "varve-sim: --workload %s: %s\n", source->spec, what);
    return VARVE_E_INVALID;
}

int source_no_memory(const struct source *source)
{
    (void)say(source, "not enough memory");
    return VARVE_E_NO_MEMORY;
}

// ---- shared -------------------------------------------------------------------------------------

int source_add_series(struct source *source, const char *text, size_t len, enum varve_kind kind)
{
    if (source->series_count == source->series_cap) {
        const size_t cap = source->series_cap == 0 ? 256 : 2 * source->series_cap;
        struct source_series *series = realloc(source->series, cap * sizeof *series);
        if (series == NULL) {
            return source_no_memory(source);
        }
        source->series = series;
        source->series_cap = cap;
    }
    char *copy = strndup(text, len);
    if (copy == NULL) {
        return source_no_memory(source);
    }
    source->series[source->series_count] = (struct source_series){.text = copy, .kind = kind};
    return (int)source->series_count++;
}

int source_grow_row(struct source *source, size_t count)
{
    if (count <= source->row_cap) {
        return 0;
    }
    size_t cap = source->row_cap == 0 ? 256 : source->row_cap;
    while (cap < count) {
        cap *= 2;
    }
    uint32_t *series = realloc(source->row.series, cap * sizeof *series);
    source->row.series = series != NULL ? series : source->row.series;
    double *values = realloc(source->values, cap * sizeof *values);
    source->values = values != NULL ? values : source->values;
    if (series == NULL || values == NULL) {
        return source_no_memory(source);
    }
    source->row_cap = cap;
    return 0;
}

// ---- synthetic ----------------------------------------------------------------------------------

static bool parse_synthetic(const char *text, int64_t *series, int64_t *step_ms)
{
    char number[16];
    const char *by = strchr(text, 'x');
    if (by == NULL || (size_t)(by - text) >= sizeof number) {
        return false;
    }
    memcpy(number, text, (size_t)(by - text));
    number[by - text] = '\0';
    return varve_parse_int(number, series) == 0 && varve_parse_duration(by + 1, step_ms) == 0;
}

static int open_synthetic(struct source *source, const char *text, uint64_t seed)
{
    int64_t series = 0;
    if (!parse_synthetic(text, &series, &source->step_ms) || source->step_ms <= 0) {
        return say(source, "expected synthetic:SERIESxSTEP, for example synthetic:255x5s");
    }
    if (series < 1 || series > 3 * (int64_t)WORKLOAD_RESOURCES_MAX) {
        return say(source, "expected 1 to 4098 series");
    }
    workload_init_size(&source->workload, seed, ((size_t)series + 2) / 3);
    for (size_t i = 0; i < (size_t)series; i++) {
        char name[VARVE_SERIES_TEXT];
        const int counter = workload_series(i, name, sizeof name);
        const int id =
            source_add_series(source, name, strlen(name), counter ? VARVE_COUNTER : VARVE_GAUGE);
        if (id < 0) {
            return id;
        }
    }
    if (source_grow_row(source, (size_t)series) != 0) {
        return VARVE_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < (uint32_t)series; i++) {
        source->row.series[i] = i;
    }
    source->row.count = (size_t)series;
    source->start_ms = source->time_ms = SOURCE_START_MS;
    const int rc = ahead_open(&source->ahead, &source->workload);
    return rc == 0 ? 0 : say(source, strerror(rc));
}

static int next_synthetic(struct source *source)
{
    source->row.values = ahead_next(&source->ahead);
    source->row.time_ms = source->time_ms;
    source->time_ms += source->step_ms;
    return 1;
}

// ---- either -------------------------------------------------------------------------------------

int source_open(struct source *source, const char *spec, uint64_t seed, bool repeat)
{
    memset(source, 0, sizeof *source);
    source->spec = spec;
    source->repeat = repeat;
    if (strncmp(spec, "synthetic:", 10) == 0) {
        return open_synthetic(source, spec + 10, seed);
    }
    if (strncmp(spec, "csv:", 4) == 0) {
        source->is_csv = true;
        return source_csv_open(source, spec + 4);
    }
    return say(source, "expected synthetic:SERIESxSTEP or csv:FILE");
}

void source_close(struct source *source)
{
    if (source->file != NULL) {
        (void)fclose(source->file); // read only: nothing can be lost
    }
    for (size_t i = 0; i < source->series_count; i++) {
        free(source->series[i].text);
    }
    known_free(&source->known);
    free(source->series);
    free(source->row.series);
    free(source->values);
    ahead_close(&source->ahead);
    memset(source, 0, sizeof *source);
}

double source_cpu_s(struct source *source)
{
    return ahead_cpu_s(&source->ahead);
}

int source_next(struct source *source, const struct row **row)
{
    *row = &source->row;
    return source->is_csv ? source_csv_next(source) : next_synthetic(source);
}
