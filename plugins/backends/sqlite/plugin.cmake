# SPDX-License-Identifier: Apache-2.0
# What the sqlite backend links with, for this build, for CMake users and for pkg-config users.
set(cmake_packages SQLite3)
set(pkgconfig_modules sqlite3)
set(libs SQLite::SQLite3)
