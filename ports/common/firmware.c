// SPDX-License-Identifier: Apache-2.0
// What a port on a microcontroller answers from what firmware gave it: wall time, log, drivers of
// raw flash; and memory that is kept.
//
// Threading: firmware.h.
#include "ports/common/firmware.h"

#include <stdatomic.h>
#include <string.h>

// The native code of such a port is varve's own error code.
const char *varve_port_native_text(int code)
{
    return varve_strerror(code);
}

// ---- wall time

static int64_t wall_offset_ms; // Unix time - boot time
static bool wall_known;

void varve_firmware_set_wall(int64_t unix_ms)
{
    const int64_t offset_ms = unix_ms - varve_port_boot_ms();
    varve_port_critical_enter();
    wall_offset_ms = offset_ms;
    wall_known = true;
    varve_port_critical_exit();
}

int64_t varve_port_wall_ms(void)
{
    varve_port_critical_enter();
    const int64_t offset_ms = wall_offset_ms;
    const bool known = wall_known;
    varve_port_critical_exit();
    return known ? varve_port_boot_ms() + offset_ms : 0;
}

// ---- log

static void (*log_write)(const char *text);
static enum varve_severity log_threshold;

void varve_firmware_log_to(void (*write)(const char *text), enum varve_severity threshold)
{
    log_write = write;
    log_threshold = threshold;
}

void varve_firmware_log(enum varve_severity severity, const char *component, const char *text)
{
    static const char *const names[] = {VARVE_SEVERITY_NAMES};
    if (log_write == NULL || (unsigned)severity > VARVE_DEBUG || severity > log_threshold) {
        return;
    }
    const char *const parts[] = {names[severity], " ", component, ": ", text, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        log_write(parts[i]);
    }
}

// ---- raw flash

static const struct varve_flash *const *known_flashes;

void varve_firmware_flashes(const struct varve_flash *const *flashes)
{
    known_flashes = flashes;
}

const struct varve_flash *varve_port_flash(const char *name)
{
    for (const struct varve_flash *const *f = known_flashes; f != NULL && *f != NULL; f++) {
        if (strcmp((*f)->name, name) == 0) {
            return *f;
        }
    }
    return NULL;
}

// ---- memory that is kept: one piece, as large as the board says

#ifndef VARVE_RETAINED_BYTES
#define VARVE_RETAINED_BYTES 0
#endif

#if VARVE_RETAINED_BYTES > 0
static _Alignas(8) uint8_t kept[VARVE_RETAINED_BYTES] __attribute__((section(".noinit")));
static bool kept_taken;

int varve_port_retained_open(struct varve_port_retained *r, const char *name, size_t bytes)
{
    (void)name; // there is one
    *r = (struct varve_port_retained){.handle = -1};
    if (kept_taken) {
        return varve_firmware_fail(VARVE_E_BUSY);
    }
    if (bytes > sizeof kept) {
        return varve_firmware_fail(VARVE_E_NO_SPACE);
    }
    kept_taken = true;
    *r = (struct varve_port_retained){.memory = kept, .bytes = bytes};
    return 0;
}

void varve_port_retained_close(struct varve_port_retained *r)
{
    kept_taken = kept_taken && r->memory != kept;
    *r = (struct varve_port_retained){.handle = -1};
}
#else
int varve_port_retained_open(struct varve_port_retained *r, const char *name, size_t bytes)
{
    (void)name;
    (void)bytes;
    *r = (struct varve_port_retained){.handle = -1};
    return varve_firmware_fail(VARVE_E_UNSUPPORTED);
}

void varve_port_retained_close(struct varve_port_retained *r)
{
    *r = (struct varve_port_retained){.handle = -1};
}
#endif

// There is no cache that writes back; neither the compiler nor the bus may reorder.
void varve_port_retained_write(void *to, const void *from, size_t len)
{
    if (from != NULL) {
        memcpy(to, from, len);
    } else {
        memset(to, 0, len);
    }
    atomic_thread_fence(memory_order_seq_cst);
}
