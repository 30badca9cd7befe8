# SPDX-License-Identifier: Apache-2.0
set(VARVE_CPU_FLAGS -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16)
set(VARVE_QEMU -M ast1030-evb,fmc-model=w25q80bl)
include("${CMAKE_CURRENT_LIST_DIR}/../../tools/cmake/toolchains/cortex-m.cmake")
