// SPDX-License-Identifier: Apache-2.0
// The ring: order, exact counting of what did not fit, the 32-bit counters running over, and
// several producers against one consumer. Built with -fsanitize=thread it is also the proof that
// pushing is free of data races.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "core/ring.h"
#include "random.h"

#define CAPACITY 16u

static struct varve_ring ring;
static struct varve_ring_slot slots[1024];

static struct varve_sample sample_of(uint32_t i)
{
    return (struct varve_sample){.time_ms = (int64_t)i * 3,
                                 .value = (double)i + 0.5,
                                 .id = (uint16_t)i,
                                 .flags = (uint16_t)(i & 1)};
}

static void expect_sample(const struct varve_sample *got, uint32_t i)
{
    struct varve_sample want = sample_of(i);
    assert_int_equal(got->time_ms, want.time_ms);
    assert_true(got->value == want.value);
    assert_int_equal(got->id, want.id);
    assert_int_equal(got->flags, want.flags);
}

static void push_ok(uint32_t i)
{
    struct varve_sample sample = sample_of(i);
    assert_int_not_equal(varve_ring_push(&ring, &sample), VARVE_RING_FULL);
}

// Whatever their times are.
static size_t pop(struct varve_sample *out, size_t max)
{
    size_t n = 0, got;
    while ((got = varve_ring_pop_tick(&ring, out + n, max - n)) > 0) {
        n += got;
    }
    return n;
}

static void samples_come_out_in_push_order(void **state)
{
    (void)state;
    struct varve_sample out[8];
    varve_ring_init(&ring, slots, CAPACITY);
    assert_int_equal(pop(out, 8), 0);
    for (uint32_t i = 0; i < 10; i++) {
        push_ok(i);
    }
    assert_int_equal(varve_ring_waiting(&ring), 10);
    assert_int_equal(pop(out, 0), 0);
    assert_int_equal(pop(out, 8), 8);
    for (uint32_t i = 0; i < 8; i++) {
        expect_sample(&out[i], i);
    }
    assert_int_equal(pop(out, 8), 2);
    expect_sample(&out[0], 8);
    expect_sample(&out[1], 9);
    assert_int_equal(varve_ring_waiting(&ring), 0);
}

static void full_ring_refuses_the_newest_and_counts_each(void **state)
{
    (void)state;
    struct varve_sample out[CAPACITY], extra = sample_of(99);
    varve_ring_init(&ring, slots, CAPACITY);
    for (uint32_t i = 0; i < CAPACITY; i++) {
        push_ok(i);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(varve_ring_push(&ring, &extra), VARVE_RING_FULL);
    }
    assert_int_equal(varve_ring_take_dropped(&ring), 5);
    assert_int_equal(varve_ring_take_dropped(&ring), 0);
    assert_int_equal(pop(out, 1), 1);
    push_ok(CAPACITY); // one place is free again, and only one
    assert_int_equal(varve_ring_push(&ring, &extra), VARVE_RING_FULL);
    assert_int_equal(pop(out, CAPACITY), CAPACITY);
    for (uint32_t i = 0; i < CAPACITY; i++) {
        expect_sample(&out[i], i + 1);
    }
    assert_int_equal(varve_ring_take_dropped(&ring), 1);
}

static void high_water_is_the_most_that_was_waiting(void **state)
{
    (void)state;
    struct varve_sample out[CAPACITY];
    varve_ring_init(&ring, slots, CAPACITY);
    const uint32_t fills[] = {3, 11, 7, CAPACITY, 1};
    const uint32_t want[] = {3, 11, 11, CAPACITY, CAPACITY};
    for (size_t f = 0; f < 5; f++) {
        for (uint32_t i = 0; i < fills[f]; i++) {
            push_ok(i);
        }
        assert_int_equal(pop(out, CAPACITY), fills[f]);
        assert_int_equal(ring.high_water, want[f]);
    }
}

static void consumer_is_woken_once_per_quarter(void **state)
{
    (void)state;
    struct varve_sample out[CAPACITY];
    varve_ring_init(&ring, slots, CAPACITY);
    unsigned wakes = 0;
    for (uint32_t i = 0; i < 10 * CAPACITY; i++) {
        struct varve_sample sample = sample_of(i);
        wakes += varve_ring_push(&ring, &sample) == VARVE_RING_WAKE;
        assert_int_equal(pop(out, CAPACITY), 1);
    }
    assert_int_equal(wakes, 40);
}

// As if `start` samples had gone through already.
static void start_at(uint32_t start, uint32_t capacity)
{
    varve_ring_init(&ring, slots, capacity);
    atomic_store(&ring.head, start);
    atomic_store(&ring.tail, start);
    for (uint32_t i = 0; i < capacity; i++) {
        atomic_store(&slots[(start + i) & ring.mask].turn, start + i);
    }
}

