# SPDX-License-Identifier: Apache-2.0
# 32-bit ARMv5 without floating point, glibc: older NAS and routers. No 64-bit atomics.
set(CMAKE_SYSTEM_PROCESSOR armv5tel)
set(VARVE_ARCH armel)
set(VARVE_TRIPLET arm-linux-gnueabi)
set(VARVE_EMULATOR qemu-arm)
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
