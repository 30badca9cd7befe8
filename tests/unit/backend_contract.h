// SPDX-License-Identifier: Apache-2.0
// What every backend must do, as one suite that each backend's test runs.
#ifndef VARVE_TEST_BACKEND_CONTRACT_H
#define VARVE_TEST_BACKEND_CONTRACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_host.h"

// A backend under test and the setting that limits it to CONTRACT_CAP blocks.
struct backend_contract {
    const struct varve_plugin *plugin;
    bool persistent;
    const char *cap_option;
    void (*before)(void); // each test: makes what the store lies on; NULL: nothing
};

#define CONTRACT_CAP 16

// One open backend in a directory of its own.
struct bench {
    struct varve_host host;
    const struct varve_backend_ops *ops;
    struct varve_instance *self;
    char dir[64];
};

// raw 5 s, minute, hour.
extern const struct varve_tier bench_tiers[3];

// Makes the directory and the host; the backend is not open yet.
void bench_init(struct bench *b, const struct varve_plugin *plugin);
void bench_open(struct bench *b);
void bench_reopen(struct bench *b);
// Closes the backend, removes the directory with its files.
void bench_end(struct bench *b);

// Fills `buf` with a block of `length` bytes: a valid header, and bytes that follow from the key.
void bench_block(uint8_t *buf, unsigned tier, const struct varve_block_key *key, uint32_t length);
// Puts such a block; the key is start, end, seq.
int bench_put(struct bench *b, unsigned tier, struct varve_block_key key, uint32_t length,
              int64_t expire_before_ms);
// The same, and commit; both must succeed.
void bench_store(struct bench *b, unsigned tier, struct varve_block_key key, uint32_t length,
                 int64_t expire_before_ms);
// The same within a cap on the tier's bytes; nothing has expired.
void bench_store_capped(struct bench *b, unsigned tier, struct varve_block_key key, uint32_t length,
                        uint64_t cap_bytes);
// Is the block there, bit for bit?
bool bench_has(struct bench *b, unsigned tier, struct varve_block_key key, uint32_t length);
// Number of blocks of a tier, walked by next(); fails the test when they are out of order.
size_t bench_count(struct bench *b, unsigned tier);

// Runs the suite; returns the number of failures.
int backend_contract_run(const struct backend_contract *contract);
// The same with one more setting of the backend.
int backend_contract_run_with(const struct backend_contract *contract, const char *option,
                              const char *value);

#endif
