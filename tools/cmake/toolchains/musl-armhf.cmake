# SPDX-License-Identifier: Apache-2.0
# 32-bit ARMv7 with musl, as on OpenWrt: Debian's compiler with musl's specs. SQLite is the small one
# that tools/sysroot made; -DVARVE_STATIC=ON links everything into the programs.
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(VARVE_ARCH musl-armhf)
set(VARVE_TRIPLET arm-linux-gnueabihf)
set(VARVE_LIBRARY_ARCH arm-linux-musleabihf)
set(VARVE_EMULATOR qemu-arm)
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
set(CMAKE_C_FLAGS_INIT "-specs=${VARVE_SYSROOT}/musl-gcc.specs")
