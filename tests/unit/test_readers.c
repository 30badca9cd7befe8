// SPDX-License-Identifier: Apache-2.0
// The readers of import: what each format's text says, and what is refused, with its line.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/varve/json_read.h"
#include "tools/varve/number.h"
#include "tools/varve/reader.h"
#include "varve/error.h"

// What a reader makes of a text: `TIME SERIES VALUE` of each sample, `kind unit help` where the
// file says so, `LINE: why` of each refusal.
static char *transcript(const struct reader_format *format, const char *text,
                        const struct reader_options *options)
{
    char *out = NULL;
    size_t len = 0;
    struct reader reader;
    struct reader_series series;
    struct sample sample;
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    FILE *to = open_memstream(&out, &len);
    assert_non_null(file);
    assert_non_null(to);
    assert_int_equal(reader_open(&reader, format, file, options), 0);
    for (int got; (got = reader_next(&reader, &sample)) != 0;) {
        assert_true(got == 1 || got == VARVE_E_INVALID);
        int rc = got == 1 ? reader_series(&reader, &sample, &series) : got;
        if (rc != 0) {
            fprintf(to, "%d: %s\n", (int)reader.line, reader.why);
            continue;
        }
        char value[NUMBER_TEXT];
        (void)number_format(sample.value, value);
        fprintf(to, "%lld %s %s", (long long)sample.time_ms, series.text, value);
        if (series.typed) {
            fprintf(to, " %s", series.kind == VARVE_COUNTER ? "counter" : "gauge");
        }
        fprintf(to, "%s%s%s%s\n", series.unit[0] ? " " : "", series.unit, series.help[0] ? " " : "",
                series.help);
    }
    reader_close(&reader);
    (void)fclose(file); // only read
    assert_int_equal(fclose(to), 0);
    return out;
}

static void expect(const struct reader_format *format, const char *text, const char *expected)
{
    char *got = transcript(format, text, NULL);
    assert_string_equal(got, expected);
    free(got);
}

// ---- OpenMetrics and Prometheus -----------------------------------------------------------------

static void openmetrics_has_seconds_families_and_exemplars(void **state)
{
    (void)state;
    expect(&reader_openmetrics,
           "# TYPE http counter\n# HELP http Answers, \\\"all\\\".\n"
           "http_total{code=\"200\"} 5 1750000020.5 # {trace=\"a b\"} 0.5 1750000019\n"
           "http_created 1750000000 1750000021\n"
           "# TYPE size histogram\nsize_bucket{le=\"+Inf\"} 3 1750000022 # {} 1\nsize_sum 9 2e9\n"
           "# TYPE temp gauge\ntemp_total -1.5e-3 -0.25\n"
           "free NaN 1750000023\n# EOF\n",
           "1750000020500 http_total{code=\"200\"} 5 counter Answers, \"all\".\n"
           "1750000021000 http_created 1750000000 gauge Answers, \"all\".\n"
           "1750000022000 size_bucket{le=\"+Inf\"} 3 counter\n"
           "2000000000000 size_sum 9 counter\n"
           "-250 temp_total -0.0015 gauge\n"
           "1750000023000 free NaN\n");
}

static void openmetrics_has_units_and_marked_counters(void **state)
{
    (void)state;
    expect(&reader_openmetrics,
           "# TYPE up_seconds gauge\n# UNIT up_seconds seconds\nup_seconds 5 1750000020\n"
           "# TYPE rx_bytes counter\n# UNIT rx_bytes bytes\n# HELP rx_bytes Received.\n"
           "rx_bytes_total 7 1750000020\n"
           "# TYPE boiler_stone gauge\n# UNIT boiler_stone stone\nboiler_stone 1 1750000020\n"
           "# TYPE odd unknown\n# HELP odd (counter) Turns.\nodd 3 1750000020\n"
           "# TYPE bare unknown\n# HELP bare (counter)\nbare 3 1750000020\n"
           "# TYPE other unknown\n# HELP other (counters) of all kinds\nother 3 1750000020\n"
           "# TYPE temp gauge\n# HELP temp (counter) it is not\ntemp 3 1750000020\n# EOF\n",
           "1750000020000 up_seconds 5 gauge s\n"
           "1750000020000 rx_bytes_total 7 counter By Received.\n"
           "1750000020000 boiler_stone 1 gauge stone\n"
           "1750000020000 odd 3 counter Turns.\n"
           "1750000020000 bare 3 counter\n"
           "1750000020000 other 3 (counters) of all kinds\n"
           "1750000020000 temp 3 gauge (counter) it is not\n");
}

