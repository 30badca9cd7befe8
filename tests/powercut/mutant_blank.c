// SPDX-License-Identifier: Apache-2.0
// A sector of raw flash that was erased before the start is used as it is: nobody reads whether a
// cut has left something on it. Only the campaign's test of itself links it, with --wrap=nor_scan.
#include "plugins/backends/rotate/nor.h"

// The linker makes both names.
int __real_nor_scan(struct rotate_nor *n);
int __wrap_nor_scan(struct rotate_nor *n);

int __wrap_nor_scan(struct rotate_nor *n)
{
    const int rc = __real_nor_scan(n);
    for (uint32_t at = 0; at < n->count; at++) {
        if (n->sectors[at].state == NOR_CLEAN) {
            n->sectors[at].state = NOR_READY;
        }
    }
    return rc;
}
