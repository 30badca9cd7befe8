# SPDX-License-Identifier: Apache-2.0
# Cortex-M without an operating system: Debian's gcc-arm-none-eabi with picolibc. A board's
# toolchain.cmake sets VARVE_CPU_FLAGS and includes this.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
find_program(compiler arm-none-eabi-gcc)
if(NOT compiler)
    message(FATAL_ERROR "no arm-none-eabi-gcc; install gcc-arm-none-eabi and picolibc-arm-none-eabi")
endif()
set(CMAKE_C_COMPILER ${compiler})
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # nothing can be linked without a linker script
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_EXECUTABLE_SUFFIX_C ".elf")
string(JOIN " " CMAKE_C_FLAGS_INIT ${VARVE_CPU_FLAGS} -mthumb --specs=picolibc.specs
    -ffunction-sections -fdata-sections)
