// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as in iSCSI (RFC 3720) and ext4: the
// checksum of blocks, and of whatever a backend puts around them.
#ifndef VARVE_CRC32C_H
#define VARVE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Continues a CRC over `len` bytes; start with 0. Any context.
uint32_t varve_crc32c(uint32_t crc, const void *data, size_t len);

#ifdef __cplusplus
}
#endif
#endif
