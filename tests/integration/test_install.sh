#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs into a scratch prefix, moves the tree, and builds and runs a program that embeds
# libvarve, once by pkg-config and once by find_package.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

cmake --install "$build" --prefix "$work/first" >"$work/install.log" ||
    fail "install: $(cat "$work/install.log")"
mv "$work/first" "$work/prefix" # a package is built in one place and used in another
prefix=$work/prefix

for file in bin/varved bin/varve etc/varve/varve.ini lib/systemd/system/varved.service \
    include/varve/host.h; do
    [ -e "$prefix/$file" ] || fail "$file is not installed"
done
if [ -e "$build/varve.so" ]; then # where it is, it is installed, and shows one name
    extension=$(find "$prefix" -path '*/varve/varve.so')
    [ -n "$extension" ] || fail "varve.so is not installed"
    [ "$(nm -D --defined-only "$extension" | awk '{ print $3 }')" = sqlite3_varve_init ] ||
        fail "varve.so shows other names: $(nm -D --defined-only "$extension")"
fi
"$prefix/bin/varved" --check-config -c "$prefix/etc/varve/varve.ini" ||
    fail "the installed configuration is not accepted"

pc=$(find "$prefix" -name varve.pc -printf '%h')
[ -n "$pc" ] || fail "varve.pc is not installed"
export PKG_CONFIG_PATH=$pc
cc=${VARVE_CC:-cc}

mkdir "$work/pkgconfig"
# shellcheck disable=SC2046 # flags are words
"$cc" -std=c11 -Wall -Wextra -Werror -o "$work/pkgconfig/embed" "$here/embed/embed.c" \
    $(pkg-config --cflags --libs varve) || fail "does not build by pkg-config"
"$work/pkgconfig/embed" "$work/pkgconfig" || fail "the program built by pkg-config fails"

cmake -S "$here/embed" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_COMPILER="$cc" >"$work/cmake.log" 2>&1 || fail "find_package: $(cat "$work/cmake.log")"
cmake --build "$work/cmake" >"$work/cmake.log" 2>&1 || fail "build: $(cat "$work/cmake.log")"
"$work/cmake/embed" "$work/cmake" || fail "the program built by find_package fails"
