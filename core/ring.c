// SPDX-License-Identifier: Apache-2.0
// The ring between push and keeper; see ring.h.
#include "ring.h"

void varve_ring_init(struct varve_ring *ring, struct varve_ring_slot *slots, uint32_t capacity)
{
    ring->slots = slots;
    ring->mask = capacity - 1;
    atomic_init(&ring->high_water, 0);
    atomic_init(&ring->tail, 0);
    atomic_init(&ring->head, 0);
    atomic_init(&ring->dropped, 0);
    for (uint32_t i = 0; i < capacity; i++) {
        atomic_init(&slots[i].turn, (varve_ring_turn)i);
    }
}

// Claims the slot at the head; NULL when the ring is full.
static struct varve_ring_slot *claim(struct varve_ring *ring, uint32_t *position)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    for (;;) {
        struct varve_ring_slot *slot = &ring->slots[head & ring->mask];
        varve_ring_turn turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
        varve_ring_turns ahead = (varve_ring_turns)(turn - (varve_ring_turn)head);
        if (ahead < 0) {
            return NULL;
        }
        if (ahead > 0) {
            head = atomic_load_explicit(&ring->head, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(
                       &ring->head, &head, head + 1, memory_order_relaxed, memory_order_relaxed)) {
            *position = head;
            return slot;
        }
    }
}

enum varve_ring_result varve_ring_push(struct varve_ring *ring, const struct varve_sample *sample)
{
    uint32_t position;
    struct varve_ring_slot *slot = claim(ring, &position);
    if (slot == NULL) {
        atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
        return VARVE_RING_FULL;
    }
    varve_ring_fill(ring, position, sample);
    return varve_ring_wakes(ring, position, 1) ? VARVE_RING_WAKE : VARVE_RING_OK;
}

// How many of the slots from `head` on are free: the consumer frees them in their order, so that
// the last one's turn stands for all. It moves the tail afterwards, which may be behind.
static uint32_t free_from(struct varve_ring *ring, uint32_t head, uint32_t count)
{
    uint32_t used = head - atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint32_t room = used <= ring->mask ? ring->mask + 1 - used : 0;
    count = count < room ? count : room;
    if (count == 0) {
        return 0;
    }
    uint32_t last = head + count - 1;
    varve_ring_turn turn =
        atomic_load_explicit(&ring->slots[last & ring->mask].turn, memory_order_acquire);
    return turn == (varve_ring_turn)last ? count : 0;
}

uint32_t varve_ring_claim(struct varve_ring *ring, uint32_t count, uint32_t *position)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    for (;;) {
        uint32_t got = free_from(ring, head, count), before = head;
        if (got == 0) {
            head = atomic_load_explicit(&ring->head, memory_order_relaxed);
            if (head == before) {
                return 0;
            }
        } else if (atomic_compare_exchange_weak_explicit(&ring->head, &head, head + got,
                                                         memory_order_relaxed,
                                                         memory_order_relaxed)) {
            *position = head;
            return got;
        }
    }
}

static bool is_filled(const struct varve_ring_slot *slot, uint32_t position)
{
    return atomic_load_explicit(&slot->turn, memory_order_acquire) ==
           (varve_ring_turn)(position + 1);
}

size_t varve_ring_pop_tick(struct varve_ring *ring, struct varve_sample *out, size_t max)
{
    uint32_t waiting = varve_ring_waiting(ring);
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed), mask = ring->mask;
    struct varve_ring_slot *slot = &ring->slots[tail & mask], *end = ring->slots + mask + 1;
    if (waiting > atomic_load_explicit(&ring->high_water, memory_order_relaxed)) {
        atomic_store_explicit(&ring->high_water, waiting, memory_order_relaxed);
    }
    if (max == 0 || !is_filled(slot, tail)) {
        return 0;
    }
    const int64_t time_ms = slot->time_ms;
    const uint16_t flags = slot->flags;
    size_t n = 0;
    do {
        out[n++] = (struct varve_sample){
            .time_ms = time_ms, .value = slot->value, .id = slot->id, .flags = flags};
        atomic_store_explicit(&slot->turn, (varve_ring_turn)(tail + mask + 1),
                              memory_order_release);
        slot = slot + 1 == end ? ring->slots : slot + 1;
        tail++;
    } while (n < max && is_filled(slot, tail) && slot->time_ms == time_ms && slot->flags == flags);
    atomic_store_explicit(&ring->tail, tail, memory_order_relaxed);
    return n;
}

// The two counters are read at different moments, and the consumer frees slots before it moves the
// tail: the difference may be off either way, but is never more than the ring holds.
uint32_t varve_ring_waiting(const struct varve_ring *ring)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    uint32_t waiting = atomic_load_explicit(&ring->head, memory_order_relaxed) - tail;
    if (waiting > INT32_MAX) {
        return 0;
    }
    return waiting <= ring->mask ? waiting : ring->mask + 1;
}

uint32_t varve_ring_take_dropped(struct varve_ring *ring)
{
    return atomic_exchange_explicit(&ring->dropped, 0, memory_order_relaxed);
}
