// SPDX-License-Identifier: Apache-2.0
// See sqlite_bench.h.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "sqlite_bench.h"

struct varve_block_key nth(int64_t i)
{
    return (struct varve_block_key){i * 300000, i * 300000 + 299999, (uint32_t)i};
}

// Stores the i-th raw block and lets everything but the KEEP blocks before it expire.
void flush(struct bench *b, int64_t i, uint32_t length)
{
    bench_store(b, 0, nth(i), length, nth(i - KEEP).start_ms);
}

int sqlite_setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    if (b == NULL) {
        return -1;
    }
    (void)sqlite3_shutdown(); // of the shell's use: the backend starts SQLite by itself
    bench_init(b, &varve_backend_sqlite);
    *state = b;
    return 0;
}

int sqlite_teardown(void **state)
{
    struct bench *b = *state;

    bench_end(b);
    free(b);
    return 0;
}

// ---- files --------------------------------------------------------------------------------------

void path_of(const struct bench *b, const char *suffix, char path[128])
{
    snprintf(path, 128, "%s/varve.db%s", b->dir, suffix);
}

// A file's content; no bytes when it is missing.
struct image read_file(const struct bench *b, const char *suffix)
{
    struct image image = {NULL, 0};
    char path[128];
    struct stat st;

    path_of(b, suffix, path);
    if (stat(path, &st) != 0) {
        return image;
    }
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    image.size = (size_t)st.st_size;
    image.bytes = malloc(image.size + 1);
    assert_non_null(image.bytes);
    assert_int_equal(fread(image.bytes, 1, image.size, f), image.size);
    fclose(f);
    return image;
}

void write_file(const struct bench *b, const char *suffix, const void *bytes, size_t size)
{
    char path[128];

    path_of(b, suffix, path);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

void assert_unchanged(const struct bench *b, const char *suffix, struct image *before)
{
    struct image now = read_file(b, suffix);

    assert_int_equal(now.size, before->size);
    if (now.size > 0) {
        assert_memory_equal(now.bytes, before->bytes, now.size);
    }
    free(now.bytes);
    free(before->bytes);
}

bool exists(const struct bench *b, const char *suffix)
{
    char path[128];

    path_of(b, suffix, path);
    return access(path, F_OK) == 0;
}

// Runs SQL by SQLite's own file layer, as the sqlite3 shell would; returns SQLite's code.
int shell(const struct bench *b, const char *sql)
{
    char path[128];
    sqlite3 *db;

    path_of(b, "", path);
    int rc = sqlite3_open(path, &db);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    }
    sqlite3_close(db);
    return rc;
}
