// SPDX-License-Identifier: Apache-2.0
// What the tests of the sqlite backend share: its files as bytes, steady flushing, the shell's
// view.
#ifndef VARVE_TEST_SQLITE_BENCH_H
#define VARVE_TEST_SQLITE_BENCH_H

#include "backend_contract.h"

extern const struct varve_plugin varve_backend_sqlite;

#define PAGE     4096
#define OVERFLOW (PAGE - 4) // bytes of a block in one page
#define KEEP     40         // blocks that have not expired, in the steady state

// A file's bytes, in memory of malloc().
struct image {
    uint8_t *bytes;
    size_t size;
};

// Per test: a bench that is not open, its end.
int sqlite_setup(void **state);
int sqlite_teardown(void **state);

// The i-th raw block of five minutes.
struct varve_block_key nth(int64_t i);
// Stores the i-th raw block and lets everything but the KEEP blocks before it expire.
void flush(struct bench *b, int64_t i, uint32_t length);

// The files of the store are varve.db and varve.db + suffix.
void path_of(const struct bench *b, const char *suffix, char path[128]);
// A file's content; no bytes when it is missing.
struct image read_file(const struct bench *b, const char *suffix);
void write_file(const struct bench *b, const char *suffix, const void *bytes, size_t size);
// Compares with the file as it is now, and frees `before`.
void assert_unchanged(const struct bench *b, const char *suffix, struct image *before);
bool exists(const struct bench *b, const char *suffix);

// Runs SQL by SQLite's own file layer, as the sqlite3 shell would; returns SQLite's code.
int shell(const struct bench *b, const char *sql);

#endif
