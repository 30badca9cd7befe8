// SPDX-License-Identifier: Apache-2.0
// Sketches; see sketch.h.
#include "sketch.h"

#include <string.h>

#include "bytes.h"
#include "varve/error.h"

#define PARTS    35u // of an octave
#define FRACTION 52

// 2^(i/35) - 1 in 32 binary digits.
static const uint32_t bounds[PARTS] = {
    0x00000000, 0x051ed352, 0x0a57de9c, 0x0faba81d, 0x151ab8c5, 0x1aa59c41, 0x204ce108,
    0x2611186b, 0x2bf2d6a5, 0x31f2b2e5, 0x38114762, 0x3e4f3168, 0x44ad1168, 0x4b2b8b0a,
    0x51cb453b, 0x588cea3f, 0x5f7127c0, 0x6678aee5, 0x6da4345d, 0x74f47075, 0x7c6a1f29,
    0x8406003b, 0x8bc8d73e, 0x93b36bb1, 0x9bc68911, 0xa402feeb, 0xac69a0f5, 0xb4fb4720,
    0xbdb8cdad, 0xc6a31548, 0xcfbb031a, 0xd90180e0, 0xe2777d06, 0xec1deabb, 0xf5f5c20d,
};

// ---- values and keys ----------------------------------------------------------------------------

// The logarithm lies above its chord, by less than 4 parts.
static uint32_t part_of(uint32_t fraction)
{
    uint32_t part = (uint32_t)((uint64_t)fraction * PARTS >> 32);
    while (part + 1 < PARTS && bounds[part + 1] <= fraction) {
        part++;
    }
    return part;
}

static int32_t key_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t magnitude = bits & INT64_MAX;
    uint32_t exponent = (uint32_t)(magnitude >> FRACTION);
    if (value != value) {
        return VARVE_SKETCH_KEY_NAN;
    }
    int32_t key = 0;
    if (magnitude != 0) {
        uint32_t fraction = (uint32_t)(magnitude >> (FRACTION - 32));
        key = (int32_t)(1 + PARTS * exponent + part_of(fraction));
    }
    return bits != magnitude ? -key : key;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The value that stands for a bucket above 0.
static double positive_of(uint32_t key)
{
    uint32_t exponent = (key - 1) / PARTS, part = (key - 1) % PARTS;
    uint64_t low = bounds[part], high = part + 1 < PARTS ? bounds[part + 1] : UINT64_C(1) << 32;
    if (key == VARVE_SKETCH_KEY_INF) {
        return double_of(UINT64_C(0x7ff) << FRACTION);
    }
    if (exponent == 0) {
        return double_of((low + high) << (FRACTION - 33));
    }
    const double whole = 4294967296.0;
    double ratio = (whole + (double)high) / (whole + (double)low);
    double begin = double_of((uint64_t)exponent << FRACTION | low << (FRACTION - 32));
    return begin * (2 * ratio / (1 + ratio));
}

static double value_of(int32_t key)
{
    if (key == VARVE_SKETCH_KEY_NAN) {
        return double_of(UINT64_C(0x7ff8) << (FRACTION - 4));
    }
    if (key == 0) {
        return 0;
    }
    return key > 0 ? positive_of((uint32_t)key) : -positive_of((uint32_t)-key);
}

// ---- counting -----------------------------------------------------------------------------------

static uint32_t add_counts(uint32_t a, uint32_t b)
{
    return b > UINT32_MAX - a ? UINT32_MAX : a + b;
}

// The first bucket whose key is not lower.
static uint32_t place_of(const struct varve_sketch *sketch, int32_t key)
{
    uint32_t low = 0, high = sketch->used;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (sketch->buckets[middle].key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// Makes room for a bucket at `at`, which is neither there nor the lowest of all.
static void open_place(struct varve_sketch *sketch, uint32_t at, int32_t key)
{
    struct varve_sketch_bucket *buckets = sketch->buckets;
    memmove(&buckets[at + 1], &buckets[at], (sketch->used - at) * sizeof *buckets);
    buckets[at] = (struct varve_sketch_bucket){.key = key};
    sketch->used++;
}

static void collapse_lowest(struct varve_sketch *sketch)
{
    struct varve_sketch_bucket *buckets = sketch->buckets;
    buckets[1].count = add_counts(buckets[1].count, buckets[0].count);
    memmove(&buckets[0], &buckets[1], --sketch->used * sizeof *buckets);
    sketch->collapsed++;
}

static void add_count(struct varve_sketch *sketch, int32_t key, uint32_t count)
{
    uint32_t at = place_of(sketch, key);
    bool is_there = at < sketch->used && sketch->buckets[at].key == key;
    if (!is_there && sketch->used == VARVE_SKETCH_BUCKETS) {
        if (at == 0) { // lower than all: it goes up
            sketch->collapsed++;
            is_there = true;
        } else {
            collapse_lowest(sketch);
            at--;
        }
    }
    if (!is_there) {
        open_place(sketch, at, key);
    }
    sketch->buckets[at].count = add_counts(sketch->buckets[at].count, count);
}

void varve_sketch_add(struct varve_sketch *sketch, double value)
{
    add_count(sketch, key_of(value), 1);
}

void varve_sketch_merge(struct varve_sketch *into, const struct varve_sketch *from)
{
    for (uint32_t i = from->used; i > 0; i--) { // the lowest last: they go first
        add_count(into, from->buckets[i - 1].key, from->buckets[i - 1].count);
    }
}

uint64_t varve_sketch_count(const struct varve_sketch *sketch)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < sketch->used; i++) {
        count += sketch->buckets[i].count;
    }
    return count;
}

