// SPDX-License-Identifier: Apache-2.0
// The rest of the port: errors, log, flash drivers, memory that is kept. Files, programs and
// modules are answered by ports/common.
//
// The native code of this port is varve's own error code.
//
// Threading: one task.
#include <string.h>

#include "ports/baremetal/internal.h"

static int last_error;

int baremetal_fail(int code)
{
    last_error = code;
    return code;
}

int varve_port_native_error(void)
{
    return last_error;
}

const char *varve_port_native_text(int code)
{
    return varve_strerror(code);
}

// ---- log

static void (*log_write)(const char *text);
static enum varve_severity log_threshold;

void varve_baremetal_log_to(void (*write)(const char *text), enum varve_severity threshold)
{
    log_write = write;
    log_threshold = threshold;
}

void varve_port_log(enum varve_severity severity, const char *component, const char *text)
{
    static const char *const names[] = {"critical", "error", "warning", "notice", "info", "debug"};
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

void varve_baremetal_flashes(const struct varve_flash *const *flashes)
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
        return baremetal_fail(VARVE_E_BUSY);
    }
    if (bytes > sizeof kept) {
        return baremetal_fail(VARVE_E_NO_SPACE);
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
    return baremetal_fail(VARVE_E_UNSUPPORTED);
}

void varve_port_retained_close(struct varve_port_retained *r)
{
    *r = (struct varve_port_retained){.handle = -1};
}
#endif

// There is no cache that writes back; the compiler must not reorder.
void varve_port_retained_write(void *to, const void *from, size_t len)
{
    if (from != NULL) {
        memcpy(to, from, len);
    } else {
        memset(to, 0, len);
    }
    __asm__ volatile("dmb" : : : "memory");
}

// ---- figures

void varve_port_usage(struct varve_port_usage *out)
{
    *out = (struct varve_port_usage){0};
}
