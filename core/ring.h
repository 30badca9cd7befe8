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

enum {
    VARVE_SAMPLE_UNIX = 1
}; // time_ms is Unix time; otherwise the port's boot clock

struct varve_sample {
    int64_t time_ms;
    double value;
    uint16_t id;
    uint16_t flags;
};

struct varve_ring_slot {
    _Atomic uint32_t turn;
    uint16_t id;
    uint16_t flags;
    int64_t time_ms;
    double value;
};

struct varve_ring {
    struct varve_ring_slot *slots;
    uint32_t mask;
    _Atomic uint32_t high_water;        // most samples that the consumer found waiting
    _Atomic uint32_t tail;              // next slot to pop; only the consumer writes it
    _Alignas(64) _Atomic uint32_t head; // next slot to push
    _Atomic uint32_t dropped;           // refused since varve_ring_take_dropped()
};

// `slots` is an array of `capacity` slots, a power of two, at least 2.
void varve_ring_init(struct varve_ring *ring, struct varve_ring_slot *slots, uint32_t capacity);

enum varve_ring_result {
    VARVE_RING_FULL, // refused, and counted
    VARVE_RING_OK,
    VARVE_RING_WAKE, // taken, and another quarter of the ring has gone by: wake the consumer
};
enum varve_ring_result varve_ring_push(struct varve_ring *ring, const struct varve_sample *sample);

// Takes up to `max` samples out, in push order; returns how many.
size_t varve_ring_pop(struct varve_ring *ring, struct varve_sample *out, size_t max);

// Samples waiting, as far as the caller can tell. Any task.
uint32_t varve_ring_waiting(const struct varve_ring *ring);

// Reads the drop counter and resets it.
uint32_t varve_ring_take_dropped(struct varve_ring *ring);

#endif
