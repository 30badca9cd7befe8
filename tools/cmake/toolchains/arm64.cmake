# SPDX-License-Identifier: Apache-2.0
# 64-bit ARMv8, glibc.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(VARVE_ARCH arm64)
set(VARVE_TRIPLET aarch64-linux-gnu)
set(VARVE_EMULATOR qemu-aarch64)
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
