# SPDX-License-Identifier: Apache-2.0
# zlib and libzstd, where they are found, for `compress = gzip` and `compress = zstd`.
find_package(ZLIB QUIET)
if(ZLIB_FOUND)
    list(APPEND cmake_packages ZLIB)
    list(APPEND pkgconfig_modules zlib)
    list(APPEND libs ZLIB::ZLIB)
    set_source_files_properties(${folder}/coder_gzip.c PROPERTIES
        COMPILE_DEFINITIONS VARVE_ROTATE_ZLIB)
endif()
find_package(zstd QUIET)
if(TARGET zstd::libzstd_shared)
    list(APPEND cmake_packages zstd)
    list(APPEND pkgconfig_modules libzstd)
    list(APPEND libs zstd::libzstd_shared)
    set_source_files_properties(${folder}/coder_zstd.c PROPERTIES
        COMPILE_DEFINITIONS VARVE_ROTATE_ZSTD)
endif()
