# SPDX-License-Identifier: Apache-2.0
set(VARVE_CPU_FLAGS -mcpu=cortex-m33 -mfpu=fpv5-sp-d16 -mfloat-abi=hard)
set(VARVE_QEMU -M mps2-an505)
include("${CMAKE_CURRENT_LIST_DIR}/../../tools/cmake/toolchains/cortex-m.cmake")
