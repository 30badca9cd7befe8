# SPDX-License-Identifier: Apache-2.0
# Small memory: 4 MiB of address space for the host, at most 1024 series.
set(VARVE_BOARD_CAPS "VARVE_MEMORY_BYTES=(4u*1024u*1024u);VARVE_MAX_SERIES=1024u")
set(VARVE_BOARD_PLUGINS "collector_cpu;collector_memory;collector_load;collector_network;collector_disk;collector_flash;collector_thermal;collector_uptime;collector_exec;collector_self;backend_ring;backend_sqlite")
