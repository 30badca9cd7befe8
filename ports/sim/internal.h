// SPDX-License-Identifier: Apache-2.0
// What the files of ports/sim share and no program may call.
//
// Threading: one task.
#ifndef VARVE_SIM_INTERNAL_H
#define VARVE_SIM_INTERNAL_H

#include "sim.h"
#include "varve/port.h"

// ---- device.c: pages of the filesystem on the emulated flash

#define SIM_NO_PAGE UINT32_MAX

uint32_t sim_page_bytes(void);
// Gives out a logical page, VARVE_E_NO_SPACE when none is free. Its content is whatever it was.
int sim_page_take(uint32_t *page);
void sim_page_give(uint32_t page);
int sim_page_write(uint32_t page, const uint8_t *data);
int sim_page_read(uint32_t page, uint8_t *out);
// Space can be allocated without writing data: not on raw flash.
bool sim_can_allocate(void);
uint64_t sim_pages_free(void);
uint64_t sim_pages_total(void);
// Programs what a commit costs in metadata, beside `pages` data pages; `change`: size, allocation
// or names changed. Returns VARVE_E_IO when the power goes.
int sim_commit(uint32_t pages, bool change);
void sim_count_sync(void);
// A call that only reaches the page cache: a point to cut at, if they are to be. false: no power.
bool sim_permit_call(void);
// A write to memory that is kept, where it is an operation.
bool sim_permit_retained(void);
// A program or an erase of a raw flash. false: the power goes in its midst, or has gone.
bool sim_permit_flash(void);

// ---- faults.c

const struct varve_sim_faults *sim_faults(void);
// 0 .. limit - 1, from the seed of the faults.
uint32_t sim_fault_below(uint32_t limit);
// Before a cut is worked out.
void sim_fault_begin(void);
// Whether an unsynced page has reached the flash by itself.
bool sim_fault_survives(void);

// ---- failures.c

// To be asked by each call of the storage group, once: 0, or the error that it is to fail with.
int sim_fails(enum varve_sim_call call);
// Whether what fails is half done.
bool sim_fails_halfway(void);

// ---- clock.c

void sim_clock_reset(int64_t wall_ms);
void sim_clock_boot(int64_t off_ms);

// ---- names.c, system.c: what the power does to them

void sim_files_cut(void);     // unsynced data and names are gone, handles are closed
void sim_files_destroy(void); // nothing is there any more
void sim_texts_destroy(void);

// ---- retained.c

void sim_retained_destroy(void); // the power went
void sim_retained_release(void); // a warm reset: the content stays

// ---- nor.c

void sim_nor_destroy(void); // there is no chip any more

// ---- errors (system.c)

// Keeps the code for varve_port_native_error() and returns it.
int sim_fail(int code);

#endif