static void prometheus_has_milliseconds(void **state)
{
    (void)state;
    expect(&reader_prometheus,
           "# TYPE up_total counter\nup_total{a=\"} x\"} 1 1750000020123\r\nup 2\nup x 1\n"
           "up 1 1.5\nup 1 2 3\nup{a=\"b\" 1 2\nlate 1 2 # {} 1\n",
           "1750000020123 up_total{a=\"} x\"} 1 counter\n"
           "3: the sample has no time: only what has one is history\n"
           "4: the value is no number\n"
           "5: the time is no integer, in ms\n"
           "6: there is something behind the time\n"
           "7: expected name{label=\"value\"} number time\n"
           "2 late 1\n");
}

// ---- Influx -------------------------------------------------------------------------------------

static void influx_fields_are_series(void **state)
{
    (void)state;
    expect(&reader_influx,
           "cpu,host=a\\ b,z=x\\,y\\=z usage=1.5,idle=90i,on=true,off=F,name=\"a, b=\\\"c\\\"\" "
           "1750000020123456789\n"
           "# nothing\n\nload value=-0 1750000021000000000\nmy.disk\\ 1 9in=7u -1\n"
           "q,v=say\\ \"hi\"\\ \\\\ end value=1 0\n",
           "1750000020123 cpu_usage{host=\"a b\",z=\"x,y=z\"} 1.5\n"
           "1750000020123 cpu_idle{host=\"a b\",z=\"x,y=z\"} 90\n"
           "1750000020123 cpu_on{host=\"a b\",z=\"x,y=z\"} 1\n"
           "1750000020123 cpu_off{host=\"a b\",z=\"x,y=z\"} 0\n"
           "1: the field `name` is a text\n"
           "1750000021000 load -0\n"
           "-1 my_disk_1_9in 7\n"
           "0 q{v=\"say \\\"hi\\\" \\\\ end\"} 1\n");
}

static void influx_lines_without_sense_are_refused(void **state)
{
    (void)state;
    expect(&reader_influx,
           "cpu\ncpu usage=1\ncpu usage=1 now\ncpu usage 1\ncpu usage=x 1\n,a=b value=1 1\n"
           "cpu usage=1 9223372036854775808\ncpu a=1,=2 3\ncpu,host value=1 1\ncpu,=b value=1 1\n"
           "cpu value=\"open 1\n",
           "1: expected measurement,tags field=value time\n"
           "2: the line has no time\n"
           "3: the time is no integer\n"
           "4: expected field=value\n"
           "5: the value of `usage` is no number\n"
           "6: expected measurement,tags field=value time\n"
           "7: the time is out of range\n"
           "0 cpu_a 1\n"
           "8: expected field=value\n"
           "9: expected tag=value, not `host`\n"
           "10: expected tag=value, not `=b`\n"
           "11: the line has no time\n");
}