static void counters_may_run_over(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    const uint32_t capacities[] = {2, CAPACITY, 1024};
    for (size_t c = 0; c < 3; c++) {
        for (uint32_t before = 0; before <= 2 * capacities[c]; before += 1 + before / 8) {
            uint32_t pushed = 0, popped = 0, refused = 0;
            start_at(UINT32_MAX - before, capacities[c]);
            while (popped < 5 * capacities[c]) {
                struct varve_sample out[64], sample;
                for (uint32_t n = random_below(&r, 2 * capacities[c]); n > 0; n--) {
                    sample = sample_of(pushed);
                    bool room = pushed - popped < capacities[c];
                    assert_int_equal(varve_ring_push(&ring, &sample) != VARVE_RING_FULL, room);
                    pushed += room;
                    refused += !room;
                }
                assert_int_equal(varve_ring_waiting(&ring), pushed - popped);
                size_t n = pop(out, 1 + random_below(&r, 64));
                for (size_t i = 0; i < n; i++) {
                    expect_sample(&out[i], popped++);
                }
            }
            assert_int_equal(varve_ring_take_dropped(&ring), refused);
        }
    }
}

// Pushes samples pushed .. pushed + want - 1 at once; returns how many had room.
static uint32_t claim_and_fill(uint32_t pushed, uint32_t want)
{
    uint32_t position, got = varve_ring_claim(&ring, want, &position);
    for (uint32_t i = 0; i < got; i++) {
        struct varve_sample sample = sample_of(pushed + i);
        varve_ring_fill(&ring, position + i, &sample);
    }
    return got;
}

static void claims_take_what_is_free_in_order(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    const uint32_t capacities[] = {2, CAPACITY, 1024};
    for (size_t c = 0; c < 3; c++) {
        uint32_t pushed = 0, popped = 0;
        start_at(UINT32_MAX - capacities[c] * 3, capacities[c]);
        while (popped < 10 * capacities[c]) {
            struct varve_sample out[64];
            uint32_t want = random_below(&r, capacities[c] + 1);
            uint32_t room = capacities[c] - (pushed - popped);
            uint32_t got = claim_and_fill(pushed, want);
            assert_int_equal(got, want < room ? want : room);
            pushed += got;
            size_t n = pop(out, 1 + random_below(&r, 64));
            for (size_t i = 0; i < n; i++) {
                expect_sample(&out[i], popped++);
            }
        }
        assert_int_equal(varve_ring_take_dropped(&ring), 0);
    }
}

static void slots_that_are_claimed_but_not_filled_hold_back_those_behind(void **state)
{
    (void)state;
    struct varve_sample out[CAPACITY], sample = sample_of(0);
    uint32_t position;
    varve_ring_init(&ring, slots, CAPACITY);
    assert_int_equal(varve_ring_claim(&ring, 2, &position), 2);
    push_ok(2);
    assert_int_equal(pop(out, CAPACITY), 0);
    varve_ring_fill(&ring, position, &sample);
    assert_int_equal(pop(out, CAPACITY), 1);
    sample = sample_of(1);
    varve_ring_fill(&ring, position + 1, &sample);
    assert_int_equal(pop(out, CAPACITY), 2);
    expect_sample(&out[0], 1);
    expect_sample(&out[1], 2);
}

// Another task may read the two counters at different moments; it must never see nonsense.
static void waiting_is_sane_when_counters_are_read_at_different_times(void **state)
{
    (void)state;
    varve_ring_init(&ring, slots, CAPACITY);
    atomic_store(&ring.head, 10);
    atomic_store(&ring.tail, 12);
    assert_int_equal(varve_ring_waiting(&ring), 0);
    atomic_store(&ring.head, 12 + CAPACITY + 5);
    assert_int_equal(varve_ring_waiting(&ring), CAPACITY);
    atomic_store(&ring.head, 3);
    atomic_store(&ring.tail, UINT32_MAX - 1);
    assert_int_equal(varve_ring_waiting(&ring), 5);
}

// ---- threads ------------------------------------------------------------------------------------

#define PRODUCERS 4u
#define PUSHES    30000u

struct producer {
    pthread_t thread;
    uint16_t id;
    uint32_t refused;
    uint64_t sum; // of the values that were taken
};

static _Atomic uint32_t producers_running;

static struct varve_sample produced(const struct producer *p, uint32_t i)
{
    return (struct varve_sample){
        .id = p->id, .time_ms = i, .value = i, .flags = (uint16_t)(i & 0xffff)};
}

