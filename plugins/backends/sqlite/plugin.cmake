# SPDX-License-Identifier: Apache-2.0
find_package(SQLite3 REQUIRED)
list(APPEND libs SQLite::SQLite3)
