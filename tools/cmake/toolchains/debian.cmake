# SPDX-License-Identifier: Apache-2.0
# What the toolchains for ARM Linux share. Each sets VARVE_ARCH (the sysroot that tools/sysroot made),
# VARVE_TRIPLET (the compiler's prefix) and VARVE_EMULATOR (of qemu-user).
set(CMAKE_SYSTEM_NAME Linux)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES VARVE_SYSROOT)
get_filename_component(top "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(VARVE_SYSROOT "${top}/build/sysroot/${VARVE_ARCH}" CACHE PATH "What tools/sysroot made")
if(NOT EXISTS "${VARVE_SYSROOT}/.complete")
    message(FATAL_ERROR "${VARVE_SYSROOT} is no sysroot; run tools/sysroot ${VARVE_ARCH}")
endif()

find_program(compiler ${VARVE_TRIPLET}-gcc)
if(NOT compiler)
    message(FATAL_ERROR "no ${VARVE_TRIPLET}-gcc; tools/sysroot ${VARVE_ARCH} installs it")
endif()
set(CMAKE_C_COMPILER ${compiler})
set(CMAKE_SYSROOT "${VARVE_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
if(NOT VARVE_LIBRARY_ARCH)
    set(VARVE_LIBRARY_ARCH ${VARVE_TRIPLET})
endif()
set(CMAKE_LIBRARY_ARCHITECTURE ${VARVE_LIBRARY_ARCH})
set(ENV{PKG_CONFIG_LIBDIR}
    "${VARVE_SYSROOT}/usr/lib/${VARVE_LIBRARY_ARCH}/pkgconfig:${VARVE_SYSROOT}/usr/share/pkgconfig")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${VARVE_SYSROOT}")

find_program(emulator ${VARVE_EMULATOR})
if(emulator)
    set(CMAKE_CROSSCOMPILING_EMULATOR "${emulator};-L;${VARVE_SYSROOT}")
endif()
