// SPDX-License-Identifier: Apache-2.0
// From reset to main(): vector table, memory, floating point; what a fault does; how deep the stack
// was. The image exits through semihosting with what main() returns.
//
// The C library is not started: varve uses none of it that has a state.
//
// Threading: before main(); handlers are in interrupt context.
#include "cortex-m.h"

#define CPACR    (*(volatile uint32_t *)UINT32_C(0xE000ED88)) // access to coprocessors
#define ISER     ((volatile uint32_t *)UINT32_C(0xE000E100))  // NVIC: set enable
#define IPR      ((volatile uint8_t *)UINT32_C(0xE000E400))   // NVIC: priorities
#define CPACR_FP (UINT32_C(0xF) << 20)

#define STACK_PAINT  UINT32_C(0x5A5AA5A5)
#define FAULT_STATUS 120
// What the functions that Reset_Handler() calls may have below its own frame while it paints.
#define BELOW_RESET_WORDS 32u
#define CORE_EXCEPTIONS   16u
#define INTERRUPTS        64u

// From the linker script.
extern uint32_t cortex_m_data[], cortex_m_data_end[];
extern const uint32_t cortex_m_data_image[];
extern uint32_t cortex_m_bss[], cortex_m_bss_end[];
extern uint32_t cortex_m_stack[], cortex_m_stack_end[];

int main(void);
void Reset_Handler(void);
_Noreturn void cortex_m_fault(void);
void cortex_m_outside(void);

static size_t words_between(const uint32_t *from, const uint32_t *end)
{
    return ((uintptr_t)end - (uintptr_t)from) / sizeof(uint32_t);
}

// Volatile: no calls of memset() and memcpy() are made of the loops.
static void fill(volatile uint32_t *to, size_t words, uint32_t value)
{
    for (size_t i = 0; i < words; i++) {
        to[i] = value;
    }
}

static void copy(volatile uint32_t *to, const uint32_t *from, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        to[i] = from[i];
    }
}

void Reset_Handler(void)
{
#if defined(__ARM_FP)
    CPACR |= CPACR_FP;
    __asm__ volatile("dsb\n\tisb");
#endif
    const uint32_t here = 0;
    fill(cortex_m_stack, words_between(cortex_m_stack, &here) - BELOW_RESET_WORDS, STACK_PAINT);
    copy(cortex_m_data, cortex_m_data_image, words_between(cortex_m_data, cortex_m_data_end));
    fill(cortex_m_bss, words_between(cortex_m_bss, cortex_m_bss_end), 0);
    semihosting_exit(main());
}

size_t cortex_m_stack_bytes(void)
{
    return words_between(cortex_m_stack, cortex_m_stack_end) * sizeof(uint32_t);
}

size_t cortex_m_stack_used(void)
{
    const size_t words = words_between(cortex_m_stack, cortex_m_stack_end);
    size_t clean = 0;
    while (clean < words && cortex_m_stack[clean] == STACK_PAINT) {
        clean++;
    }
    return (words - clean) * sizeof(uint32_t);
}

void cortex_m_interrupt_enable(unsigned number, uint8_t priority)
{
    IPR[number] = priority;
    ISER[number / 32u] = UINT32_C(1) << number % 32u;
}

// ---- handlers -----------------------------------------------------------------------------------

_Noreturn void cortex_m_fault(void)
{
    uint32_t ipsr;
    __asm__ volatile("mrs %0, ipsr" : "=r"(ipsr));
    char text[] = "fault: exception 000\n";
    char *digit = text + sizeof text - 3;
    for (uint32_t left = ipsr & 0x1FFu; left > 0; left /= 10) {
        *digit-- = (char)('0' + left % 10);
    }
    semihosting_write(text);
    semihosting_exit(FAULT_STATUS);
}

#define OR_FAULT __attribute__((weak, alias("cortex_m_fault")))
void SVC_Handler(void) OR_FAULT;
void PendSV_Handler(void) OR_FAULT;
void SysTick_Handler(void) OR_FAULT;

__attribute__((weak)) void cortex_m_interrupt(unsigned number)
{
    (void)number;
    cortex_m_fault();
}

void cortex_m_outside(void)
{
    uint32_t ipsr;
    __asm__ volatile("mrs %0, ipsr" : "=r"(ipsr));
    cortex_m_interrupt((ipsr & 0x1FFu) - CORE_EXCEPTIONS);
}

union vector {
    void (*handler)(void);
    const void *stack;
};

__attribute__((section(".vectors"),
               used)) static const union vector vectors[CORE_EXCEPTIONS + INTERRUPTS] = {
    [0] = {.stack = cortex_m_stack_end},
    [1] = {.handler = Reset_Handler},
    [2 ... 10] = {.handler = cortex_m_fault},
    [11] = {.handler = SVC_Handler},
    [12 ... 13] = {.handler = cortex_m_fault},
    [14] = {.handler = PendSV_Handler},
    [15] = {.handler = SysTick_Handler},
    [CORE_EXCEPTIONS... CORE_EXCEPTIONS + INTERRUPTS - 1] = {.handler = cortex_m_outside},
};
