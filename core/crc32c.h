// SPDX-License-Identifier: Apache-2.0
// The checksum under the core's own name; backends need it too, so it is public.
#ifndef VARVE_CORE_CRC32C_H
#define VARVE_CORE_CRC32C_H

#include "varve/crc32c.h"

#endif
