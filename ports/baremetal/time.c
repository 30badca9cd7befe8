// SPDX-License-Identifier: Apache-2.0
// Time from SysTick: its interrupt counts whole periods, the counter tells the rest, so that the
// clocks are exact whatever the period is.
//
// SysTick stops in the deeper sleep modes of some chips; whoever uses them brings a clock of its
// own in the place of this file.
//
// Threading: any context; sleeping in task context.
#include "ports/baremetal/baremetal.h"
#include "ports/cortex-m/cortex-m.h"

#define SYST_CSR  (*(volatile uint32_t *)UINT32_C(0xE000E010))
#define SYST_RVR  (*(volatile uint32_t *)UINT32_C(0xE000E014))
#define SYST_CVR  (*(volatile uint32_t *)UINT32_C(0xE000E018))
#define ICSR      (*(volatile uint32_t *)UINT32_C(0xE000ED04))
#define CSR_ON    7u // enabled, with interrupt, on the processor's clock
#define PENDSTSET (UINT32_C(1) << 26)

static uint32_t cycles_per_us, tick_us, period;
static volatile uint64_t ticks;

int varve_baremetal_start(uint32_t clock_hz, uint32_t tick_ms)
{
    const uint64_t cycles = (uint64_t)clock_hz / 1000u * tick_ms;
    if (clock_hz < 1000000u || tick_ms < 1 || tick_ms > 1000 || cycles > UINT32_C(1) << 24) {
        return VARVE_E_INVALID;
    }
    cycles_per_us = clock_hz / 1000000u;
    tick_us = tick_ms * 1000u;
    period = (uint32_t)cycles;
    SYST_RVR = period - 1;
    SYST_CVR = 0;
    SYST_CSR = CSR_ON;
    return 0;
}

void SysTick_Handler(void)
{
    ticks++;
}

// The counter wraps before its interrupt is taken: then a period more has gone by.
uint64_t varve_port_mono_us(void)
{
    const uint32_t mask = cortex_m_irq_save();
    uint64_t whole = ticks;
    uint32_t left = SYST_CVR;
    if ((ICSR & PENDSTSET) != 0) {
        left = SYST_CVR;
        whole++;
    }
    cortex_m_irq_restore(mask);
    const uint32_t into_us = period == 0 || left == 0 ? 0 : (period - left) / cycles_per_us;
    return whole * tick_us + (into_us < tick_us ? into_us : tick_us - 1);
}

int64_t varve_port_boot_ms(void)
{
    return (int64_t)(varve_port_mono_us() / 1000u);
}

void varve_baremetal_sleep(int64_t ms)
{
    const int64_t end_ms = varve_port_boot_ms() + ms;
    while (varve_port_boot_ms() < end_ms) {
        cortex_m_wait_for_interrupt();
    }
}
