// SPDX-License-Identifier: Apache-2.0
// Tasks, in the places that firmware has given. One whose function has returned says so and sleeps
// until it is joined: who joins it deletes it, so that its place is free at once, without waiting
// for the idle task.
//
// Threading: tasks; start and join of one task from one task at a time.
#include "ports/freertos/internal.h"

#include <string.h>

#define NAME_TEXT 16u // final NUL included

struct task {
    struct varve_freertos_place *place;
};
_Static_assert(sizeof(struct task) <= VARVE_PORT_OBJECT_BYTES, "a task fits its object");

static struct varve_freertos_place *places;
static size_t place_count;

static struct task *task_of(struct varve_port_task *t)
{
    return (struct task *)(void *)&t->o;
}

int varve_freertos_start(struct varve_freertos_place *given, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (given[i].stack == NULL || given[i].words == 0 ||
            given[i].priority >= (UBaseType_t)configMAX_PRIORITIES) {
            return VARVE_E_INVALID;
        }
    }
    places = given;
    place_count = count;
    return freertos_log_init();
}

struct varve_freertos_place *freertos_place_here(void)
{
    const TaskHandle_t self = xTaskGetCurrentTaskHandle();
    struct varve_freertos_place *here = NULL;
    const UBaseType_t mask = freertos_enter();
    for (size_t i = 0; i < place_count && here == NULL; i++) {
        here = places[i].handle == self ? &places[i] : NULL;
    }
    freertos_exit(mask);
    return here;
}

static bool suits(const struct varve_freertos_place *place, const char *name, size_t stack_bytes)
{
    return (place->task == NULL || strcmp(place->task, name) == 0) &&
           stack_bytes <= place->words * sizeof(StackType_t);
}

// A place that is taken has a function.
static struct varve_freertos_place *take_place(const char *name, void (*fn)(void *arg),
                                               size_t stack_bytes)
{
    struct varve_freertos_place *found = NULL;
    const UBaseType_t mask = freertos_enter();
    for (size_t i = 0; i < place_count && found == NULL; i++) {
        const bool is_free = places[i].fn == NULL;
        found = is_free && suits(&places[i], name, stack_bytes) ? &places[i] : NULL;
    }
    if (found != NULL) {
        found->fn = fn;
    }
    freertos_exit(mask);
    return found;
}

static void run(void *arg)
{
    struct varve_freertos_place *place = arg;
    place->fn(place->arg);
    freertos_signal_raise(&place->ended);
    for (;;) {
        vTaskSuspend(NULL); // until it is deleted
    }
}

int varve_port_task_start(struct varve_port_task *t, const char *name, void (*fn)(void *arg),
                          void *arg, size_t stack_bytes)
{
    if (strlen(name) >= NAME_TEXT) {
        return varve_firmware_fail(VARVE_E_INVALID);
    }
    struct varve_freertos_place *place = take_place(name, fn, stack_bytes);
    if (place == NULL) {
        return varve_firmware_fail(VARVE_E_NO_MEMORY);
    }
    task_of(t)->place = place;
    place->arg = arg;
    place->error = 0;
    freertos_signal_init(&place->ended);
    // A static task has the address of its memory for a handle: known before it runs.
    place->handle = (TaskHandle_t)(void *)&place->task_memory;
    (void)xTaskCreateStatic(run, name, place->words, place, place->priority, place->stack,
                            &place->task_memory); // fails without memory only
    return 0;
}

int varve_port_task_join(struct varve_port_task *t, int64_t timeout_ms)
{
    struct varve_freertos_place *place = task_of(t)->place;
    const int rc = freertos_signal_wait(&place->ended, timeout_ms);
    if (rc != 0) {
        return rc;
    }
    vTaskDelete(place->handle);
    const UBaseType_t mask = freertos_enter();
    place->handle = NULL;
    place->fn = NULL;
    freertos_exit(mask);
    return 0;
}
