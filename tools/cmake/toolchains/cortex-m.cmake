# SPDX-License-Identifier: Apache-2.0
# Cortex-M without an operating system: Debian's gcc-arm-none-eabi with picolibc. A board's
# toolchain.cmake sets VARVE_CPU_FLAGS, and VARVE_QEMU to QEMU's options for the machine if there is one,
# and includes this.
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

# Images run by build/<board>/<image>, a script. Time counts instructions: each run is the same.
find_program(emulator qemu-system-arm)
if(emulator AND VARVE_QEMU)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${emulator} ${VARVE_QEMU} -nographic -monitor none -serial null
        -icount shift=5,sleep=off -chardev stdio,id=console
        -semihosting-config enable=on,target=native,chardev=console -kernel)
endif()
