// SPDX-License-Identifier: Apache-2.0
// The bus to the serial NOR chip of the board qemu-ast1030: the AST1030's flash memory controller
// in its user mode, in which what is written to the window goes out on the bus, and reading the
// window clocks it in. QEMU's model of it, and of a w25q80bl, is the whole of what this has run on.
//
// Threading: one loop.
#include <string.h>

#include "firmware.h"

#define FMC_CONFIG (*(volatile uint32_t *)UINT32_C(0x7E620000))
#define FMC_CE0    (*(volatile uint32_t *)UINT32_C(0x7E620010))
#define WINDOW     UINT32_C(0x80000000)
#define WRITABLE   (UINT32_C(1) << 16) // the window of chip select 0
#define USER_MODE  3u
#define DESELECTED 4u

static void send(const uint8_t *bytes, size_t len)
{
    for (; len >= sizeof(uint32_t); len -= sizeof(uint32_t), bytes += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, bytes, sizeof word);
        *(volatile uint32_t *)WINDOW = word; // the lowest byte goes first
    }
    for (; len > 0; len--) {
        *(volatile uint8_t *)WINDOW = *bytes++;
    }
}

static void receive(uint8_t *bytes, size_t len)
{
    for (; len >= sizeof(uint32_t); len -= sizeof(uint32_t), bytes += sizeof(uint32_t)) {
        const uint32_t word = *(volatile uint32_t *)WINDOW;
        memcpy(bytes, &word, sizeof word);
    }
    for (; len > 0; len--) {
        *bytes++ = *(volatile uint8_t *)WINDOW;
    }
}

static int transfer(const struct varve_spi_bus *bus, const uint8_t *head, size_t head_len,
                    const void *out, void *in, size_t len)
{
    (void)bus;
    FMC_CONFIG |= WRITABLE;
    FMC_CE0 = USER_MODE;
    send(head, head_len);
    if (out != NULL) {
        send(out, len);
    } else {
        receive(in, len);
    }
    FMC_CE0 = USER_MODE | DESELECTED;
    return 0;
}

const struct varve_spi_bus firmware_bus = {.transfer = transfer};
