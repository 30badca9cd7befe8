// SPDX-License-Identifier: Apache-2.0
// Bytes in a payload; see wire.h.
#include "wire.h"

#include <string.h>

static void put(struct varve_wire_writer *w, uint64_t value, size_t bytes)
{
    if (w->failed || bytes > w->cap - w->used) {
        w->failed = true;
        return;
    }
    for (size_t i = 0; i < bytes; i++) {
        w->buf[w->used + i] = (uint8_t)(value >> (8u * i));
    }
    w->used += bytes;
}

static uint64_t get(struct varve_wire_reader *r, size_t bytes)
{
    if (r->failed || bytes > r->len - r->at) {
        r->failed = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)r->buf[r->at + i] << (8u * i);
    }
    r->at += bytes;
    return value;
}

void varve_wire_put_u8(struct varve_wire_writer *w, uint8_t value)
{
    put(w, value, 1);
}

void varve_wire_put_u16(struct varve_wire_writer *w, uint16_t value)
{
    put(w, value, 2);
}

void varve_wire_put_u32(struct varve_wire_writer *w, uint32_t value)
{
    put(w, value, 4);
}

void varve_wire_put_u64(struct varve_wire_writer *w, uint64_t value)
{
    put(w, value, 8);
}

void varve_wire_put_i32(struct varve_wire_writer *w, int32_t value)
{
    put(w, (uint32_t)value, 4);
}

void varve_wire_put_i64(struct varve_wire_writer *w, int64_t value)
{
    put(w, (uint64_t)value, 8);
}

void varve_wire_put_f64(struct varve_wire_writer *w, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(w, bits, 8);
}

void varve_wire_put_text(struct varve_wire_writer *w, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (w->failed || len > UINT16_MAX || len + 3 > w->cap - w->used) {
        w->failed = true;
        return;
    }
    put(w, len, 2);
    if (len > 0) {
        memcpy(w->buf + w->used, text, len);
        w->used += len;
    }
    put(w, 0, 1);
}

uint8_t varve_wire_get_u8(struct varve_wire_reader *r)
{
    return (uint8_t)get(r, 1);
}

uint16_t varve_wire_get_u16(struct varve_wire_reader *r)
{
    return (uint16_t)get(r, 2);
}

uint32_t varve_wire_get_u32(struct varve_wire_reader *r)
{
    return (uint32_t)get(r, 4);
}

uint64_t varve_wire_get_u64(struct varve_wire_reader *r)
{
    return get(r, 8);
}

int32_t varve_wire_get_i32(struct varve_wire_reader *r)
{
    return (int32_t)(uint32_t)get(r, 4);
}

int64_t varve_wire_get_i64(struct varve_wire_reader *r)
{
    return (int64_t)get(r, 8);
}

double varve_wire_get_f64(struct varve_wire_reader *r)
{
    uint64_t bits = get(r, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

const char *varve_wire_get_text(struct varve_wire_reader *r)
{
    size_t len = varve_wire_get_u16(r);
    if (r->failed || len >= r->len - r->at) {
        r->failed = true;
        return "";
    }
    const char *text = (const char *)r->buf + r->at;
    if (text[len] != '\0' || memchr(text, '\0', len) != NULL) {
        r->failed = true;
        return "";
    }
    r->at += len + 1;
    return text;
}

bool varve_wire_done(const struct varve_wire_reader *r)
{
    return !r->failed && r->at == r->len;
}
