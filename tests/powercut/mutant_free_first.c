// SPDX-License-Identifier: Apache-2.0
// A sector of raw flash is freed before another one has taken its place. Only the campaign's test
// of itself links it, with --wrap=nor_assign.
#include "plugins/backends/rotate/nor.h"

// The linker makes both names.
int __real_nor_assign(struct rotate_nor *n, uint32_t at, uint32_t unit, uint32_t index,
                      uint32_t generation);
int __wrap_nor_assign(struct rotate_nor *n, uint32_t at, uint32_t unit, uint32_t index,
                      uint32_t generation);

int __wrap_nor_assign(struct rotate_nor *n, uint32_t at, uint32_t unit, uint32_t index,
                      uint32_t generation)
{
    const uint32_t old = nor_find(n, unit, index);
    if (old != NOR_NONE) {
        nor_free(n, old);
    }
    return __real_nor_assign(n, at, unit, index, generation);
}
