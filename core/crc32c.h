// SPDX-License-Identifier: Apache-2.0
// The two ways in which varve_crc32c() does its work, which tests compare. Stateless; any context.
#ifndef VARVE_CORE_CRC32C_H
#define VARVE_CORE_CRC32C_H

#include <stdbool.h>

#include "varve/crc32c.h"

// By tables: any processor.
uint32_t varve_crc32c_by_table(uint32_t crc, const void *data, size_t len);

// By the processor's own instruction; only where varve_crc32c_has_unit() is true.
bool varve_crc32c_has_unit(void);
uint32_t varve_crc32c_by_unit(uint32_t crc, const void *data, size_t len);

#endif
