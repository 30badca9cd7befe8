# SPDX-License-Identifier: Apache-2.0
# What a build can choose. Plugins bring their own options: VARVE_COLLECTOR_CPU and so on, see
# VarvePlugin.cmake.

# Firmware: an image without an operating system, as the board's toolchain.cmake says. It has no
# programs, no modules, and tests that run it from outside.
set(VARVE_FIRMWARE OFF)
set(hosted ON)
if(CMAKE_SYSTEM_NAME STREQUAL "Generic")
    set(VARVE_FIRMWARE ON)
    set(hosted OFF)
endif()

set(VARVE_BOARD "linux-generic" CACHE STRING "Board: a folder of boards/; gives caps and plugins")
include(VarveBoard)
set(VARVE_PORT "${VARVE_BOARD_PORT}" CACHE STRING "Platform: a folder of ports/")
option(VARVE_MODULES "Build every enabled plugin as a loadable module, too" ${hosted})
option(VARVE_PROMQL "Build expressions, a subset of PromQL" ${hosted})
option(VARVE_TOP "Build the screen of `varve top` where there is ncurses" ON)
option(VARVE_TESTS "Build the tests" ON)
option(VARVE_LTO "Compile firmware as one program, which makes it smaller" ${VARVE_FIRMWARE})
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
    set(build_type Release)
    if(VARVE_FIRMWARE)
        set(build_type MinSizeRel)
    endif()
    set(CMAKE_BUILD_TYPE ${build_type} CACHE STRING "Build type" FORCE)
endif()
string(REPLACE "-O3" "-O2" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")

# The simulated device and varve-sim: for builds that run on a development machine.
if(NOT VARVE_PORT STREQUAL "posix" OR CMAKE_CROSSCOMPILING)
    set(VARVE_BOARD_SIM OFF)
endif()
option(VARVE_SIM "Build ports/sim and varve-sim" ${VARVE_BOARD_SIM})

# The extension for SQLite, for those who look at stores with SQL; what is linked into it has to be
# position independent as in a library. Functions may still call each other directly.
set(sql ${VARVE_BOARD_SIM})
if(VARVE_STATIC OR VARVE_FUZZ)
    set(sql OFF)
endif()
option(VARVE_SQL "Build varve.so, the extension for SQLite" ${sql})
if(VARVE_SQL)
    set(CMAKE_POSITION_INDEPENDENT_CODE ON)
    add_compile_options(-fno-semantic-interposition)
endif()
