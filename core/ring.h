// SPDX-License-Identifier: Apache-2.0
// The ring between push and keeper: bounded, many producers, one consumer, no locks.
//
// Dmitry Vyukov's bounded queue: each slot carries a turn number that says whose turn it is, so
// that producers only compete for the head counter. 32-bit atomics only. A full ring refuses the
// newest sample, which is counted.
//
// push: any context that has atomic compare-and-swap, interrupts included. pop: one task.
#ifndef VARVE_CORE_RING_H
#define VARVE_CORE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value.h"

enum {
    VARVE_SAMPLE_UNIX = 1
}; // time_ms is Unix time; otherwise the port's boot clock

// 24 bytes; compact 20, or 16.
struct varve_sample {
    int64_t time_ms;
    varve_value value;
    uint16_t id;
    uint16_t flags;
} VARVE_COMPACT;

// Where memory has no room for more than 0x4000 slots, half of a turn's number tells them apart,
// and where there are few series, their ids leave a bit for the flag: a slot is as large as its
// sample.
#if UINTPTR_MAX == UINT32_MAX && VARVE_MAX_SERIES <= 0x8000u && VARVE_MEMORY_BYTES <= 0x40000u
#define VARVE_RING_ID_BITS 15
typedef uint16_t varve_ring_turn;
typedef int16_t varve_ring_turns;
#else
#define VARVE_RING_ID_BITS 16
typedef uint32_t varve_ring_turn;
typedef int32_t varve_ring_turns;
#endif

struct varve_ring_slot {
    _Atomic varve_ring_turn turn;
#if VARVE_RING_ID_BITS == 16
    uint16_t id, flags;
#else
    uint16_t id : VARVE_RING_ID_BITS;
    uint16_t flags : 16 - VARVE_RING_ID_BITS;
#endif
    int64_t time_ms;
    varve_value value;
} VARVE_COMPACT;

struct varve_ring {
    struct varve_ring_slot *slots;
    uint32_t mask;
    _Atomic uint32_t high_water; // most samples that the consumer found waiting
    _Atomic uint32_t tail;       // next slot to pop; only the consumer writes it
    _Alignas(VARVE_CACHE_LINE) _Atomic uint32_t head; // next slot to push
    _Atomic uint32_t dropped;                         // refused since varve_ring_take_dropped()
};

// `slots` is an array of `capacity` slots, a power of two, at least 2.
void varve_ring_init(struct varve_ring *ring, struct varve_ring_slot *slots, uint32_t capacity);

enum varve_ring_result {
    VARVE_RING_FULL, // refused, and counted
    VARVE_RING_OK,
    VARVE_RING_WAKE, // taken, and another quarter of the ring has gone by: wake the consumer
};
enum varve_ring_result varve_ring_push(struct varve_ring *ring, const struct varve_sample *sample);

// Claims up to `count` (at most the capacity) consecutive slots at once, as many as are free, and
// returns how many; the first is number *position. Each must be filled by varve_ring_fill() soon:
// the consumer waits for it. Nothing is counted as dropped.
uint32_t varve_ring_claim(struct varve_ring *ring, uint32_t count, uint32_t *position);

static inline void varve_ring_fill(struct varve_ring *ring, uint32_t position,
                                   const struct varve_sample *sample)
{
    struct varve_ring_slot *slot = &ring->slots[position & ring->mask];
#if VARVE_RING_ID_BITS == 16
    slot->id = sample->id;
    slot->flags = sample->flags;
#else
    slot->id = sample->id & ((1u << VARVE_RING_ID_BITS) - 1u);
    slot->flags = sample->flags & ((1u << (16 - VARVE_RING_ID_BITS)) - 1u);
#endif
    slot->time_ms = sample->time_ms;
    slot->value = sample->value;
    atomic_store_explicit(&slot->turn, (varve_ring_turn)(position + 1), memory_order_release);
}

// Whether slots from `position` on are those that the consumer is woken for, see VARVE_RING_WAKE.
static inline bool varve_ring_wakes(const struct varve_ring *ring, uint32_t position,
                                    uint32_t count)
{
    return ((0 - position) & ring->mask >> 2) < count;
}

// Takes up to `max` samples out, in push order, as far as they have the first one's time by the
// same clock; returns how many.
size_t varve_ring_pop_tick(struct varve_ring *ring, struct varve_sample *out, size_t max);

// Samples waiting, as far as the caller can tell. Any task.
uint32_t varve_ring_waiting(const struct varve_ring *ring);

// Reads the drop counter and resets it.
uint32_t varve_ring_take_dropped(struct varve_ring *ring);

#endif
