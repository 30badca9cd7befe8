# SPDX-License-Identifier: Apache-2.0
# The headers of kernel/ in the place of FreeRTOS, to compile port and example for a microcontroller
# where the kernel is not to be had: for -DCMAKE_PROJECT_INCLUDE=<this file>. What is linked has
# no kernel in it and cannot run: it is for tools/size_report.
if(NOT TARGET freertos_kernel)
    add_library(freertos_kernel INTERFACE)
    target_include_directories(freertos_kernel INTERFACE "${CMAKE_CURRENT_LIST_DIR}/kernel")
    set(VARVE_FREERTOS_HEADERS_ONLY ON)
endif()
