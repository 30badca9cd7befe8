# SPDX-License-Identifier: Apache-2.0
set(VARVE_CPU_FLAGS -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard)
set(VARVE_QEMU -M mps2-an386)
include("${CMAKE_CURRENT_LIST_DIR}/../../tools/cmake/toolchains/cortex-m.cmake")