// ---- quantiles ----------------------------------------------------------------------------------

static double value_at(const struct varve_sketch *sketch, uint64_t rank)
{
    uint64_t before = 0;
    uint32_t i = 0;
    while (i + 1 < sketch->used && before + sketch->buckets[i].count <= rank) {
        before += sketch->buckets[i++].count;
    }
    return value_of(sketch->buckets[i].key);
}

double varve_sketch_quantile(const struct varve_sketch *sketch, double q)
{
    uint64_t count = varve_sketch_count(sketch);
    if (count == 0 || q != q) {
        return value_of(VARVE_SKETCH_KEY_NAN);
    }
    if (q < 0 || q > 1) {
        return value_of(q < 0 ? -VARVE_SKETCH_KEY_INF : VARVE_SKETCH_KEY_INF);
    }
    double rank = q * (double)(count - 1);
    uint64_t lower = (uint64_t)rank;
    double weight = rank - (double)lower, value = value_at(sketch, lower);
    return weight > 0 ? value * (1 - weight) + value_at(sketch, lower + 1) * weight : value;
}

// ---- bytes --------------------------------------------------------------------------------------

static uint64_t step_to(const struct varve_sketch_bucket *bucket, int32_t before)
{
    return (uint64_t)(bucket->key - before - 1) << 1 | (bucket->count > 1);
}

size_t varve_sketch_size(const struct varve_sketch *sketch)
{
    int32_t before = sketch->used > 0 ? sketch->buckets[0].key - 1 : 0;
    size_t bytes = varve_varint_size(sketch->used) + varve_varint_size(varve_zigzag(before));
    for (uint32_t i = 0; i < sketch->used; i++) {
        const struct varve_sketch_bucket *bucket = &sketch->buckets[i];
        bytes += varve_varint_size(step_to(bucket, before));
        bytes += bucket->count > 1 ? varve_varint_size(bucket->count - 2) : 0;
        before = bucket->key;
    }
    return bytes;
}

size_t varve_sketch_put(uint8_t *out, const struct varve_sketch *sketch)
{
    int32_t before = sketch->used > 0 ? sketch->buckets[0].key - 1 : 0;
    size_t n = varve_put_varint(out, sketch->used);
    n += varve_put_varint(out + n, varve_zigzag(before));
    for (uint32_t i = 0; i < sketch->used; i++) {
        const struct varve_sketch_bucket *bucket = &sketch->buckets[i];
        n += varve_put_varint(out + n, step_to(bucket, before));
        n += bucket->count > 1 ? varve_put_varint(out + n, bucket->count - 2) : 0;
        before = bucket->key;
    }
    return n;
}

// The next bucket, whose key comes behind *key.
static bool get_bucket(const uint8_t **in, const uint8_t *end, int64_t *key, uint64_t *count)
{
    uint64_t step, more = 0;
    if (!varve_get_varint(in, end, &step) || step >> 1 > 2 * -(int64_t)VARVE_SKETCH_KEY_NAN) {
        return false;
    }
    if ((step & 1) != 0 && (!varve_get_varint(in, end, &more) || more > UINT32_MAX - 2)) {
        return false;
    }
    *key += (int64_t)(step >> 1) + 1;
    *count = (step & 1) != 0 ? more + 2 : 1;
    return *key <= VARVE_SKETCH_KEY_INF;
}

int varve_sketch_get(const uint8_t *in, size_t bytes, struct varve_sketch *into)
{
    const uint8_t *end = in + bytes;
    uint64_t buckets, before;
    if (!varve_get_varint(&in, end, &buckets) || !varve_get_varint(&in, end, &before)) {
        return VARVE_E_CORRUPT;
    }
    int64_t key = varve_unzigzag(before);
    if (key < VARVE_SKETCH_KEY_NAN - 1 || key > VARVE_SKETCH_KEY_INF) {
        return VARVE_E_CORRUPT;
    }
    for (uint64_t i = 0; i < buckets; i++) {
        uint64_t count;
        if (!get_bucket(&in, end, &key, &count)) {
            return VARVE_E_CORRUPT;
        }
        add_count(into, (int32_t)key, (uint32_t)count);
    }
    return in == end ? 0 : VARVE_E_CORRUPT;
}
