// SPDX-License-Identifier: Apache-2.0
// The rest of the port: errors, log, figures. What firmware gives - time, log, flash drivers - and
// memory that is kept are answered by ports/common/firmware.c; files, programs and modules beside
// it.
//
// Threading: one task.
#include "ports/baremetal/baremetal.h"

static int last_error;

int varve_firmware_fail(int code)
{
    last_error = code;
    return code;
}

int varve_port_native_error(void)
{
    return last_error;
}

void varve_port_log(enum varve_severity severity, const char *component, const char *text)
{
    varve_firmware_log(severity, component, text);
}

void varve_port_usage(struct varve_port_usage *out)
{
    *out = (struct varve_port_usage){0};
}
