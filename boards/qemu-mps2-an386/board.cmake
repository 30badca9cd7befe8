# SPDX-License-Identifier: Apache-2.0
# Cortex-M4 without an operating system.
include("${CMAKE_CURRENT_LIST_DIR}/../qemu-mps2-an385/board.cmake")
