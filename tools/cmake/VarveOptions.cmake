# SPDX-License-Identifier: Apache-2.0
# What a build can choose. Plugins bring their own options: VARVE_COLLECTOR_CPU and so on, see
# VarvePlugin.cmake.

set(VARVE_BOARD "linux-generic" CACHE STRING "Board: a folder of boards/; gives caps and plugins")
set(VARVE_PORT "posix" CACHE STRING "Platform: a folder of ports/")
option(VARVE_MODULES "Build every enabled plugin as a loadable module, too" ON)
option(VARVE_PROMQL "Build expressions, a subset of PromQL" ON)
option(VARVE_TESTS "Build the tests" ON)
option(VARVE_WERROR "Treat warnings as errors" ON)
option(VARVE_STATIC "Link the programs statically: no modules, one file each" OFF)
if(VARVE_STATIC)
    set(VARVE_MODULES OFF CACHE BOOL "" FORCE)
endif()
set(VARVE_SANITIZE "" CACHE STRING "Empty, address (with undefined), or thread")
set_property(CACHE VARVE_SANITIZE PROPERTY STRINGS "" address thread)
option(VARVE_FUZZ "Build the fuzzers of tests/fuzz (clang only; brings its own sanitizers)" OFF)

# Optimised unless asked otherwise, but not for speed at any size: devices have little flash.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
string(REPLACE "-O3" "-O2" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")

# A board sets VARVE_BOARD_CAPS (NAME=VALUE of include/varve/limits.h), VARVE_BOARD_PLUGINS (names
# such as collector_cpu, or "all") and VARVE_BOARD_SIM (ON: build the simulator by default).
set(VARVE_BOARD_CAPS "")
set(VARVE_BOARD_PLUGINS "all")
set(VARVE_BOARD_DIR "${PROJECT_SOURCE_DIR}/boards/${VARVE_BOARD}")
if(NOT EXISTS "${VARVE_BOARD_DIR}/board.cmake")
    message(FATAL_ERROR "VARVE_BOARD=${VARVE_BOARD}: there is no boards/${VARVE_BOARD}/board.cmake")
endif()
set(VARVE_BOARD_SIM OFF)
include("${VARVE_BOARD_DIR}/board.cmake")

# The simulated device and varve-sim: for builds that run on a development machine.
if(NOT VARVE_PORT STREQUAL "posix" OR CMAKE_CROSSCOMPILING)
    set(VARVE_BOARD_SIM OFF)
endif()
option(VARVE_SIM "Build ports/sim and varve-sim" ${VARVE_BOARD_SIM})