static void influx_times_have_the_unit_that_is_said(void **state)
{
    (void)state;
    static const struct {
        enum reader_unit unit;
        const char *text, *expected;
    } cases[] = {{READER_US, "x value=1 1750000020123999\n", "1750000020123 x 1\n"},
                 {READER_MS, "x value=1 1750000020123\n", "1750000020123 x 1\n"},
                 {READER_S, "x value=1 1750000020\n", "1750000020000 x 1\n"},
                 {READER_S, "x value=1 9223372036854775\nx value=1 9223372036854776\n",
                  "9223372036854775000 x 1\n2: the time is out of range\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct reader_options options = {.unit = cases[i].unit};
        char *got = transcript(&reader_influx, cases[i].text, &options);
        assert_string_equal(got, cases[i].expected);
        free(got);
    }
}

// ---- JSON lines ---------------------------------------------------------------------------------

static void jsonl_members_come_in_any_order(void **state)
{
    (void)state;
    expect(
        &reader_jsonl,
        "{\"timestamps\":[1,2,3,4],\"more\":{\"a\":[[],{}]},\"unit\":\"By\", \"kind\":\"counter\","
        "\"help\":\"What \\\"a\\\" is.\","
        "\"values\":[1.5,null,\"-Infinity\",\"NaN(0x7ff8000000000123)\"],"
        "\"metric\":{\"z\":\"\\u00e9\\ud83d\\ude00\\udcff\\n\",\"__name__\":\"a\"}}\n"
        " { \"metric\" : { \"__name__\" : \"b\" } , \"values\" : [ ] , \"timestamps\" : [ ] } \n"
        "{\"metric\":{\"__name__\":\"c.d\"},\"values\":[-0],\"timestamps\":[1750000020123]}",
        "1 a{z=\"\xc3\xa9\xf0\x9f\x98\x80\xff\\n\"} 1.5 counter By What \"a\" is.\n"
        "2 a{z=\"\xc3\xa9\xf0\x9f\x98\x80\xff\\n\"} NaN counter By What \"a\" is.\n"
        "3 a{z=\"\xc3\xa9\xf0\x9f\x98\x80\xff\\n\"} -Inf counter By What \"a\" is.\n"
        "4 a{z=\"\xc3\xa9\xf0\x9f\x98\x80\xff\\n\"} NaN(0x7ff8000000000123) counter By What \"a\" "
        "is.\n"
        "1750000020123 c_d -0\n");
}

static void jsonl_lines_without_sense_are_refused(void **state)
{
    (void)state;
#define M "\"metric\":{\"__name__\":\"a\"},"
    expect(&reader_jsonl,
           "[]\n{}\n{" M "\"values\":[1],\"timestamps\":[1]} x\n{" M
           "\"values\":[1,2],\"timestamps\":[1]}\n"
           "{" M "\"values\":[true,\"x\",3],\"timestamps\":[1,2,\"3\"]}\n"
           "{" M "\"values\":[1,2],\"timestamps\":[1.5,1e300]}\n"
           "{\"metric\":{\"a\":\"b\"},\"values\":[1],\"timestamps\":[1]}\n"
           "{\"metric\":{\"__name__\":1},\"values\":[1],\"timestamps\":[1]}\n"
           "{\"metric\":[],\"values\":[1],\"timestamps\":[1]}\n"
           "{" M M "\"values\":[1],\"timestamps\":[1]}\n"
           "{" M "\"values\":[1,],\"timestamps\":[1]}\n"
           "{" M "\"unit\":\"longer than units may be\",\"values\":[1],\"timestamps\":[1]}\n"
           "{" M "\"values\":[01],\"timestamps\":[1]}\n"
           "{\"metric\":{\"__name__\":\"a\\u0000\"},\"values\":[1],\"timestamps\":[1]}\n",
           "1: the line is no JSON object\n"
           "2: expected {\"metric\":{},\"values\":[],\"timestamps\":[]}\n"
           "3: the line is no JSON object\n"
           "4: 2 values and 1 timestamps\n"
           "5: value 1 is no number\n"
           "5: value 2 is no number\n"
           "5: timestamp 3 is no integer of ms\n"
           "6: timestamp 1 is no integer of ms\n"
           "6: timestamp 2 is no integer of ms\n"
           "7: `metric` has no `__name__`\n"
           "8: a label of `metric` is no text, or too long a one\n"
           "9: `metric` is not what it should be, or there twice\n"
           "10: `metric` is not what it should be, or there twice\n"
           "11: the line is no JSON object\n"
           "12: `unit` is longer than 15 bytes\n"
           "13: the line is no JSON object\n"
           "14: a label of `metric` is no text, or too long a one\n");
}

static void json_nests_only_so_deep(void **state)
{
    (void)state;
    assert_non_null(json_skip("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", NULL));
    assert_null(json_skip("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", NULL));
    size_t count = 9;
    assert_non_null(json_skip("[1,[2,3],{\"a\":4}]", &count));
    assert_int_equal(count, 3);
    static const char *const bad[] = {"[1 2]", "[1,]",    "{1:2}", "{\"a\" 1}", "[",     "\"a",
                                      "-",     "1.",      "1e",    "nul",       "]",     "",
                                      "\"\\x", "\"\\u12", "[}",    "{\"a\":}",  "\"\n\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(json_skip(bad[i], NULL));
    }
}

// ---- RRD ----------------------------------------------------------------------------------------

#ifdef VARVE_EXPAT

#define HEAD                                                                                       \
    "<?xml version=\"1.0\"?>\n<rrd><version>0003</version><step> 10 </step>"                       \
    "<lastupdate>1007</lastupdate>\n"                                                              \
    "<ds><name> a </name><type>GAUGE</type></ds><ds><name>value</name><type>DERIVE</type></ds>\n"
#define ROW(a, b) "<row><v>" a "</v><v>" b "</v></row>"
#define RRA(cf, n, rows)                                                                           \
    "<rra><cf>" cf "</cf><pdp_per_row>" n "</pdp_per_row><cdp_prep><ds><value>1</value></ds>"      \
    "</cdp_prep><database>" rows "</database></rra>\n"

static void rrd_rows_are_samples_of_the_finest_archive(void **state)
{
    (void)state;
    const struct reader_options options = {.path = "/x/eth-0.rrd.xml.gz"};
    char *got = transcript(
        &reader_rrd,
        HEAD RRA("AVERAGE", "3", ROW("1", "NaN") ROW("2.5e+00", "U") ROW("3", "9"))
            RRA("AVERAGE", "1", ROW("NaN", "1") ROW("5", "2") ROW("6", "-nan"))
                RRA("MAX", "3", ROW("7", "8")) RRA("HWPREDICT", "1", ROW("0", "0")) "</rrd>",
        &options);
    assert_string_equal(got, "980000 eth_0_a 5 gauge\n"
                             "990000 eth_0_a 6 gauge\n"
                             "900000 eth_0_a 1 gauge\n"
                             "930000 eth_0_a 2.5 gauge\n"
                             "960000 eth_0_a 3 gauge\n"
                             "960000 eth_0_a_max 7 gauge\n"
                             "970000 eth_0_per_second 1 gauge\n"
                             "980000 eth_0_per_second 2 gauge\n"
                             "960000 eth_0_per_second 9 gauge\n"
                             "960000 eth_0_per_second_max 8 gauge\n");
    free(got);
}

static void rrd_names_come_of_the_command_line_or_of_collectd(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
        bool collectd;
        const char *expected;
    } cases[] = {
        {"-", "temp erature", false, "990000 temp_erature_a 1 gauge\n"},
        {"-", NULL, false, "5: there is no name for the series: use --name\n"},
        {"x/router/interface-eth0/if_octets.rrd", NULL, true,
         "990000 collectd_interface_if_octets_a{interface=\"eth0\",instance=\"router\"} 1 gauge\n"},
        {"router/cpu-1/cpu-idle.rrd", NULL, true,
         "990000 collectd_cpu_a{cpu=\"1\",type=\"idle\",instance=\"router\"} 1 gauge\n"},
        {"router/df/df-root.xml", NULL, true,
         "990000 collectd_df_a{df=\"root\",instance=\"router\"} 1 gauge\n"},
        {"load/load.rrd", NULL, true, "5: --collectd: the path is not HOST/PLUGIN/TYPE.rrd\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct reader_options options = {
            .path = cases[i].path, .name = cases[i].name, .collectd = cases[i].collectd};
        char *got =
            transcript(&reader_rrd, HEAD RRA("AVERAGE", "1", ROW("1", "NaN")) "\n</rrd>", &options);
        if (strncmp(cases[i].expected, "5:", 2) == 0) {
            assert_non_null(strstr(got, cases[i].expected + 1));
        } else {
            assert_string_equal(got, cases[i].expected);
        }
        free(got);
    }
}

