# SPDX-License-Identifier: Apache-2.0
set(VARVE_CPU_FLAGS -mcpu=cortex-m3)
set(VARVE_QEMU -M mps2-an385)
include("${CMAKE_CURRENT_LIST_DIR}/../../tools/cmake/toolchains/cortex-m.cmake")
