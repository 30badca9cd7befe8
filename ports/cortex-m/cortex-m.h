// SPDX-License-Identifier: Apache-2.0
// What every image for a Cortex-M shares, whichever port it has: start-up, interrupts, an exit.
// The registers are those of the architecture (ARMv7-M and ARMv8-M reference manuals), the same on
// every chip.
#ifndef VARVE_PORTS_CORTEX_M_H
#define VARVE_PORTS_CORTEX_M_H

#include <stddef.h>
#include <stdint.h>

// ---- interrupts ---------------------------------------------------------------------------------

// Disables interrupts and returns what cortex_m_irq_restore() needs. Any context; nests.
static inline uint32_t cortex_m_irq_save(void)
{
    uint32_t mask;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(mask) : : "memory");
    return mask;
}

static inline void cortex_m_irq_restore(uint32_t mask)
{
    __asm__ volatile("msr primask, %0" : : "r"(mask) : "memory");
}

// Sleeps until an interrupt comes. With interrupts disabled it returns for one that is pending.
static inline void cortex_m_wait_for_interrupt(void)
{
    __asm__ volatile("dsb\n\twfi" : : : "memory");
}

// Handlers with CMSIS' names: an image that defines one of these replaces the default, which
// reports a fault and exits.
void SVC_Handler(void);
void PendSV_Handler(void);
void SysTick_Handler(void);
// Every interrupt from outside the core, by its number in the chip's manual, 0 to 63.
void cortex_m_interrupt(unsigned number);
// Enables one in the NVIC, with a priority in the upper bits of the byte: 0 is the most urgent.
void cortex_m_interrupt_enable(unsigned number, uint8_t priority);

// ---- stack --------------------------------------------------------------------------------------

// Bytes of the stack that main() and interrupts have used at most since the start, as far as what
// start-up painted it with can tell, and how many there are.
size_t cortex_m_stack_used(void);
size_t cortex_m_stack_bytes(void);

// ---- semihosting --------------------------------------------------------------------------------
// Calls to a debugger or emulator; on a chip without one each ends in a fault. Task context.

// Ends the program with this status.
_Noreturn void semihosting_exit(int status);
// Writes text to the debugger's console.
void semihosting_write(const char *text);
// Hundredths of a second that the other side has worked: of its time, not of the emulated CPU's.
int semihosting_clock(void);
// Files on the debugger's side. `mode` is one of SEMIHOSTING_*; returns a handle >= 0, or -1.
enum {
    SEMIHOSTING_READ = 1,   // rb
    SEMIHOSTING_UPDATE = 3, // r+b: the file is there; "append" does not append on every emulator
    SEMIHOSTING_CREATE = 7, // w+b
};
int semihosting_open(const char *path, int mode);
int semihosting_close(int handle);
// Both return the number of bytes that were NOT transferred.
size_t semihosting_file_read(int handle, void *buf, size_t len);
size_t semihosting_file_write(int handle, const void *buf, size_t len);
int semihosting_seek(int handle, size_t offset);
int semihosting_length(int handle);
// The command line that the program was started with (QEMU: arg=...). Returns 0, or -1.
int semihosting_command_line(char *buf, size_t cap);

#endif
