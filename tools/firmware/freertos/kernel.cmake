# SPDX-License-Identifier: Apache-2.0
# What a firmware project does to bring FreeRTOS along: the kernel's own CMake project, with the
# FreeRTOSConfig.h beside this file, makes the target freertos_kernel. For
# -DCMAKE_PROJECT_INCLUDE=<this file>, on a board whose port is freertos.
set(FREERTOS_KERNEL "" CACHE PATH "Folder with the FreeRTOS kernel (its own repository, V11)")
if(NOT EXISTS "${FREERTOS_KERNEL}/include/FreeRTOS.h")
    message(FATAL_ERROR "FREERTOS_KERNEL=${FREERTOS_KERNEL}: there is no include/FreeRTOS.h")
endif()
if(NOT TARGET freertos_kernel)
    include("${CMAKE_CURRENT_LIST_DIR}/../../../boards/${VARVE_BOARD}/board.cmake")
    set(FREERTOS_PORT ${VARVE_BOARD_FREERTOS_PORT} CACHE STRING "Port of the kernel")
    add_library(freertos_config INTERFACE)
    target_include_directories(freertos_config SYSTEM INTERFACE "${CMAKE_CURRENT_LIST_DIR}")
    target_compile_definitions(freertos_config INTERFACE VARVE_BOARD_CLOCK_HZ=${VARVE_BOARD_CLOCK_HZ}u)
    add_subdirectory("${FREERTOS_KERNEL}" freertos-kernel EXCLUDE_FROM_ALL)
endif()
