# SPDX-License-Identifier: Apache-2.0
# Reads boards/<board>/board.cmake, which sets
#   VARVE_BOARD_CAPS      caps of include/varve/limits.h as NAME=VALUE
#   VARVE_BOARD_PLUGINS   names such as collector_cpu, or "all": the plugins that are on by default
#   VARVE_BOARD_PORT      a folder of ports/; default posix
#   VARVE_BOARD_SIM       ON: the simulator is built by default
# and, for firmware,
#   VARVE_BOARD_CLOCK_HZ      the processor's clock
#   VARVE_BOARD_STACK_BYTES   the stack of main() and interrupts
#   VARVE_BOARD_NOR           a source of tools/firmware: the bus to a serial NOR chip, if there is one
set(VARVE_BOARD_CAPS "")
set(VARVE_BOARD_PLUGINS "all")
set(VARVE_BOARD_PORT "posix")
set(VARVE_BOARD_SIM OFF)
set(VARVE_BOARD_NOR "")
set(VARVE_BOARD_DIR "${PROJECT_SOURCE_DIR}/boards/${VARVE_BOARD}")
if(NOT EXISTS "${VARVE_BOARD_DIR}/board.cmake")
    message(FATAL_ERROR "VARVE_BOARD=${VARVE_BOARD}: there is no boards/${VARVE_BOARD}/board.cmake")
endif()
include("${VARVE_BOARD_DIR}/board.cmake")
