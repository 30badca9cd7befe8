// SPDX-License-Identifier: Apache-2.0
// The rest of the port: errors, log, figures. What firmware gives - time, log, flash drivers - and
// memory that is kept are answered by ports/common/firmware.c; files, programs and modules beside
// it.
//
// Threading: any task.
#include "ports/freertos/internal.h"

static int firmware_error; // of the firmware's own tasks, together

int varve_firmware_fail(int code)
{
    if (VARVE_FREERTOS_IN_INTERRUPT()) {
        return code;
    }
    struct varve_freertos_place *place = freertos_place_here();
    *(place == NULL ? &firmware_error : &place->error) = code;
    return code;
}

int varve_port_native_error(void)
{
    const struct varve_freertos_place *place = freertos_place_here();
    return place == NULL ? firmware_error : place->error;
}

// ---- log: a line comes in pieces, and tasks must not mix theirs

static struct varve_port_mutex log_lock;

int freertos_log_init(void)
{
    return varve_port_mutex_init(&log_lock);
}

void varve_port_log(enum varve_severity severity, const char *component, const char *text)
{
    varve_port_mutex_lock(&log_lock);
    varve_firmware_log(severity, component, text);
    varve_port_mutex_unlock(&log_lock);
}

// ---- figures

void varve_port_usage(struct varve_port_usage *out)
{
    *out = (struct varve_port_usage){.threads = (uint32_t)uxTaskGetNumberOfTasks()};
}
