// SPDX-License-Identifier: Apache-2.0
// What the files of this port share.
#ifndef VARVE_PORTS_BAREMETAL_INTERNAL_H
#define VARVE_PORTS_BAREMETAL_INTERNAL_H

#include "ports/baremetal/baremetal.h"

// Notes the code for varve_port_native_error() and returns it. Any context.
int baremetal_fail(int code);

#endif
