// SPDX-License-Identifier: Apache-2.0
// Workload files; see rows.h.
#include "rows.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../workload.h"
#include "varve/port.h"

#define DAY_MS INT64_C(86400000)

static struct rows made; // the CSV's series while they are collected
static double row[ROWS_MAX_SERIES];
static char line[VARVE_SERIES_TEXT + 128];

void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "storage_bench: %s: %s\n", what, why);
    exit(1);
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        die(path, strerror(errno));
    }
    return file;
}

static void close_written(FILE *file, const char *path)
{
    if (ferror(file) || fclose(file) != 0) {
        die(path, "cannot be written");
    }
}

static void put_row(FILE *file, int64_t time_ms, const double *values, uint32_t series)
{
    (void)fwrite(&time_ms, sizeof time_ms, 1, file); // close_written() looks at ferror()
    (void)fwrite(values, sizeof *values, series, file);
}

void rows_generate(const char *path, double hours, uint64_t seed)
{
    struct workload w;
    FILE *file = open_file(path, "wb");
    (void)fprintf(file, "varve-rows %u\n", WORKLOAD_SERIES);
    for (size_t i = 0; i < WORKLOAD_SERIES; i++) {
        int counter = workload_series(i, line, sizeof line);
        (void)fprintf(file, "%c %s\n", counter ? 'c' : 'g', line);
    }
    int64_t rounds = (int64_t)(hours * 3600e3 / WORKLOAD_STEP_MS);
    int64_t end_ms = varve_port_wall_ms() / DAY_MS * DAY_MS;
    workload_init(&w, seed);
    for (int64_t left = rounds; left > 0; left--) {
        workload_next(&w, row);
        put_row(file, end_ms - left * WORKLOAD_STEP_MS, row, WORKLOAD_SERIES);
    }
    close_written(file, path);
}

// ---- CSV ----------------------------------------------------------------------------------------

struct csv_sample {
    int64_t time_ms;
    const char *series;
    double value;
};

// Removes the quotes around a field and halves the doubled ones inside.
static char *unquote(char *field)
{
    if (field[0] != '"') {
        return field;
    }
    char *to = field;
    for (const char *from = field + 1; *from != '\0'; from++) {
        if (*from == '"' && *++from == '\0') {
            break;
        }
        *to++ = *from;
    }
    *to = '\0';
    return field;
}

// Splits `line` at the first and the last comma. False for what is no sample.
static bool parse_sample(struct csv_sample *s)
{
    char *first = strchr(line, ','), *last = strrchr(line, ','), *end;
    if (first == NULL || first == last) {
        return false;
    }
    double time = strtod(line, &end);
    if (end != first) {
        return false;
    }
    *last = '\0';
    s->time_ms = (int64_t)llround(fabs(time) < 1e11 ? time * 1e3 : time);
    s->series = unquote(first + 1);
    s->value = strtod(last + 1, &end);
    return end != last + 1;
}

static bool next_sample(FILE *csv, struct csv_sample *s)
{
    while (fgets(line, sizeof line, csv) != NULL) {
        if (parse_sample(s)) {
            return true;
        }
    }
    return false;
}

// The index of a series, which mostly is the one behind the last; added when it is new.
static uint32_t find_series(const char *name)
{
    static uint32_t last;
    for (uint32_t i = 0; i < made.series; i++) {
        uint32_t at = (last + 1 + i) % made.series;
        if (strcmp(made.names[at], name) == 0) {
            return last = at;
        }
    }
    if (made.series == ROWS_MAX_SERIES || strlen(name) >= VARVE_SERIES_TEXT) {
        die(name, "more series, or a longer name, than this program takes");
    }
    (void)snprintf(made.names[made.series], VARVE_SERIES_TEXT, "%s", name);
    return made.series++;
}

