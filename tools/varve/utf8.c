// SPDX-License-Identifier: Apache-2.0
// Characters of UTF-8; see utf8.h.
#include "utf8.h"

#include <stdbool.h>

size_t utf8_length(const unsigned char *c)
{
    size_t n = *c < 0x80 ? 1 : *c >= 0xc2 && *c < 0xe0 ? 2 : *c >= 0xe0 && *c < 0xf0 ? 3 : 4;
    if ((*c >= 0x80 && *c < 0xc2) || *c > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (*c == 0xe0 && c[1] < 0xa0) || (*c == 0xf0 && c[1] < 0x90);
    bool surrogate = *c == 0xed && c[1] >= 0xa0;
    bool beyond = *c == 0xf4 && c[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : n;
}
