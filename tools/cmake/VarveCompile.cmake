# SPDX-License-Identifier: Apache-2.0
# How every file of varve is compiled: one interface target, `varve_compile`, for what stays inside
# this build, and one, `varve_api`, for what a program that embeds libvarve needs as well.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
# Programs for another CPU lie in build/target; where one would look for them is a script of the same
# name that starts the emulator, so that who tests them need not know.
if(CMAKE_CROSSCOMPILING_EMULATOR)
    set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/target")
endif()
function(varve_emulated target script)
    if(CMAKE_CROSSCOMPILING_EMULATOR)
        list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " emulator)
        file(GENERATE OUTPUT "${script}"
            CONTENT "#!/bin/sh\nexec ${emulator} '$<TARGET_FILE:${target}>' \"$@\"\n"
            FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
    endif()
endfunction()

# The caps change the size of public structs, so whoever includes the headers must see the same.
add_library(varve_api INTERFACE)
set_target_properties(varve_api PROPERTIES EXPORT_NAME api)
target_compile_definitions(varve_api INTERFACE ${VARVE_BOARD_CAPS})
foreach(part IN LISTS VARVE_BOARD_WITHOUT)
    string(TOUPPER VARVE_WITHOUT_${part} definition)
    target_compile_definitions(varve_api INTERFACE ${definition})
endforeach()
target_include_directories(varve_api INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

add_library(varve_compile INTERFACE)
target_link_libraries(varve_compile INTERFACE varve_api)
target_include_directories(varve_compile INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(varve_compile INTERFACE
    -Wall -Wextra -Wconversion -Wundef -Wvla -Wstrict-prototypes -Wmissing-prototypes
    $<$<BOOL:${VARVE_WERROR}>:-Werror>)
# There uint32_t is unsigned long, as wide as what %u takes; every other build checks the formats.
# tools/size_report reads who calls whom, and how much stack each takes.
if(VARVE_FIRMWARE)
    target_compile_options(varve_compile INTERFACE -Wno-format -fstack-usage)
endif()
# Objects hold both the program and what the linker makes one program of, which has line numbers for
# tools/size_report to tell where its parts come from. Frames count more than time.
if(VARVE_LTO)
    target_compile_options(varve_compile INTERFACE -g -flto -ffat-lto-objects -fconserve-stack)
    target_link_options(varve_compile INTERFACE -g -flto=auto -fconserve-stack -fstack-usage)
endif()

# Where size counts, programs leave out what nobody calls: each function is a piece of its own.
set(VARVE_PIECES OFF)
if(CMAKE_BUILD_TYPE STREQUAL "MinSizeRel" AND NOT VARVE_FIRMWARE)
    set(VARVE_PIECES ON)
    target_compile_options(varve_compile INTERFACE -ffunction-sections -fdata-sections)
endif()

# For ports and programs that talk to a POSIX system: Linux where POSIX has no word for it, and 64
# bits for times and sizes on 32-bit boards, too.
set(VARVE_POSIX_DEFINITIONS _GNU_SOURCE _FILE_OFFSET_BITS=64 _TIME_BITS=64)

# Sanitizers apply to everything that is linked together, hence not through the interface target.
if(VARVE_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
elseif(VARVE_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
    add_link_options(-fsanitize=thread)
elseif(VARVE_SANITIZE)
    message(FATAL_ERROR "VARVE_SANITIZE=${VARVE_SANITIZE}: expected address or thread")
endif()

# Fuzzers: everything is instrumented, only tests/fuzz links the fuzzer's main().
if(VARVE_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang" OR VARVE_SANITIZE)
        message(FATAL_ERROR "VARVE_FUZZ needs clang and no VARVE_SANITIZE")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
        -fno-omit-frame-pointer -g)
    add_link_options(-fsanitize=address,undefined)
endif()
