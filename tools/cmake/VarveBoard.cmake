# SPDX-License-Identifier: Apache-2.0
# Reads boards/<board>/board.cmake and refuses what is missing in it or contradicts itself, by name.
# It sets
#   VARVE_BOARD_CAPS      caps of include/varve/limits.h, and VARVE_PORT_OBJECT_BYTES or
#                         VARVE_RETAINED_BYTES of a port, as NAME=VALUE
#   VARVE_BOARD_PLUGINS   names such as collector_cpu, or "all": the plugins that are on by default
#   VARVE_BOARD_PORT      a folder of ports/; default posix
#   VARVE_BOARD_SIM       ON: the simulator is built by default
# and for firmware, which has a memory.ld beside it,
#   VARVE_BOARD_CLOCK_HZ      the processor's clock
#   VARVE_BOARD_STACK_BYTES   the stack of main() and interrupts
#   VARVE_BOARD_NOR           a source of tools/firmware: the bus to a serial NOR chip, if there is one
#   VARVE_BOARD_FREERTOS_PORT a folder of the kernel's ports, for tools/firmware/freertos/kernel.cmake
#   VARVE_BOARD_WITHOUT       parts of the core that are left out; core/CMakeLists.txt lists them
#   VARVE_BOARD_FLASH_BUDGET, VARVE_BOARD_RAM_BUDGET, VARVE_BOARD_STACK_BUDGET
#                             bytes that the library may take, see tools/size_report
#
# As a script it only checks: cmake -DVARVE_BOARD_DIR=<folder> -P VarveBoard.cmake
cmake_minimum_required(VERSION 3.20)
get_filename_component(board_top "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

# Firmware says how large it is: defaults made for Linux would be a surprise at link time, or later.
set(firmware_caps MEMORY_BYTES MAX_SERIES MAX_TIERS MAX_INSTANCES MAX_BACKENDS BLOCK_MAX COLUMN_MAX
    MAX_EVENTS OUTBOX_ENTRIES DRAIN_BATCH CONF_BYTES)
set(parts backup codec_search collectors crc_tables cut gaps recovery ring_retain ring_upkeep sketches texts wear)
set(firmware_settings CLOCK_HZ STACK_BYTES FLASH_BUDGET RAM_BUDGET STACK_BUDGET)

function(varve_board_fault text)
    message(FATAL_ERROR "${VARVE_BOARD_DIR}/board.cmake: ${text}")
endfunction()

# Sets `out` to the number that a C expression of unsigned constants comes to.
function(varve_board_number out name expression)
    string(REGEX REPLACE "([0-9])[uUlL]+" "\\1" plain "${expression}")
    if(NOT plain MATCHES "^[0-9xa-fA-F+*/() -]+$")
        varve_board_fault("${name}=${expression}: expected a number")
    endif()
    math(EXPR value "${plain}")
    set(${out} ${value} PARENT_SCOPE)
endfunction()

# cap_<NAME> for every cap: what limits.h says, and what the board says instead.
macro(varve_board_read_caps)
    file(STRINGS "${board_top}/include/varve/limits.h" lines REGEX "^#define VARVE_[A-Z_]+ +[(0-9]")
    foreach(line IN LISTS lines)
        string(REGEX MATCH "^#define (VARVE_[A-Z_]+) +(.*)$" line "${line}")
        set(name ${CMAKE_MATCH_1})
        varve_board_number(cap_${name} ${name} "${CMAKE_MATCH_2}")
        list(APPEND known ${name})
    endforeach()
    list(APPEND known VARVE_PORT_OBJECT_BYTES VARVE_RETAINED_BYTES)
    foreach(cap IN LISTS VARVE_BOARD_CAPS)
        if(NOT cap MATCHES "^([A-Z_]+)=(.+)$")
            varve_board_fault("VARVE_BOARD_CAPS: expected NAME=VALUE; got '${cap}'")
        endif()
        set(name ${CMAKE_MATCH_1})
        set(value "${CMAKE_MATCH_2}")
        if(NOT name IN_LIST known)
            varve_board_fault("${name}: include/varve/limits.h has no such cap")
        elseif(name IN_LIST given)
            varve_board_fault("${name}: it is given twice")
        endif()
        varve_board_number(cap_${name} ${name} "${value}")
        list(APPEND given ${name})
    endforeach()
endmacro()

function(varve_board_at_most name other)
    if(cap_${name} GREATER cap_${other})
        varve_board_fault("${name}=${cap_${name}}: expected at most ${other}=${cap_${other}}")
    endif()
endfunction()

function(varve_board_between name least most)
    if(cap_${name} LESS least OR cap_${name} GREATER most)
        varve_board_fault("${name}=${cap_${name}}: expected ${least} to ${most}")
    endif()
endfunction()

# Leaving out `part` is only of use together with others.
function(varve_board_needs part)
    foreach(other IN LISTS ARGN)
        if(part IN_LIST VARVE_BOARD_WITHOUT AND NOT other IN_LIST VARVE_BOARD_WITHOUT)
            varve_board_fault("VARVE_BOARD_WITHOUT: without ${part} there is no ${other} either")
        endif()
    endforeach()
endfunction()

function(varve_board_check)
    foreach(part IN LISTS VARVE_BOARD_WITHOUT)
        if(NOT part IN_LIST parts)
            varve_board_fault("VARVE_BOARD_WITHOUT: there is no part '${part}'; expected ${parts}")
        endif()
    endforeach()
    varve_board_needs(texts recovery)
    varve_board_needs(recovery backup ring_retain)
    if("collectors" IN_LIST VARVE_BOARD_WITHOUT AND VARVE_BOARD_PLUGINS MATCHES "(^|;)(all|collector_)")
        varve_board_fault("VARVE_BOARD_WITHOUT: VARVE_BOARD_PLUGINS has collectors")
    endif()
    foreach(plugin IN LISTS VARVE_BOARD_PLUGINS)
        if("recovery" IN_LIST VARVE_BOARD_WITHOUT AND plugin MATCHES "^(all|backend_.*)$" AND
           NOT plugin STREQUAL "backend_ring")
            varve_board_fault("VARVE_BOARD_WITHOUT: ${plugin} needs recovery")
        endif()
    endforeach()
    varve_board_between(VARVE_MAX_SERIES 1 65535)
    varve_board_between(VARVE_MAX_TIERS 1 31)
    # Only the search for codes looks at several rows at a time.
    if("codec_search" IN_LIST VARVE_BOARD_WITHOUT)
        varve_board_between(VARVE_CODEC_ROWS 1 64)
        set(multiple 1)
    else()
        varve_board_between(VARVE_CODEC_ROWS 8 64)
        set(multiple 8)
    endif()
    varve_board_between(VARVE_MAX_INSTANCES 1 254)
    varve_board_between(VARVE_DRAIN_BATCH 1 65536)
    varve_board_between(VARVE_CONF_ERRORS 1 1000)
    math(EXPR rest "${cap_VARVE_CODEC_ROWS} % ${multiple}")
    if(rest)
        varve_board_fault("VARVE_CODEC_ROWS=${cap_VARVE_CODEC_ROWS}: expected a multiple of 8")
    endif()
    varve_board_at_most(VARVE_MAX_BACKENDS VARVE_MAX_INSTANCES)
    varve_board_at_most(VARVE_CODEC_ROWS VARVE_COLUMN_MAX)
    varve_board_at_most(VARVE_UNIT_TEXT VARVE_SERIES_TEXT)
    # A chunk of a column that does not compress must fit into a block, or its rows are lost.
    math(EXPR chunk "${cap_VARVE_COLUMN_MAX} * 20 + 128")
    if(chunk GREATER cap_VARVE_BLOCK_MAX)
        varve_board_fault("VARVE_BLOCK_MAX=${cap_VARVE_BLOCK_MAX}: expected at least ${chunk}, for VARVE_COLUMN_MAX=${cap_VARVE_COLUMN_MAX} rows")
    endif()
    math(EXPR blocks "2 * ${cap_VARVE_BLOCK_MAX}")
    if(NOT blocks LESS cap_VARVE_MEMORY_BYTES)
        varve_board_fault("VARVE_MEMORY_BYTES=${cap_VARVE_MEMORY_BYTES}: expected more than two blocks of VARVE_BLOCK_MAX, ${blocks}")
    endif()
endfunction()

# What memory.ld gives against what the board wants of it.
function(varve_board_check_firmware)
    foreach(name IN LISTS firmware_caps)
        if(NOT VARVE_${name} IN_LIST given)
            varve_board_fault("VARVE_${name} is missing in VARVE_BOARD_CAPS")
        endif()
    endforeach()
    foreach(name IN LISTS firmware_settings)
        if(NOT VARVE_BOARD_${name})
            varve_board_fault("VARVE_BOARD_${name} is missing")
        endif()
    endforeach()
    file(READ "${VARVE_BOARD_DIR}/memory.ld" script)
    if(NOT script MATCHES "RAM[^\n]*LENGTH = ([0-9]+)K")
        message(FATAL_ERROR "${VARVE_BOARD_DIR}/memory.ld: expected RAM with LENGTH = <number>K")
    endif()
    math(EXPR ram "${CMAKE_MATCH_1} * 1024")
    math(EXPR wanted "${cap_VARVE_MEMORY_BYTES} + ${VARVE_BOARD_STACK_BYTES}")
    if(wanted GREATER ram)
        varve_board_fault("VARVE_MEMORY_BYTES=${cap_VARVE_MEMORY_BYTES} and VARVE_BOARD_STACK_BYTES=${VARVE_BOARD_STACK_BYTES} are more than the ${ram} bytes of RAM in memory.ld")
    endif()
endfunction()

set(VARVE_BOARD_CAPS "")
set(VARVE_BOARD_PLUGINS "all")
set(VARVE_BOARD_PORT "posix")
set(VARVE_BOARD_SIM OFF)
set(VARVE_BOARD_NOR "")
set(VARVE_BOARD_WITHOUT "")
foreach(name IN LISTS firmware_settings)
    set(VARVE_BOARD_${name} "")
endforeach()
if(NOT CMAKE_SCRIPT_MODE_FILE)
    set(VARVE_BOARD_DIR "${PROJECT_SOURCE_DIR}/boards/${VARVE_BOARD}")
endif()
if(NOT EXISTS "${VARVE_BOARD_DIR}/board.cmake")
    message(FATAL_ERROR "VARVE_BOARD=${VARVE_BOARD}: there is no ${VARVE_BOARD_DIR}/board.cmake")
endif()
include("${VARVE_BOARD_DIR}/board.cmake")
# Without inih no text is parsed, and the pool for it would only take room in the compiled table.
if(VARVE_FIRMWARE AND NOT VARVE_INIH_SOURCE)
    list(TRANSFORM VARVE_BOARD_CAPS REPLACE "^VARVE_CONF_BYTES=.*" "VARVE_CONF_BYTES=8u")
endif()
set(known "")
set(given "")
varve_board_read_caps()
varve_board_check()
if(EXISTS "${VARVE_BOARD_DIR}/memory.ld")
    varve_board_check_firmware()
endif()
