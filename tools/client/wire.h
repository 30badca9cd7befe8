// SPDX-License-Identifier: Apache-2.0
// Bytes in a payload: bounded little-endian writing and reading.
//
// Owns the representation of numbers and texts; leaves frames to channel.h and structs to fields.h.
// A call that does not fit sets `failed` and changes nothing else, later ones do nothing, so that a
// payload is checked once at its end. Reading is safe on any bytes.
//
// Threading: none of it is shared.
#ifndef VARVE_WIRE_H
#define VARVE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct varve_wire_writer {
    uint8_t *buf;
    size_t cap;
    size_t used;
    bool failed;
};

struct varve_wire_reader {
    const uint8_t *buf;
    size_t len;
    size_t at;
    bool failed;
};

void varve_wire_put_u8(struct varve_wire_writer *w, uint8_t value);
void varve_wire_put_u16(struct varve_wire_writer *w, uint16_t value);
void varve_wire_put_u32(struct varve_wire_writer *w, uint32_t value);
void varve_wire_put_u64(struct varve_wire_writer *w, uint64_t value);
void varve_wire_put_i32(struct varve_wire_writer *w, int32_t value);
void varve_wire_put_i64(struct varve_wire_writer *w, int64_t value);
void varve_wire_put_f64(struct varve_wire_writer *w, double value);
// NULL is written as "".
void varve_wire_put_text(struct varve_wire_writer *w, const char *text);

// They return 0 after a failure.
uint8_t varve_wire_get_u8(struct varve_wire_reader *r);
uint16_t varve_wire_get_u16(struct varve_wire_reader *r);
uint32_t varve_wire_get_u32(struct varve_wire_reader *r);
uint64_t varve_wire_get_u64(struct varve_wire_reader *r);
int32_t varve_wire_get_i32(struct varve_wire_reader *r);
int64_t varve_wire_get_i64(struct varve_wire_reader *r);
double varve_wire_get_f64(struct varve_wire_reader *r);
// The text inside the payload, or "" after a failure; never NULL.
const char *varve_wire_get_text(struct varve_wire_reader *r);

// Everything was read and nothing is left over.
bool varve_wire_done(const struct varve_wire_reader *r);

#endif
