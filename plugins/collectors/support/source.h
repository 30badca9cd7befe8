// SPDX-License-Identifier: Apache-2.0
// What the collectors that read texts share: one file as a source, and a fixed table of things that
// come and go (interfaces, disks, mounts) with the ids of their series.
//
// Leaves parsing to parse/ and reading to the port. Allocates nothing.
// Threading: a source and a table belong to one instance; task context.
#ifndef VARVE_COLLECTORS_SOURCE_H
#define VARVE_COLLECTORS_SOURCE_H

#include "varve/plugin.h"

#include "../parse/scan.h"

// No id and no error code: the series was not asked for yet.
#define VARVE_UNREGISTERED INT32_MIN

struct varve_source {
    char path[VARVE_PATH_TEXT];
    bool cut_logged;
};

// Sets the path to `root` followed by `rest` and checks that it is there. On failure the instance's
// reason names the path; VARVE_E_NOT_FOUND when it is missing, VARVE_E_TOO_BIG when it is too long.
int varve_source_open(struct varve_instance *self, struct varve_source *source, const char *root,
                      const char *rest);

// Reads the source from its start into `buf`. A text that does not fit is cut behind its last whole
// line, with one log line the first time. Returns 0 or an error, with the reason kept.
int varve_source_read(struct varve_instance *self, struct varve_source *source, char *buf,
                      size_t cap, struct varve_span *text);

// The same for a text of which only the start matters: cutting it is no event.
int varve_source_read_start(struct varve_instance *self, struct varve_source *source, char *buf,
                            size_t cap, struct varve_span *text);

// Longest name of an interface, disk or mount point with its final NUL, in bytes.
#define VARVE_SLOT_NAME 128u
// Series that one thing has at most.
#define VARVE_SLOT_SERIES 8u

struct varve_slot {
    char name[VARVE_SLOT_NAME];
    uint32_t seen; // run that saw it last; 0: the slot is free
    int32_t id[VARVE_SLOT_SERIES];
};

struct varve_slots {
    struct varve_slot *slot;
    uint32_t cap;
    const char *what; // for the message: "interfaces"
    uint32_t run;
    uint64_t refused;
};

void varve_slots_init(struct varve_slots *slots, struct varve_slot *storage, uint32_t cap,
                      const char *what);

// Before each walk through the text.
void varve_slots_begin(struct varve_slots *slots);

// The slot of that name, made when it is new (ids VARVE_UNREGISTERED). When the table is full the
// slot of something that the last run did not see is reused. NULL when there is none, or the name
// is too long: counted, and logged once.
struct varve_slot *varve_slots_find(struct varve_instance *self, struct varve_slots *slots,
                                    struct varve_span name);

#endif
