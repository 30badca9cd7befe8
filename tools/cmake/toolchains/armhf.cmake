# SPDX-License-Identifier: Apache-2.0
# 32-bit ARMv7 with hardware floating point, glibc: most SBCs and newer routers.
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(VARVE_ARCH armhf)
set(VARVE_TRIPLET arm-linux-gnueabihf)
set(VARVE_EMULATOR qemu-arm)
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
