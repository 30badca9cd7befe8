// SPDX-License-Identifier: Apache-2.0
// Semihosting: the calls of "Semihosting for AArch32 and AArch64" (Arm, version 3) that images
// under an emulator need.
//
// Threading: task context.
#include "cortex-m.h"

#define SYS_OPEN          0x01u
#define SYS_CLOSE         0x02u
#define SYS_WRITE0        0x04u
#define SYS_WRITE         0x05u
#define SYS_READ          0x06u
#define SYS_SEEK          0x0Au
#define SYS_FLEN          0x0Cu
#define SYS_CLOCK         0x10u
#define SYS_GET_CMDLINE   0x15u
#define SYS_EXIT_EXTENDED 0x20u
#define APPLICATION_EXIT  0x20026u

static int call(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int)r0;
}

static uint32_t length_of(const char *text)
{
    uint32_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

_Noreturn void semihosting_exit(int status)
{
    const uint32_t block[] = {APPLICATION_EXIT, (uint32_t)status};
    for (;;) {
        (void)call(SYS_EXIT_EXTENDED, block); // does not return where somebody listens
    }
}

void semihosting_write(const char *text)
{
    (void)call(SYS_WRITE0, text); // has no result
}

int semihosting_clock(void)
{
    return call(SYS_CLOCK, NULL);
}

int semihosting_open(const char *path, int mode)
{
    const uint32_t block[] = {(uint32_t)(uintptr_t)path, (uint32_t)mode, length_of(path)};
    return call(SYS_OPEN, block);
}

int semihosting_close(int handle)
{
    const uint32_t block[] = {(uint32_t)handle};
    return call(SYS_CLOSE, block);
}

size_t semihosting_file_read(int handle, void *buf, size_t len)
{
    const uint32_t block[] = {(uint32_t)handle, (uint32_t)(uintptr_t)buf, (uint32_t)len};
    return (size_t)call(SYS_READ, block);
}

size_t semihosting_file_write(int handle, const void *buf, size_t len)
{
    const uint32_t block[] = {(uint32_t)handle, (uint32_t)(uintptr_t)buf, (uint32_t)len};
    return (size_t)call(SYS_WRITE, block);
}

int semihosting_seek(int handle, size_t offset)
{
    const uint32_t block[] = {(uint32_t)handle, (uint32_t)offset};
    return call(SYS_SEEK, block);
}

int semihosting_length(int handle)
{
    const uint32_t block[] = {(uint32_t)handle};
    return call(SYS_FLEN, block);
}

int semihosting_command_line(char *buf, size_t cap)
{
    const uint32_t block[] = {(uint32_t)(uintptr_t)buf, (uint32_t)cap};
    return call(SYS_GET_CMDLINE, block);
}
