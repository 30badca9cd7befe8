# SPDX-License-Identifier: Apache-2.0
# Registration of tests with ctest. Labels: unit, integration, budget; and threads, for what the
# thread sanitizer has something to say about.

# varve_unit_test(<module> [NO_CORE | NO_PORT] [THREADS] [LIBS <target>...] [SOURCES <file>...])
# builds tests/unit/test_<module>.c with cmocka into build/tests/test_<module>. It is linked with
# the core and the port; with NO_PORT only with the core, because the test brings a port of its
# own; with NO_CORE with nothing but SOURCES (relative to the top), because it fakes the host. THREADS: it starts some.
# A test whose plugin is switched off is left out.
function(varve_unit_test module)
    cmake_parse_arguments(arg "NO_CORE;NO_PORT;THREADS" "" "LIBS;SOURCES" ${ARGN})
    foreach(lib IN LISTS arg_LIBS)
        if(lib MATCHES "^varve_" AND NOT TARGET ${lib})
            message(STATUS "test_${module} left out: ${lib} is not built")
            return()
        endif()
    endforeach()
    list(TRANSFORM arg_SOURCES PREPEND "${PROJECT_SOURCE_DIR}/")
    add_executable(test_${module} test_${module}.c ${arg_SOURCES})
    set(libs varve_base)
    if(arg_NO_CORE)
        set(libs "")
    elseif(arg_NO_PORT)
        set(libs varve_core)
    endif()
    target_link_libraries(test_${module} PRIVATE varve_compile ${arg_LIBS} ${libs}
        PkgConfig::cmocka m Threads::Threads)
    # Tests read files and start threads by themselves; assert() and the checks stay on.
    target_compile_definitions(test_${module} PRIVATE ${VARVE_POSIX_DEFINITIONS}
        VARVE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
        VARVE_EMULATED=$<BOOL:${CMAKE_CROSSCOMPILING_EMULATOR}>)
    target_compile_options(test_${module} PRIVATE -UNDEBUG)
    set_target_properties(test_${module} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
    add_test(NAME unit.${module} COMMAND test_${module})
    set(labels unit)
    if(arg_THREADS)
        list(APPEND labels threads)
    elseif(VARVE_SANITIZE STREQUAL "thread")
        set_target_properties(test_${module} PROPERTIES EXCLUDE_FROM_ALL TRUE)
    endif()
    set_tests_properties(unit.${module} PROPERTIES LABELS "${labels}" TIMEOUT 300)
endfunction()

# varve_script_test(<label> <script> [THREADS] [TIMEOUT <s>]) runs a shell script as a test, with the
# build directory as its only argument. Exit code 77 means that the machine lacks what the test needs.
function(varve_script_test label script)
    cmake_parse_arguments(arg "THREADS" "TIMEOUT" "" ${ARGN})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    get_filename_component(name "${script}" NAME_WE)
    string(REGEX REPLACE "^test_" "" name "${name}")
    add_test(NAME ${label}.${name} COMMAND bash "${script}" "${PROJECT_BINARY_DIR}")
    set(labels ${label})
    if(arg_THREADS)
        list(APPEND labels threads)
    endif()
    set_tests_properties(${label}.${name} PROPERTIES
        LABELS "${labels}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
        ENVIRONMENT "VARVE_SANITIZE=${VARVE_SANITIZE};VARVE_CC=${VARVE_TEST_CC};VARVE_TOOLCHAIN=${CMAKE_TOOLCHAIN_FILE}")
endfunction()
