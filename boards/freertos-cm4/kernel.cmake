# SPDX-License-Identifier: Apache-2.0
# What a firmware project does to bring FreeRTOS along: the kernel's own CMake project, with this
# board's FreeRTOSConfig.h, makes the target freertos_kernel. For -DCMAKE_PROJECT_INCLUDE=<this file>.
set(FREERTOS_KERNEL "" CACHE PATH "Folder with the FreeRTOS kernel (its own repository, V11)")
set(FREERTOS_PORT GCC_ARM_CM4F CACHE STRING "Port of the kernel")
if(NOT EXISTS "${FREERTOS_KERNEL}/include/FreeRTOS.h")
    message(FATAL_ERROR "FREERTOS_KERNEL=${FREERTOS_KERNEL}: there is no include/FreeRTOS.h")
endif()
if(NOT TARGET freertos_config)
    add_library(freertos_config INTERFACE)
    target_include_directories(freertos_config SYSTEM INTERFACE "${CMAKE_CURRENT_LIST_DIR}")
    add_subdirectory("${FREERTOS_KERNEL}" freertos-kernel EXCLUDE_FROM_ALL)
endif()
