// SPDX-License-Identifier: Apache-2.0
// A summary as a table, JSON and CSV; see summary_text.h.
#include "summary_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "csv.h"
#include "json.h"
#include "number.h"
#include "table.h"
#include "when.h"

#define NUMBERS 8u // of a row, for machines

static const char columns[] =
    "series,kind,unit,count,min,avg,max,p95,p99,last,increase,availability,gaps,longest_gap_ms,"
    "first_ms,last_ms";

void summary_unit(const struct summary_row *row, char *text, size_t cap)
{
    bool plain = row->counter && strcmp(row->unit, "1") == 0; // things a second
    (void)snprintf(text, cap, "%s%s", plain ? "" : row->unit, row->counter ? "/s" : "");
}

// ---- people -------------------------------------------------------------------------------------

static void number_cell(struct table *table, double value)
{
    char text[NUMBER_TEXT];
    table_cell(table, "%s", isnan(value) ? "-" : number_short(value, text));
}

bool summary_put_table(FILE *out, const struct summary *summary, size_t first, size_t end)
{
    static const char *const header[] = {"SERIES", "UNIT", ">COUNT", ">MIN",   ">AVG", ">MAX",
                                         ">P95",   ">P99", ">LAST",  ">AVAIL", ">GAPS"};
    struct table table;
    table_init(&table, header, 11);
    for (size_t i = first; i < end; i++) {
        const struct summary_row *row = &summary->row[i];
        const double numbers[] = {row->min, row->avg, row->max, row->p95, row->p99, row->last};
        char unit[VARVE_UNIT_TEXT + 2];
        summary_unit(row, unit, sizeof unit);
        table_cell(&table, "%s", row->series);
        table_cell(&table, "%s", unit);
        table_cell(&table, "%" PRIu64, row->count);
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
            number_cell(&table, numbers[k]);
        }
        table_cell(&table, "%.1f %%", floor(row->availability * 1000) / 10);
        table_cell(&table, "%" PRIu32, row->gaps);
    }
    return table_print(&table, out);
}

// ---- machines -----------------------------------------------------------------------------------

static void numbers_of(const struct summary_row *row, double out[NUMBERS])
{
    double increase = row->counter && row->count > 0 ? row->increase : (double)NAN;
    const double numbers[NUMBERS] = {row->min, row->avg,  row->max, row->p95,
                                     row->p99, row->last, increase, row->availability};
    memcpy(out, numbers, sizeof numbers);
}

static void json_time(FILE *out, int64_t ms)
{
    if (ms == INT64_MIN) {
        (void)fputs("null", out);
    } else {
        (void)fprintf(out, "%" PRId64, ms);
    }
}

static void put_json_row(FILE *out, const struct summary_row *row)
{
    double numbers[NUMBERS];
    numbers_of(row, numbers);
    char unit[VARVE_UNIT_TEXT + 2];
    summary_unit(row, unit, sizeof unit);
    (void)fputc('[', out);
    json_text(out, row->series);
    (void)fprintf(out, ",\"%s\",", row->counter ? "counter" : "gauge");
    json_text(out, unit);
    (void)fprintf(out, ",%" PRIu64, row->count);
    for (size_t i = 0; i < NUMBERS; i++) {
        (void)fputc(',', out);
        json_number(out, numbers[i]);
    }
    (void)fprintf(out, ",%" PRIu32 ",%" PRId64 ",", row->gaps, row->longest_gap_ms);
    json_time(out, row->first_ms);
    (void)fputc(',', out);
    json_time(out, row->last_ms);
    (void)fputc(']', out);
}

static const char *percentiles_of(const struct summary *summary)
{
    if (summary->percentiles) {
        return "exact";
    }
    return summary->sketched > 0 ? "within 1 %" : "absent";
}

void summary_put_json(FILE *out, const struct summary *summary, size_t first, size_t end)
{
    (void)fputs("\"tier\":", out);
    json_text(out, summary->info.tier_name);
    (void)fprintf(out,
                  ",\"tier_step_ms\":%" PRId64 ",\"from_ms\":%" PRId64 ",\"to_ms\":%" PRId64
                  ",\"percentiles\":\"%s\",\"damaged_blocks\":%" PRIu32 ",\"series\":%zu,\n"
                  "\"columns\":[",
                  summary->info.tier_step_ms, summary->from_ms, summary->to_ms,
                  percentiles_of(summary), summary->info.damaged_blocks, summary->count);
    for (const char *c = columns; *c; c++) {
        (void)fprintf(out, "%s%.*s%s", c == columns ? "\"" : "", *c != ',', c,
                      *c == ',' ? "\",\"" : "");
    }
    (void)fputs("\"],\n\"rows\":[", out);
    for (size_t i = first; i < end; i++) {
        (void)fputs(i > first ? ",\n" : "\n", out);
        put_json_row(out, &summary->row[i]);
    }
    (void)fputs("\n]", out);
}

static void csv_time(FILE *out, int64_t ms)
{
    if (ms != INT64_MIN) {
        (void)fprintf(out, "%" PRId64, ms);
    }
}

// An unknown number is an empty field.
void summary_put_csv(FILE *out, const struct summary *summary, size_t first, size_t end)
{
    (void)fprintf(out, "%s\n", columns);
    for (size_t i = first; i < end; i++) {
        const struct summary_row *row = &summary->row[i];
        double numbers[NUMBERS];
        numbers_of(row, numbers);
        char text[NUMBER_TEXT];
        char unit[VARVE_UNIT_TEXT + 2];
        summary_unit(row, unit, sizeof unit);
        csv_write(out, row->series);
        (void)fprintf(out, ",%s,", row->counter ? "counter" : "gauge");
        csv_write(out, unit);
        (void)fprintf(out, ",%" PRIu64, row->count);
        for (size_t k = 0; k < NUMBERS; k++) {
            (void)number_format(numbers[k], text);
            (void)fprintf(out, ",%s", isnan(numbers[k]) ? "" : text);
        }
        (void)fprintf(out, ",%" PRIu32 ",%" PRId64 ",", row->gaps, row->longest_gap_ms);
        csv_time(out, row->first_ms);
        (void)fputc(',', out);
        csv_time(out, row->last_ms);
        (void)fputc('\n', out);
    }
}
