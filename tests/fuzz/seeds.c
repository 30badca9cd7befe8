// SPDX-License-Identifier: Apache-2.0
// Writes the binary part of the seed corpora: blocks, frames, a small store, segments.
//
//   fuzz_seeds FOLDER     writes FOLDER/block/*, FOLDER/wire/*, FOLDER/sqlite/*, FOLDER/segment/*
//
// The same bytes each time, but for what SQLite decides. The texts of the other corpora are written
// by hand. Threading: one task.
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "client/fields.h"
#include "fuzz.h"
#include "tests/unit/fake_host.h"
#include "varve/client.h"

extern const struct varve_plugin varve_backend_rotate;
extern const struct varve_plugin varve_backend_sqlite;

#define START_MS INT64_C(1700000040000)

static const char *folder;

static void path_of(const char *corpus, const char *name, char path[PATH_MAX])
{
    int n = snprintf(path, PATH_MAX, "%s/%s/%s", folder, corpus, name);
    FUZZ_CHECK(n > 0 && n < PATH_MAX);
}

static void write_seed(const char *corpus, const char *name, const void *bytes, size_t size)
{
    char path[PATH_MAX];
    path_of(corpus, "", path);
    FUZZ_CHECK(mkdir(path, 0777) == 0 || errno == EEXIST);
    path_of(corpus, name, path);
    FILE *file = fopen(path, "wb");
    FUZZ_CHECK(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

// ---- blocks -----------------------------------------------------------------------------------

static uint8_t block[4096];

// Three series: regular, with gaps, with values that XOR badly.
static size_t make_points(uint32_t seq)
{
    struct varve_block_writer w;
    struct varve_block_info info = {.columns = 1, .step_ms = 5000, .upto_ms = START_MS};
    info.key = (struct varve_block_key){.start_ms = START_MS + (int64_t)seq * 300000, .seq = seq};
    varve_block_begin(&w, block, sizeof block, &info);
    for (int series = 0; series < 3; series++) {
        struct varve_point points[12];
        for (int i = 0; i < 12; i++) {
            int64_t late = series == 1 && i > 6 ? 17001 : 0;
            double value = series == 2 ? sqrt(i) - 1 : i / 4;
            points[i] = (struct varve_point){info.key.start_ms + i * 5000 + late, value};
        }
        points[11].value = series == 2 ? (double)NAN : 7;
        FUZZ_CHECK(varve_block_add_points(&w, (varve_series_id)(series * 100), points, 12) == 0);
    }
    int length = varve_block_finish(&w);
    FUZZ_CHECK(length > 0);
    return (size_t)length;
}

static size_t make_cells(void)
{
    struct varve_block_writer w;
    struct varve_block_info info = {.tier = 1, .columns = 5, .step_ms = 60000};
    info.key = (struct varve_block_key){.start_ms = START_MS, .seq = 9};
    varve_block_begin(&w, block, sizeof block, &info);
    for (int series = 0; series < 2; series++) {
        struct varve_cell cells[5];
        for (int i = 0; i < 5; i++) {
            int64_t start = START_MS + (i + (i > 3 ? series * 7 : 0)) * INT64_C(60000);
            cells[i] = (struct varve_cell){start, 12, 0, i, i + 0.5, i * 12.25, i + 0.25};
        }
        FUZZ_CHECK(varve_block_add_cells(&w, (varve_series_id)(series * 3), cells, 5) == 0);
    }
    int length = varve_block_finish(&w);
    FUZZ_CHECK(length > 0);
    return (size_t)length;
}

static void write_blocks(void)
{
    write_seed("block", "points", block, make_points(1));
    write_seed("block", "cells", block, make_cells());
}

// ---- frames: a byte that says who reads, then the stream ----------------------------------------

struct stream {
    uint8_t bytes[8192];
    size_t used;
};

static void start(struct stream *s, uint8_t reader)
{
    s->bytes[0] = reader;
    s->used = 1;
}

static void frame(struct stream *s, enum varve_frame_type type, const struct varve_wire_writer *p)
{
    struct varve_wire_writer w = {.buf = s->bytes + s->used, .cap = sizeof s->bytes - s->used};
    size_t length = p != NULL ? p->used : 0;
    varve_wire_put_u16(&w, (uint16_t)type);
    varve_wire_put_u16(&w, 0);
    varve_wire_put_u32(&w, (uint32_t)length);
    FUZZ_CHECK(!w.failed && w.cap - w.used >= length && (p == NULL || !p->failed));
    if (p != NULL) {
        memcpy(w.buf + w.used, p->buf, length);
    }
    s->used += w.used + length;
}

static uint8_t payload_bytes[4096];

static struct varve_wire_writer payload(void)
{
    return (struct varve_wire_writer){.buf = payload_bytes, .cap = sizeof payload_bytes};
}

static void end(struct stream *s, int status, const char *message)
{
    struct varve_wire_writer w = payload();
    varve_wire_put_i32(&w, status);
    varve_wire_put_text(&w, message);
    frame(s, VARVE_FRAME_END, &w);
}

static void series_row(struct stream *s)
{
    struct varve_wire_writer w = payload();
    varve_wire_put_u16(&w, 3);
    varve_wire_put_u8(&w, 1);
    varve_wire_put_text(&w, "net_rx_bytes{device=\"eth0\"}");
    varve_wire_put_text(&w, "By");
    varve_wire_put_text(&w, "Received.");
    frame(s, VARVE_FRAME_ROW_SERIES, &w);
}

static void runs(struct stream *s, enum varve_frame_type type)
{
    struct varve_wire_writer w = payload();
    for (uint16_t id = 3; id < 5; id++) {
        varve_wire_put_u16(&w, id);
        varve_wire_put_u16(&w, 2);
        for (int i = 0; i < 2; i++) {
            varve_wire_put_i64(&w, START_MS + i * 5000);
            varve_wire_put_f64(&w, i + 0.5);
        }
    }
    frame(s, type, &w);
}

static void info_row(struct stream *s)
{
    struct varve_query_info info = {.tier = 1, .tier_name = "minute", .oldest_ms = INT64_MAX};
    struct varve_wire_writer w = payload();
    varve_fields_put(&w, varve_info_fields, &info);
    frame(s, VARVE_FRAME_ROW_INFO, &w);
}

static void stats_row(struct stream *s)
{
    static struct varve_stats stats = {.series = 2, .tier_count = 1, .backend_count = 1};
    struct varve_wire_writer w = payload();
    stats.tiers[0].tier = (struct varve_tier){"raw", 5000, 7200000, 300000};
    varve_stats_put(&w, &stats);
    frame(s, VARVE_FRAME_ROW_STATS, &w);
}

static void event_row(struct stream *s)
{
    const struct varve_event event = {.severity = VARVE_NOTICE, .source = "host", .kind = "start"};
    struct varve_wire_writer w = payload();
    varve_fields_put(&w, varve_event_fields, &event);
    frame(s, VARVE_FRAME_ROW_EVENT, &w);
}

static void instance_row(struct stream *s)
{
    const struct varve_instance_stats row = {.name = "cpu", .plugin = "cpu", .state = "running"};
    struct varve_wire_writer w = payload();
    varve_fields_put(&w, varve_instance_fields, &row);
    frame(s, VARVE_FRAME_ROW_INSTANCE, &w);
}

static void line_row(struct stream *s)
{
    struct varve_wire_writer w = payload();
    varve_wire_put_text(&w, "[varve]");
    frame(s, VARVE_FRAME_ROW_LINE, &w);
}

static void id_row(struct stream *s)
{
    struct varve_wire_writer w = payload();
    varve_wire_put_i32(&w, 7);
    frame(s, VARVE_FRAME_ROW_ID, &w);
}

static void query_request(struct stream *s)
{
    const struct varve_query query = {
        .selector = "cpu_*", .from_ms = START_MS, .to_ms = INT64_MAX, .tier = VARVE_TIER_AUTO};
    struct varve_wire_writer w = payload();
    varve_query_put(&w, &query);
    frame(s, VARVE_FRAME_QUERY, &w);
}

// An answer to each of the client's calls, in the order of fuzz_wire.c.
static void write_answers(struct stream *s)
{
    static void (*const rows[])(struct stream *) = {info_row,  stats_row,    series_row,
                                                    event_row, instance_row, line_row};
    for (uint8_t reader = 0; reader < sizeof rows / sizeof *rows; reader++) {
        char name[16];
        start(s, reader);
        rows[reader](s);
        if (reader == 0) {
            series_row(s);
            runs(s, VARVE_FRAME_ROW_POINTS);
            info_row(s);
        }
        end(s, 0, "");
        (void)snprintf(name, sizeof name, "answer-%u", reader); // fits
        write_seed("wire", name, s->bytes, s->used);
    }
    start(s, 6);
    end(s, 0, "");
    id_row(s);
    end(s, 0, "");
    end(s, VARVE_E_FULL, "the disk is full");
    write_seed("wire", "answer-6", s->bytes, s->used);
}

static struct varve_prune_report report_of_two(void)
{
    return (struct varve_prune_report){
        .series = 3,
        .left_alone = "old",
        .tier_count = 2,
        .tiers = {
            {.name = "raw", .selected = true, .removed = 4, .rows = 99, .oldest_ms = START_MS},
            {.name = "minute", .oldest_ms = INT64_MAX, .newest_ms = INT64_MIN}}};
}

static void write_prune(struct stream *s)
{
    const struct varve_prune_request request = {
        .selector = "cpu_*", .before_ms = START_MS, .tier = 1, .apply = true};
    const struct varve_prune_report report = report_of_two();
    struct varve_wire_writer w = payload();
    start(s, 15);
    end(s, 0, "");
    varve_prune_report_put(&w, &report);
    frame(s, VARVE_FRAME_ROW_PRUNE, &w);
    end(s, 0, "");
    write_seed("wire", "answer-15", s->bytes, s->used);
    w = payload();
    start(s, 8);
    varve_prune_request_put(&w, &request);
    frame(s, VARVE_FRAME_PRUNE_BEGIN, &w);
    frame(s, VARVE_FRAME_PRUNE_STEP, NULL);
    w = payload();
    varve_prune_report_put(&w, &report);
    frame(s, VARVE_FRAME_ROW_PRUNE, &w);
    write_seed("wire", "prune", s->bytes, s->used);
}

static void write_frames(void)
{
    static struct stream s;
    write_answers(&s);
    write_prune(&s);
    start(&s, 8);
    query_request(&s);
    runs(&s, VARVE_FRAME_IMPORT_POINTS);
    stats_row(&s);
    event_row(&s);
    frame(&s, VARVE_FRAME_PING, NULL);
    write_seed("wire", "requests", s.bytes, s.used);
}

// ---- a store ----------------------------------------------------------------------------------

static void fill_store(struct varve_host *host, const struct varve_backend_ops *ops)
{
    const struct varve_series_def def = {"cpu{mode=\"user\"}", "%", "Time.", VARVE_GAUGE};
    const struct varve_event event = {.time_ms = START_MS,
                                      .severity = VARVE_NOTICE,
                                      .source = "host",
                                      .kind = "start",
                                      .message = "Started.",
                                      .payload = "{}"};
    FUZZ_CHECK(ops->define(&host->instance, 0, &def) == 0);
    FUZZ_CHECK(ops->event(&host->instance, &event) == 0);
    for (uint32_t seq = 1; seq <= 3; seq++) {
        struct varve_put put = {.block = block, .expire_before_ms = INT64_MIN};
        struct varve_block_info info;
        put.length = (uint32_t)make_points(seq);
        FUZZ_CHECK(varve_block_open(block, put.length, &info) == 0);
        put.key = info.key;
        FUZZ_CHECK(ops->put(&host->instance, &put) == 0);
    }
    FUZZ_CHECK(ops->commit(&host->instance) == 0);
}

// The backend lets a store grow in large steps; a seed should be small.
static void shrink(const char *path)
{
    static const char sql[] = "PRAGMA journal_mode=DELETE; VACUUM; PRAGMA journal_mode=WAL";
    sqlite3 *db;
    FUZZ_CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    FUZZ_CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    FUZZ_CHECK(sqlite3_close(db) == SQLITE_OK);
}

static void write_store(void)
{
    static const struct varve_tier tiers[] = {{"raw", 5000, 7200000, 300000},
                                              {"minute", 60000, 86400000, 3600000}};
    static struct varve_host host;
    char path[PATH_MAX];
    write_seed("sqlite", "store", "", 0); // an empty file becomes a store
    path_of("sqlite", "store", path);
    fake_host_init(&host, &varve_backend_sqlite, ".", tiers, 2);
    fake_host_set(&host, "path", path);
    fake_host_set(&host, "page", "512");
    FUZZ_CHECK(fake_host_open(&host, 0) == 0);
    fill_store(&host, varve_backend_sqlite.backend);
    fake_host_free(&host);
    shrink(path);
}

// ---- segments ---------------------------------------------------------------------------------

// A unit without the zeros at its end.
static void write_unit(const char *dir, unsigned unit, const char *name)
{
    static uint8_t bytes[65536];
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%08x.seg", dir, unit); // fits
    FILE *file = fopen(path, "rb");
    FUZZ_CHECK(file != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    FUZZ_CHECK(fclose(file) == 0 && unlink(path) == 0);
    while (size > 0 && bytes[size - 1] == 0) {
        size--;
    }
    write_seed("segment", name, bytes, (size + 7) / 8 * 8);
}

// Definitions and an event in one segment; raw blocks in another, one of them put twice.
static void write_segments(void)
{
    static const struct varve_tier tiers[] = {{"raw", 5000, 7200000, 300000},
                                              {"minute", 60000, 86400000, 3600000}};
    static struct varve_host host;
    char dir[] = "/tmp/varve-seeds-XXXXXX";
    char lock[64];
    FUZZ_CHECK(mkdtemp(dir) != NULL);
    fake_host_init(&host, &varve_backend_rotate, ".", tiers, 2);
    fake_host_set(&host, "path", dir);
    fake_host_set(&host, "page", "512");
    FUZZ_CHECK(fake_host_open(&host, 0) == 0);
    fill_store(&host, varve_backend_rotate.backend);
    write_unit(dir, 1, "definitions");
    fill_store(&host, varve_backend_rotate.backend);
    fake_host_free(&host);
    write_unit(dir, 2, "blocks");
    (void)snprintf(lock, sizeof lock, "%s/lock", dir); // fits
    FUZZ_CHECK(unlink(lock) == 0 && rmdir(dir) == 0);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
        return 2;
    }
    folder = argv[1];
    write_blocks();
    write_frames();
    write_store();
    write_segments();
    return 0;
}
