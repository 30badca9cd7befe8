# SPDX-License-Identifier: Apache-2.0
# Cortex-M33 without an operating system.
include("${CMAKE_CURRENT_LIST_DIR}/../qemu-mps2-an385/board.cmake")
set(VARVE_BOARD_CLOCK_HZ 20000000)
