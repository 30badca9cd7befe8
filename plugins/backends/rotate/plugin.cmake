# SPDX-License-Identifier: Apache-2.0
# zlib, where it is found, for `compress = gzip`.
find_package(ZLIB QUIET)
if(ZLIB_FOUND)
    set(cmake_packages ZLIB)
    set(pkgconfig_modules zlib)
    set(libs ZLIB::ZLIB)
    set_source_files_properties(${folder}/coder.c PROPERTIES COMPILE_DEFINITIONS VARVE_ROTATE_ZLIB)
endif()