static void rrd_files_that_do_not_hold_together_are_refused(void **state)
{
    (void)state;
    expect(&reader_rrd, "<a/>", "1: this is no dump of an RRD file: <rrd> is missing\n");
    expect(&reader_rrd, "<rrd>\n</rrd>", "2: <step>, <lastupdate> or <ds> is missing\n");
    expect(&reader_rrd, "<rrd>\n<step>0</step></rrd>", "2: a number is missing or out of range\n");
    expect(&reader_rrd, HEAD, "4: XML: no element found\n");
    expect(&reader_rrd, HEAD RRA("AVERAGE", "1", "<row><v>1</v></row>") "</rrd>",
           "4: a row has fewer values than there are data sources\n");
    expect(&reader_rrd, HEAD RRA("AVERAGE", "1", "<row><v>1</v><v>2</v><v>3</v></row>") "</rrd>",
           "4: a row has more values than there are data sources\n");
    expect(&reader_rrd, HEAD RRA("AVERAGE", "1", ROW("1", "x")) "</rrd>",
           "4: a value is no number\n");
    expect(&reader_rrd, HEAD RRA("AVERAGE", "316224000", ROW("1", "2")) "</rrd>",
           "5: an archive has no <pdp_per_row>, or one that is too large\n");
    expect(&reader_rrd, "<!DOCTYPE rrd [<!ENTITY a \"b\">]><rrd>&a;</rrd>",
           "1: entities are not part of a dump of an RRD file\n");
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openmetrics_has_seconds_families_and_exemplars),
        cmocka_unit_test(openmetrics_has_units_and_marked_counters),
        cmocka_unit_test(prometheus_has_milliseconds),
        cmocka_unit_test(influx_fields_are_series),
        cmocka_unit_test(influx_lines_without_sense_are_refused),
        cmocka_unit_test(influx_times_have_the_unit_that_is_said),
        cmocka_unit_test(jsonl_members_come_in_any_order),
        cmocka_unit_test(jsonl_lines_without_sense_are_refused),
        cmocka_unit_test(json_nests_only_so_deep),
#ifdef VARVE_EXPAT
        cmocka_unit_test(rrd_rows_are_samples_of_the_finest_archive),
        cmocka_unit_test(rrd_names_come_of_the_command_line_or_of_collectd),
        cmocka_unit_test(rrd_files_that_do_not_hold_together_are_refused),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
