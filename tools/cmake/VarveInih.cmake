# SPDX-License-Identifier: Apache-2.0
# inih: the system's library. For firmware it is a folder with its two source files, if the
# configuration is to be text; without them it is compiled in, see VarveFirmware.cmake.
if(NOT VARVE_FIRMWARE)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(inih REQUIRED IMPORTED_TARGET inih)
    return()
endif()
set(VARVE_INIH_SOURCE "" CACHE PATH "Folder with inih's ini.c and ini.h; empty: no INI text")
if(NOT VARVE_INIH_SOURCE)
    target_compile_definitions(varve_api INTERFACE VARVE_WITHOUT_INIH)
    return()
endif()
if(NOT EXISTS "${VARVE_INIH_SOURCE}/ini.c" OR NOT EXISTS "${VARVE_INIH_SOURCE}/ini.h")
    message(FATAL_ERROR "VARVE_INIH_SOURCE=${VARVE_INIH_SOURCE}: there is no ini.c and ini.h")
endif()
add_library(varve_inih STATIC "${VARVE_INIH_SOURCE}/ini.c")
target_include_directories(varve_inih SYSTEM PUBLIC "${VARVE_INIH_SOURCE}")
# The line on the stack, no heap.
target_compile_definitions(varve_inih PUBLIC INI_USE_STACK=1 INI_MAX_LINE=200)
add_library(PkgConfig::inih ALIAS varve_inih)
