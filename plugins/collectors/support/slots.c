// SPDX-License-Identifier: Apache-2.0
// Implements support/source.h: the table of things that come and go. Threading: see there.
#include "source.h"

#include "varve/host.h"

#include <string.h>

void varve_slots_init(struct varve_slots *slots, struct varve_slot *storage, uint32_t cap,
                      const char *what)
{
    *slots = (struct varve_slots){.slot = storage, .cap = cap, .what = what};
}

void varve_slots_begin(struct varve_slots *slots)
{
    slots->run++;
}

// What the last run did not see is gone; what this run did not see yet may still come.
static bool is_gone(const struct varve_slots *slots, const struct varve_slot *slot)
{
    return slot->seen + 1 < slots->run;
}

static struct varve_slot *claim(struct varve_slots *slots, struct varve_span name)
{
    struct varve_slot *choice = NULL;
    for (uint32_t i = 0; i < slots->cap; i++) {
        struct varve_slot *slot = &slots->slot[i];
        if (slot->seen == 0) {
            choice = slot;
            break;
        }
        if (choice == NULL && is_gone(slots, slot))
            choice = slot;
    }
    if (choice == NULL || !varve_span_copy(name, choice->name, sizeof choice->name))
        return NULL;
    for (size_t i = 0; i < VARVE_SLOT_SERIES; i++)
        choice->id[i] = VARVE_UNREGISTERED;
    return choice;
}

static void refuse(struct varve_instance *self, struct varve_slots *slots, struct varve_span name)
{
    char text[VARVE_SLOT_NAME];
    if (slots->refused++ > 0)
        return;
    if (!varve_span_copy(name, text, sizeof text))
        varve_log(VARVE_WARNING, self->name, "one of the %s has a name of %zu bytes: left out",
                  slots->what, name.len);
    else
        varve_log(VARVE_WARNING, self->name, "more than %u %s: %s and further ones are left out",
                  slots->cap, slots->what, text);
}

struct varve_slot *varve_slots_find(struct varve_instance *self, struct varve_slots *slots,
                                    struct varve_span name)
{
    struct varve_slot *found = NULL;
    for (uint32_t i = 0; i < slots->cap && found == NULL; i++)
        if (slots->slot[i].seen > 0 && varve_span_equals(name, slots->slot[i].name))
            found = &slots->slot[i];
    if (found == NULL && name.len < VARVE_SLOT_NAME)
        found = claim(slots, name);
    if (found == NULL)
        refuse(self, slots, name);
    else
        found->seen = slots->run;
    return found;
}