static void collect_series(FILE *csv)
{
    struct csv_sample s;
    while (next_sample(csv, &s)) {
        (void)find_series(s.series);
        if (s.time_ms < made.last_ms) {
            die("CSV", "its lines must be in time order");
        }
        made.last_ms = s.time_ms;
    }
    if (made.series == 0) {
        die("CSV", "it holds no line `time,series,value`");
    }
}

static void clear_row(void)
{
    for (uint32_t i = 0; i < made.series; i++) {
        row[i] = NAN;
    }
}

static void copy_samples(FILE *csv, FILE *file, int64_t shift_ms)
{
    struct csv_sample s;
    int64_t time_ms = INT64_MIN;
    clear_row();
    while (next_sample(csv, &s)) {
        if (time_ms != INT64_MIN && s.time_ms != time_ms) {
            put_row(file, time_ms + shift_ms, row, made.series);
            clear_row();
        }
        time_ms = s.time_ms;
        row[find_series(s.series)] = s.value;
    }
    put_row(file, time_ms + shift_ms, row, made.series);
}

void rows_from_csv(const char *path, const char *csv_path)
{
    FILE *csv = open_file(csv_path, "r");
    made.last_ms = INT64_MIN;
    collect_series(csv);
    FILE *file = open_file(path, "wb");
    (void)fprintf(file, "varve-rows %u\n", made.series);
    for (uint32_t i = 0; i < made.series; i++) {
        bool counter = strstr(made.names[i], "_total") != NULL;
        (void)fprintf(file, "%c %s\n", counter ? 'c' : 'g', made.names[i]);
    }
    int64_t behind_ms = varve_port_wall_ms() - made.last_ms;
    rewind(csv);
    copy_samples(csv, file, (behind_ms - (behind_ms % DAY_MS + DAY_MS) % DAY_MS) / DAY_MS * DAY_MS);
    (void)fclose(csv); // read only
    close_written(file, path);
}

// ---- reading ------------------------------------------------------------------------------------

static void read_names(struct rows *rows, const char *path)
{
    for (uint32_t i = 0; i < rows->series; i++) {
        if (fgets(line, sizeof line, rows->file) == NULL || strlen(line) < 4) {
            die(path, "is cut off");
        }
        line[strcspn(line, "\n")] = '\0';
        rows->counter[i] = line[0] == 'c';
        (void)snprintf(rows->names[i], VARVE_SERIES_TEXT, "%.*s", (int)VARVE_SERIES_TEXT - 1,
                       line + 2);
    }
}

void rows_open(struct rows *rows, const char *path)
{
    rows->file = open_file(path, "rb");
    static const char magic[] = "varve-rows ";
    const size_t skip = sizeof magic - 1;
    if (fgets(line, sizeof line, rows->file) == NULL || strncmp(line, magic, skip) != 0) {
        die(path, "is no workload file");
    }
    rows->series = (uint32_t)strtoul(line + skip, NULL, 10);
    if (rows->series == 0 || rows->series > ROWS_MAX_SERIES) {
        die(path, "has a number of series that this program does not take");
    }
    read_names(rows, path);
    rows->data = ftell(rows->file);
    const long size = (long)(sizeof(int64_t) + rows->series * sizeof(double));
    (void)fseek(rows->file, 0, SEEK_END);
    rows->count = (uint64_t)((ftell(rows->file) - rows->data) / size);
    if (rows->count < 2) {
        die(path, "holds fewer than two rows");
    }
    (void)fseek(rows->file, rows->data + (long)(rows->count - 1) * size, SEEK_SET);
    (void)rows_next(rows, &rows->last_ms, row);
    rows_rewind(rows);
    (void)rows_next(rows, &rows->first_ms, row);
    rows_rewind(rows);
}

void rows_rewind(struct rows *rows)
{
    (void)fseek(rows->file, rows->data, SEEK_SET); // a file that was read to its end
}

bool rows_next(struct rows *rows, int64_t *time_ms, double *values)
{
    return fread(time_ms, sizeof *time_ms, 1, rows->file) == 1 &&
           fread(values, sizeof *values, rows->series, rows->file) == rows->series;
}
