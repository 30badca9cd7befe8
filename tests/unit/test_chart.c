// SPDX-License-Identifier: Apache-2.0
// Pictures made of characters: what stands where, holes, hostile values.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <string.h>

#include "tools/varve/chart.h"

#define INF   ((double)INFINITY)
#define NOVAL ((double)NAN)

static char line[CHART_LINE(CHART_COLUMNS_MAX)];
static struct chart_field field;

static const char *spark(const double *values, size_t n, bool unicode)
{
    chart_spark(values, n, chart_range_of_values(values, n), unicode, line, sizeof line);
    return line;
}

static void bars_grow_with_the_value(void **state)
{
    (void)state;
    const double values[] = {0, 1, 2, 3, 4, 5, 6, 7};
    assert_string_equal(spark(values, 8, true), "▁▂▃▄▅▆▇█");
    assert_string_equal(spark(values, 8, false), "_.:-=+*#");
}

static void what_is_no_number_is_blank(void **state)
{
    (void)state;
    const double values[] = {5, NOVAL, INF, -INF, 7}, same[] = {3, 3}, none[] = {NOVAL, INF};
    assert_string_equal(spark(values, 5, false), "_   #");
    assert_string_equal(spark(same, 2, false), "__");
    assert_string_equal(spark(none, 2, true), "  ");
}

static void the_widest_range_does_not_overflow(void **state)
{
    (void)state;
    const double values[] = {-1.7e308, 0, 1.7e308};
    const char *drawn = spark(values, 3, false);
    assert_int_equal(drawn[0], '_');
    assert_int_equal(drawn[2], '#');
    assert_int_equal(strlen(drawn), 3);
}

static void a_short_buffer_ends_the_line_between_characters(void **state)
{
    (void)state;
    const double values[] = {1, 2, 3};
    char small[6];
    chart_spark(values, 3, chart_range_of_values(values, 3), true, small, sizeof small);
    assert_string_equal(small, "▁");
}

static void columns_are_means_of_their_part(void **state)
{
    (void)state;
    const struct varve_point points[] = {{0, 1},  {10, 3},     {50, 8},
                                         {99, 4}, {100, 1000}, {-1, 1000}};
    double columns[4];
    chart_columns(points, 6, 0, 100, columns, 4);
    assert_true(columns[0] == 2 && columns[2] == 8 && columns[3] == 4);
    assert_true(isnan(columns[1]));
    chart_columns(points, 6, 5, 5, columns, 4);
    assert_true(isnan(columns[0]));
}

static void rare_points_are_held_but_not_over_gaps(void **state)
{
    (void)state;
    const double none = (double)NAN;
    double columns[24];
    for (size_t i = 0; i < 24; i++) {
        columns[i] = i % 2 == 1 && i < 10 ? (double)i : none;
    }
    columns[22] = 22; // 13 behind the one before, where 4 are usual
    chart_hold(columns, 24);
    for (size_t i = 0; i < 24; i++) {
        bool held = (i >= 1 && i < 10) || i == 22;
        double expected = i == 22 ? 22 : (double)(i - (i + 1) % 2);
        assert_true(held ? columns[i] == expected : isnan(columns[i]));
    }
    double lonely[] = {none, 5, none};
    chart_hold(lonely, 3);
    assert_true(isnan(lonely[0]) && lonely[1] == 5 && isnan(lonely[2]));
    double empty[] = {none, none};
    chart_hold(empty, 2);
    assert_true(isnan(empty[0]) && isnan(empty[1]));
}

static void plot(const struct varve_point *points, size_t n, bool unicode, int64_t gap_ms)
{
    field.width = 4;
    field.height = 2;
    field.from_ms = 0;
    field.to_ms = 80;
    field.gap_ms = gap_ms;
    field.range = chart_range_of(points, n);
    field.unicode = unicode;
    chart_plot(&field, points, n);
}

static const char *row(size_t y)
{
    chart_line(&field, y, line, sizeof line);
    return line;
}

static void a_plot_joins_points(void **state)
{
    (void)state;
    const struct varve_point points[] = {{0, 0}, {79, 7}};
    plot(points, 2, true, 100);
    assert_string_equal(row(0), "  ⡠⠊");
    assert_string_equal(row(1), "⡠⠊  ");
    plot(points, 2, false, 100);
    assert_string_equal(row(0), "  .'");
    assert_string_equal(row(1), ".'  ");
}

static void a_plot_leaves_gaps_open(void **state)
{
    (void)state;
    const struct varve_point points[] = {{0, 0}, {79, 7}}, hole[] = {{0, 0}, {40, NOVAL}, {79, 7}};
    plot(points, 2, true, 50);
    assert_string_equal(row(0), "   ⠈");
    assert_string_equal(row(1), "⡀   ");
    plot(hole, 3, true, 1000);
    assert_string_equal(row(0), "   ⠈");
}

static void hostile_points_are_drawn_somewhere(void **state)
{
    (void)state;
    const struct varve_point points[] = {
        {INT64_MIN, 1}, {INT64_MAX, 2}, {0, -1.7e308}, {80, 1.7e308}};
    plot(points, 4, true, INT64_MAX);
    assert_int_equal(strlen(row(0)) > 0, 1);
    plot(NULL, 0, true, 0);
    assert_string_equal(row(0), "    ");
    assert_int_equal(chart_usual_gap(points, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_grow_with_the_value),
        cmocka_unit_test(what_is_no_number_is_blank),
        cmocka_unit_test(the_widest_range_does_not_overflow),
        cmocka_unit_test(a_short_buffer_ends_the_line_between_characters),
        cmocka_unit_test(columns_are_means_of_their_part),
        cmocka_unit_test(rare_points_are_held_but_not_over_gaps),
        cmocka_unit_test(a_plot_joins_points),
        cmocka_unit_test(a_plot_leaves_gaps_open),
        cmocka_unit_test(hostile_points_are_drawn_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
