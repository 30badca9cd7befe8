// SPDX-License-Identifier: Apache-2.0
// What the files of this port share.
#ifndef VARVE_PORTS_TEMPLATE_INTERNAL_H
#define VARVE_PORTS_TEMPLATE_INTERNAL_H

#include "ports/template/board.h"
#include "varve/port.h"

// Notes the code for varve_port_native_error() and returns it. Any context.
int template_fail(int code);

// flash.c: the driver that varve_port_flash() hands out.
extern const struct varve_flash template_flash;

#endif