// Some at once; returns how many had room.
static uint32_t produce_some(struct producer *p, uint32_t from)
{
    uint32_t want = 1 + from % 9, position;
    want = want < PUSHES - from ? want : PUSHES - from;
    uint32_t got = varve_ring_claim(&ring, want, &position);
    for (uint32_t i = 0; i < got; i++) {
        struct varve_sample sample = produced(p, from + i);
        varve_ring_fill(&ring, position + i, &sample);
        p->sum += from + i;
    }
    return got;
}

static void *produce_rows(void *arg)
{
    for (uint32_t i = 0; i < PUSHES;) {
        uint32_t got = produce_some(arg, i);
        i += got;
        if (got == 0) {
            sched_yield();
        }
    }
    atomic_fetch_sub(&producers_running, 1);
    return NULL;
}

static void *produce(void *arg)
{
    struct producer *p = arg;
    for (uint32_t i = 0; i < PUSHES; i++) {
        struct varve_sample sample = produced(p, i);
        if (varve_ring_push(&ring, &sample) == VARVE_RING_FULL) {
            p->refused++;
            sched_yield();
        } else {
            p->sum += i;
        }
    }
    atomic_fetch_sub(&producers_running, 1);
    return NULL;
}

struct tally {
    uint64_t popped;
    uint64_t sum[PRODUCERS];
    int64_t newest[PRODUCERS];
    unsigned wrong; // out of order, or torn
};

static void tally_samples(struct tally *t, const struct varve_sample *out, size_t n)
{
    t->popped += n;
    for (size_t i = 0; i < n; i++) {
        const struct varve_sample *s = &out[i];
        bool whole =
            s->id < PRODUCERS && s->value == (double)s->time_ms && s->flags == (uint16_t)s->time_ms;
        if (!whole || s->time_ms <= t->newest[s->id]) {
            t->wrong++;
            continue;
        }
        t->newest[s->id] = s->time_ms;
        t->sum[s->id] += (uint64_t)s->time_ms;
    }
}

static void producers_lose_nothing_that_is_not_counted(void **state)
{
    (void)state;
    static struct producer producers[PRODUCERS];
    struct tally t = {.newest = {-1, -1, -1, -1}};
    struct varve_sample out[100];
    uint64_t dropped = 0, refused = 0;
    start_at(UINT32_MAX - 1000, 64);
    atomic_store(&producers_running, PRODUCERS);
    for (uint16_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.id = i};
        assert_int_equal(pthread_create(&producers[i].thread, NULL,
                                        i % 2 == 0 ? produce : produce_rows, &producers[i]),
                         0);
    }
    for (bool running = true; running;) {
        running = atomic_load(&producers_running) > 0; // before the last look into the ring
        size_t n = pop(out, 100);
        tally_samples(&t, out, n);
        running = running || n > 0;
        dropped += varve_ring_take_dropped(&ring);
    }
    for (unsigned i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i].thread, NULL);
        refused += producers[i].refused;
        assert_int_equal(t.sum[i], producers[i].sum);
    }
    assert_int_equal(t.wrong, 0);
    assert_int_equal(dropped, refused);
    assert_int_equal(t.popped + dropped, PRODUCERS * PUSHES);
    assert_in_range(ring.high_water, 1, 64);
}

static void *watch(void *arg)
{
    uint64_t *insane = arg;
    while (atomic_load(&producers_running) > 0) {
        *insane += varve_ring_waiting(&ring) > 64;
    }
    return NULL;
}

static void a_watcher_never_sees_more_than_the_ring_holds(void **state)
{
    (void)state;
    struct producer producer = {.id = 0};
    struct varve_sample out[100];
    pthread_t watcher;
    uint64_t insane = 0;
    varve_ring_init(&ring, slots, 64);
    atomic_store(&producers_running, 1);
    assert_int_equal(pthread_create(&watcher, NULL, watch, &insane), 0);
    assert_int_equal(pthread_create(&producer.thread, NULL, produce, &producer), 0);
    while (atomic_load(&producers_running) > 0) {
        pop(out, 100);
    }
    pthread_join(watcher, NULL);
    pthread_join(producer.thread, NULL);
    assert_int_equal(insane, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_come_out_in_push_order),
        cmocka_unit_test(full_ring_refuses_the_newest_and_counts_each),
        cmocka_unit_test(high_water_is_the_most_that_was_waiting),
        cmocka_unit_test(consumer_is_woken_once_per_quarter),
        cmocka_unit_test(counters_may_run_over),
        cmocka_unit_test(claims_take_what_is_free_in_order),
        cmocka_unit_test(slots_that_are_claimed_but_not_filled_hold_back_those_behind),
        cmocka_unit_test(waiting_is_sane_when_counters_are_read_at_different_times),
        cmocka_unit_test(producers_lose_nothing_that_is_not_counted),
        cmocka_unit_test(a_watcher_never_sees_more_than_the_ring_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
