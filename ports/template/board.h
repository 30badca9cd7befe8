// SPDX-License-Identifier: Apache-2.0
// What this port asks of the board below it: fill in these nine functions and it works, for one
// loop without an operating system. They touch registers; all else is written, in this folder.
// Where there is a system with tasks, replace super_loop.c by calls of it; ports/posix shows each.
#ifndef VARVE_PORTS_TEMPLATE_BOARD_H
#define VARVE_PORTS_TEMPLATE_BOARD_H

#include <stddef.h>
#include <stdint.h>

// Microseconds since the start. Never goes back, and must not wrap: a 32-bit timer needs its
// overflows counted (ports/common/wide_tick.h). Counts on while board_wait() sleeps. Any context,
// interrupts included.
uint64_t board_time_us(void);

// Unix time in ms as an RTC, a radio or a server has told it; 0 as long as nobody has. Until it is
// later than the beginning of 2026 samples wait in RAM. Task context.
int64_t board_unix_ms(void);

// Keeps interrupts away, and lets them in again if they were before: `mask` is what the first
// returned. Any context.
uint32_t board_irq_save(void);
void board_irq_restore(uint32_t mask);

// Waits for an interrupt, for a millisecond or so at most; may return at once. Called with
// interrupts kept away, so that one that comes between the last look and the sleep is not missed:
// it must wake up for one that is pending, as WFI does. Task context.
void board_wait(void);

// Puts out a piece of a log line: a UART, RTT, a ring in RAM. May cut, must not block for long. Any
// task.
void board_log(const char *text);

// The part of the flash inside the MCU that varve may have, which no linker script gives to
// anything else. It starts at this address, from which it can be read as memory.
const uint8_t *board_flash_memory(void);
// Programs `len` bytes at `offset` in that part, and waits for the end. `len` is at most
// TEMPLATE_FLASH_PAGE, and they lie in one such page; neither offset nor length is aligned. Where
// the controller takes words only, fill up with 0xff, which clears no bit. Returns 0 or -1 when the
// controller reports an error.
int board_flash_program(uint32_t offset, const uint8_t *bytes, size_t len);
// Erases the TEMPLATE_FLASH_SECTOR bytes from `offset` on, a multiple of it, and waits. Both run
// from RAM, with interrupts whose code is in flash kept away, where the flash cannot be read
// meanwhile. Returns 0 or -1.
int board_flash_erase(uint32_t offset);

// The geometry of that part: see struct varve_flash for what is possible.
#define TEMPLATE_FLASH_PAGE    256u
#define TEMPLATE_FLASH_SECTOR  4096u
#define TEMPLATE_FLASH_SECTORS 32u

#endif
